"""Follows integrated invoices at their buyers', until they are settled.

Asked by period, not invoice by invoice: "what changed since?" costs what changed, not what is
pending. Each invoice that changed is then asked about once, for its whole history. Chorus Pro
imposes no order on its statuses: each is kept as it came, and ours is derived from the current one.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.period import PARIS
from worker.billing.status import (
    AT_THE_BUYER,
    MOVES,
    InvoiceStatus,
    TrackedInvoice,
    Trouble,
)
from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.portals import BuyerStatus, FoundInvoice, InvoiceHistory, Portal
from worker.portals.in_turn import in_turn
from worker.storage import Session, Transaction, directory, due, invoices, observations
from worker.storage.observations import News
from worker.transmission.inventory import (
    is_inventory_due,
    keep_shown,
    look_for_shown,
    take_inventory,
)
from worker.transmission.search_rows import SearchRows

OVERLAP = timedelta(hours=24)
"""Read again each time: the portal may show a change well after the instant it dates it."""
WHOLE = timedelta(days=7)
"""How often the news are read from the beginning: a change shown still later is seen then."""
PUT_OFF = timedelta(hours=4)
"""After an answer about one invoice that could not be used."""
MOST_TRIES = 12
_LOOKED_AT = (*AT_THE_BUYER, InvoiceStatus.CANCELLED)

Report = Callable[[TrackedInvoice], None]
Stop = Callable[[], bool]


def is_due(session: Session, now: datetime, status_after: timedelta) -> bool:
    """Whether the portal has to be asked about what it holds."""
    if due.awaited(session, _LOOKED_AT, now) or is_inventory_due(session, now):
        return True
    return _is_news_due(session, now, status_after)


def _is_news_due(session: Session, now: datetime, status_after: timedelta) -> bool:
    first = due.first_deposit(session, AT_THE_BUYER, settled_after=now - due.HEARD)
    return first is not None and _is_stale(observations.news(session), now, status_after)


def read_statuses(app: App, portal: Portal, report: Report, stop: Stop) -> None:
    """Ask what changed since the last time, when that is due; tell each invoice that did.

    Once a day all that the portal shows of the open years is read beside it: what changed without
    being news, under another identifier, or of what the books had done with, is seen then.

    Read from the beginning, the news also tell which invoices the portal no longer shows: each is
    asked about by itself.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked; what was learnt stays, and
            the same period is asked again.
    """
    now = app.clock()
    if stop():
        return
    with app.reading() as session:
        news_are_due = _is_news_due(session, now, app.settings.portal.status_after)
        first = due.first_deposit(session, AT_THE_BUYER, settled_after=now - due.HEARD)
        read = observations.news(session)
        inventory_is_due = is_inventory_due(session, now)
    whole = read is None or not timedelta() <= now - read.read_whole_at < WHOLE
    shown: tuple[FoundInvoice, ...] = ()
    if news_are_due and first is not None:
        since = first if whole or read is None else read.read_until
        since = min(since, now)  # written by a clock that was ahead, it would hide what changed
        shown = portal.changed(since - OVERLAP, now)
        keep_shown(app, shown)
    if inventory_is_due:
        shown += take_inventory(app, portal)
    look_for_shown(app, portal, shown)
    asked = _changed(app, shown, whole=whole and news_are_due, now=now)
    _ask_each(app, portal, asked, report, stop)
    if stop() or not news_are_due:
        return
    with app.transaction() as tx:
        read_whole_at = now if whole or read is None else read.read_whole_at
        observations.note_news(tx, News(read_until=now, read_whole_at=read_whole_at))


def _changed(
    app: App, shown: Sequence[FoundInvoice], *, whole: bool, now: datetime
) -> list[tuple[TrackedInvoice, FoundInvoice | None]]:
    """The invoices at their buyers' that are shown otherwise than we know them.

    ``whole``: read from the beginning, those that are not shown are asked about too.
    """
    rows = SearchRows(app.settings.syndicat.siret, shown)
    with app.reading() as session:
        pending = due.held(session, AT_THE_BUYER)
        settled = [
            invoice
            for invoice in due.held(session, (InvoiceStatus.SETTLED,))
            # Payment is final; approval is not, and may be followed by a rejection.
            if rows.of(invoice) and not directory.payment_reported(session, invoice.siret)
        ]
        seen = {
            invoice.id: found
            for invoice in (*pending, *settled)
            if (found := rows.of(invoice)) is not None
        }
        asked: list[tuple[TrackedInvoice, FoundInvoice | None]] = [
            (invoice, seen[invoice.id])
            for invoice in (*pending, *settled)
            if invoice.id in seen and _is_new(session, invoice, seen[invoice.id])
        ]
    if whole:
        asked += [
            (invoice, None)
            for invoice in pending
            if invoice.id not in seen
            and now - invoice.status_since >= OVERLAP
            and invoice.checks < MOST_TRIES
        ]
    # One that was put off has an hour of its own (ask_about_put_off): its history asked for here
    # too, it would stop the others' news each time.
    return [
        (invoice, found)
        for invoice, found in asked
        if not _is_put_off(invoice, now)
        or (found is not None and found.status is not BuyerStatus.UNRECOGNISED)
    ]


def ask_about_put_off(app: App, portal: Portal, report: Report, stop: Stop) -> None:
    """Ask again about the invoices that were put off, and acknowledge rejections dealt with.

    Raises:
        PortalError, PortalAccessRefused: as ``read_statuses``.
    """
    with app.reading() as session:
        put_off = due.awaited(session, _LOOKED_AT, app.clock())
    _ask_each(app, portal, ((invoice, None) for invoice in put_off), report, stop)


def learn(tx: Transaction, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    """Write what a search says of an integrated invoice, and move it where that leads."""
    _observe(tx, invoice, found)
    _move(tx, invoice, found.status, found.raw_status, found.comment)


def _observe(tx: Transaction, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    observations.observe(
        tx,
        invoice.id,
        source="search",
        raw_status=found.raw_status,
        portal_at=_when(found),
        comment=found.comment,
        raw="",
        at=tx.now,
    )


def _is_stale(read: News | None, now: datetime, status_after: timedelta) -> bool:
    # A clock that was set back must not silence us until it is past where it was.
    return read is None or not timedelta() <= now - read.read_until < status_after


def _is_new(session: Session, invoice: TrackedInvoice, found: FoundInvoice) -> bool:
    # A word seen before is new again when we show another: the history may have lagged behind the
    # search, or said something else, and a status may come back without a date.
    return found.raw_status != invoice.portal_status or not observations.is_observed(
        session, invoice.id, source="search", raw_status=found.raw_status, at=_when(found)
    )


def _is_put_off(invoice: TrackedInvoice, now: datetime) -> bool:
    # Further ahead, its hour was written by a clock that was wrong.
    next_look = invoice.next_check_at
    return next_look is not None and now < next_look <= now + PUT_OFF


def _when(found: FoundInvoice) -> str:
    return "" if found.status_at is None else found.status_at.isoformat()


def _ask_each(
    app: App,
    portal: Portal,
    asked: Iterable[tuple[TrackedInvoice, FoundInvoice | None]],
    report: Report,
    stop: Stop,
) -> None:
    for invoice, _ in in_turn(
        asked,
        lambda one: _ask_one(app, portal, *one),
        lambda one, error: _put_off(app, one[0], error),
        stop,
    ):
        with app.reading() as session:
            report(invoices.by_id(session, invoice.id))


def _ask_one(app: App, portal: Portal, invoice: TrackedInvoice, found: FoundInvoice | None) -> None:
    if invoice.status is InvoiceStatus.CANCELLED:
        _acknowledge(app, portal, invoice)
        return
    if found is not None and found.portal_id != invoice.portal_id:
        # One invoice under two identifiers: which of them stands is asked by its number.
        found = SearchRows(
            app.settings.syndicat.siret, portal.find(invoice_number=invoice.number)
        ).of(invoice)
        if found is None:
            return
        invoice = _under_identifier(app, invoice, found)
    if found is not None and (invoice.checks >= MOST_TRIES or _is_put_off(invoice, app.clock())):
        # Its history was asked for in vain: what the search says is not to wait for it.
        with app.transaction() as tx:
            learn(tx, invoice, found)
    else:
        ask_history(app, portal, invoice, found)


def _under_identifier(app: App, invoice: TrackedInvoice, found: FoundInvoice) -> TrackedInvoice:
    """Follow an invoice under the identifier that the portal now shows it by."""
    if found.portal_id != invoice.portal_id:
        with app.transaction() as tx:
            invoices.note(tx, invoice, cpp_id=int(found.portal_id))
            tx.journal(
                EventTag.STATUS_CHANGED,
                invoice.number,
                cpp=[invoice.portal_id, found.portal_id],
                portal=found.raw_status,
            )
    with app.reading() as session:
        return invoices.by_id(session, invoice.id)


def learn_shown(app: App, portal: Portal, invoice: TrackedInvoice, found: FoundInvoice) -> None:
    """Learn what a search shows of an invoice, with its history when that can be read.

    Raises:
        PortalDown, PortalAccessRefused: the portal cannot be asked.
    """
    invoice = _under_identifier(app, invoice, found)
    try:
        ask_history(app, portal, invoice, found)
    except PortalAnswerError:
        with app.transaction() as tx:
            learn(tx, invoice, found)


def ask_history(
    app: App, portal: Portal, invoice: TrackedInvoice, found: FoundInvoice | None = None
) -> None:
    """Learn every status of one invoice, and move it where the current one leads.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
        PortalAnswerError: its answer cannot be used.
    """
    history = portal.history(invoice.id_at_portal)
    current: InvoiceHistory | FoundInvoice = history
    if found is not None and _is_behind(history, found):
        current = found
    with app.transaction() as tx:
        comment = ""
        for entry in history.entries:
            observations.observe(
                tx,
                invoice.id,
                source="history",
                raw_status=entry.raw_status,
                portal_at=entry.at,
                comment=entry.comment,
                raw="",
                at=tx.now,
            )
            if entry.raw_status == current.raw_status and not comment:
                comment = entry.comment
        if found is not None:
            _observe(tx, invoice, found)
        _move(tx, invoice, current.status, current.raw_status, comment)


def _is_behind(history: InvoiceHistory, found: FoundInvoice) -> bool:
    """Whether a search says more: the history may lag behind it for weeks, or use other words."""
    if history.status is BuyerStatus.UNRECOGNISED:
        return True
    if any(entry.raw_status == found.raw_status for entry in history.entries):
        return False
    if history.raw_status == found.raw_status or found.status_at is None:
        return False
    return not any(entry.at > _paris_minute(found.status_at) for entry in history.entries)


def _paris_minute(instant: datetime) -> str:
    """As a history writes it."""
    return f"{instant.astimezone(PARIS):%Y-%m-%d %H:%M}"


def _acknowledge(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """It was cancelled after its rejection: it may leave the portal's list of things to do."""
    try:
        portal.acknowledge_rejection(invoice.id_at_portal)
    except PortalAccessRefused as error:
        # This one operation may be closed to us: no status waits for a courtesy.
        raise PortalAnswerError(error.message, error.remedy) from error
    with app.transaction() as tx:
        invoices.note(tx, invoice, next_check_at=None)
        tx.journal(EventTag.REJECTION_ACKNOWLEDGED, invoice.number, cpp=int(invoice.id_at_portal))


