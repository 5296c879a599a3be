"""What ``init`` makes: a new folder with a commented configuration, the grids, an empty database.

Or, for a configuration that exists without its data, the database alone.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from worker import __version__
from worker.billing.journal import EventTag
from worker.errors import StorageUnavailable, WorkerError
from worker.isolation.files import replace_regular
from worker.service.actor import current_actor
from worker.service.opening import utc_now, waits
from worker.settings.loading import Configuration, plain
from worker.settings.rights import protect_data, refuse_foreign_data, told
from worker.settings.shipped import shipped
from worker.storage import Store, Upgrade, create_store, journal
from worker.storage.migration import SCHEMA

CONFIG = "worker.toml"
TARIFFS = "tarifs"
RATES = "late_interest.toml"
DATA = "donnees"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was written, and what was there already and left alone."""

    created: tuple[Path, ...]
    kept: tuple[Path, ...]


def install(folder: Path, config_text: str | None = None, tariffs: Path | None = None) -> Installed:
    """Prepare a folder; nothing that exists is overwritten.

    ``config_text`` and ``tariffs``, a folder of grids, take the place of those that are shipped.

    Raises:
        StorageUnavailable: the folder cannot be written.
        ConfigurationError: its path is not in UTF-8.
    """
    created: list[Path] = []
    kept: list[Path] = []
    plain(folder.absolute())
    text = config_text or shipped("config/worker.toml").read_text("utf-8")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = {folder / CONFIG: text.encode()}
        files[folder / RATES] = shipped(f"config/{RATES}").read_bytes()
        for grid in sorted((tariffs or shipped("config/tariffs")).glob("*.toml")):
            files[folder / TARIFFS / grid.name] = grid.read_bytes()
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if path.exists():
                kept.append(path)
            else:
                replace_regular(path, content)
                created.append(path)
    except OSError as error:
        raise StorageUnavailable(*told(error, folder, writing=True)) from error
    data = folder / DATA
    refuse_foreign_data(data)
    protect_data(data)
    database = data / "worker.sqlite"
    if database.exists():
        kept.append(database)
    else:
        created.append(database)
        url = f"sqlite:///{quote(str(database.resolve()))}"
        try:
            _first_event(create_store(url, data, _ours()))
        except WorkerError:
            # Made halfway, it would be taken for a database that is kept.
            for path in data.glob(f"{database.name}*"):
                path.unlink()
            raise
    return Installed(created=tuple(created), kept=tuple(kept))


def create_data(configuration: Configuration) -> bool:
    """Create the database that a configuration names; whether it was not there yet.

    Raises what ``create_store`` raises.
    """
    refuse_foreign_data(configuration.data_folder)
    protect_data(configuration.data_folder)
    store = create_store(
        configuration.database_url, configuration.data_folder, _ours(), waits=waits(configuration)
    )
    with store.reading() as session:
        if journal.head(session).seq:
            return False
    _first_event(store)
    return True


def _ours() -> Upgrade:
    return Upgrade(actor=current_actor(), now=utc_now())


def _first_event(store: Store) -> None:
    with store.transaction(current_actor(), utc_now) as tx:
        tx.journal(EventTag.DATABASE_CREATED, "journal", schema=SCHEMA, program=__version__)
