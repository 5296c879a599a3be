"""The tables of the ledger (tables.sql) and how a row becomes a record."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final, TypeVar

from chorus_sandbox.fault_kinds import FaultKind, Injection
from chorus_sandbox.ledger.records import (
    Attachment,
    FluxRecord,
    FluxState,
    InvoiceRecord,
    RefusedInvoice,
    StatusRecord,
    TechnicalError,
)

APPLICATION_ID: Final = 0x43505242
CREATE: Final = files(__package__).joinpath("tables.sql").read_text("utf-8")
UPGRADES: Final = tuple(
    files(__package__).joinpath(f"upgrade_{rank}.sql").read_text("utf-8") for rank in (1, 2)
)
"""What each version adds to a ledger of the version before; the header holds how many ran."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Record = TypeVar("_Record", FluxRecord, InvoiceRecord, StatusRecord, Attachment, Injection)


def instant(milliseconds: int) -> datetime:
    """A stored instant, in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def stored(value: object) -> object:
    """A value as SQLite keeps it; what is finer than a millisecond is dropped."""
    match value:
        case datetime():
            return stored(value - _EPOCH)
        case date():
            return value.isoformat()
        case timedelta():
            return value // timedelta(milliseconds=1)
        case Decimal():
            return f"{value:f}"
        case tuple():
            return json.dumps([asdict(item) for item in value])
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


_TABLES: Final[Mapping[type, str]] = {
    FluxRecord: "flux",
    InvoiceRecord: "invoice",
    StatusRecord: "status",
    Attachment: "attachment",
    Injection: "injection",
}
"""The table of each kind of record; its columns are the fields."""

_COLUMNS: Final[Mapping[type, dict[str, Callable[[Any], Any]]]] = {
    kind: {field.name: _READERS.get(field.type, lambda value: value) for field in fields(kind)}
    for kind in _TABLES
}
"""What reads each column."""


class Tables:
    """What each part of the ledger does with its tables, on one connection to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

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

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Runs a statement from the code, with the values of its question marks."""
        return self._connection.execute(statement, [stored(value) for value in values])

    def _insert(self, table: str, **values: object) -> int:
        """Adds a row of these columns and returns its identifier."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names from the code
        return int(self._run(statement, *values.values()).lastrowid or 0)

    def _select(self, kind: type[_Record], clauses: str, *values: object) -> tuple[_Record, ...]:
        """The records of a class, which names the table; clauses come from the code alone."""
        columns = _COLUMNS[kind]
        query = f"SELECT {', '.join(columns)} FROM {_TABLES[kind]} {clauses}"  # noqa: S608 - names from the code
        return tuple(
            kind(**{name: columns[name](value) for name, value in zip(columns, row, strict=True)})
            for row in self._run(query, *values)
        )
