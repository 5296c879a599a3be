"""What the portal holds of our series beyond the books: of a restored backup, of another machine.

A number that the books would give again may be at a member's already. So the portal is asked before
the first number of a run and before each credit note; what it shows of our series and no row of the
books stands for is kept, and no number is given while it is open. A person closes it: its number is
passed over, and its member is held back for the year that it may have been billed.
"""

import re
from collections.abc import Iterable
from datetime import date
from itertools import chain

from worker.app import App
from worker.billing.identifiers import number_forms, siren_of
from worker.billing.journal import EventTag
from worker.billing.period import paris_day
from worker.billing.status import InvoiceStatus, Trouble
from worker.billing.unknown_document import UnknownDocument, finding
from worker.errors import Refused
from worker.portals import FoundInvoice, Portal
from worker.settings.keys import Numbering
from worker.storage import Session, Transaction, invoices, unknown_documents
from worker.transmission.likeness import MIDNIGHT, Likeness, Ours, closest


def look_beyond(app: App, portal: Portal) -> None:
    """Ask the portal what it holds of this year, and for the next number of each series.

    Raises:
        Refused: it shows what the books do not know; no number may be given.
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    numbering = app.settings.numbering
    today = paris_day(app.clock())
    shown = list(portal.issued(date(today.year, 1, 1) - MIDNIGHT, today + MIDNIGHT))
    for prefix in (numbering.invoice, numbering.credit_note):
        with app.reading() as session:
            series = prefix.replace("{annee}", str(today.year))
            next_one = f"{series}{invoices.last_number(session, series) + 1:0{numbering.width}d}"
        shown += portal.find(invoice_number=next_one)
    keep_unknown(app, shown)
    _doubt_issued(app, shown)
    with app.reading() as session:
        refuse_unknown(session)


def _doubt_issued(app: App, shown: Iterable[FoundInvoice]) -> None:
    """Have what the books call not deposited, and the portal shows, looked for instead of sent.

    Books older than its deposit do not know of it: no attempt says that it went.
    """
    with app.reading() as session:
        waiting = invoices.tracked(session, statuses=(InvoiceStatus.ISSUED,))
    for invoice in waiting:
        ours = Ours(invoice=invoice, seller=app.settings.syndicat.siret)
        if closest(tuple(shown), ours)[0] is not Likeness.UNRELATED:
            with app.transaction() as tx:
                invoices.move(tx, invoice, InvoiceStatus.UNKNOWN, trouble=Trouble.SHOWN, detail="")


def keep_unknown(app: App, shown: Iterable[FoundInvoice]) -> None:
    """Keep what is of one of our series and not in the books; told to a person from then on."""
    seller = siren_of(app.settings.syndicat.siret)
    ours = [
        found
        for found in shown
        if (not found.supplier or siren_of(found.supplier) == seller)
        and rank_in_series(app.settings.numbering, found.number) is not None
    ]
    if not ours:
        return
    with app.reading() as session:
        known = invoices.numbers(session)
    forms = frozenset(chain.from_iterable(map(number_forms, known)))
    for found in ours:
        if forms.isdisjoint(number_forms(found.number)):
            with app.transaction() as tx:
                _keep(tx, found)


def _keep(tx: Transaction, found: FoundInvoice) -> None:
    document = UnknownDocument(
        portal_id=found.portal_id,
        number=found.number,
        recipient=found.recipient,
        gross=found.gross,
        issue_date=found.issue_date,
        flux_number=found.flux_number,
        raw_status=found.raw_status,
        seen_at=tx.now,
    )
    if unknown_documents.keep(tx, document):
        amount = "" if found.gross is None else str(found.gross)
        tx.journal(
            EventTag.DOCUMENT_UNKNOWN,
            found.number,
            portal_id=found.portal_id,
            flux=found.flux_number,
            recipient=found.recipient,
            total_ttc=amount,
        )


def refuse_unknown(session: Session) -> None:
    """Raise Refused while the portal holds documents of ours that the books do not know."""
    found = unknown_documents.still_open(session)
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


def rank_in_series(numbering: Numbering, number: str) -> tuple[str, int] | None:
    """The series of ours that a number belongs to, however written, and its rank; else None."""
    written = _plain(number)
    for prefix in (numbering.invoice, numbering.credit_note):
        before, after = map(_plain, prefix.split("{annee}", 1))
        match = re.fullmatch(rf"{before}(\d{{4}}){after}(\d+)", written)
        if match is not None:
            return prefix.replace("{annee}", match[1]), int(match[2])
    return None


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
