"""Opening the database, and transactions that commit everything or nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from worker.errors import ConfigurationError, StorageUnavailable
from worker.storage.archive import Archive

SCHEMA = "0001"
"""The revision this code works with: the last file of migrations/versions."""
BUSY_SECONDS = 30
_WRITES = "worker_writes"


@dataclass(frozen=True, slots=True)
class Store:
    """The open database and the archive."""

    engine: Engine
    archive: Archive

    @contextmanager
    def transaction(self, *, commit: bool = True) -> Iterator[Session]:
        """A writing transaction: commits at the end of the block, undoes everything on error.

        Without ``commit`` it is a rehearsal: everything happens, and nothing is kept.

        Raises:
            StorageUnavailable: locked too long, disk full, read-only, connection lost.
        """
        with self._session(writes=True, commit=commit) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view for reading; nothing is written."""
        with self._session(writes=False, commit=False) as session:
            yield session

    @contextmanager
    def _session(self, *, writes: bool, commit: bool) -> Iterator[Session]:
        try:
            with (
                self.engine.connect().execution_options(**{_WRITES: writes}) as connection,
                Session(connection) as session,
            ):
                yield session
                if commit:
                    session.commit()
        except OperationalError as error:
            raise _unavailable(error) from error


def open_store(url: str, data_folder: Path) -> Store:
    """Open an existing database, bringing an older schema up to date.

    Raises:
        ConfigurationError: there is no database yet.
        StorageUnavailable: it cannot be reached.
    """
    database = _sqlite_file(url)
    if database is not None and not database.is_file():
        raise ConfigurationError(
            f"Il n'y a pas encore de base de données à l'emplacement {database}.",
            "Créez-la avec « chorus-worker init », ou corrigez data.folder.",
        )
    engine = _engine(url)
    store = Store(engine, Archive(data_folder / "archive"))
    with store.reading() as session:
        connection = session.connection()
        known = inspect(connection).has_table("alembic_version")
        version = (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if known
            else None
        )
    if version != SCHEMA:
        _migrate(engine)
    return store


def create_store(url: str, data_folder: Path) -> Store:
    """Create the folders (0700) and the schema; harmless when they exist."""
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_folder / "archive").mkdir(mode=0o700, exist_ok=True)
        if (database := _sqlite_file(url)) is not None:
            database.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(
            f"Impossible de créer le dossier de données {data_folder} : {error.strerror}.",
            "Vérifiez l'emplacement et les droits.",
        ) from error
    engine = _engine(url)
    _migrate(engine)
    return Store(engine, Archive(data_folder / "archive"))


def _engine(url: str) -> Engine:
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    if not url.startswith("sqlite"):
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    engine = create_engine(url, poolclass=NullPool)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver's own BEGIN is late and deferred; ours is explicit (_begin_sqlite).
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: two writers wait for each other instead of failing midway.
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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
        raise _unavailable(error) from error
    finally:
        os.umask(umask)


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _unavailable(error: DBAPIError) -> StorageUnavailable:
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "erreur inconnue"
    lowered = reason.lower()
    if "locked" in lowered or "busy" in lowered:
        return StorageUnavailable(
            "La base de données est occupée par un autre programme depuis "
            f"{BUSY_SECONDS} secondes.",
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
