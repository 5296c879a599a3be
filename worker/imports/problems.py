"""Where a row stands in a file of several sheets, and what is wrong with it beside the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """A row of a file: the rank of its sheet among those that are read, 0 first, and its number."""

    sheet: int
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What the books or the other rows refuse in a row, or leave out of it.

    Attributes:
        words: the name of its sentence in findings.toml, which ``CODES`` has.
        detail: what fills the braces of the sentence.
        column: that it is found by; empty for the usual one.
        siret: that the remedy names.
        before: the row that this one repeats, which then fills the braces.
    """

    place: Place
    words: str
    detail: str = ""
    column: str = ""
    siret: str = ""
    before: Place | None = None


CODES: Mapping[str, tuple[str, str]] = {
    "unknown-member": ("IMPORT-UNKNOWN-MEMBER", "siret"),
    "duplicate": ("IMPORT-DUPLICATE", "mois"),
    "other-year": ("IMPORT-OTHER-YEAR", "mois"),
    "billed": ("IMPORT-BILLED", "utilisateurs"),
    "future": ("IMPORT-FUTURE", "mois"),
    "erased-contact": ("IMPORT-CONTACT-ERASED", "contact_email"),
    "repeated": ("IMPORT-DUPLICATE", ""),
}
"""The code of each sentence, and the column that is usually at fault."""
