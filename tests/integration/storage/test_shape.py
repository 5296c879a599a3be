"""Whatever is added to the database, taken from it or changed in its declarations is named."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection
from sqlmodel import SQLModel

from tests.integration.conftest import Place
from worker.errors import IntegrityError
from worker.storage import Store
from worker.storage.alterations import How, alterations, require_intact
from worker.storage.shape import altered

TABLES = sorted(SQLModel.metadata.tables)
ADDED = {
    "table intrus": ("CREATE TABLE intrus (a INTEGER)",),
    "vue intrus": ("CREATE VIEW intrus AS SELECT * FROM invoice",),
    "index intrus": ("CREATE INDEX intrus ON invoice (total_cents)",),
    "table alembic_version": ("INSERT INTO alembic_version VALUES ('0005')",),
}
"""What somebody adds: where it is told, and how it is done."""
TRIGGERS = {
    "sqlite": ("CREATE TRIGGER intrus AFTER INSERT ON invoice BEGIN DELETE FROM hold; END",),
    "postgresql": (
        "CREATE FUNCTION intrus() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER intrus AFTER INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION intrus()",
    ),
}


def told(connection: Connection, *statements: str) -> tuple[str, ...]:
    """What is said once these are done; they are undone."""
    for statement in statements:
        connection.exec_driver_sql(statement)
    found = altered(connection)
    connection.rollback()
    return found


def without_constraints(name: str) -> tuple[str, ...]:
    """A table put in the place of another: the same rows, and nothing that holds them together."""
    return (
        "PRAGMA legacy_alter_table = ON",
        f'ALTER TABLE "{name}" RENAME TO set_aside',
        f'CREATE TABLE "{name}" AS SELECT * FROM set_aside',
        "DROP TABLE set_aside",
    )


def every_loss() -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each table and index: one column more, one index fewer."""
    for name in TABLES:
        yield f"table {name}", (f'ALTER TABLE "{name}" ADD COLUMN intrus INTEGER',)
        for index in SQLModel.metadata.tables[name].indexes:
            yield f"index {index.name}", (f'DROP INDEX "{index.name}"',)


def test_what_the_migrations_made_has_its_shape(store: Store) -> None:
    """Nothing is said of a database that only the program has changed."""
    with store.engine.connect() as connection:
        assert told(connection) == ()


def test_every_table_and_index_is_compared(store: Store) -> None:
    """A column more or an index fewer, of each in turn, is named alone."""
    with store.engine.connect() as connection:
        cases = list(every_loss())
        found = [(where, told(connection, *done)) for where, done in cases]

    assert len(cases) > 40
    assert found == [(where, (where,)) for where, _ in cases]


def test_every_table_keeps_its_constraints(sqlite_place: Place) -> None:
    """Of SQLite, each table without its keys, types and conditions is named."""
    with sqlite_place.open().engine.connect() as connection:
        found = [(name, told(connection, *without_constraints(name))) for name in TABLES]

    assert [name for name, said in found if f"table {name}" not in said] == []


@pytest.mark.parametrize("where", ADDED)
def test_what_somebody_adds_is_named(store: Store, where: str) -> None:
    """A table, a view, an index, and rows where there is one or none."""
    with store.engine.connect() as connection:
        assert told(connection, *ADDED[where]) == (where,)


def test_a_trigger_that_somebody_adds_stops_every_act(store: Store) -> None:
    """What it wrote inside our transactions would be taken for ours."""
    with store.engine.begin() as connection:
        for statement in TRIGGERS[store.engine.dialect.name]:
            connection.exec_driver_sql(statement)
    with store.reading() as session:
        found = [one.where for one in alterations(session) if one.how is How.SHAPE]

        with pytest.raises(IntegrityError, match="structure de la base, déclencheur intrus"):
            require_intact(session)

    assert found == ["structure de la base, déclencheur intrus"]


def test_the_triggers_of_the_journal_are_compared(store: Store) -> None:
    """Each that forbids to change an event, once it is gone, is named."""
    on = " ON journal_event" if store.engine.dialect.name == "postgresql" else ""
    names = (
        ["journal_event_no_change"]
        if on
        else ["journal_event_no_update", "journal_event_no_delete"]
    )
    with store.engine.connect() as connection:
        found = [told(connection, f"DROP TRIGGER {name}{on}") for name in names]

    assert found == [(f"déclencheur {name}",) for name in names]
