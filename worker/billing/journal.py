"""The journal: what was decided and done, as a chain of hashes that shows any later change.

Each event carries the hash of the one before. Editing, deleting or reordering events breaks the
chain; cutting off its end is shown by the head, which is kept beside it and printed at the end
of each run. Its limit, said openly: who can rewrite the whole database and every printed head can
rewrite history. Payloads are hashed apart, so that one may be erased without breaking the chain.
The format is published: docs/journal-format.md.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from worker.errors import Finding, Severity

GENESIS = "0" * 64
"""What the first event has in place of a previous hash."""
LARGEST = 2**53 - 1
"""Of the whole numbers that canonical JSON writes exactly (RFC 8785 and I-JSON, RFC 7493)."""
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
    CAMPAIGN_OPENED = "campaign.opened"
    """A person said that a year may be billed, and was shown these figures."""
    CAMPAIGN_CLOSED = "campaign.closed"
    AMOUNT_CONFIRMED = "amount.confirmed"
    """A person said that an unusual amount is right, on which grounds and why."""
    USAGE_ACCEPTED = "usage.accepted"
    """Users outside any subscription are not billed, by a person's word; or no more accepted."""
    MEMBER_SUCCEEDED = "member.succeeded"
    """A member takes the place of another from a day on, by a person's word; or no more."""
    RUN_STARTED = "run.started"
    RUN_ENDED = "run.ended"
    INVOICE_PARKED = "invoice.parked"
    INVOICE_RELEASED = "invoice.released"
    """A parked member has nothing to bill any more: its row, which had no number, is gone."""
    INVOICE_ISSUED = "invoice.issued"
    STATEMENT_ISSUED = "statement.issued"
    """A member consumed nothing: its statement, without an invoice (C3)."""
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
    PAYLOAD_ERASED = "payload.erased"
    """The payload of an earlier event, its subject, was erased, and by whose decision."""
    JOURNAL_CHECKPOINT = "journal.checkpoint"
    """Where the journal was, and what it added up to (``billing.checkpoint``)."""
    JOURNAL_ANCHORED = "journal.anchored"
    """A time-stamping authority signed the hash of a checkpoint; its token is in the archive."""
    SETTLEMENT_RECORDED = "settlement.recorded"
    """A person or a file told that an invoice was paid, whole or part."""
    SETTLEMENT_CANCELLED = "settlement.cancelled"
    """A person said that a recorded payment was wrong, and why."""
    TITLES_EXPORTED = "titles.exported"
    """What the finance software makes titles of was written, and in which edition."""
    TITLE_RECORDED = "title.recorded"
    """The finance software told the title of an invoice."""
    MAIL_INTENDED = "mail.intended"
    """A message to a member is about to be handed to the mail server."""
    MAIL_SENT = "mail.sent"
    MAIL_REFUSED = "mail.refused"
    MAIL_POSTPONED = "mail.postponed"
    """It was not taken, for a reason that may pass."""
    MAIL_UNCERTAIN = "mail.uncertain"
    """Its last byte left and no answer came."""
    MAIL_RECEIVED = "mail.received"
    """A person said that the member has what it was about."""
    CONTACTS_CORRECTED = "contacts.corrected"
    CONTACTS_ERASED = "contacts.erased"
    """The contact of a member was deleted, by a person or by age; nothing of it is said."""
    COMPLETION_INTENDED = "completion.intended"
    COMPLETION_ANSWERED = "completion.answered"
    """A suspended invoice was given the files its buyer asked for: before and after the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One event.

    Attributes:
        seq: 1 for the first, without gap.
        at: UTC instant, ISO 8601 with microseconds and ``Z``.
        actor: who did it, by the system's word (service/actor.py), no personal contact data.
        subject: what it is about: an invoice number, ``siret/year``, a file's SHA-256.
        payload: canonical JSON (``canonical_json``); empty once it is erased.
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
    """One text for one value (RFC 8785): keys by their UTF-16 units, no spaces.

    Raises:
        TypeError: it holds what has no exact form there or no place in the journal: a float, a
            whole number beyond ``LARGEST``, a key that is no text, half a surrogate pair.
    """
    return json.dumps(_ordered(value), separators=(",", ":"), ensure_ascii=False)


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


def payload_of(event: JournalEvent) -> dict[str, Any]:
    """What an event says; nothing where its payload was erased or altered, which is told."""
    try:
        found = json.loads(event.payload)
    except (ValueError, RecursionError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def rows_written(event: JournalEvent) -> object:
    """What an event holds of the rows of its transaction; None when it holds nothing of them."""
    return payload_of(event).get(ROWS)


def verify(
    events: Iterable[JournalEvent], head: JournalHead, *, after: JournalHead = EMPTY
) -> tuple[Finding, ...]:
    """Check the chain from ``after`` to ``head``; every break is a finding, no finding is sound."""
    findings: list[Finding] = []
    last = after
    erased: dict[int, Finding] = {}
    for event in events:
        if event.seq != last.seq + 1:
            findings.append(_broken(event.seq, f"événement attendu : n° {last.seq + 1}"))
        if event.previous != last.hash:
            findings.append(_broken(event.seq, "n'est pas chaîné à l'événement précédent"))
        if hashlib.sha256(event.payload.encode()).hexdigest() != event.payload_sha256:
            altered = _broken(event.seq, "le contenu a été modifié")
            if event.payload:
                findings.append(altered)
            else:
                erased[event.seq] = altered
        if hashlib.sha256(hashed_text(event)).hexdigest() != event.hash:
            findings.append(_broken(event.seq, "l'empreinte ne correspond pas à l'événement"))
        if event.tag == EventTag.PAYLOAD_ERASED:
            for seq in [one for one in erased if str(one) == event.subject]:
                del erased[seq]
                findings.append(_erased(seq, event.seq))
        last = JournalHead(seq=event.seq, hash=event.hash)
    findings.extend(erased.values())
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
        message=what,
        remedy="Conservez la base en l'état et comparez-la à une sauvegarde.",
        where=f"journal, n° {seq}",
    )


def _erased(seq: int, by: int) -> Finding:
    return Finding(
        code="JOURNAL-ERASED",
        message=f"le contenu a été effacé (événement n° {by}) ; ce qu'il disait n'est plus prouvé",
        severity=Severity.WARNING,
        where=f"journal, n° {seq}",
    )


def _ordered(value: object) -> object:
    """A value as it is written: keys in order, and nothing that has no exact form."""
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
                raise TypeError("half a surrogate pair has no place in the journal")
            return value
        case None | bool():
            return value
        case int() if abs(value) <= LARGEST:
            return value
        case list() | tuple():
            return [_ordered(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            keys = sorted(value, key=_utf16)
            return {_ordered(key): _ordered(value[key]) for key in keys}
        case _:
            raise TypeError(f"a {type(value).__name__} like {value!r} has no place in the journal")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")
