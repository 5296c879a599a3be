"""What is SQLite's alone: how the file is opened, who may read it, and a disk that refuses."""

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from chaos import pace
from tests.e2e import warm
from tests.e2e.program import Said, environment
from tests.integration.conftest import Place
from tests.support.odd_files import as_a_device, as_a_folder, as_a_pipe, as_a_socket
from tests.support.processes import give_up_rights
from tests.support.storage_samples import UPGRADE, add_members, counts, writing
from worker.billing.journal import EventTag, verify
from worker.errors import StorageUnavailable
from worker.imports import ImportKind
from worker.storage import Archive, Store, Waits, create_store, journal, open_store, source_files


def _run(script: str, *arguments: object, prefix: Sequence[str] = ()) -> str:
    """What another program prints; it must end well."""
    return subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=pace.limit(60),
    ).stdout


def _modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }


def _series(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.execute(text("SELECT series FROM number_series")).scalars())


def _add_series(store: Store, name: str) -> None:
    with writing(store) as tx:
        tx.execute(text("INSERT INTO number_series VALUES (:name, 0)"), {"name": name})


def test_the_file_is_whole_by_itself_between_two_acts(sqlite_place: Place) -> None:
    """A plain copy of it has everything, whatever was done at work before."""
    store = open_store(sqlite_place.url, sqlite_place.folder)
    copy = sqlite_place.folder / "copy.sqlite"
    _add_series(store, "A")
    with store.at_work():
        _add_series(store, "B")
        with store.at_work():
            _add_series(store, "C")
        kept_open = list(sqlite_place.folder.glob("*-wal"))
    shutil.copyfile(sqlite_place.folder / "worker.sqlite", copy)

    assert kept_open != []
    assert list(sqlite_place.folder.glob("*-wal")) == []
    assert _series(open_store(f"sqlite:///{copy}", sqlite_place.folder)) == ["A", "B", "C"]


def test_another_file_put_in_its_place_is_the_one_that_is_used(sqlite_place: Place) -> None:
    """A backup restored while the database is kept open: nothing more goes into the old file."""
    store = sqlite_place.open()
    file = sqlite_place.folder / "worker.sqlite"
    shutil.copyfile(file, sqlite_place.folder / "backup.sqlite")
    with store.at_work():
        _add_series(store, "lost")
        for left in sqlite_place.folder.glob("*-wal"):
            left.unlink()
        (sqlite_place.folder / "backup.sqlite").replace(file)
        _add_series(store, "kept")
        found = _series(store)

    assert found == ["kept"]


def test_every_connection_is_set_for_safety(sqlite_place: Place) -> None:
    """Write-ahead log, full synchronisation, foreign keys and a wait, on each connection."""
    store = sqlite_place.open(busy_seconds=7)
    for _ in range(2):
        with store.reading() as session:
            values = {
                pragma: session.execute(text(f"PRAGMA {pragma}")).scalar()
                for pragma in (
                    "journal_mode",
                    "synchronous",
                    "foreign_keys",
                    "trusted_schema",
                    "busy_timeout",
                )
            }
        assert values == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "trusted_schema": 0,
            "busy_timeout": 7000,
        }


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """Folders 0700 and files 0600, the log and its index included, whatever the umask."""
    folder = tmp_path / "donnees"
    old = os.umask(0)
    try:
        store = create_store(f"sqlite:///{folder / 'worker.sqlite'}", folder, UPGRADE)
        with writing(store) as session:
            session.execute(text("INSERT INTO number_series VALUES ('BSN', 1)"))
            store.archive.put(b"une facture")
            modes = _modes(folder)
    finally:
        os.umask(old)
    files = {name: mode for name, mode in modes.items() if (folder / name).is_file()}

    assert {"worker.sqlite-wal", "worker.sqlite-shm"} <= set(modes)
    assert set(files.values()) <= {0o600}
    assert {mode for name, mode in modes.items() if name not in files} <= {0o700, 0o600}
    assert modes["."] == modes["archive"] == 0o700


@pytest.mark.parametrize("name", ["Données d'été", "100 % juste", "a#b&c=d", "%41", "quoi ?"])
def test_folders_have_the_names_people_give(tmp_path: Path, name: str) -> None:
    """Accents, spaces, apostrophes and percent signs: the file is where it was asked for."""
    folder = tmp_path / name
    create_store(f"sqlite:///{quote(str(folder / 'worker.sqlite'))}", folder, UPGRADE)

    assert (folder / "worker.sqlite").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be: said with its path."""
    (tmp_path / "donnees").write_text("déjà pris")
    with pytest.raises(StorageUnavailable, match=str(tmp_path / "donnees")):
        create_store(
            f"sqlite:///{tmp_path / 'donnees' / 'worker.sqlite'}", tmp_path / "donnees", UPGRADE
        )


def test_another_program_holding_the_file_is_waited_for_then_said(sqlite_place: Place) -> None:
    """A lock taken by another process is told in French within the time asked."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(sqlite_place.folder / "worker.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StorageUnavailable, match="occupée par un autre programme"):
            add_members(sqlite_place.open(busy_seconds=1))
        assert holder.stdin is not None
        holder.stdin.close()
        assert pace.ended(holder, seconds=10) == 0
    add_members(sqlite_place.open())


