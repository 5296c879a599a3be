"""The pages of a year, read in pieces: 100,000 invoices take no more memory than a page of them.

A page about an invoice whose rows cannot be read any more says so, and stops no other.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from worker.audit.deposits import OUTCOMES, SOURCES, evidence_name
from worker.audit.documents import write_documents, write_statements
from worker.audit.dossier import charts
from worker.audit.dossier.pages import ROWS, Pages, file_name, parts_of
from worker.audit.explanation import Explained, explain
from worker.audit.recomputation import Books
from worker.audit.record import InvoiceRecord, record_of_tracked
from worker.billing.money import ZERO, Money
from worker.billing.period import paris_day
from worker.billing.provenance import ImportedFile, Moment
from worker.billing.status import (
    InvoiceKind,
    InvoiceStatus,
    TrackedInvoice,
    french_group,
    french_state,
)
from worker.billing.succession import begun
from worker.billing.tariff import TariffGrid
from worker.errors import IntegrityError, StorageUnavailable, TariffError, WrongUse
from worker.storage import (
    Session,
    attempts,
    imported,
    invoices,
    journal,
    successions,
    titles,
    year,
    year_figures,
)
from worker.storage.archive import Archive
from worker.storage.grids import frozen_grids, kept_grid
from worker.storage.history import first_use
from worker.storage.tables import as_written
from worker.storage.year_figures import NamedMember, StateFigures

DOCUMENTS = "documents"
"""The folder of the documents, one inside for each invoice."""
IMPORTED = "fichiers"
"""That of the imported files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What pages are made from.

    Attributes:
        session: one view of the database, for all of them.
        books: what many documents share.
        archive: that gives the documents.
        at: when.
        altered: what was changed behind the program, in French.
        deposits: whether this installation deposits.
        alive: is called between two pages.
    """

    session: Session
    books: Books
    archive: Archive
    at: datetime
    altered: tuple[str, ...]
    deposits: bool
    alive: Callable[[], None]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What building came to.

    Attributes:
        documents: how many invoices and credit notes have their page.
        unusable: the pieces that the archive could not give, in French.
        differing: the numbers of the documents that are not what their rows give.
        altered: what was changed behind the program, in French.
    """

    documents: int = 0
    altered: tuple[str, ...] = ()
    unusable: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Sums:
    """Of the documents of a year, credit notes below zero, replaced ones not."""

    net: Money = ZERO
    vat: Money = ZERO
    payable: Money = ZERO

    def add(self, tracked: TrackedInvoice, record: InvoiceRecord) -> None:
        """One document more."""
        if tracked.is_credit_note and tracked.status is InvoiceStatus.CANCELLED:
            return
        sign = -1 if tracked.is_credit_note else 1
        totals = record.invoice.totals
        self.net += totals.net * sign
        self.vat += totals.vat * sign
        self.payable += totals.payable * sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of the list of invoices."""

    tracked: TrackedInvoice
    tries: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A row of the list of members.

    Attributes:
        situation: a key of ``words.SITUATIONS``.
        reasons: why it has no invoice, in French.
        number: of its invoice; empty without.
    """

    named: NamedMember
    situation: str
    reasons: tuple[str, ...] = ()
    number: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """An imported file.

    Attributes:
        row: of its table, by name.
        file: with the event that took it in.
        path: of the copy that is given away; empty without.
        kept: whether the archive has it; None when it was not asked.
        without_contacts: what is kept is a CSV of it, in which columns of contacts are empty.
    """

    row: Mapping[str, object]
    file: ImportedFile
    path: str
    kept: bool | None
    without_contacts: bool = False

    @property
    def anchor(self) -> str:
        """Of its row on the page."""
        return anchor_of(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGrid:
    """A grid that priced lines; ``grid`` is None when it cannot be read, which is then said."""

    version: str
    sha256: str
    grid: TariffGrid | None
    unreadable: str
    used: Moment | None


def anchor_of(file: ImportedFile) -> str:
    """Of an imported file on the page of them."""
    return f"f-{file_name(file.kind)}-{file.sha256[:12]}"


class YearPages:
    """The pages of one year.

    Args:
        source: what they are made from.
        pages: where they are written.
        of_year: of the services.
        prefix: of their paths: nothing, or a folder of the year with its stroke.
        with_documents: whether the documents are given beside them.
        tables: of the dossier, each with how many rows it has.
    """

    def __init__(
        self,
        source: Source,
        pages: Pages,
        of_year: int,
        *,
        prefix: str = "",
        with_documents: bool = False,
        tables: Sequence[tuple[str, str, int]] = (),
    ) -> None:
        self._source = source
        self._year = of_year
        self._prefix = prefix
        self._with_documents = with_documents
        self._tables = tables
        self._sums = Sums()
        self._outcome = Outcome(altered=source.altered)
        self._pages = pages
        told = titles.current(source.session)
        deposits = source.deposits

        def state_of(tracked: TrackedInvoice) -> str:
            return french_state(tracked, told.get(tracked.id), deposits=deposits)

        self.facts: dict[str, object] = {
            "state_of": state_of,
            "year": of_year,
            "navigation": self._navigation(),
            "anchor_of": anchor_of,
            "files_page": f"{prefix}fichiers.html",
        }

    def write(self) -> Outcome:
        """Write them all. Raises OSError, IntegrityError when the database cannot be read."""
        self._invoices()
        if self._with_documents:
            write_statements(
                self._source.session,
                self._source.archive,
                self._year,
                self._pages.folder / DOCUMENTS,
                unusable=self._outcome.unusable,
            )
        self._members()
        self._files()
        if self._tables:
            self._put("tables.html", "tables", tables=self._tables)
        self._overview()
        return self._outcome

    def _put(self, path: str, template: str, **facts: object) -> None:
        self._pages.put(f"{self._prefix}{path}", template, **self.facts, **facts)
        self._source.alive()

    def _navigation(self) -> tuple[tuple[str, str], ...]:
        own = [
            ("Vue d’ensemble", "index.html"),
            ("Factures et avoirs", "factures.html"),
            ("Membres", "membres.html"),
            ("Fichiers importés", "fichiers.html"),
        ]
        if self._tables:
            own.append(("Tables", "tables.html"))
        return (*((title, f"{self._prefix}{path}") for title, path in own), *COMMON)

    def _invoices(self) -> None:
        total = year_figures.issued_count(self._source.session, self._year)
        for part, rows in parts_of(f"{self._prefix}factures", total, self._listed()):
            self._pages.put(part.path, "invoices", **self.facts, part=part, rows=rows)

    def _listed(self) -> Iterator[Listed]:
        session, number = self._source.session, ""
        while page := year_figures.issued_after(session, self._year, number, ROWS):
            tries = Counter(
                made.invoice_id for made in attempts.of_invoices(session, [one.id for one in page])
            )
            for tracked in page:
                yield Listed(tracked=tracked, tries=tries[tracked.id], path=self._invoice(tracked))
            number = page[-1].number

    @staticmethod
    def path_in(prefix: str, number: str) -> str:
        """Of the page about a document."""
        return f"{prefix}factures/{file_name(number, '.html')}"

    def invoice_path(self, number: str) -> str:
        """Of the page about a document of this year."""
        return self.path_in(self._prefix, number)

    def _invoice(self, tracked: TrackedInvoice) -> str:
        record, unreadable = self._record(tracked)
        explained, unexplained = self._explained(tracked)
        if record is not None:
            self._sums.add(tracked, record)
        if unreadable or unexplained or (explained and explained.findings):
            self._outcome.differing.append(tracked.number)
        given: frozenset[str] = frozenset()
        folder = f"{DOCUMENTS}/{file_name(tracked.number)}"
        if self._with_documents and record is not None:
            given = write_documents(
                self._source.session,
                self._source.archive,
                tracked,
                self._pages.folder / folder,
                below=self._pages.folder,
                unusable=self._outcome.unusable,
            )
        self._outcome.documents += 1
        path = self.invoice_path(tracked.number)
        self._pages.put(
            path,
            "invoice",
            **self.facts,
            tracked=tracked,
            record=record,
            unreadable=unreadable,
            explained=explained,
            unexplained=unexplained,
            given=given,
            folder=folder,
            with_documents=self._with_documents,
            invoice_path=self.invoice_path,
            evidence_name=evidence_name,
            OUTCOMES=OUTCOMES,
            SOURCES=SOURCES,
        )
        self._source.alive()
        return path

    def _record(self, tracked: TrackedInvoice) -> tuple[InvoiceRecord | None, str]:
        try:
            with as_written(f"ce qui est gardé de {tracked.number}"):
                return record_of_tracked(self._source.session, tracked), ""
        except IntegrityError as error:
            return None, error.message

    def _explained(self, tracked: TrackedInvoice) -> tuple[Explained | None, str]:
        source = self._source
        try:
            with as_written(f"ce dont {tracked.number} vient"):
                return explain(source.session, tracked.number, books=source.books), ""
        except (IntegrityError, WrongUse) as error:
            return None, error.message

    def _members(self) -> None:
        total = year_figures.member_count(self._source.session, self._year)
        for part, rows in parts_of(f"{self._prefix}membres", total, self._situations()):
            self._pages.put(part.path, "members", **self.facts, part=part, rows=rows)
            self._source.alive()

    def _situations(self) -> Iterator[Member]:
        session, siret = self._source.session, ""
        known = successions.in_force(session)
        while page := year_figures.members_after(session, self._year, siret, ROWS):
            sirets = [one.siret for one in page]
            issued = year_figures.of_members(session, self._year, sirets)
            held = year_figures.held(session, self._year, sirets)
            for one in page:
                found = self._situation(one, issued.get(one.siret, []), held.get(one.siret))
                followed = begun(one.siret, self._year, known)
                if followed is not None:
                    name = imported.member(session, followed.successor).name
                    found = replace(found, reasons=(*found.reasons, followed.french(name)))
                yield found
            siret = page[-1].siret

    def _situation(
        self, named: NamedMember, issued: Sequence[TrackedInvoice], held: str | None
    ) -> Member:
        numbered = [one for one in issued if one.number]
        parked = [one for one in issued if not one.number]
        reasons: tuple[str, ...] = () if held is None else (held,)
        if numbered and numbered[-1].status is not InvoiceStatus.CANCELLED:
            situation = "billed"
        elif held is not None:
            situation = "held"
        elif parked:
            situation = "parked"
            reasons = tuple(finding.message for finding in parked[-1].findings)
        else:
            situation = "cancelled" if numbered else "nothing"
        number = numbered[-1].number if numbered else ""
        return Member(
            named=named,
            situation=situation,
            reasons=reasons,
            number=number,
            path=self.invoice_path(number) if number else "",
        )

    def _files(self) -> None:
        (table,) = (
            one
            for one in year.year_tables(self._source.session, self._year)
            if one.name == "source_file"
        )
        names = [name for name, _ in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in table.rows()]
        for part, files in parts_of(
            f"{self._prefix}fichiers", len(rows), map(self._kept_file, rows)
        ):
            self._pages.put(
                part.path,
                "files",
                **self.facts,
                part=part,
                rows=files,
                with_documents=self._with_documents,
            )

    def _kept_file(self, row: Mapping[str, object]) -> KeptFile:
        file = self._source.books.files[int(str(row["id"]))]
        if not self._with_documents:
            return KeptFile(row=row, file=file, path="", kept=None)
        said = row.get("kept_sha256")
        try:
            content = self._source.archive.get(str(said or file.sha256))
        except (IntegrityError, StorageUnavailable) as error:
            if said:
                self._outcome.unusable.append(f"{file.name} : {error.message}")
            return KeptFile(row=row, file=file, path="", kept=False)
        without_contacts = bool(said) and said != file.sha256
        path = f"{IMPORTED}/{imported_name(file, without_contacts=without_contacts)}"
        self._pages.put_file(path, content)
        return KeptFile(row=row, file=file, path=path, kept=True, without_contacts=without_contacts)

    def states(self) -> tuple[tuple[StateFigures, str], ...]:
        """The documents of the year by state, each with the words for it."""
        found = year_figures.states(self._source.session, self._year)
        deposits = self._source.deposits
        return tuple((one, french_group(one.kind, one.status, deposits=deposits)) for one in found)

    def _overview(self) -> None:
        session = self._source.session
        states = self.states()
        tries = year_figures.tries(session, self._year)
        days = Counter(map(paris_day, year_figures.attempts_made(session, self._year)))
        self._put(
            "index.html",
            "overview",
            sums=self._sums,
            invoice_path=self.invoice_path,
            outcome=self._outcome,
            states=tuple(
                (one, french, share)
                for (one, french), share in zip(
                    states, charts.shares([one.total for one, _ in states]), strict=True
                )
            ),
            invoices=_count([one for one, _ in states], InvoiceKind.INVOICE),
            notes=_count([one for one, _ in states], InvoiceKind.CREDIT_NOTE),
            members=year_figures.member_count(session, self._year),
            tries=tuple(
                (made, documents, share)
                for (made, documents), share in zip(
                    tries, charts.lengths([one for _, one in tries], charts.FULL), strict=True
                )
            ),
            days=tuple(sorted(days.items())),
            months=charts.calendar(days),
            services=_labels(session),
            series=charts.yearly_series(year.use_of_the_territory(session, self._year)),
        )


COMMON = (
    ("Grilles tarifaires", "grilles.html"),
    ("Journal", "journal.html"),
    ("Comment vérifier", "verifier.html"),
)
"""The pages that belong to no year."""


def imported_name(file: ImportedFile, *, without_contacts: bool) -> str:
    """Of the copy of an imported file: its hash tells it apart, its name tells what it is."""
    name = Path(file.name).stem
    ending = ".csv" if without_contacts else Path(file.name).suffix.lower()
    known = ending if ending in {".csv", ".xlsx", ".ods", ".txt", ".tsv"} else ""
    return f"{file.sha256[:12]}-{file_name(name, known)}"


def _labels(session: Session) -> dict[str, str]:
    """What people call each service, as the grids that priced them say."""
    labels: dict[str, str] = {}
    for version in frozen_grids(session):
        with suppress(IntegrityError, TariffError):
            grid = kept_grid(session, version)
            labels |= {code: service.label for code, service in grid.services.items()}
    return labels


def _count(states: Sequence[StateFigures], kind: InvoiceKind) -> int:
    return sum(one.documents for one in states if one.kind is kind)


def write_common(
    source: Source,
    pages: Pages,
    path_of: Callable[[TrackedInvoice], str],
    **facts: object,
) -> None:
    """Write the pages that belong to no year. Raises OSError.

    Args:
        source: what they are made from.
        pages: where they are written.
        path_of: the page about a document; empty when there is none.
        facts: of the menu.
    """
    _write_grids(source, pages, facts)
    _write_journal(source, pages, path_of, facts)
    pages.put("verifier.html", "verify", **facts)


def _write_grids(source: Source, pages: Pages, facts: Mapping[str, object]) -> None:
    grids = [_kept_grid(source.session, *one) for one in frozen_grids(source.session).items()]
    pages.put("grilles.html", "grids", **facts, grids=grids)


def _kept_grid(session: Session, version: str, sha256: str) -> KeptGrid:
    try:
        grid, told = kept_grid(session, version), ""
    except (IntegrityError, TariffError) as error:
        grid, told = None, error.message
    used = first_use(session, version)
    return KeptGrid(version=version, sha256=sha256, grid=grid, unreadable=told, used=used)


def _write_journal(
    source: Source,
    pages: Pages,
    path_of: Callable[[TrackedInvoice], str],
    facts: Mapping[str, object],
) -> None:
    session = source.session
    head = journal.head(session)
    names = {file.sha256: file.name for file in source.books.files.values()}
    for part, events in parts_of("journal", head.seq, journal.events(session)):
        about = {event.subject for event in events if event.subject.isascii()}
        known = {one.number: path_of(one) for one in invoices.of_numbers(session, about)}
        pages.put(
            part.path,
            "journal",
            **facts,
            part=part,
            rows=events,
            paths={number: path for number, path in known.items() if path},
            names=names,
        )
        source.alive()
