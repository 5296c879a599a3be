"""Import files: CSV, XLSX or ODS to typed values and row findings, as a stream.

Reading order: ``source`` (the bytes) → ``csv_file``, ``spreadsheet`` (tables) → ``sheets``
(headers) → ``columns``, ``values`` (cells) → ``kinds``, ``records`` (rows) → this file. ``stream``
gives, sheet after sheet, its ``Heading``, each data row as ``Row`` values or a ``RefusedRow``, and
``Note`` values about a sheet as a whole. Nothing is kept between rows: duplicates, unknown members
and codes are the storage's to find. A file that is no table, or whose header does not fit, is an
``ImportRefused``.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from worker.billing.consumption import SourceRow
from worker.billing.provenance import cell
from worker.errors import Finding
from worker.imports import csv_file, spreadsheet, values
from worker.imports.columns import NOTHING, Column, Layout, header_key
from worker.imports.kinds import KINDS, FileKind, ImportKind
from worker.imports.sheets import Headed, Heading, Note, headed
from worker.imports.source import (
    MERGED,
    UNCOMPUTED,
    SourceFile,
    Table,
    fingerprint,
    is_typed,
    is_workbook,
)
from worker.imports.values import FORMULA_ERRORS
from worker.imports.wording import CellFinding, finding, place_of, refusal

__all__ = [
    "Heading",
    "ImportKind",
    "Item",
    "Note",
    "RefusedRow",
    "Row",
    "SourceFile",
    "fingerprint",
    "is_workbook",
    "read",
    "stream",
]

MAX_CELL = 1000
"""Characters of a cell worth parsing: no column may hold as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A value of a good row: the row's number as people see it (a text's first is 1), its value.

    Where months are columns, a row gives a value for each.
    """

    row: int
    value: Any
    """The record of this kind of file."""
    heading: Heading | None = field(default=None, compare=False, repr=False)
    """That of its sheet."""
    doubts: tuple[Finding, ...] = field(default=(), compare=False)
    """Why a person must look before it is taken in, though it reads as it always did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that gives no value: its number, and at least one finding that says where and why."""

    row: int
    findings: tuple[Finding, ...]


Item = Heading | Row | RefusedRow | Note


def read(
    source: SourceFile, kind: ImportKind, sheet: str | None = None
) -> Iterator[Row | RefusedRow]:
    """The data rows of a file, in order, or of one of its sheets; blank rows are skipped.

    Raises: as ``stream``.
    """
    return (one for one in stream(source, kind, sheet) if isinstance(one, Row | RefusedRow))


def stream(source: SourceFile, kind: ImportKind, sheet: str | None = None) -> Iterator[Item]:
    """The headings, rows and notes of a file, in order.

    Raises, once iterated:
        ImportRefused: no table inside, or a header that does not fit (``findings`` say why), or a
            file that cannot be read to its end, or that changed while it was read. Rows already
            given must then be dropped.
        WrongUse: the file can no longer be opened.
    """
    with opened(source, kind, sheet) as sheets:
        for one in sheets:
            if isinstance(one, Note):
                yield one
                continue
            table, heading, notes = one
            yield heading
            yield from notes
            yield from _Sheet(source, KINDS[kind], heading).items(table)
    if fingerprint(source.path).sha256 != source.sha256:
        raise refusal("changed", source.name)


@contextmanager
def opened(
    source: SourceFile, kind: ImportKind, sheet: str | None = None
) -> Iterator[Iterator[Headed | Note]]:
    """The sheets of a file, whose rows come after their headers. Raises as ``stream``."""
    reader = spreadsheet if is_workbook(source) else csv_file
    with closing(reader.tables(source)) as tables:
        yield headed(source, KINDS[kind], tables, sheet)


class _Sheet:
    """The rows of a sheet, parsed under its header."""

    def __init__(self, source: SourceFile, kind: FileKind, heading: Heading) -> None:
        self._source = source
        self._kind = kind
        self._heading = heading
        self._layout = heading.layout
        self._order = _DateOrder(self._layout)

    def items(self, table: Table) -> Iterator[Row | RefusedRow | Note]:
        """The rows, and a note when the order of their dates is in doubt."""
        for number, cells in table.rows:
            if any(map(is_typed, cells)):
                yield from self._items(number, cells)
        if self._order.is_month_first():
            yield Note(finding=self._at(0, finding("IMPORT-MONTH", "months-month-first")))

    def _items(self, number: int, cells: Sequence[str]) -> Iterator[Row | RefusedRow]:
        problems, doubts = list[CellFinding](), list[CellFinding]()
        records = self._records(number, cells, problems, doubts)
        if problems:
            yield RefusedRow(row=number, findings=tuple(problems))
            return
        for record in records:
            yield Row(row=number, value=record, heading=self._heading, doubts=tuple(doubts))

    def _records(
        self,
        number: int,
        cells: Sequence[str],
        problems: list[CellFinding],
        doubts: list[CellFinding],
    ) -> list[Any]:
        """The record of a row, or one for each month that has a figure; or else its problems."""
        layout = self._layout
        if len(cells) != layout.width or layout.unnamed:
            misplaced = _misplaced(cells, layout)
            if misplaced is not None:
                problems.append(self._at(number, misplaced))
                return []
        values = dict(layout.blanks)
        for position, column in layout.places:
            value = self._value(number, cells, position, column, problems, doubts)
            if value is not None:
                values[column.field] = value
        self._order.see(cells)
        found = [values]
        if layout.figure is not None:
            found = [
                values | {layout.month_field: month, layout.figure.field: figure}
                for position, month in layout.months
                if (figure := self._figure(number, cells, position, problems)) is not None
            ]
            if not found and not problems:
                problems.append(self._at(number, finding("IMPORT-EMPTY", "no-month")))
        return [] if problems else self._built(number, found, problems)

    def _built(
        self, number: int, found: list[dict[str, object]], problems: list[CellFinding]
    ) -> list[Any]:
        place = SourceRow(file_sha256=self._source.sha256, row=number)
        records = [self._kind.build(values, place) for values in found]
        problems.extend(self._at(number, one) for one in records if isinstance(one, CellFinding))
        return records

    def _figure(
        self, number: int, cells: Sequence[str], position: int, problems: list[CellFinding]
    ) -> object:
        """The figure of a month; None where there is none."""
        column = self._layout.figure
        text = cells[position].strip()
        if column is None or not text or header_key(text) in NOTHING:
            return None
        return self._value(number, cells, position, column, problems, problems)

    def _value(
        self,
        number: int,
        cells: Sequence[str],
        position: int,
        column: Column,
        problems: list[CellFinding],
        doubts: list[CellFinding],
    ) -> object:
        """What a cell holds; None when it is empty, or wrong, which is then noted."""
        text = cells[position].strip()
        if not text:
            if column.compulsory:
                problems.append(self._at(number, finding("IMPORT-EMPTY"), column, position))
            return None
        if text in _UNREAD:
            # Read as empty before it was told apart: a row that was taken in so stays as it was.
            doubtful = column.compulsory or text not in {MERGED, UNCOMPUTED}
            of = problems if doubtful else doubts
            said = _unread(text, cell(position + 1, number))
            of.append(self._at(number, said, column, position))
            return None
        value = column.value(text) if len(text) <= MAX_CELL else _too_long(text)
        if isinstance(value, CellFinding):
            problems.append(self._at(number, value, column, position))
            return None
        return value

    def _at(
        self,
        number: int,
        said: CellFinding,
        column: Column | None = None,
        position: int | None = None,
    ) -> CellFinding:
        """A finding in its place."""
        name, sheet = column.name if column else "", self._heading.sheet
        return replace(
            said,
            where=place_of(self._source.name, sheet, number, name),
            file=self._source.name,
            sheet=sheet,
            row=number,
            column=name,
            place=0 if position is None else position + 1,
        )


class _DateOrder:
    """The dates of a column of months: is their month written first?

    Then the first of each month reads as twelve days of January, without any being wrong by itself.
    """

    def __init__(self, layout: Layout) -> None:
        places = [place for place, column in layout.places if column.parse is values.month]
        self._place = places[0] if places else None
        self._firsts: set[str] = set()
        self._is_january = True

    def see(self, cells: Sequence[str]) -> None:
        """Note the date of a row."""
        if self._place is None or not self._is_january:
            return
        parts = cells[self._place].strip().split("/")
        self._is_january = len(parts) == 3 and parts[1] in {"1", "01"} and parts[0] in _TWELVE
        self._firsts.add(parts[0].zfill(2))

    def is_month_first(self) -> bool:
        """Whether all are in January, on several of its first twelve days."""
        return self._is_january and len(self._firsts) > 1


_TWELVE = {f"{number:0{width}d}" for number in range(1, 13) for width in (1, 2)}
_UNREAD = FORMULA_ERRORS | {MERGED, UNCOMPUTED}


def _unread(text: str, name: str) -> CellFinding:
    words = {MERGED: "merged", UNCOMPUTED: "formula-uncomputed"}.get(text, "formula-error")
    code = "IMPORT-MERGED" if text == MERGED else "IMPORT-FORMULA"
    return finding(code, words, value="" if text in {MERGED, UNCOMPUTED} else text, cell=name)


def _misplaced(cells: Sequence[str], layout: Layout) -> CellFinding | None:
    """What is wrong with the number of cells of a row, or None."""
    if len(cells) < layout.width:
        return finding("IMPORT-ROW", "short-row", cells=len(cells), width=layout.width)
    stray = [cells[position] for position in layout.unnamed if position < len(cells)]
    stray += cells[layout.end :]
    value = next(filter(is_typed, stray), None)
    return None if value is None else finding("IMPORT-ROW", "unnamed-value", value=value)


def _too_long(text: str) -> CellFinding:
    return finding("IMPORT-TEXT", "much-too-long", value=text, length=len(text), most=MAX_CELL)
