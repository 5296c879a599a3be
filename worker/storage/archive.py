"""Content-addressed files: written once, synced, renamed, never changed.

A file is in place, durable and complete before the transaction that names it commits. A crash in
between leaves an orphan that nothing names, which is harmless: the next write of the same bytes
finds it there.
"""

import errno
import hashlib
import os
import sys
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from worker.errors import IntegrityError, StorageUnavailable
from worker.isolation.files import digest_bounded, read_bounded, reason
from worker.settings.rights import told

LARGEST = 100_000_000
"""Bytes of a piece: a document, and a lot of them, has 20 MB at most (``portal.lot_megabytes``)."""
_PIECE = 1 << 20
_ANOTHER_THING = {errno.EISDIR, errno.ENXIO, errno.ELOOP, errno.ENOTDIR, errno.EFBIG}
"""What the door of files says of a pipe, a device, a folder, links in a ring, a larger file."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder of ``ab/abcdef…`` files named by the SHA-256 of their content."""

    folder: Path

    def is_empty(self) -> bool:
        """Whether it holds no piece at all, or is not there: a disk that is not mounted.

        Raises:
            StorageUnavailable: it cannot be looked at.
        """
        try:
            return not any(any(part.iterdir()) for part in self.folder.iterdir() if part.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise StorageUnavailable(*told(error, self.folder)) from error

    def strangers(self, named: Container[str]) -> Iterator[Path]:
        """Whatever is in the folder, and is no piece of these hashes at its place: links too.

        Raises:
            StorageUnavailable: it cannot be looked at.
        """

        def refused(error: OSError) -> None:
            raise StorageUnavailable(*told(error, self.folder)) from error

        for folder, folders, files in os.walk(self.folder, onerror=refused):
            place = Path(folder)
            links = [name for name in folders if (place / name).is_symlink()]
            for name in sorted((*files, *links)):
                path = place / name
                if name not in named or path != self.path(name) or path.is_symlink():
                    yield path

    def put(self, content: bytes) -> str:
        """Keep bytes durably and return their SHA-256; see ``put_all``."""
        return self.put_all([content])[0]

    def put_all(self, contents: Sequence[bytes]) -> list[str]:
        """Keep several files durably and return the SHA-256 of each.

        Raises:
            StorageUnavailable: the folder refuses them.
            IntegrityError: one was kept before, and altered since.
        """
        hashes = [hashlib.sha256(content).hexdigest() for content in contents]
        try:
            for sha256, content in zip(hashes, contents, strict=True):
                path = self.path(sha256)
                if path.exists():
                    self.get(sha256)
                else:
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self._write(path, content)
            # Even when they were there: who wrote them may have died before making their names
            # durable.
            for folder in sorted({self.path(sha256).parent for sha256 in hashes}):
                _sync(folder)
            _sync(self.folder)
        except OSError as error:
            raise self._refused(error) from error
        return hashes

    def keep(self, file: BinaryIO, sha256: str) -> bool:
        """Keep the bytes of an open file durably, in little memory, whatever their number.

        Returns False, and keeps nothing, when they are not those of the hash.

        Raises:
            StorageUnavailable: the folder refuses them.
            IntegrityError: they were kept before, and altered since.
        """
        path = self.path(sha256)
        try:
            if path.exists():
                self.check(sha256, most=sys.maxsize)
            else:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not self._copy(path, file, sha256):
                    return False
            _sync(path.parent)
            _sync(self.folder)
        except OSError as error:
            raise self._refused(error) from error
        return True

    def get(self, sha256: str) -> bytes:
        """The bytes, checked.

        Raises:
            IntegrityError: missing or altered.
            StorageUnavailable: it cannot be read.
        """
        with self._read(sha256) as path:
            content = read_bounded(path, LARGEST)
        self._require(sha256, hashlib.sha256(content).hexdigest())
        return content

    def check(self, sha256: str, *, most: int) -> None:
        """See that the bytes are what they were, at most so many. Raises as ``get``."""
        with self._read(sha256) as path:
            _, found = digest_bounded(path, most)
        self._require(sha256, found)

    def path(self, sha256: str) -> Path:
        """Where such bytes are, or would be."""
        return self.folder / sha256[:2] / sha256

    @contextmanager
    def _read(self, sha256: str) -> Iterator[Path]:
        path = self.path(sha256)
        try:
            yield path
        except FileNotFoundError as error:
            raise IntegrityError(
                f"La pièce {path} manque dans l'archive.",
                "Rétablissez l'archive depuis une sauvegarde.",
            ) from error
        except OSError as error:
            # A folder that cannot be reached says nothing of what is in it.
            if error.errno not in _ANOTHER_THING or not path.parent.is_dir():
                raise StorageUnavailable(*told(error, path)) from error
            raise IntegrityError(
                f"La pièce {path} a été remplacée : {reason(error)}.",
                "Rétablissez ce fichier depuis une sauvegarde avant de continuer.",
            ) from error

    def _require(self, sha256: str, found: str) -> None:
        if found != sha256:
            raise IntegrityError(
                f"La pièce {self.path(sha256)} a été modifiée : son empreinte ne correspond plus.",
                "Rétablissez ce fichier depuis une sauvegarde avant de continuer.",
            )

    def _refused(self, error: OSError) -> StorageUnavailable:
        message, remedy = told(error, self.folder, writing=True)
        return StorageUnavailable(message, f"{remedy} Rien n'a été fait à moitié.")

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        with _new(path) as file:
            file.write(content)

    @staticmethod
    def _copy(path: Path, source: BinaryIO, sha256: str) -> bool:
        digest = hashlib.sha256()
        with suppress(_AnotherContent), _new(path) as file:
            while piece := source.read(_PIECE):
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() != sha256:
                raise _AnotherContent
            return True
        return False


class _AnotherContent(Exception):
    """What was copied is not what was to be kept."""


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name once it is whole and durable, at the end of the block."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
