"""What is asked before a file leaves: whether the portal shows it, or what stands against it.

All that the portal shows is read again first, for another machine may have sent meanwhile. What
was handed over once is searched; before a credit note the whole chain is read; and one judgement
(billing/member_account.py) says whether the file would be the only account on its member.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from worker.app import App
from worker.billing.member_account import keeps_back
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import PortalAnswerError
from worker.portals import DepositOutcome, Portal
from worker.storage import attempts, due, invoices, member_accounts
from worker.storage.member_accounts import Seen
from worker.transmission.inventory import FRESH, is_older, look_for_shown, take_inventory
from worker.transmission.likeness import Likeness
from worker.transmission.reconcile import look_for, reconcile
from worker.transmission.refresh import refresh_account

_log = structlog.get_logger(__name__)
REACHED = frozenset(DepositOutcome) - {
    DepositOutcome.NOT_SENT,
    DepositOutcome.UNAUTHORISED,
    DepositOutcome.THROTTLED,
}
"""The outcomes of a file that the portal judged, or may have."""
PUT_OFF = timedelta(hours=4)
"""After a search whose answer could not be used, or that showed what stands against a deposit."""
LONGEST_REST = timedelta(days=1)
"""That a portal asks for."""


def read_again(app: App, portal: Portal, stop: Callable[[], bool]) -> None:
    """Know what another machine may have handed over meanwhile, before anything leaves.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked; nothing leaves.
    """
    now = app.clock()
    with app.reading() as session:
        waiting = due.invoices_due(
            session, (InvoiceStatus.ISSUED,), now, longest=LONGEST_REST, limit=1
        )
        if stop() or not waiting or not is_older(session, now, FRESH):
            return
    portal.sign_in()
    try:
        look_for_shown(app, portal, take_inventory(app, portal))
    except PortalAnswerError as error:
        # Numbers were given on a list that could be read; each goes on by what is known of it.
        _log.warning("inventory.unusable", message=error.message)


def may_leave(
    app: App, portal: Portal, batch: Sequence[TrackedInvoice], seen: Seen
) -> list[TrackedInvoice]:
    """Those that may be handed over: nothing at the portal stands against them.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    return [
        invoice
        for invoice in batch
        if _is_not_shown(app, portal, invoice) and _is_alone(app, portal, invoice, seen)
    ]


def _is_alone(app: App, portal: Portal, invoice: TrackedInvoice, seen: Seen | None) -> bool:
    """Whether it would be the only account on its member; else it waits for a person.

    Before a credit note leaves, the whole chain is read: its invoice may be rejected by now.
    """
    if invoice.is_credit_note:
        try:
            refresh_account(app, portal, invoice.siret, invoice.year)
        except PortalAnswerError as error:
            _put_off(app, invoice, error)
            return False
        seen = None
    with app.reading() as session:
        account = member_accounts.account(session, invoice.siret, invoice.year, seen)
        against = keeps_back(account, invoice)
    if against is None:
        return True
    trouble, detail = against
    with app.transaction() as tx:
        invoices.note(tx, invoice, trouble=trouble, detail=detail, next_check_at=tx.now + PUT_OFF)
    return False


def _is_not_shown(app: App, portal: Portal, invoice: TrackedInvoice) -> bool:
    """Whether no search shows it; one that was handed over before is searched, whatever its past.

    Shown, it is uncertain again, and reconciled at once.
    """
    with app.reading() as session:
        made = attempts.attempts(session, invoice.id)
    # An attempt without any outcome was interrupted: it may have reached the portal.
    if not any(one.outcome in {"", *REACHED} for one in made):
        return True
    try:
        kind = look_for(app, portal, invoice).kind
    except PortalAnswerError as error:
        if invoice.trouble is Trouble.DECLARED_ABSENT:
            # No search ever tells anything about it: a person looked.
            return True
        _put_off(app, invoice, error)
        return False
    if kind is Likeness.UNRELATED:
        return True
    with app.transaction() as tx:
        moved = invoices.move(tx, invoice, InvoiceStatus.UNKNOWN, trouble=Trouble.SHOWN, detail="")
    if moved:
        with app.reading() as session:
            shown = invoices.by_id(session, invoice.id)
        reconcile(app, portal, shown)
    return False


def _put_off(app: App, invoice: TrackedInvoice, error: PortalAnswerError) -> None:
    with app.transaction() as tx:
        invoices.note(
            tx,
            invoice,
            checks=invoice.checks + 1,
            next_check_at=tx.now + PUT_OFF,
            detail=error.message,
        )
