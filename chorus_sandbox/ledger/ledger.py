"""The portal's own file. A restart forgets nothing, and several processes may share it.

Each change is one short transaction, alone to write and on disk when it ends.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from chorus_sandbox.fault_kinds import Injection
from chorus_sandbox.ledger import tables
from chorus_sandbox.ledger.attachments import Attachments
from chorus_sandbox.ledger.faults import Faults
from chorus_sandbox.ledger.fluxes import Fluxes
from chorus_sandbox.ledger.invoices import Invoices
from chorus_sandbox.ledger.records import FluxRecord, InvoiceRecord, StatusRecord
from chorus_sandbox.ledger.tables import Tables


class LedgerError(Exception):
    """The data file cannot serve as a ledger; the message is for people, in French."""


def prepare(path: Path) -> None:
    """Creates the ledger file (mode 0600) and its tables unless they exist.

    Raises:
        LedgerError: the file exists and is something else, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            path.chmod(0o600)
            with closing(_connect(path)) as connection:
                _create_tables(connection, path)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path} : fichier de données inutilisable ({error}).") from error


def read_fluxes(path: Path) -> tuple[FluxRecord, ...]:
    """Every flux ever deposited, oldest first, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        return Fluxes(connection).all()


def read_invoices(path: Path) -> tuple[InvoiceRecord, ...]:
    """Every integrated invoice, oldest first, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        return Invoices(connection).all()


def read_histories(path: Path) -> dict[int, tuple[StatusRecord, ...]]:
    """The statuses of each invoice, most recent first, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        invoices = Invoices(connection)
        return {one.id: invoices.history(one.id) for one in invoices.all()}


def read_joined(path: Path) -> dict[str, int]:
    """How many files each invoice was given, by its number, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        return Attachments(connection).counts()


def read_injections(path: Path) -> tuple[Injection, ...]:
    """Every fault that was injected, oldest first, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        return Faults(connection).injected()


class Ledger(Tables):
    """One connection to the file, for one thread at a time.

    Attributes:
        fluxes: what was deposited.
        invoices: what was integrated.
        attachments: the supplier's files.
        faults: what goes wrong on purpose.
    """

    def __init__(self, path: Path) -> None:
        """Opens a file that `prepare` made."""
        super().__init__(_connect(path))
        self.fluxes = Fluxes(self._connection)
        self.invoices = Invoices(self._connection)
        self.attachments = Attachments(self._connection)
        self.faults = Faults(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def add_token(self, digest: str, *, now: datetime, lifetime: timedelta) -> None:
        """Keeps the digest of a new token, and deletes the expired ones."""
        with self.transaction():
            self._run("DELETE FROM token WHERE expires_at <= ?", now)
            self._insert("token", digest=digest, expires_at=now + lifetime)

    def forget_tokens(self) -> None:
        """Deletes every token, expired or not."""
        with self.transaction():
            self._run("DELETE FROM token")

    def knows_token(self, digest: str, *, now: datetime) -> bool:
        """Whether a token was given out and has not expired."""
        known = self._run("SELECT 1 FROM token WHERE digest = ? AND expires_at > ?", digest, now)
        return known.fetchone() is not None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time: two sandboxes started together must not both create the tables."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != tables.APPLICATION_ID:
        if connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise LedgerError(f"{path} : ce fichier n'est pas celui d'un bac à sable.")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {tables.CREATE} COMMIT;")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(tables.UPGRADES[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
        )
