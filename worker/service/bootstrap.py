"""The composition root: reads the configuration and builds the collaborators, nowhere else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from worker.app import App, Clock
from worker.errors import ConfigurationError
from worker.formats import ALWAYS
from worker.formats.branding import Branding, read_branding
from worker.formats.profiles import ON_DEMAND
from worker.issuing.directory import Directory
from worker.issuing.render import RenderChecked, render_checked
from worker.portals import Portal
from worker.portals.choruspro.access import (
    PRODUCTION,
    QUALIFICATION,
    Addresses,
    ChorusProSettings,
)
from worker.portals.choruspro.portal import ChorusPro
from worker.service import logs
from worker.service.local_portal import local_portal
from worker.service.opening import open_app, utc_now
from worker.settings.keys import Environment, PortalSettings
from worker.settings.secrets import load_secrets
from worker.storage.documents import require_archive
from worker.validation.official.artefacts import verify_artefacts
from worker.validation.official.service import ValidationService

PAGES_AT_ONCE = 2
"""An invoice has two pages to set, its own and its statement's."""


def open_verified(config: Path | None, clock: Clock = utc_now, *, writes: bool = True) -> App:
    """Open what the configuration names, for an act that issues or deposits.

    ``writes``: False for one that only shows what would be done.

    Raises:
        ConfigurationError, StorageUnavailable: see ``open_app``.
        IntegrityError: an official schema or rule set was altered, or the archive is gone: nothing
            may be issued then.
    """
    return verified(open_app(config, clock, writes=writes))


def verified(app: App) -> App:
    """The same, once the official schemas and the archive are seen to be there.

    Raises IntegrityError.
    """
    logs.configure_once()
    verify_artefacts()
    with app.reading() as session:
        require_archive(session, app.store.archive)
    return app


def branding(app: App) -> Branding:
    """Colours and logo. Raises ConfigurationError when the logo cannot be used."""
    look = read_branding(app.settings.look.accent, app.configuration.logo)
    return replace(look, by_title=not app.deposits)


@contextmanager
def rendering(app: App) -> Iterator[RenderChecked]:
    """What renders and checks documents; its threads and process last as long as the block.

    Raises:
        ConfigurationError: the logo cannot be used.
        IntegrityError: an official schema or rule set was altered.
    """
    verify_artefacts()
    look = branding(app)
    extra = (ON_DEMAND[name.value] for name in app.settings.documents.also)
    with (
        ValidationService(ours=True) as service,
        ThreadPoolExecutor(PAGES_AT_ONCE, "pages") as pages,
    ):
        yield partial(
            render_checked,
            look=look,
            profiles=(*ALWAYS, *chain.from_iterable(extra)),
            pages=pages,
            check=service.submit,
        )


def require_deposits(app: App) -> None:
    """Raise ConfigurationError unless this installation deposits by itself."""
    if not app.deposits:
        raise ConfigurationError(
            "Le canal convenu est Hélios : ce programme émet et exporte, il ne dépose pas.",
            "Exportez les titres, avec leurs factures, pour le logiciel comptable : "
            "chorus-worker titles export ANNÉE --to FICHIER",
        )


@contextmanager
def open_portal(app: App, heard: Callable[[], None] = lambda: None) -> Iterator[Portal]:
    """The portal of the configuration; the local one lasts as long as the block.

    ``heard`` is called after each call of its, answered or not.

    Raises:
        ConfigurationError: this installation does not deposit, or secrets are missing.
    """
    logs.configure_once()  # each call of the client is logged
    configuration = app.configuration
    settings = configuration.settings
    require_deposits(app)
    secrets = load_secrets(configuration)
    with _addresses(settings.portal, configuration.data_folder) as addresses:
        client = ChorusPro(
            ChorusProSettings(
                token_url=addresses.token_url,
                api_url=addresses.api_url,
                client_id=secrets.client_id.get_secret_value(),
                client_secret=secrets.client_secret,
                technical_login=secrets.technical_login.get_secret_value(),
                technical_password=secrets.technical_password,
                connect_timeout=settings.portal.connect_timeout_seconds,
                read_timeout=settings.portal.read_timeout_seconds,
                requests_per_second=settings.portal.requests_per_second,
                parallel_calls=settings.portal.parallel_calls,
                user_id=settings.portal.user_id,
            ),
            heard=heard,
        )
        try:
            yield client
        finally:
            client.close()


@contextmanager
def open_directory(app: App, *, refresh: bool) -> Iterator[Directory]:
    """The directory of the configuration's portal, once both pairs of credentials are proven.

    Raises:
        ConfigurationError: as ``open_portal``.
        PortalError, PortalAccessRefused: nothing can be asked.
    """
    with open_portal(app) as portal:
        portal.sign_in()
        yield Directory(app=app, portal=portal, refresh=refresh)


@contextmanager
def _addresses(settings: PortalSettings, data_folder: Path) -> Iterator[Addresses]:
    match settings.environment:
        case Environment.PRODUCTION:
            yield PRODUCTION
        case Environment.QUALIFICATION:
            yield QUALIFICATION
        case Environment.LOCAL if settings.local_url:
            yield _local(settings.local_url)
        case Environment.LOCAL:
            with local_portal(data_folder) as url:
                yield _local(url)


def _local(url: str) -> Addresses:
    return Addresses(token_url=f"{url}/api/oauth/token", api_url=url)
