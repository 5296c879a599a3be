"""The digest of every row that is written, which the journal holds transaction by transaction.

Triggers (``triggers``) note the rows that a transaction writes; before it commits, each is read
back and its digest kept, and the last event of the transaction holds the digest of all of these.
Who changes, adds or removes a row outside of the program leaves it without its digest; who forges
the digest as well contradicts the event.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby
from typing import Any

import sqlalchemy
from sqlalchemy import Table, TextClause, bindparam, tuple_
from sqlmodel import Session, SQLModel

from worker.storage.proved import proved_columns, proved_tables

CHUNK = 1000
"""Rows that are read at once: an import may write a million."""
LARGEST = 2**63 - 1
"""Of the numbers that a database holds."""
GONE = ""
"""The digest of a row that was deleted."""
_WRITTEN = SQLModel.metadata.tables["row_written"]
_DIGESTS = SQLModel.metadata.tables["row_digest"]
_FORGET = sqlalchemy.delete(_WRITTEN)
_KEEP = sqlalchemy.insert(_DIGESTS)
_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""Canonical, as that of the journal; made once, for a million rows."""
_NUMBER = re.compile(r"\[(0|-?[1-9][0-9]{0,18})\]", re.ASCII)
"""The key of a table whose rows are numbered, as JSON has it."""
_ANY = sqlalchemy.select(_WRITTEN).limit(1)
_IN_ORDER = sqlalchemy.select(_DIGESTS).order_by(
    *(_DIGESTS.columns[name] for name in ("seq", "table_name", "key"))
)

