"""The books: configuration, database, archive, clock. All that commands which only read need.

Apart from bootstrap.py so that they start fast: no document, portal or schema is loaded here.
"""

import getpass
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from worker.billing.tariff import TariffGrid, parse_grid
from worker.configuration import Configuration, load
from worker.errors import TariffError
from worker.settings import Channel
from worker.storage import Store, open_store

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
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


def open_books(config: Path, clock: Clock = utc_now) -> Books:
    """Open what the configuration names. Raises ConfigurationError, StorageUnavailable."""
    configuration = load(config)
    store = open_store(
        configuration.database_url,
        configuration.data_folder,
        busy_seconds=configuration.settings.data.busy_seconds,
    )
    return Books(configuration=configuration, store=store, clock=clock, actor=current_actor())


def current_actor() -> str:
    """Who acts, for the journal: ``user@host:pid``, no personal contact data."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{platform.node()}:{os.getpid()}"


def load_grids(folder: Path) -> tuple[tuple[TariffGrid, ...], dict[str, str]]:
    """Every ``*.toml`` of the tariff folder, checked. Raises TariffError."""
    try:
        files = {path: path.read_bytes() for path in sorted(folder.glob("*.toml"))}
    except OSError as error:
        raise TariffError(
            f"Le dossier des tarifs {folder} est illisible : {error.strerror}.",
            "Vérifiez data.tariffs dans la configuration.",
        ) from error
    if not files:
        raise TariffError(
            f"Il n'y a aucune grille tarifaire dans {folder}.",
            "Placez-y au moins une grille, par exemple 2023.toml (voir « init »).",
        )
    grids = [parse_grid(content, path.name) for path, content in files.items()]
    versions = [grid.version for grid in grids]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise TariffError(
            f"Plusieurs fichiers de tarifs portent la même version : {', '.join(twice)}.",
            "Donnez à chaque grille une version différente.",
        )
    starts = [grid.valid_from for grid in grids]
    if twice := sorted(grid.version for grid in grids if starts.count(grid.valid_from) > 1):
        raise TariffError(
            f"Plusieurs grilles commencent le même jour : {', '.join(twice)}.",
            "Donnez à chacune sa propre date de début : la plus récente remplace l'autre.",
        )
    texts = {
        grid.version: content.decode() for grid, content in zip(grids, files.values(), strict=True)
    }
    return tuple(grids), texts
