"""Whatever is altered in the database is named: every table and column, found by reflection."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, Table, UniqueConstraint, select
from sqlalchemy.exc import DatabaseError
from sqlmodel import Session, SQLModel

from tests.support.offices import Desk, number, open_desk
from worker.audit.verification import verify_rows
from worker.errors import IntegrityError
from worker.storage import Transaction, holds, row_digests, triggers
from worker.storage.alterations import Alteration, How, alterations, of_table, require_intact
from worker.storage.proved import LEFT_OUT, NOT_PROVED, proved_columns, proved_tables
from worker.storage.tables import UtcText

TABLES = [table.name for table in proved_tables()]


def has_values(table_name: str) -> bool:
    """Whether a table has more than its key."""
    return any(not column.primary_key for column in SQLModel.metadata.tables[table_name].columns)


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
        tx.connection().exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for table in proved_tables():
            others = [column for column in table.columns if not column.primary_key] or [
                *table.columns
            ]
            while len(set(tx.execute(select(*others).select_from(table)))) < 2:
                _fill(tx, table)
    return desk


def _fill(tx: Transaction, table: Table) -> None:
    """A row more, by the program, where this story needed fewer than two."""
    sql = f'SELECT * FROM "{table.name}" LIMIT 1'
    first = tx.connection().exec_driver_sql(sql).mappings().first()
    present = {} if first is None else dict(first)
    values = {
        column.name: _first(tx, next(iter(column.foreign_keys)).column)
        if column.foreign_keys
        else _another(column, _another(column, present.get(column.name)))
        for column in table.columns
    }
    tables = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    run(
        tx.connection(), f'INSERT INTO "{table.name}" ({tables}) VALUES ({marks})', *values.values()
    )


def _first(tx: Transaction, column: Column[Any]) -> Any:  # noqa: ANN401 - of any column
    """A value that another table may refer to."""
    return tx.execute(select(column).limit(1)).scalar_one()


def _another(column: Column[Any], present: object) -> Any:  # noqa: ANN401 - of any column
    """A value that the column does not hold."""
    if isinstance(column.type, Boolean):
        return not present
    if column.type.python_type is int:
        return 1000 + (present if isinstance(present, int) else 0)
    if isinstance(column.type, UtcText):
        return FORGED if present != FORGED else FORGED.replace("2001", "2002")
    if column.type.python_type.__name__ == "date":
        return FORGED[:10] if present != FORGED[:10] else "2002-02-03"
    return f"{present or ''}x"


@contextmanager
def outside(desk: Desk) -> Iterator[Session]:
    """Somebody who knows SQLite writes into the file; undone at the end."""
    with desk.app.reading() as session:
        connection = session.connection()
        for name in triggers.expected("sqlite"):
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
    return list(
        session.connection().exec_driver_sql(f'SELECT rowid AS place, * FROM "{table.name}"')
    )


def altered(session: Session) -> set[tuple[str, How]]:
    """Table and manner of what is named; the triggers apart, which the intruder has dropped."""
    found = alterations(session)
    return {(one.table, one.how) for one in found if one.how not in {How.TRIGGER, How.SHAPE}}


def test_what_the_program_wrote_is_sound(desk: Desk) -> None:
    """Nothing is named, and nothing is left to be noted."""
    assert list(verify_rows(desk.app.store)) == []
    with desk.app.reading() as session:
        assert row_digests.written_outside(session) is None


OTHERS = ("\x00", b"\xff", 1.5, "9" * 400, None)
"""Kinds of values that a file of SQLite takes in any column."""


@pytest.mark.parametrize("table_name", TABLES)
def test_any_other_value_is_named(desk: Desk, table_name: str) -> None:
    """In each column, whether or not the program could read it; a key by its absence."""
    table = SQLModel.metadata.tables[table_name]
    unseen = []
    with outside(desk) as session:
        connection = session.connection()
        row = rows_of(session, table)[0]
        for column in proved_columns(table):
            stored = getattr(row, column.name)
            changes = {How.ADDED, How.REMOVED} if column.primary_key else {How.CHANGED}
            for value in (_another(column, stored), *OTHERS):
                sql = f'UPDATE "{table_name}" SET "{column.name}" = ? WHERE rowid = ?'
                with suppress(DatabaseError), connection.begin_nested() as undone:
                    run(connection, sql, value, row.place)
                    present = row_digests.rows_by_table(session)[table_name]
                    found = {one.how for one in of_table(session, table, present=present)}
                    if found != (changes if value != stored else set()):
                        unseen.append((column.name, value))
                    undone.rollback()

    assert unseen == []


@pytest.mark.parametrize("table_name", TABLES)
def test_an_altered_table_is_named_among_all(desk: Desk, table_name: str) -> None:
    """Its last column, in every row that has the value of the first."""
    column = proved_columns(SQLModel.metadata.tables[table_name])[-1]
    with outside(desk) as session:
        present = rows_of(session, column.table)[0]._asdict()[column.name]
        sql = f'UPDATE "{table_name}" SET "{column.name}" = ? WHERE "{column.name}" IS ?'
        run(session.connection(), sql, _another(column, present), present)
        found = altered(session)

    assert {table for table, _ in found} == {table_name}


@pytest.mark.parametrize("table_name", TABLES)
def test_a_row_that_is_removed_is_named(desk: Desk, table_name: str) -> None:
    """By its key."""
    table = SQLModel.metadata.tables[table_name]
    with outside(desk) as session:
        row = rows_of(session, table)[0]
        run(session.connection(), f'DELETE FROM "{table_name}" WHERE rowid = ?', row.place)
        found = [one for one in alterations(session) if one.how not in {How.TRIGGER, How.SHAPE}]
    key = row_digests.key_of([getattr(row, column.name) for column in table.primary_key])

    assert found == [Alteration(table=table_name, key=key, how=How.REMOVED)]


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

    assert found == {(table_name, How.ADDED)}


def _others(row: Any, names: list[str]) -> list[object]:  # noqa: ANN401 - of any table
    return [getattr(row, name) for name in names]


def _is_in_key(table: Table, column: Column[Any]) -> bool:
    constraints = (one for one in table.constraints if isinstance(one, UniqueConstraint))
    return any(column.name in one.columns for one in constraints)


@pytest.mark.parametrize("table_name", [name for name in TABLES if has_values(name)])
def test_two_rows_that_are_swapped_are_named(desk: Desk, table_name: str) -> None:
    """Each has the other's values, under its own key."""
    table = SQLModel.metadata.tables[table_name]
    others = [column.name for column in table.columns if not column.primary_key]
    with outside(desk) as session:
        rows = rows_of(session, table)
        rows = [
            rows[0],
            next(one for one in rows if _others(one, others) != _others(rows[0], others)),
        ]
        for index in [index.name for index in table.indexes if index.unique]:
            run(session.connection(), f"DROP INDEX {index}")
        sets = ", ".join(f'"{name}" = ?' for name in others)
        sql = f'UPDATE "{table_name}" SET {sets} WHERE rowid = ?'
        aside = [f"aside {name}" for name in others]
        first, last = (_others(row, others) for row in rows)
        run(session.connection(), sql, *aside, rows[0].place)
        run(session.connection(), sql, *first, rows[-1].place)
        run(session.connection(), sql, *last, rows[0].place)
        found = altered(session)

    assert found == {(table_name, How.CHANGED)}


