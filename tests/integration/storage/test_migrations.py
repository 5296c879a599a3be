"""Migrations: what they build is what the tables say, once, on both databases."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex
from sqlmodel import SQLModel

import worker.storage.store
from tests.e2e import warm
from tests.e2e.program import environment
from tests.integration.conftest import Place
from tests.support.postgresql_server import Server
from tests.support.storage_samples import UPGRADE, writing
from worker.billing.status import InvoiceKind
from worker.errors import ConfigurationError, IntegrityError
from worker.storage import Store, create_store, invoices, open_store
from worker.storage.migration import SCHEMA
from worker.storage.tables import UsageRow

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


def test_the_migrations_build_the_tables(store: Store) -> None:
    """Alembic finds no difference between the migrated database and ``tables.py``."""
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": SQLModel.metadata}
        )
        differences = compare_metadata(context, SQLModel.metadata)

    assert differences == []


def test_partial_indexes_have_the_condition_of_the_tables(store: Store) -> None:
    """Alembic does not compare conditions: each partial index must have the one declared."""
    dialect = store.engine.dialect
    declared = {
        index.name: str(CreateIndex(index).compile(dialect=dialect))
        for table in SQLModel.metadata.tables.values()
        for index in table.indexes
    }
    with store.reading() as session:
        built = {row[0]: row[1] for row in session.execute(text(INDEXES[dialect.name]))}
    partial = {index for index, definition in declared.items() if " WHERE " in definition}
    assert partial == {
        "member_current",
        "contact_current",
        "subscription_current",
        "usage_current",
        "usage_superseded",
        "reference_current",
        "reference_superseded",
        "hold_in_force",
        "invoice_that_counts",
        "one_open_attempt",
        "campaign_open",
        "previous_amount_current",
        "confirmation_in_force",
        "unit_use_current",
        "population_current",
        "member_nature_current",
        "mail_under_way",
        "succession_in_force",
        "acceptance_in_force",
        "title_of_invoice",
        "title_number",
    }
    for index in partial:
        assert _condition(built[str(index)]) == _condition(declared[index])
        assert ("UNIQUE" in built[str(index)]) == ("UNIQUE" in declared[index])


def test_checks_are_in_the_database(store: Store) -> None:
    """A month 13 is refused by the database itself, whoever writes it."""
    with (
        pytest.raises(DBAPIError, match="usage_sane"),
        writing(store) as session,
    ):
        session.add(
            UsageRow(
                siret="0", service="gfu", tier=0, year=2025, month=13, users=1, file_id=1, row=2
            )
        )


def test_creating_twice_keeps_what_is_there(place: Place) -> None:
    """``create_store`` on a database in use changes nothing."""
    with writing(place.open()) as session:
        session.execute(text("INSERT INTO number_series VALUES ('BSN-2026-', 7)"))
    again = create_store(place.url, place.folder, UPGRADE)
    with again.reading() as session:
        assert session.execute(text("SELECT last_value FROM number_series")).scalar() == 7
    again.engine.dispose()


def test_an_empty_database_is_brought_up_to_date(tmp_path: Path) -> None:
    """Opening a file without any table runs the migrations."""
    (tmp_path / "worker.sqlite").touch()
    store = open_store(f"sqlite:///{tmp_path / 'worker.sqlite'}", tmp_path, upgrade=UPGRADE)
    with store.reading() as session:
        version = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
        assert session.execute(text("SELECT seq FROM journal_head")).scalar() == 0

    assert version == SCHEMA


def _create(words: Sequence[str]) -> None:
    url, folder = words
    create_store(url, Path(folder), UPGRADE)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_programs_may_create_at_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Whoever comes second waits, then finds the schema there."""
    url = f"sqlite:///{tmp_path / 'worker.sqlite'}"
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.create("created_twice")
    words = (url, str(tmp_path))
    with (
        warm.started(words, environment(), main=_create) as one,
        warm.started(words, environment(), main=_create) as other,
    ):
        assert [one.ended(), other.ended()] == [(0, "", "")] * 2
    store = open_store(url, tmp_path)
    with store.reading() as session:
        assert session.execute(text("SELECT COUNT(*) FROM journal_head")).scalar() == 1
    store.engine.dispose()


def test_what_an_older_version_issued_is_an_invoice(tmp_path: Path) -> None:
    """Opening a database of the first schema keeps its invoices, none of them a credit note."""
    url = f"sqlite:///{tmp_path / 'worker.sqlite'}"
    engine = create_engine(url)
    config = Config()
    folder = Path(worker.storage.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO invoice (siret, member_name, year, status, status_since, total_cents, "
                "number, version, findings, flux_number, portal_status, detail, checks) VALUES "
                "('99900007800017', 'CC', 2025, 'integrated', '2026-01-05T09:00:00.000000Z', "
                "319680, 'BSN-2026-00001', 1, '[]', '', '', '', 0)"
            )
        )
        connection.commit()
    engine.dispose()
    store = open_store(url, tmp_path, upgrade=UPGRADE)
    with store.reading() as session:
        (kept,) = invoices.tracked(session)
    assert (kept.number, kept.kind, kept.corrects) == (
        "BSN-2026-00001",
        InvoiceKind.INVOICE,
        None,
    )
    store.engine.dispose()


def test_a_newer_database_is_left_alone(place: Place) -> None:
    """A database that a newer version migrated is refused in French, not damaged."""
    store = place.open()
    with writing(store) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="version plus récente"):
        place.open()


def test_the_schema_named_in_the_code_is_the_last_migration() -> None:
    """Forgetting to raise ``SCHEMA`` would leave older databases as they are."""
    folder = Path(worker.storage.store.__file__).parent / "migrations"

    assert ScriptDirectory(str(folder)).get_heads() == [SCHEMA]


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    """Garbage in place of the database is an integrity error, with the way out."""
    (tmp_path / "worker.sqlite").write_bytes(b"garbage, not SQLite" * 100)
    with pytest.raises(IntegrityError, match="endommagée") as caught:
        open_store(f"sqlite:///{tmp_path / 'worker.sqlite'}", tmp_path)

    assert "sauvegarde" in caught.value.remedy


def _condition(definition: str) -> str:
    """What follows WHERE, without the spelling each database prefers."""
    condition = definition.partition(" WHERE ")[2].lower()
    for noise in ("::text", "(", ")", '"'):
        condition = condition.replace(noise, "")
    return condition.replace("<>", "!=").strip()
