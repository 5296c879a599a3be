"""XLSX and ODS workbooks, sheet by sheet, opened in a bounded process (``workbook``).

The list of parts of the package is looked at here first: what announces more than a workbook is
refused at once. What lies about its sizes meets the bounds of the process.
"""

import json
import os
import zipfile
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from worker.imports.source import SourceFile, Table, readable
from worker.imports.wording import refusal
from worker.isolation.child import Child, ChildFailed
from worker.isolation.limits import WORKBOOK, Program

MAX_PACKAGE = 128 * 2**20
MAX_DIRECTORY = 2**20
MAX_ENTRIES = 2_000
MAX_UNFOLDED = 2**30
MAX_RATIO = 200
"""Unfolded bytes per byte of the file: a million near-identical ODS rows reach 83."""
RATIO_FLOOR = 16 * 2**20
"""A package that unfolds into less is no bomb, whatever its ratio."""

_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x07"


class Unfit(StrEnum):
    """Why the process refuses a workbook, by the name in findings.toml."""

    SPOILT = "spoilt-workbook"
    LOCKED = "locked-workbook"
    TOO_LARGE = "large-workbook"
    MANY_SHEETS = "many-sheets"
    MANY_ERRORS = "many-errors"
    NO_ROOM = "no-room"


class Said(StrEnum):
    """First item of each frame of the process."""

    ROWS = "rows"
    """Then the name of the sheet, the number of the first, and the rows: texts."""
    HIDDEN = "hidden"
    """Then the name of a sheet that is not read."""
    REFUSED = "refused"
    """Then why (``Unfit``) and a detail for the sentence. Nothing follows."""
    END = "end"


def tables(source: SourceFile, program: Program = WORKBOOK) -> Iterator[Table]:
    """The visible sheets of a workbook, in order.

    Raises:
        ImportRefused: not a workbook, encrypted, damaged, beyond a limit, or too many sheets.
        WrongUse: the file can no longer be read.
        ChildFailed: the machine cannot read any workbook.
    """
    with readable(source.path):
        try:
            suffix = _checked_suffix(source)
        except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError) as error:
            raise refusal(Unfit.SPOILT, source.name) from error
    with Child(program, subject=f"« {source.name} »") as child:
        child.request(os.fsencode(source.path.absolute()), suffix.encode())
        # A sheet that is no longer wanted is passed over: its batches are asked for all the same.
        for (sheet, hidden), batches in groupby(_batches(child, source), key=itemgetter(0)):
            rows = chain.from_iterable(enumerate(texts, first) for _, first, texts in batches)
            yield Table(sheet=sheet, rows=rows, hidden=hidden)


def _batches(
    child: Child, source: SourceFile
) -> Iterator[tuple[tuple[str, bool], int, list[list[str]]]]:
    """What the process reads: a sheet and whether it is hidden, a number, the rows from it."""
    while True:
        try:
            said = child.receive(_decoded)
        except ChildFailed as failed:
            if not failed.by_document:
                raise
            reason = failed.message.rstrip(".")
            raise refusal("stopped-reader", source.name, reason=reason) from failed
        match said:
            case [Said.ROWS, sheet, first, rows]:
                yield (sheet, False), first, rows
            case [Said.HIDDEN, sheet]:
                yield (sheet, True), 1, []
            case [Said.REFUSED, why, detail]:
                raise refusal(why, source.name, detail=detail)
            case _:
                return


def _decoded(content: bytes) -> list[Any]:
    """A frame of one of the forms of ``Said``. Raises ValueError, TypeError: it is none."""
    match said := json.loads(content):
        case [Said.ROWS, str(), int(), [*rows]]:
            fits = all(type(cell) is str for row in rows for cell in row)
        case [Said.HIDDEN, str()]:
            fits = True
        case [Said.REFUSED, why, str()]:
            fits = why in set(Unfit)
        case _:
            fits = said == [Said.END]
    if not fits:
        raise ValueError(said)
    return list(said)


def _checked_suffix(source: SourceFile) -> str:
    """``.xlsx`` or ``.ods``, for a package that announces no more than a workbook may hold."""
    if source.size > MAX_PACKAGE:
        size, most = source.size // 2**20, MAX_PACKAGE // 2**20
        raise refusal("big-workbook", source.name, size=size, most=most)
    with source.opened() as file:
        file.seek(max(0, source.size - 65_557))
        tail = file.read()
    # The list of parts is read at once: alone, it could fill the memory.
    end = len(tail) - 22 if tail[-22:].startswith(_END) else tail.rfind(_END)
    declared = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if declared > MAX_DIRECTORY or (end >= 20 and tail[end - 20 :].startswith(_END_64)):
        raise refusal("bomb", source.name)
    with source.opened() as file, zipfile.ZipFile(file) as package:
        parts = package.infolist()
        names = {part.filename for part in parts}
        if len(parts) > MAX_ENTRIES or len(names) < len(parts):
            raise refusal("bomb", source.name)
        if any(part.flag_bits & 1 for part in parts):
            raise refusal(Unfit.LOCKED, source.name)
        suffix = _suffix(source, package, names)
    unfolded = sum(part.file_size for part in parts if is_data(part))
    packings = {part.compress_type for part in parts if is_data(part)}
    if unfolded > min(MAX_UNFOLDED, max(RATIO_FLOOR, MAX_RATIO * source.size)) or not (
        packings <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    ):
        raise refusal("bomb", source.name)
    return suffix


def _suffix(source: SourceFile, package: zipfile.ZipFile, names: set[str]) -> str:
    if "xl/workbook.bin" in names:
        raise refusal("binary-workbook", source.name)
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        return ".xlsx"
    if "mimetype" in names and "content.xml" in names:
        with package.open("mimetype") as file:
            if file.read(len(_ODS) + 1).strip() == _ODS:
                return ".ods"
    raise refusal("no-workbook", source.name)


def is_data(part: zipfile.ZipInfo) -> bool:
    """Whether a part of a package is read: neither a picture nor a macro."""
    return part.filename.endswith((".xml", ".rels", "mimetype"))
