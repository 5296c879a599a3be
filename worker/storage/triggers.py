"""The triggers of the database: what must never change, and a note of every row that is written.

They are made after each migration from the tables that are proved (``proved``), so that a new table
or column is covered by being there.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from sqlalchemy import Column, Connection, Table, inspect

from worker.storage.proved import proved_columns, proved_tables

ALWAYS: Final = "1 = 1"
KEPT: Final[Mapping[str, str]] = {
    "statement": ALWAYS,
    "document": ALWAYS,
    "validation_report": ALWAYS,
    "portal_observation": "OLD.evidence <> ''",
    "tariff_grid": ALWAYS,
    "source_file": "OLD.rows <> 0",
    "deposit_attempt": "OLD.closed_at IS NOT NULL AND OLD.answered_at IS NOT NULL",
    "usage_record": "OLD.superseded_at IS NOT NULL",
    "billing_reference": "OLD.superseded_at IS NOT NULL",
    "member_version": "OLD.superseded_at IS NOT NULL",
    "member_nature": "OLD.superseded_at IS NOT NULL",
    "subscription": "OLD.superseded_at IS NOT NULL",
    "hold": "OLD.lifted_at IS NOT NULL",
    "campaign": "OLD.closed_at IS NOT NULL",
    "previous_amount": "OLD.superseded_at IS NOT NULL",
    "confirmation": "OLD.withdrawn_at IS NOT NULL",
    "statement_document": ALWAYS,
    "unit_use": "OLD.superseded_at IS NOT NULL",
    "population": "OLD.superseded_at IS NOT NULL",
    "succession": "OLD.cancelled_at IS NOT NULL",
    "acceptance": "OLD.withdrawn_at IS NOT NULL",
    "sent_mail": "OLD.answered_at IS NOT NULL",
    "title": "OLD.superseded_at IS NOT NULL",
    "settlement": "OLD.cancelled_at IS NOT NULL",
}
"""Tables whose rows are never deleted, and when such a row may not change any more."""
_NEVER_CHANGES = "what was kept is never changed"
_FUNCTIONS = {
    "worker_row_is_kept": f"BEGIN RAISE EXCEPTION '{_NEVER_CHANGES}'; END",
    "worker_note_row": """
DECLARE version jsonb;
BEGIN
  FOREACH version IN ARRAY array_remove(ARRAY[
    CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
    CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END], NULL)
  LOOP
    INSERT INTO row_written (table_name, key)
    SELECT TG_TABLE_NAME, '[' || string_agg((version -> name)::text, ',' ORDER BY rank) || ']'
    FROM unnest(TG_ARGV) WITH ORDINALITY AS columns(name, rank)
    ON CONFLICT DO NOTHING;
  END LOOP;
  RETURN NULL;
END""",
}
"""Of PostgreSQL, by name."""


def remove(connection: Connection) -> None:
    """Take every trigger away, so that a migration may change what is kept."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, '' FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = current_schema() AND NOT tgisinternal"
        )
    for name, table in connection.exec_driver_sql(query).all():
        if _OURS.search(name):
            on = f' ON "{table}"' if table else ""
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"{on}')


def note_all(connection: Connection) -> None:
    """Note every row that is proved, for the event of a migration: it may have changed any."""
    listed = "json_array" if connection.dialect.name == "sqlite" else "jsonb_build_array"
    connection.exec_driver_sql("DELETE FROM row_written")
    for table in proved_tables():
        key = ", ".join(column.name for column in table.primary_key)
        connection.exec_driver_sql(
            f"INSERT INTO row_written (table_name, key) SELECT '{table.name}',"  # noqa: S608 - our own names
            f' CAST({listed}({key}) AS TEXT) FROM "{table.name}"'
        )


