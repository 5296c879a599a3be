"""Sheets of a stranger's cells as an XLSX workbook, each cell as it was typed, some of them marked.

Written as ``workbook`` writes tables: row after row, straight into the package. No text is ever a
formula, a link or markup.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from io import BufferedWriter
from zipfile import ZIP_DEFLATED, ZipFile

from worker.tables.workbook import MAIN, XML, cell_in, letters, package_parts, part, title_of

NOTE_WIDTH, USUAL_WIDTH = 70, 18


class Mark(IntEnum):
    """How a cell is shown. The value is its place among the cell formats of ``_STYLES``."""

    TEXT = 1
    NUMBER = 2
    DATE = 3
    HEADER = 4
    WRONG_TEXT = 5
    WRONG_NUMBER = 6
    WRONG_DATE = 7
    NOTE = 8

    @property
    def wrong(self) -> "Mark":
        """The same for a cell that is wrong."""
        return Mark(self + 4) if self <= Mark.DATE else Mark.WRONG_TEXT


@dataclass(frozen=True, slots=True)
class MarkedCell:
    """A cell: a text, a whole number, a day, or nothing; ``number``: one with decimals, as text."""

    value: str | int | date | None
    mark: Mark
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedSheet:
    """A sheet: its name, its rows by number, and the line of its header, which stays in sight.

    ``note``: the place of a column of notes, 0 for the first.
    """

    name: str
    rows: Iterable[tuple[int, Sequence[MarkedCell]]]
    header: int
    note: int


def write_marked(
    file: BufferedWriter, title: str, sheets: Iterable[MarkedSheet], at: datetime
) -> None:
    """Write sheets into an open, seekable file. Raises OSError."""
    names = list[str]()
    with ZipFile(file, "w", ZIP_DEFLATED) as package:
        for rank, sheet in enumerate(sheets, start=1):
            names.append(title_of(sheet.name, str(rank)))
            with package.open(part(f"xl/worksheets/sheet{rank}.xml"), "w") as target:
                target.write(_beginning(sheet).encode())
                for number, cells in sheet.rows:
                    target.write(_row(number, cells).encode())
                target.write(b"</sheetData></worksheet>")
        for name, text in package_parts(title, names, at, _STYLES, {}):
            package.writestr(part(name), XML + text)


def _beginning(sheet: MarkedSheet) -> str:
    below = sheet.header + 1
    note = sheet.note + 1
    before = (
        f'<col min="1" max="{sheet.note}" width="{USUAL_WIDTH}" customWidth="1"/>'
        if sheet.note
        else ""
    )
    return (
        f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
        f'<pane ySplit="{sheet.header}" topLeftCell="A{below}" activePane="bottomLeft"'
        ' state="frozen"/></sheetView></sheetViews>'
        f'<cols>{before}<col min="{note}" max="{note}" width="{NOTE_WIDTH}" customWidth="1"/>'
        "</cols><sheetData>"
    )


def _row(number: int, cells: Sequence[MarkedCell]) -> str:
    inside = "".join(_cell(f"{letters(place)}{number}", cell) for place, cell in enumerate(cells))
    return f'<row r="{number}">{inside}</row>'


def _cell(place: str, cell: MarkedCell) -> str:
    if cell.number:
        return f'<c r="{place}" s="{cell.mark}"><v>{cell.number}</v></c>'
    if cell.value is None:
        return f'<c r="{place}" s="{cell.mark}"/>' if cell.mark > Mark.DATE else ""
    return cell_in(place, cell.mark, cell.value)


_FONT = '<sz val="11"/><name val="Calibri"/><family val="2"/>'
_GREY, _RED, _YELLOW = 2, 3, 4
_FORMATS = (
    # Format of numbers, font, fill; in the order of Mark.
    *((49, 0, 0), (0, 0, 0), (164, 0, 0), (49, 1, _GREY)),
    *((49, 0, _RED), (0, 0, _RED), (164, 0, _RED), (49, 0, _YELLOW)),
)
_FILLS = "".join(
    f'<fill><patternFill patternType="solid"><fgColor rgb="{colour}"/><bgColor indexed="64"/>'
    "</patternFill></fill>"
    for colour in ("FFEEEEEE", "FFFFC7CE", "FFFFF2CC")
)
_CELLS = "".join(
    f'<xf numFmtId="{number}" fontId="{font}" fillId="{fill}" borderId="0" xfId="0"'
    ' applyNumberFormat="1" applyFont="1" applyFill="1" applyAlignment="1">'
    f'<alignment vertical="top"{wrap}/></xf>'
    for (number, font, fill), wrap in zip(_FORMATS, [""] * 7 + [' wrapText="1"'], strict=True)
)
_STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts>'
    f'<fonts count="2"><font>{_FONT}</font><font><b/>{_FONT}</font></fonts>'
    '<fills count="5"><fill><patternFill patternType="none"/></fill>'
    f'<fill><patternFill patternType="gray125"/></fill>{_FILLS}</fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="{len(_FORMATS) + 1}">'
    f'<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>{_CELLS}</cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)
