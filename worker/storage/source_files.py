"""The files that were imported: what they are called, who brought them, where their bytes are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.storage.tables import SourceFileRow, as_written, number_added, whole_number

SHORTEST = 8
"""Characters of a hash that tell a file."""
_FILES = SQLModel.metadata.tables["source_file"]


class Kept(StrEnum):
    """What the archive has of an imported file."""

    WHOLE = "whole"
    WITHOUT_CONTACTS = "without_contacts"
    """A copy without the columns that hold personal data."""
    NOT = "not"
    """A former release took it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """A file as it was imported, or a sheet of it: each that was read has its own.

    Attributes:
        kind: ``members``, ``subscriptions``, ``usage`` or ``references``.
        sha256: of its bytes as they were brought.
        size: of these, in bytes.
        rows: of data.
        imported_by: who, as in the journal; empty when that is not known.
        sheet: the one that was read in a workbook.
        columns: the position of each column that was read, 1 for the first, by its name.
        kept_sha256: the archived piece: the file, or its copy without contacts; empty for a file
            that a former release took in.
    """

    kind: str
    name: str
    sha256: str
    size: int
    rows: int
    imported_at: datetime
    imported_by: str
    sheet: str
    columns: Mapping[str, int]
    kept_sha256: str

    @property
    def how_kept(self) -> Kept:
        """What the archive has of it."""
        match self.kept_sha256:
            case "":
                return Kept.NOT
            case self.sha256:
                return Kept.WHOLE
            case _:
                return Kept.WITHOUT_CONTACTS


def known(session: Session, kind: str, sha256: str) -> frozenset[str]:
    """The sheets of these very bytes that were already imported as this kind; ``""`` of a text."""
    query = sqlalchemy.select(_FILES.columns["sheet"]).filter_by(kind=kind, sha256=sha256)
    return frozenset(session.execute(query).scalars())


def add(session: Session, file: ImportedFile) -> int:
    """Record a file, and return its id."""
    columns = json.dumps(dict(file.columns), sort_keys=True)
    return number_added(session, SourceFileRow(**asdict(file) | {"columns": columns}))


def imported_files(session: Session) -> Iterator[tuple[int, ImportedFile]]:
    """Every file with its id, in the order of their import."""
    for row in session.execute(sqlalchemy.select(_FILES).order_by(_FILES.columns["id"])).mappings():
        with as_written(f"le fichier importé {row['name']} (table source_file)"):
            yield row["id"], _file(dict(row))


def called(session: Session, text: str) -> tuple[tuple[int, ImportedFile], ...]:
    """The files of this name; else those whose SHA-256, or that of what is kept, so begins."""
    files = tuple(imported_files(session))
    named = tuple(one for one in files if one[1].name == text)
    begins = text.strip().lower().rstrip("…")
    if named or len(begins) < SHORTEST:
        return named
    return tuple(
        one
        for one in files
        if one[1].sha256.startswith(begins) or one[1].kept_sha256.startswith(begins)
    )


def _file(values: dict[str, Any]) -> ImportedFile:
    del values["id"]
    columns = {str(name): int(place) for name, place in json.loads(values["columns"]).items()}
    if not all(isinstance(values[name], str) for name in _TEXTS):
        raise TypeError("bytes where a text belongs")
    numbers = {name: whole_number(values[name]) for name in ("rows", "size")}
    return ImportedFile(**values | numbers | {"columns": columns})


_TEXTS = ("kind", "name", "sha256", "imported_by", "sheet", "kept_sha256")
"""Of them, what a person is shown; SQLite keeps bytes there when it is given some."""


def place(name: str, sheet: str) -> str:
    """A file and its sheet, for people."""
    return f"{name}, feuille «\u00a0{sheet}\u00a0»" if sheet else name
