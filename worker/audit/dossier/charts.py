"""The figures of the overview as shapes: where each bar and square stands. Pure.

Templates draw them as SVG beside the table of the same figures; nothing is told by colour alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from worker.billing.money import Money
from worker.billing.period import Month

FULL = 100
"""Width of the longest bar: a percentage."""
LEVELS = 4
"""Shades of the calendar."""
HEIGHT = 60
"""Of the highest column."""
_STEP = 30
"""Between the squares of a calendar, and between the columns of a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A day of a calendar, at its place; ``level`` is 0 without any deposit."""

    day: date
    x: int
    y: int
    count: int
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarMonth:
    """A month of a calendar, from Monday to Sunday."""

    month: Month
    squares: tuple[Square, ...]
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A month of a series: its figure, and the column that shows it."""

    number: int
    value: int
    x: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A year of a service and tier (0 for none)."""

    service: str
    tier: int
    bars: tuple[Bar, ...]

    @property
    def highest(self) -> int:
        """The largest figure of its year."""
        return max(bar.value for bar in self.bars)


def shares(amounts: Sequence[Money]) -> tuple[int, ...]:
    """Of each amount, the length of its bar; one that is not zero has one."""
    return lengths([abs(amount.cents) for amount in amounts], FULL)


def lengths(values: Sequence[int], longest: int) -> tuple[int, ...]:
    """Whole lengths in proportion to the largest value; one that is not zero has one."""
    most = max(values, default=0)
    return tuple(value and max(1, value * longest // most) for value in values)


def calendar(counts: Mapping[date, int]) -> tuple[CalendarMonth, ...]:
    """The months that have deposits, each day of them with its count."""
    most = max(counts.values(), default=0)
    months = sorted({Month.of(day) for day in counts})
    return tuple(_month(month, counts, most) for month in months)


def _month(month: Month, counts: Mapping[date, int], most: int) -> CalendarMonth:
    before = month.first_day.weekday()
    days = [
        month.first_day + timedelta(days=one)
        for one in range((month.last_day - month.first_day).days + 1)
    ]
    squares = tuple(
        Square(
            day=day,
            x=_STEP * day.weekday(),
            y=_STEP * ((before + rank) // 7),
            count=counts.get(day, 0),
            level=_level(counts.get(day, 0), most),
        )
        for rank, day in enumerate(days)
    )
    return CalendarMonth(month=month, squares=squares, height=squares[-1].y + _STEP)


def _level(count: int, most: int) -> int:
    return count and -(-count * LEVELS // most)


def yearly_series(use: Iterable[tuple[int, str, int, int, int]]) -> tuple[Series, ...]:
    """Users by month of each service and tier.

    ``use``: month from 1 to 12, service, tier, members, users.
    """
    users: dict[tuple[str, int], dict[int, int]] = {}
    for month, service, tier, _, number in use:
        users.setdefault((service, tier), {})[month] = number
    return tuple(
        Series(service=service, tier=tier, bars=_bars([of.get(n, 0) for n in range(1, 13)]))
        for (service, tier), of in sorted(users.items())
    )


def _bars(values: Sequence[int]) -> tuple[Bar, ...]:
    heights = lengths(values, HEIGHT)
    return tuple(
        Bar(number=rank + 1, value=value, x=_STEP * rank, height=height)
        for rank, (value, height) in enumerate(zip(values, heights, strict=True))
    )
