"""How the database is reached: its address, each kind of connection, its files on the disk."""

import errno
import os
import sqlite3
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
)
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from worker.errors import ConfigurationError, StorageUnavailable
from worker.isolation.files import NO_FILE
from worker.settings.rights import told

WRITES = "worker_writes"
AT_REST = "immutable=1"
"""How SQLite reads a file without any lock."""
_FILE = "worker_file"
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite adds to the name of its file."""
_WRITER_LOCK = 0x77_6F_72_6B_65_72
"""Key of the PostgreSQL lock that one writer holds; any number no other program takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long the database may keep us waiting, in seconds. Only the first is SQLite's too.

    Attributes:
        busy_seconds: of a writer for another.
        connect_seconds: for a connection.
        statement_seconds: for one statement.
        keepalive_seconds: of silence, before the other machine is asked whether it is there.
    """

    busy_seconds: int = 30
    connect_seconds: int = 10
    statement_seconds: int = 300
    keepalive_seconds: int = 30


def parse_address(url: str) -> URL:
    """The parsed URL, its driver chosen."""
    try:
        address = make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect().import_dbapi()
    except (ArgumentError, ModuleNotFoundError, ValueError) as error:
        raise wrong_address() from error
    if address.get_backend_name() not in {"sqlite", "postgresql"}:
        raise wrong_address()
    # Of SQLite we take a file and nothing else; an « @ » in a host is the end of a password.
    options = address.get_backend_name() == "sqlite" and address.query
    if options or "@" in (address.host or "") or "\0" in (address.database or ""):
        raise wrong_address()
    return address


def wrong_address() -> ConfigurationError:
    """What is said of an address that is none of a database of ours."""
    return ConfigurationError(
        "data.database_url n'est pas l'adresse d'une base de données utilisable ici.",
        "Laissez-la vide (SQLite dans le dossier de données), ou donnez par exemple "
        "« postgresql:///chorus_worker » après avoir installé chorus-worker[postgresql].",
    )


def engine_at(address: URL, waits: Waits, read_only: str) -> Engine:
    """The engine of an address; ``read_only``: how an SQLite file is read, see ``way_to_read``."""
    if address.get_backend_name() == "postgresql":
        engine = create_engine(
            address,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": waits.connect_seconds,
                "options": f"-c lock_timeout={_busy_milliseconds(waits)} "
                f"-c statement_timeout={waits.statement_seconds * 1000}",
                "keepalives_idle": waits.keepalive_seconds,
                "keepalives_interval": max(waits.keepalive_seconds // 3, 1),
                "keepalives_count": 3,
                "tcp_user_timeout": 2 * waits.keepalive_seconds * 1000,
            },
        )
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "do_connect", partial(_connect_postgresql, waits))
        return engine
    file = sqlite_file(address)
    if file is None or not read_only:
        engine = create_engine(address)
    else:
        uri = read_only_uri(file, read_only)
        open_it = partial(sqlite3.connect, uri, uri=True, check_same_thread=False)
        engine = create_engine(address, poolclass=QueuePool, creator=open_it)
    configure_sqlite(engine, waits)
    if file is not None:
        event.listen(engine, "connect", partial(_remember_file, file))
        event.listen(engine, "checkout", partial(_require_file, file))
    return engine


def configure_sqlite(engine: Engine, waits: Waits) -> None:
    """What every connection to SQLite of ours is, and how its transactions begin."""
    event.listen(engine, "connect", partial(_configure_sqlite, _busy_milliseconds(waits)))
    event.listen(engine, "begin", _begin_sqlite)


def _busy_milliseconds(waits: Waits) -> int:
    return max(waits.busy_seconds * 1000, 1)  # 0 would wait for ever


def way_to_read(file: Path, *, untouched: bool) -> str:
    """How to open a file that we may not write, or whose folder: a mounted backup; else empty.

    Without a log beside it, it is a copy at rest: SQLite reads it without any lock.
    """
    if not file.exists() or not (untouched or is_protected(file)):
        return ""
    log, index = beside(file, "-wal"), beside(file, "-shm")
    in_use = not untouched and log.exists() and (index.exists() or log.stat().st_size > 0)
    return "mode=ro" if in_use else AT_REST


def read_only_uri(file: Path, way: str) -> str:
    """The name by which SQLite opens a file to read it, in one of two ways."""
    return f"file:{quote(str(file.absolute()))}?{way}"


def is_protected(file: Path) -> bool:
    """Whether we may write neither the file of a database nor beside it."""
    return not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def beside(file: Path, end: str) -> Path:
    """What SQLite keeps beside a file: ``-wal``, ``-shm``, ``-journal``."""
    return file.with_name(f"{file.name}{end}")


def state_at_rest(at_rest: Path | None) -> tuple[int, ...] | None:
    """What changes when another program writes into a file that is read without lock."""
    if at_rest is None:
        return None
    try:
        found = at_rest.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _remember_file(file: Path, _connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_FILE] = _identity(file)


def _require_file(file: Path, _connection: Any, record: ConnectionPoolEntry, _fairy: Any) -> None:
    """Open again what was put in the place of the file while it was kept open."""
    if _identity(file) != record.info[_FILE]:
        raise DisconnectionError(f"another file is in the place of {file}")


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _configure_sqlite(busy_milliseconds: int, connection: Any, _record: object) -> None:
    # The driver's own BEGIN is late and deferred; ours is explicit (_begin_sqlite).
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {busy_milliseconds}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        # What is erased, a contact for one, is overwritten.
        "secure_delete = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if _is_writer(connection):
        # Kept in the file from then on; a copy has it no more, and reading must not change it.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _is_writer(connection) else "BEGIN")


def _connect_postgresql(
    waits: Waits, _dialect: Dialect, _record: object, args: Any, values: Any
) -> Any:
    from worker.storage.postgresql import connector  # noqa: PLC0415 - psycopg is optional

    return connector(waits.statement_seconds)(*args, **values)


def _begin_postgresql(connection: Connection) -> None:
    if _is_writer(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")


def _is_writer(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES, True))


def sqlite_file(address: URL) -> Path | None:
    """Where the file of an SQLite address is; None for any other database."""
    is_file = address.get_backend_name() == "sqlite" and address.database
    return Path(address.database or "") if is_file else None


def is_there(database: Path) -> bool:
    """Whether there is a file.

    Raises StorageUnavailable when something else is in its place, or in that of a file which
    SQLite keeps beside it: a pipe would be waited for.
    """
    others = (beside(database, end) for end in _BESIDE)
    found = [_is_a_file(path, follows=path == database) for path in (database, *others)]
    return found[0]


def _is_a_file(path: Path, *, follows: bool) -> bool:
    try:
        if not stat.S_ISREG(path.stat(follow_symlinks=follows).st_mode):
            raise IsADirectoryError(errno.EISDIR, NO_FILE)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageUnavailable(*told(error, path)) from error
    return True
