"""Opens the installation that a configuration names.

Apart from bootstrap.py so that commands which only read start fast: no document, portal or schema
is loaded here.
"""

from datetime import UTC, datetime
from pathlib import Path

from worker import storage
from worker.app import App, Clock
from worker.service.actor import current_actor
from worker.settings.loading import Configuration, load, plain
from worker.settings.rights import protect_data, refuse_foreign_data
from worker.storage import Upgrade, Waits, open_folder, open_store
from worker.storage.alterations import require_intact


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def open_app(config: Path | None, clock: Clock = utc_now, *, writes: bool = False) -> App:
    """Open what the configuration names; only what ``writes`` brings an older database up to date.

    Raises ConfigurationError, StorageUnavailable; when ``writes``, Refused for another user than
    the owner of the data, and IntegrityError when the books were altered.
    """
    configuration, actor = load(config), current_actor()
    if writes:
        refuse_foreign_data(configuration.data_folder)
        protect_data(configuration.data_folder)
    store = open_store(
        configuration.database_url,
        configuration.data_folder,
        waits=waits(configuration),
        upgrade=Upgrade(actor=actor, now=clock()) if writes else None,
    )
    if writes:
        with store.reading() as session:
            require_intact(session)
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
