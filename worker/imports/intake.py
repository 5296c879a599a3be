"""Takes an import file in, all or nothing, and remembers where each record came from.

One transaction per file: one bad row and nothing of the file is taken. Rows are read as a stream
and pass through the database, so that a million of them fit in little memory. The writer's lock is
taken once everything is read, checked and kept in the archive, for the change alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from worker.app import App
from worker.billing.comparison import PreviousAmount
from worker.billing.consumption import (
    PopulationRecord,
    UnitRecord,
    UsageRecord,
    service_name,
)
from worker.billing.journal import EventTag
from worker.billing.members import BillingReferences, Subscription
from worker.billing.money import count, french_integer
from worker.billing.period import Month, french_date, paris_day
from worker.errors import Finding, ImportRefused, Severity
from worker.imports import Heading, ImportKind, RefusedRow, Row, SourceFile, fingerprint
from worker.imports import read as read_rows
from worker.imports.billed import Fact, conflicts
from worker.imports.billed import key as fact_key
from worker.imports.kept import keep
from worker.imports.records import MemberRow
from worker.imports.wording import refusal, wordings
from worker.storage import Session, Transaction, imported, source_files
from worker.storage.imported import Place
from worker.storage.source_files import ImportedFile
from worker.storage.usage_stage import UsageStage
from worker.storage.versions import Changes

BATCH = 5_000
MOST_FINDINGS = 1_000
"""Then the reading stops: the file is wrong as a whole."""
MOST_RECORDS = 50_000
"""Of a file that is kept in memory: members, subscriptions, references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What an import did.

    Attributes:
        already: these very bytes were imported before; nothing was done.
        rows: data rows read.
        left_out: the columns of contacts, which the kept copy of the file does not have.
        findings: warnings, such as a month missing between two others.
    """

    file: SourceFile
    kind: ImportKind
    rows: int
    changes: Changes
    already: bool = False
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def take_in(app: App, path: Path, kind: ImportKind, *, dry_run: bool = False) -> Intake:
    """Import one file; with ``dry_run`` everything is checked and nothing kept.

    Raises:
        ImportRefused: with a finding for each bad row, up to ``MOST_FINDINGS``.
        WrongUse: the file cannot be read.
    """
    file = fingerprint(path)
    return take_rows(app, file, kind, read_rows(file, kind), dry_run=dry_run)


def take_rows(
    app: App,
    file: SourceFile,
    kind: ImportKind,
    rows: Iterator[Row | RefusedRow],
    *,
    dry_run: bool = False,
) -> Intake:
    """Import the rows of a file, which may be slow to come. Raises as ``take_in``."""
    with app.reading() as session:
        if source_files.known(session, kind.value, file.sha256):
            return _already(file, kind)
    coming = _Coming(app, file, kind, rows, _Refusals(file), commit=not dry_run)
    return _usage(coming) if kind is ImportKind.USAGE else _one_by_one(coming)


def _already(file: SourceFile, kind: ImportKind) -> Intake:
    return Intake(file=file, kind=kind, rows=0, changes=Changes(), already=True)


def _keep(coming: "_Coming") -> str:
    """The SHA-256 of what the archive has of the file: before the lock, for it may be large."""
    personal = bool(coming.personal)
    return keep(coming.app.store.archive, coming.file, coming.kind, personal=personal)


def _write(
    tx: Transaction, coming: "_Coming", rows: int, kept: str, write: Callable[[int], Changes]
) -> Intake:
    """Write the records of a file by ``write``, which is given the id of the file."""
    file, kind, heading = coming.file, coming.kind, coming.heading
    if source_files.known(tx, kind.value, file.sha256):
        return _already(file, kind)
    recorded = ImportedFile(
        kind=kind.value,
        name=file.name,
        sha256=file.sha256,
        size=file.size,
        rows=rows,
        imported_at=tx.now,
        imported_by=tx.actor,
        sheet=heading.sheet if heading else "",
        columns=heading.layout.columns if heading else {},
        kept_sha256=kept,
    )
    changes = write(source_files.add(tx, recorded))
    tx.journal(
        EventTag.FILE_IMPORTED,
        file.sha256,
        kind=kind.value,
        name=file.name,
        rows=rows,
        kept=kept,
        **asdict(changes),
    )
    return Intake(file=file, kind=kind, rows=rows, changes=changes, left_out=coming.personal)


_PROBLEMS = {
    "unknown-member": ("IMPORT-UNKNOWN-MEMBER", "siret"),
    "duplicate": ("IMPORT-DUPLICATE", "mois"),
    "other-year": ("IMPORT-OTHER-YEAR", "mois"),
    "billed": ("IMPORT-BILLED", "utilisateurs"),
    "future": ("IMPORT-FUTURE", "mois"),
    "repeated": ("IMPORT-DUPLICATE", ""),
}
"""Code and column of what is wrong with a row beside the others, by its name in findings.toml."""


class _Refusals:
    """The bad rows of a file, up to a bound: the file is then wrong as a whole."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.found: list[tuple[int, Finding]] = []

    def add(self, row: int, *findings: Finding) -> None:
        """Note what is wrong with a row. Raises ImportRefused when that is enough."""
        self.found.extend((row, finding) for finding in findings)
        if len(self.found) >= MOST_FINDINGS:
            raise self._refused(" au moins, et la lecture s'est arrêtée là")

    def problem(self, row: int, name: str, detail: object, column: str = "") -> None:
        code, usual = _PROBLEMS[name]
        text, remedy = wordings()[name]
        where = f"{self.file.name}, ligne {row}, colonne « {column or usual} »"
        finding = Finding(
            code=code, message=text.format(detail), remedy=remedy.format(detail), where=where
        )
        self.add(row, finding)

    def raise_if_any(self) -> None:
        if self.found:
            raise self._refused("")

    def _refused(self, more: str) -> ImportRefused:
        in_order = sorted(self.found, key=lambda pair: pair[0])
        bad = len({row for row, _ in in_order})
        return ImportRefused(
            f"Le fichier {self.file.name} contient {count(bad, 'ligne incorrecte')}{more} : "
            "rien n'a été importé.",
            "Corrigez les lignes indiquées, puis importez à nouveau le fichier entier.",
            findings=[finding for _, finding in in_order],
        )


