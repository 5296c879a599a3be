"""Transactions: everything or nothing, one writer at a time, and a message a person understands."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError as Duplicate
from sqlalchemy.exc import StatementError

from chaos import pace
from tests.integration.conftest import Place
from tests.support.postgresql_server import Server
from tests.support.storage_samples import NOW, add_members, issue_one, numbered, writing
from worker.billing.journal import EventTag
from worker.errors import ConfigurationError, StorageUnavailable
from worker.storage import (
    Store,
    invoices,
    journal,
    open_store,
)
from worker.storage import (
    directory as kept,
)


class Stop(Exception):
    """Something unforeseen in the middle of a transaction."""


def _note(store: Store, *, commit: bool = True, then: Callable[[], None] = lambda: None) -> None:
    with writing(store, commit=commit) as tx:
        tx.journal(EventTag.RUN_STARTED, "2025")
        then()


def _length(store: Store) -> int:
    with store.reading() as session:
        return journal.head(session).seq


def test_an_error_undoes_everything(store: Store) -> None:
    """What was written before an error is not there afterwards, and the error goes on."""

    def fail() -> None:
        raise Stop

    with pytest.raises(Stop):
        _note(store, then=fail)
    assert _length(store) == 0
    _note(store)

    assert _length(store) == 1


def test_a_rehearsal_keeps_nothing(store: Store) -> None:
    """Without ``commit`` everything happens inside, and nothing is left outside."""
    with writing(store, commit=False) as session:
        session.execute(text("INSERT INTO number_series VALUES ('BSN', 1)"))
        assert invoices.take_number(session, "BSN") == 2
    with writing(store) as session:
        assert invoices.take_number(session, "BSN") == 1


def test_reading_writes_nothing(store: Store) -> None:
    """What is written by mistake in a reading block is dropped."""
    with store.reading() as session:
        kept.cache_entry(session, "99900007800017", "{}", NOW)
        session.flush()
    with store.reading() as session:
        assert kept.cached_entry(session, "99900007800017") is None


def test_reading_sees_one_instant(store: Store) -> None:
    """A writer that commits meanwhile changes nothing of a view already opened."""
    with store.reading() as session:
        head = journal.head(session)
        _note(store)
        assert [event.seq for event in journal.events(session)] == []
        assert journal.head(session) == head

    assert _length(store) == 1


def test_a_second_writer_gives_up_in_french(place: Place, store: Store) -> None:
    """When another holds the database too long: come back later, nothing half done."""
    impatient = place.open(busy_seconds=0)
    with writing(store) as session:
        invoices.take_number(session, "BSN")
        with pytest.raises(StorageUnavailable, match="occupée par un autre programme") as caught:
            _note(impatient)
    assert "rien n'a été fait à moitié" in caught.value.remedy
    assert caught.value.exit_code == 3
    before = _length(store)
    _note(impatient)

    assert _length(store) == before + 1


def test_a_second_writer_waits_its_turn(store: Store) -> None:
    """Two writers never work at once: the second begins after the first has committed."""
    order = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(pace.limit(10))
        with writing(store) as session:
            order.append(f"second sees {invoices.take_number(session, 'BSN')}")

    thread = threading.Thread(target=second)
    thread.start()
    with writing(store) as session:
        assert invoices.take_number(session, "BSN") == 1
        inside.set()
        thread.join(pace.limit(0.2))
        order.append("first")
    thread.join(pace.limit(10))

    assert order == ["first", "second sees 2"]


def test_a_defect_is_not_dressed_up_as_a_full_disk(store: Store) -> None:
    """Breaking a constraint is a defect of ours: it keeps its own name."""
    with pytest.raises(Duplicate), writing(store) as session:
        session.execute(text("INSERT INTO number_series VALUES ('BSN', 1), ('BSN', 2)"))


def test_a_naive_instant_is_refused(store: Store) -> None:
    """Somebody's local time never enters a column nor the journal."""
    naive = datetime(2026, 1, 5, 2, 0)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(StatementError, match="naive"), writing(store) as session:
        kept.cache_entry(session, "99900007800017", "{}", naive)
    with pytest.raises(ValueError, match="naive"), writing(store, at=naive) as tx:
        tx.journal(EventTag.RUN_STARTED, "2025")
    with store.reading() as session:
        assert kept.cached_entry(session, "99900007800017") is None


def test_a_cut_connection_is_said_and_nothing_is_half_done(
    postgresql_place: Place, postgresql: Server
) -> None:
    """The server closing in the middle undoes the transaction; the next one works."""
    store = postgresql_place.open()
    with pytest.raises(StorageUnavailable, match="n'est pas disponible"):
        _note(store, then=lambda: _cut(store))
    assert _length(store) == 0
    _note(store)

    assert _length(store) == 1
    assert postgresql.answers()


def test_a_read_only_server_is_said(postgresql_place: Place) -> None:
    """After a failover the standby refuses to write: unavailable, not a defect of ours."""
    store = postgresql_place.open()
    with writing(store) as session:
        name = session.execute(text("SELECT current_database()")).scalar_one()
        session.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    reopened = postgresql_place.open()
    with pytest.raises(StorageUnavailable, match="read-only"):
        _note(reopened)


def test_an_unreachable_server_is_said(postgresql: Server, tmp_path: Path) -> None:
    """A database that does not exist, or no server at all, is unavailable."""
    with pytest.raises(StorageUnavailable, match="does not exist"):
        open_store(postgresql.url("nowhere"), tmp_path)
    with pytest.raises(StorageUnavailable, match="n'est pas disponible"):
        open_store(f"postgresql:///worker?host={tmp_path}", tmp_path)


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    """Opening where there is nothing says where, and how to begin."""
    database = tmp_path / "worker.sqlite"
    with pytest.raises(ConfigurationError, match=str(database)) as caught:
        open_store(f"sqlite:///{database}", tmp_path)

    assert "init" in caught.value.remedy
    assert not database.exists()


@pytest.mark.parametrize(
    "url", ["pas une adresse", "mysql://localhost/x", "postgres://x", "oracle:"]
)
def test_an_address_we_cannot_use_is_a_configuration_error(url: str, tmp_path: Path) -> None:
    """Neither SQLite nor PostgreSQL: the setting is named, and an example given."""
    with pytest.raises(ConfigurationError, match=r"data\.database_url") as caught:
        open_store(url, tmp_path)

    assert "postgresql:///" in caught.value.remedy


def test_an_issue_commits_with_its_journal_or_not_at_all(store: Store) -> None:
    """Number, invoice, statement and event disappear together."""
    add_members(store)
    before = _length(store)
    with pytest.raises(Stop):
        _issue_then_stop(store)
    with store.reading() as session:
        assert invoices.tracked(session) == ()
    assert _length(store) == before
    with writing(store) as session:
        issue_one(session)
    with store.reading() as session:
        assert invoices.by_number(session, numbered(1)[0].number) is not None


def _issue_then_stop(store: Store) -> None:
    with writing(store) as session:
        issue_one(session)
        raise Stop


def _cut(store: Store) -> None:
    """Terminate every other connection to the database, as an administrator would."""
    with store.engine.connect().execution_options(worker_writes=False) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_instants_come_back_in_utc(store: Store) -> None:
    """An instant of any zone is the same instant when read."""
    paris = datetime.fromisoformat("2026-01-05T03:00:00.000001+01:00")
    with writing(store) as session:
        kept.cache_entry(session, "99900007800017", "{}", paris)
    with store.reading() as session:
        entry = kept.cached_entry(session, "99900007800017")

    assert entry == (paris, "{}")
    assert entry[0].utcoffset() == UTC.utcoffset(None)
