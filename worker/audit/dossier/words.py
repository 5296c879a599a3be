"""How pages say things in French: days, instants, amounts, spaces of the typography, names."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from worker.billing.money import NARROW_NO_BREAK, NO_BREAK
from worker.billing.period import MONTH_NAMES, PARIS, Month
from worker.billing.text import harmless
from worker.billing.toml import own_table

_FRENCH = own_table(__package__, "site.toml")
EVENTS: Mapping[str, str] = _FRENCH["event"]
DOCUMENTS: Mapping[str, str] = _FRENCH["document"]
FILES: Mapping[str, str] = _FRENCH["file"]
SITUATIONS: Mapping[str, str] = _FRENCH["situation"]
_WIDE = re.compile(r"(?<=«) | (?=:(?:\s|<|$))| (?=[»%€](?:[\s<.,;:)]|$))")
_NARROW = re.compile(r" (?=[;!?](?:\s|<|$))")


def french_event(tag: str) -> str:
    """What an event of the journal is called; one that is unknown here, as it is."""
    return EVENTS.get(tag, tag)


def spaced(text: str) -> str:
    """A text of ours with the spaces that French puts before its signs, which break no line."""
    return _NARROW.sub(NARROW_NO_BREAK, _WIDE.sub(NO_BREAK, text))


def typographic(text: str) -> str:
    """The same, with the apostrophes of a printed page."""
    return spaced(text).replace("'", "’")


def legible(text: str) -> str:
    """A text of any origin: what hides, or turns a line round, is shown escaped; lines stay."""
    return "\n".join(map(harmless, text.replace("\r\n", "\n").split("\n")))


def long_day(day: date) -> str:
    """``5 janvier 2026``."""
    rank = "1er" if day.day == 1 else str(day.day)
    return NO_BREAK.join((rank, MONTH_NAMES[day.month - 1], str(day.year)))


def long_moment(instant: datetime) -> str:
    """``5 janvier 2026 à 14:05:09``, as a clock in Paris showed it."""
    local = instant.astimezone(PARIS)
    return f"{long_day(local.date())} à{NO_BREAK}{local:%H:%M:%S}"


def iso_moment(instant: datetime) -> str:
    """``2026-01-05T13:05:09Z``, for programs."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def kept_instant(text: str) -> datetime | None:
    """An instant of the journal; None when it was altered."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if instant.tzinfo is None else instant


def long_month(month: Month) -> str:
    """``janvier 2026``."""
    return f"{MONTH_NAMES[month.number - 1]} {month.year}"


def grouped_siret(siret: str) -> str:
    """``123 456 789 00012``, of what has fourteen digits."""
    if len(siret) != 14:
        return siret
    parts = (siret[:3], siret[3:6], siret[6:9], siret[9:])
    return NARROW_NO_BREAK.join(parts)


def french_size(octets: int) -> str:
    """``812 octets``, ``34 ko``, ``1,2 Mo``."""
    if octets < 1000:
        return f"{octets}{NO_BREAK}octets"
    if octets < 1_000_000:
        return f"{octets // 1000}{NO_BREAK}ko"
    return f"{octets // 1_000_000},{octets % 1_000_000 // 100_000}{NO_BREAK}Mo"
