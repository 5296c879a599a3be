"""The journal's table: append in the caller's transaction, read in order."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag, JournalEvent, JournalHead, canonical_json, chain
from worker.errors import IntegrityError
from worker.storage.tables import named_as, utc_text

# Plain rows: an event is written with everything that happens.
_HEADS = SQLModel.metadata.tables["journal_head"]
_EVENTS = SQLModel.metadata.tables["journal_event"]
_HEAD = sqlalchemy.select(*named_as(_HEADS.columns, JournalHead))
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
    end = JournalHead(**session.execute(_HEAD.with_for_update()).mappings().one())
    if end.seq and session.execute(_HASH, {"seq": end.seq}).scalar() != end.hash:
        raise IntegrityError(
            f"La fin du journal a été altérée : l'événement n° {end.seq} n'est plus celui qui "
            "avait été enregistré.",
            "N'ajoutez rien : tapez « journal verify », et comparez à une sauvegarde.",
        )
    event = chain(
        end,
        at=utc_text(at),
        actor=actor,
        tag=tag,
        subject=subject,
        payload=canonical_json(payload),
    )
    session.execute(_ADD, asdict(event))
    session.execute(_MOVE_HEAD, {"to": event.seq, "now": event.hash})
    return event


def head(session: Session) -> JournalHead:
    """Where the chain ends."""
    return JournalHead(**session.execute(_HEAD).mappings().one())


def events(
    session: Session, *, subject: str | None = None, after: int = 0
) -> Iterator[JournalEvent]:
    """Events in order, streamed; ``subject`` keeps those about one thing."""
    seq = _EVENTS.columns["seq"]
    query = sqlalchemy.select(_EVENTS).where(seq > after).order_by(seq)
    if subject is not None:
        query = query.where(_EVENTS.columns["subject"] == subject)
    for row in session.execute(query.execution_options(yield_per=1000)).mappings():
        yield JournalEvent(**row)
