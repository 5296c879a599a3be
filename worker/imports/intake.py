"""Takes an import file in, all or nothing, and remembers where each record came from.

One transaction per file: one bad row and nothing of the file is taken. Rows are read as a stream
and pass through the database, so that a million of them fit in little memory. The writer's lock is
taken once everything is read and checked, for the change alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from worker.app import App
from worker.billing.consumption import UsageRecord, service_name
from worker.billing.journal import EventTag
from worker.billing.members import BillingReferences, Subscription
from worker.billing.money import count, french_integer
from worker.billing.period import Month, paris_day
from worker.errors import Finding, ImportRefused, Severity
from worker.imports import ImportKind, RefusedRow, Row, SourceFile, fingerprint
from worker.imports import read as read_rows
from worker.imports.records import MemberRow
from worker.imports.wording import refusal, wordings
from worker.storage import Transaction, imported
from worker.storage.imported import Changes
from worker.storage.usage_stage import UsageStage

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
        findings: warnings, such as a month missing between two others.
    """

    file: SourceFile
    kind: ImportKind
    rows: int
    changes: Changes
    already: bool = False
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
        if imported.file_known(session, kind.value, file.sha256):
            return _already(file, kind)
    coming = _Coming(app, file, kind, rows, _Refusals(file), commit=not dry_run)
    return _usage(coming) if kind is ImportKind.USAGE else _one_by_one(coming)


def _already(file: SourceFile, kind: ImportKind) -> Intake:
    return Intake(file=file, kind=kind, rows=0, changes=Changes(), already=True)


def _write(
    tx: Transaction, coming: "_Coming", rows: int, write: Callable[[int], Changes]
) -> Intake:
    """Write the records of a file by ``write``, which is given the id of the file."""
    file, kind = coming.file, coming.kind
    if imported.file_known(tx, kind.value, file.sha256):
        return _already(file, kind)
    file_id = imported.add_file(
        tx, kind=kind.value, name=file.name, sha256=file.sha256, size=file.size, at=tx.now
    )
    changes = write(file_id)
    imported.close_file(tx, file_id, rows)
    tx.journal(
        EventTag.FILE_IMPORTED,
        file.sha256,
        kind=kind.value,
        name=file.name,
        rows=rows,
        **asdict(changes),
    )
    return Intake(file=file, kind=kind, rows=rows, changes=changes)


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
        self.add(row, Finding(code=code, message=text.format(detail), remedy=remedy, where=where))

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


@dataclass(frozen=True, slots=True)
class _Coming:
    """A file on its way in.

    Attributes:
        commit: whether what is right with it is kept.
    """

    app: App
    file: SourceFile
    kind: ImportKind
    rows: Iterator[Row | RefusedRow]
    refusals: _Refusals
    commit: bool

    def good(self) -> Iterator[tuple[int, Any]]:
        """The numbers and records of the good rows; the others are noted."""
        for row in self.rows:
            if isinstance(row, RefusedRow):
                self.refusals.add(row.row, *row.findings)
            else:
                yield row.row, row.value


def _one_by_one(coming: _Coming) -> Intake:
    """Members, subscriptions or references: such a file fits in memory."""
    app, refusals = coming.app, coming.refusals
    with app.reading() as session:
        known = imported.known_sirets(session)
    first: dict[object, int] = {}
    kept: list[tuple[int, Any]] = []
    for row, record in coming.good():
        column, key = _key(record)
        if not isinstance(record, tuple) and record.siret not in known:
            refusals.problem(row, "unknown-member", record.siret)
        elif (before := first.setdefault(key, row)) != row:
            refusals.problem(row, "repeated", before, column)
        elif len(kept) == MOST_RECORDS:
            raise refusal("many-lines", coming.file.name, most=french_integer(MOST_RECORDS))
        else:
            kept.append((row, record))
    refusals.raise_if_any()

    def write(file_id: int) -> Changes:
        done = Counter[str]()
        for row, record in kept:
            done.update(asdict(_put(tx, record, file_id, row)))
        return Changes(**done)

    with app.transaction(commit=coming.commit) as tx:
        return _write(tx, coming, len(kept), write)


def _key(record: MemberRow | Subscription | BillingReferences) -> tuple[str, object]:
    """The column that a repeated record is found by, and what no two records share."""
    match record:
        case Subscription():
            return "debut", (record.siret, record.service, record.tier, record.start)
        case BillingReferences():
            return "annee", (record.siret, record.year)
        case (member, _):
            return "siret", member.siret


def _put(
    tx: Transaction,
    record: MemberRow | Subscription | BillingReferences,
    file_id: int,
    row: int,
) -> Changes:
    match record:
        case Subscription():
            return imported.put_subscription(tx, record, file_id, row)
        case BillingReferences():
            return imported.put_references(tx, record, tx.now, (file_id, row))
        case (member, contact):
            changes = imported.put_member(tx, member, file_id, row)
            if contact is not None:
                imported.put_contact(tx, contact, tx.now)
            return changes


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
        with app.transaction(commit=coming.commit, on=session) as tx:
            for row, problem, detail in stage.billed(tx):
                refusals.problem(row, problem, detail)
            refusals.raise_if_any()
            done = _write(tx, coming, rows, lambda file_id: stage.apply(tx, file_id, tx.now))
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
