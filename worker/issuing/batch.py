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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from worker.app import App
from worker.billing.comparison import YearBefore
from worker.billing.document import Unprintable
from worker.billing.invoice import Invoice, InvoiceDraft, Terms, issue
from worker.billing.journal import EventTag
from worker.billing.members import Member
from worker.billing.money import ZERO, Money
from worker.billing.period import paris_day
from worker.billing.statement import Statement
from worker.billing.status import TrackedInvoice
from worker.billing.tariff import TariffFolder
from worker.errors import (
    Finding,
    IntegrityError,
    InvalidDocument,
    PortalAnswerError,
    UnreadableRecord,
    WorkerError,
    has_blocking,
    unreadable,
)
from worker.formats import statement_attachment
from worker.issuing.directory import Directory
from worker.issuing.directory_rules import UNREADABLE
from worker.issuing.documents import Ahead, check_number_and_dates, keep_documents
from worker.issuing.go_ahead import refuse_unfinished_year
from worker.issuing.nothing_used import state_nothing
from worker.issuing.numbering import likely_number, refuse_wrong_clock, take_number
from worker.issuing.prepare import (
    Prepared,
    known_year,
    prepare,
    refuse_changed_grids,
    seen_at_the_portal,
    shown_beside,
)
from worker.issuing.render import RenderChecked
from worker.issuing.terms import terms_of
from worker.issuing.unprintable import cannot_be_printed
from worker.issuing.year_before import members_of_year, year_before
from worker.portals import Portal
from worker.portals.in_turn import MOST_UNUSABLE
from worker.storage import Session, Transaction, invoices, member_years
from worker.storage.grids import freeze_grid
from worker.storage.member_accounts import Seen

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
    """What the whole batch works with; on the Hélios channel, without portal nor directory."""

    app: App
    portal: Portal | None
    year: int
    terms: Terms
    tariffs: TariffFolder
    before: YearBefore
    directory: Directory | None
    seen: Seen | None
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
        Refused: the year is not finished, or the clock is wrong.
        TariffError: a grid that was used has changed, or one that may price the year is unusable.
        PortalError, PortalAccessRefused: the directory cannot be asked; what was issued stays.
        PortalAnswerError: its answers about several members in a row cannot be used; they are
            parked, and looked at last next time.
        StorageUnavailable: nothing half done.
        IntegrityError: rows on which every number hangs cannot be read.
    """
    tariffs = app.tariffs(year)
    refuse_changed_grids(app.store, tariffs.grids)
    refuse_wrong_clock(app.clock(), portal)
    refuse_unfinished_year(year, app.clock())
    with app.reading() as session:
        invoices.require_identified(session)
        before = year_before(app, session, year)
    batch = _Batch(
        app=app,
        portal=portal,
        year=year,
        terms=terms_of(app.settings),
        tariffs=tariffs,
        before=before,
        directory=None if portal is None else Directory(app=app, portal=portal),
        seen=None if portal is None else seen_at_the_portal(app),
        render=render,
        executor=executor,
    )
    left, waiting = iter(_in_order(batch)), deque[_Checked]()
    depth = 0 if batch.executor is None else LOOK_AHEAD
    unusable = 0
    while not stop():
        while len(waiting) <= depth and (member := next(left, None)) is not None:
            waiting.append(_check(batch, member, rank=len(waiting)))
        if not waiting:
            return
        checked = waiting.popleft()
        outcome = _outcome(batch, checked)
        yield outcome
        if outcome.result in {MemberResult.ISSUED, MemberResult.PARKED}:
            unread = next((one for one in outcome.findings if one.code == UNREADABLE), None)
            unusable = 0 if unread is None else unusable + 1
            if unread is not None and unusable >= MOST_UNUSABLE:
                # The directory's fault, not theirs: the others are not to be parked for it.
                raise PortalAnswerError(unread.message, unread.remedy)


def _in_order(batch: _Batch) -> Sequence[Member]:
    """The members of a year; last, those about whom the directory last said nothing of use."""
    with batch.app.reading() as session:
        members = members_of_year(session, batch.year, batch.before)
        unread = {
            invoice.siret
            for invoice in invoices.tracked(session, year=batch.year)
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
    unreadable: UnreadableRecord | None = None


def _check(batch: _Batch, member: Member, *, rank: int) -> _Checked:
    """As ``_computed``; rows about the member that cannot be read stop it alone."""
    try:
        return _computed(batch, member, rank=rank)
    except UnreadableRecord as error:
        return _Checked(member=member, unreadable=error)


def _computed(batch: _Batch, member: Member, *, rank: int) -> _Checked:
    """Compute a member's year and have its documents drawn up; ``rank`` invoices come before."""
    numbering, today = batch.app.settings.numbering, paris_day(batch.app.clock())
    with batch.app.reading() as session:
        if (existing := _issued(batch, session, member)) is not None:
            return _Checked(member=member, existing=existing)
        # As it is now: the list of members was read when the run began.
        known, unread = known_year(session, member, batch.year)
        number, statement_number = (
            likely_number(session, numbering, prefix, today.year, rank)
            for prefix in (numbering.invoice, numbering.statement)
        )
    prepared = prepare(known, batch.terms, batch.tariffs.grids, batch.before, today, unread)
    prepared = prepared.beside(shown_beside(batch.app, prepared, batch.seen))
    if batch.directory is not None and prepared.is_at_stake:
        # No usable answer about this member is a finding: the others must not wait behind it.
        prepared = prepared.beside(batch.directory.buyer(prepared.references).findings)
    ahead = None
    if batch.executor is not None and prepared.draft and not has_blocking(prepared.findings):
        invoice, statement = _numbered(
            batch, prepared, prepared.draft, number, statement_number, today
        )
        documents = batch.executor.submit(batch.render, invoice, statement)
        ahead = Ahead(invoice=invoice, statement=statement, documents=documents)
    return _Checked(member=known.member, prepared=prepared, ahead=ahead)


