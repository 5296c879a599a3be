"""Hands over what is issued, exactly once, to a portal that has no idempotency key.

The protocol (docs/architecture.md): sign in; write the intent; one call, never repeated; write
the outcome. An outcome nobody can tell, or a crash in between, is the explicit state *unknown*:
reconcile.py looks for the invoice at the portal before anything is sent again.
"""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.audit import EventTag
from worker.document import DocumentKind
from worker.errors import PortalAccessRefused, PortalDown
from worker.lifecycle import MOVES, InvoiceStatus, TrackedInvoice
from worker.portals import DepositAnswer, DepositOutcome, Portal
from worker.storage import Store, deposits, invoices, journal
from worker.storage.documents import documents_of

LIMIT = 1_000_000
BREAKER = 3
"""Calls in a row that lead nowhere before a campaign stops politely."""
SETTLING = timedelta(seconds=60)
"""Beyond the longest possible call, an open attempt of another host is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depositor:
    """The collaborators of a deposit.

    Attributes:
        actor: ``user@host:pid``; tells whether the process of an open attempt still lives.
        reconcile_after: waits, counted from the attempt, before each search for an unknown one.
        call_limit: the longest a call may last.
    """

    store: Store
    portal: Portal
    clock: Callable[[], datetime]
    actor: str
    reconcile_after: Sequence[timedelta]
    report_after: Sequence[timedelta]
    call_limit: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositResult:
    """What became of one invoice in this pass."""

    invoice: TrackedInvoice
    answer: DepositAnswer


def deposit_due(
    depositor: Depositor,
    report: Callable[[DepositResult], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Deposit every issued invoice that is due, one by one.

    Raises:
        PortalAccessRefused: credentials refused; the rest waits.
        PortalDown: several calls in a row led nowhere; the rest waits.
    """
    store = depositor.store
    with store.reading() as session:
        waiting = invoices.due(session, (InvoiceStatus.ISSUED,), depositor.clock(), LIMIT)
    in_vain = 0
    for invoice in waiting:
        if stop():
            return
        # Before the intent: trouble with credentials must never leave an uncertain deposit.
        depositor.portal.sign_in()
        answer = deposit_one(depositor, invoice)
        if answer is None:
            continue
        report(DepositResult(invoice=invoice, answer=answer))
        if answer.outcome is DepositOutcome.UNAUTHORISED:
            raise PortalAccessRefused(
                f"Chorus Pro refuse nos droits ou identifiants : {answer.detail}",
                "Vérifiez le compte technique et l'habilitation, puis relancez « deposit ».",
            )
        served = answer.outcome in {DepositOutcome.ACCEPTED, DepositOutcome.REFUSED}
        in_vain = 0 if served else in_vain + 1
        if in_vain >= BREAKER or answer.outcome is DepositOutcome.THROTTLED:
            raise PortalDown(
                f"Chorus Pro ne répond pas normalement : {answer.detail}",
                "Rien n'est perdu : relancez « run » plus tard, il reprendra où il en est.",
            )


def deposit_one(depositor: Depositor, invoice: TrackedInvoice) -> DepositAnswer | None:
    """Intent, one call, outcome. None when somebody else is already at it."""
    store = depositor.store
    started = depositor.clock()
    with store.transaction() as session:
        if not invoices.move(session, invoice, InvoiceStatus.SENDING, started):
            return None
        document = next(
            stored
            for stored in documents_of(session, invoice.id, invoice.version)
            if stored.kind is DocumentKind.FACTURX
        )
        content = store.archive.get(document.sha256)
        file_name = f"{invoice.number.replace('/', '-')}_{document.sha256[:8]}.pdf"
        attempt = deposits.open_attempt(
            session,
            invoice_id=invoice.id,
            document_sha256=document.sha256,
            file_name=file_name,
            actor=depositor.actor,
            at=started,
        )
        journal.append(
            session,
            at=started,
            actor=depositor.actor,
            tag=EventTag.DEPOSIT_INTENDED,
            subject=invoice.number,
            payload={"attempt": attempt, "file": file_name, "sha256": document.sha256},
        )
    answer = depositor.portal.deposit(file_name=file_name, kind=document.kind, content=content)
    _record(depositor, invoice, attempt, started, answer)
    return answer


