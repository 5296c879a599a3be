"""Reading only: write-protected data, data without configuration, data of an older release.

Every command that reads is tried on each, in a process without rights, and writes nothing.
"""

import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
import typer
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from tests.e2e import warm
from tests.e2e.program import Said, run
from tests.integration.storage.test_older_database import SENTENCES, of_schema_3
from tests.integration.storage.test_soundness import (
    NO_DATABASE,
    WRITERS,
    installed,
    pages_of,
    typed,
    without_rights,
)
from tests.support.kept_database import schemas, unpack
from tests.support.postgresql_server import Server
from tests.support.processes import give_up_rights
from tests.support.storage_samples import writing
from worker.billing.journal import EventTag
from worker.cli.commands import COMMANDS, command_line, commands
from worker.cli.console import DONE, TO_LOOK_AT
from worker.cli.typer_french import explain
from worker.errors import ConfigurationError, IntegrityError, StorageUnavailable
from worker.service.installation import DATA
from worker.storage import Store, invoices, open_folder, open_reading
from worker.storage.migration import SCHEMA

CONFIGURED = {
    *("preview", "documents portal", "audit report", "interest", "tariff new", "try"),
}
"""They write nothing, and say nothing without the seller, the tariffs or the portal."""
ARGUMENTS = {
    "status": ([], ["--todo"]),
    "show": (["BSN-2026-00001"],),
    "tariff list": ([],),
    "tariff show": (["2025"],),
    "documents export": (["2025", "--to", "export"],),
    "journal show": ([],),
    "journal verify": ([],),
    "journal export": ([],),
    "campaign list": ([],),
    "import list": ([],),
    "import show": (["members.csv"],),
    "audit deposits": ([],),
    "audit explain": (["BSN-2026-00001"],),
    "audit dossier": (["2025", "--to", "dossier"],),
    "audit site": (["--to", "site"],),
    "contacts show": (["99900007800017"],),
    "contacts export": (["99900007800017", "--to", "contact.json"],),
}
"""Of each command that has ``--data``."""
FEW = ("status", "journal verify", "documents export")
ENDED = "=> "
FIRST_KEPT = 6
Tree = dict[str, tuple[int, int, bytes]]


def reading() -> set[str]:
    """The commands that have ``--data``."""
    return {
        words
        for words, command in commands().items()
        if any("--data" in parameter.opts for parameter in command.params)
    }


def tree(folder: Path) -> Tree:
    """Everything of a folder: mode, time of its last change, content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    }


def every_reading(words: Sequence[str]) -> None:
    """Each reading command, one after the other, by somebody who may not write."""
    _type_in_turn(ARGUMENTS, words)


def few_readings(words: Sequence[str]) -> None:
    """The same, with three that read least, most, and write beside."""
    _type_in_turn(FEW, words)


def _type_in_turn(lines: Iterable[str], words: Sequence[str]) -> None:
    give_up_rights()
    for line in lines:
        for arguments in ARGUMENTS[line]:
            code: object = None
            try:
                warm.program([*line.split(), *arguments, *words])
            except SystemExit as end:
                code = end.code
            sys.stderr.write(f"{ENDED}{line} {code}\n")
            for written in ("export", "dossier", "site"):
                shutil.rmtree(written, ignore_errors=True)
            Path("contact.json").unlink(missing_ok=True)


def free(_data: Path) -> None:
    """Whatever its owner may do."""


def file_shut(data: Path) -> None:
    """The database alone may not be written."""
    (data / "worker.sqlite").chmod(0o444)


def folder_shut(data: Path) -> None:
    """Nothing may be written: a backup that is mounted read-only."""
    for path in (*data.rglob("*"), data):
        path.chmod(0o555 if path.is_dir() else 0o444)


def foreign(data: Path) -> None:
    """All of it is another user's, who lets others read."""
    for path in (*data.rglob("*"), data):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if not os.geteuid():
            os.chown(path, 65534, 65534)
    if os.geteuid():
        folder_shut(data)


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Path]:
    """A folder that can be removed at the end, whatever was shut in it."""
    yield tmp_path
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def aside(place: Path, name: str) -> Path:
    """An empty folder beside the data."""
    folder = place / name
    folder.mkdir()
    return folder


