"""The January batch: from what was consumed to issued, frozen documents, member by member.

Order of things for one member, and why (docs/architecture.md):

1. compute, check the rules and the portal's directory: before any number;
2. one transaction: read again, take the numbers, render, validate, archive, store, journal;
   anything wrong undoes it all, and the numbers were never taken;
3. a member with a blocking finding is parked, and the others go on.

Safe to run again at any time: a member already invoiced for the year is left alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from worker.audit import EventTag
from worker.consumption import consume
from worker.errors import PortalAnswerError, Refused, TariffError, WorkerError
from worker.findings import Finding, has_blocking
from worker.formats import statement_attachment
from worker.holding import held
from worker.invoice import Invoice, InvoiceDraft, Note, Party, PaymentMeans, build_draft, issue
from worker.lifecycle import InvoiceStatus, TrackedInvoice
from worker.members import BillingReferences, Member
from worker.money import ZERO, Money
from worker.period import paris_day
from worker.press import CheckedDocument, Press
from worker.rating import RatedLine, rate
from worker.statement import Statement
from worker.storage import Store, invoices, journal, records
from worker.storage.invoices import CheckedWith
from worker.tariff import TariffGrid
from worker.validation.rules import check_attachments, check_dates, check_draft, check_number
from worker.vat import VatMethod, VatPoint

DirectoryCheck = Callable[[BillingReferences], tuple[Finding, ...]]
"""Asks the portal's directory; raises PortalDown when it cannot be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the seller puts on every invoice."""

    seller: Party
    payment: PaymentMeans
    payment_terms: str
    notes: tuple[Note, ...]
    vat_method: VatMethod
    vat_point: VatPoint | None
    due_days: int
    invoice_prefix: str
    statement_prefix: str
    credit_note_prefix: str
    number_width: int

    def number(self, prefix: str, year: int, value: int) -> str:
        """A number of a series, such as ``BSN-2026-00012``."""
        return f"{series(prefix, year)}{value:0{self.number_width}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The collaborators of the batch."""

    store: Store
    clock: Callable[[], datetime]
    actor: str
    terms: Terms
    grids: Sequence[TariffGrid]
    grid_texts: dict[str, str]
    """Version to file text, kept with the first invoice a grid prices."""
    directory: DirectoryCheck
    press: Press


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A member's year, computed and checked, before any number."""

    member: Member
    references: BillingReferences
    lines: tuple[RatedLine, ...]
    draft: InvoiceDraft | None
    findings: tuple[Finding, ...]

    @property
    def total(self) -> Money:
        """TTC."""
        return Money.sum(line.total for line in self.lines)


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


class InvalidDocument(WorkerError):
    """A rendered document breaks its schema: nothing of it is kept."""

    exit_code = 4


class ChangedMeanwhile(WorkerError):
    """The member's data changed between the check and the issue: nothing of it is kept."""

    exit_code = 3


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def refuse_unfinished_year(year: int, now: datetime) -> None:
    """Only a finished year can be billed (C1, C2). Raises Refused."""
    if year >= paris_day(now).year:
        raise Refused(
            f"L'année {year} n'est pas terminée : on facture en janvier l'année écoulée.",
            f"Lancez « run {paris_day(now).year - 1} », ou attendez le 1er janvier {year + 1}.",
        )


def refuse_changed_grids(store: Store, grids: Sequence[TariffGrid]) -> None:
    """A grid that priced an invoice never changes (C6). Raises TariffError."""
    with store.reading() as session:
        frozen = invoices.frozen_grids(session)
    changed = [
        grid.version for grid in grids if frozen.get(grid.version, grid.sha256) != grid.sha256
    ]
    if changed:
        raise TariffError(
            f"La grille {', '.join(changed)} a déjà servi à facturer, et son fichier a changé.",
            "Rétablissez le fichier d'origine ; pour de nouveaux prix, créez un nouveau fichier "
            "avec sa propre version et sa date de début.",
        )


def prepare(
    session: Session, member: Member, year: int, terms: Terms, grids: Sequence[TariffGrid]
) -> Prepared:
    """Compute and check a member's year from what is stored; nothing is written."""
    references = records.references_of(session, member.siret, year)
    consumption = consume(
        member.siret,
        year,
        records.subscriptions_of(session, member.siret),
        records.usage_of(session, member.siret, year),
    )
    rating = rate(consumption, grids)
    draft = None
    findings = held(session, member.siret, year) + consumption.findings + rating.findings
    if rating.lines:
        draft = build_draft(
            year=year,
            seller=terms.seller,
            member=member,
            references=references,
            payment=terms.payment,
            payment_terms=terms.payment_terms,
            rated=rating.lines,
            notes=terms.notes,
            vat_method=terms.vat_method,
            vat_point=terms.vat_point,
        )
        findings += check_draft(draft)
    return Prepared(
        member=member,
        references=references,
        lines=rating.lines,
        draft=draft,
        findings=findings,
    )