def test_a_forged_digest_contradicts_its_event(desk: Desk) -> None:
    """Who alters a row and its digest as well is named by the event that wrote it."""
    with outside(desk) as session:
        connection = session.connection()
        run(connection, "UPDATE member_version SET name = 'Autre'")
        for one in list(alterations(session)):
            if one.how is How.CHANGED:
                table = SQLModel.metadata.tables[one.table]
                (sha256,) = row_digests.digests_of(session, table, [one.key]).values()
                sql = "UPDATE row_digest SET sha256 = ? WHERE table_name = ? AND key = ?"
                run(connection, sql, sha256, one.table, one.key)
        found = altered(session)

    assert found == {("journal_event", How.DIGESTS)}


DIGESTS = SQLModel.metadata.tables["row_digest"]


@pytest.mark.parametrize("column_name", [column.name for column in DIGESTS.columns])
@pytest.mark.parametrize("value", ["x", '["', "[[[[" * 5000, b"\xff", 1.5, 10**18, "[1e999]"])
def test_an_altered_digest_is_named(desk: Desk, column_name: str, value: object) -> None:
    """Each column, by whatever value: by its event, and nothing ends in a defect."""
    with outside(desk) as session:
        place = rows_of(session, DIGESTS)[0].place
        sql = f'UPDATE row_digest SET "{column_name}" = ? WHERE rowid = ?'
        run(session.connection(), sql, value, place)
        try:
            found = altered(session)
        except IntegrityError as error:
            found = {("journal_event", How.DIGESTS)} if "ne se lit plus" in error.message else set()

    assert ("journal_event", How.DIGESTS) in found


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM row_digest",
        *(
            f"DELETE FROM row_digest WHERE rowid = (SELECT {which}(rowid) FROM row_digest)"
            for which in ("min", "max")
        ),
    ],
)
def test_a_missing_digest_is_named(desk: Desk, sql: str) -> None:
    """The first, the last, or all of them."""
    with outside(desk) as session:
        run(session.connection(), sql)
        found = altered(session)

    assert ("journal_event", How.DIGESTS) in found


