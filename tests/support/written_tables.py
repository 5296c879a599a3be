"""Tables read back from the files they were written to, by other programs than the one that did."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineWorkbook

from worker.billing.money import Money
from worker.tables import Cell, Kind, Table
from worker.tables.files import TableFormat, format_of

HOSTILE = (
    "=cmd|'/C calc'!A0",
    "+33",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "'",
    "'=1",
    "''",
    "<script>alert(1)</script>",
    "<r><t>x</t></r>",
    "<r></is></c></row></r>",
    "_x0041_",
    "_x005F_x0041_",
    "http://exemple.fr",
    "mailto:a@exemple.fr",
    '";"',
    "a;b\r\nc",
    "0123",
    "1e5",
    "TRUE",
    " bords ",
    "\x00\x1b[31m",
    "\u202e",
    "😀",
    "]]>&amp;",
)
"""Texts that a spreadsheet, a reader of CSV or of XML may take for something else."""

Cells = list[list[Cell]]


def read_back(path: Path, table: Table) -> Cells:
    """The rows of a file as typed cells; an empty text and an empty cell are both None."""
    rows: Sequence[Sequence[object]]
    match format_of(path):
        case TableFormat.CSV:
            rows = _csv_rows(path)
            assert rows[0] == captions(table)
            return _typed(rows[1:], table, _FROM_CSV)
        case TableFormat.XLSX:
            rows = _xlsx_rows(path, len(table.columns))
            assert rows[0] == captions(table)
            return _typed(rows[1:], table, _FROM_XLSX)
        case TableFormat.JSON:
            said = json.loads(path.read_text("utf-8"))
            assert [said["table"], said["title"]] == [table.name, table.title]
            names = [column.name for column in table.columns]
            assert [column["name"] for column in said["columns"]] == names
            return _typed([[row[name] for name in names] for row in said["rows"]], table, _JSON)


def captions(table: Table) -> list[str]:
    """What stands above the columns."""
    return [
        f"{one.caption} (UTC)" if one.kind is Kind.INSTANT else one.caption for one in table.columns
    ]


def emptied(rows: Sequence[Sequence[Cell]]) -> Cells:
    """Rows as ``read_back`` gives them."""
    return [[None if cell == "" else cell for cell in row] for row in rows]


def _csv_rows(path: Path) -> list[list[str]]:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=";", strict=True))


def _xlsx_rows(path: Path, width: int) -> list[list[object]]:
    rows: list[list[object]] = []
    with CalamineWorkbook.from_path(path) as book:
        for name in book.sheet_names:
            found = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            rows += [list(row) for row in found[1 if rows else 0 :]]
    return [[*row, *[""] * (width - len(row))] for row in rows]


def _typed(
    rows: Sequence[Sequence[object]], table: Table, read: Mapping[Kind, Callable[[object], Cell]]
) -> Cells:
    return [
        [
            None if cell in {"", None} else read[column.kind](cell)
            for column, cell in zip(table.columns, row, strict=True)
        ]
        for row in rows
    ]


def _text(cell: object) -> str:
    assert type(cell) is str
    return cell


def _whole(cell: object) -> int:
    assert isinstance(cell, int | float)
    assert cell == int(cell)
    return int(cell)


def _moment(cell: object) -> datetime:
    assert isinstance(cell, date)
    whole = cell if isinstance(cell, datetime) else datetime.combine(cell, time.min)
    return whole.replace(tzinfo=UTC)


def _day(cell: object) -> date:
    assert isinstance(cell, date)
    assert not isinstance(cell, datetime)
    return cell


def _number(cell: object) -> Decimal:
    assert isinstance(cell, int | float)
    return Decimal(str(cell))


def _money(text: object) -> Money:
    return Money.of(Decimal(_text(text)))


_FROM_TEXT: dict[Kind, Callable[[object], Cell]] = {
    Kind.DATE: lambda cell: date.fromisoformat(_text(cell)),
    Kind.INSTANT: lambda cell: datetime.fromisoformat(_text(cell)),
}
_FROM_CSV: dict[Kind, Callable[[object], Cell]] = _FROM_TEXT | {
    Kind.TEXT: lambda cell: _text(cell).removeprefix("'"),
    Kind.INTEGER: lambda cell: int(_text(cell)),
    Kind.NUMBER: lambda cell: Decimal(_text(cell).replace(",", ".")),
    Kind.AMOUNT: lambda cell: _money(_text(cell).replace(",", ".")),
    Kind.TRUTH: lambda cell: {"oui": True, "non": False}[_text(cell)],
}
_JSON: dict[Kind, Callable[[object], Cell]] = _FROM_TEXT | {
    Kind.TEXT: _text,
    Kind.INTEGER: _whole,
    Kind.NUMBER: lambda cell: Decimal(_text(cell)),
    Kind.AMOUNT: _money,
    Kind.TRUTH: lambda cell: {True: True, False: False}[bool(cell)],
}
_FROM_XLSX: dict[Kind, Callable[[object], Cell]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _whole,
    Kind.NUMBER: _number,
    Kind.AMOUNT: lambda cell: Money(round(Decimal(str(cell)) * 100)),
    Kind.DATE: _day,
    Kind.INSTANT: _moment,
    Kind.TRUTH: bool,
}
