"""Quantities of a line: whole numbers, or halves and less of a unit, exact, and their words.

A whole quantity is always an ``int``, any other a ``Decimal`` of four decimals at most: equal
quantities are written alike in what is frozen. Nothing here is a float.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from worker.billing.money import count, french_integer

Quantity = int | Decimal
MOST_DECIMALS = 4
"""Of BT-129."""
PARTS = 10**MOST_DECIMALS
"""Parts of a unit: any quantity is a whole number of them."""
_WRITTEN = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,4})?", re.ASCII)


def quantity_of(value: Quantity) -> Quantity:
    """The same, as an ``int`` when it is whole. Raises ValueError beyond four decimals."""
    parts = value * PARTS
    if parts != int(parts):
        raise ValueError(f"{value} has more than {MOST_DECIMALS} decimals")
    return in_parts(int(parts))


def in_parts(parts: int) -> Quantity:
    """A quantity from a whole number of ``PARTS``."""
    whole, rest = divmod(parts, PARTS)
    return Decimal(parts).scaleb(-MOST_DECIMALS).normalize() if rest else whole


def parts_of(quantity: Quantity) -> int:
    """A quantity as a whole number of ``PARTS``."""
    return int(quantity * PARTS)


def read_quantity(text: str) -> Quantity | None:
    """``10``, ``2,5`` or ``2.5``; None for anything else."""
    if not _WRITTEN.fullmatch(text):
        return None
    return quantity_of(Decimal(text.replace(",", ".")))


def french_quantity(quantity: Quantity) -> str:
    """As people write it: ``1 250``, ``2,5``."""
    if isinstance(quantity, int):
        return french_integer(quantity)
    whole, _, decimals = f"{quantity:f}".partition(".")
    return f"{french_integer(int(whole))},{decimals}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a quantity is of, such as a day.

    Attributes:
        code: BT-130, UN/ECE Rec 20.
        one, many: the noun, singular and plural.
    """

    code: str
    one: str
    many: str

    def counted(self, quantity: Quantity) -> str:
        """``1,5 jour``, ``2 jours``: a French plural begins at two."""
        return f"{french_quantity(quantity)} {self.many if quantity >= 2 else self.one}"

    def priced(self, units: int) -> str:
        """After a price of so many units: ``par jour``, ``pour 12 mois``."""
        return f"par {self.one}" if units == 1 else f"pour {self.counted(units)}"


MONTHS = Measure(code="MON", one="mois", many="mois")
YEARS = Measure(code="ANN", one="an", many="ans")
OF_TIME = (MONTHS, YEARS)
"""Measures of what the subscription alone gives."""
CODES = {"heure": "HUR", "jour": "DAY", "mois": "MON", "an": "ANN"}
"""BT-130 of the nouns that have a code; any other is counted in ``PIECES``."""
PIECES = "C62"


def counted(quantity: Quantity, measure: Measure | None) -> str:
    """A quantity in words; without measure, users × months (convention, volet 1)."""
    if measure is not None:
        return measure.counted(quantity)
    return f"{count(int(quantity), 'utilisateur')} × mois"


def priced(measure: Measure | None, units: int = 1) -> str:
    """What a price is for, in words; without measure, a user and month."""
    return "par utilisateur et par mois" if measure is None else measure.priced(units)
