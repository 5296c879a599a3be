"""Opens the installation that a configuration names.

Apart from bootstrap.py so that commands which only read start fast: no document, portal or schema
is loaded here.
"""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from worker import storage
from worker.app import App, Clock
from worker.settings.loading import Configuration, load, plain
from worker.settings.rights import refuse_foreign_data, user_name
from worker.storage import Upgrade, Waits, open_folder, open_store


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def open_app(config: Path | None, clock: Clock = utc_now, *, writes: bool = False) -> App:
    """Open what the configuration names; only what ``writes`` brings an older database up to date.

    Raises ConfigurationError, StorageUnavailable; Refused when ``writes``, for another user than
    the owner of the data.
    """
    configuration, actor = load(config), current_actor()
    if writes:
        refuse_foreign_data(configuration.data_folder)
    store = open_store(
        configuration.database_url,
        configuration.data_folder,
        waits=waits(configuration),
        upgrade=Upgrade(actor=actor, now=clock()) if writes else None,
    )
    return App(configured=configuration, store=store, clock=clock, actor=actor)


def open_reading(config: Path | None, data: Path | None = None, clock: Clock = utc_now) -> App:
    """Open what the configuration names, or a data folder by itself, to read it only.

    Rights, logs and releases do not matter: see ``storage/reading.py``.

    Args:
        config: as ``open_app``.
        data: the folder that holds the database and the archive; no configuration is read then.
        clock: as ``open_app``.

    Raises:
        ConfigurationError: there is no configuration, or no database.
        StorageUnavailable, IntegrityError: the data cannot be read.
    """
    actor = current_actor()
    if data is not None:
        return App(configured=None, store=open_folder(plain(data)), clock=clock, actor=actor)
    configuration = load(config)
    store = storage.open_reading(
        configuration.database_url, configuration.data_folder, waits=waits(configuration)
    )
    return App(configured=configuration, store=store, clock=clock, actor=actor)


def waits(configuration: Configuration) -> Waits:
    """How long the database may keep us waiting."""
    data = configuration.settings.data
    return Waits(
        busy_seconds=data.busy_seconds,
        connect_seconds=data.connect_seconds,
        statement_seconds=data.statement_seconds,
        keepalive_seconds=data.keepalive_seconds,
    )


def current_actor() -> str:
    """Who acts, for the journal: ``user@host:pid``, no personal contact data.

    By the system's own word: a name in the environment is whatever somebody wrote there.
    """
    return f"{user_name(os.getuid())}@{platform.node()}:{os.getpid()}"
