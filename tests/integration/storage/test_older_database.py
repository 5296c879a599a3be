"""A database of the schema before troubles: it opens, its sentences are values, its books hold."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

import worker.storage.store
from tests.support.kept_database import unpack
from tests.support.postgresql_server import Server
from tests.support.storage_samples import UPGRADE
from worker.audit.verification import verify_books
from worker.billing.journal import verify
from worker.billing.status import InvoiceStatus, Trouble
from worker.storage import Store, invoices, journal, open_store

KEPT = "0003"
"""Made by the program of that schema from its demonstration: the database and its archive."""
S, T = InvoiceStatus, Trouble
TROUBLES = {
    "BSN-2026-00001": (S.SETTLED, T.NONE, "payée"),
    "BSN-2026-00002": (S.CANCELLED, T.NONE, ""),
    "AVOIR-2026-00001": (S.INTEGRATED, T.NONE, ""),
    "BSN-2026-00003": (S.INTEGRATED, T.UNKNOWN_WORD, "UN_MOT_DE_2029"),
    "BSN-2026-00004": (S.REFUSED, T.NUMBER_TAKEN, "99980903100019, 16\u202f801,21\xa0€"),
    "BSN-2026-00005": (S.DEPOSITED, T.INCIDENT, ""),
    "BSN-2026-00006": (S.REFUSED, T.FILE_REFUSED, "IN_REJETE"),
    "BSN-2026-00007": (S.UNKNOWN, T.DUPLICATE_REFUSED, "Doublon de facture"),
    "BSN-2026-00008": (S.UNKNOWN, T.INTERRUPTED, ""),
    "BSN-2026-00009": (S.UNKNOWN, T.GIVEN_UP, "rien dans « Suivi des flux »"),
    "BSN-2026-00010": (S.DEPOSITED, T.NOT_SHOWN_YET, ""),
    "BSN-2026-00011": (S.ISSUED, T.NONE, ""),
}
SENTENCES = [
    (
        "son lot CPP00110000001 a été rejeté en entier : elle sera déposée seule",
        T.LOT_REFUSED,
        "CPP00110000001",
    ),
    ("Chorus Pro annonce un état inconnu de ce programme : aucun", T.UNKNOWN_WORD, ""),
    ("le flux CPP00110000001 est resté sans suite : a\nb", T.GIVEN_UP, "a\nb"),
    ("incident technique chez le trésorier", T.NONE, "incident technique chez le trésorier"),
]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return unpack(KEPT, tmp_path)


@pytest.fixture(name="store")
def _store(folder: Path) -> Iterator[Store]:
    found = open_store(f"sqlite:///{folder / 'worker.sqlite'}", folder, upgrade=UPGRADE)
    yield found
    found.engine.dispose()


def test_what_the_sentences_said_is_a_value(store: Store) -> None:
    """Each trouble is read once; what stays is the words of the portal or of a person."""
    with store.reading() as session:
        found = invoices.tracked(session)

    assert {
        one.number: (one.status, one.trouble, one.detail) for one in found if one.number
    } == TROUBLES
    assert {one.status for one in found if not one.number} == {S.PARKED}


def test_what_people_read_is_what_it_was(folder: Path) -> None:
    """The French of each trouble is the sentence that was stored."""
    with closing(sqlite3.connect(folder / "worker.sqlite")) as before:
        told = dict(before.execute("SELECT id, detail FROM invoice"))

    store = open_store(f"sqlite:///{folder / 'worker.sqlite'}", folder, upgrade=UPGRADE)
    with store.reading() as session:
        found = invoices.tracked(session)
    store.engine.dispose()

    assert {one.id: one.french_detail for one in found} == told


def test_its_journal_and_its_books_hold(store: Store) -> None:
    """The chain is whole, and invoices, credit notes and archive are those of the journal."""
    with store.reading() as session:
        broken = verify(journal.events(session), journal.head(session))

    assert broken == ()
    assert verify_books(store) == ()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_sentence_is_read_on_both_databases(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A sentence of ours becomes its value; the words of others stay as they are."""
    url = f"sqlite:///{tmp_path / 'worker.sqlite'}"
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.create("older_sentences")
    of_schema_3(url, [sentence for sentence, _, _ in SENTENCES])

    store = open_store(url, tmp_path, upgrade=UPGRADE)
    with store.reading() as session:
        found = [(one.trouble, one.detail) for one in invoices.tracked(session)]
    store.engine.dispose()

    assert found == [(trouble, detail) for _, trouble, detail in SENTENCES]


def of_schema_3(url: str, sentences: list[str]) -> None:
    """A database of the schema 0003, with an invoice for each sentence."""
    folder = Path(worker.storage.store.__file__).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    engine = create_engine(url)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text(
                "INSERT INTO source_file (id, kind, name, sha256, size, rows, imported_at) VALUES "
                "(1, 'members', 'membres.csv', '0', 0, 1, '2026-01-05T09:00:00.000000Z')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO member VALUES "
                "('99900007800017', 'CC', '1 rue', '', '82400', 'Ville', 'FR', '', 'C', 1, 2)"
            )
        )
        for rank, sentence in enumerate(sentences, start=1):
            connection.execute(
                text(
                    "INSERT INTO invoice (siret, member_name, year, status, status_since, "
                    "total_cents, number, version, findings, flux_number, portal_status, detail, "
                    "checks) VALUES ('99900007800017', 'CC', :year, 'issued', "
                    "'2026-01-05T09:00:00.000000Z', 100, :number, 1, '[]', '', '', :detail, 0)"
                ),
                {"year": 2000 + rank, "number": f"BSN-{rank}", "detail": sentence},
            )
        connection.commit()
    engine.dispose()
