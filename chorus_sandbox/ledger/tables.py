"""The tables of the ledger and how a row becomes a record.

Instants are milliseconds since 1970 in UTC; days and amounts are text.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from chorus_sandbox.fault_kinds import FaultKind, Injection
from chorus_sandbox.ledger.records import (
    Attachment,
    FluxRecord,
    FluxState,
    InvoiceRecord,
    NewInvoice,
    RefusedInvoice,
    StatusRecord,
    TechnicalError,
)

APPLICATION_ID: Final = 0x43505242
"""Written in the header of the file, so that no other database is mistaken for a ledger."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Identifiers start far apart: a client that mixes an invoice and a history row up finds nothing
# instead of something else.
CREATE: Final = f"""
CREATE TABLE flux (
    id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, syntax TEXT NOT NULL,
    interface TEXT NOT NULL, file_name TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, deposited_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
    state TEXT NOT NULL, state_at INTEGER NOT NULL,
    technical_errors TEXT NOT NULL DEFAULT '[]', refused_invoices TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX flux_waiting ON flux (id) WHERE state = '{FluxState.WAITING}';
CREATE TABLE flux_content (
    flux_id INTEGER PRIMARY KEY REFERENCES flux (id), content BLOB NOT NULL
) STRICT;
CREATE TABLE invoice (
    id INTEGER PRIMARY KEY AUTOINCREMENT, flux_id INTEGER NOT NULL REFERENCES flux (id),
    flux_number TEXT NOT NULL, deposited_on TEXT NOT NULL,
    status TEXT NOT NULL, status_at INTEGER NOT NULL, comment TEXT NOT NULL DEFAULT '',
    seller_siret TEXT NOT NULL, seller_name TEXT NOT NULL,
    buyer_siret TEXT NOT NULL, buyer_name TEXT NOT NULL,
    service_code TEXT NOT NULL, service_name TEXT NOT NULL,
    number TEXT NOT NULL, issued_on TEXT NOT NULL, kind TEXT NOT NULL, framework TEXT NOT NULL,
    currency TEXT NOT NULL, net TEXT NOT NULL, gross TEXT NOT NULL, due TEXT NOT NULL,
    contract TEXT NOT NULL, engagement TEXT NOT NULL, preceding TEXT NOT NULL,
    seller_siren TEXT AS (substr(seller_siret, 1, 9)) STORED,
    issue_year TEXT AS (substr(issued_on, 1, 4)) STORED,
    UNIQUE (issue_year, seller_siren, number)
) STRICT;
CREATE INDEX invoice_flux ON invoice (flux_number);
CREATE INDEX invoice_number ON invoice (number);
CREATE INDEX invoice_deposit ON invoice (deposited_on, id);
CREATE INDEX invoice_status_at ON invoice (status_at);
CREATE TABLE status (
    id INTEGER PRIMARY KEY AUTOINCREMENT, invoice_id INTEGER NOT NULL REFERENCES invoice (id),
    code TEXT NOT NULL, at INTEGER NOT NULL, comment TEXT NOT NULL
) STRICT;
CREATE INDEX status_invoice ON status (invoice_id);
CREATE TABLE token (
    digest TEXT PRIMARY KEY, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sqlite_sequence (name, seq)
VALUES ('invoice', 8000000), ('status', 20000000);
PRAGMA application_id = {APPLICATION_ID};
"""  # noqa: S608 - constants only

UPGRADES: Final = (
    """
    ALTER TABLE flux ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE flux ADD COLUMN index_delay INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE flux ADD COLUMN incident INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE invoice ADD COLUMN file_name TEXT NOT NULL DEFAULT '';
    ALTER TABLE invoice ADD COLUMN indexed_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE invoice ADD COLUMN rejection_handled INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX invoice_status ON invoice (status);
    CREATE TABLE attachment (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, media_type TEXT NOT NULL,
        extension TEXT NOT NULL, content BLOB NOT NULL
    ) STRICT;
    CREATE TABLE invoice_attachment (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        invoice_id INTEGER NOT NULL REFERENCES invoice (id),
        attachment_id INTEGER NOT NULL REFERENCES attachment (id),
        designation TEXT NOT NULL, type_code TEXT NOT NULL, line INTEGER
    ) STRICT;
    CREATE INDEX invoice_attachment_invoice ON invoice_attachment (invoice_id);
    CREATE TABLE fault (
        id INTEGER PRIMARY KEY AUTOINCREMENT, description TEXT NOT NULL,
        skip INTEGER NOT NULL, remaining INTEGER, ends_at INTEGER
    ) STRICT;
    CREATE TABLE injection (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
        path TEXT NOT NULL, planned INTEGER NOT NULL, flux_number TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO sqlite_sequence (name, seq)
    VALUES ('attachment', 6900000), ('invoice_attachment', 30000000);
    """,
)
"""What each version adds to a ledger of the version before; the header holds how many ran."""

