"""An empty workbook for each kind of file: its columns, a note on each, a fictitious example.

SIRET and postcodes stand in cells of text, where a spreadsheet keeps their zeroes. The example is
refused when it is imported: what is left of it is never taken for a member.
"""

from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from worker.billing.toml import own_table
from worker.errors import StorageUnavailable
from worker.imports.corrections import check_new
from worker.imports.kinds import KINDS, ImportKind
from worker.imports.sheets import TEMPLATE_NOTE
from worker.isolation.files import replacing_regular
from worker.settings.rights import told

FICTITIOUS = "Exemple fictif : remplacez ou supprimez cette ligne."


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTold:
    """A column as people are told it: an example, and what to write."""

    name: str
    compulsory: bool
    example: str | int | date
    note: str


def told_columns(kind: ImportKind) -> tuple[ColumnTold, ...]:
    """The columns of a kind of file, in the order in which they are told."""
    table = own_table(__package__, "columns.toml")
    said = table["shared"] | table[kind.value]
    return tuple(
        ColumnTold(
            name=column.name,
            compulsory=column.compulsory,
            example=said[column.name][0],
            note=said[column.name][1],
        )
        for column in KINDS[kind].columns
    )


def write_template(kind: ImportKind, to: Path) -> None:
    """Write the workbook.

    Raises:
        WrongUse, Refused: the name is not that of a workbook, or something is there already.
        StorageUnavailable: it cannot be written there.
    """
    check_new(to)
    content = _content(kind)
    try:
        with replacing_regular(to) as file:
            file.write(content)
    except OSError as error:
        raise StorageUnavailable(*told(error, to, writing=True)) from error


def _content(kind: ImportKind) -> bytes:
    written = BytesIO()
    columns = told_columns(kind)
    with xlsxwriter.Workbook(written, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet(KINDS[kind].french[:31].replace("'", " "))
        header = workbook.add_format({"bold": True, "bg_color": "#EEEEEE", "bottom": 1})
        formats = {
            cell: workbook.add_format({"num_format": number})
            for cell, number in ((str, "@"), (int, "General"), (date, "dd/mm/yyyy"))
        }
        grey = {
            cell: workbook.add_format({"num_format": one.num_format, "font_color": "#7F7F7F"})
            for cell, one in formats.items()
        }
        for place, column in enumerate(columns):
            of_type = type(column.example)
            sheet.set_column(place, place, max(14, len(column.name) + 4), formats[of_type])
            sheet.write_string(0, place, column.name + "*" * column.compulsory, header)
            sheet.write_comment(0, place, _note(column), {"x_scale": 2})
            _write(sheet, place, column.example, grey[of_type])
        sheet.set_column(len(columns), len(columns), 50, formats[str])
        sheet.write_string(0, len(columns), TEMPLATE_NOTE, header)
        sheet.write_string(1, len(columns), FICTITIOUS, grey[str])
        sheet.freeze_panes(1, 0)
    return written.getvalue()


def _note(column: ColumnTold) -> str:
    must = "Obligatoire. " if column.compulsory else "Facultatif. "
    return must + column.note


def _write(sheet: Worksheet, place: int, value: str | int | date, cell_format: Format) -> None:
    match value:
        case str():
            sheet.write_string(1, place, value, cell_format)
        case int():
            sheet.write_number(1, place, value, cell_format)
        case date():
            sheet.write_datetime(1, place, value, cell_format)
