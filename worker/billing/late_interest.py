"""Interest on late payment (convention C8), exact to the day; it is shown, never invoiced.

Two rules, one of them a setting:

- ``legal``: the legal rate, which an order sets for each half-year (code monétaire et financier,
  L. 313-2): each day bears the rate of its own half-year;
- ``public_contract``: the ECB's main refinancing rate on the first day of the half-year in which
  interest begins to run, plus eight points, for the whole delay (code de la commande publique,
  R. 2192-31), and a lump sum of 40 euros for each late invoice (D. 2192-35).

Days run from the day after the due date to the day of payment included (R. 2192-32). A day of a
year bears one 365th of the yearly rate, one 366th in a leap year. Nothing is rounded before the
total of an invoice.
"""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from worker.billing.money import ZERO, Money, round_half_up
from worker.billing.settlement import Standing
from worker.errors import ConfigurationError

DAY = timedelta(days=1)
POINTS = Decimal(8)
"""Above the ECB's rate (R. 2192-31)."""
LUMP_SUM = Money(40_00)
"""For the costs of recovery, once for each late invoice (D. 2192-35)."""


class InterestRule(StrEnum):
    """Which text gives the rate. The value is what the configuration holds."""

    LEGAL = "legal"
    PUBLIC_CONTRACT = "public_contract"

    @property
    def french(self) -> str:
        """What the rate is called."""
        match self:
            case InterestRule.LEGAL:
                return "taux de l'intérêt légal"
            case InterestRule.PUBLIC_CONTRACT:
                return "taux de refinancement de la BCE"


@dataclass(frozen=True, slots=True, order=True)
class HalfYear:
    """Six months: the first half of a year, or the second."""

    year: int
    half: int

    def __post_init__(self) -> None:
        if self.half not in {1, 2}:
            raise ValueError(f"a year has no half {self.half}")

    @classmethod
    def of(cls, day: date) -> "HalfYear":
        """That of a day."""
        return cls(day.year, 1 if day.month <= 6 else 2)

    @property
    def last_day(self) -> date:
        """30 June, or 31 December."""
        return date(self.year, 6, 30) if self.half == 1 else date(self.year, 12, 31)

    @property
    def french(self) -> str:
        """As people write it: ``1er semestre 2026``."""
        return f"{'1er' if self.half == 1 else '2d'} semestre {self.year}"

    def __str__(self) -> str:
        """``2026-1``, as the table of rates names it."""
        return f"{self.year}-{self.half}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A yearly rate, in per cent, and the text that publishes it."""

    percent: Decimal
    source: str


Rates = Mapping[HalfYear, Rate]
"""By half-year: the legal rate, or the ECB's on its first day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Days, both included, on which one sum bears one rate in one year.

    Attributes:
        percent: a year.
        source: of the rate.
    """

    first: date
    last: date
    principal: Money
    percent: Decimal
    source: str

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def year_days(self) -> int:
        """How many its year has."""
        return 366 if calendar.isleap(self.first.year) else 365

    @property
    def exact(self) -> Fraction:
        """The interest, in cents, not rounded."""
        yearly = Fraction(self.principal.cents) * Fraction(self.percent) / 100
        return yearly * self.days / self.year_days


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What the delay of one invoice comes to.

    Attributes:
        stretches: how it is computed, by day.
        lump_sum: for the costs of recovery.
    """

    stretches: tuple[Stretch, ...]
    lump_sum: Money = ZERO

    @property
    def exact(self) -> Fraction:
        """The interest, in cents, not rounded."""
        return sum((one.exact for one in self.stretches), Fraction())

    @property
    def amount(self) -> Money:
        """The interest, rounded once, a half away from zero."""
        return Money(round_half_up(self.exact.numerator, self.exact.denominator))

    @property
    def total(self) -> Money:
        """Interest and lump sum."""
        return self.amount + self.lump_sum

    @property
    def days(self) -> int:
        """On how many days something was owed late."""
        return sum(one.days for one in self.stretches)


def interest(
    standing: Standing, *, until: date, rule: InterestRule, rates: Rates, since: date | None = None
) -> Interest:
    """Interest of an invoice up to a day included, counted from its due date.

    ``since``: the first day that is counted, when it is later; what runs before is left out.

    Raises ConfigurationError: the table has no rate for a half-year that is needed.
    """
    if standing.due_date is None:
        return Interest(stretches=())
    begins = standing.due_date + DAY
    first = begins if since is None else max(begins, since)
    stretches = tuple(_stretches(standing, first, until, begins, rule, rates))
    late = bool(stretches) and rule is InterestRule.PUBLIC_CONTRACT and first == begins
    return Interest(stretches=stretches, lump_sum=LUMP_SUM if late else ZERO)


def _stretches(
    standing: Standing, first: date, until: date, begins: date, rule: InterestRule, rates: Rates
) -> Iterator[Stretch]:
    day = first
    while day <= until:
        principal = standing.left_during(day)
        last = min(until, HalfYear.of(day).last_day, *_payment_days(standing, day))
        if principal > ZERO:
            rate = _rate_on(day, begins, rule, rates)
            yield Stretch(
                first=day, last=last, principal=principal, percent=rate.percent, source=rate.source
            )
        day = last + DAY


def _payment_days(standing: Standing, day: date) -> Iterator[date]:
    """The days from this one on at the end of which less is owed."""
    return (one.on for one in standing.payments if one.on >= day)


def _rate_on(day: date, begins: date, rule: InterestRule, rates: Rates) -> Rate:
    half_year = HalfYear.of(day if rule is InterestRule.LEGAL else begins)
    rate = rates.get(half_year)
    if rate is None:
        raise ConfigurationError(
            f"Le taux du {half_year.french} manque ({rule.french}) : rien n'est calculé.",
            f'Ajoutez [{rule.value}."{half_year}"] à late_interest.toml, avec sa source.',
        )
    match rule:
        case InterestRule.LEGAL:
            return rate
        case InterestRule.PUBLIC_CONTRACT:
            return Rate(percent=rate.percent + POINTS, source=rate.source)
