"""The last failed heartbeat, kept in the data folder for ``status --todo``.

Its file is opened once, so that a process without any descriptor left can still say so.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from worker.errors import WorkerError
from worker.isolation.files import read_bounded

FILE = "service.json"
LARGEST = 1_000_000
"""Bytes: a few sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A heartbeat that failed, in what a person reads of it.

    Attributes:
        in_a_row: how many ended the process, or will at three; 0 when it only waits for a person.
    """

    at: datetime
    message: str
    remedy: str
    in_a_row: int


class FailureRecord:
    """What this process writes of its failures. A folder that refuses stops no heartbeat."""

    def __init__(self, folder: Path) -> None:
        self._file: int | None = None
        with suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._file = os.open(folder / FILE, flags, 0o600)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def keep(self, error: WorkerError, at: datetime, in_a_row: int) -> None:
        """Write the failure over the one before."""
        failure = Failure(at=at, message=error.message, remedy=error.remedy, in_a_row=in_a_row)
        self._write(json.dumps(asdict(failure) | {"at": at.isoformat()}).encode())

    def clear(self) -> None:
        """All is well again."""
        self._write(b"")

    def _write(self, content: bytes) -> None:
        if self._file is None:
            return
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, content, 0)


def last_failure(folder: Path) -> Failure | None:
    """The failure of the last heartbeat, None when it went well, or there was none."""
    try:
        values = json.loads(read_bounded(folder / FILE, LARGEST))
        return Failure(**values | {"at": datetime.fromisoformat(values["at"])})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # absent, empty, or half written: the next heartbeat writes it again
