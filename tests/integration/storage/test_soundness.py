"""The database asked about itself, a copy that may not be written, a server that never answers."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from tests.e2e import warm
from tests.e2e.program import run
from tests.integration.conftest import Place
from tests.integration.storage.test_older_database import KEPT
from tests.support.kept_database import unpack
from tests.support.odd_files import as_a_device, as_a_folder, as_a_pipe, as_a_ring, as_a_socket
from tests.support.postgresql_server import Server
from tests.support.processes import give_up_rights
from tests.support.shared import made_once
from tests.support.storage_samples import NOW, add_members
from worker.billing.journal import EventTag
from worker.cli.commands import COMMANDS, command_line
from worker.cli.console import DONE, TO_LOOK_AT
from worker.errors import IntegrityError, StorageUnavailable
from worker.service.installation import DATA, install
from worker.service.opening import open_app
from worker.settings.keys import Data
from worker.settings.shipped import shipped
from worker.storage import Store, Upgrade, Waits, create_store, journal, open_store
from worker.storage.migration import SCHEMA

NO_DATABASE = {"demo", "validate", "sandbox", "config show", "import template"}
WRITERS = {
    *("init", "import", "park", "unpark", "check", "run", "serve"),
    *(
        "campaign open",
        "campaign close",
        "confirm",
        "accept",
        "succeed",
        "settle",
        "settlements import",
    ),
    *("titles export", "titles import", "mail references", "mail statements"),
    *("contacts correct", "contacts erase", "contacts purge"),
    *("deposit", "reconcile", "follow", "resend", "complete", "credit", "journal checkpoint"),
}
REASON = ["--reason", "essai"]
TO_WRITE = {
    **{words: [] for words in ("init", "deposit", "reconcile", "follow", "serve")},
    "journal checkpoint": [],
    **{words: ["2025"] for words in ("check", "run")},
    "campaign open": ["2025", "--yes"],
    "campaign close": ["2025", *REASON],
    **{words: ["99900001100018", "2025", *REASON] for words in ("park", "unpark", "confirm")},
    "accept": ["99900001100018", "2025", "--outside", *REASON],
    "succeed": ["99900001100018", "99900002900010", "--from", "2025-01-01", "--yes", *REASON],
    **{words: ["BSN-2026-00001", *REASON] for words in ("resend", "credit")},
    "import": ["members", "membres.csv"],
    "complete": ["BSN-2026-00001", "piece.pdf", "--comment", "voici"],
    "settle": ["BSN-2026-00001", "--on", "2026-03-01", "--amount", "1"],
    "settlements import": ["paiements.csv"],
    "titles export": ["2025", "--to", "titres.csv"],
    "titles import": ["titres.csv"],
    **{f"mail {kind}": ["2025"] for kind in ("references", "statements")},
    "contacts correct": ["99900001100018", "--name", "Camille"],
    "contacts erase": ["99900001100018", *REASON],
    "contacts purge": [],
}
"""Of each command that writes."""
ONE = "BSN-2026-00001"
NO_WAIT = 0
TO_READ = {
    **{words: [] for words in ("status", "import list", "audit deposits", "tariff list")},
    "campaign list": [],
    **{words: [] for words in ("journal verify", "journal show", "journal export")},
    **{words: ["2025"] for words in ("preview", "tariff show")},
    **{words: [ONE] for words in ("show", "audit explain", "documents portal")},
    "import show": ["members.csv"],
    "documents export": ["2025", "--to", "export"],
    "audit dossier": ["2025", "--to", "dossier"],
    "audit site": ["--to", "site"],
    "audit report": ["2025", "--to", "rapport.pdf"],
    "interest": [],
    "tariff new": ["--from", "2025", "--coefficient", "1.02", "--source", "essai"],
    "try": ["essai"],
    "contacts show": ["99900001100018"],
    "contacts export": ["99900001100018", "--to", "contact.json"],
}
"""Of each command that only reads."""


@pytest.fixture(name="older")
def _older(tmp_path: Path) -> Path:
    """An installation whose database is of an older schema; its configuration."""
    return installed(tmp_path, KEPT)


def installed(folder: Path, schema: str) -> Path:
    """The configuration of an installation whose database is a kept one."""
    original = made_once(folder.parent, "helios-place", _install)
    shutil.copytree(original, folder / "place", ignore=shutil.ignore_patterns(DATA))
    unpack(schema, folder / "place" / DATA)
    return folder / "place" / "worker.toml"


def _install(folder: Path) -> None:
    shipped_text = shipped("config/worker.toml").read_text("utf-8")
    install(folder, f'channel = "helios"\n{shipped_text}')


def typed(words: str, *arguments: str, config: Path) -> object:
    """A command, as it is typed."""
    line = [*words.split(), *arguments, "--config", str(config)]
    return command_line().main(line, standalone_mode=False)


def test_what_writes_migrates_with_a_copy_and_an_event(older: Path) -> None:
    """``init`` too; the copy is the older database, and a second one has another name."""
    data = older.parent / DATA
    with closing(sqlite3.connect(data / "worker.sqlite")) as kept:
        told = kept.execute("SELECT id, detail FROM invoice ORDER BY id").fetchall()
    (data / "worker.sqlite.0003").write_bytes(b"an earlier copy")
    typed("init", config=older)
    copy = data / "worker.sqlite.0003-2"
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
        assert kept.execute("SELECT id, detail FROM invoice ORDER BY id").fetchall() == told
    with open_app(older).reading() as session:
        *_, last = journal.events(session)

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert last.tag == EventTag.DATABASE_MIGRATED
    assert json.loads(last.payload)["copy"] == copy.name
    assert (json.loads(last.payload)["from"], json.loads(last.payload)["schema"]) == (
        "0003",
        SCHEMA,
    )
    assert (data / "worker.sqlite.0003").read_bytes() == b"an earlier copy"


def test_the_copy_before_a_migration_lets_a_writer_pass_its_readers(older: Path) -> None:
    """It is whole by itself, and in the mode in which a reader holds up nobody who writes."""
    typed("init", config=older)
    (copy,) = (older.parent / DATA).glob("worker.sqlite.*")
    with (
        closing(sqlite3.connect(copy, isolation_level=None, timeout=NO_WAIT)) as reader,
        closing(sqlite3.connect(copy, isolation_level=None, timeout=NO_WAIT)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM invoice").fetchall()
        (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        changed = writer.execute("UPDATE number_series SET last_value = last_value").rowcount

    assert (mode, changed > 0) == ("wal", True)


def without_rights(words: Sequence[str]) -> None:
    """The program of an auditor, who may not write."""
    give_up_rights()
    warm.program(words)


@pytest.mark.parametrize("in_use", [False, True])
@pytest.mark.parametrize("words", ["status", "journal verify", "journal show"])
def test_a_folder_that_may_not_be_written_is_read(older: Path, words: str, *, in_use: bool) -> None:
    """A backup mounted read-only, or the data of a running service seen by an auditor."""
    data = older.parent / DATA
    typed("init", config=older)
    with ExitStack() as stack:
        if in_use:
            other = stack.enter_context(closing(sqlite3.connect(data / "worker.sqlite")))
            other.execute("UPDATE alembic_version SET version_num = version_num")
            other.commit()
        assert bool(list(data.glob("*-wal"))) is in_use
        for path in (*data.rglob("*"), data):
            path.chmod(0o555 if path.is_dir() else 0o444)
        said = run(*words.split(), config=older, main=without_rights)
        for path in (data, *data.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)

    assert said.code in {DONE, TO_LOOK_AT}, said.err
    assert "intact" in said.out + said.err or words != "journal verify"


@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize(
    "put",
    [as_a_pipe, as_a_device, as_a_ring, as_a_folder, as_a_socket],
    ids=lambda put: put.__name__,
)
def test_what_is_no_file_beside_the_database_is_named(
    sqlite_place: Place, put: Callable[[Path], None], end: str
) -> None:
    """At its place and at that of each file which SQLite keeps beside it; nothing is waited for."""
    sqlite_place.open()
    path = sqlite_place.folder / f"worker.sqlite{end}"
    path.unlink(missing_ok=True)
    put(path)
    said = []
    for act in (open_store, partial(create_store, upgrade=Upgrade(actor="essai", now=NOW))):
        with pytest.raises(StorageUnavailable, match=re.escape(f"{path} : ")) as caught:
            act(sqlite_place.url, sqlite_place.folder)
        said.append(caught.value.remedy)

    assert not any("init" in remedy for remedy in said)


@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - NO_DATABASE))
def test_every_command_names_a_pipe_beside_the_database(older: Path, words: str) -> None:
    """Whether it reads or writes."""
    path = older.parent / DATA / "worker.sqlite-journal"
    as_a_pipe(path)
    with pytest.raises(StorageUnavailable, match=re.escape(f"{path} : ")):
        typed(words, *(TO_READ | TO_WRITE)[words], config=older)


def pages_of(database: Path) -> dict[str, int]:
    """The root page of every table and index."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 1")
        return dict(rows.fetchall())