def install(connection: Connection, without: Collection[str] = ()) -> None:
    """Make every trigger anew, those of some names apart."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        for name, body in _FUNCTIONS.items():
            head = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            connection.exec_driver_sql(f"{head} AS $${body}$$")
    for name, (table, statement) in expected(dialect).items():
        if name in without:
            continue
        on = f" ON {table}" if dialect == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")
        connection.exec_driver_sql(statement)


def expected(dialect: str) -> dict[str, tuple[str, str]]:
    """Each trigger that there must be: its table and its text, by name."""
    made = _postgresql if dialect == "postgresql" else _sqlite
    return {name: (table, text) for name, table, text in made()}


def altered(connection: Connection) -> tuple[tuple[str, str], ...]:
    """The triggers that are missing or not as they were made, with their table."""
    wanted = expected(connection.dialect.name)
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        found = {row.name: row.sql for row in connection.exec_driver_sql(query)}
        return tuple((name, on) for name, (on, text) in wanted.items() if found.get(name) != text)
    query = (
        "SELECT tgname, relname, tgenabled::text, proname, prosrc FROM pg_trigger"
        " JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid"
        " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = current_schema() AND NOT tgisinternal"
    )
    sound = {
        name
        for name, table, enabled, function, body in connection.exec_driver_sql(query)
        if enabled == "O"
        and name in wanted
        and wanted[name][0] == table
        and function in wanted[name][1]
        and _FUNCTIONS[function] == body
    }
    return tuple((name, on) for name, (on, _) in wanted.items() if name not in sound)


def altered_before(connection: Connection) -> frozenset[str]:
    """Of a database that a migration has yet to change: the triggers altered on its own tables."""
    there = set(inspect(connection).get_table_names())
    return frozenset(name for name, table in altered(connection) if table in there)


_OURS = re.compile("_(noted|kept)_(insert|update|delete)$")
_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def _noted() -> Iterator[tuple[Table, str, str, str]]:
    """Of each trigger that notes rows: its table, its name, its kind, and what fires it."""
    for table in proved_tables():
        proved = ", ".join(f'"{column.name}"' for column in proved_columns(table))
        for kind in _ACTIONS:
            fires = f"UPDATE OF {proved}" if kind == "UPDATE" else kind
            name = f"{table.name}_noted_{kind.lower()}"
            yield table, name, kind, f'CREATE TRIGGER {name} AFTER {fires} ON "{table.name}"'


def _kept() -> Iterator[tuple[str, str, str, str]]:
    """Of each trigger that keeps rows: its table, its name, its beginning, and when it acts."""
    for table, ended in KEPT.items():
        for kind in ("UPDATE", "DELETE"):
            name = f"{table}_kept_{kind.lower()}"
            begins = f'CREATE TRIGGER {name} BEFORE {kind} ON "{table}"'
            yield table, name, begins, ended if kind == "UPDATE" else ALWAYS


def _sqlite() -> Iterator[tuple[str, str, str]]:
    versions = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}
    for table, name, kind, begins in _noted():
        notes = "".join(_note(table, version) for version in versions[kind])
        yield name, table.name, f"{begins} BEGIN{notes} END"
    for table_name, name, begins, when in _kept():
        refusal = f"SELECT RAISE(ABORT, '{_NEVER_CHANGES}')"
        yield name, table_name, f"{begins} WHEN {when} BEGIN {refusal}; END"


def _note(table: Table, version: str) -> str:
    parts = " || ',' || ".join(_as_json(version, one) for one in table.primary_key)
    key = f"'[' || {parts} || ']'"
    return (
        f" INSERT INTO row_written (table_name, key) SELECT '{table.name}', {key}"  # noqa: S608 - our own names
        f" WHERE NOT EXISTS (SELECT 1 FROM row_written WHERE table_name = '{table.name}'"
        f" AND key = {key});"
    )


def _as_json(version: str, column: Column[object]) -> str:
    """A value as JSON; SQLite has no function for it that an untrusted schema may use."""
    value = f"{version}.{column.name}"
    if column.type.python_type is int:
        return value
    escaped = f"""replace(replace({value}, '\\', '\\\\'), '"', '\\"')"""
    return f"""'"' || {escaped} || '"'"""


def _postgresql() -> Iterator[tuple[str, str, str]]:
    for table, name, _, begins in _noted():
        keys = ", ".join(f"'{key.name}'" for key in table.primary_key)
        yield name, table.name, f"{begins} FOR EACH ROW EXECUTE FUNCTION worker_note_row({keys})"
    for table_name, name, begins, when in _kept():
        acts = f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION worker_row_is_kept()"
        yield name, table_name, f"{begins} {acts}"
