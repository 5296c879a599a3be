"""The January batch: from what was consumed to issued, frozen documents, member by member.

Order of things for one member, and why (docs/architecture.md):

1. compute, check the rules and the portal's directory: before any number;
2. meanwhile, its documents are drawn up and checked under the numbers it will likely get;
3. one transaction: read again, take the numbers, archive, store, journal; the documents are
   those drawn up ahead if they are of this very invoice, else they are drawn up now. Anything
   wrong undoes it all, and the numbers were never taken;
4. a member with a blocking finding is parked, and the others go on.

Safe to run again at any time: a member already invoiced for the year is left alone.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from worker.app import App
from worker.billing.invoice import Invoice, InvoiceDraft, issue
from worker.billing.journal import EventTag
from worker.billing.members import BillingReferences, Member
from worker.billing.money import ZERO, Money
from worker.billing.period import paris_day
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.billing.tariff import TariffGrid
from worker.errors import Finding, InvalidDocument, PortalAnswerError, WorkerError, has_blocking
from worker.formats import statement_attachment
from worker.issuing.directory import Directory
from worker.issuing.directory_rules import UNREADABLE, unreadable
from worker.issuing.documents import Ahead, check_number_and_dates, keep_documents
from worker.issuing.numbering import likely_number, take_number
from worker.issuing.prepare import Prepared, prepare, refuse_changed_grids, refuse_unfinished_year
from worker.issuing.render import RenderChecked
from worker.issuing.terms import Terms, terms_of
from worker.portals import Portal
from worker.portals.in_turn import MOST_UNUSABLE
from worker.storage import Session, Transaction, imported, invoices
from worker.storage.grids import freeze_grid

LOOK_AHEAD = 2
"""Members whose documents are drawn up while another is issued: two keep two cores busy."""


class MemberResult(StrEnum):
    """What the batch did about one member."""

    ISSUED = "issued"
    ALREADY = "already"
    PARKED = "parked"
    NOTHING = "nothing"
    """Nothing consumed and nothing wrong: no invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberOutcome:
    """The result for one member, with its total and what a person should know."""

    member: Member
    result: MemberResult
    total: Money
    number: str = ""
    findings: tuple[Finding, ...] = ()


class ChangedMeanwhile(WorkerError):
    """The member's data changed between the check and the issue: nothing of it is kept."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What the whole batch works with; ``directory`` is None on the Hélios channel."""

    app: App
    terms: Terms
    grids: Sequence[TariffGrid]
    grid_texts: Mapping[str, str]
    directory: Directory | None
    render: RenderChecked
    executor: Executor | None


def issue_year(
    app: App,
    portal: Portal | None,
    render: RenderChecked,
    year: int,
    stop: Callable[[], bool] = lambda: False,
    executor: Executor | None = None,
) -> Iterator[MemberOutcome]:
    """Issue what is due for a year.

    Args:
        app: the open installation.
        portal: whose directory is asked; None on the Hélios channel: the title software will.
        render: renders and checks the documents of an invoice.
        year: of the services.
        stop: asked between members.
        executor: where the next invoices' documents are rendered meanwhile; None: one by one.

    Raises:
        Refused: the year is not finished.
        TariffError: a grid that was used has changed.
        PortalError, PortalAccessRefused: the directory cannot be asked; what was issued stays.
        PortalAnswerError: its answers about several members in a row cannot be used; they are
            parked, and looked at last next time.
        StorageUnavailable: nothing half done.
    """
    grids, texts = app.grids()
    refuse_unfinished_year(year, app.clock())
    refuse_changed_grids(app.store, grids)
    batch = _Batch(
        app=app,
        terms=terms_of(app.settings),
        grids=grids,
        grid_texts=texts,
        directory=None if portal is None else Directory(app=app, portal=portal),
        render=render,
        executor=executor,
    )
    left, waiting = iter(_in_order(batch, year)), deque[_Checked]()
    depth = 0 if batch.executor is None else LOOK_AHEAD
    unusable = 0
    while not stop():
        while len(waiting) <= depth and (member := next(left, None)) is not None:
            waiting.append(_check(batch, member, year, rank=len(waiting)))
        if not waiting:
            return
        checked = waiting.popleft()
        try:
            outcome = _conclude(batch, checked, year)
        except ChangedMeanwhile:
            # An import landed in between: once more, on what is there now.
            outcome = _conclude(batch, _check(batch, checked.member, year, rank=0), year)
        yield outcome
        if outcome.result in {MemberResult.ISSUED, MemberResult.PARKED}:
            unread = next((one for one in outcome.findings if one.code == UNREADABLE), None)
            unusable = 0 if unread is None else unusable + 1
            if unread is not None and unusable >= MOST_UNUSABLE:
                # The directory's fault, not theirs: the others are not to be parked for it.
                raise PortalAnswerError(unread.message, unread.remedy)


