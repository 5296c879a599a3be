"""A table as an XLSX workbook, row after row, straight into the package (ECMA-376, transitional).

Not by XlsxWriter, which the statement's workbook is made with: it takes some texts for markup of
its own, copies each sheet through a file beside, and prints a traceback when the disk is full.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BufferedWriter
from typing import IO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from worker.billing.money import Money
from worker.tables import Cell, Kind, Row, Sink, Table, as_text

LAST_ROW = 1_048_576
"""Of a sheet, its header included: Excel has no more."""
LARGEST = 1 << 30
"""Bytes of a sheet after which another begins: the package needs no ZIP64, which Excel repairs."""
LONGEST = 32_767
"""UTF-16 units in a cell."""
CUT = " … [coupé à 32 767 signes ; entier dans le CSV et le JSON]"
_TITLE = 31
"""Characters in the name of a sheet."""
_DIGITS = 15
"""Of a number, that a workbook keeps."""
_SURE = 10**_DIGITS
"""Numbers below it keep all their digits."""
_DAY_ZERO = date(1899, 12, 30)
_FIRST_DAY = date(1900, 3, 1)
"""Before it, the calendar of workbooks has a day too many."""
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_PIECE = 1 << 16

_ESCAPE_LIKE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_NOT_IN_XML = re.compile("[\u0000-\u0008\u000b-\u001f\ufffe\uffff]")
_NOT_IN_A_TITLE = re.compile(r"[\[\]:*?/\\]")

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

SAMPLE = 200
"""Rows by which the width of columns of text is chosen, before any is written."""
_NARROWEST, _WIDEST = 8, 60
_WIDTHS: Mapping[Kind, int] = {
    Kind.TEXT: _NARROWEST,
    Kind.INTEGER: 10,
    Kind.NUMBER: 10,
    Kind.AMOUNT: 14,
    Kind.DATE: 12,
    Kind.INSTANT: 20,
    Kind.TRUTH: 8,
}
_FORMATS: Mapping[Kind, tuple[int, str]] = {
    Kind.TEXT: (49, "@"),
    Kind.INTEGER: (1, "0"),
    Kind.NUMBER: (0, "General"),
    Kind.AMOUNT: (164, '#,##0.00 "€"'),
    Kind.DATE: (165, "dd/mm/yyyy"),
    Kind.INSTANT: (166, "dd/mm/yyyy hh:mm:ss"),
    Kind.TRUTH: (0, "General"),
}
"""Identifier and code of each number format; those below 164 are the standard's own."""
_HEADER = 1
_STYLES: Mapping[Kind, int] = {kind: index for index, kind in enumerate(_FORMATS, start=2)}
"""Places among the cell formats of ``_styles``."""


@contextmanager
def workbook(
    file: BufferedWriter,
    table: Table,
    at: datetime,
    *,
    last_row: int = LAST_ROW,
    largest: int = LARGEST,
) -> Iterator[Sink]:
    """Write a table into an open, seekable file. Raises OSError.

    The same rows and instant give the same bytes.

    Args:
        file: of the workbook, which stays open.
        table: whose rows are given to the sink.
        at: the date of the workbook.
        last_row: of a sheet, before another begins.
        largest: the bytes of a sheet, before another begins.
    """
    with ZipFile(file, "w", ZIP_DEFLATED) as package:
        sheets = _Sheets(package, table, last_row, largest)
        try:
            yield sheets.add
        finally:
            sheets.end()
        printed = dict.fromkeys(sheets.titles, "$1:$1")
        for name, text in package_parts(table.title, sheets.titles, at, _styles(), printed):
            package.writestr(part(name), XML + text)


