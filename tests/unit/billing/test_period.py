"""Months and days: the calendar's edges, leap years, and the legal day in France."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.period import MONTH_NAMES, Month, Period, french_date, months_of, paris_day


@pytest.mark.parametrize("text", ["2025-03", "2025-3", "03/2025", "3/2025"])
def test_a_month_is_read_both_ways(text: str) -> None:
    """ISO and French orders give the same month."""
    assert Month.parse(text) == Month(2025, 3)


@pytest.mark.parametrize(
    "text",
    ["", "2025", "2025-13", "2025-00", "00/2025", "25-03", "2025-03-01", "٢٠٢٥-03", "-2025-1"],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    """Anything else, foreign digits included, raises ValueError."""
    with pytest.raises(ValueError, match="not a month"):
        Month.parse(text)


@pytest.mark.parametrize("year,number", [(2025, 0), (2025, 13), (0, 1), (10000, 1)])
def test_a_month_exists_in_the_calendar(year: int, number: int) -> None:
    """A month that no date belongs to cannot be made."""
    with pytest.raises(ValueError, match="not a month"):
        Month(year, number)


@pytest.mark.parametrize(
    "month,last",
    [
        (Month(2023, 2), 28),
        (Month(2024, 2), 29),
        (Month(1900, 2), 28),
        (Month(2000, 2), 29),
        (Month(2025, 4), 30),
        (Month(2025, 12), 31),
    ],
)
def test_the_last_day_follows_leap_years(month: Month, last: int) -> None:
    """February has 29 days in leap years only, centuries included."""
    assert month.last_day == date(month.year, month.number, last)
    assert month.first_day.day == 1


@given(st.dates(min_value=date(1000, 1, 1), max_value=date(9999, 12, 30)))
def test_a_day_lies_in_its_month_alone(day: date) -> None:
    """A day is between the first and last of its month, which reads back from its text."""
    month = Month.of(day)

    assert month.first_day <= day <= month.last_day
    assert Month.of(month.last_day + timedelta(days=1)) > month
    assert Month.parse(str(month)) == month


def test_a_year_is_twelve_months_end_to_end() -> None:
    """January to December, each beginning the day after the one before."""
    months = list(months_of(2024))
    assert (str(months[0]), str(months[-1]), len(months)) == ("2024-01", "2024-12", 12)
    for one, after in itertools.pairwise(months):
        assert after.first_day - one.last_day == timedelta(days=1)


def test_people_read_french_months_and_dates() -> None:
    """Months are written in full, in lower case; dates with the day first."""
    assert [Month(2025, n).french for n in (2, 8)] == ["février 2025", "août 2025"]
    assert len(set(MONTH_NAMES)) == 12
    assert french_date(date(2025, 2, 1)) == "01/02/2025"


def test_a_period_may_last_a_day_but_not_less() -> None:
    """Both ends are included, so they may be equal and never inverted."""
    day = date(2025, 1, 1)
    assert Period(day, day).end == day
    with pytest.raises(ValueError, match="cannot end"):
        Period(day, day - timedelta(days=1))


@pytest.mark.parametrize(
    "instant,day",
    [
        (datetime(2025, 12, 31, 22, 59, tzinfo=UTC), date(2025, 12, 31)),
        (datetime(2025, 12, 31, 23, 0, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2025, 6, 30, 21, 59, tzinfo=UTC), date(2025, 6, 30)),
        (datetime(2025, 6, 30, 22, 0, tzinfo=UTC), date(2025, 7, 1)),
    ],
)
def test_the_legal_day_is_that_of_paris(instant: datetime, day: date) -> None:
    """Midnight falls at 23 h UTC in winter and 22 h in summer."""
    assert paris_day(instant) == day


def test_an_instant_without_zone_is_refused() -> None:
    """The zone of the machine never decides the date of an invoice."""
    with pytest.raises(ValueError, match="time zone"):
        paris_day(datetime(2025, 1, 1))  # noqa: DTZ001 - what the test is about
