"""Deposit attempts and what the portal said: one open attempt, nothing heard twice."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.storage_samples import NOW, SIRET, add_members, issue_one, writing
from worker.storage import (
    Store,
    attempts,
    directory,
    observations,
)
from worker.storage.directory import (
    LONG_AGO,
)

OTHER = "99980901500012"
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def invoice_id(store: Store) -> int:
    """An issued invoice."""
    add_members(store)
    with writing(store) as session:
        return issue_one(session)


def _open(store: Store, invoice_id: int) -> int:
    with writing(store) as session:
        return attempts.open_attempt(
            session,
            invoice_id=invoice_id,
            document_sha256="d" * 64,
            file_name="BSN-2026-00001_dddddddd.xml",
            actor="serve@poste",
            at=NOW,
        )


def _answer(store: Store, attempt: int, *, closed: bool, **values: object) -> None:
    with writing(store) as session:
        attempts.answer_attempt(session, attempt, at=LATER, closed=closed, **values)


def test_an_intent_is_readable_before_its_answer(store: Store, invoice_id: int) -> None:
    """A crash right after the intent leaves an open attempt with everything to look for it."""
    number = _open(store, invoice_id)
    with store.reading() as session:
        (attempt,) = attempts.attempts(session, invoice_id)
    assert (attempt.id, attempt.invoice_id) == (number, invoice_id)
    assert (attempt.started_at, attempt.answered_at, attempt.closed_at) == (NOW, None, None)
    assert attempt.file_name == "BSN-2026-00001_dddddddd.xml"


def test_there_is_one_open_attempt_at_most(store: Store, invoice_id: int) -> None:
    """The database refuses a second deposit while the outcome of the first is not certain."""
    first = _open(store, invoice_id)
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        _open(store, invoice_id)
    _answer(store, first, closed=False, outcome="unknown", http_status=504)
    with pytest.raises(DBAPIError, match=r"(?i)unique"):
        _open(store, invoice_id)
    _answer(store, first, closed=True, outcome="deposited", flux_number="CPP0001")
    second = _open(store, invoice_id)
    with store.reading() as session:
        closed, still_open = attempts.attempts(session, invoice_id)
    assert (closed.closed_at, closed.outcome, closed.flux_number) == (LATER, "deposited", "CPP0001")
    assert (closed.answered_at, closed.http_status) == (LATER, 504)
    assert (still_open.id, still_open.closed_at) == (second, None)


def test_reconciling_closes_only_what_is_open(store: Store, invoice_id: int) -> None:
    """A closed attempt keeps its own hour and detail."""
    first = _open(store, invoice_id)
    _answer(store, first, closed=True, outcome="not-sent", detail="pas de réseau")
    _open(store, invoice_id)
    much_later = LATER + timedelta(hours=1)
    with writing(store) as session:
        attempts.close_attempts(session, invoice_id, at=much_later, detail="retrouvée")
    with store.reading() as session:
        old, new = attempts.attempts(session, invoice_id)
    assert (old.closed_at, old.detail) == (LATER, "pas de réseau")
    assert (new.closed_at, new.detail) == (much_later, "retrouvée")


def test_the_portal_may_repeat_itself(store: Store, invoice_id: int) -> None:
    """The same status of the same instant is kept once; any order is legal."""

    def hear(status: str, portal_at: str) -> bool:
        with writing(store) as session:
            return observations.observe(
                session,
                invoice_id,
                source="history",
                raw_status=status,
                portal_at=portal_at,
                comment="pièce manquante",
                raw="{}",
                at=NOW,
            )

    heard = [hear("SUSPENDUE", "2026-01-06"), hear("DEPOSEE", "2026-01-05")]
    assert heard == [True, True]
    assert not hear("SUSPENDUE", "2026-01-06")
    assert hear("SUSPENDUE", "2026-01-08")
    with store.reading() as session:
        seen = [(o.raw_status, o.portal_at) for o in observations.observations(session, invoice_id)]
    assert seen == [
        ("SUSPENDUE", "2026-01-06"),
        ("DEPOSEE", "2026-01-05"),
        ("SUSPENDUE", "2026-01-08"),
    ]


def test_the_directory_is_remembered_replaced_and_no_longer_believed(store: Store) -> None:
    """One entry for each structure, the last one read; once doubted, kept with another age."""
    with writing(store) as session:
        directory.cache_entry(session, SIRET, '{"active": true}', NOW)
        directory.cache_entry(session, SIRET, '{"active": false}', LATER)
    with writing(store) as session:
        assert directory.cached_entry(session, SIRET) == (LATER, '{"active": false}')
        directory.expire_entry(session, SIRET)
        directory.expire_entry(session, OTHER)
    with store.reading() as session:
        assert directory.cached_entry(session, SIRET) == (LONG_AGO, '{"active": false}')
        assert directory.cached_entry(session, OTHER) is None