class _Sheets:
    """The sheets of a table: one, or as many as its rows fill."""

    def __init__(self, package: ZipFile, table: Table, last_row: int, largest: int) -> None:
        self.titles: list[str] = []
        self._limits = last_row, largest
        self._package = package
        self._table = table
        self._columns = [
            (letters(place), _STYLES[column.kind]) for place, column in enumerate(table.columns)
        ]
        self._first: list[Row] = []
        self._begun = False

    def add(self, row: Row) -> None:
        """The next row."""
        if self._begun:
            self._write(row)
            return
        self._first.append(row)
        if len(self._first) == SAMPLE:
            self._release()

    def _release(self) -> None:
        """Write the rows that were held to measure them."""
        self._begun = True
        self._begin()
        for row in self._first:
            self._write(row)

    def _write(self, row: Row) -> None:
        last_row, largest = self._limits
        if self._last == last_row or self._size >= largest:
            self._finish()
            self._begin()
        self._last += 1
        cells = "".join(
            cell_in(f"{letters}{self._last}", style, cell)
            for (letters, style), cell in zip(self._columns, row, strict=True)
        )
        self._put(f'<row r="{self._last}">{cells}</row>')

    def end(self) -> None:
        """Finish the last sheet."""
        try:
            if not self._begun:
                self._release()
        finally:
            self._finish()

    def _finish(self) -> None:
        """Finish the present sheet, whose rows can be sorted and filtered."""
        with self._part:
            self._put(
                f'</sheetData><autoFilter ref="{_whole(self._table, self._last)}"/>'
                '<pageMargins left="0.5" right="0.5" top="0.5" bottom="0.5" header="0.3"'
                ' footer="0.3"/>'
                '<pageSetup paperSize="9" fitToHeight="0" orientation="landscape"/></worksheet>'
            )
            self._flush()

    def _begin(self) -> None:
        rank = len(self.titles) + 1
        more = f" ({rank})" if rank > 1 else ""
        self.titles.append(title_of(self._table.title, "", more))
        self._part: IO[bytes] = self._package.open(part(f"xl/worksheets/sheet{rank}.xml"), "w")
        self._pending: list[str] = []
        self._waiting = self._size = 0
        self._last = 1
        widths = "".join(
            f'<col min="{place}" max="{place}" width="{width}" customWidth="1"/>'
            for place, width in enumerate(self._widths(), start=1)
        )
        header = "".join(
            cell_in(f"{letters}1", _HEADER, column.heading)
            for (letters, _), column in zip(self._columns, self._table.columns, strict=True)
        )
        self._put(
            f'{XML}<worksheet xmlns="{MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
            '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2"'
            ' activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            f'<cols>{widths}</cols><sheetData><row r="1">{header}</row>'
        )

    def _widths(self) -> Iterator[int]:
        """In characters: a text of the first rows is read whole, unless it is very long."""
        for place, column in enumerate(self._table.columns):
            texts = (str(row[place] or "") for row in self._first if column.kind is Kind.TEXT)
            longest = max(map(len, (column.heading, *texts))) + 2
            yield max(_WIDTHS[column.kind], len(column.heading) + 2, min(longest, _WIDEST))

    def _put(self, text: str) -> None:
        self._pending.append(text)
        self._waiting += len(text)
        if self._waiting >= _PIECE:
            self._flush()

    def _flush(self) -> None:
        content = "".join(self._pending).encode()
        self._pending, self._waiting = [], 0
        self._size += len(content)
        self._part.write(content)


def title_of(text: str, blank: str, more: str = "") -> str:
    """The name of a sheet, without what none may have; ``more`` stays whole at its end."""
    title = _NOT_IN_A_TITLE.sub(" ", _escaped(text)).strip("'") or blank
    return title[: _TITLE - len(more)] + more


def cell_in(place: str, style: int, cell: Cell) -> str:
    """A cell; empty when it holds nothing."""
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" s="{style}" t="b"><v>{cell:d}</v></c>'
        case int() if abs(cell) < _SURE:
            number = str(cell)
        case Money() if abs(cell.cents) < _SURE:
            number = str(cell)
        case Decimal() if len(cell.as_tuple().digits) <= _DIGITS and abs(cell) < _SURE:
            number = f"{cell:f}"
        case datetime() if cell.astimezone(UTC).date() >= _FIRST_DAY:
            number = repr((cell - _EPOCH) / timedelta(days=1))
        case date() if not isinstance(cell, datetime) and cell >= _FIRST_DAY:
            number = str((cell - _DAY_ZERO).days)
        case _:
            text = escape(_escaped(_fitting(as_text(cell))))
            inside = f'<is><t xml:space="preserve">{text}</t></is>'
            return f'<c r="{place}" s="{style}" t="inlineStr">{inside}</c>'
    return f'<c r="{place}" s="{style}"><v>{number}</v></c>'


def _fitting(text: str) -> str:
    """A text that a cell holds; of a longer one, its beginning, and that it is cut."""
    if text.isascii() and len(text) <= LONGEST:
        return text  # most of them: the way below costs more than all the rest of a cell
    readable = text.encode("utf-8", "backslashreplace").decode()
    units = readable.encode("utf-16-le")
    if len(units) <= 2 * LONGEST:
        return readable
    return units[: 2 * (LONGEST - len(CUT))].decode("utf-16-le", "ignore") + CUT


