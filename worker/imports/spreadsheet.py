"""XLSX and ODS workbooks, sheet by sheet, cells turned into the text a person would have typed."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from worker.imports.source import SourceFile, Table
from worker.imports.wording import refusal
from worker.imports.workbook import checked_copy
from worker.imports.workbook_scan import Place

MAX_SHEETS = 100

Cell = int | float | str | bool | date | datetime | time | timedelta

ERROR_TEXT = "#N/A"
"""Stands for any cell in error, as it would in a CSV export."""


def tables(source: SourceFile) -> Iterator[Table]:
    """The visible sheets of a workbook, in order; each is loaded when asked for.

    Raises:
        ImportRefused: not a workbook, encrypted, damaged, beyond a limit (workbook.py), or too many
            sheets.
    """
    with checked_copy(source) as checked:
        try:
            with CalamineWorkbook.from_path(checked.path) as workbook:
                if len(workbook.sheet_names) > MAX_SHEETS:
                    raise refusal(
                        f"« {source.name} » a plus de {MAX_SHEETS} feuilles",
                        "Copiez la feuille utile dans un classeur neuf.",
                    )
                for sheet in workbook.sheets_metadata:
                    if (sheet.typ, sheet.visible) != (
                        SheetTypeEnum.WorkSheet,
                        SheetVisibleEnum.Visible,
                    ):
                        continue
                    errors = checked.errors.get(sheet.name, frozenset())
                    rows = _rows(workbook.get_sheet_by_name(sheet.name), errors)
                    yield Table(sheet=sheet.name, rows=rows)
        except CalamineError as error:
            raise refusal(
                f"« {source.name} » est abîmé",
                "Ouvrez-le dans le tableur et enregistrez-le à nouveau.",
            ) from error


def _rows(sheet: CalamineSheet, errors: Collection[Place]) -> Iterator[tuple[int, list[str]]]:
    """All rows from the sheet's first, so that numbers are those on screen."""
    if sheet.start is None:
        return
    first = sheet.start[1] + 1
    rows_in_error = {row for row, _ in errors}
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [cell if type(cell) is str else cell_text(cell) for cell in cells]
        if number in rows_in_error:
            texts = [
                ERROR_TEXT if (number, column) in errors else text
                for column, text in enumerate(texts, start=first)
            ]
        yield number, texts


def cell_text(cell: Cell) -> str:
    """A cell as text, exactly: ``99900007800017.0`` is fourteen digits, a date is ISO 8601."""
    match cell:
        case str():
            return cell
        case bool():
            return "VRAI" if cell else "FAUX"
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() if cell.time() == time.min:
            return cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case _:
            return str(cell)