def _issued(batch: _Batch, session: Session, member: Member) -> TrackedInvoice | None:
    """The invoice that a member has for the year; what is parked is none yet."""
    current = invoices.current(session, member.siret, batch.year)
    return current if current is not None and current.number else None


def _numbered(
    batch: _Batch,
    prepared: Prepared,
    draft: InvoiceDraft,
    number: str,
    statement_number: str,
    today: date,
) -> tuple[Invoice, Statement]:
    statement = Statement(
        number=statement_number,
        year=draft.year,
        member=prepared.member,
        lines=prepared.lines,
        issue_date=today,
        outside=prepared.outside,
    )
    invoice = issue(
        draft,
        number=number,
        issue_date=today,
        due_date=today + timedelta(days=batch.app.settings.billing.due_days),
        statement_number=statement_number,
        attachments=(statement_attachment(statement_number),),
    )
    return invoice, statement


def _outcome(batch: _Batch, checked: _Checked) -> MemberOutcome:
    try:
        try:
            return _conclude(batch, checked)
        except ChangedMeanwhile:
            # An import landed in between: once more, on what is there now.
            return _conclude(batch, _check(batch, checked.member, rank=0))
    except UnreadableRecord as error:
        return _kept_back(checked.member, error)


def _kept_back(member: Member, error: UnreadableRecord) -> MemberOutcome:
    """It may have an invoice, whose row says no more whether: nothing is written of it."""
    return MemberOutcome(
        member=member, result=MemberResult.PARKED, total=ZERO, findings=(unreadable(error),)
    )


def _conclude(batch: _Batch, checked: _Checked) -> MemberOutcome:
    if checked.unreadable is not None:
        raise checked.unreadable
    if checked.existing is not None:
        return _already(checked.member, checked.existing)
    prepared = checked.prepared
    if prepared is None or not prepared.is_at_stake:
        return _state_nothing(batch, checked.member, prepared)
    if prepared.draft is None or has_blocking(prepared.findings):
        return _park(batch, prepared, prepared.findings)
    try:
        return _issue(batch, prepared, prepared.draft, checked.ahead)
    except InvalidDocument as error:
        return _park(batch, prepared, error.findings)
    except UnreadableRecord:
        raise
    except IntegrityError as error:
        # The archive holds an altered file in the place of one of its documents.
        altered = Finding(code="ARCHIVE-ALTERED", message=error.message, remedy=error.remedy)
        return _park(batch, prepared, (altered,))


