"""Learns what became of deposited invoices, until they are settled.

Two questions: was the file integrated (report), then where is the invoice at the buyer's
(history)? What the portal says is kept as observations, in its own words and any order; our
status is derived from the current one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from worker.audit import EventTag
from worker.errors import PortalAnswerError
from worker.lifecycle import MOVES, InvoiceStatus, TrackedInvoice
from worker.portals import (
    BuyerStatus,
    DepositOutcome,
    FluxState,
    FoundInvoice,
    IntegrationReport,
    InvoiceHistory,
    Portal,
)
from worker.reconcile import BREAKER, same_invoice
from worker.storage import Store, deposits, invoices, journal

LIMIT = 1_000_000
DUPLICATE_WORDS = ("doublon", "unicite", "unicité", "deja utilise", "déjà utilisé")
"""No official wording is known for a refused duplicate (chorus-pro: §0.3): any of these."""
AT_THE_BUYER = (InvoiceStatus.INTEGRATED, InvoiceStatus.SUSPENDED, InvoiceStatus.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """The collaborators.

    Attributes:
        report_after: waits between two looks at a report; the last one repeats.
        status_after: wait between two looks at an integrated invoice.
        payment_reported: whether a buyer (SIRET) tells the portal that it paid.
    """

    store: Store
    portal: Portal
    clock: Callable[[], datetime]
    actor: str
    report_after: Sequence[timedelta]
    status_after: timedelta
    payment_reported: Callable[[str], bool]


def follow_due(
    follower: Follower,
    report: Callable[[TrackedInvoice], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Ask about every deposited or integrated invoice that is due; tell what each became.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked; what was learnt stays. An
            answer that cannot be used about one invoice only puts that one off.
    """
    unusable = 0
    for statuses, ask in (((InvoiceStatus.DEPOSITED,), _ask_report), (AT_THE_BUYER, _ask_history)):
        with follower.store.reading() as session:
            waiting = invoices.due(session, statuses, follower.clock(), LIMIT)
        for invoice in waiting:
            if stop():
                return
            try:
                ask(follower, invoice)
                unusable = 0
            except PortalAnswerError as error:
                _put_off(follower, invoice, error)
                unusable += 1
                if unusable >= BREAKER:
                    raise
            with follower.store.reading() as session:
                report(invoices.by_id(session, invoice.id))


def _ask_report(follower: Follower, invoice: TrackedInvoice) -> None:
    answer = follower.portal.integration_report(invoice.flux_number)
    match answer.state:
        case FluxState.PENDING | FluxState.UNRECOGNISED:
            _keep_waiting(follower, invoice, answer)
        case FluxState.INCIDENT:
            _keep_waiting(
                follower,
                invoice,
                answer,
                "incident technique chez Chorus Pro : surveillez « Suivi des flux » "
                "avant tout nouveau dépôt",
            )
        case FluxState.INTEGRATED | FluxState.PARTIAL | FluxState.REJECTED:
            _conclude(follower, invoice, answer)