def _in_order(batch: _Batch, year: int) -> Sequence[Member]:
    """The members of a year; last, those about whom the directory last said nothing of use."""
    with batch.app.reading() as session:
        members = imported.members_of_year(session, year)
        unread = {
            invoice.siret
            for invoice in invoices.tracked(session, year=year)
            if any(finding.code == UNREADABLE for finding in invoice.findings)
        }
    return sorted(members, key=lambda member: member.siret in unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A member looked at, before anything is written about it.

    ``existing`` is its invoice when it has one; else ``prepared`` is what it should have.
    """

    member: Member
    existing: TrackedInvoice | None = None
    prepared: Prepared | None = None
    ahead: Ahead | None = None


def _check(batch: _Batch, member: Member, year: int, *, rank: int) -> _Checked:
    """Compute a member's year and have its documents drawn up; ``rank`` invoices come before."""
    with batch.app.reading() as session:
        existing = invoices.current(session, member.siret, year)
        if existing is not None and _is_issued(existing):
            return _Checked(member=member, existing=existing)
        # As it is now: the list of members was read when the run began.
        known = imported.member_year(session, member.siret, year)
        numbers = _likely_numbers(batch, session, rank)
    prepared = prepare(known, batch.terms, batch.grids)
    if prepared.draft is None and not prepared.findings:
        return _Checked(member=known.member, prepared=prepared)
    findings = prepared.findings + _objections(batch, prepared.references)
    prepared = replace(prepared, findings=findings)
    ahead = None if has_blocking(findings) else _draw_ahead(batch, prepared, year, numbers)
    return _Checked(member=known.member, prepared=prepared, ahead=ahead)


def _likely_numbers(batch: _Batch, session: Session, rank: int) -> tuple[str, str]:
    """The numbers an invoice and its statement get if ``rank`` others are issued before."""
    terms, year = batch.terms, paris_day(batch.app.clock()).year
    invoice, statement = (
        likely_number(session, terms, prefix, year, rank)
        for prefix in (terms.invoice_prefix, terms.statement_prefix)
    )
    return invoice, statement


def _draw_ahead(
    batch: _Batch, prepared: Prepared, year: int, numbers: tuple[str, str]
) -> Ahead | None:
    if batch.executor is None or prepared.draft is None:
        return None
    today = paris_day(batch.app.clock())
    invoice, statement = _numbered(batch.terms, prepared, prepared.draft, year, numbers, today)
    return Ahead(
        invoice=invoice,
        statement=statement,
        documents=batch.executor.submit(batch.render, invoice, statement),
    )


def _numbered(
    terms: Terms,
    prepared: Prepared,
    draft: InvoiceDraft,
    year: int,
    numbers: tuple[str, str],
    today: date,
) -> tuple[Invoice, Statement]:
    number, statement_number = numbers
    statement = Statement(
        number=statement_number,
        year=year,
        member=prepared.member,
        lines=prepared.lines,
        issue_date=today,
    )
    invoice = issue(
        draft,
        number=number,
        issue_date=today,
        due_date=today + timedelta(days=terms.due_days),
        statement_number=statement_number,
        attachments=(statement_attachment(statement_number),),
    )
    return invoice, statement


def _conclude(batch: _Batch, checked: _Checked, year: int) -> MemberOutcome:
    if checked.existing is not None:
        return _already(checked.member, checked.existing)
    prepared = checked.prepared
    if prepared is None or (prepared.draft is None and not prepared.findings):
        return _nothing(batch, checked.member, year)
    if prepared.draft is None or has_blocking(prepared.findings):
        return _park(batch, prepared, year, prepared.findings)
    try:
        return _issue(batch, prepared, checked.ahead, year)
    except InvalidDocument as error:
        return _park(batch, prepared, year, error.findings)


def _objections(batch: _Batch, references: BillingReferences) -> tuple[Finding, ...]:
    try:
        return () if batch.directory is None else batch.directory.check(references)
    except PortalAnswerError as error:
        # The portal answers, but not about this member: the others must not wait behind it.
        return (unreadable(references, error),)


def _issue(batch: _Batch, checked: Prepared, ahead: Ahead | None, year: int) -> MemberOutcome:
    terms = batch.terms
    with batch.app.transaction() as tx:
        today = paris_day(tx.now)
        existing = invoices.current(tx, checked.member.siret, year)
        if existing is not None and _is_issued(existing):
            return _already(checked.member, existing)
        draft = checked.draft
        if draft is None or imported.member_year(tx, checked.member.siret, year) != checked.known:
            raise ChangedMeanwhile(
                f"Les données de {checked.member.name} ont changé pendant la facturation.",
                "Relancez la commande.",
            )
        numbers = (
            take_number(tx, terms, terms.invoice_prefix, today.year),
            take_number(tx, terms, terms.statement_prefix, today.year),
        )
        invoice, statement = _numbered(terms, checked, draft, year, numbers, today)
        check_number_and_dates(invoice)
        invoice_id = invoices.issue(tx, invoice, statement, checked.findings)
        hashes = keep_documents(
            batch.app.store.archive, tx, batch.render, invoice_id, 1, invoice, statement, ahead
        )
        _freeze_grids(batch, tx, invoice)
        tx.journal(
            EventTag.INVOICE_ISSUED,
            invoice.number,
            siret=checked.member.siret,
            year=year,
            total_ttc=str(invoice.totals.payable),
            statement=statement.number,
            grids=list(invoice.grid_versions),
            sources=list(statement.source_files),
            documents=hashes,
        )
    return MemberOutcome(
        member=checked.member,
        result=MemberResult.ISSUED,
        total=invoice.totals.payable,
        number=invoice.number,
        findings=checked.findings,
    )


def _park(
    batch: _Batch, prepared: Prepared, year: int, findings: tuple[Finding, ...]
) -> MemberOutcome:
    with batch.app.transaction() as tx:
        existing = invoices.current(tx, prepared.member.siret, year)
        if existing is not None and _is_issued(existing):
            return _already(prepared.member, existing)
        if invoices.park(tx, prepared.member, year, prepared.total, findings):
            tx.journal(
                EventTag.INVOICE_PARKED,
                f"{prepared.member.siret}/{year}",
                findings=[finding.code for finding in findings],
            )
    return MemberOutcome(
        member=prepared.member,
        result=MemberResult.PARKED,
        total=prepared.total,
        findings=findings,
    )


def _nothing(batch: _Batch, member: Member, year: int) -> MemberOutcome:
    """Nothing to bill; a member that was parked is released, for there is nothing to correct."""
    with batch.app.transaction() as tx:
        if invoices.release(tx, member.siret, year):
            tx.journal(EventTag.INVOICE_RELEASED, f"{member.siret}/{year}")
    return MemberOutcome(member=member, result=MemberResult.NOTHING, total=ZERO)


def _freeze_grids(batch: _Batch, tx: Transaction, invoice: Invoice) -> None:
    for grid in batch.grids:
        if grid.version not in invoice.grid_versions:
            continue
        if freeze_grid(tx, grid, batch.grid_texts[grid.version], tx.now):
            tx.journal(EventTag.TARIFF_USED, grid.version, sha256=grid.sha256, source=grid.source)


def _is_issued(invoice: TrackedInvoice) -> bool:
    return invoice.status not in {InvoiceStatus.DRAFT, InvoiceStatus.PARKED}


def _already(member: Member, invoice: TrackedInvoice) -> MemberOutcome:
    return MemberOutcome(
        member=member,
        result=MemberResult.ALREADY,
        total=invoice.total,
        number=invoice.number,
        findings=invoice.findings,
    )
