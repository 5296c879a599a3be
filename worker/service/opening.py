"""Opens the installation that a configuration names.

Apart from bootstrap.py so that commands which only read start fast: no document, portal or schema
is loaded here.
"""

import getpass
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from worker.app import App, Clock
from worker.settings.loading import load
from worker.storage import open_store


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def open_app(config: Path | None, clock: Clock = utc_now) -> App:
    """Open what the configuration names. Raises ConfigurationError, StorageUnavailable."""
    configuration = load(config)
    store = open_store(
        configuration.database_url,
        configuration.data_folder,
        busy_seconds=configuration.settings.data.busy_seconds,
    )
    return App(configuration=configuration, store=store, clock=clock, actor=current_actor())


def current_actor() -> str:
    """Who acts, for the journal: ``user@host:pid``, no personal contact data."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{platform.node()}:{os.getpid()}"
