"""Euros as whole cents, and the only places where an amount is rounded.

Rule of the house: exact integers everywhere; one division, rounded half up (never half even),
here. Source of the split of a TTC total: docs/documents.md, section "TTC, HT, TVA".
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
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
        amount = cls(int(euros * CENTS_PER_EURO))
        if amount.euros != euros:  # the product is rounded past 28 digits, a comparison is not
            raise ValueError(f"{euros} has a fraction of a cent")
        return amount

    @classmethod
    def near(cls, euros: Decimal, within: Decimal) -> Self:
        """Conversion of what is less than ``within`` from whole cents; else raises ValueError."""
        amount = cls(int((euros * CENTS_PER_EURO).to_integral_value(ROUND_HALF_UP)))
        if abs(amount.euros - euros) >= within:
            raise ValueError(f"{euros} has a fraction of a cent")
        return amount

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


def signed(amount: Money) -> str:
    """A difference as people read it: ``+12,50 €``."""
    return f"{'+' if amount.cents > 0 else ''}{french(amount)}"


def french_integer(number: int) -> str:
    """A whole number with French thousands separators."""
    return f"{number:,}".replace(",", NARROW_NO_BREAK)


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 ligne lue``, ``12 lignes lues``: every word of ``noun`` takes an s, unless given."""
    many = plural or " ".join(f"{word}s" for word in noun.split())
    return f"{french_integer(number)} {many if abs(number) > 1 else noun}"


def round_half_up(numerator: int, denominator: int) -> int:
    """The integer nearest to a fraction; a half goes away from zero. Denominator positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def cost(price: Money, quantity: int | Decimal, units: int = 1) -> Money:
    """What a quantity costs at a price of so many ``units``, rounded half up, once."""
    exact = Fraction(price.cents) * Fraction(quantity) / units
    return Money(round_half_up(exact.numerator, exact.denominator))


def share(amount: Money, part: int | Decimal, whole: int | Decimal) -> Money:
    """The part of an amount, rounded half up."""
    exact = Fraction(amount.cents) * Fraction(part) / Fraction(whole)
    return Money(round_half_up(exact.numerator, exact.denominator))


def revised(price: Money, coefficient: Decimal, step: int) -> Money:
    """A price times a coefficient, rounded half up to a whole number of ``step`` cents."""
    exact = Fraction(price.cents) * Fraction(coefficient) / step
    return Money(round_half_up(exact.numerator, exact.denominator) * step)


def tax_on(net: Money, rate: Decimal) -> Money:
    """VAT of a base at ``rate`` percent, rounded half up (BR-CO-17)."""
    numerator, denominator = rate.as_integer_ratio()
    return Money(round_half_up(net.cents * numerator, 100 * denominator))


def nets_of_tax(grosses: Sequence[Money], rate: Decimal) -> tuple[Money, ...]:
    """HT of each TTC amount, so that together they make the HT of their total.

    Each is rounded down; the cents left go one by one to those that lost most, the earlier one
    when equal. So each is less than a cent from its exact HT, and a whole number of cents stays.
    """
    exact = [Fraction(gross.cents * 100) / (100 + Fraction(rate)) for gross in grosses]
    total = sum(exact, Fraction())
    cents = [math.floor(net) for net in exact]
    left = round_half_up(total.numerator, total.denominator) - sum(cents)
    lost = [net - floor for net, floor in zip(exact, cents, strict=True)]
    for index in sorted(range(len(cents)), key=lambda i: (-lost[i], i))[:left]:
        cents[index] += 1
    return tuple(map(Money, cents))


def unit_price_net(gross: Money, rate: Decimal, units: int) -> Decimal:
    """Net price of ``units`` units (BT-146), six decimals at most as Chorus Pro allows."""
    exact = Decimal(gross.cents * units) / (Decimal(100) + rate)
    return exact.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP).normalize()