def preview_year(
    store: Store, year: int, terms: Terms, grids: Sequence[TariffGrid]
) -> Iterator[Prepared]:
    """The year, member by member, as the batch would compute it; nothing is stored."""
    with store.reading() as session:
        members = records.members_of_year(session, year)
    for member in members:
        with store.reading() as session:
            yield prepare(session, member, year, terms, grids)


def issue_year(
    issuer: Issuer, year: int, stop: Callable[[], bool] = lambda: False
) -> Iterator[MemberOutcome]:
    """Issue what is due for a year. ``stop`` is asked between members.

    Raises:
        Refused: the year is not finished.
        TariffError: a grid that was used has changed.
        PortalDown, PortalAccessRefused: the directory cannot be asked; what was issued stays.
        StorageUnavailable: nothing half done.
    """
    refuse_unfinished_year(year, issuer.clock())
    refuse_changed_grids(issuer.store, issuer.grids)
    with issuer.store.reading() as session:
        members = records.members_of_year(session, year)
    for member in members:
        if stop():
            return
        try:
            yield _bill(issuer, member, year)
        except ChangedMeanwhile:
            # Somebody imported at that very moment: once more, on what is there now.
            yield _bill(issuer, member, year)


def _bill(issuer: Issuer, member: Member, year: int) -> MemberOutcome:
    with issuer.store.reading() as session:
        existing = invoices.current(session, member.siret, year)
        if existing is not None and _is_issued(existing):
            return _already(member, existing)
        # As it is now: the list of members was read when the run began.
        member = records.member(session, member.siret)
        prepared = prepare(session, member, year, issuer.terms, issuer.grids)
    if prepared.draft is None and not prepared.findings:
        return _nothing(issuer, member, year)
    findings = prepared.findings + _objections(issuer, prepared.references)
    if prepared.draft is None or has_blocking(findings):
        return _park(issuer, prepared, year, findings)
    try:
        return _issue(issuer, replace(prepared, findings=findings), year)
    except InvalidDocument as error:
        return _park(issuer, prepared, year, error.findings)


def _objections(issuer: Issuer, references: BillingReferences) -> tuple[Finding, ...]:
    try:
        return issuer.directory(references)
    except PortalAnswerError as error:
        # The portal answers, but not about this member: the others must not wait behind it.
        finding = Finding(
            code="DIR-UNREADABLE",
            message=f"l'annuaire de Chorus Pro ne répond pas pour ce membre : {error.message}",
            remedy=f"Retapez plus tard : chorus-worker run {references.year}",
        )
        return (finding,)


def _issue(issuer: Issuer, checked: Prepared, year: int) -> MemberOutcome:
    now = issuer.clock()
    terms, today = issuer.terms, paris_day(now)
    with issuer.store.transaction() as session:
        existing = invoices.current(session, checked.member.siret, year)
        if existing is not None and _is_issued(existing):
            return _already(checked.member, existing)
        member = records.member(session, checked.member.siret)
        again = prepare(session, member, year, terms, issuer.grids)
        draft = again.draft
        if draft is None or (draft, again.lines) != (checked.draft, checked.lines):
            raise ChangedMeanwhile(
                f"Les données de {checked.member.name} ont changé pendant la facturation.",
                "Relancez la commande.",
            )
        number = take_number(session, terms, terms.invoice_prefix, today.year)
        statement = Statement(
            number=take_number(session, terms, terms.statement_prefix, today.year),
            year=year,
            member=checked.member,
            lines=checked.lines,
            issue_date=today,
        )
        invoice = issue(
            draft,
            number=number,
            issue_date=today,
            due_date=today + timedelta(days=terms.due_days),
            statement_number=statement.number,
            attachments=(statement_attachment(statement.number),),
        )
        refuse_unfit(invoice)
        invoice_id = invoices.issue(session, invoice, statement, checked.findings, now)
        hashes = keep_documents(issuer, session, invoice_id, 1, invoice, statement)
        _freeze_grids(issuer, session, invoice, now)
        journal.append(
            session,
            at=now,
            actor=issuer.actor,
            tag=EventTag.INVOICE_ISSUED,
            subject=number,
            payload={
                "siret": checked.member.siret,
                "year": year,
                "total_ttc": str(invoice.totals.payable),
                "statement": statement.number,
                "grids": list(invoice.grid_versions),
                "sources": list(statement.source_files),
                "documents": hashes,
            },
        )
    return MemberOutcome(
        member=checked.member,
        result=MemberResult.ISSUED,
        total=invoice.totals.payable,
        number=number,
        findings=checked.findings,
    )


