"""The open installation: settings, store, clock, who acts. What every act is given.

It stands beside the layers, below the acts: it knows settings and storage only, so that commands
which read start fast.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from worker.billing.tariff import TariffFolder
from worker.billing.tariff_reading import parse_grid
from worker.errors import ConfigurationError
from worker.settings.keys import Channel, Settings
from worker.settings.loading import Configuration
from worker.settings.tariffs import load_grids
from worker.storage import Session, Store, Transaction
from worker.storage.grids import kept_texts

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What is kept, where, by which settings, and who acts on it now.

    Attributes:
        configured: the configuration; None when a data folder is read by itself.
        actor: ``user[…]@host:pid``; tells whether the process of an open deposit still lives.
    """

    configured: Configuration | None
    store: Store
    clock: Clock
    actor: str

    @property
    def configuration(self) -> Configuration:
        """Raises ConfigurationError when a data folder is read by itself."""
        if self.configured is None:
            raise ConfigurationError(
                "Cette commande a besoin de la configuration, et --data n'en lit aucune.",
                "Retapez-la sans --data, avec --config FICHIER.",
            )
        return self.configured

    @property
    def data_folder(self) -> Path:
        """Where everything the program keeps is."""
        return self.store.archive.folder.parent

    @property
    def settings(self) -> Settings:
        """What this installation was told."""
        return self.configuration.settings

    @property
    def deposits(self) -> bool:
        """Whether this installation deposits by itself; supposed without configuration."""
        return self.configured is None or self.settings.channel is Channel.API

    def at_work(self) -> AbstractContextManager[None]:
        """See ``Store.at_work``."""
        return self.store.at_work()

    def transaction(
        self, *, commit: bool = True, on: Session | None = None
    ) -> AbstractContextManager[Transaction]:
        """See ``Store.transaction``."""
        return self.store.transaction(self.actor, self.clock, commit=commit, on=on)

    def staging(self) -> AbstractContextManager[Session]:
        """See ``Store.staging``."""
        return self.store.staging()

    def reading(self) -> AbstractContextManager[Session]:
        """See ``Store.reading``."""
        return self.store.reading()

    def tariffs(self, year: int | None = None) -> TariffFolder:
        """The tariff folder; for a year, all that might price it is sound.

        Without configuration, the grids that priced an invoice. Raises TariffError, IntegrityError.
        """
        if self.configured is None:
            with self.reading() as session:
                texts = kept_texts(session)
            grids = tuple(parse_grid(text.encode(), version) for version, text in texts.items())
            return TariffFolder(grids=grids, texts=texts)
        folder = load_grids(self.configured.tariff_folder)
        if year is not None:
            folder.require(year)
        return folder
