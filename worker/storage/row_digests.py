"""The digest of every row that is written, which the journal holds transaction by transaction.

Triggers note the rows that a transaction writes (``guards``); before it commits, each is read back
and its digest kept, and the last event of the transaction holds the digest of all of these. Who
changes, adds or removes a row outside of the program leaves it without its digest; who forges the
digest as well contradicts the event.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import sqlalchemy
from sqlalchemy import Column, Table, tuple_
from sqlmodel import Session, SQLModel

from worker.storage.guards import proved_columns, proved_tables
from worker.storage.tables import utc_text

CHUNK = 1000
"""Rows that are read at once: an import may write a million."""
GONE = ""
"""The digest of a row that was deleted."""
_WRITTEN = SQLModel.metadata.tables["row_written"]
_DIGESTS = SQLModel.metadata.tables["row_digest"]
_FORGET = sqlalchemy.delete(_WRITTEN)
_KEEP = sqlalchemy.insert(_DIGESTS)
_ANY = sqlalchemy.select(_WRITTEN).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsWritten:
    """What an event holds of the rows that its transaction wrote: how many, and one digest."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredRow:
    """A row that is not as the program left it.

    Attributes:
        key: JSON list of the primary key's values.
        how: ``changed``, ``removed`` or ``added``.
    """

    table: str
    key: str
    how: str


def written_outside(session: Session) -> tuple[str, str] | None:
    """Table and key of a row that something else than the program has written, if one was."""
    found = session.execute(_ANY).first()
    return None if found is None else (found.table_name, found.key)


def keep_digests(session: Session, seq: int) -> RowsWritten | None:
    """Keep the digest of each row written in this transaction; None when it wrote none.

    Args:
        session: has written all that it will.
        seq: of the event that will hold what is returned.
    """
    for name, keys in _written(session):
        rows = _digests_of(session, SQLModel.metadata.tables[name], keys)
        kept = [
            {"table_name": name, "key": key, "seq": seq, "sha256": rows.get(key, GONE)}
            for key in keys
        ]
        session.execute(_KEEP, kept)
    session.execute(_FORGET)
    return next((rows for _, rows in held(session, seq)), None)


def has_written(session: Session) -> bool:
    """Whether this transaction wrote a row that is proved."""
    return session.execute(_ANY).first() is not None


def held(session: Session, seq: int | None = None) -> Iterator[tuple[int, RowsWritten]]:
    """What each event, or this one, must hold of the digests that are kept, by its number."""
    query = sqlalchemy.select(_DIGESTS).order_by(
        *(_DIGESTS.columns[name] for name in ("seq", "table_name", "key"))
    )
    if seq is not None:
        query = query.where(_DIGESTS.columns["seq"] == seq)
    rows = session.execute(query.execution_options(yield_per=CHUNK))
    for event, group in groupby(rows, key=lambda row: int(row.seq)):
        total, count = hashlib.sha256(), 0
        for row in group:
            total.update(_line(row.table_name, row.key, row.sha256))
            count += 1
        yield event, RowsWritten(count=count, sha256=total.hexdigest())


def altered(session: Session) -> Iterator[AlteredRow]:
    """Every row that is not as its last digest says."""
    for table in proved_tables():
        seen = 0
        for last in _last_digests(session, table):
            rows = _digests_of(session, table, list(last))
            seen += sum(key in rows for key in last)
            for key, sha256 in last.items():
                if (now := rows.get(key, GONE)) != sha256:
                    how = "removed" if now == GONE else "added" if sha256 == GONE else "changed"
                    yield AlteredRow(table=table.name, key=key, how=how)
        count = session.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table))
        if count.scalar() != seen:
            yield from _added(session, table)


def digest_now(session: Session, row: AlteredRow) -> str:
    """The digest of a row as it is; GONE without it."""
    table = SQLModel.metadata.tables[row.table]
    return _digests_of(session, table, [row.key]).get(row.key, GONE)


def _added(session: Session, table: Table) -> Iterator[AlteredRow]:
    known = sqlalchemy.select(_DIGESTS.columns["key"]).where(
        _DIGESTS.columns["table_name"] == table.name
    )
    keys = sqlalchemy.select(*table.primary_key).execution_options(yield_per=CHUNK)
    for values in session.execute(keys):
        key = key_of(values)
        if session.execute(known.where(_DIGESTS.columns["key"] == key)).first() is None:
            yield AlteredRow(table=table.name, key=key, how="added")


def _last_digests(session: Session, table: Table) -> Iterator[dict[str, str]]:
    """By key, a chunk at a time."""
    after = ""
    key = _DIGESTS.columns["key"]
    query = (
        sqlalchemy.select(key, _DIGESTS.columns["sha256"])
        .where(_DIGESTS.columns["table_name"] == table.name)
        .order_by(key, _DIGESTS.columns["seq"])
        .limit(CHUNK)
    )
    while rows := session.execute(query.where(key > after)).all():
        found = {row.key: row.sha256 for row in rows}
        if len(rows) == CHUNK and len(found) > 1:
            # Later digests of the last key may be in the next chunk.
            found.popitem()
        elif len(found) == 1:
            (alone,) = found
            last = query.with_only_columns(_DIGESTS.columns["sha256"]).where(key == alone)
            every = session.execute(last.limit(None)).scalars().all()
            found[alone] = every[-1]
        yield found
        after = max(found, key=str.encode)


def _written(session: Session) -> Iterator[tuple[str, list[str]]]:
    """The keys of the rows that were written, by table, a chunk at a time."""
    place = tuple_(_WRITTEN.columns["table_name"], _WRITTEN.columns["key"])
    query = sqlalchemy.select(_WRITTEN).order_by(*_WRITTEN.primary_key).limit(CHUNK)
    rows = session.execute(query).all()
    while rows:
        for name, group in groupby(rows, key=lambda row: str(row.table_name)):
            yield name, [key_of(json.loads(row.key, strict=False)) for row in group]
        if len(rows) < CHUNK:
            return
        last = (rows[-1].table_name, rows[-1].key)
        rows = session.execute(query.where(place > last)).all()


def _digests_of(session: Session, table: Table, keys: Sequence[str]) -> Mapping[str, str]:
    """The digest of each row that there is, by key."""
    primary = tuple(table.primary_key)
    columns = proved_columns(table)
    values = [json.loads(key) for key in keys]
    wanted = (
        primary[0].in_([first for (first,) in values])
        if len(primary) == 1
        else tuple_(*primary).in_([tuple(one) for one in values])
    )
    rows = session.execute(sqlalchemy.select(*columns).where(wanted))
    names = [column.name for column in columns]
    ranks = [names.index(column.name) for column in primary]
    return {
        key_of([row[rank] for rank in ranks]): _digest(table.name, columns, row) for row in rows
    }


def _digest(table: str, columns: Sequence[Column[object]], row: Sequence[object]) -> str:
    values = {column.name: _plain(value) for column, value in zip(columns, row, strict=True)}
    text = json.dumps([table, values], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str | int | None:
    match value:
        case None | int() | str():
            return value
        case datetime():
            return utc_text(value)
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"no plain form of {type(value)}")


def key_of(values: Sequence[object]) -> str:
    """How a primary key is written: a JSON list."""
    return json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)


def _line(table: str, key: str, sha256: str) -> bytes:
    return f"{table}\t{key}\t{sha256}\n".encode()
