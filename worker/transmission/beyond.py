"""Refuses numbers while the portal holds of our series what the books do not know.

Of a restored backup, of another machine, of hands at the portal: a number that the books would
give again may be at a member's already. So the portal is asked before the first number of a run
and before each credit note. A person closes what it shows: its number is passed over, and its
member is held back for the year that it may have been billed.
"""

from worker.app import App
from worker.billing.period import paris_day
from worker.billing.portal_document import finding
from worker.errors import Refused
from worker.portals import Portal
from worker.storage import Session, invoices, portal_documents
from worker.transmission.inventory import keep_shown, look_for_shown, take_inventory


def look_beyond(app: App, portal: Portal) -> None:
    """Ask the portal what it holds of the open years, and for the next number of each series.

    Raises:
        Refused: it shows what the books do not know; no number may be given.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    numbering = app.settings.numbering
    today = paris_day(app.clock())
    shown = take_inventory(app, portal)
    for prefix in (numbering.invoice, numbering.credit_note):
        with app.reading() as session:
            series = prefix.replace("{annee}", str(today.year))
            next_one = f"{series}{invoices.last_number(session, series) + 1:0{numbering.width}d}"
        keep_shown(app, portal.find(invoice_number=next_one))
    look_for_shown(app, portal, shown)
    with app.reading() as session:
        refuse_unknown(session)


def refuse_unknown(session: Session) -> None:
    """Raise Refused while the portal holds documents of ours that the books do not know."""
    found = portal_documents.still_beyond(session)
    if not found:
        return
    raise Refused(
        "Chorus Pro a des factures de nos séries que nos livres ne connaissent pas : aucun numéro "
        "n'est donné.",
        "Une sauvegarde a-t-elle été restaurée, ou une autre machine utilisée ? Rétablissez les "
        "livres les plus récents. Sinon, voyez chacune sur le portail, puis tapez : chorus-worker "
        'reconcile --close NUMERO --reason "…" ; son numéro sera sauté, et son membre retenu.',
        findings=tuple(finding(document) for document in found),
    )
