"""Import files: CSV, XLSX or ODS to typed values and row findings, as a stream.

``read`` gives each data row as a ``Row`` (a value of the domain) or a ``RefusedRow`` (why not).
Nothing is kept between rows: duplicates, unknown members and codes are the storage's to find.
A file that is no table, or whose header does not fit, is an ``ImportRefused``.
A new file layout is a new reader beside csv_file.py that yields ``Table`` values.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from worker.billing.consumption import SourceRow
from worker.errors import Finding, ImportRefused
from worker.imports import csv_file, spreadsheet
from worker.imports.columns import COLUMNS, ImportKind, Layout, known_headers, lay_out
from worker.imports.records import BUILDERS
from worker.imports.source import SourceFile, Table, fingerprint, is_workbook
from worker.imports.wording import finding, french, quoted, refusal, words_of

__all__ = [
    "Heading",
    "ImportKind",
    "RefusedRow",
    "Row",
    "SourceFile",
    "fingerprint",
    "read",
]

MAX_CELL = 1000
"""Characters of a cell worth parsing: no column may hold as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Where the columns of a file stand: its sheet, the row of the header, and what this names."""

    sheet: str
    row: int
    layout: Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A good row: its number as people see it (the header's row is 1) and its value."""

    row: int
    value: Any
    """The ``Record`` of this kind of file."""
    heading: Heading | None = field(default=None, compare=False, repr=False)
    """That of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that gives no value: its number, and at least one finding that says where and why."""

    row: int
    findings: tuple[Finding, ...]


Problem = tuple[str, Finding]


def read(source: SourceFile, kind: ImportKind) -> Iterator[Row | RefusedRow]:
    """The data rows of a file, in order; blank rows are skipped.

    Raises, once iterated:
        ImportRefused: no table inside, or a header that does not fit (``findings`` say why), or a
            file that cannot be read to its end, or that changed while it was read. Rows already
            given must then be dropped.
        WrongUse: the file can no longer be opened.
    """
    with opened(source, kind) as (table, heading):
        yield from _parsed_rows(source, kind, table, heading)
    if fingerprint(source.path).sha256 != source.sha256:
        raise refusal("changed", source.name)


@contextmanager
def opened(source: SourceFile, kind: ImportKind) -> Iterator[tuple[Table, Heading]]:
    """The table of a file, whose rows come after its header. Raises as ``read``."""
    reader = spreadsheet if is_workbook(source) else csv_file
    with closing(reader.tables(source)) as tables:
        table, header_row, header = _with_header(source, kind, tables)
        layout = lay_out(header, kind, _where(source, table, header_row))
        if not isinstance(layout, Layout):
            raise ImportRefused(*words_of("wrong-header", file=source.name), findings=layout)
        yield table, Heading(sheet=table.sheet, row=header_row, layout=layout)


def _with_header(
    source: SourceFile, kind: ImportKind, tables: Iterable[Table]
) -> tuple[Table, int, list[str]]:
    """The first table whose first filled row names two columns or more, and that row."""
    seen = ""
    for table in tables:
        for number, cells in table.rows:
            if any(cell.strip() for cell in cells):
                if known_headers(cells, kind) >= 2:
                    return table, number, cells
                seen = seen or ", ".join(quoted(cell) for cell in cells[:10] if cell.strip())
                break
    if not seen:
        raise refusal("empty", source.name)
    known = ", ".join(column.name + "*" * column.compulsory for column in COLUMNS[kind])
    raise refusal("no-header", source.name, seen=seen, known=known)


def _parsed_rows(
    source: SourceFile, kind: ImportKind, table: Table, heading: Heading
) -> Iterator[Row | RefusedRow]:
    for number, cells in table.rows:
        if not any(map(str.strip, cells)):
            continue
        values, problems = _parse(cells, heading.layout)
        if not problems:
            record = BUILDERS[kind](values, SourceRow(file_sha256=source.sha256, row=number))
            if not isinstance(record, Finding):
                yield Row(row=number, value=record, heading=heading)
                continue
            problems = [("", record)]
        where = _where(source, table, number)
        yield RefusedRow(
            row=number,
            findings=tuple(
                replace(problem, where=where + french(f", colonne « {name} »" if name else ""))
                for name, problem in problems
            ),
        )


def _parse(cells: Sequence[str], layout: Layout) -> tuple[dict[str, object], list[Problem]]:
    """Values by field, and what is wrong, with the column's name or nothing for a whole row."""
    values = dict(layout.blanks)
    if len(cells) != layout.width or layout.unnamed:
        misplaced = _misplaced(cells, layout)
        if misplaced is not None:
            return values, [("", misplaced)]
    problems: list[Problem] = []
    for position, column in layout.places:
        text = cells[position].strip()
        if text:
            value = column.parse(text) if len(text) <= MAX_CELL else _too_long(text)
            if isinstance(value, Finding):
                problems.append((column.name, value))
            else:
                values[column.field] = value
        elif column.compulsory:
            problems.append((column.name, finding("IMPORT-EMPTY")))
    return values, problems


def _misplaced(cells: Sequence[str], layout: Layout) -> Finding | None:
    """What is wrong with the number of cells of a row, or None."""
    if len(cells) < layout.width:
        return finding("IMPORT-ROW", "short-row", cells=len(cells), width=layout.width)
    stray = [cells[position] for position in layout.unnamed] + list(cells[layout.width :])
    value = next((cell for cell in stray if cell.strip()), None)
    return None if value is None else finding("IMPORT-ROW", "unnamed-value", value=value)


def _too_long(text: str) -> Finding:
    return finding("IMPORT-TEXT", "much-too-long", value=text, length=len(text), most=MAX_CELL)


def _where(source: SourceFile, table: Table, row: int) -> str:
    sheet = f", feuille « {table.sheet} »" if table.sheet else ""
    return french(f"{source.name}{sheet}, ligne {row}")