def _conclude(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    # By number, and even after a rejection: when a second delivery is refused as a duplicate,
    # the first one lives, and calling it refused would be wrong.
    found = _ours(follower, invoice)
    if found is not None:
        _integrate(follower, invoice, answer, found)
    elif answer.state is FluxState.INTEGRATED or (
        answer.state is FluxState.PARTIAL and not _names(answer, invoice)
    ):
        _keep_waiting(follower, invoice, answer)
    elif _may_be_a_second_copy(follower, invoice, answer):
        _doubt(follower, invoice, answer)
    else:
        _refuse(follower, invoice, answer)


def _ours(follower: Follower, invoice: TrackedInvoice) -> FoundInvoice | None:
    found = follower.portal.search(invoice_number=invoice.number)
    return next((candidate for candidate in found if same_invoice(candidate, invoice)), None)


def _names(answer: IntegrationReport, invoice: TrackedInvoice) -> bool:
    return any(error.invoice_number == invoice.number for error in answer.errors)


def _may_be_a_second_copy(
    follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport
) -> bool:
    """It is refused as a duplicate: it says so, or an earlier delivery had no certain end."""
    if any(word in answer.text.lower() for word in DUPLICATE_WORDS):
        return True
    with follower.store.reading() as session:
        earlier = deposits.attempts(session, invoice.id)[:-1]
    return any(attempt.outcome in {"", DepositOutcome.UNKNOWN.value} for attempt in earlier)


def _integrate(
    follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport, found: FoundInvoice
) -> None:
    history = follower.portal.history(found.cpp_id)
    now = follower.clock()
    with follower.store.transaction() as session:
        _observe_report(session, invoice, answer, now)
        if not invoices.move(
            session,
            invoice,
            InvoiceStatus.INTEGRATED,
            now,
            next_check_at=now + follower.status_after,
            cpp_id=found.cpp_id,
            flux_number=found.flux_number or invoice.flux_number,
            portal_status=history.raw_status,
            detail="",
        ):
            return
        journal.append(
            session,
            at=now,
            actor=follower.actor,
            tag=EventTag.REPORT_RECEIVED,
            subject=invoice.number,
            payload={"state": answer.raw_state, "flux": answer.flux_number, "cpp": found.cpp_id},
        )
        _learn(follower, session, invoices.by_id(session, invoice.id), history, now)


def _doubt(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """A duplicate was refused: another copy exists, not findable yet. Reconcile looks for it."""
    now = follower.clock()
    with follower.store.transaction() as session:
        _observe_report(session, invoice, answer, now)
        if invoices.move(
            session,
            invoice,
            InvoiceStatus.UNKNOWN,
            now,
            next_check_at=now + follower.report_after[-1],
            detail="refusée, peut-être parce que le portail en a déjà une copie : "
            f"{answer.text or answer.raw_state}",
        ):
            _journal_report(follower, session, invoice, answer, now)


def _refuse(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    now = follower.clock()
    text = answer.text or f"le flux {answer.flux_number} est à l'état {answer.raw_state}"
    with follower.store.transaction() as session:
        _observe_report(session, invoice, answer, now)
        if invoices.move(session, invoice, InvoiceStatus.REFUSED, now, detail=text):
            # The refusal may speak of what the directory demands: it is asked again next time.
            deposits.forget_entry(session, invoice.siret)
            _journal_report(follower, session, invoice, answer, now)


def _put_off(follower: Follower, invoice: TrackedInvoice, error: PortalAnswerError) -> None:
    with follower.store.transaction() as session:
        invoices.note(
            session,
            invoice,
            checks=invoice.checks + 1,
            next_check_at=follower.clock() + follower.report_after[-1],
            detail=error.message,
        )


def _keep_waiting(
    follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport, detail: str = ""
) -> None:
    now = follower.clock()
    if answer.state is FluxState.UNRECOGNISED:
        detail = f"Chorus Pro annonce un état inconnu de ce programme : {answer.raw_state}"
    step = min(invoice.checks + 1, len(follower.report_after) - 1)
    with follower.store.transaction() as session:
        if answer.raw_state:
            _observe_report(session, invoice, answer, now)
        invoices.note(
            session,
            invoice,
            checks=invoice.checks + 1,
            next_check_at=now + follower.report_after[step],
            detail=detail,
        )


def _ask_history(follower: Follower, invoice: TrackedInvoice) -> None:
    if invoice.cpp_id is None:
        raise RuntimeError(f"invoice {invoice.number} is {invoice.status} without cpp_id")
    history = follower.portal.history(invoice.cpp_id)
    with follower.store.transaction() as session:
        _learn(follower, session, invoice, history, follower.clock())


def _learn(
    follower: Follower,
    session: Session,
    invoice: TrackedInvoice,
    history: InvoiceHistory,
    now: datetime,
) -> None:
    comment = ""
    for entry in history.entries:
        deposits.observe(
            session,
            invoice.id,
            source="history",
            raw_status=entry.raw_status,
            portal_at=entry.at,
            comment=entry.comment,
            raw="",
            at=now,
        )
        if entry.raw_status == history.raw_status and not comment:
            comment = entry.comment
    to = _derive(history.status, reported=follower.payment_reported(invoice.siret))
    changes: dict[str, object] = {
        "portal_status": history.raw_status,
        "detail": comment if history.status is not BuyerStatus.UNRECOGNISED else history.raw_status,
    }
    if to is None or to is invoice.status or to not in MOVES[invoice.status]:
        invoices.note(session, invoice, next_check_at=now + follower.status_after, **changes)
        return
    if invoices.move(
        session, invoice, to, now, next_check_at=now + follower.status_after, **changes
    ):
        journal.append(
            session,
            at=now,
            actor=follower.actor,
            tag=EventTag.STATUS_CHANGED,
            subject=invoice.number,
            payload={"from": invoice.status.value, "to": to.value, "portal": history.raw_status},
        )


def _derive(status: BuyerStatus, *, reported: bool) -> InvoiceStatus | None:
    """Our status for the buyer's current one; None when it says nothing we can use."""
    match status:
        case BuyerStatus.IN_PROGRESS:
            return InvoiceStatus.INTEGRATED
        case BuyerStatus.SUSPENDED:
            return InvoiceStatus.SUSPENDED
        case BuyerStatus.REJECTED | BuyerStatus.CLOSED:
            return InvoiceStatus.REJECTED
        case BuyerStatus.APPROVED:
            return InvoiceStatus.INTEGRATED if reported else InvoiceStatus.SETTLED
        case BuyerStatus.PAID:
            return InvoiceStatus.SETTLED
        case BuyerStatus.UNRECOGNISED:
            return None


def _journal_report(
    follower: Follower,
    session: Session,
    invoice: TrackedInvoice,
    answer: IntegrationReport,
    now: datetime,
) -> None:
    journal.append(
        session,
        at=now,
        actor=follower.actor,
        tag=EventTag.REPORT_RECEIVED,
        subject=invoice.number,
        payload={
            "state": answer.raw_state,
            "flux": answer.flux_number,
            "errors": answer.text,
        },
    )


def _observe_report(
    session: Session, invoice: TrackedInvoice, answer: IntegrationReport, now: datetime
) -> None:
    deposits.observe(
        session,
        invoice.id,
        source="report",
        raw_status=answer.raw_state,
        portal_at=answer.flux_number,
        comment=answer.text,
        raw=answer.raw,
        at=now,
    )
