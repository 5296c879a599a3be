"""Finds out what became of uncertain deposits, by searching the portal for the invoice.

Found and the same: adopted. Nearly the same: a person compares both. Found for another buyer: the
number is taken, a person must look. Not found after a refusal: refused. Not found otherwise: only
after the whole window of searches, and with a positive control (the same search finds an invoice
known to be there), is it proven absent and sent again, same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.portals import DepositOutcome, FluxState, FoundInvoice, Portal
from worker.portals.in_turn import in_turn
from worker.storage import attempts, directory, due, invoices
from worker.storage.attempts import Attempt
from worker.transmission.likeness import (
    Likeness,
    Ours,
    closest,
    described,
    differences,
    is_one_of,
    likeness,
)
from worker.transmission.portal_file import other_bytes

TURNED_AWAY = (Trouble.TURNED_AWAY, Trouble.LOT_TURNED_AWAY)
"""After a refusal by the portal itself, whatever its words, one search decides."""
ITS_OWN = {None, 200}
"""HTTP statuses with which the portal refuses (§4.1); any other may be a proxy's, that handed the
file over before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a search by number shows of an invoice: what is most like it, if anything."""

    kind: Likeness
    found: FoundInvoice | None = None


def look_for(app: App, portal: Portal, invoice: TrackedInvoice) -> Seen:
    """Search the portal for an invoice by its number.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        made = attempts.attempts(session, invoice.id)
    ours = Ours(
        invoice=invoice,
        seller=app.settings.syndicat.siret,
        fluxes=tuple(filter(None, (invoice.flux_number, *(one.flux_number for one in made)))),
    )
    shown = [
        _completed(portal, candidate)
        for candidate in portal.find(invoice_number=invoice.number)
        if likeness(candidate, ours) is not Likeness.UNRELATED
    ]
    return Seen(*closest(shown, ours))


def may_live(portal: Portal, ours: TrackedInvoice, attempt: Attempt) -> bool:
    """Whether the file of an earlier delivery may still be integrated: it had no certain end.

    No answer came, or a person gave it up and the portal has not refused it.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    unanswered = attempt.outcome in {"", DepositOutcome.UNKNOWN.value}
    return unanswered or is_alive(portal, ours, attempt)


def earlier_file_may_live(app: App, portal: Portal, invoice: TrackedInvoice) -> bool:
    """Whether a file before the last one may still be integrated.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    with app.reading() as session:
        earlier = attempts.attempts(session, invoice.id)[:-1]
    return any(may_live(portal, invoice, attempt) for attempt in earlier)


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
        lambda one: reconcile(app, portal, one),
        lambda one, _: _look_again(app, one, one.checks),
        stop,
    ):
        with app.reading() as session:
            report(invoices.by_id(session, invoice.id))


def reconcile(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """Look for one uncertain deposit, and conclude what can be concluded.

    Raises:
        PortalError, PortalAccessRefused: the search cannot be trusted now; nothing is decided.
    """
    seen = look_for(app, portal, invoice)
    match seen:
        case Seen(Likeness.SAME, FoundInvoice() as found):
            _adopt_compared(app, portal, invoice, found)
        case Seen(Likeness.NEARLY, FoundInvoice() as found):
            _compare(app, invoice, differences(found, invoice))
        case Seen(Likeness.OTHER, FoundInvoice() as found):
            taken = Trouble.NUMBER_TAKEN
            _conclude(app, invoice, InvoiceStatus.REFUSED, "clash", taken, described(found))
        case Seen(Likeness.UNRELATED):
            _conclude_absence(app, portal, invoice)
        case _:
            _look_again(app, invoice, invoice.checks + 1)


def _conclude_absence(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """What it means that no search shows it: after a refusal, at once; else after the window."""
    none = Trouble.NONE
    refused = invoice.trouble in TURNED_AWAY
    if refused and earlier_file_may_live(app, portal, invoice):
        # Refused as its copy, maybe, in whatever words: the earlier one is looked for as long.
        _look_again(app, invoice, 0, Trouble.DUPLICATE_REFUSED, invoice.detail)
    elif not (refused and _is_the_portals_own(app, invoice)) and (
        # What was nearly ours may be shown again.
        invoice.trouble is Trouble.NEARLY_OURS
        or invoice.checks + 1 < len(app.settings.portal.reconcile_after)
        or not _control_passes(app, portal)
    ):
        _look_again(app, invoice, invoice.checks + 1, invoice.trouble if refused else none)
    elif invoice.trouble is Trouble.TURNED_AWAY:
        _conclude(app, invoice, InvoiceStatus.REFUSED, "refused", none, invoice.detail)
    elif _was_known(app, invoice) and not refused:
        _conclude(app, invoice, InvoiceStatus.REFUSED, "refused", invoice.trouble, invoice.detail)
    else:
        # Whose fault a refused lot is stays unknown: each of it goes alone next time.
        _conclude(app, invoice, InvoiceStatus.ISSUED, "absent", none, "")


def _is_the_portals_own(app: App, invoice: TrackedInvoice) -> bool:
    """Whether the portal itself refused the last file."""
    with app.reading() as session:
        return attempts.attempts(session, invoice.id)[-1].http_status in ITS_OWN


def _adopt_compared(app: App, portal: Portal, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    """Adopt it; without our flux number for proof, once its bytes are compared where possible."""
    with app.reading() as session:
        fluxes = (invoice.flux_number, *attempts.fluxes(session, invoice.id))
    other = "" if is_one_of(found.flux_number, fluxes) else other_bytes(app, portal, invoice, found)
    if other:
        _compare(app, invoice, (other,))
    else:
        adopt(app, invoice, found)


def _compare(app: App, invoice: TrackedInvoice, differing: Sequence[str]) -> None:
    """It is nearly ours: uncertain until a person says what it is; both values are shown."""
    _look_again(
        app,
        invoice,
        invoice.checks + 1,
        trouble=Trouble.NEARLY_OURS,
        detail=" ; ".join(differing),
    )


def _completed(portal: Portal, found: FoundInvoice) -> FoundInvoice:
    """With what a search left out and the invoice itself may say: it decides whether it is ours."""
    if found.recipient and found.gross is not None:
        return found
    held = portal.held(found.portal_id)
    gross = held.gross if found.gross is None else found.gross
    return replace(found, recipient=found.recipient or held.recipient, gross=gross)


def adopt(app: App, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    """Take what the portal holds for our deposit."""
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


def _look_again(
    app: App,
    invoice: TrackedInvoice,
    checks: int,
    trouble: Trouble = Trouble.NONE,
    detail: str | None = None,
) -> None:
    step = min(checks, len(app.settings.portal.reconcile_after) - 1)
    with app.transaction() as tx:
        since = _uncertain_since(attempts.attempts(tx, invoice.id), invoice)
        since = min(since, tx.now)  # written by a clock that was ahead
        next_look = max(
            since + app.settings.portal.reconcile_after[step], tx.now + timedelta(minutes=1)
        )
        invoices.note(
            tx, invoice, checks=checks, next_check_at=next_look, trouble=trouble, detail=detail
        )


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
