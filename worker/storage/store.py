"""Opening the database, and transactions that commit everything or nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    inspect,
    text,
)
from sqlalchemy.exc import (
    DBAPIError,
)
from sqlmodel import Session

from worker.errors import ConfigurationError, IntegrityError, StorageUnavailable
from worker.settings.rights import told
from worker.storage.archive import Archive
from worker.storage.connecting import (
    AT_REST,
    WRITES,
    Waits,
    engine_at,
    is_there,
    parse_address,
    sqlite_file,
    state_at_rest,
    way_to_read,
)
from worker.storage.migration import SCHEMA, VERSION, Upgrade, migrate, not_ready
from worker.storage.problems import changed, damaged, missing_right, problem_of
from worker.storage.transaction import Transaction

_OF_A_ROW = re.compile("(CHECK constraint failed in|NULL value in|(NUMERIC|TEXT) value in) ")
"""Of what SQLite says of itself."""
_CAN_CHECK = "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'"
_CHECK_INDEXES = """
SELECT bt_index_check(index.oid, true) FROM pg_class AS index
JOIN pg_am ON pg_am.oid = index.relam AND pg_am.amname = 'btree'
JOIN pg_namespace ON pg_namespace.oid = index.relnamespace AND nspname = current_schema()
WHERE index.relkind = 'i' AND index.relpersistence = 'p'
"""
"""By the extension amcheck, where it is installed."""


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
        options: dict[str, Any] = {WRITES: writes}
        if not writes and snapshot and self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        before = state_at_rest(self.at_rest)
        try:
            with self.engine.connect().execution_options(**options) as connection:
                if not self._keeps_connections:
                    connection.detach()  # closed at the end of the block
                yield connection
        except DBAPIError as error:
            file = sqlite_file(self.engine.url)
            moved = changed() if state_at_rest(self.at_rest) != before else None
            problem = moved or missing_right(file, error) or problem_of(error)
            if problem is None:
                raise
            raise problem from error
        if state_at_rest(self.at_rest) != before:
            raise changed()


def _turned_writer(session: Session) -> nullcontext[Connection]:
    """The connection of a session that has staged, whose next transaction takes the lock."""
    session.commit()
    connection = session.get_bind()
    if not isinstance(connection, Connection):
        raise TypeError("a session that stages has a connection of its own")
    return nullcontext(connection.execution_options(**{WRITES: True}))


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
    migrate(store.engine, version, upgrade)
    return store


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


def new_store(
    address: URL, data_folder: Path, waits: Waits | None, *, untouched: bool = False
) -> Store:
    """A store on an address, which is not looked at yet.

    ``untouched``: an SQLite file without a log is read in place, and nothing appears beside it.
    """
    file = sqlite_file(address)
    way = "" if file is None else way_to_read(file, untouched=untouched)
    return Store(
        engine_at(address, waits or Waits(), way),
        Archive(data_folder / "archive"),
        at_rest=file if way == AT_REST else None,
    )


def known_version(store: Store) -> str:
    """The schema that the database has, empty without any.

    Raises:
        ConfigurationError: a newer version of the program made it.
        IntegrityError: it has none, and the archive has pieces.
    """
    version = ""
    with store.reading() as session:
        if inspect(session.connection()).has_table("alembic_version"):
            version = session.execute(VERSION).scalar() or ""
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