_KEY, _SHA256 = _DIGESTS.columns["key"], _DIGESTS.columns["sha256"]
_OF_TABLE = (
    sqlalchemy.select(_KEY, _SHA256)
    .where(
        _DIGESTS.columns["table_name"] == bindparam("table"),
        _DIGESTS.columns["seq"] > bindparam("after"),
    )
    .order_by(_KEY, _DIGESTS.columns["seq"])
)
_FROM_KEY = _OF_TABLE.where(bindparam("last") < _KEY).limit(CHUNK)
_OF_KEY = _OF_TABLE.with_only_columns(_SHA256).where(bindparam("key") == _KEY)
_ROWS_BY_TABLE = " UNION ALL ".join(
    f"SELECT '{table.name}', count(*) FROM \"{table.name}\""  # noqa: S608 - our own names
    for table in proved_tables()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsWritten:
    """What an event holds of the rows that its transaction wrote: how many, and one digest."""

    count: int
    sha256: str


def written_outside(session: Session) -> tuple[str, str] | None:
    """Table and key of a row that something else than the program has written, if one was."""
    found = session.execute(_ANY).first()
    return None if found is None else (found.table_name, shown(found.key))


def keep_digests(session: Session, seq: int) -> RowsWritten | None:
    """Keep the digest of each row written in this transaction; None when it wrote none.

    Args:
        session: has written all that it will.
        seq: of the event that will hold what is returned.
    """
    for name, keys in _written(session):
        rows = digests_of(session, SQLModel.metadata.tables[name], keys)
        kept = [
            {"table_name": name, "key": key, "seq": seq, "sha256": rows.get(key, GONE)}
            for key in keys
        ]
        session.execute(_KEEP, kept)
    session.execute(_FORGET)
    return next((rows for _, rows in held(session, seq - 1)), None)


def has_written(session: Session) -> bool:
    """Whether this transaction wrote a row that is proved."""
    return session.execute(_ANY).first() is not None


def held(session: Session, after: int = 0) -> Iterator[tuple[int, RowsWritten]]:
    """What each later event must hold of the digests that are kept, by its number.

    Raises IntegrityError when the table holds what was never written to it.
    """
    # From the beginning, a number below 1 is told too.
    query = _IN_ORDER.where(_DIGESTS.columns["seq"] > after) if after else _IN_ORDER
    rows = session.execute(query.execution_options(yield_per=CHUNK))
    for event, group in groupby(rows, key=lambda row: row.seq):
        total, count = hashlib.sha256(), 0
        for row in group:
            total.update(_line(row.table_name, row.key, row.sha256))
            count += 1
        yield event, RowsWritten(count=count, sha256=total.hexdigest())


def kept(session: Session) -> Iterator[Mapping[str, object]]:
    """Every digest that is kept, by column, in the order in which the events hold them."""
    for row in session.execute(_IN_ORDER.execution_options(yield_per=CHUNK)).mappings():
        yield dict(row)


def last_digests(session: Session, table: Table, after: int = 0) -> Iterator[dict[str, str]]:
    """The digest that each row must have, by key, a chunk at a time.

    ``after``: only those of rows that later events wrote.
    """
    place = {"table": table.name, "after": after, "last": ""}
    while rows := session.execute(_FROM_KEY, place).all():
        found = {row.key: row.sha256 for row in rows if isinstance(row.key, str)}
        if not found:
            return  # bytes sort last; the digests of their event contradict them
        if len(rows) == CHUNK and len(found) > 1:
            # Later digests of the last key may be in the next chunk.
            found.popitem()
        elif len(found) == 1:
            (alone,) = found
            found[alone] = session.execute(_OF_KEY, place | {"key": alone}).scalars().all()[-1]
        yield found
        if len(rows) < CHUNK:
            return
        place["last"] = max(found, key=str.encode)


def _written(session: Session) -> Iterator[tuple[str, list[str]]]:
    """The keys of the rows that were written, by table, a chunk at a time."""
    place = tuple_(_WRITTEN.columns["table_name"], _WRITTEN.columns["key"])
    query = sqlalchemy.select(_WRITTEN).order_by(*_WRITTEN.primary_key).limit(CHUNK)
    rows = session.execute(query).all()
    while rows:
        for name, group in groupby(rows, key=lambda row: str(row.table_name)):
            yield name, [_canonical(row.key) for row in group]
        if len(rows) < CHUNK:
            return
        last = (rows[-1].table_name, rows[-1].key)
        rows = session.execute(query.where(place > last)).all()


def digests_of(session: Session, table: Table, keys: Sequence[str]) -> Mapping[str, str]:
    """The digest of each row that there is, by key."""
    values = [found for key in keys if (found := _values(table, key)) is not None]
    if not values:
        return {}
    raw, names, ranks = _stored_rows(table)
    wanted = [first for (first,) in values] if len(ranks) == 1 else values
    return {
        key_of([row[rank] for rank in ranks]): row_digest(
            table.name, dict(zip(names, row, strict=True))
        )
        for row in session.execute(raw, {"keys": wanted}).all()
    }


@cache
def _stored_rows(table: Table) -> tuple[TextClause, Sequence[str], Sequence[int]]:
    """The query of the rows with some keys, its columns, and which of them are the key.

    They are read as they are stored: what the program cannot read has a digest too.
    """
    names = [column.name for column in proved_columns(table)]
    primary = [column.name for column in table.primary_key]
    columns, key = (", ".join(f'"{name}"' for name in some) for some in (names, primary))
    query = sqlalchemy.text(f'SELECT {columns} FROM "{table.name}" WHERE ({key}) IN :keys')  # noqa: S608 - our own names
    by_key = query.bindparams(bindparam("keys", expanding=True))
    return by_key, names, [names.index(name) for name in primary]


@contextmanager
def any_text(session: Session) -> Iterator[None]:
    """Read in this block what is no UTF-8 too: SQLite keeps any bytes as a text."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    before, driver.text_factory = driver.text_factory, _any_bytes
    try:
        yield
    finally:
        driver.text_factory = before


def _any_bytes(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def row_digest(table: str, values: Mapping[str, object]) -> str:
    """The digest of a row, by column name, the same on every database."""
    return hashlib.sha256(row_text(table, values).encode()).hexdigest()


def row_text(table: str, values: Mapping[str, object]) -> str:
    """The text whose SHA-256 is the digest of a row (docs/journal-format.md)."""
    return _TEXT([table, {name: _plain(value) for name, value in values.items()}])


def _plain(value: object) -> object:
    """A stored value as JSON: a truth is 0 or 1, a date is text, other bytes are told apart."""
    if value is None or type(value) is int:
        return value
    match value:
        case str():
            return value if value.isascii() else _text_or_bytes(value)
        case bool():
            return int(value)
        case date():
            return value.isoformat()
        case bytes():
            return {"bytes": value.hex()}
        case _:
            return {"other": repr(value)}


def _text_or_bytes(value: str) -> object:
    try:
        value.encode()
    except UnicodeEncodeError:
        return _plain(value.encode(errors="surrogateescape"))
    return value


def key_of(values: Sequence[object]) -> str:
    """How a primary key is written: a JSON list."""
    if len(values) == 1 and type(values[0]) is int:
        return f"[{values[0]}]"
    return _TEXT([_plain(value) for value in values])


def _canonical(noted: str) -> str:
    """The key of a row as triggers note it; most have one form."""
    return noted if _NUMBER.fullmatch(noted) else key_of(json.loads(noted, strict=False))


def shown(key: str) -> str:
    """A key as a person reads it."""
    return key.strip("[]").replace('"', "").replace(",", ", ")


def _values(table: Table, key: str) -> tuple[int | str, ...] | None:
    """The values of a key, None when the table can hold no such key."""
    try:
        values = [int(key[1:-1])] if _NUMBER.fullmatch(key) else json.loads(key)
    except (ValueError, RecursionError):
        return None
    kinds = [int if column.type.python_type is int else str for column in table.primary_key]
    fit = (
        isinstance(values, list)
        and [type(value) for value in values] == kinds
        and all(isinstance(value, str) or abs(value) <= LARGEST for value in values)
        and key_of(values) == key
    )
    return tuple(values) if fit else None


def _line(table: str, key: str, sha256: str) -> bytes:
    return f"{table}\t{key}\t{sha256}\n".encode()


def known(session: Session, table: Table, key: str) -> bool:
    """Whether the program ever wrote a row with this key."""
    of_it = (_DIGESTS.columns["table_name"] == table.name) & (_DIGESTS.columns["key"] == key)
    return session.execute(sqlalchemy.select(_DIGESTS).where(of_it)).first() is not None


def rows_by_table(session: Session) -> Mapping[str, int]:
    """How many rows each proved table has."""
    rows = session.connection().exec_driver_sql(_ROWS_BY_TABLE)
    return {name: int(number) for name, number in rows}


def count(session: Session) -> int:
    """How many digests are kept."""
    total = sqlalchemy.select(sqlalchemy.func.count()).select_from(_DIGESTS)
    return int(session.execute(total).scalar_one())
