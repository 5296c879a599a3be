"""CSV files as French spreadsheets write them: two encodings, three separators, any line ending.

The file is checked once from end to end, then read row by row: memory does not grow with it.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Self

from worker.billing.money import french_integer
from worker.imports.source import CHUNK, MAX_COLUMNS, MAX_ROWS, MOST_ABOVE, SourceFile, Table
from worker.imports.wording import refusal

DELIMITERS = ";,\t"
"""In order of preference when a header does not decide."""
MAX_ROW = 2_000_000
"""Characters of a row, whatever its lines: a quotation mark may hold the whole file."""

_UNREADABLE = re.compile("[\x81\x8d\x8f\x90\x9d]|[\xc2\xc3\xc5][\x80-\xbf]")
"""In Latin-1: bytes that Windows-1252 does not define, or an accented letter in UTF-8."""


def tables(source: SourceFile) -> Iterator[Table]:
    """The one table of a CSV file.

    Raises:
        ImportRefused: not text in UTF-8 or Windows-1252, no separator, misplaced quotes.
        WrongUse: the file can no longer be read.
    """
    encoding = _encoding(source)
    delimiter = _delimiter(source, encoding)
    yield Table(sheet="", rows=_rows(source, encoding, delimiter))


def _encoding(source: SourceFile) -> str:
    """``utf-8-sig`` when the whole file is UTF-8, else ``cp1252`` when it can be."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    lines = 0
    with source.opened() as file:
        marked = file.read(3)
        if marked.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise refusal("utf-16", source.name)
        file.seek(0)
        while chunk := file.read(CHUNK):
            if b"\0" in chunk:
                raise refusal("no-text", source.name)
            # A line without end would be read whole into memory.
            if len(chunk) == CHUNK and b"\n" not in chunk and b"\r" not in chunk:
                raise refusal("endless-line", source.name)
            lines += chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")
            if lines > MAX_ROWS:
                raise refusal("many-lines", source.name, most=french_integer(MAX_ROWS))
            if is_utf8:
                is_utf8 = _decodes(decoder, chunk)
    if is_utf8 and _decodes(decoder, b"", final=True):
        return "utf-8-sig"
    _check_windows(source, marked=marked == codecs.BOM_UTF8)
    return "cp1252"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _check_windows(source: SourceFile, *, marked: bool) -> None:
    """Refuse, naming the line, what Windows-1252 would read as something else than was written."""
    with source.opened() as file, TextIOWrapper(file, "latin-1") as lines:
        for number, line in enumerate(lines, start=1):
            if (marked and not _is_utf8(line)) or (not marked and _UNREADABLE.search(line)):
                raise refusal("unreadable-character", source.name, line=number)


def _is_utf8(line: str) -> bool:
    try:
        line.encode("latin-1").decode()
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(source: SourceFile, encoding: str) -> str:
    """The separator that cuts one of the first rows into most cells, quotes respected."""
    widths = {mark: _first_width(source, encoding, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: widths[mark])
    if widths[best] < 2:
        raise refusal("one-column", source.name)
    return best


def _first_width(source: SourceFile, encoding: str, delimiter: str) -> int:
    """The cells of the widest of the rows among which a header is looked for."""
    widest = filled = 0
    with source.opened() as bytes_, TextIOWrapper(bytes_, encoding, newline="") as file:
        try:
            lines = _Lines(file)
            for cells in csv.reader(lines, delimiter=delimiter, strict=True):
                lines.size = 0
                if len(cells) > MAX_COLUMNS:
                    break
                if any(cell.strip() for cell in cells):
                    widest = max(widest, len(cells))
                    filled += 1
                if filled > MOST_ABOVE:
                    break
        except (csv.Error, _RowTooLong):
            pass  # quotes that make no sense with this separator, or further down
    return widest


class _RowTooLong(Exception):
    """A row of more characters than any has: a quotation mark that nothing closes."""


class _Lines:
    """The lines of a file; ``size`` counts the characters of the row under way."""

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file
        self.size = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW - self.size + 1)
        self.size += len(line)
        if not line:
            raise StopIteration
        if self.size > MAX_ROW:
            raise _RowTooLong
        return line


def _rows(source: SourceFile, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each starts on: a quoted cell may run over several lines."""
    with source.opened() as bytes_, TextIOWrapper(bytes_, encoding, newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                lines.size = 0
                if len(cells) > MAX_COLUMNS:
                    raise refusal("many-columns", source.name, line=line, most=MAX_COLUMNS)
                yield line, cells
                line = reader.line_num + 1
        except (csv.Error, _RowTooLong) as error:
            raise refusal("quotes", source.name, line=line) from error
        except UnicodeDecodeError as error:
            raise refusal("changed", source.name) from error
