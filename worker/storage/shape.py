"""The shape of the database: its tables, columns, constraints, indexes, triggers, and nothing more.

A trigger that somebody adds writes inside our transactions, where its rows are taken for ours; a
constraint that is gone lets a row be there twice. Compared is what the tables declare, not the text
of the migrations, which differs from one release of SQLite to the next.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection
from sqlmodel import SQLModel

from worker.storage import triggers

Shape = Mapping[tuple[str, str], object]
"""Of each thing of the database, by kind and name: what must not change of it."""
_VERSION: Final = "alembic_version"
_APPEND_ONLY: Final[Mapping[str, str]] = {
    f"journal_event_no_{action.lower()}": (
        f"CREATE TRIGGER journal_event_no_{action.lower()} BEFORE {action} ON journal_event"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    )
    for action in ("UPDATE", "DELETE")
}
"""The triggers that the first migration makes, in SQLite."""
_NESTED: Final = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_CHECK: Final = re.compile(rf"\bCHECK\s*({_NESTED})")
_FRENCH: Final[Mapping[str, str]] = {
    "table": "table",
    "view": "vue",
    "index": "index",
    "trigger": "déclencheur",
    "rule": "règle",
}
_OF_THEM: Final = "FROM main.sqlite_master AS m,"
_COLUMNS: Final = f"""
SELECT m.name, x.name, upper(x.type), x."notnull", x.pk, x.hidden
{_OF_THEM} pragma_table_xinfo(m.name) AS x WHERE m.type IN ('table', 'view') ORDER BY 1, 2
"""
_INDEXES: Final = f"""
SELECT m.name, il.name, il.origin, il."unique", ix.name, ix.coll
{_OF_THEM} pragma_index_list(m.name) AS il, pragma_index_xinfo(il.name) AS ix
WHERE m.type IN ('table', 'view') AND ix.key AND il.origin <> 'c' ORDER BY 1, 2, ix.seqno
"""
_FOREIGN_KEYS: Final = f"""
SELECT m.name, fk."table", fk."from", fk."to", fk.on_update, fk.on_delete, fk.match
{_OF_THEM} pragma_foreign_key_list(m.name) AS fk
WHERE m.type IN ('table', 'view') ORDER BY 1, 2, 3, 4
"""
_KINDS: Final = "SELECT name, wr, strict FROM pragma_table_list ORDER BY schema, 1"
_OF_POSTGRESQL: Final = """
SELECT CASE WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind, relname AS name,
  ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped ORDER BY 1) AS facts
FROM pg_class WHERE relnamespace = current_schema()::regnamespace
AND relkind IN ('r', 'p', 'f', 'v', 'm')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
UNION ALL
SELECT 'trigger', tgname, ARRAY[tgenabled::text] FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal
UNION ALL
SELECT 'rule', rulename, ARRAY[]::text[] FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
WHERE relnamespace = current_schema()::regnamespace AND rulename <> '_RETURN'
UNION ALL
SELECT 'index', relname, ARRAY[]::text[] FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace AND NOT EXISTS
  (SELECT FROM pg_constraint WHERE conindid = pg_class.oid AND contype IN ('p', 'u'))
"""


def altered(connection: Connection) -> tuple[str, ...]:
    """Where the shape is not ours, in French; triggers that ``triggers`` compares apart."""
    if connection.dialect.name == "sqlite":
        wanted, found = _declared(), dict(_of_sqlite(connection))
    else:
        wanted = dict(_declared_of_postgresql())
        rows = connection.exec_driver_sql(_OF_POSTGRESQL)
        found = {(row.kind, row.name): row.facts for row in rows}
    # What it holds has one state only, and no digest.
    if connection.exec_driver_sql(f"SELECT count(*) FROM {_VERSION}").scalar() != 1:  # noqa: S608 - our own name
        found.pop(("table", _VERSION), None)
    ours = {("trigger", name) for name in triggers.expected(connection.dialect.name)}
    places = sorted(({*wanted} | {*found}) - ours)
    return tuple(
        f"{_FRENCH[kind]} {name}"
        for kind, name in places
        if wanted.get((kind, name)) != found.get((kind, name))
    )


@cache
def _declared() -> Shape:
    """What SQLite makes of our tables, in a database of its own."""
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE {_VERSION} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        SQLModel.metadata.create_all(connection)
        found = dict(_of_sqlite(connection))
    engine.dispose()
    return found | {("trigger", name): text for name, text in _APPEND_ONLY.items()}


def _of_sqlite(connection: Connection) -> Iterator[tuple[tuple[str, str], object]]:
    columns, keys, kinds = (
        _by_table(connection, query) for query in (_COLUMNS, _FOREIGN_KEYS, _KINDS)
    )
    indexes = _by_table(connection, _INDEXES)
    query = "SELECT type, name, coalesce(sql, '') FROM main.sqlite_master"
    for kind, name, text in connection.exec_driver_sql(query).all():
        match kind:
            case _ if str(name).startswith("sqlite_"):
                continue  # statistics; the indexes of a constraint are facts of their table
            case "table" | "view":
                facts = (
                    columns[name],
                    # Its name, the first value, numbers the constraints of a table.
                    sorted(
                        tuple(row[1:] for row in rows)
                        for _, rows in groupby(indexes[name], key=itemgetter(0))
                    ),
                    keys[name],
                    kinds[name],
                    sorted(" ".join(check.split()) for check in _CHECK.findall(text)),
                )
                yield (kind, name), facts
            case _:
                yield (kind, name), " ".join(str(text).replace('"', "").split())


def _by_table(connection: Connection, query: str) -> Mapping[str, list[tuple[Any, ...]]]:
    """The rows of a query in its order, without their first value, the table they are of."""
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name, *values in connection.exec_driver_sql(query):
        found[name].append(tuple(values))
    return found


def _declared_of_postgresql() -> Iterator[tuple[tuple[str, str], list[str]]]:
    """By name; what a constraint or an index is made of is not compared here."""
    yield ("table", _VERSION), ["version_num"]
    yield ("trigger", "journal_event_no_change"), ["O"]
    for table in SQLModel.metadata.tables.values():
        yield ("table", table.name), sorted(column.name for column in table.columns)
        for index in table.indexes:
            yield ("index", str(index.name)), []
