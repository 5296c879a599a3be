"""A writing transaction: it knows who acts and when, and writes the journal."""

from datetime import datetime

from sqlalchemy import Connection
from sqlmodel import Session

from worker.billing.journal import EventTag, JournalEvent
from worker.storage import journal


class Transaction(Session):
    """The session of one change; what it reads stays true until it commits.

    Attributes:
        actor: who acts, ``user@host:pid``.
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
        return journal.append(
            self, at=self.now, actor=self.actor, tag=tag, subject=subject, payload=payload
        )
