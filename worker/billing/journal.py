"""The journal: what was decided and done, as a chain of hashes that shows any later change.

Each event carries the hash of the one before. Editing, deleting or reordering events breaks the
chain; cutting off its end is shown by the head, which is kept beside it and printed at the end
of each run. Its limit, said openly: who can rewrite the whole database and every printed head can
rewrite history. Payloads are hashed apart, so that one may be erased without breaking the chain.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.errors import Finding

GENESIS = "0" * 64
"""What the first event has in place of a previous hash."""
ROWS = "rows_written"
"""The key of a payload under which an event holds the digest of the rows of its transaction."""


class EventTag(StrEnum):
    """The closed vocabulary of the journal. A retired tag stays: old events still carry it."""

    DATABASE_CREATED = "database.created"
    DATABASE_MIGRATED = "database.migrated"
    FILE_IMPORTED = "file.imported"
    TARIFF_USED = "tariff.used"
    """A grid priced an invoice for the first time: its content is frozen from then on."""
    ROWS_WRITTEN = "rows.written"
    """A change of the database that is no event by itself; it holds the digest of the rows."""
    RUN_STARTED = "run.started"
    RUN_ENDED = "run.ended"
    INVOICE_PARKED = "invoice.parked"
    INVOICE_RELEASED = "invoice.released"
    """A parked member has nothing to bill any more: its row, which had no number, is gone."""
    INVOICE_ISSUED = "invoice.issued"
    INVOICE_CORRECTED = "invoice.corrected"
    """New bytes for the same number, after a refusal and before a resend."""
    INVOICE_CANCELLED = "invoice.cancelled"
    """Its credit notes cover it: it counts no more, and its member is held until a person says."""
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    HOLD_PLACED = "hold.placed"
    """A member is held back for a year until a person lets it go on."""
    HOLD_LIFTED = "hold.lifted"
    DEPOSIT_INTENDED = "deposit.intended"
    DEPOSIT_ANSWERED = "deposit.answered"
    DEPOSIT_RECONCILED = "deposit.reconciled"
    """An uncertain deposit was found at the portal, or proven absent."""
    REPORT_RECEIVED = "report.received"
    RECEIPT_KEPT = "receipt.kept"
    """The portal's integration report as a PDF was archived."""
    STATUS_CHANGED = "status.changed"
    """The buyer's side moved, and our status with it."""
    REJECTION_ACKNOWLEDGED = "rejection.acknowledged"
    """The portal was told that the rejection of a cancelled invoice was seen."""
    DOCUMENT_UNKNOWN = "document.unknown"
    """The portal shows a document of one of our series that the books do not know."""
    DOCUMENT_CLOSED = "document.closed"
    """A person said what such a document is; its number is passed over."""
    RESEND_REQUESTED = "resend.requested"
    JOURNAL_CHECKPOINT = "journal.checkpoint"
    """Where the journal was, and what it added up to (``billing.checkpoint``)."""
    JOURNAL_ANCHORED = "journal.anchored"
    """A time-stamping authority signed the hash of a checkpoint; its token is in the archive."""
    COMPLETION_INTENDED = "completion.intended"
    COMPLETION_ANSWERED = "completion.answered"
    """A suspended invoice was given the files its buyer asked for: before and after the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One event.

    Attributes:
        seq: 1 for the first, without gap.
        at: UTC instant, ISO 8601 with microseconds and ``Z``.
        actor: who did it: ``user@host`` of the operating system, no personal contact data.
        subject: what it is about: an invoice number, ``siret/year``, a file's SHA-256.
        payload: canonical JSON (``canonical_json``).
    """

    seq: int
    at: str
    actor: str
    tag: str
    subject: str
    payload: str
    payload_sha256: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHead:
    """Where the chain ends: what an auditor notes down to detect a truncation."""

    seq: int
    hash: str


EMPTY = JournalHead(seq=0, hash=GENESIS)


def canonical_json(value: Mapping[str, object] | Sequence[object]) -> str:
    """One text for one value (RFC 8785): sorted keys, no spaces. Floats raise TypeError."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chain(  # the order of the fields is part of the format of the hash
    head: JournalHead, *, at: str, actor: str, tag: EventTag, subject: str, payload: str
) -> JournalEvent:
    """The event that follows ``head``."""
    payload_sha256 = hashlib.sha256(payload.encode()).hexdigest()
    seq = head.seq + 1
    return JournalEvent(
        seq=seq,
        at=at,
        actor=actor,
        tag=tag.value,
        subject=subject,
        payload=payload,
        payload_sha256=payload_sha256,
        previous=head.hash,
        hash=hashlib.sha256(
            _text(seq, at, actor, tag.value, subject, payload_sha256, head.hash)
        ).hexdigest(),
    )


def rows_written(event: JournalEvent) -> object:
    """What an event holds of the rows of its transaction; None when it holds nothing of them."""
    try:
        return json.loads(event.payload).get(ROWS)
    except (ValueError, RecursionError, AttributeError):
        return None  # the chain tells it


def verify(
    events: Iterable[JournalEvent], head: JournalHead, *, after: JournalHead = EMPTY
) -> tuple[Finding, ...]:
    """Check the chain from ``after`` to ``head``; every break is a finding, no finding is sound."""
    findings: list[Finding] = []
    last = after
    for event in events:
        if event.seq != last.seq + 1:
            findings.append(_broken(event.seq, f"événement attendu : n° {last.seq + 1}"))
        if event.previous != last.hash:
            findings.append(_broken(event.seq, "n'est pas chaîné à l'événement précédent"))
        if hashlib.sha256(event.payload.encode()).hexdigest() != event.payload_sha256:
            findings.append(_broken(event.seq, "le contenu a été modifié"))
        if hashlib.sha256(hashed_text(event)).hexdigest() != event.hash:
            findings.append(_broken(event.seq, "l'empreinte ne correspond pas à l'événement"))
        last = JournalHead(seq=event.seq, hash=event.hash)
    if last != head:
        findings.append(
            _broken(
                head.seq,
                f"la fin du journal est l'événement n° {last.seq} ({last.hash[:16]}…), "
                f"alors que la dernière empreinte enregistrée est celle du n° {head.seq} "
                f"({head.hash[:16]}…)",
            )
        )
    return tuple(findings)


def hashed_text(event: JournalEvent) -> bytes:
    """The bytes of which an event's hash is the SHA-256."""
    return _text(
        event.seq,
        event.at,
        event.actor,
        event.tag,
        event.subject,
        event.payload_sha256,
        event.previous,
    )


def _text(*parts: str | int) -> bytes:
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()


def _broken(seq: int, what: str) -> Finding:
    return Finding(
        code="JOURNAL-BROKEN",
        message=f"événement n° {seq} : {what}",
        remedy="Conservez la base en l'état et comparez-la à une sauvegarde.",
        where=f"journal, n° {seq}",
    )


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no place in the journal")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
