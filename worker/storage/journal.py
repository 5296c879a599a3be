"""The journal's table: append in the caller's transaction, read in order."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from worker.audit import EventTag, JournalEvent, JournalHead, canonical_json, chain
from worker.errors import IntegrityError
from worker.storage.tables import JournalEventRow, JournalHeadRow, utc_text

_FIELDS = tuple(JournalEvent.__dataclass_fields__)


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
    head = session.exec(select(JournalHeadRow).with_for_update()).one()
    last = session.get(JournalEventRow, head.seq) if head.seq else None
    if head.seq and (last is None or last.hash != head.hash):
        raise IntegrityError(
            f"La fin du journal a été altérée : l'événement n° {head.seq} n'est plus celui qui "
            "avait été enregistré.",
            "N'ajoutez rien : tapez « journal verify », et comparez à une sauvegarde.",
        )
    event = chain(
        JournalHead(seq=head.seq, hash=head.hash),
        at=utc_text(at),
        actor=actor,
        tag=tag,
        subject=subject,
        payload=canonical_json(payload),
    )
    session.add(JournalEventRow(**{name: getattr(event, name) for name in _FIELDS}))
    head.seq, head.hash = event.seq, event.hash
    session.add(head)
    session.flush()
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
