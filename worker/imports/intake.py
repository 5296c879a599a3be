"""Takes an import file in, all or nothing, and remembers where each record came from.

One transaction per file: one bad row and nothing of the file is taken. Rows are read as a stream
and pass through the database, so that a million of them fit in little memory. The writer's lock is
taken once everything is read, checked and kept in the archive, for the change alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from worker.app import App
from worker.billing.consumption import UsageRecord, service_name
from worker.billing.journal import EventTag
from worker.billing.money import count, french_integer
from worker.billing.period import Month, french_date, paris_day
from worker.billing.text import harmless
from worker.errors import Finding, ImportRefused, Severity, WrongUse
from worker.imports import (
    Heading,
    ImportKind,
    Item,
    Note,
    RefusedRow,
    Row,
    SourceFile,
    fingerprint,
    is_workbook,
)
from worker.imports import stream as stream_rows
from worker.imports.destinations import DESTINATIONS, Destination
from worker.imports.grouping import grouped
from worker.imports.kept import keep
from worker.imports.kinds import KINDS
from worker.imports.problems import CODES, Place, Problem
from worker.imports.wording import finding, place_of, refusal
from worker.storage import Session, Transaction, imported, source_files
from worker.storage.source_files import ImportedFile
from worker.storage.usage_stage import Unfit, UsageStage
from worker.storage.versions import Changes

BATCH = 5_000
MOST_FINDINGS = 1_000
"""Then the reading stops: the file is wrong as a whole."""
MOST_RECORDS = 50_000
"""Of a file that is kept in memory: members, subscriptions, references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetTaken:
    """What an import did of a sheet; of a text, which is one, the name is empty."""

    sheet: str
    rows: int
    changes: Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What an import did.

    Attributes:
        already: these very bytes were imported before; nothing was done.
        sheets: each that has rows.
        left_out: the columns of contacts, which the kept copy of the file does not have.
        findings: warnings, such as a month missing between two others.
    """

    file: SourceFile
    kind: ImportKind
    sheets: tuple[SheetTaken, ...] = ()
    already: bool = False
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def rows(self) -> int:
        """Data rows read; where months are columns, one for each month that has a figure."""
        return sum(sheet.rows for sheet in self.sheets)

    @property
    def changes(self) -> Changes:
        """What it did, all sheets together."""
        done = [sheet.changes for sheet in self.sheets]
        return Changes(
            added=sum(one.added for one in done),
            changed=sum(one.changed for one in done),
            unchanged=sum(one.unchanged for one in done),
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found to read."""
        return not self.already and not self.rows


def take_in(app: App, path: Path, kind: ImportKind, *, dry_run: bool = False) -> Intake:
    """Import one file; with ``dry_run`` everything is checked and nothing kept.

    Raises:
        ImportRefused: with a finding for each bad row, up to ``MOST_FINDINGS``.
        WrongUse: the file cannot be read, or another command reads its kind.
    """
    if command := DESTINATIONS[kind].command:
        raise WrongUse(
            f"Les fichiers de {KINDS[kind].french} ont une commande à eux.",
            f"Tapez : chorus-worker {command} {harmless(str(path))}",
        )
    file = fingerprint(path)
    return take_rows(app, file, kind, stream_rows(file, kind), dry_run=dry_run)


def take_rows(
    app: App,
    file: SourceFile,
    kind: ImportKind,
    rows: Iterator[Item],
    *,
    dry_run: bool = False,
) -> Intake:
    """Import the rows of a file, which may be slow to come. Raises as ``take_in``."""
    with app.reading() as session:
        known = source_files.known(session, kind.value, file.sha256)
    # Of a workbook, former releases left sheets out; a file that is no longer there is a text.
    if known and not ("" not in known and is_workbook(file)):
        return Intake(file=file, kind=kind, already=True)
    coming = _Coming(app, file, kind, rows, known, commit=not dry_run)
    done = _usage(coming) if DESTINATIONS[kind].put is None else _one_by_one(coming)
    return replace(done, findings=(*coming.notes, *done.findings))


@dataclass(slots=True)
class _Sheet:
    """A sheet on its way in: where its columns stand, and how many rows were read."""

    heading: Heading | None
    rows: int = 0

    @property
    def name(self) -> str:
        return self.heading.sheet if self.heading else ""