def _write_one(words: Sequence[str]) -> None:
    """Write a member or a document without root's rights, and print what is refused."""
    give_up_rights()
    folder = Path(words[1])
    try:
        if words[0] == "archive":
            Archive(folder / "archive").put(b"une facture")
        else:
            add_members(open_store(f"sqlite:///{folder / 'worker.sqlite'}", folder))
    except StorageUnavailable as error:
        sys.stdout.write(error.message)


@pytest.mark.parametrize("name, mode", [("worker.sqlite", 0o444), ("archive", 0o555)])
def test_a_read_only_folder_is_said(sqlite_place: Place, name: str, mode: int) -> None:
    """A user who may read but not write is told so, for the database and for the archive."""
    folder = sqlite_place.folder
    (folder / name).chmod(mode)
    folder.chmod(0o555)
    said = Said(*warm.run((name, str(folder)), environment(), None, _write_one))
    folder.chmod(0o755)

    assert "n'a pas le droit d'écrire" in said.out, said.err
    assert str(folder / name) in said.out


FILLING = """
import resource, sys
from pathlib import Path
from tests.support.storage_samples import SIRET, bring_rows
from worker.errors import StorageUnavailable
from worker.imports import ImportKind
from worker.storage import open_store

folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder / 'worker.sqlite'}", folder)
rows = [
    f"{SIRET};service-{n};;2025-{m:02d};7" for n in range(1000) for m in range(1, 13)
]
room = (folder / "worker.sqlite").stat().st_size + 300_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
for attempt in (
    lambda: bring_rows(store, Path(sys.argv[2]), ImportKind.USAGE, *rows),
    lambda: store.archive.put(bytes(room + 1)),
):
    try:
        attempt()
    except StorageUnavailable as error:
        print(type(error.__cause__).__name__, error.remedy)
"""
"""Adds a file of usage, then one of the archive, where neither has room."""


def test_a_full_disk_undoes_the_whole_import(sqlite_place: Place, tmp_path: Path) -> None:
    """When no byte can be added any more: unavailable, and not one row of the file is there."""
    store = sqlite_place.open()
    add_members(store)
    with writing(store) as session:
        session.journal(EventTag.RUN_STARTED, "2025")
    before = _state(store)
    printed = _run(
        FILLING,
        sqlite_place.folder,
        tmp_path,
    )
    database, archive = printed.splitlines()
    assert "rien n'a été fait à moitié" in database
    assert "OSError" in archive
    assert _state(store) == before
    # Kept before the lock was taken: a piece that no row names, there for the next attempt.
    brought = hashlib.sha256((tmp_path / "usage.csv").read_bytes()).hexdigest()
    kept = [path.name for path in store.archive.folder.rglob("*") if path.is_file()]
    assert kept == [brought]
    with store.reading() as session:
        assert verify(journal.events(session), journal.head(session)) == ()
        assert not source_files.known(session, ImportKind.USAGE.value, brought)


def _state(store: Store) -> dict[str, int]:
    with store.reading() as session:
        return {**counts(session), "journal": journal.head(session).seq}


@pytest.mark.parametrize("replaced", [as_a_pipe, as_a_device, as_a_folder, as_a_socket])
@pytest.mark.parametrize("act", ["open", "create"])
def test_what_is_no_file_is_never_told_as_an_absent_database(
    tmp_path: Path, replaced: Callable[[Path], None], act: str
) -> None:
    """Neither opened, which would wait for ever, nor replaced."""
    path = tmp_path / "worker.sqlite"
    replaced(path)
    url = f"sqlite:///{quote(str(path))}"
    with pytest.raises(StorageUnavailable, match=str(path)):
        open_store(url, tmp_path) if act == "open" else create_store(url, tmp_path, UPGRADE)


def mode_of(database: Path) -> str:
    """How the file itself says that it is written."""
    with closing(sqlite3.connect(database)) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def test_a_copy_in_another_mode_is_busy_while_it_is_read_then_written(
    sqlite_place: Place,
) -> None:
    """A backup that a person made: the first writer waits for its readers, as for a writer."""
    store = sqlite_place.open()
    database = sqlite_place.folder / "worker.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(database.with_name("copy")),))
    database.with_name("copy").replace(database)
    restored = open_store(sqlite_place.url, sqlite_place.folder, waits=Waits(busy_seconds=1))
    with restored.reading() as session:
        session.execute(text("SELECT * FROM number_series")).all()
        with pytest.raises(StorageUnavailable, match="occupée"):
            _add_series(restored, "A")
    _add_series(restored, "B")

    assert (_series(restored), mode_of(database)) == (["B"], "wal")
    assert store.archive.is_empty()
