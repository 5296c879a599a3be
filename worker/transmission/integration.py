"""Learns what became of deposited files: the integration report, then the invoice itself.

One question per file, however many invoices it holds; then one search gives all that the portal
integrated of it. What the portal says is kept as observations, in its own words.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import PortalAnswerError
from worker.portals import FluxState, FoundInvoice, IntegrationReport, Portal
from worker.portals.in_turn import in_turn
from worker.storage import Transaction, attempts, directory, due, invoices, observations
from worker.transmission.evidence import keep_reports
from worker.transmission.reconcile import copy_at, may_live, same_invoice, speaks_of_a_copy
from worker.transmission.statuses import Report, Stop, ask_about_put_off, learn, read_statuses


def follow_due(app: App, portal: Portal, report: Report, stop: Stop = lambda: False) -> None:
    """Ask about every deposited file that is due, then for the news; tell what each became.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked; what was learnt stays. An
            answer that cannot be used about one file only puts that one off.
    """
    _ask_reports(app, portal, report, stop)
    if not stop():
        ask_about_put_off(app, portal, report, stop)
    if not stop():
        read_statuses(app, portal, report, stop)
    # Last, for nothing waits for them.
    keep_reports(app, portal, stop)


def _ask_reports(app: App, portal: Portal, report: Report, stop: Stop) -> None:
    with app.reading() as session:
        waiting = due.invoices_due(
            session,
            (InvoiceStatus.DEPOSITED,),
            app.clock(),
            longest=max(app.settings.portal.report_after),
        )
    files = (tuple(file) for _, file in groupby(_by_flux(waiting), lambda one: one.flux_number))
    for file in in_turn(
        files,
        lambda one: _ask_report(app, portal, one),
        lambda one, error: _put_off(app, one, error),
        stop,
    ):
        with app.reading() as session:
            present = [invoices.by_id(session, invoice.id) for invoice in file]
        for invoice in present:
            report(invoice)


def _by_flux(waiting: Iterable[TrackedInvoice]) -> list[TrackedInvoice]:
    """Invoices of one file together, the file that waits longest first."""
    found = list(waiting)
    rank: dict[str, int] = {}
    for invoice in found:
        rank.setdefault(invoice.flux_number, len(rank))
    return sorted(found, key=lambda invoice: rank[invoice.flux_number])


def _ask_report(app: App, portal: Portal, file: Sequence[TrackedInvoice]) -> None:
    """Ask about a file, by the flux number that all its invoices have."""
    flux = file[0].flux_number
    if not flux:
        _do_without_report(app, portal, file)
        return
    answer = portal.integration_report(flux)
    match answer.state:
        case FluxState.PENDING:
            _keep_waiting(app, file, answer, Trouble.NONE)
        case FluxState.UNRECOGNISED:
            _keep_waiting(app, file, answer, Trouble.UNKNOWN_WORD, answer.raw_state)
        case FluxState.INCIDENT:
            _keep_waiting(app, file, answer, Trouble.INCIDENT)
        case FluxState.INTEGRATED | FluxState.PARTIAL | FluxState.REJECTED:
            found = _found(portal, flux, answer)
            if not found and _is_index_late(portal, file, answer):
                _wait_for_index(app, file, answer)
                return
            shown = [(i, found[i.number]) for i in file if _shows(found, i)]
            _integrate(app, answer, shown)
            others = (i for i in file if not _shows(found, i))
            for _ in in_turn(
                others,
                lambda one: _conclude(app, portal, one, answer),
                lambda one, error: _put_off(app, (one,), error),
                lambda: False,
            ):
                pass


def _do_without_report(app: App, portal: Portal, file: Sequence[TrackedInvoice]) -> None:
    """Of invoices adopted from a search that left their flux out: they are integrated."""
    said = IntegrationReport(flux_number="", state=FluxState.INTEGRATED, raw_state="", errors=())
    for invoice in file:
        _conclude(app, portal, invoice, said)


def _found(portal: Portal, flux: str, answer: IntegrationReport) -> Mapping[str, FoundInvoice]:
    """What the portal integrated of a file, by number."""
    if answer.state is FluxState.REJECTED:
        return {}
    return {found.number: found for found in portal.find(flux_number=flux)}


def _is_index_late(
    portal: Portal, file: Sequence[TrackedInvoice], answer: IntegrationReport
) -> bool:
    """No search shows anything of a lot that is integrated: one number is asked for, not each."""
    whole_lot = answer.state is FluxState.INTEGRATED and len(file) > 1
    return whole_lot and copy_at(portal, file[0]) is None


def _shows(found: Mapping[str, FoundInvoice], invoice: TrackedInvoice) -> bool:
    candidate = found.get(invoice.number)
    return candidate is not None and same_invoice(candidate, invoice)


def _conclude(app: App, portal: Portal, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """What a verdict means for an invoice that the search of its file does not show."""
    # By number, and even after a rejection: when a second delivery is refused as a duplicate,
    # the first one lives, and calling it refused would be wrong.
    ours = copy_at(portal, invoice)
    named = any(error.invoice_number == invoice.number for error in answer.errors)
    if ours is not None:
        _integrate(app, answer, [(invoice, ours)])
    elif answer.state is FluxState.INTEGRATED or (answer.state is FluxState.PARTIAL and not named):
        _wait_for_index(app, (invoice,), answer)
    elif _may_be_a_second_copy(app, portal, invoice, answer):
        _doubt(app, invoice, answer)
    elif named or not _was_in_a_lot(app, invoice):
        _refuse(app, invoice, answer)
    else:
        _send_alone(app, invoice, answer)


def _may_be_a_second_copy(
    app: App, portal: Portal, invoice: TrackedInvoice, answer: IntegrationReport
) -> bool:
    """It is refused as a duplicate: it says so, or an earlier delivery may live."""
    if speaks_of_a_copy(_words(answer, invoice)):
        return True
    with app.reading() as session:
        earlier = attempts.attempts(session, invoice.id)[:-1]
    return any(may_live(portal, invoice, attempt) for attempt in earlier)


def _was_in_a_lot(app: App, invoice: TrackedInvoice) -> bool:
    with app.reading() as session:
        made = attempts.attempts(session, invoice.id)
    return bool(made and made[-1].lot_sha256)


def _integrate(
    app: App,
    answer: IntegrationReport,
    shown: Sequence[tuple[TrackedInvoice, FoundInvoice]],
) -> None:
    """The invoices of a file that the portal holds, in one transaction."""
    if not shown:
        return
    with app.transaction() as tx:
        for invoice, found in shown:
            _observe(tx, invoice, answer)
            if not invoices.move(
                tx,
                invoice,
                InvoiceStatus.INTEGRATED,
                cpp_id=int(found.portal_id),
                flux_number=found.flux_number or invoice.flux_number,
                portal_status=found.raw_status,
                detail="",
            ):
                continue
            tx.journal(
                EventTag.REPORT_RECEIVED,
                invoice.number,
                state=answer.raw_state,
                flux=answer.flux_number,
                cpp=int(found.portal_id),
            )
            learn(tx, invoices.by_id(tx, invoice.id), found)


def _doubt(app: App, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """A duplicate was refused: another copy exists, not findable yet. Reconcile looks for it."""
    _give_up(
        app,
        invoice,
        answer,
        InvoiceStatus.UNKNOWN,
        Trouble.DUPLICATE_REFUSED,
        _words(answer, invoice) or answer.raw_state,
        next_check_at=app.clock() + app.settings.portal.report_after[-1],
    )


def _refuse(app: App, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    said = _words(answer, invoice)
    trouble, detail = (Trouble.NONE, said) if said else (Trouble.FILE_REFUSED, answer.raw_state)
    _give_up(app, invoice, answer, InvoiceStatus.REFUSED, trouble, detail)


def _send_alone(app: App, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """Its whole lot was turned away, and not by its fault as far as the report says."""
    _give_up(
        app,
        invoice,
        answer,
        InvoiceStatus.REFUSED,
        Trouble.LOT_REFUSED,
        answer.flux_number,
        again=True,
    )


def _give_up(
    app: App,
    invoice: TrackedInvoice,
    answer: IntegrationReport,
    to: InvoiceStatus,
    trouble: Trouble,
    detail: str,
    *,
    next_check_at: datetime | None = None,
    again: bool = False,
) -> None:
    """Nothing was integrated of it by this file; ``again``: it is refused, and sent again."""
    with app.transaction() as tx:
        _observe(tx, invoice, answer)
        if not invoices.move(
            tx, invoice, to, next_check_at=next_check_at, trouble=trouble, detail=detail
        ):
            return
        if again:
            refused = invoices.by_id(tx, invoice.id)
            invoices.move(tx, refused, InvoiceStatus.ISSUED, flux_number="")
        if to is InvoiceStatus.REFUSED:
            # The refusal may speak of what the directory demands: it is asked again next time.
            directory.expire_entry(tx, invoice.siret)
        tx.journal(
            EventTag.REPORT_RECEIVED,
            invoice.number,
            state=answer.raw_state,
            flux=answer.flux_number,
            errors=_words(answer, invoice),
        )


def _put_off(app: App, file: Sequence[TrackedInvoice], error: PortalAnswerError) -> None:
    next_look = app.clock() + app.settings.portal.report_after[-1]
    with app.transaction() as tx:
        for invoice in file:
            invoices.note(
                tx,
                invoice,
                checks=invoice.checks + 1,
                next_check_at=next_look,
                detail=error.message,
            )


def _wait_for_index(app: App, file: Sequence[TrackedInvoice], answer: IntegrationReport) -> None:
    _keep_waiting(app, file, answer, Trouble.NOT_SHOWN_YET, portal_status=answer.raw_state)


def _keep_waiting(
    app: App,
    file: Sequence[TrackedInvoice],
    answer: IntegrationReport,
    trouble: Trouble,
    detail: str = "",
    **changes: object,
) -> None:
    with app.transaction() as tx:
        for invoice in file:
            step = min(invoice.checks + 1, len(app.settings.portal.report_after) - 1)
            _observe(tx, invoice, answer)
            invoices.note(
                tx,
                invoice,
                checks=invoice.checks + 1,
                next_check_at=tx.now + app.settings.portal.report_after[step],
                trouble=trouble,
                detail=detail,
                **changes,
            )


def _words(answer: IntegrationReport, invoice: TrackedInvoice) -> str:
    """What the report says of this invoice, and of the file as a whole."""
    return " | ".join(
        error.text for error in answer.errors if error.invoice_number in ("", invoice.number)
    )


def _observe(tx: Transaction, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    if not answer.raw_state:
        return
    observations.observe(
        tx,
        invoice.id,
        source="report",
        raw_status=answer.raw_state,
        portal_at=answer.flux_number,
        comment=_words(answer, invoice),
        raw=answer.raw,
        at=tx.now,
    )