def test_nothing_is_done_on_altered_books(desk: Desk) -> None:
    """Whichever table was altered, the check before every act says so."""
    for table in proved_tables():
        with outside(desk) as session:
            run(session.connection(), f'DELETE FROM "{table.name}"')
            triggers.install(session.connection())
            with pytest.raises(IntegrityError, match=f"table {table.name}, ligne"):
                require_intact(session)


def test_what_was_written_outside_stops_the_program(desk: Desk) -> None:
    """The triggers note it: nothing is added to books that somebody else has changed."""
    with desk.app.transaction(commit=False) as tx:
        tx.connection().exec_driver_sql("UPDATE member_version SET name = 'Autre'")
        with pytest.raises(
            IntegrityError, match="hors du programme : table member_version, ligne "
        ):
            tx.refuse_foreign_rows()


@pytest.mark.parametrize("name", sorted(triggers.expected("sqlite")))
def test_a_trigger_that_is_gone_is_named(desk: Desk, name: str) -> None:
    """Dropped, or made again without its effect."""
    table, _ = triggers.expected("sqlite")[name]
    with desk.app.reading() as session:
        connection = session.connection()
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
        dropped = triggers.altered(connection)
        connection.exec_driver_sql(
            f'CREATE TRIGGER {name} AFTER INSERT ON "{table}" BEGIN SELECT 1; END'
        )
        changed = triggers.altered(connection)
        session.rollback()

    assert dropped == changed == ((name, table),)


def test_what_is_left_out_has_its_reason() -> None:
    """Each table and column of the short lists exists, and says why it is there."""
    tables = SQLModel.metadata.tables

    assert all(name in tables and len(reason) > 10 for name, reason in LEFT_OUT.items())
    assert all(
        column in tables[table].columns and len(reason) > 10
        for (table, column), reason in NOT_PROVED.items()
    )
    assert set(triggers.KEPT) <= set(TABLES)


def test_rows_are_kept(desk: Desk, tmp_path: Path) -> None:
    """What is a proof is neither deleted nor changed, whatever program tries."""
    del tmp_path
    with desk.app.reading() as session:
        connection = session.connection()
        for table in triggers.KEPT:
            with pytest.raises(Exception, match="what was kept is never changed"):
                connection.exec_driver_sql(f'DELETE FROM "{table}"')
        session.rollback()
