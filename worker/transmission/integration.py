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
from worker.transmission.likeness import Likeness, Ours, described, differences, likeness
from worker.transmission.reconcile import Seen, earlier_file_may_live, look_for
from worker.transmission.statuses import Report, Stop, ask_about_put_off, learn, read_statuses

SOON = 3
"""Questions about a file that a portal may well leave pending; then its search is asked too."""
_VERDICTS = (FluxState.INTEGRATED, FluxState.PARTIAL, FluxState.REJECTED)


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


def ask_report(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """Ask for the report on the file of one deposited invoice, due or not.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    _ask_report(app, portal, [invoice])


def _ask_report(app: App, portal: Portal, file: Sequence[TrackedInvoice]) -> None:
    """Ask about a file, by the flux number that all its invoices have."""
    flux = file[0].flux_number
    if not flux:
        # Adopted from a search that left their flux out.
        for invoice in file:
            conclude_by_search(app, portal, invoice)
        return
    try:
        answer = _report_on(app, portal, file)
    except PortalAnswerError:
        # The search outranks the report: one that can never be read hides no invoice.
        if not _integrate_shown(app, file, _unsaid(flux), _found(portal, flux)):
            raise
        return
    if answer.state in _VERDICTS:
        found = _found(portal, flux) if answer.state is not FluxState.REJECTED else {}
        if not found and _is_index_late(app, portal, file, answer):
            _wait_for_index(app, file, answer)
            return
        _each(app, portal, _integrate_shown(app, file, answer, found), answer)
        return
    if answer.state is not FluxState.PENDING or file[0].checks >= SOON:
        file = _integrate_shown(app, file, answer, _found(portal, flux))
    match answer.state:
        case FluxState.UNRECOGNISED:
            _keep_waiting(app, file, answer, Trouble.UNKNOWN_WORD, answer.raw_state)
        case FluxState.INCIDENT:
            _keep_waiting(app, file, answer, Trouble.INCIDENT)
        case _:
            _keep_waiting(app, file, answer, Trouble.NONE)


def _report_on(app: App, portal: Portal, file: Sequence[TrackedInvoice]) -> IntegrationReport:
    """What became of a file; a report on another file is none. Raises PortalAnswerError."""
    answer = portal.integration_report(file[0].flux_number)
    with app.reading() as session:
        sent = {
            one.file_name.casefold()
            for invoice in file
            for one in attempts.attempts(session, invoice.id)
        }
    if answer.file_name and answer.file_name.casefold() not in sent:
        raise PortalAnswerError(
            f"Chorus Pro donne pour le flux {file[0].flux_number} le compte rendu d'un autre "
            f"fichier, {answer.file_name}.",
            "Rien n'en est conclu : il sera redemandé.",
        )
    return answer


def conclude_by_search(app: App, portal: Portal, invoice: TrackedInvoice) -> None:
    """Of a deposited invoice that a search shows: it is integrated, whatever its report says.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked.
    """
    _conclude(app, portal, invoice, _unsaid(invoice.flux_number))


def _unsaid(flux: str) -> IntegrationReport:
    """In place of a report that cannot be had, when a search shows the invoice."""
    return IntegrationReport(flux_number=flux, state=FluxState.INTEGRATED, raw_state="", errors=())


def _each(
    app: App, portal: Portal, file: Sequence[TrackedInvoice], answer: IntegrationReport
) -> None:
    for _ in in_turn(
        file,
        lambda one: _conclude(app, portal, one, answer),
        lambda one, error: _put_off(app, (one,), error),
        lambda: False,
    ):
        pass


def _found(portal: Portal, flux: str) -> Mapping[str, FoundInvoice]:
    """What the portal integrated of a file, by number."""
    return {found.number: found for found in portal.find(flux_number=flux)}


def _is_index_late(
    app: App, portal: Portal, file: Sequence[TrackedInvoice], answer: IntegrationReport
) -> bool:
    """No search shows anything of a lot that is integrated: one number is asked for, not each."""
    whole_lot = answer.state is FluxState.INTEGRATED and len(file) > 1
    return whole_lot and look_for(app, portal, file[0]).kind is Likeness.UNRELATED


def _integrate_shown(
    app: App,
    file: Sequence[TrackedInvoice],
    answer: IntegrationReport,
    found: Mapping[str, FoundInvoice],
) -> list[TrackedInvoice]:
    """Integrate those of a file that the search of its flux shows; the others are returned."""
    shown = []
    for invoice in file:
        candidate = found.get(invoice.number)
        ours = Ours(
            invoice=invoice, seller=app.settings.syndicat.siret, fluxes=(invoice.flux_number,)
        )
        if candidate is not None and likeness(candidate, ours) is Likeness.SAME:
            shown.append((invoice, candidate))
    _integrate(app, answer, shown)
    integrated = {invoice.id for invoice, _ in shown}
    return [invoice for invoice in file if invoice.id not in integrated]


def _conclude(app: App, portal: Portal, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """What a verdict means for an invoice that the search of its file does not show."""
    # By number, and even after a rejection: when a second delivery is refused as a duplicate,
    # the first one lives, and calling it refused would be wrong.
    seen = look_for(app, portal, invoice)
    named = any(error.invoice_number == invoice.number for error in answer.errors)
    integrated = answer.state is FluxState.INTEGRATED
    match seen:
        case Seen(Likeness.SAME, FoundInvoice() as found):
            _integrate(app, answer, [(invoice, found)])
        case Seen(Likeness.NEARLY, FoundInvoice() as found):
            differing = " ; ".join(differences(found, invoice))
            _doubt(app, invoice, answer, Trouble.NEARLY_OURS, differing)
        case _ if integrated or (answer.state is FluxState.PARTIAL and not named):
            _wait_for_index(app, (invoice,), answer)
        case Seen(Likeness.OTHER, FoundInvoice() as found):
            taken = Trouble.NUMBER_TAKEN
            _give_up(app, invoice, answer, InvoiceStatus.REFUSED, taken, described(found))
        case Seen(Likeness.UNCLEAR):
            _doubt(app, invoice, answer, Trouble.DUPLICATE_REFUSED)
        # Called integrated by an earlier report: which of the two is true, only a search tells.
        case _ if invoice.portal_status or earlier_file_may_live(app, portal, invoice):
            _doubt(app, invoice, answer, Trouble.DUPLICATE_REFUSED)
        case _ if named or not _was_in_a_lot(app, invoice):
            _refuse(app, invoice, answer)
        case _:
            _send_alone(app, invoice, answer)


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


def _doubt(
    app: App,
    invoice: TrackedInvoice,
    answer: IntegrationReport,
    trouble: Trouble,
    detail: str = "",
) -> None:
    """Another copy may exist, or something nearly the same does: reconcile looks for it."""
    _give_up(
        app,
        invoice,
        answer,
        InvoiceStatus.UNKNOWN,
        trouble,
        detail or _words(answer, invoice) or answer.raw_state,
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
