"""The ZIP package of a workbook, measured before the spreadsheet library opens it.

A workbook from outside may be a bomb: few bytes that unfold into gigabytes, two cells a million
rows apart, one long text referred to a million times. Its parts are unfolded here once, counted and
scanned (workbook_scan.py), into a plain copy. The library sees that copy only: what was measured is
what is read, whatever the package declares about itself.
"""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers.expat import ExpatError

from worker.imports.source import CHUNK, SourceFile, readable
from worker.imports.wording import refusal
from worker.imports.workbook_scan import Load, OdsScan, Place, XlsxScan

MAX_PACKAGE = 128 * 2**20
MAX_DIRECTORY = 2**20
MAX_ENTRIES = 2_000
MAX_UNFOLDED = 2**30
MAX_RATIO = 200
"""Unfolded bytes per byte of the file: a million near-identical ODS rows reach 83."""
RATIO_FLOOR = 16 * 2**20
"""A package that unfolds into less is no bomb, whatever its ratio."""

_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_SAVE_AS = "Ouvrez-le dans le tableur et enregistrez-le en .xlsx, en .ods ou en « CSV UTF-8 »."
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x07"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedWorkbook:
    """A measured copy of a workbook; ``errors`` are the cells in error, by sheet name."""

    path: Path
    errors: Mapping[str, frozenset[Place]]


@contextmanager
def checked_copy(source: SourceFile) -> Iterator[CheckedWorkbook]:
    """A measured copy of a workbook, gone when the block ends.

    Raises:
        ImportRefused: not an XLSX or ODS workbook, encrypted, damaged, or beyond a limit.
        WrongUse: the file can no longer be read.
    """
    load = Load(name=source.name)
    with readable(source.path):
        _check_directory(source)
        try:
            with zipfile.ZipFile(source.path) as package:
                suffix = _suffix(source, package)
                copy = tempfile.NamedTemporaryFile(prefix="import-", suffix=suffix)  # noqa: SIM115 closed below
                with copy:
                    _copy_parts(source, package, copy, load)
                    yield CheckedWorkbook(path=Path(copy.name), errors=load.errors_by_sheet())
        except _DAMAGE as error:
            raise refusal(f"« {source.name} » est abîmé", _SAVE_AS) from error


_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ExpatError,
    UnicodeDecodeError,
    NotImplementedError,
)


def _check_directory(source: SourceFile) -> None:
    """Refuse a package whose list of parts alone would fill the memory: it is read at once."""
    if source.size > MAX_PACKAGE:
        raise refusal(
            f"« {source.name} » est trop grand pour un classeur ({source.size // 2**20} Mo, "
            f"{MAX_PACKAGE // 2**20} au plus)",
            "Enregistrez la feuille en « CSV UTF-8 », ou découpez-la.",
        )
    with source.path.open("rb") as file:
        file.seek(max(0, source.size - 65_557))
        tail = file.read()
    end = len(tail) - 22 if tail[-22:].startswith(_END) else tail.rfind(_END)
    declared = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if declared > MAX_DIRECTORY or (end >= 20 and tail[end - 20 :].startswith(_END_64)):
        raise _bomb(source)


def _suffix(source: SourceFile, package: zipfile.ZipFile) -> str:
    """``.xlsx`` or ``.ods``, by what the package holds."""
    parts = package.infolist()
    names = {part.filename for part in parts}
    if len(parts) > MAX_ENTRIES or len(names) < len(parts):
        raise _bomb(source)
    if any(part.flag_bits & 1 for part in parts):
        raise _locked(source)
    if "xl/workbook.bin" in names:
        raise refusal(f"« {source.name} » est un classeur binaire (.xlsb)", _SAVE_AS)
    if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
        return ".xlsx"
    if "mimetype" in names and "content.xml" in names:
        with package.open("mimetype") as file:
            if file.read(len(_ODS) + 1).strip() == _ODS:
                return ".ods"
    raise refusal(f"« {source.name} » n'est pas un classeur XLSX ou ODS", _SAVE_AS)


def _copy_parts(source: SourceFile, package: zipfile.ZipFile, copy: IO[bytes], load: Load) -> None:
    """Unfold and scan the XML parts into ``copy``; pictures, macros and the rest are left out."""
    unfolded = 0
    is_ods = copy.name.endswith(".ods")
    with zipfile.ZipFile(copy, "w") as kept:
        for part in package.infolist():
            name = part.filename
            if not name.endswith((".xml", ".rels", "mimetype")):
                continue
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _bomb(source)
            scan = None
            if name != "mimetype":
                scan = OdsScan(load) if is_ods else XlsxScan(load, name)
            plain = zipfile.ZipInfo(name)
            with package.open(part) as packed, kept.open(plain, "w", force_zip64=True) as target:
                while chunk := packed.read(CHUNK):
                    unfolded += len(chunk)
                    if unfolded > min(MAX_UNFOLDED, max(RATIO_FLOOR, MAX_RATIO * source.size)):
                        raise _bomb(source)
                    if name == "META-INF/manifest.xml" and b"encryption-data" in chunk:
                        raise _locked(source)
                    target.write(chunk)
                    if scan is not None:
                        scan.feed(chunk)
            if scan is not None:
                scan.close()
    load.check()
    copy.flush()


def _bomb(source: SourceFile) -> Exception:
    return refusal(
        f"« {source.name} » a une structure démesurée ou inhabituelle pour un classeur ; "
        "il n'a pas été ouvert",
        "Copiez les seules données dans un classeur neuf, ou enregistrez la feuille en "
        "« CSV UTF-8 ».",
    )


def _locked(source: SourceFile) -> Exception:
    return refusal(
        f"« {source.name} » est protégé par un mot de passe",
        "Retirez le mot de passe dans le tableur, puis importez-le à nouveau.",
    )
