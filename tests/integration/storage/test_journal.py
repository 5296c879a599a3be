"""The journal in the database: append-only, chained, verifiable while others write."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chaos import pace
from tests.integration.conftest import Place
from tests.support.storage_samples import writing
from worker.billing.journal import EMPTY, EventTag, verify
from worker.storage import Store, Transaction, journal


def _append(tx: Transaction, number: int, subject: str = "99900007800017/2025") -> None:
    payload = {"n": number, "texte": "pièce « n° 1 »", "listes": [1, {"a": None}]}
    tx.journal(EventTag.INVOICE_PARKED, subject, **payload)


def test_a_new_journal_is_empty_and_sound(store: Store) -> None:
    """Before the first event, the head is the genesis."""
    with store.reading() as session:
        assert journal.head(session) == EMPTY
        assert verify(journal.events(session), journal.head(session)) == ()


def test_many_events_make_one_chain(store: Store) -> None:
    """Events of several transactions, undone ones between them, verify up to the head."""
    for transaction in range(4):
        with writing(store, commit=transaction != 1) as session:
            for number in range(300):
                _append(session, number)
    with store.reading() as session:
        events = tuple(journal.events(session))
        head = journal.head(session)

    assert [event.seq for event in events] == list(range(1, 901))
    assert (head.seq, head.hash) == (events[-1].seq, events[-1].hash)
    assert verify(events, head) == ()


def test_events_are_found_by_subject_and_place(store: Store) -> None:
    """``subject`` and ``after`` cut the same ordered list."""
    with writing(store) as session:
        for number in range(10):
            _append(session, number, subject="AB"[number % 2])
    with store.reading() as session:
        assert [e.seq for e in journal.events(session, subject="B")] == [2, 4, 6, 8, 10]
        assert [e.seq for e in journal.events(session, after=7)] == [8, 9, 10]
        assert [e.seq for e in journal.events(session, subject="A", after=1)] == [3, 5, 7, 9]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_event SET actor = 'someone else' WHERE seq = 1",
        "UPDATE journal_event SET payload = payload",
        "DELETE FROM journal_event WHERE seq = 1",
        "DELETE FROM journal_event",
    ],
)
def test_the_database_refuses_to_change_an_event(store: Store, statement: str) -> None:
    """Triggers forbid UPDATE and DELETE to everybody, this program included."""
    with writing(store) as session:
        _append(session, 1)
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text(statement))
    with store.reading() as session:
        assert verify(journal.events(session), journal.head(session)) == ()
        assert journal.head(session).seq == 1


def test_postgresql_refuses_to_empty_the_journal(postgresql_place: Place) -> None:
    """TRUNCATE would pass beside a row trigger."""
    store = postgresql_place.open()
    with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
        connection.execute(text("TRUNCATE journal_event"))


def test_cutting_off_the_end_is_seen(store: Store) -> None:
    """An administrator who drops the trigger and the last event leaves the head behind."""
    with writing(store) as session:
        for number in range(3):
            _append(session, number)
    with store.engine.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER journal_event_no_delete"))
        else:
            connection.execute(text("ALTER TABLE journal_event DISABLE TRIGGER ALL"))
        connection.execute(text("DELETE FROM journal_event WHERE seq = 3"))
    with store.reading() as session:
        (finding,) = verify(journal.events(session), journal.head(session))

    assert finding.code == "JOURNAL-BROKEN"


def test_writers_at_once_make_one_chain(store: Store) -> None:
    """Threads that append at the same time share one chain without a gap."""
    start = threading.Barrier(4)

    def write(_: int) -> None:
        start.wait(pace.limit(10))
        for number in range(15):
            with writing(store) as session:
                _append(session, number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    with store.reading() as session:
        assert journal.head(session).seq == 60
        assert verify(journal.events(session), journal.head(session)) == ()


def test_verifying_while_another_writes_gives_no_false_alarm(store: Store) -> None:
    """The head and the events are read at one instant, whichever is read first."""
    with writing(store) as session:
        _append(session, 1)
    with store.reading() as session:
        head = journal.head(session)
        with writing(store) as writer:
            _append(writer, 2)
        assert verify(journal.events(session), head) == ()


def test_a_head_read_before_does_not_break_the_chain(store: Store) -> None:
    """An event follows the last one committed, not the one this session saw first."""
    with writing(store) as session:
        assert journal.head(session) == EMPTY
        _append(session, 1)
        _append(session, 2)
    with store.reading() as session:
        first, second = journal.events(session)

    assert (second.seq, second.previous) == (2, first.hash)
