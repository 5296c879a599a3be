"""Reads at the portal all that a member has for a year, before anything is decided about it.

The invoice, its credit notes and what replaced them; what follows from it is judged in
billing/member_account.py.
"""

from worker.app import App
from worker.billing.status import AT_THE_BUYER, InvoiceStatus, TrackedInvoice
from worker.portals import Portal
from worker.storage import directory, invoices
from worker.transmission.integration import conclude_by_search
from worker.transmission.inventory import keep_shown, look_for_shown
from worker.transmission.search_rows import SearchRows
from worker.transmission.statuses import learn_shown

_NUMBERLESS = (InvoiceStatus.DRAFT, InvoiceStatus.PARKED)


def refresh_account(app: App, portal: Portal, siret: str, year: int) -> None:
    """Search each document of a member and year by its number, and learn what changed.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked; nothing may be decided.
    """
    with app.reading() as session:
        held = invoices.of_member(session, siret, year)
    for invoice in held:
        if invoice.status not in _NUMBERLESS and not invoice.is_internal:
            _read(app, portal, invoice)


def _read(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    shown = portal.find(invoice_number=invoice.number)
    keep_shown(app, shown)
    look_for_shown(app, portal, shown)
    rows = SearchRows(app.settings.syndicat.siret, shown)
    with app.reading() as session:
        present = invoices.by_id(session, invoice.id)
    if present.status is InvoiceStatus.DEPOSITED and rows.of(present) is not None:
        conclude_by_search(app, portal, present)
    with app.reading() as session:
        present = invoices.by_id(session, invoice.id)
        followed = present.status in AT_THE_BUYER or (
            present.status is InvoiceStatus.SETTLED
            and present.portal_id is not None
            and not directory.payment_reported(session, present.siret)
        )
    found = rows.of(present)
    if followed and found is not None and found.raw_status != present.portal_status:
        learn_shown(app, portal, present, found)
