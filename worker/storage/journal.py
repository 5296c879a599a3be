"""The journal's table, read in order; a ``Transaction`` adds to it."""

from collections.abc import Collection, Iterator

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag, JournalEvent, JournalHead
from worker.storage.tables import as_written, named_as

EVENTS = SQLModel.metadata.tables["journal_event"]
HEAD = sqlalchemy.select(*named_as(SQLModel.metadata.tables["journal_head"].columns, JournalHead))

_TEXTS = tuple(column.name for column in EVENTS.columns if column.name != "seq")


def head(session: Session) -> JournalHead:
    """Where the chain ends."""
    with as_written("la fin du journal (table journal_head)", whole=True):
        return JournalHead(**session.execute(HEAD).mappings().one())


def events(
    session: Session,
    *,
    subject: str | None = None,
    after: int = 0,
    tags: Collection[EventTag] = (),
) -> Iterator[JournalEvent]:
    """Events in order, streamed; ``subject`` keeps those about one thing, ``tags`` of some tags."""
    seq = EVENTS.columns["seq"]
    query = sqlalchemy.select(EVENTS).order_by(seq)
    if after:  # from the beginning, a number below 1 is told too
        query = query.where(seq > after)
    if subject is not None:
        query = query.where(EVENTS.columns["subject"] == subject)
    if tags:
        query = query.where(_has_one_of(tags))
    for row in session.execute(query.execution_options(yield_per=1000)).mappings():
        if all(isinstance(row[name], str) for name in _TEXTS):
            yield JournalEvent(**row)
        else:  # SQLite keeps whatever it is given; shown as such, it breaks the chain
            kept = {name: row[name] for name in _TEXTS if isinstance(row[name], str)}
            yield JournalEvent(
                **{name: repr(row[name]) for name in _TEXTS} | kept | {"seq": row["seq"]}
            )


def last(
    session: Session, *, tags: Collection[EventTag] = (), without: Collection[EventTag] = ()
) -> JournalEvent | None:
    """The last event of one of these tags, of all when none is given, but for those without."""
    query = sqlalchemy.select(EVENTS).order_by(EVENTS.columns["seq"].desc()).limit(1)
    if tags:
        query = query.where(_has_one_of(tags))
    if without:
        query = query.where(~_has_one_of(without))
    row = session.execute(query).mappings().first()
    return None if row is None else JournalEvent(**row)


def first(session: Session, *, after: int, without: Collection[EventTag]) -> JournalEvent | None:
    """The first event behind a number that is of none of these tags."""
    query = sqlalchemy.select(EVENTS).order_by(EVENTS.columns["seq"]).limit(1)
    query = query.where(EVENTS.columns["seq"] > after, ~_has_one_of(without))
    row = session.execute(query).mappings().first()
    return None if row is None else JournalEvent(**row)


def _has_one_of(tags: Collection[EventTag]) -> sqlalchemy.ColumnElement[bool]:
    return EVENTS.columns["tag"].in_([tag.value for tag in tags])


def told_of(
    session: Session, subjects: Collection[str], tags: Collection[EventTag]
) -> Iterator[JournalEvent]:
    """The events of these tags about these things, in order."""
    query = (
        sqlalchemy.select(EVENTS)
        .where(EVENTS.columns["subject"].in_(subjects))
        .where(_has_one_of(tags))
        .order_by(EVENTS.columns["seq"])
    )
    for row in session.execute(query).mappings():
        yield JournalEvent(**row)
