"""Tampered dossiers and databases: each published one gives its findings, from both verifiers."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dossiers import play_small, unpack, write_dossier
from tests.support.offices import Desk, open_desk
from tests.support.tampering import (
    Books,
    Database,
    Folder,
    Tampering,
    numbers,
    placed,
    published,
    resolved,
    tamper,
)
from worker.audit.dossier import verify
from worker.audit.verification import verify as verify_journal
from worker.billing.journal import EventTag, JournalEvent
from worker.errors import IntegrityError
from worker.storage import journal
from worker.storage.alterations import require_intact

PUBLISHED = published()
OF_DATABASES = [one for one in PUBLISHED if one.only != "dossier"]


def names(one: Tampering) -> str:
    """What a test is called after."""
    return one.name


@pytest.fixture(name="sound", scope="module")
def _sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published sound dossier, never changed."""
    return unpack(tmp_path_factory.mktemp("sound") / "dossier")


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The office of which such a dossier is, with its data beside as they were."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("books"), issued=4)
    play_small(desk)
    desk.app.store.engine.dispose()
    shutil.copytree(desk.app.configuration.data_folder, desk.folder / "sound")
    return desk


@pytest.fixture(name="books")
def _books(desk: Desk) -> Iterator[Database]:
    """The data of the office, to be tampered with; as they were afterwards."""
    data = desk.app.configuration.data_folder
    yield Database(data)
    desk.app.store.engine.dispose()
    shutil.rmtree(data)
    shutil.copytree(desk.folder / "sound", data)


def do(books: Books, tampering: Tampering) -> dict[str, int]:
    """Tamper; returns the numbers of the events as they were."""
    seqs = numbers(books)
    tamper(books, [resolved(edit, seqs) for edit in tampering.edit])
    return seqs


def of_sound(books: Folder) -> dict[str, list[Any]]:
    """What was noted elsewhere of a dossier before anything was done to it."""
    (head,) = books.load("journal_head")
    place = "checkpoints.jsonl, ligne 1"
    seal = json.loads((books.folder / verify.MANIFEST).read_text("utf-8"))["sha256"]
    return {
        "heads": [head["hash"]],
        "checkpoints": [verify.Checkpoint(head["seq"], head["hash"], "{}", place)],
        "manifests": [seal],
    }


def desk_events(desk: Desk) -> list[JournalEvent]:
    """The whole journal."""
    with desk.app.reading() as session:
        return list(journal.events(session))


def told(dossier: verify.Dossier) -> set[str]:
    """Code and place of each finding."""
    return {f"{one.code} {one.where}" for one in dossier.findings}


def test_the_sound_dossier_is_sound(sound: Path) -> None:
    """As it was given away once, with its journal, rows, documents and tables."""
    dossier, story = verify.verify(str(sound))

    assert dossier.findings == []
    assert len(story.told) == 5
    assert len(dossier.files) > 20


def test_the_dossier_that_is_written_now_is_sound(desk: Desk, tmp_path: Path) -> None:
    """So are the books that it is of."""
    dossier, story = verify.verify(str(write_dossier(desk, tmp_path / "dossier")))

    assert dossier.findings == []
    assert len(story.told) == 5
    assert verify_journal(desk.app).findings == ()


@pytest.mark.parametrize("tampering", PUBLISHED, ids=names)
def test_a_tampered_dossier_gives_its_findings(
    sound: Path, tmp_path: Path, tampering: Tampering
) -> None:
    """What each must give; nothing without a note where only a note tells."""
    books = Folder(shutil.copytree(sound, tmp_path / "dossier"))
    noted = of_sound(books) if tampering.noted else {}
    seqs = do(books, tampering)
    if tampering.sealed:
        books.seal()
    found = told(verify.verify(str(books.folder))[0])
    known = told(verify.verify(str(books.folder), **noted)[0]) if noted else set()

    assert placed(tampering.both + tampering.dossier, seqs) <= found
    assert set(tampering.noted) <= known
    assert not (tampering.noted and found)


@pytest.mark.parametrize("tampering", OF_DATABASES, ids=names)
def test_a_tampered_database_gives_the_same_findings(
    desk: Desk, books: Database, tampering: Tampering
) -> None:
    """From « journal verify »; where only a noted end tells, there is nothing else."""
    (head,) = books.load("journal_head")
    seqs = do(books, tampering)
    found = verify_journal(desk.app, head["hash"] if tampering.noted else None).findings

    assert placed(tampering.both, seqs) <= {f"{one.code} {one.where}" for one in found}
    assert not tampering.noted or {one.code for one in found} == {"JOURNAL-HEAD"}


def test_the_program_goes_on_over_a_payload_that_was_erased(desk: Desk, books: Database) -> None:
    """Whatever reads the journal does; in silence, nothing is added to it."""
    erased = {one.name: one for one in PUBLISHED if one.name.startswith("payload-erased")}
    do(books, erased["payload-erased"])
    with desk.app.transaction() as tx:
        require_intact(tx)
        tx.journal(EventTag.RUN_STARTED, "2025")
    told = [event.payload for event in desk_events(desk)]

    assert told.count("") == 1
    assert verify_journal(desk.app).findings[0].code == "JOURNAL-ERASED"


def test_nothing_is_added_over_a_payload_that_was_erased_in_silence(
    desk: Desk, books: Database
) -> None:
    """The check before every act names the event."""
    silent = next(one for one in PUBLISHED if one.name == "payload-erased-in-silence")
    do(books, silent)
    with desk.app.reading() as session, pytest.raises(IntegrityError, match="contenu a été modif"):
        require_intact(session)


def test_the_published_tamperings_are_many_and_each_is_told() -> None:
    """Twenty at least; each says in French what was done, and has something that tells of it."""
    kinds = {one.name for one in PUBLISHED}

    assert len(kinds) == len(PUBLISHED) >= 40
    assert all(one.did.endswith(".") for one in PUBLISHED)
    assert all(one.both or one.dossier or one.noted for one in PUBLISHED)


def test_codes_of_the_findings_are_those_of_the_registry() -> None:
    """What the table expects has the form of a code and a place."""
    codes = {found.split()[0] for one in PUBLISHED for found in one.both + one.dossier + one.noted}

    assert codes >= {"JOURNAL-BROKEN", "ROW-ALTERED", "BOOKS-DIFFER", "DOSSIER-TABLE"}
    assert json.dumps(sorted(codes)).isascii()