def recover_interrupted(depositor: Depositor) -> int:
    """Take over deposits whose process died between intent and answer: they are unknown.

    Returns:
        How many there were.
    """
    now = depositor.clock()
    recovered = 0
    with depositor.store.reading() as session:
        sending = invoices.tracked(session, statuses=(InvoiceStatus.SENDING,))
        open_ones = {
            invoice.id: [a for a in deposits.attempts(session, invoice.id) if a.closed_at is None]
            for invoice in sending
        }
    for invoice in sending:
        if any(
            _may_be_running(attempt.actor, now - attempt.started_at, depositor.call_limit)
            for attempt in open_ones[invoice.id]
        ):
            continue
        with depositor.store.transaction() as session:
            started = min((a.started_at for a in open_ones[invoice.id]), default=now)
            recovered += invoices.move(
                session,
                invoice,
                InvoiceStatus.UNKNOWN,
                now,
                next_check_at=started + depositor.reconcile_after[0],
                detail="interrompu pendant le dépôt : on ne sait pas si le portail l'a reçu",
            )
    return recovered


def _record(
    depositor: Depositor,
    invoice: TrackedInvoice,
    attempt: int,
    started: datetime,
    answer: DepositAnswer,
) -> None:
    now = depositor.clock()
    due: datetime | None
    match answer.outcome:
        case DepositOutcome.ACCEPTED:
            to, due = InvoiceStatus.DEPOSITED, now + depositor.report_after[0]
        case DepositOutcome.REFUSED:
            to, due = InvoiceStatus.REFUSED, None
        case DepositOutcome.UNKNOWN:
            to, due = InvoiceStatus.UNKNOWN, started + depositor.reconcile_after[0]
        case DepositOutcome.NOT_SENT | DepositOutcome.UNAUTHORISED:
            to, due = InvoiceStatus.ISSUED, None
        case DepositOutcome.THROTTLED:
            to, due = InvoiceStatus.ISSUED, now + timedelta(seconds=answer.retry_after or 60)
    with depositor.store.transaction() as session:
        # Another process may have taken us for dead: once it has settled our attempt, what we
        # heard is kept as evidence and decides nothing any more.
        present = invoices.by_id(session, invoice.id)
        ours = next(a for a in deposits.attempts(session, invoice.id) if a.id == attempt)
        settled = ours.closed_at is not None
        if not settled and to in MOVES[present.status]:
            invoices.move(
                session,
                present,
                to,
                now,
                next_check_at=due,
                flux_number=answer.flux_number,
                deposited_at=now if answer.outcome is DepositOutcome.ACCEPTED else None,
                detail="" if answer.outcome is DepositOutcome.ACCEPTED else answer.detail,
            )
        deposits.answer_attempt(
            session,
            attempt,
            at=now,
            closed=settled or answer.outcome is not DepositOutcome.UNKNOWN,
            outcome=answer.outcome.value,
            flux_number=answer.flux_number,
            http_status=answer.http_status,
            detail=answer.detail,
            raw=answer.raw,
        )
        journal.append(
            session,
            at=now,
            actor=depositor.actor,
            tag=EventTag.DEPOSIT_ANSWERED,
            subject=invoice.number,
            payload={
                "attempt": attempt,
                "outcome": answer.outcome.value,
                "flux": answer.flux_number,
                "http_status": answer.http_status,
            },
        )


def _may_be_running(actor: str, age: timedelta, call_limit: timedelta) -> bool:
    if age > call_limit + SETTLING:
        return False
    place, _, pid = actor.rpartition(":")
    if place.rpartition("@")[2] != platform.node() or not pid.isdecimal():
        return True
    if int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
