"""Learns what became of deposited files: the integration report, then the invoice itself.

One question per file, however many invoices it holds; then one search gives all that the portal
integrated of it. What the portal says is kept as observations, in its own words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlmodel import Session

from worker.billing.journal import EventTag
from worker.billing.status import INCIDENT, UNKNOWN_WORD, InvoiceStatus, TrackedInvoice
from worker.errors import PortalAnswerError
from worker.portals import (
    FluxState,
    FoundInvoice,
    IntegrationReport,
    Portal,
)
from worker.portals.in_turn import in_turn
from worker.storage import (
    Store,
    attempts,
    directory,
    invoices,
    journal,
    observations,
)
from worker.storage import (
    due as agenda,
)
from worker.transmission.evidence import keep_reports
from worker.transmission.reconcile import copy_at, may_live, same_invoice, speaks_of_a_copy
from worker.transmission.statuses import (
    Report,
    StatusReader,
    Stop,
    ask_about_put_off,
    learn,
    read_statuses,
)

LIMIT = 1_000_000
NOT_SHOWN_YET = "intégrée selon son compte rendu ; la recherche ne la montre pas encore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """The collaborators.

    Attributes:
        report_after: waits between two looks at a report; the last one repeats.
        status_reader: what follows invoices at their buyers'.
    """

    store: Store
    portal: Portal
    clock: Callable[[], datetime]
    actor: str
    report_after: Sequence[timedelta]
    status_reader: StatusReader


def follow_due(follower: Follower, report: Report, stop: Stop = lambda: False) -> None:
    """Ask about every deposited file that is due, then for the news; tell what each became.

    Raises:
        PortalError, PortalAccessRefused: the portal cannot be asked; what was learnt stays. An
            answer that cannot be used about one file only puts that one off.
    """
    _ask_reports(follower, report, stop)
    if not stop():
        ask_about_put_off(follower.status_reader, report, stop)
    if not stop():
        read_statuses(follower.status_reader, report, stop)
    # Last, for nothing waits for them.
    keep_reports(follower.store, follower.portal, follower.clock, follower.actor, stop)


def _ask_reports(follower: Follower, report: Report, stop: Stop) -> None:
    with follower.store.reading() as session:
        waiting = agenda.due(
            session,
            (InvoiceStatus.DEPOSITED,),
            follower.clock(),
            LIMIT,
            longest=max(follower.report_after),
        )
    files = (tuple(file) for _, file in groupby(_by_flux(waiting), lambda one: one.flux_number))
    for file in in_turn(
        files,
        lambda one: _ask_report(follower, one),
        lambda one, error: _put_off(follower, one, error),
        stop,
    ):
        with follower.store.reading() as session:
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


def _ask_report(follower: Follower, file: Sequence[TrackedInvoice]) -> None:
    """Ask about a file, by the flux number that all its invoices have."""
    flux = file[0].flux_number
    if not flux:
        _do_without_report(follower, file)
        return
    answer = follower.portal.integration_report(flux)
    match answer.state:
        case FluxState.PENDING | FluxState.UNRECOGNISED:
            _keep_waiting(follower, file, answer)
        case FluxState.INCIDENT:
            _keep_waiting(
                follower,
                file,
                answer,
                INCIDENT + " : surveillez « Suivi des flux » avant tout nouveau dépôt",
            )
        case FluxState.INTEGRATED | FluxState.PARTIAL | FluxState.REJECTED:
            found = _found(follower, flux, answer)
            if not found and _is_index_late(follower, file, answer):
                _wait_for_index(follower, file, answer)
                return
            shown = [(i, found[i.number]) for i in file if _shows(found, i)]
            _integrate(follower, answer, shown)
            others = (i for i in file if not _shows(found, i))
            for _ in in_turn(
                others,
                lambda one: _conclude(follower, one, answer),
                lambda one, error: _put_off(follower, (one,), error),
                lambda: False,
            ):
                pass


def _do_without_report(follower: Follower, file: Sequence[TrackedInvoice]) -> None:
    """Of invoices adopted from a search that left their flux out: they are integrated."""
    said = IntegrationReport(flux_number="", state=FluxState.INTEGRATED, raw_state="", errors=())
    for invoice in file:
        _conclude(follower, invoice, said)


def _found(follower: Follower, flux: str, answer: IntegrationReport) -> Mapping[str, FoundInvoice]:
    """What the portal integrated of a file, by number."""
    if answer.state is FluxState.REJECTED:
        return {}
    return {found.number: found for found in follower.portal.find(flux_number=flux)}


def _is_index_late(
    follower: Follower, file: Sequence[TrackedInvoice], answer: IntegrationReport
) -> bool:
    """No search shows anything of a lot that is integrated: one number is asked for, not each."""
    whole_lot = answer.state is FluxState.INTEGRATED and len(file) > 1
    return whole_lot and copy_at(follower.portal, file[0]) is None


def _shows(found: Mapping[str, FoundInvoice], invoice: TrackedInvoice) -> bool:
    candidate = found.get(invoice.number)
    return candidate is not None and same_invoice(candidate, invoice)


def _conclude(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """What a verdict means for an invoice that the search of its file does not show."""
    # By number, and even after a rejection: when a second delivery is refused as a duplicate,
    # the first one lives, and calling it refused would be wrong.
    ours = copy_at(follower.portal, invoice)
    named = any(error.invoice_number == invoice.number for error in answer.errors)
    if ours is not None:
        _integrate(follower, answer, [(invoice, ours)])
    elif answer.state is FluxState.INTEGRATED or (answer.state is FluxState.PARTIAL and not named):
        _wait_for_index(follower, (invoice,), answer)
    elif _may_be_a_second_copy(follower, invoice, answer):
        _doubt(follower, invoice, answer)
    elif named or not _was_in_a_lot(follower, invoice):
        _refuse(follower, invoice, answer)
    else:
        _send_alone(follower, invoice, answer)


def _may_be_a_second_copy(
    follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport
) -> bool:
    """It is refused as a duplicate: it says so, or an earlier delivery may live."""
    said = " ".join(
        error.text for error in answer.errors if error.invoice_number in ("", invoice.number)
    )
    if speaks_of_a_copy(said):
        return True
    with follower.store.reading() as session:
        earlier = attempts.attempts(session, invoice.id)[:-1]
    return any(may_live(follower.portal, invoice, attempt) for attempt in earlier)


def _was_in_a_lot(follower: Follower, invoice: TrackedInvoice) -> bool:
    with follower.store.reading() as session:
        made = attempts.attempts(session, invoice.id)
    return bool(made and made[-1].lot_sha256)


def _integrate(
    follower: Follower,
    answer: IntegrationReport,
    shown: Sequence[tuple[TrackedInvoice, FoundInvoice]],
) -> None:
    """The invoices of a file that the portal holds, in one transaction."""
    if not shown:
        return
    now = follower.clock()
    with follower.store.transaction() as session:
        for invoice, found in shown:
            _observe(session, invoice, answer, now)
            if not invoices.move(
                session,
                invoice,
                InvoiceStatus.INTEGRATED,
                now,
                cpp_id=int(found.portal_id),
                flux_number=found.flux_number or invoice.flux_number,
                portal_status=found.raw_status,
                detail="",
            ):
                continue
            journal.append(
                session,
                at=now,
                actor=follower.actor,
                tag=EventTag.REPORT_RECEIVED,
                subject=invoice.number,
                payload={
                    "state": answer.raw_state,
                    "flux": answer.flux_number,
                    "cpp": int(found.portal_id),
                },
            )
            learn(follower.status_reader, session, invoices.by_id(session, invoice.id), found, now)


def _doubt(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """A duplicate was refused: another copy exists, not findable yet. Reconcile looks for it."""
    _give_up(
        follower,
        invoice,
        answer,
        InvoiceStatus.UNKNOWN,
        "refusée, peut-être parce que le portail en a déjà une copie : "
        f"{_words(answer, invoice) or answer.raw_state}",
        next_check_at=follower.clock() + follower.report_after[-1],
    )


def _refuse(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    text = _words(answer, invoice)
    text = text or f"le flux {answer.flux_number} est à l'état {answer.raw_state}"
    _give_up(follower, invoice, answer, InvoiceStatus.REFUSED, text)


def _send_alone(follower: Follower, invoice: TrackedInvoice, answer: IntegrationReport) -> None:
    """Its whole lot was turned away, and not by its fault as far as the report says."""
    _give_up(
        follower,
        invoice,
        answer,
        InvoiceStatus.REFUSED,
        f"son lot {answer.flux_number} a été rejeté en entier : elle sera déposée seule",
        again=True,
    )


def _give_up(
    follower: Follower,
    invoice: TrackedInvoice,
    answer: IntegrationReport,
    to: InvoiceStatus,
    detail: str,
    *,
    next_check_at: datetime | None = None,
    again: bool = False,
) -> None:
    """Nothing was integrated of it by this file; ``again``: it is refused, and sent again."""
    now = follower.clock()
    with follower.store.transaction() as session:
        _observe(session, invoice, answer, now)
        if not invoices.move(session, invoice, to, now, next_check_at=next_check_at, detail=detail):
            return
        if again:
            refused = invoices.by_id(session, invoice.id)
            invoices.move(session, refused, InvoiceStatus.ISSUED, now, flux_number="")
        if to is InvoiceStatus.REFUSED:
            # The refusal may speak of what the directory demands: it is asked again next time.
            directory.expire_entry(session, invoice.siret)
        journal.append(
            session,
            at=now,
            actor=follower.actor,
            tag=EventTag.REPORT_RECEIVED,
            subject=invoice.number,
            payload={
                "state": answer.raw_state,
                "flux": answer.flux_number,
                "errors": _words(answer, invoice),
            },
        )


def _put_off(follower: Follower, file: Sequence[TrackedInvoice], error: PortalAnswerError) -> None:
    due = follower.clock() + follower.report_after[-1]
    with follower.store.transaction() as session:
        for invoice in file:
            invoices.note(
                session,
                invoice,
                checks=invoice.checks + 1,
                next_check_at=due,
                detail=error.message,
            )


def _wait_for_index(
    follower: Follower, file: Sequence[TrackedInvoice], answer: IntegrationReport
) -> None:
    _keep_waiting(follower, file, answer, NOT_SHOWN_YET, portal_status=answer.raw_state)


def _keep_waiting(
    follower: Follower,
    file: Sequence[TrackedInvoice],
    answer: IntegrationReport,
    detail: str = "",
    **changes: object,
) -> None:
    now = follower.clock()
    if answer.state is FluxState.UNRECOGNISED:
        detail = UNKNOWN_WORD + answer.raw_state
    with follower.store.transaction() as session:
        for invoice in file:
            step = min(invoice.checks + 1, len(follower.report_after) - 1)
            _observe(session, invoice, answer, now)
            invoices.note(
                session,
                invoice,
                checks=invoice.checks + 1,
                next_check_at=now + follower.report_after[step],
                detail=detail,
                **changes,
            )


def _words(answer: IntegrationReport, invoice: TrackedInvoice) -> str:
    """What the report says of this invoice, and of the file as a whole."""
    return " | ".join(
        error.text for error in answer.errors if error.invoice_number in ("", invoice.number)
    )


def _observe(
    session: Session,
    invoice: TrackedInvoice,
    answer: IntegrationReport,
    now: datetime,
) -> None:
    if not answer.raw_state:
        return
    observations.observe(
        session,
        invoice.id,
        source="report",
        raw_status=answer.raw_state,
        portal_at=answer.flux_number,
        comment=_words(answer, invoice),
        raw=answer.raw,
        at=now,
    )