def _issue(
    batch: _Batch, prepared: Prepared, draft: InvoiceDraft, ahead: Ahead | None
) -> MemberOutcome:
    numbering, member = batch.app.settings.numbering, prepared.member
    with batch.app.transaction() as tx:
        today = paris_day(tx.now)
        if (existing := _issued(batch, tx, member)) is not None:
            return _already(member, existing)
        if member_years.member_year(tx, member.siret, batch.year) != prepared.known:
            raise ChangedMeanwhile(
                f"Les données de {member.name} ont changé pendant la facturation.",
                "Relancez la commande.",
            )
        number, statement_number = (
            take_number(tx, numbering, prefix, batch.portal)
            for prefix in (numbering.invoice, numbering.statement)
        )
        invoice, statement = _numbered(batch, prepared, draft, number, statement_number, today)
        check_number_and_dates(invoice)
        invoice_id = invoices.issue(tx, invoice, statement, prepared.findings)
        hashes = keep_documents(
            batch.app.store.archive, tx, batch.render, invoice_id, 1, invoice, statement, ahead
        )
        _freeze_grids(batch, tx, invoice)
        tx.journal(
            EventTag.INVOICE_ISSUED,
            invoice.number,
            siret=member.siret,
            year=batch.year,
            total_ttc=str(invoice.totals.payable),
            statement=statement.number,
            grids=list(invoice.grid_versions),
            sources=list(statement.source_files),
            documents=hashes,
        )
    return MemberOutcome(
        member=member,
        result=MemberResult.ISSUED,
        total=invoice.totals.payable,
        number=invoice.number,
        findings=prepared.findings,
    )


def _park(batch: _Batch, prepared: Prepared, findings: tuple[Finding, ...]) -> MemberOutcome:
    member, total = prepared.member, prepared.total
    with batch.app.transaction() as tx:
        if (existing := _issued(batch, tx, member)) is not None:
            return _already(member, existing)
        if invoices.park(tx, member, batch.year, total, findings):
            tx.journal(
                EventTag.INVOICE_PARKED,
                f"{member.siret}/{batch.year}",
                findings=[finding.code for finding in findings],
            )
    return MemberOutcome(member=member, result=MemberResult.PARKED, total=total, findings=findings)


def _state_nothing(batch: _Batch, member: Member, prepared: Prepared | None) -> MemberOutcome:
    try:
        return _nothing(batch, member, prepared)
    except Unprintable as error:
        if prepared is None:
            raise
        finding = Finding(
            code="DOC-UNPRINTABLE",
            message=f"un texte de son état {cannot_be_printed(error.character)}",
            remedy="Corrigez-le dans le fichier des membres, puis réimportez.",
        )
        return _park(batch, prepared, (finding,))


def _nothing(batch: _Batch, member: Member, prepared: Prepared | None) -> MemberOutcome:
    """Nothing to bill: its statement says so; a member that was parked is released."""
    siret, number = member.siret, ""
    findings = () if prepared is None else prepared.findings
    with batch.app.transaction() as tx:
        if prepared is not None:
            if member_years.member_year(tx, siret, batch.year) != prepared.known:
                raise ChangedMeanwhile(
                    f"Les données de {member.name} ont changé pendant la facturation.",
                    "Relancez la commande.",
                )
            number = state_nothing(batch.app, tx, batch.portal, prepared)
        if invoices.release(tx, siret, batch.year):
            tx.journal(EventTag.INVOICE_RELEASED, f"{siret}/{batch.year}")
    return MemberOutcome(
        member=member, result=MemberResult.NOTHING, total=ZERO, number=number, findings=findings
    )


def _freeze_grids(batch: _Batch, tx: Transaction, invoice: Invoice) -> None:
    for grid in batch.tariffs.grids:
        if grid.version not in invoice.grid_versions:
            continue
        if freeze_grid(tx, grid, batch.tariffs.texts[grid.version], tx.now):
            tx.journal(EventTag.TARIFF_USED, grid.version, sha256=grid.sha256, source=grid.source)


def _already(member: Member, invoice: TrackedInvoice) -> MemberOutcome:
    return MemberOutcome(
        member=member,
        result=MemberResult.ALREADY,
        total=invoice.total,
        number=invoice.number,
        findings=invoice.findings,
    )
