"""Euros as whole cents, and the only places where an amount is rounded.

Rule of the house: exact integers everywhere; one division, rounded half up (never half even),
here. Source of the split of a TTC total: docs/documents.md, section "TTC, HT, TVA".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

CENTS_PER_EURO = 100
NO_BREAK = "\u00a0"
NARROW_NO_BREAK = "\u202f"


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of euros, in cents. The only currency of Chorus Pro deposits here is EUR."""

    cents: int

    def __post_init__(self) -> None:
        if type(self.cents) is not int:
            raise TypeError(f"cents must be an int, not {type(self.cents).__name__}")

    @classmethod
    def of(cls, euros: Decimal) -> Self:
        """Exact conversion; raises ValueError when there is a fraction of a cent."""
        cents = euros * CENTS_PER_EURO
        if cents != cents.to_integral_value():
            raise ValueError(f"{euros} has a fraction of a cent")
        return cls(int(cents))

    @classmethod
    def sum(cls, amounts: Iterable[Self]) -> Self:
        """Total of any number of amounts, zero included."""
        return cls(sum(amount.cents for amount in amounts))

    @property
    def euros(self) -> Decimal:
        """The amount as a Decimal with exactly two digits after the point."""
        return Decimal(self.cents).scaleb(-2)

    def __str__(self) -> str:
        """Plain form for machines, such as ``3196.80``."""
        return f"{self.euros:f}"

    def __add__(self, other: Self) -> Self:
        return type(self)(self.cents + other.cents)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.cents - other.cents)

    def __mul__(self, quantity: int) -> Self:
        if type(quantity) is not int:
            raise TypeError("money is multiplied by whole quantities only")
        return type(self)(self.cents * quantity)

    def __neg__(self) -> Self:
        return type(self)(-self.cents)

    def __bool__(self) -> bool:
        return self.cents != 0


ZERO = Money(0)


def french(amount: Money) -> str:
    """The amount as people read it: ``3 196,80 €``, with no-break spaces."""
    sign = "-" if amount.cents < 0 else ""
    whole, cents = divmod(abs(amount.cents), CENTS_PER_EURO)
    return f"{sign}{french_integer(whole)},{cents:02d}{NO_BREAK}€"


def french_integer(number: int) -> str:
    """A whole number with French thousands separators."""
    return f"{number:,}".replace(",", NARROW_NO_BREAK)


def round_half_up(numerator: int, denominator: int) -> int:
    """The integer nearest to a fraction; a half goes away from zero. Denominator positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def net_of_tax(gross: Money, rate: Decimal) -> Money:
    """HT of an agreed TTC amount at ``rate`` percent: round half up of T × 100 / (100 + r)."""
    hundred_plus_rate = Decimal(100) + rate
    numerator, denominator = hundred_plus_rate.as_integer_ratio()
    return Money(round_half_up(gross.cents * 100 * denominator, numerator))


def unit_price_net(gross: Money, rate: Decimal, units: int) -> Decimal:
    """Net price of ``units`` units (BT-146), six decimals at most as Chorus Pro allows."""
    exact = Decimal(gross.cents * units) / (Decimal(100) + rate)
    return exact.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP).normalize()


def spread(total: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Share ``total`` in proportion to non-negative weights, to the cent, largest remainder first.

    The shares always add up to ``total``; equal remainders go to the earlier share.
    Raises ValueError when the weights are empty, negative, or all zero for a non-zero total.
    """
    whole = sum(weights)
    if not weights or min(weights) < 0 or (whole == 0 and total):
        raise ValueError("cannot spread an amount over these weights")
    if whole == 0:
        return tuple(ZERO for _ in weights)
    floors = [total.cents * weight // whole for weight in weights]
    remainders = [total.cents * weight % whole for weight in weights]
    missing = total.cents - sum(floors)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:missing]:
        floors[index] += 1
    return tuple(Money(cents) for cents in floors)
