"""What the portal showed of us, as it was last seen, and when all of it was last read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import RowMapping, bindparam
from sqlmodel import Session, SQLModel, col

from worker.billing.money import Money
from worker.billing.portal_document import PortalDocument, Standing
from worker.errors import UnreadableRecord
from worker.storage.tables import (
    PortalDocumentRow,
    PortalInventoryRow,
    UtcText,
    as_written,
    named_as,
    replace_row,
)

_INVENTORY = 1
"""The only row of its table."""
_TABLE = SQLModel.metadata.tables["portal_document"]
_COLUMNS = _TABLE.columns
_AS_THEY_ARE = [one.name for one in named_as(_COLUMNS, PortalDocument) if one.name != "standing"]
_ALL = sqlalchemy.select(_TABLE)
_KEEP = sqlalchemy.text(
    "INSERT INTO portal_document (portal_id, number, recipient, gross_cents, issue_date,"
    " flux_number, lives, raw_status, standing, first_seen_at, seen_at, reason)"
    " VALUES (:portal_id, :number, :recipient, :gross, :issued, :flux, :lives, :raw_status,"
    " :standing, :seen_at, :seen_at, '')"
    " ON CONFLICT (portal_id, number) DO UPDATE SET recipient = excluded.recipient,"
    " gross_cents = excluded.gross_cents, issue_date = excluded.issue_date,"
    " flux_number = excluded.flux_number, lives = excluded.lives,"
    " raw_status = excluded.raw_status, standing = excluded.standing, seen_at = excluded.seen_at,"
    " closed_at = CASE WHEN portal_document.lives = excluded.lives"
    " THEN portal_document.closed_at ELSE NULL END,"
    " reason = CASE WHEN portal_document.lives = excluded.lives"
    " THEN portal_document.reason ELSE '' END"
).bindparams(
    bindparam("lives", type_=sqlalchemy.Boolean()),
    bindparam("issued", type_=sqlalchemy.Date()),
    bindparam("seen_at", type_=UtcText()),
)
_OPEN = col(PortalDocumentRow.closed_at).is_(None)


def keep(session: Session, documents: Iterable[PortalDocument]) -> None:
    """Keep documents as they are shown now.

    What a person closed is open again once it is rejected, or lives again.
    """
    rows = [
        {
            "portal_id": one.portal_id,
            "number": one.number,
            "recipient": one.recipient,
            "gross": None if one.gross is None else one.gross.cents,
            "issued": one.issue_date,
            "flux": one.flux_number,
            "lives": one.lives,
            "raw_status": one.raw_status,
            "standing": one.standing.value,
            "seen_at": one.seen_at,
        }
        for one in documents
    ]
    if rows:
        session.execute(_KEEP, rows)


def shown(session: Session) -> tuple[PortalDocument, ...]:
    """Every document that the portal ever showed, by number."""
    return _documents(session, _ALL)


def still_beyond(session: Session) -> tuple[PortalDocument, ...]:
    """Those of our series that the books do not know and no person closed, by number."""
    beyond = _COLUMNS["standing"] == Standing.BEYOND.value
    return _documents(session, _ALL.where(beyond).where(_OPEN))


def _documents(session: Session, query: sqlalchemy.Select[Any]) -> tuple[PortalDocument, ...]:
    """By number. Raises UnreadableRecord: whose second invoice it may be is then unknown."""
    with as_written("ce que le portail a montré de nous (table portal_document)"):
        rows = session.execute(query.order_by(_COLUMNS["number"], _COLUMNS["portal_id"]))
        return tuple(_document(row) for row in rows.mappings())


def close(session: Session, document: PortalDocument, reason: str, at: datetime) -> None:
    """A person said what it is."""
    row = session.get_one(PortalDocumentRow, (document.portal_id, document.number))
    row.closed_at, row.reason = at, reason
    session.add(row)
    session.flush()


def note_inventory(session: Session, at: datetime) -> None:
    """Remember when everything was read."""
    replace_row(session, PortalInventoryRow(id=_INVENTORY, read_at=at))


def inventory(session: Session) -> datetime | None:
    """When everything was last read; None before the first time, or when it cannot be read."""
    try:
        row = session.get(PortalInventoryRow, _INVENTORY)
    except UnreadableRecord:
        return None
    return None if row is None else row.read_at


def _document(row: RowMapping) -> PortalDocument:
    cents = row["gross_cents"]
    values = {field: row[field] for field in _AS_THEY_ARE}
    return PortalDocument(
        **values,
        gross=None if cents is None else Money(cents),
        standing=Standing(row["standing"]),
        closed=row["closed_at"] is not None,
    )
