"""From an amount down to the rows, files, subscriptions and grid that it comes from.

Every step is one that the rating returned, as it was frozen with the statement. What is added to
it is where each figure was read: nothing is computed here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from worker.audit.recomputation import Books, recompute_one
from worker.billing.consumption import MonthlyUse
from worker.billing.invoice import Invoice, InvoiceLine
from worker.billing.members import Subscription
from worker.billing.period import Month
from worker.billing.provenance import ImportedFile, Moment, Origin, Version, YearInForce
from worker.billing.rating import RatedLine, Step
from worker.billing.statement import Statement
from worker.billing.tariff import TariffGrid
from worker.errors import VERIFY_AND_COMPARE, Finding, IntegrityError, TariffError, WrongUse
from worker.storage import Session, history, invoices

_COUNTED = frozenset({"usage", "units", "population"})
"""Kinds of the files that quantities are read in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthStep:
    """Users of a month, the row that says so, and the subscription that covers the month.

    ``subscription`` is None when none of those in force does: the rows were altered.
    """

    use: MonthlyUse
    origin: Origin
    subscription: Version[Subscription] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedStep:
    """The same of a price that is not of a user and month; ``origin``: None without a row."""

    step: Step
    origin: Origin | None
    subscription: Version[Subscription] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStep:
    """A line of the invoice, and what the rating returned for it."""

    line: InvoiceLine
    rated: RatedLine
    months: tuple[MonthStep, ...]
    counted: tuple[CountedStep, ...] = ()

    @property
    def subscriptions(self) -> tuple[Version[Subscription], ...]:
        """Those that cover its months, by their first."""
        found = [one.subscription for one in self.months]
        found += [one.subscription for one in self.counted]
        return tuple(dict.fromkeys(one for one in found if one is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStep:
    """A grid that priced lines, as it was frozen, and its first use.

    ``grid`` is None when it cannot be read any more; ``first_use`` when the journal lacks it.
    """

    version: str
    grid: TariffGrid | None
    first_use: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An invoice, down to its sources."""

    invoice: Invoice
    statement: Statement
    issue: Moment
    known: YearInForce
    lines: tuple[LineStep, ...]
    grids: tuple[GridStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedLine:
    """A line of a credit note, and the line of the invoice that it takes back."""

    line: InvoiceLine
    invoiced: InvoiceLine


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """A credit note above its invoice."""

    note: Invoice
    issue: Moment
    lines: tuple[CreditedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What a person asked about.

    Attributes:
        credit_note: when that is what was asked about; the invoice is then the one it corrects.
        findings: what differs when it is computed again now.
    """

    explanation: Explanation
    credit_note: CreditNote | None
    findings: tuple[Finding, ...]


def explain(
    session: Session, number: str, line: str | None = None, *, books: Books | None = None
) -> Explained:
    """Explain an invoice or a credit note, or one line of it (BT-126).

    ``books``: what many documents share, when many are explained.

    Raises:
        WrongUse: no such document, or no such line.
        IntegrityError: what was kept of it cannot be read any more.
    """
    books = Books(session) if books is None else books
    tracked = invoices.named(session, number)
    findings = recompute_one(books, tracked.id).findings
    content = invoices.content(session, tracked.id)
    if tracked.corrects is not None:
        tracked = invoices.by_id(session, tracked.corrects)
        findings += recompute_one(books, tracked.id).findings
    invoice = invoices.content(session, tracked.id)
    issue, _ = history.issue_moments(session, invoice.number)
    explanation = explanation_of(
        invoice,
        invoices.statement_of(session, tracked.id),
        books.in_force(tracked),
        books.files.values(),
        [_grid(books, version) for version in invoice.grid_versions],
        issue,
    )
    note = None
    if content.is_credit_note:
        note = _credit_note(content, invoice, history.issue_moments(session, number)[0])
    asked = Explained(explanation=explanation, credit_note=note, findings=findings)
    if line is not None:
        return only_line(asked, line)
    if note is not None:
        return _only_lines(asked, {one.line.identifier for one in note.lines})
    return asked


def explanation_of(
    invoice: Invoice,
    statement: Statement,
    known: YearInForce,
    files: Iterable[ImportedFile],
    grids: Iterable[GridStep],
    issue: Moment,
) -> Explanation:
    """Put beside each step of the rating where it was read. Pure.

    Raises:
        IntegrityError: the invoice and its statement have not the same lines.
    """
    if len(invoice.lines) != len(statement.lines):
        raise IntegrityError(
            f"La facture {invoice.number} et son état détaillé n'ont plus les mêmes lignes.",
            VERIFY_AND_COMPARE,
        )
    used = {file.sha256: file for file in files if file.kind in _COUNTED}
    # Of a workbook of several sheets, the row alone does not tell which.
    read = {
        (one.value.service, one.value.tier, one.value.month, one.value.source): one.origin.file
        for part in (known, *known.taken_over)
        for one in part.usage
    }
    return Explanation(
        invoice=invoice,
        statement=statement,
        issue=issue,
        known=known,
        lines=tuple(
            LineStep(
                line=line,
                rated=rated,
                months=tuple(
                    MonthStep(
                        use=use,
                        origin=Origin(
                            file=read.get(
                                (rated.service, rated.tier, use.month, use.source),
                                used.get(use.source.file_sha256),
                            ),
                            row=use.source.row,
                        ),
                        subscription=_covering(known, rated, use.month),
                    )
                    for use in rated.months
                ),
                counted=tuple(
                    CountedStep(
                        step=step,
                        origin=None
                        if step.source is None
                        else Origin(file=used.get(step.source.file_sha256), row=step.source.row),
                        subscription=_covering(known, rated, Month.of(step.period.start)),
                    )
                    for step in rated.steps
                ),
            )
            for line, rated in zip(invoice.lines, statement.lines, strict=True)
        ),
        grids=tuple(grids),
    )


def only_line(asked: Explained, line: str) -> Explained:
    """The same for one line. Raises WrongUse when there is none of this identifier."""
    note = asked.credit_note
    lines = asked.explanation.lines if note is None else note.lines
    known = [one.line.identifier for one in lines]
    if line not in known:
        number = asked.explanation.invoice.number if note is None else note.note.number
        raise WrongUse(
            f"{number} n'a pas de ligne {line}.", f"Ses lignes sont : {', '.join(known)}."
        )
    return _only_lines(asked, {line})


def _only_lines(asked: Explained, lines: set[str]) -> Explained:
    explanation, note = asked.explanation, asked.credit_note
    kept = tuple(one for one in explanation.lines if one.line.identifier in lines)
    versions = {one.rated.grid_version for one in kept}
    if note is not None:
        credited = tuple(one for one in note.lines if one.line.identifier in lines)
        note = replace(note, lines=credited)
    grids = tuple(one for one in explanation.grids if one.version in versions)
    return replace(
        asked, explanation=replace(explanation, lines=kept, grids=grids), credit_note=note
    )


def _covering(known: YearInForce, rated: RatedLine, month: Month) -> Version[Subscription] | None:
    key = (rated.service, rated.tier, rated.category)
    return next(
        (
            one
            for one in known.part(rated.origin).subscriptions
            if (one.value.service, one.value.tier, one.value.category) == key
            and one.value.covers(month)
        ),
        None,
    )


def _grid(books: Books, version: str) -> GridStep:
    try:
        grid = books.grid(version)
    except (IntegrityError, TariffError):
        grid = None  # the findings of the recomputation say so
    first_use = history.first_use(books.session, version)
    return GridStep(version=version, grid=grid, first_use=first_use)


def _credit_note(note: Invoice, invoice: Invoice, issue: Moment) -> CreditNote:
    invoiced: Mapping[str, InvoiceLine] = {line.identifier: line for line in invoice.lines}
    if any(line.identifier not in invoiced for line in note.lines):
        raise IntegrityError(
            f"L'avoir {note.number} a des lignes que la facture {invoice.number} n'a pas.",
            VERIFY_AND_COMPARE,
        )
    return CreditNote(
        note=note,
        issue=issue,
        lines=tuple(
            CreditedLine(line=line, invoiced=invoiced[line.identifier]) for line in note.lines
        ),
    )
