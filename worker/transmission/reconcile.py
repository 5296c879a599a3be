"""Finds out what became of uncertain deposits, by searching the portal for the invoice.

Found and the same: adopted. Found but different: the number is taken by something else, a person
must look. Not found: only after the whole window of searches, and with a positive control (the
same search finds an invoice known to be there), is it proven absent and sent again, same bytes:
unless the portal refused it as already there, which sending again cannot mend.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.money import french
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.portals import DepositOutcome, FluxState, FoundInvoice, Portal
from worker.portals.in_turn import in_turn
from worker.storage import attempts, directory, due, invoices
from worker.storage.attempts import Attempt

DUPLICATE_WORDS = ("doubl", "duplic", "unicit", "rej_uni", "deja", "déjà")
"""No official wording is known for a refused duplicate (reference §0.3): any text with one of
these. A word too many costs a few searches; one too few, a good invoice called refused."""
_SIREN = 9


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
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    found = (
        _completed(portal, candidate)
        for candidate in portal.find(invoice_number=ours.number)
        if candidate.number == ours.number and _same_year(candidate, ours)
    )
    return next((candidate for candidate in found if same_invoice(candidate, ours)), None)


def may_live(portal: Portal, ours: TrackedInvoice, attempt: Attempt) -> bool:
    """Whether the file of an earlier delivery may still be integrated: it had no certain end.

    No answer came, or a person gave it up and the portal has not refused it.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    unanswered = attempt.outcome in {"", DepositOutcome.UNKNOWN.value}
    return unanswered or is_alive(portal, ours, attempt)


def is_alive(portal: Portal, ours: TrackedInvoice, attempt: Attempt) -> bool:
    """Whether the portal, which took the file of this attempt, has not refused our invoice in it.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    if attempt.outcome != DepositOutcome.ACCEPTED.value:
        return False
    end = portal.integration_report(attempt.flux_number)
    named = any(error.invoice_number == ours.number for error in end.errors)
    return end.state is not FluxState.REJECTED and not (named and end.state is FluxState.PARTIAL)


def reconcile_due(
    app: App,
    portal: Portal,
    report: Callable[[TrackedInvoice], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Look for every uncertain deposit that is due.

    Raises:
        PortalError, PortalAccessRefused: the search cannot be trusted now; nothing is decided. An
            answer that cannot be used about one invoice only puts that one off.
    """
    with app.reading() as session:
        uncertain = due.invoices_due(
            session,
            (InvoiceStatus.UNKNOWN,),
            app.clock(),
            longest=max(app.settings.portal.reconcile_after),
        )
    for invoice in in_turn(
        uncertain,
        lambda one: _reconcile(app, portal, one),
        lambda one, _: _look_again(app, one, one.checks),
        stop,
    ):
        with app.reading() as session:
            report(invoices.by_id(session, invoice.id))