CONTENT: Final = tuple(field.name for field in fields(NewInvoice))
"""The columns that hold a `NewInvoice`, in the order of its fields."""

_Columns = dict[str, Callable[[Any], Any]]
_Record = TypeVar("_Record", FluxRecord, InvoiceRecord, StatusRecord, Attachment, Injection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, alone to write; on disk when it ends."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def milliseconds(instant: datetime) -> int:
    """An instant as it is stored; what is finer than a millisecond is dropped."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def instant(stored_value: int) -> datetime:
    """A stored instant, in UTC."""
    return _EPOCH + timedelta(milliseconds=stored_value)


def stored(value: object) -> object:
    """A value as SQLite keeps it."""
    match value:
        case datetime():
            return milliseconds(value)
        case date():
            return value.isoformat()
        case timedelta():
            return value // timedelta(milliseconds=1)
        case Decimal():
            return f"{value:f}"
        case _:
            return value


_READERS: Final[Mapping[object, Callable[[Any], Any]]] = {
    datetime: instant,
    date: date.fromisoformat,
    timedelta: lambda value: timedelta(milliseconds=value),
    bool: bool,
    Decimal: Decimal,
    FluxState: FluxState,
    FaultKind: FaultKind,
    tuple[TechnicalError, ...]: lambda text: tuple(
        TechnicalError(**item) for item in json.loads(text)
    ),
    tuple[RefusedInvoice, ...]: lambda text: tuple(
        RefusedInvoice(**item) for item in json.loads(text)
    ),
}
"""What makes a value of each type from what SQLite keeps; other types are kept as they are."""


def _columns(kind: type[Any]) -> _Columns:
    return {
        field.name: _READERS.get(field.type, lambda value: value)
        for field in fields(kind)
        if field.type is not NewInvoice
    }


_TABLES: Final[Mapping[type, tuple[str, _Columns]]] = {
    FluxRecord: ("flux", _columns(FluxRecord)),
    InvoiceRecord: ("invoice", _columns(InvoiceRecord) | _columns(NewInvoice)),
    StatusRecord: ("status", _columns(StatusRecord)),
    Attachment: ("attachment", _columns(Attachment)),
    Injection: ("injection", _columns(Injection)),
}
"""The table of each kind of record, its columns, and what reads each."""


def insert(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Adds a row of these columns and returns its identifier."""
    cursor = connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608 - names from the code
        [stored(value) for value in values.values()],
    )
    return int(cursor.lastrowid or 0)


def select(
    connection: sqlite3.Connection, kind: type[_Record], clauses: str, *values: object
) -> tuple[_Record, ...]:
    """The records of a table.

    Args:
        connection: the file.
        kind: the class of the records, which names the table.
        clauses: what follows the name of the table, from the code, never from a request.
        values: those of the question marks.
    """
    table, columns = _TABLES[kind]
    query = f"SELECT {', '.join(columns)} FROM {table} {clauses}"  # noqa: S608 - same
    rows = connection.execute(query, [stored(value) for value in values])
    return tuple(_record(kind, columns, row) for row in rows)


def _record(kind: type[Any], columns: _Columns, row: tuple[Any, ...]) -> Any:  # noqa: ANN401 - of this kind
    values = {name: read(value) for (name, read), value in zip(columns.items(), row, strict=True)}
    if kind is InvoiceRecord:
        values["content"] = NewInvoice(**{name: values.pop(name) for name in CONTENT})
    return kind(**values)
