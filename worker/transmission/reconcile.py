"""Finds out what became of uncertain deposits, by searching the portal for the invoice.

Found and the same: adopted. Found but different: the number is taken by something else, a person
must look. Not found: only after the whole window of searches, and with a positive control (the
same search finds an invoice known to be there), is it proven absent and sent again, same bytes:
unless the portal refused it as already there, which sending again cannot mend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from worker.billing.journal import EventTag
from worker.billing.money import french
from worker.billing.status import NUMBER_TAKEN, InvoiceStatus, TrackedInvoice
from worker.portals import DepositOutcome, FluxState, FoundInvoice, Portal
from worker.portals.in_turn import in_turn
from worker.storage import Store, attempts, directory, invoices, journal
from worker.storage import due as agenda
from worker.storage.attempts import (
    Attempt,
)

LIMIT = 1_000_000
DUPLICATE_WORDS = ("doubl", "duplic", "unicit", "rej_uni", "deja", "déjà")
"""No official wording is known for a refused duplicate (reference §0.3): any text with one of
these. A word too many costs a few searches; one too few, a good invoice called refused."""
_SIREN = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """The collaborators.

    Attributes:
        seller: our SIRET.
        reconcile_after: see Depositor.
    """

    store: Store
    portal: Portal
    clock: Callable[[], datetime]
    actor: str
    seller: str
    reconcile_after: Sequence[timedelta]


def same_invoice(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    """Whether what the portal holds under our number is our invoice: buyer, amount and year."""
    return (
        found.number == ours.number
        and found.recipient == ours.siret
        and _same_amount(found, ours)
        and _same_year(found, ours)
    )


def speaks_of_a_copy(refusal: str) -> bool:
    """Whether the portal refuses something as already there: its first copy may live."""
    said = refusal.casefold()
    return any(word in said for word in DUPLICATE_WORDS)


def copy_at(portal: Portal, ours: TrackedInvoice) -> FoundInvoice | None:
    """Our invoice as the portal holds it; None when no search shows it (yet).

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    found = (
        _completed(portal, candidate)
        for candidate in portal.search(invoice_number=ours.number)
        if candidate.number == ours.number and _same_year(candidate, ours)
    )
    return next((candidate for candidate in found if same_invoice(candidate, ours)), None)


def may_live(portal: Portal, ours: TrackedInvoice, attempt: Attempt) -> bool:
    """Whether the file of an earlier delivery may still be integrated: it had no certain end.

    No answer came, or a person gave it up and the portal has not refused it.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    unanswered = attempt.outcome in {"", DepositOutcome.UNKNOWN.value}
    return unanswered or is_alive(portal, ours, attempt)


def is_alive(portal: Portal, ours: TrackedInvoice, attempt: Attempt) -> bool:
    """Whether the portal, which took the file of this attempt, has not refused our invoice in it.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    if attempt.outcome != DepositOutcome.ACCEPTED.value:
        return False
    end = portal.integration_report(attempt.flux_number)
    named = any(error.invoice_number == ours.number for error in end.errors)
    return end.state is not FluxState.REJECTED and not (named and end.state is FluxState.PARTIAL)


