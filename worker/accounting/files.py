"""Files of the treasury: read by the imports, kept in the archive, written all or nothing.

The rows are judged within the transaction, beside what the books have then; what is wrong with
them is told together, and nothing of the file is taken.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from worker.app import App
from worker.billing.journal import EventTag
from worker.billing.money import count, french_integer
from worker.billing.text import harmless
from worker.errors import Finding, ImportRefused, Severity
from worker.imports import (
    Heading,
    ImportKind,
    Note,
    RefusedRow,
    Row,
    SourceFile,
    fingerprint,
    stream,
)
from worker.imports.grouping import grouped
from worker.imports.intake import Intake, SheetTaken
from worker.imports.kept import keep
from worker.imports.wording import CellFinding, place_of, refusal, shortened, words_of
from worker.storage import Transaction, source_files
from worker.storage.source_files import ImportedFile
from worker.storage.versions import Changes

T = TypeVar("T")
MOST_ROWS = 50_000
MOST_FINDINGS = 1_000


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A value, and the row of the file that gives it."""

    row: int
    value: T


class Problems:
    """The bad rows of a file."""

    def __init__(self, path: Path, heading: Heading | None = None) -> None:
        self._name = harmless(path.name)
        self._sheet = heading.sheet if heading else ""
        self._columns = heading.layout.columns if heading else {}
        self._found: list[tuple[int, Finding]] = []
        self.warnings: list[Finding] = []

    def add(self, row: int, column: str, code: str, words: str, detail: object) -> None:
        """Note a finding in the words that ``findings.toml`` has under ``words``, else its code."""
        message, remedy = words_of(words or code, detail=detail)
        said = self._placed(row, column, code, message, remedy, words or code)
        self.note(row, replace(said, value=shortened(str(detail))))

    def say(self, row: int, column: str, code: str, message: str, remedy: str) -> None:
        """Note a finding in these words, of this row alone: it is told by itself."""
        self.note(row, self._placed(row, column, code, message, remedy, ""))

    def warn(self, row: int, column: str, code: str, message: str, remedy: str) -> None:
        """Note what refuses nothing; each by itself."""
        said = self._placed(row, column, code, message, remedy, "")
        self.warnings.append(replace(said, severity=Severity.WARNING))

    def _placed(
        self, row: int, column: str, code: str, message: str, remedy: str, cause: str
    ) -> CellFinding:
        return CellFinding(
            code=code,
            message=message,
            remedy=remedy,
            where=place_of(self._name, self._sheet, row, column),
            cause=cause,
            file=self._name,
            sheet=self._sheet,
            row=row,
            column=column,
            place=self._columns.get(column, 0),
        )

    def note(self, row: int, *findings: Finding) -> None:
        """Note findings of a row. Raises ImportRefused when that is enough."""
        self._found.extend((row, finding) for finding in findings)
        if len(self._found) >= MOST_FINDINGS:
            self.raise_if_any()

    def raise_if_any(self) -> None:
        """Raise ImportRefused with what was noted."""
        if not self._found:
            return
        in_order = sorted(self._found, key=lambda pair: pair[0])
        bad = len({row for row, _ in in_order})
        findings = [finding for _, finding in in_order]
        raise ImportRefused(
            f"Le fichier {self._name} contient {count(bad, 'ligne incorrecte')} : "
            "rien n'a été importé.",
            "Corrigez les lignes indiquées, puis importez à nouveau le fichier entier.",
            findings=findings,
            groups=grouped(findings),
        )


Write = Callable[[Transaction, list[Placed[Any]], int, Problems], Changes]
"""Is given the rows, the id of the file, and what notes what the books refuse of them."""


def take_in_file(
    app: App, path: Path, kind: ImportKind, write: Write, *, dry_run: bool = False
) -> Intake:
    """Import a file; with ``dry_run`` everything is checked and nothing kept.

    Raises:
        ImportRefused: with a finding for each bad row.
        WrongUse: the file cannot be read.
    """
    source = fingerprint(path)
    already = Intake(file=source, kind=kind, already=True)
    with app.reading() as session:
        if source_files.known(session, kind.value, source.sha256):
            return already
    rows, heading, notes = _rows(source, kind)
    with app.transaction(commit=False) as tx:  # before the file is kept: it may be refused
        file = _record(tx, source, kind, heading, len(rows), "")
        write(tx, rows, source_files.add(tx, file), Problems(path, heading))
    sheet = heading.sheet if heading else ""
    kept = ""
    if not dry_run:
        kept = keep(app.store.archive, source, kind, [sheet], personal=False)[sheet]
    with app.transaction(commit=not dry_run) as tx:
        if source_files.known(tx, kind.value, source.sha256):
            return already
        problems = Problems(path, heading)
        file_id = source_files.add(tx, _record(tx, source, kind, heading, len(rows), kept))
        changes = write(tx, rows, file_id, problems)
        facts = {"kind": kind.value, "name": source.name, "rows": len(rows), "kept": kept}
        tx.journal(EventTag.FILE_IMPORTED, source.sha256, **facts, **asdict(changes))
    taken = SheetTaken(sheet=sheet, rows=len(rows), changes=changes)
    return Intake(file=source, kind=kind, sheets=(taken,), findings=(*notes, *problems.warnings))


def _record(
    tx: Transaction,
    source: SourceFile,
    kind: ImportKind,
    heading: Heading | None,
    rows: int,
    kept: str,
) -> ImportedFile:
    """The file as it is recorded."""
    return ImportedFile(
        kind=kind.value,
        name=source.name,
        sha256=source.sha256,
        size=source.size,
        rows=rows,
        imported_at=tx.now,
        imported_by=tx.actor,
        sheet=heading.sheet if heading else "",
        columns=heading.layout.columns if heading else {},
        kept_sha256=kept,
    )


def _rows(
    source: SourceFile, kind: ImportKind
) -> tuple[list[Placed[Any]], Heading | None, list[Finding]]:
    """Every row of the one sheet of a file, in order, and what is said of it.

    Raises:
        ImportRefused: a row gives no value, or a second sheet has rows too.
    """
    problems, found, heading = Problems(source.path), list[Placed[Any]](), None
    notes: list[Finding] = []
    for item in stream(source, kind):
        match item:
            case Note(finding=said) if said.severity is Severity.WARNING:
                notes.append(said)
            case Note(finding=said):
                problems.note(0, said)
            case RefusedRow():
                problems.note(item.row, *item.findings)
            case Row() if heading is not None and item.heading != heading:
                sheet = item.heading.sheet if item.heading else ""
                raise refusal("second-sheet", source.name, sheet=sheet)
            case Row() if len(found) == MOST_ROWS:
                raise refusal("many-lines", source.name, most=french_integer(MOST_ROWS))
            case Row():
                heading = item.heading
                problems.note(item.row, *item.doubts)
                found.append(Placed(item.row, item.value))
            case Heading():
                pass
    problems.raise_if_any()
    return found, heading, notes
