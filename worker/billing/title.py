"""The title that the finance software made of an invoice: what it numbered, and when."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Edition(StrEnum):
    """What the DGFiP does with a title. The value is that of the PES."""

    TO_CHORUS = "02"
    """The invoice that goes with it is sent to Chorus Pro (ASAP)."""
    NOTHING = "04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A title of revenue, by which the treasury collects an invoice.

    Attributes:
        invoice: the number of the invoice, or of the credit note.
        budget_year: *exercice*.
        slip: *bordereau*.
        number: unique in its budget year.
        issued_on: None when the finance software did not say.
    """

    invoice: str
    budget_year: int
    slip: str
    number: str
    issued_on: date | None = None
