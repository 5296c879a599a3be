"""Opening the database, and transactions that commit everything or nothing."""

import errno
import itertools
import os
import re
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Dialect,
    Engine,
    Executable,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlmodel import Session

from worker import __version__
from worker.billing.journal import EventTag
from worker.errors import ConfigurationError, IntegrityError, StorageUnavailable, WorkerError
from worker.isolation.files import NO_FILE
from worker.settings.rights import told
from worker.storage import triggers
from worker.storage.archive import Archive
from worker.storage.transaction import Transaction

SCHEMA = "0007"
"""The revision this code works with: the last file of migrations/versions."""
_WRITES = "worker_writes"
AT_REST = "immutable=1"
"""How SQLite reads a file without any lock."""
_FILE = "worker_file"
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite adds to the name of its file."""
_OPENED = 8
"""More files than SQLite opens at once: base, log, index, journals."""
_OF_A_ROW = re.compile("(CHECK constraint failed in|NULL value in|(NUMERIC|TEXT) value in) ")
"""Of what SQLite says of itself."""
_ALTERED = re.compile("no such (table|column)|(table|index) .* already exists|Could not decode")
"""Of what SQLite says of a base that something else has changed: no later try helps."""
_DAMAGED = "XX00"
"""Codes of PostgreSQL: data or index corrupted, internal error."""
_WRITER_LOCK = 0x77_6F_72_6B_65_72
"""Key of the PostgreSQL lock that one writer holds; any number no other program takes."""
_VERSION = text("SELECT version_num FROM alembic_version")
_CAN_CHECK = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
_CHECK_INDEXES = """
SELECT bt_index_check(index.oid, true) FROM pg_class AS index
JOIN pg_am ON pg_am.oid = index.relam AND pg_am.amname = 'btree'
JOIN pg_namespace ON pg_namespace.oid = index.relnamespace AND nspname = current_schema()
WHERE index.relkind = 'i' AND index.relpersistence = 'p'
"""
"""By the extension amcheck, where it is installed."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Who brings an older schema up to date, and when, for the journal."""

    actor: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Store:
    """The open database and the archive.

    Attributes:
        at_rest: the SQLite file that is read in place without any lock, as it may not be touched.
        copy_of: the schema of a database that is read through a private copy (reading.py).
    """

    engine: Engine
    archive: Archive
    at_rest: Path | None = None
    copy_of: str = ""
    _at_work: list[object] = field(default_factory=list, init=False, repr=False, compare=False)
    """One for each block of ``at_work`` under way."""

    @property
    def older(self) -> str:
        """The schema of the database when it is not ours; empty when it is."""
        return "" if self.copy_of == SCHEMA else self.copy_of

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep the database open from one transaction to the next, until the end of the block.

        Outside, an SQLite file is closed after each and then whole by itself: a plain copy of it,
        or another put in its place, is enough. To open it costs eight times what is read.
        """
        self._at_work.append(None)
        try:
            yield
        finally:
            self._at_work.pop()
            if not (self._at_work or self.copy_of):
                self.engine.dispose()

    @property
    def _keeps_connections(self) -> bool:
        kept = self._at_work or self.copy_of
        return bool(kept) or self.engine.dialect.name != "sqlite"

    @contextmanager
    def transaction(
        self,
        actor: str,
        clock: Callable[[], datetime],
        *,
        commit: bool = True,
        on: Session | None = None,
    ) -> Iterator[Transaction]:
        """A writing transaction: commits at the end of the block, undoes everything on error.

        One writer at a time, on every database: what it has read stays true until it commits.

        Args:
            actor: who acts, for the journal.
            clock: read once, when the transaction begins.
            commit: False for a rehearsal: everything happens, and nothing is kept.
            on: the session of ``staging``, whose temporary tables are then seen.

        Raises:
            StorageUnavailable: locked too long, disk full, read-only, connection lost.
            IntegrityError: the database file is damaged.
        """
        with (
            self._connection(writes=True) if on is None else _turned_writer(on) as connection,
            Transaction(connection, actor=actor, now=clock()) as tx,
        ):
            tx.refuse_foreign_rows()
            yield tx
            if commit:
                tx.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view for reading, of one instant; nothing is written."""
        with self._connection(writes=False) as connection, Session(connection) as session:
            yield session

    def require_sound(self) -> None:
        """Have the database look at itself: every page, or every row and index that it can.

        A value that a column does not take is an altered row, which its digest tells.

        Raises:
            IntegrityError: the database file is damaged.
        """
        with self.reading() as session:
            if self.engine.dialect.name == "sqlite":
                said = session.execute(text("PRAGMA integrity_check")).scalars()
                lines = [line for one in said for line in str(one).splitlines()]
                for line in lines:
                    of_a_row = _OF_A_ROW.match(line) and not self.older
                    if line != "ok" and not line.startswith("***") and not of_a_row:
                        raise damaged(line)
                return
            connection = session.connection()
            for table in inspect(connection).get_table_names():
                named = self.engine.dialect.identifier_preparer.quote(table)
                # As text: each value is read, those that are kept apart too.
                connection.exec_driver_sql(f"SELECT count(one::text) FROM {named} AS one")  # noqa: S608 - quoted
            if session.execute(text(_CAN_CHECK)).scalar():
                session.execute(text(_CHECK_INDEXES)).all()

    @contextmanager
    def staging(self) -> Iterator[Session]:
        """A session whose temporary tables are filled, and committed, without the writer's lock.

        It may then be given to ``transaction``; its connection is closed at the end of the block.
        """
        with self._connection(writes=False, snapshot=False) as connection:
            if self._keeps_connections:
                connection.detach()
            with Session(connection) as session:
                yield session

    @contextmanager
    def _connection(self, *, writes: bool, snapshot: bool = True) -> Iterator[Connection]:
        options: dict[str, Any] = {_WRITES: writes}
        if not writes and snapshot and self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        before = _state(self.at_rest)
        try:
            with self.engine.connect().execution_options(**options) as connection:
                if not self._keeps_connections:
                    connection.detach()  # closed at the end of the block
                yield connection
        except DBAPIError as error:
            file = sqlite_file(self.engine.url)
            changed = _changed() if _state(self.at_rest) != before else None
            problem = changed or _missing_right(file, error) or problem_of(error)
            if problem is None:
                raise
            raise problem from error
        if _state(self.at_rest) != before:
            raise _changed()