@dataclass(slots=True)
class _Coming:
    """A file on its way in.

    Attributes:
        commit: whether what is right with it is kept.
        heading: where its columns stand, once a good row was read.
    """

    app: App
    file: SourceFile
    kind: ImportKind
    rows: Iterator[Row | RefusedRow]
    refusals: _Refusals
    commit: bool
    heading: Heading | None = None

    @property
    def personal(self) -> tuple[str, ...]:
        """Its columns of contacts."""
        return self.heading.layout.personal if self.heading else ()

    def good(self) -> Iterator[tuple[int, Any]]:
        """The numbers and records of the good rows; the others are noted."""
        for row in self.rows:
            if isinstance(row, RefusedRow):
                self.refusals.add(row.row, *row.findings)
            else:
                self.heading = row.heading
                yield row.row, row.value


def _one_by_one(coming: _Coming) -> Intake:
    """All but usage: such a file fits in memory."""
    app, refusals = coming.app, coming.refusals
    with app.reading() as session:
        known = imported.known_sirets(session)
    today = paris_day(app.clock())
    first: dict[object, int] = {}
    kept: list[tuple[int, Any]] = []
    for row, record in coming.good():
        column, key = _key(record)
        # Who owed something before may be no member any more.
        is_new = isinstance(record, tuple | PreviousAmount)
        if not is_new and record.siret not in known:
            refusals.problem(row, "unknown-member", record.siret)
        elif isinstance(record, UnitRecord) and record.day > today:
            refusals.problem(row, "future", french_date(record.day), "date")
        elif (before := first.setdefault(key, row)) != row:
            refusals.problem(row, "repeated", before, column)
        elif len(kept) == MOST_RECORDS:
            raise refusal("many-lines", coming.file.name, most=french_integer(MOST_RECORDS))
        else:
            kept.append((row, record))
    with app.reading() as session:
        _refuse_billed(session, coming, kept)
    piece = _keep(coming) if coming.commit else ""
    with app.transaction(commit=coming.commit) as tx:
        _refuse_billed(tx, coming, kept)
        return _write(tx, coming, len(kept), piece, lambda file_id: _put(tx, coming, kept, file_id))


