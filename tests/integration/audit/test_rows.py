"""Whatever is altered in the database is named: every table and column, found by reflection."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Table, UniqueConstraint
from sqlmodel import Session, SQLModel

from tests.support.offices import Desk, number, open_desk
from worker.audit.verification import verify_rows
from worker.errors import IntegrityError
from worker.storage import Transaction, guards, holds, row_digests
from worker.storage.guards import LEFT_OUT, NOT_PROVED, proved_columns, proved_tables
from worker.storage.row_digests import AlteredRow
from worker.storage.tables import UtcText

TABLES = [table.name for table in proved_tables()]
COLUMNS = [
    (table.name, column.name) for table in proved_tables() for column in proved_columns(table)
]
FORGED = "2001-02-03T04:05:06.000000Z"


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Issued, deposited, followed; one more member is held back. Never changed for good."""
    folder = tmp_path_factory.mktemp("rows")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=4)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    with desk.app.transaction() as tx:
        holds.place(tx, desk.one(number(1)).siret, 2031, "essai", tx.now)
        for table in proved_tables():
            _fill(tx, table)
    return desk


def _fill(tx: Transaction, table: Table) -> None:
    """A row, by the program, where this story needed none."""
    if tx.execute(table.select().limit(1)).first() is None:
        values = {column.name: _another(column, None) for column in table.columns}
        tx.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        tx.execute(table.insert().values(**{**values, "document_id": 1}))


def _another(column: Column[Any], present: object) -> Any:  # noqa: ANN401 - of any column
    """A value that the column does not hold."""
    if isinstance(column.type, Boolean):
        return not present
    if column.type.python_type is int:
        return 1000 + (present if isinstance(present, int) else 0)
    if isinstance(column.type, UtcText):
        return FORGED
    return FORGED[:10] if column.type.python_type.__name__ == "date" else f"{present or ''}x"


@contextmanager
def outside(desk: Desk) -> Iterator[Session]:
    """Somebody who knows SQLite writes into the file; undone at the end."""
    with desk.app.reading() as session:
        connection = session.connection()
        for name in guards.expected("sqlite"):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        try:
            yield session
        finally:
            session.rollback()


def run(connection: Connection, sql: str, *values: object) -> None:
    """Run any statement as the driver takes it."""
    connection.exec_driver_sql(sql, values)


def rows_of(session: Session, table: Table) -> list[Any]:
    """Every row, by its place in the file."""
    return list(session.connection().exec_driver_sql(f'SELECT rowid AS place, * FROM "{table.name}"'))


def altered(session: Session) -> set[tuple[str, str]]:
    """Table and manner of what is named."""
    return {(one.table, one.how) for one in row_digests.altered(session)}


def test_what_the_program_wrote_is_sound(desk: Desk) -> None:
    """Nothing is named, and nothing is left to be noted."""
    assert verify_rows(desk.app.store) == ()
    with desk.app.reading() as session:
        assert row_digests.written_outside(session) is None


@pytest.mark.parametrize("table_name, column_name", COLUMNS)
def test_any_other_value_is_named(desk: Desk, table_name: str, column_name: str) -> None:
    """Of the first row of the table, in this column; its key is named, or its absence."""
    table = SQLModel.metadata.tables[table_name]
    column = table.columns[column_name]
    with outside(desk) as session:
        row = rows_of(session, table)[0]
        value = _another(column, getattr(row, column_name))
        sql = f'UPDATE "{table_name}" SET "{column_name}" = ? WHERE rowid = ?'
        run(session.connection(), sql, value, row.place)
        found = altered(session)

    expected = {"added", "removed"} if column.primary_key else {"changed"}
    assert found == {(table_name, how) for how in expected}


@pytest.mark.parametrize("table_name", TABLES)
def test_a_row_that_is_removed_is_named(desk: Desk, table_name: str) -> None:
    """By its key."""
    table = SQLModel.metadata.tables[table_name]
    with outside(desk) as session:
        row = rows_of(session, table)[0]
        run(session.connection(), f'DELETE FROM "{table_name}" WHERE rowid = ?', row.place)
        found = list(row_digests.altered(session))

    key = row_digests.key_of([getattr(row, column.name) for column in table.primary_key])
    assert found == [AlteredRow(table=table_name, key=key, how="removed")]


