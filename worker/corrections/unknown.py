"""Closes what the portal holds of our series and the books do not know, once a person looked."""

from worker.app import App
from worker.billing.identifiers import is_same_number, siren_of
from worker.billing.journal import EventTag
from worker.billing.text import stated_reason
from worker.billing.unknown_document import UnknownDocument
from worker.errors import WrongUse
from worker.issuing.holds import place_hold
from worker.storage import Transaction, holds, imported, invoices, unknown_documents
from worker.transmission.beyond import rank_in_series


def close_unknown(app: App, number: str, reason: str) -> None:
    """Close the documents of this number: it is passed over, and its member held back.

    The member is held for the year before that of the document: it may have been billed by it,
    and is billed by the books only once a person lets it go on.

    Raises:
        WrongUse: none of this number is open, or no reason that can be read.
    """
    reason = stated_reason(reason)
    with app.transaction() as tx:
        found = [
            document
            for document in unknown_documents.still_open(tx)
            if is_same_number(document.number, number)
        ]
        if not found:
            raise WrongUse(
                f"Aucune facture {number} n'est sur le portail hors de nos livres.",
                "Tapez « status --todo » : il donne celles qui y sont.",
            )
        for document in found:
            unknown_documents.close(tx, document.portal_id, reason, tx.now)
            tx.journal(
                EventTag.DOCUMENT_CLOSED,
                document.number,
                portal_id=document.portal_id,
                reason=reason,
            )
            in_series = rank_in_series(app.settings.numbering, document.number)
            if in_series is not None:
                invoices.pass_over(tx, *in_series)
            _hold_its_member(tx, document)


def _hold_its_member(tx: Transaction, document: UnknownDocument) -> None:
    if document.issue_date is None:
        return
    year = document.issue_date.year - 1
    for siret in imported.known_sirets(tx):
        current = invoices.current(tx, siret, year)
        is_billed = current is not None and bool(current.number)
        if siren_of(siret) != siren_of(document.recipient) or is_billed:
            continue
        if holds.in_force(tx, siret, year) is None:
            reason = f"{document.number} est sur Chorus Pro hors de nos livres, peut-être pour lui"
            place_hold(tx, siret, year, reason)
