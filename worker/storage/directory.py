"""The cache of the portal's directory."""

import json
from datetime import UTC, datetime

from sqlmodel import Session

from worker.storage.tables import DirectoryEntryRow

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an entry of the directory was read, once it is no longer believed."""


def cached_entry(session: Session, siret: str) -> tuple[datetime, str] | None:
    """When a structure was read in the portal's directory, and what it said."""
    row = session.get(DirectoryEntryRow, siret)
    return None if row is None else (row.fetched_at, row.payload)


def payment_reported(session: Session, siret: str) -> bool:
    """Whether this buyer tells the portal that it paid; True when its entry was never read."""
    row = session.get(DirectoryEntryRow, siret)
    structure = None if row is None else json.loads(row.payload)["structure"]
    return structure is None or not structure["payment_not_reported"]


def cache_entry(session: Session, siret: str, payload: str, at: datetime) -> None:
    """Remember what the directory says of a structure."""
    session.merge(DirectoryEntryRow(siret=siret, payload=payload, fetched_at=at))


def expire_entry(session: Session, siret: str) -> None:
    """Have the directory read again next time: a refusal may speak of what it says.

    The entry stays, too old to be believed: whether its buyer reports payments is still known.
    """
    if (row := session.get(DirectoryEntryRow, siret)) is not None:
        row.fetched_at = LONG_AGO
        session.add(row)
