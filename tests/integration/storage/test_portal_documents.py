"""What the portal showed: the last word about each document, and what a person closed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from tests.integration.conftest import Place
from tests.support.storage_samples import SIRET, writing
from worker.billing.money import Money
from worker.billing.portal_document import PortalDocument, Standing
from worker.storage import Store, portal_documents

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SHOWN = PortalDocument(
    portal_id="7",
    number="BSN-2026-00009",
    recipient=SIRET,
    gross=Money(319_680),
    issue_date=date(2026, 1, 5),
    flux_number="CPP1",
    lives=True,
    raw_status="MISE_A_DISPOSITION",
    standing=Standing.BEYOND,
    first_seen_at=NOW,
    seen_at=NOW,
)
REJECTED = replace(SHOWN, lives=False, raw_status="REJETEE", seen_at=LATER)


def kept(store: Store, *documents: PortalDocument) -> list[PortalDocument]:
    """What is kept once these were shown, one after the other."""
    for document in documents:
        with writing(store) as session:
            portal_documents.keep(session, [document])
    with store.reading() as session:
        return list(portal_documents.shown(session))


def test_a_document_is_kept_as_it_was_shown(store: Store) -> None:
    """Every field of it."""
    assert kept(store, SHOWN) == [SHOWN]


def test_the_last_word_is_kept_with_the_hour_of_the_first(store: Store) -> None:
    """One row, however often it is shown."""
    assert kept(store, SHOWN, REJECTED) == [replace(REJECTED, first_seen_at=NOW)]


def test_two_numbers_under_one_identifier_are_two(store: Store) -> None:
    """A portal may mix them up."""
    other = replace(SHOWN, number="BSN-2026-00010", gross=None, issue_date=None)

    assert kept(store, SHOWN, other) == [SHOWN, other]


@pytest.mark.parametrize(
    "next_shown, closed",
    [(replace(SHOWN, seen_at=LATER), True), (REJECTED, False)],
    ids=["the same", "another"],
)
def test_what_a_person_closed_opens_again_once_it_changes(
    store: Store, next_shown: PortalDocument, *, closed: bool
) -> None:
    """Seen again as it was, it stays closed."""
    kept(store, SHOWN)
    with writing(store) as session:
        portal_documents.close(session, SHOWN, "vue avec le membre", NOW)
    (document,) = kept(store, next_shown)

    assert document.closed == closed
    with store.reading() as session:
        assert [one.number for one in portal_documents.still_beyond(session)] == (
            [] if closed else [SHOWN.number]
        )


def test_the_hour_of_the_last_whole_reading_is_kept(store: Store) -> None:
    """None before the first."""
    with store.reading() as session:
        assert portal_documents.inventory(session) is None
    for at in (NOW, LATER):
        with writing(store) as session:
            portal_documents.note_inventory(session, at)
    with store.reading() as session:
        assert portal_documents.inventory(session) == LATER


def test_what_was_unknown_before_stays_beyond_the_books(sqlite_place: Place) -> None:
    """The migration keeps what was found, and what a person said of it."""
    folder = Path(portal_documents.__file__).parent / "migrations"
    url = f"sqlite:///{sqlite_place.folder / 'older.sqlite'}"
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("sqlalchemy.url", url)
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        connection.execute(
            text(
                "INSERT INTO unknown_document VALUES ('7', 'BSN-2026-00009', :siret, 319680,"
                " '2026-01-05', 'CPP1', 'MISE_A_DISPOSITION', :at, :at, 'vue')"
            ),
            {"siret": SIRET, "at": "2026-03-02T09:00:00.000000Z"},
        )
        command.upgrade(config, "head")
        row = connection.execute(text("SELECT * FROM portal_document")).mappings().one()

    assert (row["number"], row["standing"], row["reason"]) == ("BSN-2026-00009", "beyond", "vue")
    assert row["closed_at"] == row["seen_at"]
