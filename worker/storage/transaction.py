"""A writing transaction: it knows who acts and when, and writes the journal."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy
from sqlalchemy import Connection
from sqlmodel import Session

from worker.billing.journal import ROWS, EventTag, JournalHead, canonical_json, chain
from worker.errors import IntegrityError
from worker.storage.journal import EVENTS, HEAD
from worker.storage.row_digests import has_written, keep_digests, written_outside
from worker.storage.tables import as_written, utc_text

# Plain rows: an event is written with everything that happens.
_HASH = sqlalchemy.text("SELECT hash FROM journal_event WHERE seq = :seq")
_ADD = sqlalchemy.insert(EVENTS)
_REMEDY = "N'ajoutez rien : tapez « journal verify », et comparez à une sauvegarde."
_MOVE_HEAD = sqlalchemy.text("UPDATE journal_head SET seq = :to, hash = :now")


@dataclass(frozen=True, slots=True)
class _Event:
    tag: EventTag
    subject: str
    payload: dict[str, object]


class Transaction(Session):
    """The session of one change; what it reads stays true until it commits.

    Its last event holds the digest of the rows that it wrote: each event is added when the next
    one comes, and the last one at the commit.

    Attributes:
        actor: who acts, ``user[…]@host:pid``.
        now: the instant of the change, one for all that it writes.
    """

    def __init__(self, connection: Connection, *, actor: str, now: datetime) -> None:
        super().__init__(connection)
        self.actor = actor
        self.now = now
        self._end: JournalHead | None = None
        self._last: _Event | None = None

    def refuse_foreign_rows(self) -> None:
        """Begin, unless something else than the program has written. Raises IntegrityError."""
        if (found := written_outside(self)) is not None:
            raise IntegrityError(
                f"La base a été modifiée hors du programme : table {found[0]}, ligne {found[1]}.",
                _REMEDY,
            )

    def journal(self, tag: EventTag, subject: str, /, **payload: object) -> None:
        """Add an event; it commits or disappears with everything else in the transaction.

        Raises:
            IntegrityError: the end of the journal was altered.
            TypeError: the payload holds what the journal cannot.
        """
        self._add_last()
        canonical_json(payload)
        if self._end is None:
            self._end = self._find_end()
        self._last = _Event(tag, subject, payload)

    def commit(self) -> None:
        """Commit everything, with the digest of the rows that were written."""
        self.flush()
        if self._last is None and has_written(self):
            self.journal(EventTag.ROWS_WRITTEN, "journal")
        if self._last is not None:
            assert self._end is not None  # noqa: S101 - found by journal()
            written = keep_digests(self, self._end.seq + 1)
            if written is not None:
                self._last.payload[ROWS] = asdict(written)
            self._add_last()
        self._end = None
        super().commit()

    def _find_end(self) -> JournalHead:
        with as_written("la fin du journal (table journal_head)", whole=True):
            end = JournalHead(**self.execute(HEAD.with_for_update()).mappings().one())
        if end.seq and self.execute(_HASH, {"seq": end.seq}).scalar() != end.hash:
            raise IntegrityError(
                f"La fin du journal a été altérée : l'événement n° {end.seq} n'est plus celui qui "
                "avait été enregistré.",
                _REMEDY,
            )
        return end

    def _add_last(self) -> None:
        if self._last is None or self._end is None:
            return
        event = chain(
            self._end,
            at=utc_text(self.now),
            actor=self.actor,
            tag=self._last.tag,
            subject=self._last.subject,
            payload=canonical_json(self._last.payload),
        )
        self.execute(_ADD, asdict(event))
        self.execute(_MOVE_HEAD, {"to": event.seq, "now": event.hash})
        self._end, self._last = JournalHead(seq=event.seq, hash=event.hash), None
