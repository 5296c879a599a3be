"""The journal's table, read in order; a ``Transaction`` adds to it."""

from collections.abc import Collection, Iterator

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag, JournalEvent, JournalHead
from worker.storage.tables import as_written, named_as

EVENTS = SQLModel.metadata.tables["journal_event"]
HEAD = sqlalchemy.select(*named_as(SQLModel.metadata.tables["journal_head"].columns, JournalHead))


def head(session: Session) -> JournalHead:
    """Where the chain ends."""
    with as_written("la fin du journal (table journal_head)", whole=True):
        return JournalHead(**session.execute(HEAD).mappings().one())


def events(
    session: Session,
    *,
    subject: str | None = None,
    tag: EventTag | None = None,
    after: int = 0,
) -> Iterator[JournalEvent]:
    """Events in order, streamed; ``subject`` keeps those about one thing, ``tag`` of one kind."""
    seq = EVENTS.columns["seq"]
    query = sqlalchemy.select(EVENTS).where(seq > after).order_by(seq)
    if subject is not None:
        query = query.where(EVENTS.columns["subject"] == subject)
    if tag is not None:
        query = query.where(EVENTS.columns["tag"] == tag.value)
    for row in session.execute(query.execution_options(yield_per=1000)).mappings():
        yield JournalEvent(**row)


def told_of(
    session: Session, subjects: Collection[str], tags: Collection[EventTag]
) -> Iterator[JournalEvent]:
    """The events of these tags about these things, in order."""
    query = (
        sqlalchemy.select(EVENTS)
        .where(EVENTS.columns["subject"].in_(subjects))
        .where(EVENTS.columns["tag"].in_([tag.value for tag in tags]))
        .order_by(EVENTS.columns["seq"])
    )
    for row in session.execute(query).mappings():
        yield JournalEvent(**row)