def _reconcile(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    found = portal.find(invoice_number=invoice.number)
    named = [
        _completed(portal, candidate)
        for candidate in found
        if candidate.number == invoice.number
        and _same_year(candidate, invoice)
        and _same_seller(candidate, app.settings.syndicat.siret)
    ]
    ours = next((candidate for candidate in named if same_invoice(candidate, invoice)), None)
    other = next((candidate for candidate in named if _contradicts(candidate, invoice)), None)
    if ours is not None:
        _adopt(app, invoice, ours)
    elif other is not None:
        _conclude(
            app,
            invoice,
            InvoiceStatus.REFUSED,
            "clash",
            Trouble.NUMBER_TAKEN,
            _identity(other),
        )
    elif (
        named
        or invoice.checks + 1 < len(app.settings.portal.reconcile_after)
        or not _control_passes(app, portal)
    ):
        _look_again(app, invoice, invoice.checks + 1)
    elif _was_known(app, invoice):
        _conclude(app, invoice, InvoiceStatus.REFUSED, "refused", invoice.trouble, invoice.detail)
    else:
        _conclude(app, invoice, InvoiceStatus.ISSUED, "absent", Trouble.NONE, "")


def _completed(portal: Portal, found: FoundInvoice) -> FoundInvoice:
    """With what a search left out and the invoice itself may say: it decides whether it is ours."""
    if found.recipient and found.gross is not None:
        return found
    held = portal.held(found.portal_id)
    gross = held.gross if found.gross is None else found.gross
    return replace(found, recipient=found.recipient or held.recipient, gross=gross)


def _adopt(app: App, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    with app.transaction() as tx:
        made = attempts.attempts(tx, invoice.id)
        deposited_at = made[-1].started_at if made else tx.now
        if not invoices.move(
            tx,
            invoice,
            InvoiceStatus.DEPOSITED,
            flux_number=found.flux_number,
            deposited_at=deposited_at,
            detail="",
        ):
            return
        attempts.close_attempts(
            tx, invoice.id, at=tx.now, detail=f"retrouvée sur le portail : {found.flux_number}"
        )
        tx.journal(
            EventTag.DEPOSIT_RECONCILED, invoice.number, verdict="found", flux=found.flux_number
        )


def _conclude(
    app: App,
    invoice: TrackedInvoice,
    to: InvoiceStatus,
    verdict: str,
    trouble: Trouble,
    detail: str,
) -> None:
    with app.transaction() as tx:
        if invoices.move(tx, invoice, to, flux_number="", trouble=trouble, detail=detail):
            if verdict == "refused":
                # It may speak of what the directory demands, as a report may (integration.py).
                directory.expire_entry(tx, invoice.siret)
            text = replace(invoice, trouble=trouble, detail=detail).french_detail
            text = text or "absence prouvée sur le portail : les mêmes octets seront renvoyés"
            attempts.close_attempts(tx, invoice.id, at=tx.now, detail=text)
            tx.journal(EventTag.DEPOSIT_RECONCILED, invoice.number, verdict=verdict, flux="")


def _look_again(app: App, invoice: TrackedInvoice, checks: int) -> None:
    step = min(checks, len(app.settings.portal.reconcile_after) - 1)
    with app.transaction() as tx:
        since = _uncertain_since(attempts.attempts(tx, invoice.id), invoice)
        since = min(since, tx.now)  # written by a clock that was ahead
        next_look = max(
            since + app.settings.portal.reconcile_after[step], tx.now + timedelta(minutes=1)
        )
        invoices.note(tx, invoice, checks=checks, next_check_at=next_look)


def _uncertain_since(attempts: Sequence[Attempt], invoice: TrackedInvoice) -> datetime:
    """What the waits are counted from: the attempt, unless its fate was known already.

    A closed one became uncertain later, by its verdict or by a person: counted from the attempt,
    all the waits might be over at once.
    """
    if not attempts or attempts[-1].closed_at is not None:
        return invoice.status_since
    return attempts[-1].started_at


def _control_passes(app: App, portal: Portal) -> bool:
    """The same kind of search finds an invoice we know the portal holds.

    Before the first invoice ever integrated there is none to look for: the whole window without
    any answer is then taken as proof, and the portal's own uniqueness control stands behind it.
    """
    with app.reading() as session:
        witness = due.known_to_portal(session)
    if witness is None:
        return True
    found = portal.find(invoice_number=witness.number)
    return any(candidate.portal_id == witness.portal_id for candidate in found)


def _was_known(app: App, invoice: TrackedInvoice) -> bool:
    """Whether the last deposit was answered or found: uncertain by a refusal or a person since."""
    with app.reading() as session:
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
    """The total with VAT (BT-112); whether the portal signs that of a credit note is unknown."""
    gross = ours.total - ours.rounding
    return found.gross == gross or (ours.is_credit_note and found.gross == -gross)


def _same_seller(found: FoundInvoice, seller: str) -> bool:
    """By SIREN, as the portal's own control of uniqueness (§0.4, 7)."""
    return not found.supplier or found.supplier[:_SIREN] == seller[:_SIREN]


def _same_year(found: FoundInvoice, ours: TrackedInvoice) -> bool:
    return found.issue_date is None or found.issue_date.year == (ours.issue_date or date.min).year
