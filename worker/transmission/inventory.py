"""Keeps every document of ours that the portal shows, whatever question it answered.

Known to the books or not, the last word about it is kept with its hour, and what the books call
not deposited or refused and the portal shows is looked for at once: nothing that a search, the
news or the list of the year shows is dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import chain

from worker.app import App
from worker.billing.identifiers import (
    is_same_document,
    number_forms,
    rank_in_series,
    siren_of,
)
from worker.billing.journal import EventTag
from worker.billing.period import paris_day
from worker.billing.portal_document import PortalDocument, Standing
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import PortalAnswerError, UnreadableRecord
from worker.portals import FoundInvoice, Portal
from worker.settings.keys import Numbering
from worker.storage import (
    Session,
    Transaction,
    attempts,
    due,
    imported,
    invoices,
    observations,
    portal_documents,
)
from worker.transmission.likeness import MIDNIGHT, Likeness, Ours, closest
from worker.transmission.reconcile import reconcile

EVERY = timedelta(days=1)
"""How often all that the portal shows of the open years is read."""
FRESH = timedelta(minutes=1)
"""Before a first deposit, what was read this lately is not read again."""
_NOT_FOLLOWED = (InvoiceStatus.ISSUED, InvoiceStatus.REFUSED, InvoiceStatus.CANCELLED)
_LIKE_OURS = (Likeness.SAME, Likeness.NEARLY, Likeness.UNCLEAR)


def open_years(now: datetime) -> tuple[date, date]:
    """The days of issue that stay watched: of this year and the last, midnights included."""
    today = paris_day(now)
    return date(today.year - 1, 1, 1) - MIDNIGHT, today + MIDNIGHT


def is_older(session: Session, now: datetime, age: timedelta) -> bool:
    """Whether all was last read before that long, or never; by a clock that was ahead, too."""
    read_at = portal_documents.inventory(session)
    return read_at is None or not timedelta() <= now - read_at < age


def is_inventory_due(session: Session, now: datetime) -> bool:
    """Whether all is to be read again: something was handed over in the open years."""
    return is_older(session, now, EVERY) and due.was_handed_over(session, open_years(now)[0])


def take_inventory(app: App, portal: Portal) -> tuple[FoundInvoice, ...]:
    """Read and keep all that the portal shows of the open years.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    now = app.clock()
    shown = portal.issued(*open_years(now))
    keep_shown(app, shown)
    with app.transaction() as tx:
        portal_documents.note_inventory(tx, now)
    return shown


def keep_shown(app: App, shown: Iterable[FoundInvoice]) -> None:
    """Keep what is ours of what the portal shows; what the books do not know is journalled."""
    seller = siren_of(app.settings.syndicat.siret)
    ours = [one for one in shown if not one.supplier or siren_of(one.supplier) == seller]
    if not ours:
        return
    with app.transaction() as tx:
        books = _by_form(invoices.numbered(tx))
        members = {siren_of(siret) for siret in imported.known_sirets(tx)}
        before = {(one.portal_id, one.number): one for one in portal_documents.shown(tx)}
        kept = []
        for found in ours:
            standing = _standing(found, books, members, app.settings.numbering)
            if standing is None:
                continue
            document = _document(found, standing, tx.now)
            kept.append(document)
            past = before.get((document.portal_id, document.number))
            if standing is Standing.BEYOND and (past is None or past.standing is not standing):
                tx.journal(
                    EventTag.DOCUMENT_UNKNOWN,
                    found.number,
                    portal_id=found.portal_id,
                    flux=found.flux_number,
                    recipient=found.recipient,
                    total_ttc="" if found.gross is None else str(found.gross),
                )
            elif standing is Standing.KNOWN and (
                past is None or past.raw_status != found.raw_status
            ):
                _observe(tx, _under(found.number, books), found)
        portal_documents.keep(tx, kept)


