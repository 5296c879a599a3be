"""What is costly to make is made once for the whole run, whichever worker needs it first."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def made_once(own: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the tests read or copy, and never change.

    Args:
        own: the temporary folder of this process; those of the workers have one parent.
        name: of the folder in that parent.
        make: makes it; the folder does not exist yet.
    """
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            _settle(folder)
            done.touch()
    return folder


def _settle(folder: Path) -> None:
    """Bring into each database what its last user, ended in haste, left beside it."""
    for path in folder.rglob("*.sqlite"):
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copied(folder: Path, to: Path) -> None:
    """Copy an installation that other tests may be reading: their files beside a database go."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