@pytest.mark.parametrize("table_name", TABLES)
def test_a_row_that_is_added_is_named(desk: Desk, table_name: str) -> None:
    """A copy of another under a key of its own."""
    table = SQLModel.metadata.tables[table_name]
    unique = {one.name for index in table.indexes if index.unique for one in index.columns}
    with outside(desk) as session:
        row = rows_of(session, table)[0]
        for index in [index.name for index in table.indexes if index.unique]:
            run(session.connection(), f"DROP INDEX {index}")
        values = {
            column.name: _another(column, getattr(row, column.name))
            if column.primary_key
            or column.unique
            or column.name in unique
            or _is_in_key(table, column)
            else getattr(row, column.name)
            for column in table.columns
        }
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        sql = f'INSERT INTO "{table_name}" ({names}) VALUES ({marks})'
        run(session.connection(), sql, *values.values())
        found = altered(session)

    assert found == {(table_name, "added")}


def _is_in_key(table: Table, column: Column[Any]) -> bool:
    constraints = (one for one in table.constraints if isinstance(one, UniqueConstraint))
    return any(column.name in one.columns for one in constraints)


@pytest.mark.parametrize("table_name", TABLES)
def test_two_rows_that_are_swapped_are_named(desk: Desk, table_name: str) -> None:
    """Each has the other's values, under its own key."""
    table = SQLModel.metadata.tables[table_name]
    others = [column.name for column in table.columns if not column.primary_key]
    with outside(desk) as session:
        rows = rows_of(session, table)
        if len(rows) < 2 or rows[0][2:] == rows[-1][2:]:
            pytest.skip("one row in this story")
        for index in [index.name for index in table.indexes if index.unique]:
            run(session.connection(), f"DROP INDEX {index}")
        sets = ", ".join(f'"{name}" = ?' for name in others)
        sql = f'UPDATE "{table_name}" SET {sets} WHERE rowid = ?'
        aside = [f"aside {name}" for name in others]
        first, last = ([getattr(row, name) for name in others] for row in (rows[0], rows[-1]))
        run(session.connection(), sql, *aside, rows[0].place)
        run(session.connection(), sql, *first, rows[-1].place)
        run(session.connection(), sql, *last, rows[0].place)
        found = altered(session)

    assert found == {(table_name, "changed")}


def test_a_forged_digest_contradicts_its_event(desk: Desk) -> None:
    """Who alters a row and its digest as well is named by the event that wrote it."""
    with outside(desk) as session:
        connection = session.connection()
        run(connection, "UPDATE member SET name = 'Autre'")
        for one in list(row_digests.altered(session)):
            sha256 = row_digests.digest_now(session, one)
            run(
                connection,
                "UPDATE row_digest SET sha256 = ? WHERE table_name = ? AND key = ?",
                *(sha256, one.table, one.key),
            )
        events = dict(row_digests.held(session))
        left = altered(session)
    with desk.app.reading() as session:
        sound = dict(row_digests.held(session))

    assert left == set()
    assert events != sound


def test_what_was_written_outside_stops_the_program(desk: Desk) -> None:
    """The triggers note it: nothing is added to books that somebody else has changed."""
    with desk.app.transaction(commit=False) as tx:
        tx.connection().exec_driver_sql("UPDATE member SET name = 'Autre'")
        with pytest.raises(IntegrityError, match="hors du programme : table member, ligne 999"):
            tx.refuse_foreign_rows()


@pytest.mark.parametrize("name", sorted(guards.expected("sqlite")))
def test_a_trigger_that_is_gone_is_named(desk: Desk, name: str) -> None:
    """Dropped, or made again without its effect."""
    table, _ = guards.expected("sqlite")[name]
    with desk.app.reading() as session:
        connection = session.connection()
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
        dropped = guards.altered(connection)
        connection.exec_driver_sql(
            f'CREATE TRIGGER {name} AFTER INSERT ON "{table}" BEGIN SELECT 1; END'
        )
        changed = guards.altered(connection)
        session.rollback()

    assert dropped == changed == (name,)


def test_what_is_left_out_has_its_reason() -> None:
    """Each table and column of the short lists exists, and says why it is there."""
    tables = SQLModel.metadata.tables

    assert all(name in tables and len(reason) > 10 for name, reason in LEFT_OUT.items())
    assert all(
        column in tables[table].columns and len(reason) > 10
        for (table, column), reason in NOT_PROVED.items()
    )
    assert set(guards.KEPT) <= set(TABLES)


def test_rows_are_kept(desk: Desk, tmp_path: Path) -> None:
    """What is a proof is neither deleted nor changed, whatever program tries."""
    del tmp_path
    with desk.app.reading() as session:
        connection = session.connection()
        for table in guards.KEPT:
            with pytest.raises(Exception, match="what was kept is never changed"):
                connection.exec_driver_sql(f'DELETE FROM "{table}"')
        session.rollback()
