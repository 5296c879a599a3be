"""Months, years and days of service. No clock here: the day of an instant is asked for it."""

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
_ISO = re.compile(r"(\d{4})-(\d{1,2})", re.ASCII)
_FRENCH = re.compile(r"(\d{1,2})/(\d{4})", re.ASCII)
MONTH_NAMES = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of a year, such as March 2025."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1 <= self.number <= 12 and date.min.year <= self.year <= date.max.year):
            raise ValueError(f"{self.year}-{self.number} is not a month")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2025-03`` or ``03/2025``; raises ValueError otherwise."""
        if match := _ISO.fullmatch(text):
            return cls(int(match[1]), int(match[2]))
        if match := _FRENCH.fullmatch(text):
            return cls(int(match[2]), int(match[1]))
        raise ValueError(f"{text!r} is not a month")

    @classmethod
    def of(cls, day: date) -> Self:
        """The month a day belongs to."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """Its last day."""
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    @property
    def before(self) -> Self:
        """The month before it."""
        return type(self).of(self.first_day - timedelta(days=1))

    @property
    def after(self) -> Self:
        """The month after it."""
        return type(self).of(self.last_day + timedelta(days=1))

    @property
    def french(self) -> str:
        """As people write it: ``mars 2025``."""
        return f"{MONTH_NAMES[self.number - 1]} {self.year}"

    def __str__(self) -> str:
        """ISO form, ``2025-03``."""
        return f"{self.year:04d}-{self.number:02d}"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from ``start`` to ``end``, both included (BG-14, BG-26)."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a period cannot end ({self.end}) before it starts ({self.start})")


def months_of(year: int) -> Iterator[Month]:
    """January to December."""
    return (Month(year, number) for number in range(1, 13))


def french_months(months: Sequence[Month]) -> str:
    """Months that follow each other: ``décembre 2026``, ``janvier 2026 à mars 2026``."""
    first, last = months[0].french, months[-1].french
    return first if first == last else f"{first} à {last}"


def french_date(day: date) -> str:
    """A date as French people write it: ``31/12/2025``."""
    return f"{day:%d/%m/%Y}"


def french_time(instant: datetime) -> str:
    """An instant as a clock in Paris showed it: ``31/12/2025 14:05:09``."""
    return f"{instant.astimezone(PARIS):%d/%m/%Y %H:%M:%S}"


def french_minute(instant: datetime) -> str:
    """The same to the minute, as tables have it: ``31/12/2025 14:05``."""
    return f"{instant.astimezone(PARIS):%d/%m/%Y %H:%M}"


def is_over(year: int, today: date) -> bool:
    """Whether a year of services is finished, and so may be billed (C1, C2)."""
    return year < today.year


def paris_day(instant: datetime) -> date:
    """The legal day of an instant: invoices are dated in metropolitan France.

    Raises ValueError for an instant without a zone: it would be read in that of the machine.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    return instant.astimezone(PARIS).date()


def french_span(start: date, end: date) -> str:
    """``du 01/01/2025 au 31/12/2025``; one single day is ``le 03/06/2025``."""
    if start == end:
        return f"le {french_date(start)}"
    return f"du {french_date(start)} au {french_date(end)}"