def _refuse_billed(session: Session, coming: _Coming, records: list[tuple[int, Any]]) -> None:
    """Raise ImportRefused when a row was refused, or one would change a billed year."""
    for row, column, number in conflicts(session, records):
        coming.refusals.problem(row, "billed", number, column)
    coming.refusals.raise_if_any()


def _key(record: MemberRow | Fact | PreviousAmount) -> tuple[str, object]:
    """The column that a repeated record is found by, and what no two records share."""
    match record:
        case Subscription():
            return "debut", fact_key(record)
        case BillingReferences():
            return "annee", fact_key(record)
        case PreviousAmount():
            return "annee", (record.siret, record.year)
        case UnitRecord():
            return "reference", fact_key(record)
        case PopulationRecord():
            return "annee", fact_key(record)
        case (member, _, _):
            return "siret", member.siret


def _put(tx: Transaction, coming: _Coming, records: list[tuple[int, Any]], file_id: int) -> Changes:
    placed = [(record, (file_id, row)) for row, record in records]
    match coming.kind:
        case ImportKind.SUBSCRIPTIONS:
            return imported.put_subscriptions(tx, placed, tx.now)
        case ImportKind.REFERENCES:
            return imported.put_references(tx, placed, tx.now)
        case ImportKind.PREVIOUS:
            return imported.put_previous(tx, placed, tx.now)
        case ImportKind.UNITS:
            return imported.put_units(tx, placed, tx.now)
        case ImportKind.POPULATION:
            return imported.put_population(tx, placed, tx.now)
        case _:
            contacts = [(one, place) for (_, one, _), place in placed if one is not None]
            imported.put_contacts(tx, contacts, tx.now)
            return _put_members(tx, coming, placed)


def _put_members(
    tx: Transaction, coming: _Coming, placed: Sequence[tuple[MemberRow, Place]]
) -> Changes:
    """Members and their natures: one whose nature alone changes is changed.

    A file without the column of natures leaves them as they are.
    """
    says = coming.heading is not None and "nature" in coming.heading.layout.columns
    natures = [(one, place) for (_, _, one), place in placed] if says else []
    changing = imported.changed_natures(tx, natures)
    sirets = {one.siret for one, _ in changing}
    members = [(one, place) for (one, _, _), place in placed]
    others = imported.put_members(
        tx, [one for one in members if one[0].siret not in sirets], tx.now
    )
    theirs = imported.put_members(tx, [one for one in members if one[0].siret in sirets], tx.now)
    imported.put_natures(tx, changing, tx.now)
    return Changes(
        added=others.added + theirs.added,
        changed=others.changed + theirs.changed + theirs.unchanged,
        unchanged=others.unchanged,
    )


def _usage(coming: _Coming) -> Intake:
    """A usage file: staged and checked before the lock is taken, then applied."""
    app, refusals = coming.app, coming.refusals
    with app.staging() as session:
        stage = UsageStage(session)
        rows = _stage(stage, coming, Month.of(paris_day(app.clock())))
        for row, problem, detail in stage.problems():
            refusals.problem(row, problem, detail)
        refusals.raise_if_any()
        gaps = tuple(
            Finding(
                code="IMPORT-GAP",
                severity=Severity.WARNING,
                message=f"{siret} : {service_name(service, tier)}, rien entre {before.french} et "
                f"{after.french}",
                remedy="Si le service n'a pas servi, ajoutez ces mois avec 0 utilisateur.",
                where=f"{coming.file.name}, ligne {row}",
            )
            for row, siret, service, tier, before, after in stage.gaps()
        )
        piece = _keep(coming) if coming.commit else ""
        with app.transaction(commit=coming.commit, on=session) as tx:
            for row, problem, detail in stage.billed(tx):
                refusals.problem(row, problem, detail)
            refusals.raise_if_any()
            done = _write(tx, coming, rows, piece, lambda file_id: stage.apply(tx, file_id, tx.now))
    return replace(done, findings=() if done.already else gaps)


def _stage(stage: UsageStage, coming: _Coming, present: Month) -> int:
    """Stage every row; how many there are."""
    batch: list[UsageRecord] = []
    rows = 0
    for row, record in coming.good():
        if record.month > present:
            coming.refusals.problem(row, "future", record.month.french)
        batch.append(record)
        rows += 1
        if len(batch) == BATCH:
            stage.add(batch)
            batch.clear()
    if batch:
        stage.add(batch)
    return rows