def test_every_damaged_page_is_seen(sqlite_place: Place) -> None:
    """Of every table and every index, whatever the books read of it."""
    store = sqlite_place.open()
    add_members(store)
    store.require_sound()
    database = sqlite_place.folder / "worker.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    whole = database.read_bytes()
    unseen = []
    for name, page in pages_of(database).items():
        start = (page - 1) * size
        database.write_bytes(whole[:start] + b"\xff" * size + whole[start + size :])
        try:
            store.require_sound()
        except IntegrityError:
            continue
        unseen.append(name)
    database.write_bytes(whole)

    assert set(SQLModel.metadata.tables) <= set(pages_of(database))
    assert unseen == []


def test_a_sound_database_says_so(store: Store) -> None:
    """On both kinds, with what was just written."""
    add_members(store)
    store.require_sound()
    with store.reading() as session:
        found = session.execute(text("SELECT count(*) FROM member")).scalar()

    assert found


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that accepts, and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """A connection that leads nowhere ends in a sentence, not in a wait."""
    with silent_server() as port, pytest.raises(StorageUnavailable, match="n'est pas disponible"):
        open_store(
            f"postgresql://127.0.0.1:{port}/worker", tmp_path, waits=Waits(connect_seconds=2)
        )


def falls_silent(server: socket.socket) -> None:
    """A server that lets a client in, and never answers what it asks."""
    client, _ = server.accept()
    with client:
        while client.recv(4096)[4:8] == bytes.fromhex("04d2162f"):  # it asks for TLS: no
            client.sendall(b"N")
        told = {b"server_version": b"16.0", b"client_encoding": b"UTF8"}
        client.sendall(b"R" + (8).to_bytes(4) + bytes(4))
        for name, value in told.items():
            said = name + b"\0" + value + b"\0"
            client.sendall(b"S" + (4 + len(said)).to_bytes(4) + said)
        client.sendall(b"K" + (12).to_bytes(4) + bytes(8) + b"Z" + (5).to_bytes(4) + b"I")
        while client.recv(4096):
            pass


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    """Its own bounds are worth nothing then: ours is a little longer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = Thread(target=falls_silent, args=(server,))
        silent.start()
        url = f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/worker?sslmode=prefer"
        with pytest.raises(StorageUnavailable, match="aucune réponse en 2 s"):
            open_store(url, tmp_path, waits=Waits(statement_seconds=1))
        silent.join()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that is there, and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def ask_once_stopped(store: Store) -> None:
    """A first question is answered; then the process that answers is stopped."""
    with ExitStack() as ended, store.reading() as session:
        pid = int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())
        ended.enter_context(stopped(pid))
        session.execute(text("SELECT 1"))


def test_a_real_server_that_falls_silent_is_given_up(postgresql_place: Place) -> None:
    """PostgreSQL itself, stopped between two statements of a connection that it accepted."""
    store = open_store(
        postgresql_place.url, postgresql_place.folder, waits=Waits(statement_seconds=1)
    )
    postgresql_place.opened.append(store)
    with pytest.raises(StorageUnavailable, match="aucune réponse en 2 s"):
        ask_once_stopped(store)


def test_a_real_server_that_lets_nobody_in_is_given_up(
    postgresql: Server, postgresql_place: Place
) -> None:
    """The system accepts the connection in its place, and it never says a word."""
    pid = int((postgresql.folder / "data" / "postmaster.pid").read_text().split()[0])
    with stopped(pid), pytest.raises(StorageUnavailable, match="n'est pas disponible"):
        open_store(postgresql_place.url, postgresql_place.folder, waits=Waits(connect_seconds=2))
    store = postgresql_place.open()

    assert store.archive.is_empty()


def test_a_statement_that_never_ends_is_given_up(postgresql_place: Place) -> None:
    """The bound is the server's own, set on each connection."""
    store = open_store(
        postgresql_place.url, postgresql_place.folder, waits=Waits(statement_seconds=1)
    )
    postgresql_place.opened.append(store)
    with pytest.raises(StorageUnavailable, match="timeout"), store.reading() as session:
        session.execute(text("SELECT pg_sleep(600)"))


def test_each_wait_is_a_setting_with_the_same_default() -> None:
    """What the program waits for is what the configuration says."""
    assert {one.name: one.default for one in fields(Waits)} == {
        name: Data.model_fields[name].default for name in Data.model_fields if "seconds" in name
    }