def refuse_unfit(invoice: Invoice) -> None:
    """Raise InvalidDocument when the number, dates or attachments would be refused."""
    findings = (
        check_number(invoice.number)
        + check_dates(invoice.issue_date, invoice.due_date, invoice.issue_date)
        + check_attachments(invoice)
    )
    if has_blocking(findings):
        raise InvalidDocument(
            f"Le numéro ou les dates de la facture {invoice.number} ne conviennent pas.",
            "Corrigez la configuration (numbering, billing.due_days).",
            findings=findings,
        )


def keep_documents(
    issuer: Issuer,
    session: Session,
    invoice_id: int,
    version: int,
    invoice: Invoice,
    statement: Statement | None,
) -> dict[str, str]:
    """Draw up, archive and record the documents of an invoice: kind to SHA-256.

    Nothing is written before every one of them is found valid.

    Raises:
        InvalidDocument: one of them breaks a rule; nothing may be kept.
    """
    checked = _draw_up(issuer, invoice, statement)
    hashes = {}
    for one in checked:
        document = one.document
        hashes[document.kind.value] = issuer.store.archive.put(document.content)
        checks = [
            CheckedWith(
                rule_set=report.rule_set.name,
                version=report.rule_set.version,
                sha256=report.rule_set.sha256,
                findings=report.findings,
            )
            for report in one.reports
        ]
        invoices.add_document(session, invoice_id, version, document, checks)
    return hashes


def _draw_up(
    issuer: Issuer, invoice: Invoice, statement: Statement | None
) -> tuple[CheckedDocument, ...]:
    try:
        checked = issuer.press(invoice, statement)
    except ValueError as error:
        finding = Finding(
            code="DOC-UNPRINTABLE",
            message=f"un texte de la facture ne peut pas être imprimé ({error})",
            remedy="Retirez les caractères inhabituels du nom ou de l'adresse, puis réimportez.",
        )
        raise InvalidDocument(
            f"La facture {invoice.number} ne peut pas être imprimée.", findings=(finding,)
        ) from error
    for one in checked:
        if has_blocking(one.findings):
            raise InvalidDocument(
                f"Le document {one.document.kind} de la facture {invoice.number} n'est pas valide.",
                "Aucun numéro n'a été consommé ; corrigez les données indiquées.",
                findings=one.findings,
            )
    return checked


def _park(
    issuer: Issuer, prepared: Prepared, year: int, findings: tuple[Finding, ...]
) -> MemberOutcome:
    now = issuer.clock()
    with issuer.store.transaction() as session:
        existing = invoices.current(session, prepared.member.siret, year)
        if existing is not None and _is_issued(existing):
            return _already(prepared.member, existing)
        if invoices.park(session, prepared.member, year, prepared.total, findings, now):
            journal.append(
                session,
                at=now,
                actor=issuer.actor,
                tag=EventTag.INVOICE_PARKED,
                subject=f"{prepared.member.siret}/{year}",
                payload={"findings": [finding.code for finding in findings]},
            )
    return MemberOutcome(
        member=prepared.member,
        result=MemberResult.PARKED,
        total=prepared.total,
        findings=findings,
    )


def _nothing(issuer: Issuer, member: Member, year: int) -> MemberOutcome:
    """Nothing to bill; a member that was parked is let go, for nobody could ever correct it."""
    now = issuer.clock()
    with issuer.store.transaction() as session:
        if invoices.release(session, member.siret, year):
            journal.append(
                session,
                at=now,
                actor=issuer.actor,
                tag=EventTag.INVOICE_RELEASED,
                subject=f"{member.siret}/{year}",
                payload={},
            )
    return MemberOutcome(member=member, result=MemberResult.NOTHING, total=ZERO)


def take_number(session: Session, terms: Terms, prefix: str, year: int) -> str:
    """The next number of a series, given back if the transaction is undone."""
    value = invoices.take_number(session, series(prefix, year))
    return terms.number(prefix, year, value)


def _freeze_grids(issuer: Issuer, session: Session, invoice: Invoice, now: datetime) -> None:
    for grid in issuer.grids:
        if grid.version not in invoice.grid_versions:
            continue
        if invoices.freeze_grid(session, grid, issuer.grid_texts[grid.version], now):
            journal.append(
                session,
                at=now,
                actor=issuer.actor,
                tag=EventTag.TARIFF_USED,
                subject=grid.version,
                payload={"sha256": grid.sha256, "source": grid.source},
            )


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
