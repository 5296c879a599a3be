"""Tables to files that people and programs open: CSV, XLSX, JSON.

- CSV for a French spreadsheet, which opens it by a double click: mark of UTF-8, semicolons, decimal
  commas. Days and instants are ISO 8601, which it knows as well, to the microsecond. A text that it
  would compute, and one that begins with an apostrophe, comes after an apostrophe: taking off one
  apostrophe gives any text back.
- XLSX with true types. No text is ever a formula, a link or markup. A workbook has milliseconds,
  32,767 signs in a cell and 15 digits in a number: a longer text is cut, and says so; a longer
  number is a text. Rows beyond the last of a sheet go on in another.
- JSON: ``table``, ``title``, ``columns`` and ``rows``, a row on each line; amounts are texts with
  two decimals, other numbers with decimals texts too.

All files of a table come from one reading of its rows, of which one at a time is in memory.
"""

import codecs
import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from io import BufferedWriter
from pathlib import Path

from worker.billing.money import Money
from worker.errors import StorageUnavailable, WrongUse
from worker.isolation.files import replacing_regular
from worker.settings.rights import told
from worker.tables import Cell, Row, Sink, Table, as_text
from worker.tables.workbook import workbook

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet compute a cell of a CSV (OWASP, CSV injection)."""
_APOSTROPHED = (*FORMULA_STARTS, "＝", "＋", "－", "＠", "'")

Writer = Callable[[BufferedWriter, Table, datetime], AbstractContextManager[Sink]]


class TableFormat(StrEnum):
    """How a table is written. The value is the suffix of its files."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


def format_of(path: Path) -> TableFormat:
    """The format that a file name asks for. Raises WrongUse when it asks for none of ours."""
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in set(TableFormat):
        raise WrongUse(
            f"Le nom {path} ne dit pas comment écrire le tableau.",
            "Donnez-lui la fin .csv, .xlsx ou .json.",
        )
    return TableFormat(suffix)


def write_table(table: Table, *paths: Path, at: datetime) -> int:
    """Write a table to files, each in the format of its suffix; returns how many rows there were.

    The files are for their owner alone, and each appears once it is whole; links are not followed.
    The same rows and instant give the same bytes.

    Args:
        table: what to write.
        paths: where to.
        at: when it was read, a property of a workbook.

    Raises:
        WrongUse: a suffix is none of ours.
        StorageUnavailable: a file cannot be written; those that were there stay as they were.
    """
    writers = [(path, _WRITERS[format_of(path)]) for path in paths]
    count = 0
    try:
        with ExitStack() as files:
            sinks = []
            for path, writer in writers:
                file = files.enter_context(replacing_regular(path))
                sinks.append(files.enter_context(writer(file, table, at)))
            for row in table.rows():
                for sink in sinks:
                    sink(row)
                count += 1
    except OSError as error:
        raise StorageUnavailable(*told(error, paths[0], writing=True)) from error
    return count


def csv_cell(cell: Cell) -> str:
    """A cell of a CSV: nothing in it is computed by the spreadsheet that opens it."""
    match cell:
        case str():
            return f"'{cell}" if cell.startswith(_APOSTROPHED) else cell
        case Money() | Decimal():
            return as_text(cell).replace(".", ",")
        case _:
            return as_text(cell)


@contextmanager
def _csv(file: BufferedWriter, table: Table, _at: datetime) -> Iterator[Sink]:
    text = codecs.getwriter("utf-8-sig")(file, "backslashreplace")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([column.heading for column in table.columns])
    yield lambda row: writer.writerow(map(csv_cell, row))


@contextmanager
def _json(file: BufferedWriter, table: Table, _at: datetime) -> Iterator[Sink]:
    columns = [{"name": c.name, "caption": c.caption, "kind": c.kind} for c in table.columns]
    head = {"table": table.name, "title": table.title, "columns": columns}
    file.write(_json_bytes(head)[:-1] + b', "rows": [')
    names = [column.name for column in table.columns]
    between = b"\n"

    def add(row: Row) -> None:
        nonlocal between
        file.write(between + _json_bytes(dict(zip(names, map(_json_cell, row), strict=True))))
        between = b",\n"

    yield add
    file.write(b"\n]}\n")


def _json_bytes(value: object) -> bytes:
    # A lone surrogate has the same escape in JSON as in Python.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _json_cell(cell: Cell) -> str | int | None:
    return cell if cell is None or isinstance(cell, str | int) else as_text(cell)


_WRITERS: dict[TableFormat, Writer] = {
    TableFormat.CSV: _csv,
    TableFormat.XLSX: workbook,
    TableFormat.JSON: _json,
}