def test_every_command_reads_or_writes() -> None:
    """A new command is in one of the lists, and one that reads is tried below."""
    lists = (reading(), WRITERS, NO_DATABASE, CONFIGURED)

    assert sorted(words for one in lists for words in one) == sorted(COMMANDS)
    assert ARGUMENTS.keys() == reading()


def test_every_release_is_kept() -> None:
    """Of each schema since they are kept, up to the last one but ours, there is a database."""
    since = {f"{number:04d}" for number in range(FIRST_KEPT, int(SCHEMA))}

    assert since <= set(schemas())
    assert {schema for schema in schemas() if schema > SCHEMA} == set()


@pytest.mark.parametrize("shut", [free, file_shut, folder_shut, foreign])
@pytest.mark.parametrize("schema", schemas())
def test_a_data_folder_is_read_by_itself(
    place: Path, schema: str, shut: Callable[[Path], None]
) -> None:
    """Reading commands, without configuration: each answers, and nothing is touched.

    Every command is tried on each release, and in each state; few in each state of each release.
    """
    data, here, temporary = (aside(place, name) for name in ("data", "here", "tmp"))
    unpack(schema, data)
    shut(data)
    before = tree(data)
    whole = shut is folder_shut or schema == schemas()[-1]
    main = every_reading if whole else few_readings
    said = run("--data", data, cwd=here, env={"TMPDIR": str(temporary)}, main=main)

    assert tree(data) == before
    assert (list(here.iterdir()), list(temporary.iterdir())) == ([], [])
    assert unanswered(said, ARGUMENTS if whole else FEW) == []
    assert (f"Base de la version {schema} lue par une copie" in said.err) is (schema != SCHEMA)


@pytest.mark.parametrize("shut", [free, folder_shut])
def test_an_older_database_is_read_by_its_configuration(
    place: Path, shut: Callable[[Path], None]
) -> None:
    """The same for the installation that has it; ``preview`` too."""
    config, here = installed(place, schemas()[0]), aside(place, "here")
    shut(config.parent / DATA)
    before = tree(config.parent / DATA)
    said = run(config=config, cwd=here, main=every_reading)
    preview = run("preview", "2025", config=config, cwd=here, main=without_rights)

    assert tree(config.parent / DATA) == before
    assert unanswered(said) == []
    assert preview.code in {DONE, TO_LOOK_AT}, preview.err


def unanswered(said: Said, lines: Iterable[str] = ARGUMENTS) -> list[str]:
    """The commands that did not end well; all that was said, when there is one."""
    ends = [line for line in said.err.splitlines() if line.startswith(ENDED)]

    assert len(ends) == sum(len(ARGUMENTS[line]) for line in lines), said.err
    bad = [end for end in ends if not end.endswith((f" {DONE}", f" {TO_LOOK_AT}"))]
    sound = f"{ENDED}journal verify {DONE}" in ends and "Traceback" not in said.err
    return [*bad, said.err] if bad or not sound else []


@pytest.mark.parametrize("by_configuration", [False, True])
@pytest.mark.parametrize("shut", [free, folder_shut])
@pytest.mark.parametrize("ends", [("",), ("", "-wal"), ("", "-wal", "-shm")])
def test_a_copy_made_while_in_use_is_read(
    place: Path, ends: Sequence[str], shut: Callable[[Path], None], *, by_configuration: bool
) -> None:
    """Of the file alone, of its log too, of all three: what was committed by then is there."""
    config, here = current(place), aside(place, "here")
    data, kept = config.parent / DATA, config.parent / "kept"
    data.rename(kept)
    shutil.copytree(kept, data, ignore=shutil.ignore_patterns("worker.sqlite*"))
    with closing(sqlite3.connect(kept / "worker.sqlite")) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE invoice SET portal_status = 'SU_PAR_LE_JOURNAL'")
        other.commit()
        for end in ends:
            shutil.copyfile(kept / f"worker.sqlite{end}", data / f"worker.sqlite{end}")
    shut(data)
    before = tree(data)
    named = ["--config", str(config)] if by_configuration else ["--data", str(data)]
    said = run("status", *named, cwd=here, main=without_rights)

    assert said.code in {DONE, TO_LOOK_AT}, said.err
    assert ("SU_PAR_LE_JOURNAL" in said.out) is (len(ends) > 1)
    # The owner of an installation that may be written recovers it, as every command of his does.
    assert tree(data) == before or (by_configuration and shut is free)


