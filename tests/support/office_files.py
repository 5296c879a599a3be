"""Import files as offices make them: sheets of cells, written in each form that has them."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

from tests.support.imports_workbooks import ods, ods_row, package, xlsx

EPOCH = date(1899, 12, 30)


@dataclass(frozen=True)
class Formula:
    """A formula; ``shown`` is its error, or empty when it was never computed."""

    text: str
    shown: str = ""


@dataclass(frozen=True)
class Merged:
    """A cell over several rows and columns; those that it covers are ``COVERED``."""

    text: str
    rows: int = 1
    columns: int = 1


COVERED = None
"""A cell that a merged one covers."""
Cell = str | int | float | date | Formula | Merged | None
Sheet = Sequence[Sequence[Cell]]
WORKBOOKS = ("xlsx", "ods")
FORMS = ("csv", *WORKBOOKS)


def write_office_file(path: Path, sheets: Mapping[str, Sheet], *, hidden: str = "") -> Path:
    """The sheets in the form of the suffix: a text has the first alone."""
    match path.suffix:
        case ".csv":
            rows = next(iter(sheets.values()))
            lines = (";".join(map(_text, cells)) for cells in rows)
            path.write_text("\n".join((*lines, "")), "utf-8")
            return path
        case ".xlsx":
            xlsx(path, {name: _xlsx_rows(rows) for name, rows in sheets.items()}, hidden=hidden)
            return _merged(path, sheets)
        case _:
            return ods(path, {name: _ods_rows(rows) for name, rows in sheets.items()})


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case date():
            return f"{cell:%d/%m/%Y}"
        case Formula():
            return cell.shown
        case Merged():
            return cell.text
        case float():
            return str(cell).replace(".", ",")
        case _:
            return str(cell)


def letters(place: int) -> str:
    """The name of a column, 0 for the first."""
    return ("" if place < 26 else letters(place // 26 - 1)) + chr(ord("A") + place % 26)


def _xlsx_rows(rows: Sheet) -> str:
    return "".join(
        f'<row r="{number}">'
        + "".join(_xlsx_cell(f"{letters(place)}{number}", cell) for place, cell in enumerate(cells))
        + "</row>"
        for number, cells in enumerate(rows, start=1)
    )


def _xlsx_cell(name: str, cell: Cell) -> str:
    match cell:
        case None | "":
            return ""
        case Formula(text=text, shown=""):
            return f'<c r="{name}"><f>{escape(text)}</f><v></v></c>'
        case Formula(text=text, shown=shown):
            return f'<c r="{name}" t="e"><f>{escape(text)}</f><v>{shown}</v></c>'
        case date():
            return f'<c r="{name}" s="1"><v>{(cell - EPOCH).days}</v></c>'
        case int() | float():
            return f'<c r="{name}"><v>{cell!r}</v></c>'
        case _:
            inside = f"<is><t>{escape(_text(cell))}</t></is>"
            return f'<c r="{name}" t="inlineStr">{inside}</c>'


def _merged(path: Path, sheets: Mapping[str, Sheet]) -> Path:
    """The same workbook with the ranges of its merged cells."""
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, str | bytes] = {one: archive.read(one) for one in archive.namelist()}
    for rank, rows in enumerate(sheets.values(), start=1):
        ranges = [
            f"{letters(place)}{number}:{letters(place + cell.columns - 1)}{number + cell.rows - 1}"
            for number, cells in enumerate(rows, start=1)
            for place, cell in enumerate(cells)
            if isinstance(cell, Merged)
        ]
        if ranges:
            name = f"xl/worksheets/sheet{rank}.xml"
            listed = "".join(f'<mergeCell ref="{one}"/>' for one in ranges)
            parts[name] = bytes(parts[name]).replace(  # type: ignore[arg-type]
                b"</sheetData>", f"</sheetData><mergeCells>{listed}</mergeCells>".encode()
            )
    return package(path, parts)


def _ods_rows(rows: Sheet) -> str:
    covered = {
        (number + down, place + right)
        for number, cells in enumerate(rows)
        for place, cell in enumerate(cells)
        if isinstance(cell, Merged)
        for down in range(cell.rows)
        for right in range(cell.columns)
        if (down, right) != (0, 0)
    }
    return "".join(
        ods_row(
            *(
                _ods_cell(cell, covered=(number, place) in covered)
                for place, cell in enumerate(cells)
            )
        )
        for number, cells in enumerate(rows)
    )


def _ods_cell(cell: Cell, *, covered: bool) -> str:  # noqa: PLR0911 - one for each form of cell
    match cell:
        case None | "":
            return "<table:covered-table-cell/>" if covered else "<table:table-cell/>"
        case Formula(text=text, shown=""):
            return f'<table:table-cell table:formula="of:={escape(text)}"/>'
        case Formula(text=text, shown=shown):
            return (
                f'<table:table-cell table:formula="of:={escape(text)}" office:value-type="string" '
                f'office:string-value="" calcext:value-type="error"><text:p>{shown}</text:p>'
                "</table:table-cell>"
            )
        case date():
            return f'<table:table-cell office:value-type="date" office:date-value="{cell}"/>'
        case int() | float():
            return f'<table:table-cell office:value-type="float" office:value="{cell!r}"/>'
        case Merged(rows=rows, columns=columns):
            spans = f'table:number-rows-spanned="{rows}" table:number-columns-spanned="{columns}"'
            return (
                f'<table:table-cell office:value-type="string" {spans}>'
                f"<text:p>{escape(cell.text)}</text:p></table:table-cell>"
            )
        case _:
            return (
                '<table:table-cell office:value-type="string">'
                f"<text:p>{escape(str(cell))}</text:p></table:table-cell>"
            )
