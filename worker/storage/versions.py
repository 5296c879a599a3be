"""Tables with a row per version: what changes supersedes the row before it, which stays."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Select, Table, bindparam
from sqlmodel import Session, SQLModel

Record = Mapping[str, Any]
"""The values of a row by column, with ``file_id`` and ``row``: where they were read."""
MOST_ASKED = 500
"""Members whose rows are looked for by name; of more, the whole table is read at once."""
_FILES = SQLModel.metadata.tables["source_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an import did to the records of its kind."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """A table, and the columns that tell two records apart.

    Attributes:
        since: the column of the instant from which a row counts, where its file does not tell it.
    """

    name: str
    key: tuple[str, ...]
    since: str = ""

    @property
    def table(self) -> Table:
        """The table."""
        return SQLModel.metadata.tables[self.name]

    def current(self) -> ColumnElement[bool]:
        """Whether a row counts now."""
        return self.table.columns["superseded_at"].is_(None)

    def of_file(self) -> ColumnElement[bool]:
        """Whether a row was read in a file that is selected beside it."""
        return self.table.columns["file_id"] == _FILES.columns["id"]


MEMBERS = Versions("member_version", ("siret",))
NATURES = Versions("member_nature", ("siret",))
CONTACTS = Versions("contact", ("siret",), since="updated_at")
SUBSCRIPTIONS = Versions("subscription", ("siret", "service", "tier", "start"))
REFERENCES = Versions("billing_reference", ("siret", "year"), since="given_at")
TITLES = Versions("title", ("budget_year", "number"))
SETTLEMENTS = Versions("settlement", ("id",))
"""Never superseded: a wrong one is cancelled."""
USAGE = Versions("usage_record", ("siret", "year", "month", "service", "tier"))
PREVIOUS = Versions("previous_amount", ("siret", "year"))
UNITS = Versions("unit_use", ("siret", "service", "day", "reference"))
POPULATION = Versions("population", ("siret", "year"))
BESIDE = frozenset(
    {"id", "file_id", "row", "updated_at", "given_at", "superseded_at", "salt", "used_at"}
)
"""Columns that are no part of what a record says."""


def put(session: Session, versions: Versions, records: Sequence[Record], at: datetime) -> Changes:
    """Write what is new or different, at the cost of three statements; no key comes twice."""
    table = versions.table
    said = [column.name for column in table.columns if column.name not in BESIDE]
    known = current_rows(session, versions, {record["siret"] for record in records})
    done, ended, new = Counter[str](), list[Record](), list[Record]()
    for record in records:
        before = known.get(tuple(record[name] for name in versions.key))
        if before is not None and all(before[name] == record[name] for name in said):
            done["unchanged"] += 1
            continue
        if before is not None:
            ended.append({"ended": before["id"], "superseded_at": at})
        done["added" if before is None else "changed"] += 1
        new.append({**record, versions.since: at} if versions.since else record)
    if ended:
        supersede = sqlalchemy.update(table).where(table.columns["id"] == bindparam("ended"))
        session.connection().execute(supersede, ended)
    if new:
        session.connection().execute(sqlalchemy.insert(table), new)
    return Changes(**done)


def current_rows(
    session: Session, versions: Versions, sirets: set[str]
) -> dict[tuple[Any, ...], Record]:
    """What counts now of these members at least, by key."""
    query = sqlalchemy.select(versions.table).where(versions.current())
    rows = session.execute(among(query, versions.table.columns["siret"], sirets)).mappings()
    return {tuple(row[name] for name in versions.key): dict(row) for row in rows}


def among(query: Select[Any], siret: ColumnElement[str], sirets: set[str]) -> Select[Any]:
    """Only the rows of these members, when they are few enough to be named."""
    return query.where(siret.in_(sirets)) if len(sirets) <= MOST_ASKED else query


def replaced_by(
    session: Session, versions: Versions, file_id: int
) -> Iterator[tuple[Record, Record]]:
    """The rows that a file changed, by row: as they were, and as they are since."""
    table, before = versions.table, versions.table.alias("before")
    new = table.columns
    query = (
        sqlalchemy.select(before, table)
        .where(new["file_id"] == file_id, versions.of_file())
        .where(before.columns["superseded_at"] == _FILES.columns["imported_at"])
        .where(before.columns["id"] < new["id"])
        .where(*(before.columns[name] == new[name] for name in versions.key))
        .order_by(new["row"])
    )
    names, count = [column.name for column in new], len(new)
    for row in session.execute(query.execution_options(yield_per=1000)):
        yield dict(zip(names, row[:count], strict=True)), dict(zip(names, row[count:], strict=True))


def written_by(session: Session, versions: Versions, file_id: int) -> Iterator[Record]:
    """The rows that were read in a file, in its order."""
    table = versions.table
    query = sqlalchemy.select(table).where(table.columns["file_id"] == file_id)
    query = query.order_by(table.columns["row"]).execution_options(yield_per=1000)
    yield from map(dict, session.execute(query).mappings())