def test_a_copy_has_no_name(tmp_path: Path) -> None:
    """While it is read already: nothing is left of it, however the program ends."""
    unpack(schemas()[0], tmp_path)
    before = set(Path(tempfile.gettempdir()).glob("chorus-worker-base-*"))
    store = open_folder(tmp_path)
    with store.reading() as session, store.reading() as another:
        found = [len(invoices.tracked(one)) for one in (session, another)]

    assert found[0] == found[1] > 0
    assert set(Path(tempfile.gettempdir()).glob("chorus-worker-base-*")) <= before
    with pytest.raises(StorageUnavailable, match="readonly"), writing(store) as tx:
        tx.journal(EventTag.HOLD_PLACED, "rien")


def _without_room(words: Sequence[str], most: int) -> None:
    """The program where no file can be larger; what it says is kept aside until its end."""
    _, hard = getrlimit(RLIMIT_FSIZE)
    said, sys.stderr = sys.stderr, io.StringIO()
    tempfile.tempdir = None  # looked for again
    setrlimit(RLIMIT_FSIZE, (most, hard))
    try:
        warm.program(words)
    finally:
        setrlimit(RLIMIT_FSIZE, (hard, hard))
        said.write(sys.stderr.getvalue())
        sys.stderr = said


def _on_a_full_disk(words: Sequence[str]) -> None:
    _without_room(words, 100_000)


def _on_no_disk(words: Sequence[str]) -> None:
    _without_room(words, 0)


@pytest.mark.parametrize(
    "main,told", [(_on_a_full_disk, "ne tient pas dans"), (_on_no_disk, "aucun dossier")]
)
def test_a_copy_without_room_is_a_sentence(tmp_path: Path, main: warm.Main, told: str) -> None:
    """It names the folder, if there is one, and the variable that names another."""
    unpack(schemas()[0], tmp_path)
    said = run("status", "--data", tmp_path, main=main)

    assert said.code == StorageUnavailable.exit_code, said.err
    assert told in said.err
    assert "TMPDIR" in said.err
    assert "Traceback" not in said.err


def test_a_database_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    """Without a lock, two instants would be taken for one: the reading is given up."""
    file = tmp_path / "worker.sqlite"
    shutil.copyfile(current(tmp_path).parent / DATA / file.name, file)
    store = open_folder(tmp_path)
    with pytest.raises(StorageUnavailable, match="a changé pendant la lecture"):
        read_while(store, lambda: execute(file, "CREATE TABLE another (id INTEGER)"))
    with store.reading() as session:
        found = session.execute(text("SELECT count(*) FROM another")).scalar()

    assert found == 0


def read_while(store: Store, happens: Callable[[], None]) -> None:
    """A reading during which something else happens."""
    with store.reading() as session:
        invoices.tracked(session)
        happens()


def execute(file: Path, statement: str) -> None:
    """Another program writes into a database."""
    with closing(sqlite3.connect(file)) as other:
        other.execute(statement)
        other.commit()


def current(folder: Path) -> Path:
    """The configuration of an installation whose database is of our own schema."""
    config = installed(folder, schemas()[-1])
    typed("init", config=config)
    return config


