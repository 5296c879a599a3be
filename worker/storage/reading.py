"""The database as commands that only read open it: nothing is written to it, whatever its release.

One that may not be written is read in place. One of an older release, or whose log SQLite would
have to fold in, is read through a private copy, brought up to date there: its file has no name
any more when the first row is read, so that nothing is left of it however the program ends. The
rows of an older PostgreSQL are read into such a file: its own schema could be changed in a
transaction that is undone, but by its owner only, under locks that stop every other program.
"""

import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, column, create_engine, insert, inspect, select, table
from sqlalchemy.pool import QueuePool

from worker.errors import ConfigurationError, StorageUnavailable
from worker.isolation.files import NO_ROOM
from worker.settings.rights import told
from worker.storage import triggers
from worker.storage.connecting import (
    AT_REST,
    Waits,
    beside,
    configure_sqlite,
    is_protected,
    is_there,
    parse_address,
    read_only_uri,
    sqlite_file,
)
from worker.storage.migration import SCHEMA, change_schema, not_ready
from worker.storage.problems import damaged
from worker.storage.store import Store, known_version, new_store, open_store

DATABASE = "worker.sqlite"
READERS = 8
"""Connections to a private copy: no other can be opened once its file has no name."""
_LOGS = ("-wal", "-journal")
_TRIES = 40
_PAUSE = 0.05
"""Seconds between two tries to copy a file that is being written; wider than what the times of
files tell apart."""
_ROWS = 1000


def open_reading(
    url: str, data_folder: Path, *, waits: Waits | None = None, untouched: bool = False
) -> Store:
    """Open an existing database to read it; it is neither changed nor brought up to date.

    ``untouched``: not even the files appear beside it that SQLite keeps while it reads.

    Raises:
        ConfigurationError: there is no database, or a newer version of the program made it.
        StorageUnavailable: it cannot be read or copied, or is being written all the time.
        IntegrityError: the file is damaged.
    """
    address, waits = parse_address(url), waits or Waits()
    file = sqlite_file(address)
    if file is None:
        store = new_store(address, data_folder, waits)
        version = _version(store)
        fill = partial(_copy_rows, store, version)
        return store if version == SCHEMA else _copied(store, fill, waits)
    is_file = is_there(file)
    protected = is_file and is_protected(file)
    untouched = is_file and (untouched or _version_at_rest(file) not in {SCHEMA, ""})
    if not (protected or untouched):
        return open_store(url, data_folder, waits=waits)
    store = new_store(address, data_folder, waits, untouched=untouched)
    has_log = any(_size(beside(file, end)) for end in _LOGS)
    if not has_log or (not untouched and beside(file, "-shm").exists()):
        if _version(store) == SCHEMA:
            return store
        store.engine.dispose()
    return _copied(store, partial(_copy_files, file), waits)


def open_folder(folder: Path) -> Store:
    """What a data folder holds, read by itself and left as it is.

    Raises what ``open_reading`` raises.
    """
    database = folder / DATABASE
    if not is_there(database):
        raise ConfigurationError(
            f"Il n'y a pas de base de données {DATABASE} dans le dossier {folder}.",
            f"Indiquez le dossier qui contient {DATABASE} et « archive » ; une base PostgreSQL se "
            "lit par sa configuration (--config).",
        )
    return open_reading(f"sqlite:///{quote(str(database))}", folder, untouched=True)


def _version(store: Store) -> str:
    """The schema of a database that has one, ours or an older one."""
    version = known_version(store)
    if not version:
        store.engine.dispose()
        raise not_ready(version)
    return version


