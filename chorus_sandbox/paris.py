"""Instants and days, as the portal writes them: Paris time, three shapes (§2, general rules)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")


def day_of(instant: datetime) -> date:
    """The day in Paris at this instant: the day a deposit counts for."""
    return instant.astimezone(PARIS).date()


def to_milliseconds(instant: datetime) -> str:
    """``2026-09-14T17:09:27.123+02:00``: reports and current states."""
    return instant.astimezone(PARIS).isoformat(timespec="milliseconds")


def to_minutes(instant: datetime) -> str:
    """``2018-04-19 11:09``: histories."""
    return instant.astimezone(PARIS).strftime("%Y-%m-%d %H:%M")


def midnight(day: date) -> datetime:
    """The instant a day starts in Paris."""
    return datetime.combine(day, time(), PARIS)


def read_instant(text: str, *, end_of_day: bool = False) -> datetime:
    """The UTC instant of an ISO date or date-time; Paris time when no offset is given.

    Args:
        text: a date, or a date and time.
        end_of_day: a bare date means its last instant instead of its first.

    Raises:
        ValueError: when the text is neither.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        instant = datetime.fromisoformat(text)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=PARIS)
        return aware.astimezone(UTC)
    if not end_of_day:
        return midnight(day).astimezone(UTC)
    return midnight(day + timedelta(days=1)).astimezone(UTC) - timedelta(milliseconds=1)