def test_a_damaged_older_database_is_told(tmp_path: Path) -> None:
    """Whichever page it is: never a defect, never an answer."""
    file = unpack(schemas()[0], tmp_path) / "worker.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    whole, unseen = file.read_bytes(), []
    for name, page in pages_of(file).items():
        start = (page - 1) * size
        file.write_bytes(whole[:start] + b"\xff" * size + whole[start + size :])
        os.utime(file, (0, 0))
        try:
            open_folder(tmp_path)
        except IntegrityError:
            continue
        unseen.append(name)

    assert unseen == []


@pytest.mark.parametrize("shut", [free, folder_shut])
def test_a_newer_database_stays_refused(place: Path, shut: Callable[[Path], None]) -> None:
    """Its schema is not known here: the sentence says what to install."""
    data = unpack(schemas()[-1], aside(place, "data"))
    execute(data / "worker.sqlite", "UPDATE alembic_version SET version_num = '9999'")
    shut(data)
    before = tree(data)
    said = run("status", "--data", data, main=without_rights)

    assert said.code == ConfigurationError.exit_code
    assert "version plus récente" in said.err
    assert tree(data) == before


def test_what_a_folder_alone_does_not_say_is_told(tmp_path: Path) -> None:
    """The channel, the grids that did not serve, the rows that an older journal does not prove."""
    unpack(schemas()[0], tmp_path)
    status = run("status", "--data", tmp_path)
    grids = run("tariff", "list", "--data", tmp_path)
    journal = run("journal", "verify", "--data", tmp_path)

    assert "le canal n'est pas connu" in status.err
    assert "seules sont connues les grilles qui ont servi" in grids.err
    assert "Non couvert : les lignes de la base une à une" in journal.out


@pytest.mark.parametrize("words", sorted(COMMANDS.keys() - reading() - {"sandbox"}))
def test_other_commands_refuse_a_folder_alone(tmp_path: Path, words: str) -> None:
    """They write, ask the portal or need the seller: a sentence says so."""
    with pytest.raises(typer.TyperException) as caught:
        command_line().main([*words.split(), "--data", str(tmp_path)], standalone_mode=False)

    assert "ont l'option --data" in explain(caught.value)


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_database_is_named(tmp_path: Path, *, there: bool) -> None:
    """With what it should hold."""
    folder = tmp_path / "data"
    if there:
        folder.mkdir()
    said = run("status", "--data", folder)

    assert said.code == ConfigurationError.exit_code
    assert f"dans le dossier {folder}" in said.err
    assert "--config" in said.err


def test_a_folder_alone_and_a_configuration_are_one_too_many(tmp_path: Path) -> None:
    """Which of both should count is not guessed."""
    said = run("status", "--data", tmp_path, config=tmp_path / "worker.toml")

    assert said.code == ConfigurationError.exit_code
    assert "Gardez l'un des deux" in said.err


def test_an_older_postgresql_is_read_by_who_may_only_read(
    postgresql: Server, tmp_path: Path
) -> None:
    """Its rows are read into a private copy: nothing is written there, and no lock is taken."""
    url = postgresql.create("older_reading")
    of_schema_3(url, [sentence for sentence, _, _ in SENTENCES])
    postgresql.run(sql.Composed([sql.SQL("CREATE ROLE auditor LOGIN")]))
    owner = create_engine(url)
    with owner.connect() as connection:
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor"))
        connection.commit()
        # Another program is in the middle of a change.
        connection.execute(text("UPDATE invoice SET detail = 'en cours'"))
        store = open_reading(url.replace("worker@", "auditor@"), tmp_path)
        with store.reading() as session:
            found = [(one.trouble, one.detail) for one in invoices.tracked(session)]
        connection.rollback()
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    reader = create_engine(url.replace("worker@", "auditor@"))
    with reader.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE invoice SET detail = ''"))
    for engine in (owner, reader, store.engine):
        engine.dispose()

    assert found == [(trouble, detail) for _, trouble, detail in SENTENCES]
    assert (version, store.older) == ("0003", "0003")