def _put_off(app: App, invoice: TrackedInvoice, error: PortalAnswerError) -> None:
    """Another time, a bounded number of times: then the next news of it are waited for."""
    tries = invoice.checks + 1
    with app.transaction() as tx:
        invoices.note(
            tx,
            invoice,
            checks=tries,
            next_check_at=app.clock() + PUT_OFF if tries < MOST_TRIES else None,
            detail=error.message,
        )


def _move(
    tx: Transaction,
    invoice: TrackedInvoice,
    status: BuyerStatus,
    raw_status: str,
    comment: str,
) -> None:
    to = _derive(status, reported=lambda: directory.payment_reported(tx, invoice.siret))
    unknown = status is BuyerStatus.UNRECOGNISED
    trouble, detail = (Trouble.UNKNOWN_WORD, raw_status) if unknown else (Trouble.NONE, comment)
    if status is BuyerStatus.UNDELIVERED:
        trouble = Trouble.NOT_DELIVERED
    if to is None or to is invoice.status or to not in MOVES[invoice.status]:
        # An unknown status is shown as it is, and may be a slip: it is asked about again.
        tries = invoice.checks + 1 if unknown else 0
        invoices.note(
            tx,
            invoice,
            next_check_at=tx.now + PUT_OFF if 0 < tries < MOST_TRIES else None,
            checks=tries,
            portal_status=raw_status,
            trouble=trouble,
            detail=detail,
        )
    elif invoices.move(tx, invoice, to, portal_status=raw_status, trouble=trouble, detail=comment):
        if to is InvoiceStatus.REJECTED:
            # Often for a service or an engagement: the directory is asked again before the next.
            directory.expire_entry(tx, invoice.siret)
        tx.journal(
            EventTag.STATUS_CHANGED,
            invoice.number,
            **{"from": invoice.status.value},
            to=to.value,
            portal=raw_status,
        )


def _derive(status: BuyerStatus, *, reported: Callable[[], bool]) -> InvoiceStatus | None:
    """Our status for the buyer's current one; None when it says nothing we can use."""
    match status:
        case BuyerStatus.IN_PROGRESS | BuyerStatus.UNDELIVERED:
            return InvoiceStatus.INTEGRATED
        case BuyerStatus.SUSPENDED:
            return InvoiceStatus.SUSPENDED
        case BuyerStatus.REJECTED | BuyerStatus.CLOSED:
            return InvoiceStatus.REJECTED
        case BuyerStatus.APPROVED:
            return InvoiceStatus.INTEGRATED if reported() else InvoiceStatus.SETTLED
        case BuyerStatus.PAID:
            return InvoiceStatus.SETTLED
        case BuyerStatus.UNRECOGNISED:
            return None
