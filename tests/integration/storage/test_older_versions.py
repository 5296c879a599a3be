"""A database of the release before versions: what it knew is current, dated, and still refers."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

import worker.storage.store
from tests.support.postgresql_server import Server
from tests.support.storage_samples import OTHER, SIRET, UPGRADE, bring_rows
from worker.imports import ImportKind
from worker.storage import Store, imported, open_store
from worker.storage.source_files import Kept, imported_files

FILES = "2026-01-05T09:00:00.000000Z"
CORRECTED = "2026-01-06T09:00:00.000000Z"
RESENT = "2026-01-07T09:00:00.000000Z"
BEFORE = f"""
INSERT INTO source_file (id, kind, name, sha256, size, rows, imported_at) VALUES
  (101, 'members', 'membres.csv', 'aa', 9, 2, '{FILES}'),
  (102, 'usage', 'membres.csv', 'aa', 9, 2, '{FILES}');
INSERT INTO journal_event VALUES
  (1, '{FILES}', 'jeanne@poste:1', 'file.imported', 'aa', '{{"kind":"members"}}', '', '', ''),
  (2, '{FILES}', 'paul@poste:2', 'file.imported', 'aa', '{{"kind":"usage"}}', '', '', ''),
  (3, '{RESENT}', 'paul@poste:2', 'resend.requested', 'BSN-1', '{{}}', '', '', '');
INSERT INTO member VALUES
  ('{SIRET}', 'CC', '1 rue', '', '82400', 'Ville', 'FR', '', 'C-1', 101, 2),
  ('{OTHER}', 'Commune', '2 rue', 'bât. A', '82400', 'Ville', 'FR', '', 'C-2', 101, 3);
INSERT INTO contact VALUES ('{SIRET}', 'Camille', 'ref@exemple.invalid', '{FILES}');
INSERT INTO subscription (id, siret, service, tier, category, start, "end", file_id, row) VALUES
  (107, '{SIRET}', 'gfu', 0, 4, '2025-01-01', NULL, 101, 2),
  (109, '{OTHER}', 'stockage', 2, 5, '2025-01-01', '2025-12-31', 101, 3);
INSERT INTO billing_reference
  (id, siret, year, service_code, engagement, file_id, row, superseded_at) VALUES
  (1, '{SIRET}', 2025, '', 'EJ-1', 101, 2, '{CORRECTED}'),
  (2, '{SIRET}', 2025, '', 'EJ-2', NULL, NULL, NULL),
  (3, '{OTHER}', 2025, '', 'EJ-3', NULL, NULL, NULL);
INSERT INTO invoice (siret, member_name, year, status, status_since, total_cents, number, version,
  findings, flux_number, portal_status, detail, checks) VALUES
  ('{OTHER}', 'Commune', 2025, 'issued', '{FILES}', 100, 'BSN-1', 1, '[]', '', '', '', 0)
"""
"""What such a release wrote: references of a person among them, which no file dates."""


@pytest.fixture(name="older", params=["sqlite", "postgresql"])
def _older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'worker.sqlite'}"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.create(f"older_{uuid4().hex}")
    config = Config()
    folder = Path(worker.storage.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = create_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        for statement in BEFORE.split(";\n"):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("UPDATE journal_head SET seq = 3, hash = ''")
        connection.commit()
    engine.dispose()
    store = open_store(url, tmp_path, upgrade=UPGRADE)
    yield store
    store.engine.dispose()


def test_what_was_known_is_the_current_version(older: Store) -> None:
    """Members, contacts, subscriptions and references read as before, with their file and row."""
    with older.reading() as session:
        members = imported.member(session, SIRET), imported.member(session, OTHER)
        subscriptions = imported.subscriptions_of(session, OTHER)
        references = [imported.references_of(session, one, 2025) for one in (SIRET, OTHER)]
        rows = session.execute(
            text("SELECT siret, convention, file_id, row, superseded_at FROM member_version")
        ).all()
        contacts = session.execute(
            text("SELECT siret, name, email, file_id, updated_at, superseded_at FROM contact")
        ).all()
        kept = session.execute(text("SELECT id, superseded_at FROM subscription")).all()

    assert [one.name for one in members] == ["CC", "Commune"]
    assert members[1].address.line2 == "bât. A"
    assert [(one.tier, one.category, str(one.end)) for one in subscriptions] == [
        (2, 5, "2025-12-31")
    ]
    assert [one.engagement for one in references] == ["EJ-2", "EJ-3"]
    assert sorted(rows) == sorted([(SIRET, "C-1", 101, 2, None), (OTHER, "C-2", 101, 3, None)])
    assert contacts == [(SIRET, "Camille", "ref@exemple.invalid", None, FILES, None)]
    assert sorted(kept) == [(107, None), (109, None)]


def test_references_are_dated(older: Store) -> None:
    """By their file; those of a person by what they replaced, or by the resend that gave them."""
    with older.reading() as session:
        dated = session.execute(text("SELECT id, given_at FROM billing_reference")).all()

    assert sorted(dated) == [(1, FILES), (2, CORRECTED), (3, RESENT)]


def test_its_files_are_known_and_not_kept(older: Store) -> None:
    """Who brought each is read in the journal, by kind where the bytes are the same."""
    with older.reading() as session:
        files = [one for _, one in imported_files(session)]

    assert [(one.kind, one.imported_by, one.how_kept) for one in files] == [
        ("members", "jeanne@poste:1", Kept.NOT),
        ("usage", "paul@poste:2", Kept.NOT),
    ]


def test_it_refers_as_before_and_takes_new_versions(older: Store, tmp_path: Path) -> None:
    """No row points nowhere, what refers to a member still does, and an import supersedes."""
    bring_rows(older, tmp_path, ImportKind.SUBSCRIPTIONS, f"{SIRET};gfu;;6;01/01/2025;")
    with older.reading() as session:
        referring = {
            table
            for table in inspect(session.connection()).get_table_names()
            for key in inspect(session.connection()).get_foreign_keys(table)
            if key["referred_table"] == "member"
        }
        if older.engine.dialect.name == "sqlite":
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        categories = session.execute(
            text(
                f"SELECT category, superseded_at IS NULL FROM subscription WHERE siret = '{SIRET}'"
            )
        ).all()

    assert referring >= {
        *("member_version", "subscription", "usage_record", "billing_reference"),
        *("statement", "hold", "invoice"),
    }
    assert sorted((category, bool(current)) for category, current in categories) == [
        (4, False),
        (6, True),
    ]