def _turned_writer(session: Session) -> nullcontext[Connection]:
    """The connection of a session that has staged, whose next transaction takes the lock."""
    session.commit()
    connection = session.get_bind()
    if not isinstance(connection, Connection):
        raise TypeError("a session that stages has a connection of its own")
    return nullcontext(connection.execution_options(**{_WRITES: True}))


def affected(session: Session, statement: Executable, values: Mapping[str, object]) -> int:
    """Execute a plain statement that writes; how many rows it wrote."""
    result = session.execute(statement, values)
    if not isinstance(result, CursorResult):
        raise TypeError("this statement reads")
    return result.rowcount


def open_store(
    url: str, data_folder: Path, *, waits: Waits | None = None, upgrade: Upgrade | None = None
) -> Store:
    """Open an existing database.

    ``upgrade``: brings an older schema up to date, a copy of an SQLite file beside it first;
    without it, an older schema is refused, and nothing is written.

    Raises:
        ConfigurationError: there is no database yet, the address is wrong, or another version of
            the program made it.
        StorageUnavailable: it cannot be reached, or not be copied.
        IntegrityError: the file is damaged.
    """
    address = parse_address(url)
    database = sqlite_file(address)
    if database is not None and not is_there(database):
        raise ConfigurationError(
            f"Il n'y a pas encore de base de données à l'emplacement {database}.",
            "Créez-la avec « chorus-worker init », ou corrigez data.folder dans la configuration.",
        )
    store = new_store(address, data_folder, waits)
    version = known_version(store)
    if version == SCHEMA:
        return store
    if upgrade is None:
        store.engine.dispose()
        raise not_ready(version)
    _migrate(store, version, upgrade)
    return store


def not_ready(version: str) -> ConfigurationError:
    """Why a database of an older schema, or without any, cannot be used as it is."""
    return ConfigurationError(
        "La base de données est d'une version plus ancienne du programme, et cette commande "
        "ne la met pas à jour : rien n'a été modifié."
        if version
        else "La base de données n'a pas encore ses tables.",
        "Tapez « init » avec la même configuration : il met la base à jour et garde une copie "
        "de l'ancienne à côté.",
    )


