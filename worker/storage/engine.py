"""Opening the database, and transactions that commit everything or nothing."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InternalError, OperationalError
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from worker.errors import ConfigurationError, IntegrityError, StorageUnavailable, WorkerError
from worker.storage.archive import Archive
from worker.storage.transaction import Transaction

SCHEMA = "0005"
"""The revision this code works with: the last file of migrations/versions."""
BUSY_SECONDS = 30
"""How long a writer waits for another."""
_WRITES = "worker_writes"
_WRITER_LOCK = 0x77_6F_72_6B_65_72
"""Key of the PostgreSQL lock that one writer holds; any number no other program takes."""


@dataclass(frozen=True, slots=True)
class Store:
    """The open database and the archive."""

    engine: Engine
    archive: Archive

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
            yield tx
            if commit:
                tx.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view for reading, of one instant; nothing is written."""
        with self._connection(writes=False) as connection, Session(connection) as session:
            yield session

    @contextmanager
    def staging(self) -> Iterator[Session]:
        """A session whose temporary tables are filled, and committed, without the writer's lock.

        It may then be given to ``transaction``; its connection is closed at the end of the block.
        """
        with self._connection(writes=False, snapshot=False) as connection:
            connection.detach()
            with Session(connection) as session:
                yield session

    @contextmanager
    def _connection(self, *, writes: bool, snapshot: bool = True) -> Iterator[Connection]:
        options: dict[str, Any] = {_WRITES: writes}
        if not writes and snapshot and self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        try:
            with self.engine.connect().execution_options(**options) as connection:
                yield connection
        except DBAPIError as error:
            if (problem := _problem(error)) is None:
                raise
            raise problem from error


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


def open_store(url: str, data_folder: Path, *, busy_seconds: int = BUSY_SECONDS) -> Store:
    """Open an existing database, bringing an older schema up to date.

    Raises:
        ConfigurationError: there is no database yet, the address is wrong, or a newer version of
            the program made it.
        StorageUnavailable: it cannot be reached.
        IntegrityError: the file is damaged.
    """
    address = _address(url)
    database = _sqlite_file(address)
    if database is not None and not database.is_file():
        raise ConfigurationError(
            f"Il n'y a pas encore de base de données à l'emplacement {database}.",
            "Créez-la avec « chorus-worker init », ou corrigez data.folder dans la configuration.",
        )
    return _up_to_date(address, data_folder, busy_seconds)


def create_store(url: str, data_folder: Path, *, busy_seconds: int = BUSY_SECONDS) -> Store:
    """Create the folders (0700) and the schema; harmless when they exist.

    Raises what ``open_store`` raises, and StorageUnavailable when a folder cannot be made.
    """
    address = _address(url)
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_folder / "archive").mkdir(mode=0o700, exist_ok=True)
        if (database := _sqlite_file(address)) is not None:
            database.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(
            f"Impossible de créer le dossier de données {data_folder} : {error.strerror}.",
            "Vérifiez l'emplacement et les droits.",
        ) from error
    return _up_to_date(address, data_folder, busy_seconds)


def _address(url: str) -> URL:
    """The parsed URL, its driver chosen."""
    try:
        address = make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect().import_dbapi()
    except (ArgumentError, ModuleNotFoundError) as error:
        raise _wrong_address() from error
    if address.get_backend_name() not in {"sqlite", "postgresql"}:
        raise _wrong_address()
    return address


def _wrong_address() -> ConfigurationError:
    return ConfigurationError(
        "data.database_url n'est pas l'adresse d'une base de données utilisable ici.",
        "Laissez-la vide (SQLite dans le dossier de données), ou donnez par exemple "
        "« postgresql:///chorus_worker » après avoir installé chorus-worker[postgresql].",
    )


def _engine(address: URL, busy_seconds: int) -> Engine:
    milliseconds = max(busy_seconds * 1000, 1)  # 0 would wait for ever
    if address.get_backend_name() == "postgresql":
        engine = create_engine(
            address,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            connect_args={"options": f"-c lock_timeout={milliseconds}"},
        )
        event.listen(engine, "begin", _begin_postgresql)
        return engine
    engine = create_engine(address, poolclass=NullPool)
    event.listen(engine, "connect", partial(_configure_sqlite, milliseconds))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(busy_milliseconds: int, connection: Any, _record: object) -> None:
    # The driver's own BEGIN is late and deferred; ours is explicit (_begin_sqlite).
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {busy_milliseconds}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


# A writer takes its lock at once: two writers wait for each other instead of failing midway, and
# none can bill figures that another is changing.


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _is_writer(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if _is_writer(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")


def _is_writer(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(_WRITES, True))


def _up_to_date(address: URL, data_folder: Path, busy_seconds: int) -> Store:
    store = Store(_engine(address, busy_seconds), Archive(data_folder / "archive"))
    version = None
    with store.reading() as session:
        if inspect(session.connection()).has_table("alembic_version"):
            version = session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version > SCHEMA:
        store.engine.dispose()
        raise ConfigurationError(
            "La base de données a été mise à jour par une version plus récente du programme.",
            "Installez cette version, ou rétablissez une sauvegarde d'avant la mise à jour.",
        )
    if version is None and any(store.archive.folder.glob("*/*")):
        store.engine.dispose()
        raise IntegrityError(
            "La base de données est vide, alors que l'archive "
            f"{store.archive.folder} contient des pièces.",
            "Rétablissez la base depuis une sauvegarde avant de continuer.",
        )
    if version != SCHEMA:
        _migrate(store.engine)
    return store


def _migrate(engine: Engine) -> None:
    # Imported here: it costs a second, and only a new or older database needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    umask = os.umask(0o077)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as error:
        raise _problem(error) or error from error
    finally:
        os.umask(umask)


def _sqlite_file(address: URL) -> Path | None:
    is_file = address.get_backend_name() == "sqlite" and address.database
    return Path(address.database or "") if is_file else None


def _problem(error: DBAPIError) -> WorkerError | None:
    """What a person can do about an error of the database; None for a defect of ours."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "erreur inconnue"
    if type(error) is DatabaseError:  # its subclasses say whose fault it is; SQLite's damage none
        return IntegrityError(
            f"La base de données est endommagée ({reason}).",
            "Rétablissez-la depuis une sauvegarde, avec son archive.",
        )
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
