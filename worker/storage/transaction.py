"""A writing transaction: it knows who acts and when, and writes the journal."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy
from sqlalchemy import Connection
from sqlmodel import Session

from worker.billing.journal import EventTag, JournalEvent, JournalHead, canonical_json, chain
from worker.errors import IntegrityError
from worker.storage.journal import EVENTS, HEAD
from worker.storage.tables import as_written, utc_text

# Plain rows: an event is written with everything that happens.
_HASH = sqlalchemy.text("SELECT hash FROM journal_event WHERE seq = :seq")
_ADD = sqlalchemy.insert(EVENTS)
_MOVE_HEAD = sqlalchemy.text("UPDATE journal_head SET seq = :to, hash = :now")


class Transaction(Session):
    """The session of one change; what it reads stays true until it commits.

    Attributes:
        actor: who acts, ``user[…]@host:pid``.
        now: the instant of the change, one for all that it writes.
    """

    def __init__(self, connection: Connection, *, actor: str, now: datetime) -> None:
        super().__init__(connection)
        self.actor = actor
        self.now = now

    def journal(self, tag: EventTag, subject: str, /, **payload: object) -> JournalEvent:
        """Add an event; it commits or disappears with everything else in the transaction.

        Raises:
            IntegrityError: the end of the journal was altered.
        """
        with as_written("la fin du journal (table journal_head)"):
            end = JournalHead(**self.execute(HEAD.with_for_update()).mappings().one())
        if end.seq and self.execute(_HASH, {"seq": end.seq}).scalar() != end.hash:
            raise IntegrityError(
                f"La fin du journal a été altérée : l'événement n° {end.seq} n'est plus celui qui "
                "avait été enregistré.",
                "N'ajoutez rien : tapez « journal verify », et comparez à une sauvegarde.",
            )
        event = chain(
            end,
            at=utc_text(self.now),
            actor=self.actor,
            tag=tag,
            subject=subject,
            payload=canonical_json(payload),
        )
        self.execute(_ADD, asdict(event))
        self.execute(_MOVE_HEAD, {"to": event.seq, "now": event.hash})
        return event