def create_store(
    url: str, data_folder: Path, upgrade: Upgrade, *, waits: Waits | None = None
) -> Store:
    """Create the folders (0700) and the schema; harmless when they exist.

    Raises what ``open_store`` raises, and StorageUnavailable when a folder cannot be made.
    """
    address = parse_address(url)
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_folder / "archive").mkdir(mode=0o700, exist_ok=True)
        if (database := sqlite_file(address)) is not None:
            is_there(database)
            database.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        path = Path(error.filename or data_folder)
        raise StorageUnavailable(*told(error, path, writing=True)) from error
    return open_store(url, data_folder, waits=waits, upgrade=upgrade)


def parse_address(url: str) -> URL:
    """The parsed URL, its driver chosen."""
    try:
        address = make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect().import_dbapi()
    except (ArgumentError, ModuleNotFoundError, ValueError) as error:
        raise _wrong_address() from error
    if address.get_backend_name() not in {"sqlite", "postgresql"}:
        raise _wrong_address()
    # Of SQLite we take a file and nothing else; an « @ » in a host is the end of a password.
    options = address.get_backend_name() == "sqlite" and address.query
    if options or "@" in (address.host or "") or "\0" in (address.database or ""):
        raise _wrong_address()
    return address


def _wrong_address() -> ConfigurationError:
    return ConfigurationError(
        "data.database_url n'est pas l'adresse d'une base de données utilisable ici.",
        "Laissez-la vide (SQLite dans le dossier de données), ou donnez par exemple "
        "« postgresql:///chorus_worker » après avoir installé chorus-worker[postgresql].",
    )


def new_store(
    address: URL, data_folder: Path, waits: Waits | None, *, untouched: bool = False
) -> Store:
    """A store on an address, which is not looked at yet.

    ``untouched``: an SQLite file without a log is read in place, and nothing appears beside it.
    """
    file = sqlite_file(address)
    way = "" if file is None else _read_only(file, untouched=untouched)
    return Store(
        _engine(address, waits or Waits(), way),
        Archive(data_folder / "archive"),
        at_rest=file if way == AT_REST else None,
    )


def _engine(address: URL, waits: Waits, read_only: str) -> Engine:
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


def _read_only(file: Path, *, untouched: bool) -> str:
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


def _state(at_rest: Path | None) -> tuple[int, ...] | None:
    """What changes when another program writes into a file that is read without lock."""
    if at_rest is None:
        return None
    try:
        found = at_rest.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _changed() -> StorageUnavailable:
    return StorageUnavailable(
        "La base de données a changé pendant la lecture : un autre programme y écrit.",
        "Relancez la même commande : rien n'a été modifié par celle-ci.",
    )


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
    ):
        connection.execute(f"PRAGMA {pragma}")


# A writer takes its lock at once: two writers wait for each other instead of failing midway, and
# none can bill figures that another is changing.


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
    return bool(connection.get_execution_options().get(_WRITES, True))


def known_version(store: Store) -> str:
    """The schema that the database has, empty without any.

    Raises:
        ConfigurationError: a newer version of the program made it.
        IntegrityError: it has none, and the archive has pieces.
    """
    version = ""
    with store.reading() as session:
        if inspect(session.connection()).has_table("alembic_version"):
            version = session.execute(_VERSION).scalar() or ""
    if version > SCHEMA:
        store.engine.dispose()
        raise ConfigurationError(
            "La base de données a été mise à jour par une version plus récente du programme.",
            "Installez cette version, ou rétablissez une sauvegarde d'avant la mise à jour.",
        )
    if not version and not store.archive.is_empty():
        store.engine.dispose()
        raise IntegrityError(
            "La base de données est vide, alors que l'archive "
            f"{store.archive.folder} contient des pièces.",
            "Rétablissez la base depuis une sauvegarde avant de continuer.",
        )
    return version


def _migrate(store: Store, version: str, upgrade: Upgrade) -> None:
    """Bring the schema up to date, in one transaction with its event."""
    umask = os.umask(0o077)
    try:
        copy = _copy_beside(store.engine, version) if version else ""
        with (
            store.engine.connect() as connection,
            Transaction(connection, actor=upgrade.actor, now=upgrade.now) as tx,
        ):
            tx.connection()  # takes the lock: another program may have done it meanwhile
            if version and tx.execute(_VERSION).scalar() == SCHEMA:
                return
            change_schema(connection)
            triggers.note_all(connection)
            triggers.install(connection)
            if version:
                facts = {"from": version, "schema": SCHEMA, "program": __version__, "copy": copy}
                tx.journal(EventTag.DATABASE_MIGRATED, "journal", **facts)
            tx.commit()
    except OperationalError as error:
        raise problem_of(error) or error from error
    finally:
        os.umask(umask)


