"""The cache of the portal's directory."""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime

import sqlalchemy
from sqlmodel import Session

from worker.errors import UnreadableRecord
from worker.storage.tables import DirectoryEntryRow, replace_row, utc_text

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an entry of the directory was read, once it is no longer believed."""
_EXPIRE = sqlalchemy.text("UPDATE directory_entry SET fetched_at = :at WHERE siret = :siret")


def cached_entry(session: Session, siret: str) -> tuple[datetime, str] | None:
    """When a structure was read in the portal's directory, and what it said.

    What cannot be read counts as never read: the directory is asked again.
    """
    try:
        row = session.get(DirectoryEntryRow, siret)
    except UnreadableRecord:
        return None
    return None if row is None else (row.fetched_at, row.payload)


def reads(session: Session, sirets: Collection[str]) -> dict[str, datetime]:
    """When each of these structures was last read in the directory; those never read are left out.

    One that is to be read again counts as never read.
    """
    found = ((siret, cached_entry(session, siret)) for siret in sirets)
    return {siret: kept[0] for siret, kept in found if kept is not None and kept[0] > LONG_AGO}


def payment_reported(session: Session, siret: str) -> bool:
    """Whether this buyer tells the portal that it paid; True when its entry was never read."""
    kept = cached_entry(session, siret)
    try:
        structure = None if kept is None else json.loads(kept[1])["structure"]
        return structure is None or not structure["payment_not_reported"]
    except (ValueError, TypeError, KeyError):
        return True


def password_expires(session: Session, siret: str) -> date | None:
    """The last day of a structure's technical password, as it was last read; None unless known."""
    kept = cached_entry(session, siret)
    try:
        last_day = None if kept is None else json.loads(kept[1])["structure"]["password_expires"]
        return None if last_day is None else date.fromisoformat(last_day)
    except (ValueError, TypeError, KeyError):
        return None


def cache_entry(session: Session, siret: str, payload: str, at: datetime) -> None:
    """Remember what the directory says of a structure."""
    replace_row(session, DirectoryEntryRow(siret=siret, payload=payload, fetched_at=at))


def expire_entry(session: Session, siret: str) -> None:
    """Have the directory read again next time: a refusal may speak of what it says.

    The entry stays, too old to be believed: whether its buyer reports payments is still known.
    """
    session.execute(_EXPIRE, {"siret": siret, "at": utc_text(LONG_AGO)})
