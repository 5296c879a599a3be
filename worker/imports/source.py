"""The file itself: may it be read, what are its bytes, what does it look like inside."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from worker.billing.text import harmless
from worker.errors import WrongUse
from worker.imports.wording import refusal, words_of
from worker.isolation.files import digest_bounded, open_regular, reason

MAX_BYTES = 512 * 2**20
"""Largest file accepted: a million usage rows take some 40 MB."""
MAX_ROWS = 1_048_576
"""Lines of a text: the rows of the longest sheet."""
MAX_COLUMNS = 16_384
"""Cells of a row: those of the widest sheet."""

MOST_ABOVE = 30
"""Filled lines among which a header is looked for."""

CHUNK = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file as it was when fingerprinted.

    Attributes:
        path: where its bytes are.
        name: how findings and the journal name it: what the person gave, even when ``path`` is an
            archived copy, its hidden signs escaped.
        sha256: of its bytes, hexadecimal.
        size: in bytes.
    """

    path: Path
    name: str
    sha256: str
    size: int

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """Its bytes. Raises WrongUse when they can no longer be read."""
        with readable(self.path), open_regular(self.path, MAX_BYTES) as file:
            yield file


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A sheet, or a whole CSV file: its rows as text, with the number people see beside each.

    ``sheet`` is empty for a CSV file. Rows may be read once; a hidden sheet has none here.
    """

    sheet: str
    rows: Iterator[tuple[int, list[str]]]
    hidden: bool = False


MERGED = "#FUSION"
"""Stands for a cell that a merged one covers."""
UNCOMPUTED = "#FORMULE"
"""Stands for a formula whose value the workbook does not have."""


def is_typed(cell: str) -> bool:
    """Whether something is in a cell by itself."""
    return bool(cell.strip()) and cell != MERGED


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says about an unreadable file into a WrongUse a person understands."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise refusal("too-big", path.name) from error
        names = {
            FileNotFoundError: "no-file",
            IsADirectoryError: "no-regular-file",
            PermissionError: "no-access",
        }
        name = names.get(type(error), "unreadable")
        raise WrongUse(*words_of(name, file=path, reason=reason(error))) from error


def fingerprint(path: Path) -> SourceFile:
    """Size and SHA-256 of a file, read in chunks.

    Raises:
        WrongUse: it is missing, a folder, not a regular file, or unreadable.
        ImportRefused: it is empty or larger than 512 MB.
    """
    if path.is_dir():
        raise WrongUse(*words_of("folder", file=path))
    with readable(path):
        # Some files of the system say that they have no byte, and never end.
        size, digest = digest_bounded(path, MAX_BYTES)
    if size == 0:
        raise refusal("empty", path.name)
    return SourceFile(path=path, name=harmless(path.name), sha256=digest, size=size)


def is_workbook(source: SourceFile) -> bool:
    """Whether the content is a ZIP package, whatever the extension says; else it must be text.

    Raises:
        ImportRefused: it is an old .xls, or a workbook protected by a password: both are OLE files.
    """
    with source.opened() as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise refusal("old-workbook", source.name)
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
