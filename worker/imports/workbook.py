"""The process that opens a workbook: sheets and rows as JSON, cells as text a person would type.

``spreadsheet`` starts it, under the bounds of ``isolation.limits``. The spreadsheet library lays a
sheet out in one full rectangle, whatever a file of few bytes declares: reaching the bound ends this
process, and nothing else. It reads as empty a formula in error (``#N/A``), one that was never
computed, and, in ODS, a cell that a merged one covers: the package is scanned first, and opened
through a copy with a text in these cells when it has any.
"""

import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from worker.imports.source import CHUNK, MERGED, UNCOMPUTED
from worker.imports.spreadsheet import Said, Unfit, is_data
from worker.imports.values import FORMULA_ERRORS
from worker.isolation.files import reason
from worker.isolation.frames import read_frame, write_frame

MAX_SHEETS = 100
MAX_CELLS = 12_000_000
"""In the rectangle of a sheet: one filled to its last row with eleven columns."""
MAX_ERRORS = 10_000
MAX_BATCH = 250_000
"""Characters of the rows sent at a time, one row apart."""
MAX_ROW = 2_000_000
MAX_MERGED = 20_000
"""Merged cells of a sheet."""
ERROR_TEXT = "#N/A"
"""Stands for a cell in an error of a name that is not known."""

Cell = int | float | str | bool | date | datetime | time | timedelta

_ATTRIBUTES = r"""(?:[^<>"'/]|"[^"]*"|'[^']*')*"""
_XLSX_ERROR = re.compile(
    rf"""<((?:\w+:)?)c(?=\s)({_ATTRIBUTES}?)\st\s*=\s*["']e["']({_ATTRIBUTES})>(.*?)</\1c>""",
    re.DOTALL,
)
_XLSX_UNCOMPUTED = re.compile(
    rf"""<((?:\w+:)?)c(?=[\s>])(?!{_ATTRIBUTES}\st\s*=)({_ATTRIBUTES})>"""
    rf"""<\1f(?:{_ATTRIBUTES}/|{_ATTRIBUTES}>[^<]*</\1f)>(?:<\1v\s*/>|<\1v>\s*</\1v>)?</\1c>"""
)
_XLSX_VALUE = re.compile(r"<(?:\w+:)?v>([^<]{1,20})</")
_ODS_ERROR = re.compile(
    rf"""<table:((?:covered-)?table-cell)(?=\s)(?={_ATTRIBUTES}?value-type\s*=\s*["']error["'])"""
    rf"""(?:{_ATTRIBUTES}?(\stable:number-columns-repeated\s*=\s*["']\d+["']))?{_ATTRIBUTES}"""
    r"""(?=/?>(?:<text:p>([^<]{1,20})</text:p>)?)"""
)
_ODS_UNCOMPUTED = re.compile(
    rf"""<table:(table-cell)(?=\s)(?={_ATTRIBUTES}?\stable:formula\s*=)"""
    rf"""(?!{_ATTRIBUTES}?value-type\s*=)"""
    rf"""(?:{_ATTRIBUTES}?(\stable:number-columns-repeated\s*=\s*["']\d+["']))?{_ATTRIBUTES}"""
    r"""(?=/>|>\s*</table:table-cell>)"""
)
_ODS_COVERED = re.compile(
    rf"""<table:(covered-table-cell)(?=[\s/>])(?!{_ATTRIBUTES}?value-type\s*=)"""
    rf"""(?:{_ATTRIBUTES}?(\stable:number-columns-repeated\s*=\s*["']\d+["']))?{_ATTRIBUTES}"""
    r"""(?=/>|>\s*</table:covered-table-cell>)"""
)
_MARKS = ('"e"', "'e'", '"error"', "'error'", "f>", "f ", "f/", "table:formula", "covered-")
"""One of them stands in each of these cells: what has none is passed over quickly."""


def _in_xlsx(text: str) -> Callable[[re.Match[str]], str]:
    def replaced(cell: re.Match[str]) -> str:
        prefix, *attributes = cell.groups()
        shown = text
        if not shown:
            found = _XLSX_VALUE.search(attributes.pop())
            shown = _error(found and found[1])
        kept = "".join(attributes)
        return f'<{prefix}c{kept} t="str"><{prefix}v>{shown}</{prefix}v></{prefix}c>'

    return replaced


def _in_ods(text: str) -> Callable[[re.Match[str]], str]:
    def replaced(cell: re.Match[str]) -> str:
        name, repeated, *shown = cell.groups()
        said = text or _error(shown[0])
        value = f'office:value-type="string" office:string-value="{said}"'
        return f"<table:{name}{repeated or ''} {value}"

    return replaced


def _error(shown: str | None) -> str:
    """The error of a cell as people see it, when it is a known one."""
    return shown if shown in FORMULA_ERRORS else ERROR_TEXT


_REPLACED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_XLSX_ERROR, _in_xlsx("")),
    (_XLSX_UNCOMPUTED, _in_xlsx(UNCOMPUTED)),
    (_ODS_ERROR, _in_ods("")),
    (_ODS_UNCOMPUTED, _in_ods(UNCOMPUTED)),
    (_ODS_COVERED, _in_ods(MERGED)),
)
"""The cells that are read as empty, and what gives each a text."""


class _Refused(Exception):
    """The workbook is not read: why (``Unfit``), and a detail."""


def prepare() -> Callable[[BinaryIO, BinaryIO], None]:
    """What answers for one workbook, whose path and suffix are the request."""
    return _serve