@dataclass(slots=True)
class _Coming:
    """A file on its way in.

    Attributes:
        known: the sheets of these bytes that were taken in before: they are passed over.
        commit: whether what is right with it is kept.
        sheets: those that were met, by rank.
        notes: what is said of the file and stops nothing.
        found: the bad rows, up to a bound: the file is then wrong as a whole.
    """

    app: App
    file: SourceFile
    kind: ImportKind
    incoming: Iterator[Item]
    known: frozenset[str]
    commit: bool
    sheets: list[_Sheet] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    found: list[tuple[Place, Finding]] = field(default_factory=list)

    @property
    def personal(self) -> tuple[str, ...]:
        """Its columns of contacts."""
        named = [one.heading.layout.personal for one in self.sheets if one.heading and one.rows]
        return tuple(dict.fromkeys(name for names in named for name in names))

    def good(self) -> Iterator[tuple[Place, Any]]:
        """The places and records of the good rows; the others are noted.

        Raises:
            ImportRefused: enough of them are wrong, or the sheet is as a whole.
        """
        for item in self.incoming:
            match item:
                case Heading():
                    self._enter(item)
                case Note():
                    self._note(item)
                case RefusedRow():
                    self._refuse(item.row, item.findings)
                case Row():
                    if not self.sheets:
                        self._enter(item.heading)
                    sheet = self.sheets[-1]
                    if sheet.name in self.known:
                        continue
                    sheet.rows += 1
                    if item.doubts:
                        self._refuse(item.row, item.doubts)
                    else:
                        yield Place(len(self.sheets) - 1, item.row), item.value
        self.notes += [
            finding(
                "IMPORT-NO-ROWS",
                where=place_of(self.file.name, one.name),
                severity=Severity.WARNING,
            )
            for one in self.sheets
            if not one.rows and one.name not in self.known
        ]

    def _enter(self, heading: Heading | None) -> None:
        self.sheets.append(_Sheet(heading))

    def _note(self, note: Note) -> None:
        if note.finding.severity is Severity.WARNING:
            self.notes.append(note.finding)
            return
        self.found.append((Place(len(self.sheets) - 1, 0), note.finding))
        # What it says explains what the other checks would find.
        self.raise_if_any()

    def _refuse(self, row: int, findings: tuple[Finding, ...]) -> None:
        if not self.sheets:
            self._enter(None)
        if self.sheets[-1].name not in self.known:
            self.add(Place(len(self.sheets) - 1, row), *findings)

    def add(self, place: Place, *findings: Finding) -> None:
        """Note what is wrong with a row. Raises ImportRefused when that is enough."""
        self.found.extend((place, one) for one in findings)
        if len(self.found) >= MOST_FINDINGS:
            raise self._refused(" au moins, et la lecture s'est arrêtée là")

    def problem(self, problem: Problem) -> None:
        """Note what is wrong with a row beside the others. Raises as ``add``."""
        self.add(problem.place, self.worded(problem))

    def worded(self, problem: Problem, severity: Severity = Severity.BLOCKING) -> Finding:
        """A problem as it is said of its row."""
        code, usual = CODES[problem.words]
        sheet = self.sheets[problem.place.sheet]
        columns = sheet.heading.layout.columns if sheet.heading else {}
        column = problem.column or usual
        said = finding(
            code,
            problem.words,
            where=place_of(self.file.name, sheet.name, problem.place.row, column),
            severity=severity,
            detail=self._before(problem) if problem.before else problem.detail,
            siret=problem.siret,
        )
        return replace(
            said,
            file=self.file.name,
            sheet=sheet.name,
            row=problem.place.row,
            column=column,
            place=columns.get(column, 0),
        )

    def _before(self, problem: Problem) -> str:
        """The row that one repeats: in the same sheet, its number alone."""
        sheet, row = problem.before or problem.place
        if sheet == problem.place.sheet:
            return str(row)
        return f"{row} de la feuille « {self.sheets[sheet].name} »"

    def raise_if_any(self) -> None:
        """Raise ImportRefused when a row was refused."""
        if self.found:
            raise self._refused("")

    def _refused(self, more: str) -> ImportRefused:
        in_order = sorted(self.found, key=lambda pair: pair[0])
        findings = [one for _, one in in_order]
        bad = len({place for place, _ in in_order if place.row})
        wrong = f"contient {count(bad, 'ligne incorrecte')}{more}" if bad else "ne convient pas"
        return ImportRefused(
            f"Le fichier {self.file.name} {wrong} : rien n'a été importé.",
            "Corrigez les lignes indiquées, puis importez à nouveau le fichier entier.",
            findings=findings,
            groups=grouped(findings),
        )

    def has_rows(self) -> bool:
        """Whether there is anything to take in."""
        return any(one.rows for one in self.sheets)

    def nothing(self) -> Intake:
        """What a file without any new row did."""
        return Intake(file=self.file, kind=self.kind, already=bool(self.known))

    def keep(self) -> dict[str, str]:
        """What the archive has of each sheet: before the lock, for a file may be large."""
        if not self.commit:
            return {}
        names = [one.name for one in self.sheets if one.rows]
        archive, personal = self.app.store.archive, bool(self.personal)
        return keep(archive, self.file, self.kind, names, personal=personal)


