"""Members that took the place of others: one successor in force for each; former ones stay."""

from contextlib import AbstractContextManager
from dataclasses import fields

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag, payload_of
from worker.billing.succession import Succession, Successions
from worker.storage import journal
from worker.storage.store import affected
from worker.storage.tables import SuccessionRow, as_written, named_as, number_added
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["succession"]
_COLUMNS = named_as(_TABLE.columns, Succession)
_NAMES = tuple(field.name for field in fields(Succession))
_CANCELLED = _TABLE.columns["cancelled_at"]
# Plain statements: they are asked for twice for each invoice of a batch.
_EVERY = sqlalchemy.select(_TABLE.columns["id"].label("number"), *_COLUMNS, _CANCELLED)
_CANCEL = sqlalchemy.update(_TABLE).where(
    _TABLE.columns["siret"] == sqlalchemy.bindparam("member"), _CANCELLED.is_(None)
)


def in_force(session: Session) -> Successions:
    """Those that count now, by the SIRET of the member that ends."""
    with _as_written():
        # Those that were cancelled are read too: one that cannot be read may be in force.
        rows = session.execute(_EVERY).mappings().all()
        return {row["siret"]: _succession(row) for row in rows if row["cancelled_at"] is None}


def in_force_at(session: Session, seq: int) -> Successions:
    """Those that counted before an event of the journal, by its order."""
    with _as_written():
        rows = session.execute(_EVERY).mappings().all()
        if not rows:
            return {}
        last: dict[str, object] = {}
        for event in journal.events(session, tags=[EventTag.MEMBER_SUCCEEDED]):
            if event.seq < seq:
                last[event.subject] = payload_of(event).get("succession")
        return {
            row["siret"]: _succession(row)
            for row in rows
            if last.get(row["siret"]) == row["number"]
        }


def place(tx: Transaction, given: Succession) -> None:
    """Keep a succession, with its event; the member that ends has none in force."""
    number = number_added(
        tx,
        SuccessionRow(
            siret=given.siret,
            successor=given.successor,
            effective_on=given.effective_on,
            reason=given.reason,
            recorded_at=given.recorded_at,
            recorded_by=given.recorded_by,
        ),
    )
    tx.journal(
        EventTag.MEMBER_SUCCEEDED,
        given.siret,
        succession=number,
        successor=given.successor,
        effective_on=given.effective_on.isoformat(),
        first_month=str(given.first_month),
        reason=given.reason,
    )


def cancel(tx: Transaction, siret: str, reason: str) -> None:
    """End the succession in force of a member that has one, with its event."""
    affected(tx, _CANCEL, {"member": siret, "cancelled_at": tx.now})
    tx.journal(EventTag.MEMBER_SUCCEEDED, siret, succession=None, reason=reason)


def _as_written() -> AbstractContextManager[None]:
    """One that cannot be read may move the months of any member: all stops."""
    return as_written("une succession (table succession)", whole=True)


def _succession(row: RowMapping) -> Succession:
    return Succession(**{name: row[name] for name in _NAMES})