def _serve(source: BinaryIO, target: BinaryIO) -> None:
    path, suffix = (os.fsdecode(read_frame(source) or b"") for _ in range(2))
    # The library tells the format by the suffix, which a person may have got wrong.
    ours = Path(os.environ["TMPDIR"], f"workbook{suffix}")
    try:
        if not _fill(Path(path), ours):
            ours.symlink_to(path)
        for said in _sheets(ours):
            write_frame(target, json.dumps(said, ensure_ascii=False).encode())
        last: list[str] = [Said.END]
    except _Refused as refused:
        last = [Said.REFUSED, *refused.args]
    except PasswordError:
        last = [Said.REFUSED, Unfit.LOCKED, ""]
    except CalamineError as error:
        # Of its own: it counts the cells that a few bytes repeat.
        too_large = "limit exceeded" in str(error)
        last = [Said.REFUSED, Unfit.TOO_LARGE if too_large else Unfit.SPOILT, ""]
    except BrokenPipeError:
        raise
    except OSError as error:
        last = [Said.REFUSED, Unfit.NO_ROOM, reason(error)]
    except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError):
        last = [Said.REFUSED, Unfit.SPOILT, ""]
    write_frame(target, json.dumps(last).encode())


def _sheets(path: Path) -> Iterator[list[object]]:
    """The rows of the visible sheets in order: a batch at least of each."""
    with CalamineWorkbook.from_path(path) as workbook:
        if len(workbook.sheet_names) > MAX_SHEETS:
            raise _Refused(Unfit.MANY_SHEETS, str(MAX_SHEETS))
        if not workbook.sheet_names:
            raise _Refused(Unfit.SPOILT, "")
        for sheet in workbook.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            if sheet.visible is not SheetVisibleEnum.Visible:
                yield [Said.HIDDEN, sheet.name]
            else:
                laid_out = workbook.get_sheet_by_name(sheet.name)
                if laid_out.height * laid_out.width > MAX_CELLS:
                    raise _Refused(Unfit.TOO_LARGE, "")
                for first, rows in _batches(laid_out):
                    yield [Said.ROWS, sheet.name, first, rows]


def _batches(sheet: CalamineSheet) -> Iterator[tuple[int, list[list[str]]]]:
    """All rows from the sheet's first, so that numbers are those on screen."""
    first, size, rows = 1, 0, list[list[str]]()
    covered = _Covered(sheet)
    for number, cells in enumerate(sheet.iter_rows() if sheet.start else (), start=1):
        texts = [cell if type(cell) is str else cell_text(cell) for cell in cells]
        covered.mark(number, texts)
        length = sum(map(len, texts)) + 4 * len(texts)
        if length > MAX_ROW:
            raise _Refused(Unfit.TOO_LARGE, "")
        rows.append(texts)
        size += length
        if size > MAX_BATCH:
            yield first, rows
            first, size, rows = number + 1, 0, []
    yield first, rows


class _Covered:
    """The cells of a sheet that merged ones cover, row after row."""

    def __init__(self, sheet: CalamineSheet) -> None:
        # None in ODS, where covered cells are in the text of the sheet.
        merged = sheet.merged_cell_ranges or []
        if len(merged) > MAX_MERGED:
            raise _Refused(Unfit.TOO_LARGE, "")
        self._coming = sorted(merged, reverse=True)
        self._open: list[tuple[tuple[int, int], tuple[int, int]]] = []

    def mark(self, number: int, texts: list[str]) -> None:
        """Give a text to the empty cells of a row that are covered."""
        row = number - 1
        while self._coming and self._coming[-1][0][0] <= row:
            self._open.append(self._coming.pop())
        if not self._open:
            return
        self._open = [one for one in self._open if one[1][0] >= row]
        for (top, left), (_, right) in self._open:
            for place in range(left + (row == top), min(right + 1, len(texts))):
                texts[place] = texts[place] or MERGED


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


def _fill(path: Path, copy: Path) -> bool:
    """Whether cells would read as empty: there is then a copy, with texts in them."""
    with zipfile.ZipFile(path) as package:
        parts = [part for part in package.infolist() if is_data(part)]
        # All parts are read, so that their checksums are all verified.
        if not sum(_has_unread(piece) for part in parts for piece in _pieces(package, part)):
            return False
        count = 0
        with zipfile.ZipFile(copy, "w") as kept:
            for part in parts:
                with kept.open(zipfile.ZipInfo(part.filename), "w", force_zip64=True) as target:
                    for piece in _pieces(package, part):
                        text = piece
                        for pattern, replaced in _REPLACED:
                            text, found = pattern.subn(replaced, text)
                            count += found
                        target.write(text.encode())
    if count > MAX_ERRORS:
        raise _Refused(Unfit.MANY_ERRORS, str(MAX_ERRORS))
    return True


def _pieces(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[str]:
    """The text of a part, cut after a cell where there are cells, never inside a tag.

    One reading of its bytes, UTF-8, whatever it declares; no spreadsheet writes a DTD, and its
    entities are how XML bombs are made.
    """
    kept = ""
    with package.open(part) as packed, TextIOWrapper(packed, encoding="utf-8", newline="") as texts:
        while chunk := texts.read(CHUNK):
            text = kept + chunk
            if "<!DOCTYPE" in text:
                raise _Refused(Unfit.SPOILT, "")
            cut = max(text.rfind("c>") + 2, text.rfind("cell>") + 5)
            if cut <= 4:
                cut = max(text.rfind("<"), 0)
            yield text[:cut]
            kept = text[cut:]
    yield kept


def _has_unread(piece: str) -> bool:
    return any(mark in piece for mark in _MARKS) and any(
        pattern.search(piece) for pattern, _ in _REPLACED
    )
