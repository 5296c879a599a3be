"""Where each business term of EN 16931 stands in UBL and in CII: the bindings of its part 3.

XPaths with the prefixes of ``NAMESPACES``, from ``bindings.toml``. A term of a line, of a share of
VAT or of the totals starts from its group (BG-25, BG-23, BG-22), that of an allowance, a charge or
a property from its own (BG-20, BG-21, BG-27, BG-28, BG-32), every other from the root.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.billing.toml import own_table


@dataclass(frozen=True, slots=True)
class Place:
    """Where a term stands, by syntax."""

    ubl: str
    cii: str


def _places() -> Mapping[str, Place]:
    table = own_table(__package__, "bindings.toml")
    return {
        term: Place(**{syntax: path.format_map(table["paths"]) for syntax, path in paths.items()})
        for term, paths in table["terms"].items()
    }


PLACES = _places()
