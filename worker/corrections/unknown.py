"""Closes a document that the portal shows otherwise than the books, once a person looked."""

from worker.app import App
from worker.billing.identifiers import is_same_buyer, is_same_number, rank_in_series
from worker.billing.journal import EventTag
from worker.billing.member_account import balance_of
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import InvoiceStatus, Trouble
from worker.billing.text import stated_reason
from worker.errors import WrongUse
from worker.issuing.holds import place_hold
from worker.storage import Transaction, holds, imported, invoices, member_accounts, portal_documents


def close_unknown(app: App, number: str, reason: str) -> None:
    """Close the documents of this number that wait for a person.

    One of our series is passed over, and its member held back for the year before its date: it
    may have been billed by it, and is billed by the books only once a person lets it go on. Of any
    other, nothing is told any more, until the portal shows it rejected, or living again.

    Raises:
        WrongUse: none of this number waits, or no reason that can be read.
    """
    reason = stated_reason(reason)
    numbering = app.settings.numbering
    with app.transaction() as tx:
        found = [
            document for document in _waiting(tx, app) if is_same_number(document.number, number)
        ]
        if not found:
            raise WrongUse(
                f"Aucun document {number} n'attend d'être clos : le portail n'en montre pas hors "
                "de nos livres ni contre eux.",
                "Tapez « status --todo » : il donne celles qui attendent.",
            )
        for document in found:
            portal_documents.close(tx, document, reason, tx.now)
            tx.journal(
                EventTag.DOCUMENT_CLOSED,
                document.number,
                portal_id=document.portal_id,
                reason=reason,
            )
            in_series = rank_in_series((numbering.invoice, numbering.credit_note), document.number)
            if in_series is not None and document.standing is Standing.BEYOND:
                invoices.pass_over(tx, *in_series)
            if document.standing is Standing.BEYOND:
                _hold_its_member(tx, document)
            _let_leave(tx, document)


def _waiting(tx: Transaction, app: App) -> list[PortalDocument]:
    """What is beyond the books, and what the portal and the books disagree about."""
    judged = (balance_of(account, app.clock()) for account in member_accounts.accounts(tx))
    shown = [
        document
        for balance in judged
        for disagreement in balance.disagreements
        for document in disagreement.shown
    ]
    rivals = [
        document
        for document in portal_documents.shown(tx)
        if document.standing is Standing.FOREIGN and document.lives and not document.closed
    ]
    every = (*portal_documents.still_beyond(tx), *shown, *rivals)
    return list({(one.portal_id, one.number): one for one in every}.values())


def _let_leave(tx: Transaction, document: PortalDocument) -> None:
    """What waited because of it is looked at again at the next deposit."""
    for invoice in invoices.tracked(tx, statuses=(InvoiceStatus.ISSUED,)):
        waits = invoice.trouble is Trouble.RIVAL
        if waits and is_same_buyer(document.recipient, invoice.siret):
            invoices.note(tx, invoice, next_check_at=None)


def _hold_its_member(tx: Transaction, document: PortalDocument) -> None:
    if document.issue_date is None:
        return
    year = document.issue_date.year - 1
    for siret in imported.known_sirets(tx):
        current = invoices.current(tx, siret, year)
        is_billed = current is not None and bool(current.number)
        if not is_same_buyer(document.recipient, siret) or is_billed:
            continue
        if holds.in_force(tx, siret, year) is None:
            reason = f"{document.number} est sur Chorus Pro hors de nos livres, peut-être pour lui"
            place_hold(tx, siret, year, reason)
