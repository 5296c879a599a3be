"""The journal's table: append in the caller's transaction, read in order."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, SQLModel, col, select

from worker.billing.journal import EventTag, JournalEvent, JournalHead, canonical_json, chain
from worker.errors import IntegrityError
from worker.storage.tables import JournalEventRow, JournalHeadRow, utc_text

_FIELDS = tuple(JournalEvent.__dataclass_fields__)

# Plain rows: an event is written with everything that happens.
_HEADS = SQLModel.metadata.tables["journal_head"]
_EVENTS = SQLModel.metadata.tables["journal_event"]
_HEAD = sqlalchemy.select(_HEADS.columns["seq"], _HEADS.columns["hash"]).with_for_update()
_HASH = sqlalchemy.select(_EVENTS.columns["hash"]).where(
    _EVENTS.columns["seq"] == sqlalchemy.bindparam("seq")
)
_ADD = sqlalchemy.insert(_EVENTS)
_MOVE_HEAD = sqlalchemy.update(_HEADS).values(
    seq=sqlalchemy.bindparam("to"), hash=sqlalchemy.bindparam("now")
)


def append(
    session: Session,
    *,
    at: datetime,
    actor: str,
    tag: EventTag,
    subject: str,
    payload: Mapping[str, object],
) -> JournalEvent:
    """Add one event. It commits or disappears with everything else in the transaction."""
    seq, digest = session.execute(_HEAD).one()
    if seq and session.execute(_HASH, {"seq": seq}).scalar() != digest:
        raise IntegrityError(
            f"La fin du journal a été altérée : l'événement n° {seq} n'est plus celui qui "
            "avait été enregistré.",
            "N'ajoutez rien : tapez « journal verify », et comparez à une sauvegarde.",
        )
    event = chain(
        JournalHead(seq=seq, hash=digest),
        at=utc_text(at),
        actor=actor,
        tag=tag,
        subject=subject,
        payload=canonical_json(payload),
    )
    session.execute(_ADD, {name: getattr(event, name) for name in _FIELDS})
    session.execute(_MOVE_HEAD, {"to": event.seq, "now": event.hash})
    return event


def head(session: Session) -> JournalHead:
    """Where the chain ends."""
    row = session.exec(select(JournalHeadRow)).one()
    return JournalHead(seq=row.seq, hash=row.hash)


def events(
    session: Session, *, subject: str | None = None, after: int = 0, limit: int | None = None
) -> Iterator[JournalEvent]:
    """Events in order, streamed; ``subject`` keeps those about one thing."""
    query = (
        select(JournalEventRow)
        .where(col(JournalEventRow.seq) > after)
        .order_by(col(JournalEventRow.seq))
        .limit(limit)
        .execution_options(yield_per=1000)
    )
    if subject is not None:
        query = query.where(JournalEventRow.subject == subject)
    for row in session.exec(query):
        yield JournalEvent(**{name: getattr(row, name) for name in _FIELDS})
