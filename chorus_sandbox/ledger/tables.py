"""The tables of the ledger and how a row becomes a record.

Instants are milliseconds since 1970 in UTC; days and amounts are text.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from chorus_sandbox.ledger.records import (
    FluxRecord,
    FluxState,
    InvoiceRecord,
    NewInvoice,
    RefusedInvoice,
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

_FLUX = tuple(field.name for field in fields(FluxRecord))
FLUX: Final = ", ".join(_FLUX)
"""The columns `to_flux` reads."""

CONTENT: Final = tuple(field.name for field in fields(NewInvoice))
"""The columns that hold a `NewInvoice`, in the order of its fields."""

_STATE = (
    "id",
    "flux_number",
    "deposited_on",
    "status",
    "status_at",
    "comment",
    "file_name",
    "indexed_at",
    "rejection_handled",
)

INVOICE: Final = ", ".join((*_STATE, *CONTENT))
"""The columns `to_invoice` reads."""


@contextmanager
def alone(connection: sqlite3.Connection) -> Iterator[None]:
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


def to_flux(row: tuple[Any, ...]) -> FluxRecord:
    """The flux of a row of the columns `FLUX`."""
    values = dict(zip(_FLUX, row, strict=True))
    technical = json.loads(values["technical_errors"])
    refused = json.loads(values["refused_invoices"])
    return FluxRecord(
        **values
        | {
            "deposited_at": instant(values["deposited_at"]),
            "due_at": instant(values["due_at"]),
            "state": FluxState(values["state"]),
            "state_at": instant(values["state_at"]),
            "technical_errors": tuple(TechnicalError(**item) for item in technical),
            "refused_invoices": tuple(RefusedInvoice(**item) for item in refused),
            "index_delay": timedelta(milliseconds=values["index_delay"]),
            "incident": bool(values["incident"]),
        }
    )


def to_invoice(row: tuple[Any, ...]) -> InvoiceRecord:
    """The invoice of a row of the columns `INVOICE`."""
    state = dict(zip(_STATE, row[: len(_STATE)], strict=True))
    values = dict(zip(CONTENT, row[len(_STATE) :], strict=True))
    return InvoiceRecord(
        **state
        | {
            "deposited_on": date.fromisoformat(state["deposited_on"]),
            "status_at": instant(state["status_at"]),
            "indexed_at": instant(state["indexed_at"]),
            "rejection_handled": bool(state["rejection_handled"]),
            "content": NewInvoice(
                **values
                | {
                    "issued_on": date.fromisoformat(values["issued_on"]),
                    "net": Decimal(values["net"]),
                    "gross": Decimal(values["gross"]),
                    "due": Decimal(values["due"]),
                }
            ),
        }
    )