def _version_at_rest(file: Path) -> str:
    """The schema that a file alone tells, without its log; empty when it tells none."""
    try:
        with closing(sqlite3.connect(read_only_uri(file, AT_REST), uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return ""  # told by the way that opens it
    return str(found[0]) if found else ""


def _copied(original: Store, fill: Callable[[Path], None], waits: Waits) -> Store:
    """A store on a private copy, which ``fill`` makes at a path; brought up to date."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise _no_room(None) from error
    try:
        with tempfile.TemporaryDirectory(prefix="chorus-worker-base-") as private:
            path = Path(private, "copy.sqlite")
            path.touch(mode=0o600)
            fill(path)
            connections = [sqlite3.connect(path, check_same_thread=False) for _ in range(READERS)]
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _no_room(folder) from error
        raise StorageUnavailable(*told(error, Path(error.filename or folder))) from error
    except sqlite3.OperationalError as error:
        raise _no_room(folder) from error
    except sqlite3.DatabaseError as error:
        raise damaged(str(error)) from error
    for connection in connections:
        connection.execute("PRAGMA journal_mode = OFF")  # it would need the name of the file
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        creator=partial(next, iter(connections)),
    )
    configure_sqlite(engine, waits)
    weakref.finalize(engine, _close, connections)
    store = Store(engine, original.archive, copy_of="?")
    store = replace(store, copy_of=_version(store))
    if store.copy_of != SCHEMA:
        store.require_sound()  # as it was, before any table is made again
        source = store if sqlite_file(original.engine.url) else original
        with source.reading() as session:
            missing = triggers.altered_before(session.connection())
        if source is original:
            original.engine.dispose()
        with store.reading() as session:
            change_schema(session.connection())
            triggers.install(session.connection(), without=missing)
            session.commit()
    for connection in connections:
        connection.execute("PRAGMA query_only = ON")
    return store


def _close(connections: Iterable[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()


def _no_room(folder: Path | None) -> StorageUnavailable:
    where = f"qui ne tient pas dans {folder}" if folder else "et aucun dossier ne peut la recevoir"
    return StorageUnavailable(
        f"La base de données se lit par une copie temporaire, {where}.",
        "Libérez de la place, ou indiquez un autre dossier par la variable TMPDIR, puis relancez.",
    )


def _copy_files(file: Path, path: Path) -> None:
    """The bytes of a file and of its log, as they were at one instant; the log folded in."""
    # Twice: tables that a migration makes again stand beside the old ones.
    if shutil.disk_usage(path.parent).free < 2 * sum(state[1] for state in _states(file) if state):
        raise _no_room(path.parent.parent)
    for _ in range(_TRIES):
        before, now = _states(file), time.time_ns()
        for end, state in zip(("", *_LOGS), before, strict=True):
            beside(path, end).unlink(missing_ok=True)
            if state is not None:
                shutil.copyfile(beside(file, end), beside(path, end))
        settled = all(
            not 0 <= now - changed < _PAUSE * 1e9 for _, _, changed in filter(None, before)
        )
        if settled and _states(file) == before:
            break
        time.sleep(_PAUSE)
    else:
        raise StorageUnavailable(
            f"La base de données {file} ne peut pas être copiée : un autre programme y écrit sans "
            "cesse.",
            "Attendez la fin de l'autre commande, puis relancez : rien n'a été modifié.",
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _states(file: Path) -> list[tuple[int, int, int] | None]:
    """What changes when a program writes into the file or one of its logs."""
    found: list[tuple[int, int, int] | None] = []
    for end in ("", *_LOGS):
        try:
            state = beside(file, end).stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _copy_rows(original: Store, version: str, path: Path) -> None:
    """The rows of another database, as they are at one instant, under the schema they have."""
    target = create_engine(URL.create("sqlite", database=str(path)))
    with original.reading() as session, target.connect() as connection:
        change_schema(connection, version)
        here, there = inspect(connection), inspect(session.connection())
        for name in here.get_table_names():
            if name == "alembic_version":
                continue
            kept, read = (
                table(name, *(column(one["name"], one["type"]) for one in seen.get_columns(name)))
                for seen in (here, there)
            )
            # The first rows of a schema are made by its migrations: those of the original count.
            into = insert(kept).prefix_with("OR REPLACE")
            rows = session.execute(select(read), execution_options={"yield_per": _ROWS})
            for part in rows.mappings().partitions():
                connection.execute(into, [dict(row) for row in part])
        connection.commit()
    target.dispose()
    original.engine.dispose()
