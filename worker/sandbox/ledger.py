"""The portal's own file. A restart forgets nothing, and several processes may share it.

Each change is one short transaction, alone to write and on disk when it ends.
"""

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, astuple
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from worker.sandbox import paris, tables
from worker.sandbox.records import (
    FluxRecord,
    FluxState,
    InvoiceFilter,
    InvoiceRecord,
    NewInvoice,
    RefusedInvoice,
    StatusRecord,
    TechnicalError,
)


class LedgerError(Exception):
    """The data file cannot serve as a ledger; the message is for people, in French."""


def prepare(path: Path) -> None:
    """Creates the ledger file (mode 0600) and its tables unless they exist.

    Raises:
        LedgerError: the file exists and is something else, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
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
        query = f"SELECT {tables.FLUX} FROM flux ORDER BY id"  # noqa: S608 - constants only
        return tuple(tables.to_flux(row) for row in connection.execute(query))


def read_invoices(path: Path) -> tuple[InvoiceRecord, ...]:
    """Every integrated invoice, oldest first, read without changing the file."""
    with closing(_connect_read_only(path)) as connection:
        query = f"SELECT {tables.INVOICE} FROM invoice ORDER BY id"  # noqa: S608 - constants only
        return tuple(tables.to_invoice(row) for row in connection.execute(query))


class Ledger:
    """One connection to the file, for one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens a file that `prepare` made."""
        self._connection = _connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, alone to write; on disk when it ends."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def add_token(self, digest: str, *, now: datetime, lifetime: timedelta) -> None:
        """Keeps the digest of a new token, and forgets the tokens that died."""
        with self.transaction():
            self._connection.execute(
                "DELETE FROM token WHERE expires_at <= ?", (tables.milliseconds(now),)
            )
            self._connection.execute(
                "INSERT INTO token (digest, expires_at) VALUES (?, ?)",
                (digest, tables.milliseconds(now + lifetime)),
            )

    def knows_token(self, digest: str, *, now: datetime) -> bool:
        """Whether a token was given out and still lives."""
        row = self._connection.execute(
            "SELECT 1 FROM token WHERE digest = ? AND expires_at > ?",
            (digest, tables.milliseconds(now)),
        ).fetchone()
        return row is not None

    def add_flux(
        self,
        content: bytes,
        *,
        file_name: str,
        syntax: str,
        interface: str,
        now: datetime,
        delay: timedelta,
    ) -> FluxRecord:
        """Records a deposit and gives it the next number: it is on disk when this returns.

        Args:
            content: the bytes, any file.
            file_name: the name the depositor gave.
            syntax: ``syntaxeFlux``.
            interface: four digits.
            now: instant of the deposit.
            delay: time until the verdict.
        """
        with self.transaction():
            (rank,) = self._connection.execute(
                "SELECT coalesce(max(id), 0) + 1 FROM flux"
            ).fetchone()
            number = f"CPP001{interface}{rank:015d}"
            self._connection.execute(
                "INSERT INTO flux (id, number, syntax, interface, file_name, size, sha256,"
                " deposited_at, due_at, state, state_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    rank,
                    number,
                    syntax,
                    f"FSO{interface}A",
                    file_name,
                    len(content),
                    hashlib.sha256(content).hexdigest(),
                    tables.milliseconds(now),
                    tables.milliseconds(now + delay),
                    FluxState.WAITING,
                    tables.milliseconds(now),
                ),
            )
            self._connection.execute(
                "INSERT INTO flux_content (flux_id, content) VALUES (?, ?)", (rank, content)
            )
        flux = self.flux(number)
        if flux is None:  # pragma: no cover - the row was just committed
            raise LedgerError(f"Flux {number} perdu.")
        return flux

    def flux(self, number: str) -> FluxRecord | None:
        """The flux of a number, if it was ever given out."""
        row = self._connection.execute(
            f"SELECT {tables.FLUX} FROM flux WHERE number = ?",  # noqa: S608 - constants only
            (number,),
        ).fetchone()
        return tables.to_flux(row) if row else None

    def content(self, flux: FluxRecord) -> bytes:
        """The bytes of a flux, as deposited."""
        (content,) = self._connection.execute(
            "SELECT content FROM flux_content WHERE flux_id = ?", (flux.id,)
        ).fetchone()
        return bytes(content)

    def next_due(self, now: datetime, *, up_to: int | None = None) -> FluxRecord | None:
        """The oldest flux whose verdict is due and not given, no later than a rank if told."""
        row = self._connection.execute(
            f"SELECT {tables.FLUX} FROM flux WHERE state = ? AND due_at <= ?"  # noqa: S608 - constants
            " AND id <= coalesce(?, id) ORDER BY id LIMIT 1",
            (FluxState.WAITING, tables.milliseconds(now), up_to),
        ).fetchone()
        return tables.to_flux(row) if row else None

    def is_waiting(self, flux: FluxRecord) -> bool:
        """Whether the verdict on a flux is still to be given."""
        row = self._connection.execute(
            "SELECT 1 FROM flux WHERE id = ? AND state = ?", (flux.id, FluxState.WAITING)
        ).fetchone()
        return row is not None

    def conclude(
        self,
        flux: FluxRecord,
        state: FluxState,
        *,
        technical: Sequence[TechnicalError] = (),
        refused: Sequence[RefusedInvoice] = (),
    ) -> None:
        """Writes the verdict on a flux, dated from the instant it was due."""
        self._connection.execute(
            "UPDATE flux SET state = ?, state_at = due_at, technical_errors = ?,"
            " refused_invoices = ? WHERE id = ?",
            (
                state,
                json.dumps([asdict(error) for error in technical]),
                json.dumps([asdict(invoice) for invoice in refused]),
                flux.id,
            ),
        )

    def is_taken(self, *, year: int, siren: str, number: str) -> bool:
        """Whether an invoice with this year, supplier and number was integrated (§0.4, 7)."""
        row = self._connection.execute(
            "SELECT 1 FROM invoice WHERE issue_year = ? AND seller_siren = ? AND number = ?",
            (f"{year:04d}", siren, number),
        ).fetchone()
        return row is not None

    def add_invoice(self, flux: FluxRecord, invoice: NewInvoice) -> int:
        """Integrates an invoice and returns its identifier; it has no status yet."""
        columns = ("flux_id", "flux_number", "deposited_on", "status", "status_at", *tables.CONTENT)
        values = (
            flux.id,
            flux.number,
            paris.day_of(flux.deposited_at).isoformat(),
            "",
            tables.milliseconds(flux.due_at),
            *(tables.stored(value) for value in astuple(invoice)),
        )
        marks = ", ".join("?" * len(columns))
        cursor = self._connection.execute(
            f"INSERT INTO invoice ({', '.join(columns)}) VALUES ({marks}) RETURNING id",  # noqa: S608 - constants only
            values,
        )
        return int(cursor.fetchone()[0])

    def add_status(self, invoice_id: int, status: str, *, at: datetime, comment: str = "") -> None:
        """Adds a row to the history of an invoice and makes it the current status."""
        self._connection.execute(
            "INSERT INTO status (invoice_id, code, at, comment) VALUES (?, ?, ?, ?)",
            (invoice_id, status, tables.milliseconds(at), comment),
        )
        self._connection.execute(
            "UPDATE invoice SET status = ?, status_at = ?, comment = ? WHERE id = ?",
            (status, tables.milliseconds(at), comment, invoice_id),
        )

    def invoice(self, invoice_id: int) -> InvoiceRecord | None:
        """The invoice of an ``identifiantFactureCPP``, if any."""
        row = self._connection.execute(
            f"SELECT {tables.INVOICE} FROM invoice WHERE id = ?",  # noqa: S608 - constants only
            (invoice_id,),
        ).fetchone()
        return tables.to_invoice(row) if row else None

    def history(self, invoice_id: int) -> tuple[StatusRecord, ...]:
        """The history of an invoice, most recent row first."""
        rows = self._connection.execute(
            "SELECT id, code, at, comment FROM status WHERE invoice_id = ? ORDER BY id DESC",
            (invoice_id,),
        )
        return tuple(
            StatusRecord(id=row[0], status=row[1], at=tables.instant(row[2]), comment=row[3])
            for row in rows
        )

    def search(
        self, wanted: InvoiceFilter, *, order: str, descending: bool, limit: int, offset: int
    ) -> tuple[tuple[InvoiceRecord, ...], int]:
        """One slice of the invoices that match, and how many match in all.

        Args:
            wanted: the criteria.
            order: a column of the invoice table, from the code, never from a request.
            descending: greatest first.
            limit: most invoices returned.
            offset: invoices skipped.
        """
        condition, values = _where(wanted)
        (total,) = self._connection.execute(
            f"SELECT count(*) FROM invoice WHERE {condition}",  # noqa: S608 - constants only
            values,
        ).fetchone()
        way = "DESC" if descending else "ASC"
        rows = self._connection.execute(
            f"SELECT {tables.INVOICE} FROM invoice WHERE {condition}"  # noqa: S608 - constants only
            f" ORDER BY {order} {way}, id {way} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return tuple(tables.to_invoice(row) for row in rows), int(total)


def _where(wanted: InvoiceFilter) -> tuple[str, tuple[object, ...]]:
    one_of = [("status", wanted.statuses or None), ("buyer_siret", wanted.buyers)]
    bounds = [
        ("flux_number = ?", wanted.flux_number),
        ("number = ?", wanted.number),
        ("kind = ?", wanted.kind),
        ("engagement = ?", wanted.engagement),
        ("contract = ?", wanted.contract),
        ("deposited_on >= ?", wanted.deposited_from),
        ("deposited_on <= ?", wanted.deposited_to),
        ("issued_on >= ?", wanted.issued_from),
        ("issued_on <= ?", wanted.issued_to),
        ("status_at >= ?", wanted.status_from),
        ("status_at <= ?", wanted.status_to),
    ]
    set_bounds = [(condition, value) for condition, value in bounds if value is not None]
    set_lists = [(column, value) for column, value in one_of if value is not None]
    conditions = [condition for condition, _ in set_bounds]
    conditions += [f"{column} IN ({', '.join('?' * len(value))})" for column, value in set_lists]
    values = [tables.stored(value) for _, value in set_bounds]
    values += [item for _, value in set_lists for item in value]
    return " AND ".join(conditions) or "TRUE", tuple(values)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time: two sandboxes started together must not both create the tables."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == tables.APPLICATION_ID:
        return
    if connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise LedgerError(f"{path} : ce fichier n'est pas celui d'un bac à sable.")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"BEGIN IMMEDIATE; {tables.CREATE} COMMIT;")