def _observe(tx: Transaction, known: Iterable[TrackedInvoice], found: FoundInvoice) -> None:
    """Of what is followed, the follow-up itself says what it was seen to be."""
    for invoice in known:
        is_same = is_same_document(found.number, found.recipient, invoice.number, invoice.siret)
        if not is_same or invoice.trouble is Trouble.UNREADABLE:
            continue
        if invoice.status is InvoiceStatus.CANCELLED:
            invoices.note(tx, invoice, portal_status=found.raw_status)
        if invoice.status in _NOT_FOLLOWED:
            observations.observe(
                tx,
                invoice.id,
                source="search",
                raw_status=found.raw_status,
                portal_at="" if found.status_at is None else found.status_at.isoformat(),
                comment=found.comment,
                raw="",
                at=tx.now,
            )


def look_for_shown(app: App, portal: Portal, shown: Sequence[FoundInvoice]) -> None:
    """Look for what the books call refused or not deposited, and the portal shows.

    No verdict on a file is the last word: it may be replayed, or books may be older than it.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    if not shown:
        return
    with app.reading() as session:
        fluxes: dict[int, tuple[str, ...]] = {}
        waiting = invoices.tracked(session, statuses=(InvoiceStatus.ISSUED, InvoiceStatus.REFUSED))
        for one in waiting:
            with suppress(UnreadableRecord):
                fluxes[one.id] = attempts.fluxes(session, one.id)
    for invoice in waiting:
        if invoice.id not in fluxes or invoice.trouble is Trouble.UNREADABLE:
            continue
        ours = Ours(invoice=invoice, seller=app.settings.syndicat.siret, fluxes=fluxes[invoice.id])
        kind = closest(shown, ours)[0]
        if kind is Likeness.UNRELATED or (
            kind not in _LIKE_OURS and invoice.status is InvoiceStatus.REFUSED
        ):
            continue
        with app.transaction() as tx:
            moved = invoices.move(
                tx, invoice, InvoiceStatus.UNKNOWN, trouble=Trouble.SHOWN, detail=""
            )
        if not moved:
            continue
        with app.reading() as session:
            uncertain = invoices.by_id(session, invoice.id)
        try:
            reconcile(app, portal, uncertain)
        except (PortalAnswerError, UnreadableRecord):
            continue  # uncertain, it is due at once


def _by_form(numbered: Iterable[TrackedInvoice]) -> Mapping[str, list[TrackedInvoice]]:
    books: dict[str, list[TrackedInvoice]] = {}
    for invoice in numbered:
        for form in number_forms(invoice.number):
            books.setdefault(form, []).append(invoice)
    return books


def _under(number: str, books: Mapping[str, list[TrackedInvoice]]) -> Sequence[TrackedInvoice]:
    having_it = chain.from_iterable(books.get(form, ()) for form in number_forms(number))
    return list({invoice.id: invoice for invoice in having_it}.values())


def _standing(
    found: FoundInvoice,
    books: Mapping[str, list[TrackedInvoice]],
    members: set[str],
    numbering: Numbering,
) -> Standing | None:
    """What the books know of it; None for what concerns neither our series nor our members."""
    buyer = siren_of(found.recipient)
    if known := _under(found.number, books):
        anothers = buyer in members and all(siren_of(one.siret) != buyer for one in known)
        return Standing.BEYOND if anothers else Standing.KNOWN
    if rank_in_series((numbering.invoice, numbering.credit_note), found.number) is not None:
        return Standing.BEYOND
    return Standing.FOREIGN if buyer in members else None


def _document(found: FoundInvoice, standing: Standing, now: datetime) -> PortalDocument:
    return PortalDocument(
        portal_id=found.portal_id,
        number=found.number,
        recipient=found.recipient,
        gross=found.gross,
        issue_date=found.issue_date,
        flux_number=found.flux_number,
        lives=found.lives,
        raw_status=found.raw_status,
        standing=standing,
        first_seen_at=now,
        seen_at=now,
    )