def reconcile_due(
    reconciler: Reconciler,
    report: Callable[[TrackedInvoice], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Look for every uncertain deposit that is due.

    Raises:
        PortalDown, PortalAccessRefused: the search cannot be trusted now; nothing is decided. An
            answer that cannot be used about one invoice only puts that one off.
    """
    with reconciler.store.reading() as session:
        uncertain = agenda.due(
            session,
            (InvoiceStatus.UNKNOWN,),
            reconciler.clock(),
            LIMIT,
            longest=max(reconciler.reconcile_after),
        )
    for invoice in in_turn(
        uncertain,
        lambda one: _reconcile(reconciler, one),
        lambda one, _: _look_again(reconciler, one, one.checks),
        stop,
    ):
        with reconciler.store.reading() as session:
            report(invoices.by_id(session, invoice.id))


def _reconcile(reconciler: Reconciler, invoice: TrackedInvoice) -> None:
    found = reconciler.portal.search(invoice_number=invoice.number)
    named = [
        _completed(reconciler.portal, candidate)
        for candidate in found
        if candidate.number == invoice.number
        and _same_year(candidate, invoice)
        and _same_seller(candidate, reconciler.seller)
    ]
    ours = next((candidate for candidate in named if same_invoice(candidate, invoice)), None)
    other = next((candidate for candidate in named if _contradicts(candidate, invoice)), None)
    if ours is not None:
        _adopt(reconciler, invoice, ours)
    elif other is not None:
        _conclude(
            reconciler,
            invoice,
            InvoiceStatus.REFUSED,
            "clash",
            f"le numéro {invoice.number} est {NUMBER_TAKEN} ({_identity(other)})",
        )
    elif (
        named
        or invoice.checks + 1 < len(reconciler.reconcile_after)
        or not _control_passes(reconciler)
    ):
        _look_again(reconciler, invoice, invoice.checks + 1)
    elif _was_known(reconciler, invoice):
        _conclude(reconciler, invoice, InvoiceStatus.REFUSED, "refused", invoice.detail)
    else:
        _conclude(reconciler, invoice, InvoiceStatus.ISSUED, "absent", "")


def _completed(portal: Portal, found: FoundInvoice) -> FoundInvoice:
    """With what a search left out and the invoice itself may say: it decides whether it is ours."""
    if found.recipient and found.gross is not None:
        return found
    held = portal.held(found.cpp_id)
    gross = held.gross if found.gross is None else found.gross
    return replace(found, recipient=found.recipient or held.recipient, gross=gross)


def _adopt(reconciler: Reconciler, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    now = reconciler.clock()
    with reconciler.store.transaction() as session:
        made = attempts.attempts(session, invoice.id)
        deposited_at = made[-1].started_at if made else now
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
        attempts.close_attempts(
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
            if verdict == "refused":
                # It may speak of what the directory demands, as a report may (integration.py).
                directory.expire_entry(session, invoice.siret)
            text = detail or "absence prouvée sur le portail : les mêmes octets seront renvoyés"
            attempts.close_attempts(session, invoice.id, at=now, detail=text)
            _journal(reconciler, session, invoice, verdict, "", now)


def _look_again(reconciler: Reconciler, invoice: TrackedInvoice, checks: int) -> None:
    now = reconciler.clock()
    step = min(checks, len(reconciler.reconcile_after) - 1)
    with reconciler.store.transaction() as session:
        since = _uncertain_since(attempts.attempts(session, invoice.id), invoice)
        since = min(since, now)  # written by a clock that was ahead
        due = max(since + reconciler.reconcile_after[step], now + timedelta(minutes=1))
        invoices.note(session, invoice, checks=checks, next_check_at=due)


def _uncertain_since(attempts: Sequence[Attempt], invoice: TrackedInvoice) -> datetime:
    """What the waits are counted from: the attempt, unless its fate was known already.

    A closed one became uncertain later, by its verdict or by a person: counted from the attempt,
    all the waits might be over at once.
    """
    if not attempts or attempts[-1].closed_at is not None:
        return invoice.status_since
    return attempts[-1].started_at


def _control_passes(reconciler: Reconciler) -> bool:
    """The same kind of search finds an invoice we know the portal holds.

    Before the first invoice ever integrated there is none to look for: the whole window without
    any answer is then taken as proof, and the portal's own uniqueness control stands behind it.
    """
    with reconciler.store.reading() as session:
        witness = agenda.known_to_portal(session)
    if witness is None:
        return True
    found = reconciler.portal.search(invoice_number=witness.number)
    return any(candidate.cpp_id == witness.cpp_id for candidate in found)


def _was_known(reconciler: Reconciler, invoice: TrackedInvoice) -> bool:
    """Whether the last deposit was answered or found: uncertain by a refusal or a person since."""
    with reconciler.store.reading() as session:
        made = attempts.attempts(session, invoice.id)
    return bool(made) and made[-1].closed_at is not None


def _contradicts(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    # Only what the portal did say: a field it left out proves nothing.
    another_buyer = found.recipient not in ("", ours.siret)
    return another_buyer or (found.gross is not None and not _same_amount(found, ours))


def _identity(found: FoundInvoice) -> str:
    """What the portal said of it, for people."""
    amount = "" if found.gross is None else french(found.gross)
    return ", ".join(filter(None, (found.recipient, amount)))


def _same_amount(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    """The total with VAT (BT-112); nobody knows whether the portal signs that of a credit note."""
    gross = ours.total - ours.rounding
    return found.gross == gross or (ours.is_credit_note and found.gross == -gross)


def _same_seller(found: FoundInvoice, seller: str) -> bool:
    """By SIREN, as the portal's own control of uniqueness (§0.4, 7)."""
    return not found.supplier or found.supplier[:_SIREN] == seller[:_SIREN]


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
