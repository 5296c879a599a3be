"""Finds out what became of uncertain deposits, by searching the portal for the invoice.

Found and the same: adopted. Found but different: the number is taken by something else, a person
must look. Not found: only after the whole window of searches, and with a positive control (the
same search finds an invoice known to be there), is it proven absent and sent again, same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session

from worker.audit import EventTag
from worker.lifecycle import InvoiceStatus, TrackedInvoice
from worker.portals import FoundInvoice, Portal
from worker.storage import Store, deposits, invoices, journal

LIMIT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """The collaborators. ``reconcile_after``: see Depositor."""

    store: Store
    portal: Portal
    clock: Callable[[], datetime]
    actor: str
    reconcile_after: Sequence[timedelta]


def same_invoice(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    """Whether what the portal holds under our number is our invoice: buyer, amount and year."""
    return (
        found.number == ours.number
        and found.recipient == ours.siret
        and found.gross == ours.total
        and (found.issue_date or date.max).year == (ours.issue_date or date.min).year
    )


def reconcile_due(
    reconciler: Reconciler,
    report: Callable[[TrackedInvoice], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Look for every uncertain deposit that is due.

    Raises:
        PortalDown, PortalAccessRefused: the search cannot be trusted now; nothing is decided.
    """
    with reconciler.store.reading() as session:
        uncertain = invoices.due(session, (InvoiceStatus.UNKNOWN,), reconciler.clock(), LIMIT)
    for invoice in uncertain:
        if stop():
            return
        _reconcile(reconciler, invoice)
        with reconciler.store.reading() as session:
            report(invoices.by_id(session, invoice.id))


def _reconcile(reconciler: Reconciler, invoice: TrackedInvoice) -> None:
    found = reconciler.portal.search(invoice_number=invoice.number)
    ours = [candidate for candidate in found if same_invoice(candidate, invoice)]
    clashes = [candidate for candidate in found if candidate.number == invoice.number]
    if ours:
        _adopt(reconciler, invoice, ours[0])
    elif any(_same_year(candidate, invoice) for candidate in clashes):
        _conclude(
            reconciler,
            invoice,
            InvoiceStatus.REFUSED,
            "clash",
            f"le numéro {invoice.number} est déjà pris sur le portail par une autre facture "
            f"({clashes[0].recipient}, {clashes[0].gross} €)",
        )
    elif invoice.checks + 1 < len(reconciler.reconcile_after):
        _look_again(reconciler, invoice)
    elif _control_passes(reconciler):
        _conclude(reconciler, invoice, InvoiceStatus.ISSUED, "absent", "")
    else:
        _look_again(reconciler, invoice)


def _adopt(reconciler: Reconciler, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    now = reconciler.clock()
    with reconciler.store.transaction() as session:
        attempts = deposits.attempts(session, invoice.id)
        deposited_at = attempts[-1].started_at if attempts else now
        if not invoices.move(
            session,
            invoice,
            InvoiceStatus.DEPOSITED,
            now,
            flux_number=found.flux_number,
            deposited_at=deposited_at,
            detail="",
        ):
            return
        deposits.close_attempts(
            session, invoice.id, at=now, detail=f"retrouvée sur le portail : {found.flux_number}"
        )
        _journal(reconciler, session, invoice, "found", found.flux_number, now)


def _conclude(
    reconciler: Reconciler,
    invoice: TrackedInvoice,
    to: InvoiceStatus,
    verdict: str,
    detail: str,
) -> None:
    now = reconciler.clock()
    with reconciler.store.transaction() as session:
        if invoices.move(session, invoice, to, now, flux_number="", detail=detail):
            text = detail or "absence prouvée sur le portail : les mêmes octets seront renvoyés"
            deposits.close_attempts(session, invoice.id, at=now, detail=text)
            _journal(reconciler, session, invoice, verdict, "", now)


def _look_again(reconciler: Reconciler, invoice: TrackedInvoice) -> None:
    now = reconciler.clock()
    step = min(invoice.checks + 1, len(reconciler.reconcile_after) - 1)
    with reconciler.store.transaction() as session:
        attempts = deposits.attempts(session, invoice.id)
        started = attempts[-1].started_at if attempts else invoice.status_since
        due = max(started + reconciler.reconcile_after[step], now + timedelta(minutes=1))
        invoices.note(session, invoice, checks=invoice.checks + 1, next_check_at=due)


def _control_passes(reconciler: Reconciler) -> bool:
    """The same kind of search finds an invoice we know the portal holds.

    Before the first invoice ever integrated there is none to look for: the whole window without
    any answer is then taken as proof, and the portal's own uniqueness control stands behind it.
    """
    known = (InvoiceStatus.INTEGRATED, InvoiceStatus.SETTLED, InvoiceStatus.SUSPENDED)
    with reconciler.store.reading() as session:
        witnesses = invoices.due(session, known, None, 1)
    if not witnesses:
        return True
    found = reconciler.portal.search(invoice_number=witnesses[0].number)
    return any(candidate.cpp_id == witnesses[0].cpp_id for candidate in found)


def _same_year(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    return found.issue_date is None or found.issue_date.year == (ours.issue_date or date.min).year


def _journal(
    reconciler: Reconciler,
    session: Session,
    invoice: TrackedInvoice,
    verdict: str,
    flux: str,
    now: datetime,
) -> None:
    journal.append(
        session,
        at=now,
        actor=reconciler.actor,
        tag=EventTag.DEPOSIT_RECONCILED,
        subject=invoice.number,
        payload={"verdict": verdict, "flux": flux},
    )
