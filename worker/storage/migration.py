"""Bringing an older schema up to date: a copy first, one transaction, an event."""

import itertools
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    Connection,
    Engine,
    text,
)
from sqlalchemy.exc import (
    OperationalError,
)

from worker import __version__
from worker.billing.journal import EventTag
from worker.errors import ConfigurationError, StorageUnavailable
from worker.storage import triggers
from worker.storage.connecting import sqlite_file
from worker.storage.problems import problem_of
from worker.storage.transaction import Transaction

SCHEMA = "0008"
"""The revision this code works with: the last file of migrations/versions."""
VERSION = text("SELECT version_num FROM alembic_version")
"""Reads the revision that a database has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Who brings an older schema up to date, and when, for the journal."""

    actor: str
    now: datetime


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


def migrate(engine: Engine, version: str, upgrade: Upgrade) -> None:
    """Bring the schema up to date, in one transaction with its event."""
    umask = os.umask(0o077)
    try:
        copy = _copy_beside(engine, version) if version else ""
        with (
            engine.connect() as connection,
            Transaction(connection, actor=upgrade.actor, now=upgrade.now) as tx,
        ):
            tx.connection()  # takes the lock: another program may have done it meanwhile
            if version and tx.execute(VERSION).scalar() == SCHEMA:
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


def copies_beside(engine: Engine) -> tuple[Path, ...]:
    """The copies of an SQLite file that updates left beside it, by name."""
    file = sqlite_file(engine.url)
    if file is None:
        return ()
    return tuple(sorted(path for path in file.parent.glob(f"{file.name}.*") if path.is_file()))


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