def _escaped(text: str) -> str:
    """What XML has no place for as ``_xHHHH_``, and what looks so already (ST_Xstring)."""
    return _NOT_IN_XML.sub(lambda sign: f"_x{ord(sign[0]):04X}_", _ESCAPE_LIKE.sub("_x005F_", text))


def letters(place: int) -> str:
    """The name of a column by its place: A of 0, Z of 25, AA of 26."""
    before, last = divmod(place, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def _whole(table: Table, last: int) -> str:
    return f"A1:{letters(len(table.columns) - 1)}{last}"


def part(name: str) -> ZipInfo:
    """A part of the package, dated as all are."""
    part = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    part.compress_type = ZIP_DEFLATED
    return part


def package_parts(
    name: str, titles: list[str], at: datetime, styles: str, printed: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The parts beside the sheets; ``printed``: the rows at the top of each page, by sheet."""
    ranks = range(1, len(titles) + 1)
    overrides = {
        "/xl/workbook.xml": f"{_TYPES}.sheet.main+xml",
        "/xl/styles.xml": f"{_TYPES}.styles+xml",
        "/docProps/core.xml": "application/vnd.openxmlformats-package.core-properties+xml",
        **{f"/xl/worksheets/sheet{rank}.xml": f"{_TYPES}.worksheet+xml" for rank in ranks},
    }
    types = "".join(
        f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in overrides.items()
    )
    yield (
        "[Content_Types].xml",
        (
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>'
        ),
    )
    core = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"
    yield (
        "_rels/.rels",
        _relationships(
            (f"{_OFFICE}/officeDocument", "xl/workbook.xml"), (core, "docProps/core.xml")
        ),
    )
    created = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    yield (
        "docProps/core.xml",
        (
            f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"'
            ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"<dc:title>{escape(name)}</dc:title>"
            f'<dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created>'
            "</cp:coreProperties>"
        ),
    )
    sheets = "".join(
        f'<sheet name={quoteattr(title)} sheetId="{rank}" r:id="rId{rank}"/>'
        for rank, title in zip(ranks, titles, strict=True)
    )
    headers = "".join(
        f'<definedName name="_xlnm.Print_Titles" localSheetId="{rank - 1}">'
        f"{escape(_quoted(title))}!{printed[title]}</definedName>"
        for rank, title in zip(ranks, titles, strict=True)
        if title in printed
    )
    yield (
        "xl/workbook.xml",
        (
            f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets>'
            f"{headers and f'<definedNames>{headers}</definedNames>'}</workbook>"
        ),
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        _relationships(
            *((f"{_OFFICE}/worksheet", f"worksheets/sheet{rank}.xml") for rank in ranks),
            (f"{_OFFICE}/styles", "styles.xml"),
        ),
    )
    yield "xl/styles.xml", styles


def _quoted(title: str) -> str:
    doubled = title.replace("'", "''")
    return f"'{doubled}'"


def _relationships(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{rank}" Type="{kind}" Target="{target}"/>'
        for rank, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{rows}</Relationships>'


def _styles() -> str:
    """The default cell, the header, then a format for each kind of column."""
    own = [(identifier, code) for identifier, code in _FORMATS.values() if identifier >= 164]
    formats = "".join(
        f"<numFmt numFmtId={quoteattr(str(identifier))} formatCode={quoteattr(code)}/>"
        for identifier, code in own
    )
    font = '<sz val="11"/><name val="Calibri"/><family val="2"/>'
    cells = "".join(
        f'<xf numFmtId="{identifier}" fontId="0" fillId="0" borderId="0" xfId="0"'
        ' applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf>'
        for identifier, _ in _FORMATS.values()
    )
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts count="{len(own)}">{formats}</numFmts>'
        f'<fonts count="2"><font>{font}</font><font><b/>{font}</font></fonts>'
        '<fills count="3"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid">'
        '<fgColor rgb="FFEEEEEE"/><bgColor indexed="64"/></patternFill></fill></fills>'
        '<borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border>'
        '<border><left/><right/><top/><bottom style="thin"><color auto="1"/></bottom><diagonal/>'
        "</border></borders>"
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
        f'</cellStyleXfs><cellXfs count="{len(_FORMATS) + 2}">'
        '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="0" fontId="1" fillId="2" borderId="1" xfId="0" applyFont="1"'
        f' applyFill="1" applyBorder="1"/>{cells}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
        "</styleSheet>"
    )