def _write(
    tx: Transaction,
    coming: _Coming,
    kept: dict[str, str],
    write: Callable[[int, int], Changes],
) -> Intake:
    """Write the records of a file by ``write``, given the rank of a sheet and the id of its row."""
    file, kind = coming.file, coming.kind
    if source_files.known(tx, kind.value, file.sha256) - coming.known:
        return Intake(file=file, kind=kind, already=True)
    taken = []
    for rank, sheet in enumerate(coming.sheets):
        if not sheet.rows:
            continue
        columns = sheet.heading.layout.columns if sheet.heading else {}
        piece = kept.get(sheet.name, "")
        recorded = ImportedFile(
            kind=kind.value,
            name=file.name,
            sha256=file.sha256,
            size=file.size,
            rows=sheet.rows,
            imported_at=tx.now,
            imported_by=tx.actor,
            sheet=sheet.name,
            columns=columns,
            kept_sha256=piece,
        )
        changes = write(rank, source_files.add(tx, recorded))
        named = {"sheet": sheet.name} if sheet.name else {}
        tx.journal(
            EventTag.FILE_IMPORTED,
            file.sha256,
            kind=kind.value,
            name=file.name,
            rows=sheet.rows,
            kept=piece,
            **named,
            **asdict(changes),
        )
        taken.append(SheetTaken(sheet=sheet.name, rows=sheet.rows, changes=changes))
    return Intake(file=file, kind=kind, sheets=tuple(taken), left_out=coming.personal)


def _one_by_one(coming: _Coming) -> Intake:
    """All but usage: such a file fits in memory."""
    app, kind, destination = coming.app, KINDS[coming.kind], DESTINATIONS[coming.kind]
    with app.reading() as session:
        known = imported.known_sirets(session)
    today = paris_day(app.clock())
    first: dict[object, Place] = {}
    kept: list[tuple[Place, Any]] = []
    for place, record in coming.good():
        column, key = kind.identity(record)
        day = kind.happened(record) if kind.happened else None
        if kind.of_member and record.siret not in known:
            coming.problem(Problem(place=place, words="unknown-member", detail=record.siret))
        elif day is not None and day > today:
            told = french_date(day)
            coming.problem(Problem(place=place, words="future", detail=told, column="date"))
        elif (before := first.setdefault(key, place)) != place:
            coming.problem(Problem(place=place, words="repeated", column=column, before=before))
        elif len(kept) == MOST_RECORDS:
            raise refusal("many-lines", coming.file.name, most=french_integer(MOST_RECORDS))
        else:
            kept.append((place, record))
    with app.reading() as session:
        _refuse(session, coming, destination, kept)
    if not coming.has_rows():
        return coming.nothing()
    pieces = coming.keep()
    with app.transaction(commit=coming.commit) as tx:
        _refuse(tx, coming, destination, kept)
        left_out = tuple(
            coming.worded(problem, Severity.WARNING) for problem in destination.left_out(tx, kept)
        )
        done = _write(tx, coming, pieces, _Writer(tx, destination, kept))
    return done if done.already else replace(done, findings=left_out)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the records of a sheet."""

    tx: Transaction
    destination: Destination
    records: list[tuple[Place, Any]]

    def __call__(self, rank: int, file_id: int) -> Changes:
        """Those of the sheet of a rank, which came from the file of an id."""
        placed = [(one, (file_id, at.row)) for at, one in self.records if at.sheet == rank]
        return self.destination.put(self.tx, placed) if self.destination.put else Changes()


def _refuse(
    session: Session,
    coming: _Coming,
    destination: Destination,
    records: list[tuple[Place, Any]],
) -> None:
    """Raise ImportRefused when a row was refused, or the books refuse one."""
    for problem in destination.problems(session, records):
        coming.problem(problem)
    coming.raise_if_any()


def _usage(coming: _Coming) -> Intake:
    """A usage file: staged and checked before the lock is taken, then applied."""
    app = coming.app
    with app.staging() as session:
        stage = UsageStage(session)
        _stage(stage, coming, Month.of(paris_day(app.clock())))
        for unfit in stage.problems():
            coming.problem(_problem(unfit))
        coming.raise_if_any()
        if not coming.has_rows():
            return coming.nothing()
        gaps = tuple(
            finding(
                "IMPORT-GAP",
                severity=Severity.WARNING,
                where=place_of(coming.file.name, coming.sheets[sheet].name, row),
                siret=siret,
                service=service_name(service, tier),
                before=before.french,
                after=after.french,
            )
            for (sheet, row), siret, service, tier, before, after in stage.gaps()
        )
        pieces = coming.keep()
        with app.transaction(commit=coming.commit, on=session) as tx:
            for unfit in stage.billed(tx):
                coming.problem(_problem(unfit))
            coming.raise_if_any()
            done = _write(
                tx, coming, pieces, lambda rank, file_id: stage.apply(tx, file_id, tx.now, rank)
            )
    return replace(done, findings=() if done.already else gaps)


def _problem(unfit: Unfit) -> Problem:
    return Problem(
        place=Place(unfit.sheet, unfit.row),
        words=unfit.problem,
        detail=unfit.detail,
        before=Place(*unfit.first) if unfit.first else None,
    )


def _stage(stage: UsageStage, coming: _Coming, present: Month) -> None:
    """Stage every row."""
    batch: list[UsageRecord] = []
    sheet = 0
    for place, record in coming.good():
        if record.month > present:
            month = record.month.french
            coming.problem(Problem(place=place, words="future", detail=month))
        if batch and (len(batch) == BATCH or place.sheet != sheet):
            stage.add(batch, sheet)
            batch.clear()
        sheet = place.sheet
        batch.append(record)
    if batch:
        stage.add(batch, sheet)