def change_schema(connection: Connection, revision: str = "head") -> None:
    """Run the migrations up to a revision, in the connection's transaction."""
    # Imported here: it costs a second, and only a new or older database needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    triggers.remove(connection)
    command.upgrade(config, revision)


def _copy_beside(engine: Engine, version: str) -> str:
    """A copy of an SQLite file as it is, named after its schema; none of a PostgreSQL.

    In WAL mode as its original: put back in its place, no reader then holds up the first writer,
    which would have to change the mode alone with the file.
    """
    file = sqlite_file(engine.url)
    if file is None:
        return ""
    ranks = itertools.chain([""], (f"-{rank}" for rank in itertools.count(2)))
    copies = (file.with_name(f"{file.name}.{version}{rank}") for rank in ranks)
    copy = next(one for one in copies if not (one.exists() or one.is_symlink()))
    try:
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as copied:
            copied.execute("PRAGMA journal_mode = WAL")
        with copy.open("rb") as written:
            os.fsync(written.fileno())
    except (sqlite3.Error, OSError) as error:
        copy.unlink(missing_ok=True)
        raise StorageUnavailable(
            f"La copie {copy} de la base de données n'a pas pu être faite ({error}).",
            "Libérez de la place, puis relancez : la base n'a pas été mise à jour.",
        ) from error
    return copy.name


def sqlite_file(address: URL) -> Path | None:
    """Where the file of an SQLite address is; None for any other database."""
    is_file = address.get_backend_name() == "sqlite" and address.database
    return Path(address.database or "") if is_file else None


def is_there(database: Path) -> bool:
    """Whether there is a file.

    Raises StorageUnavailable when something else is in its place, or in that of a file which
    SQLite keeps beside it: a pipe would be waited for.
    """
    beside = (database.with_name(f"{database.name}{end}") for end in _BESIDE)
    found = [_is_a_file(path, follows=path == database) for path in (database, *beside)]
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


def _missing_right(database: Path | None, error: DBAPIError) -> StorageUnavailable | None:
    """The right that SQLite lacks, when it says that it cannot open or write its file."""
    reason = str(error.orig).lower()
    writing = "readonly" in reason
    if database is None or not (writing or "unable to open" in reason):
        return None
    try:
        os.close(os.open(database, os.O_RDWR if writing else os.O_RDONLY))
        # The file is not the obstacle: SQLite writes beside it, and opens several.
        with ExitStack() as opened:
            for _ in range(_OPENED):
                opened.enter_context(open(os.devnull, "rb"))  # noqa: PTH123 - no path of ours
            opened.enter_context(tempfile.TemporaryFile(dir=database.parent))
            return None
    except OSError as why:
        path = database if why.filename == str(database) else database.parent
        return StorageUnavailable(*told(why, path, writing=writing or path != database))


def damaged(reason: str) -> IntegrityError:
    """What is said of a file that SQLite cannot make sense of."""
    return IntegrityError(
        f"La base de données est endommagée ({reason}).",
        "Rétablissez-la depuis une sauvegarde, avec son archive.",
    )


def problem_of(error: DBAPIError) -> WorkerError | None:
    """What a person can do about an error of the database; None for a defect of ours."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "erreur inconnue"
    # Of SQLite, the class itself, for its subclasses say whose fault it is; of PostgreSQL, a code.
    if (
        type(error) is DatabaseError
        or str(getattr(error.orig, "sqlstate", "")).startswith(_DAMAGED)
        or (isinstance(error, OperationalError) and _ALTERED.match(reason))
    ):
        return damaged(reason)
    if isinstance(error, ProgrammingError) and "invalid connection option" in reason:
        return _wrong_address()
    if not isinstance(error, OperationalError | InternalError):
        return None
    lowered = reason.lower()
    if "locked" in lowered or "busy" in lowered or "lock timeout" in lowered:
        return StorageUnavailable(
            "La base de données est occupée par un autre programme.",
            "Attendez la fin de l'autre commande, puis relancez : rien n'a été fait à moitié.",
        )
    if "full" in lowered or "disk i/o" in lowered:
        return StorageUnavailable(
            f"Le disque refuse d'écrire ({reason}).",
            "Libérez de la place, puis relancez : rien n'a été fait à moitié.",
        )
    return StorageUnavailable(
        f"La base de données n'est pas disponible ({reason}).",
        "Vérifiez-la, puis relancez : rien n'a été fait à moitié.",
    )
