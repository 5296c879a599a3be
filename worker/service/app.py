"""The open installation: configuration, database, archive, clock, who acts.

All that commands which only read need. Apart from bootstrap.py so that they start fast: no
document, portal or schema is loaded here.
"""

import getpass
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from worker.billing.tariff import TariffGrid
from worker.settings import Channel
from worker.settings.loading import Configuration, load
from worker.settings.tariffs import load_grids
from worker.storage import Store, open_store

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What is kept, where, and who acts on it now."""

    configuration: Configuration
    store: Store
    clock: Clock
    actor: str

    def grids(self) -> tuple[tuple[TariffGrid, ...], dict[str, str]]:
        """The grids of the tariff folder, and their texts by version. Raises TariffError."""
        return load_grids(self.configuration.tariff_folder)

    @property
    def deposits(self) -> bool:
        """Whether this installation deposits by itself."""
        return self.configuration.settings.channel is Channel.API


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def open_app(config: Path, clock: Clock = utc_now) -> App:
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
