"""``init`` and ``config show``: installing, and seeing what is set."""

from pathlib import Path
from typing import Annotated

from worker.cli import json_views
from worker.cli.console import put, put_json, say, table
from worker.cli.options import Config, Json, argument
from worker.errors import ConfigurationError
from worker.formats.branding import read_branding
from worker.service.installation import create_data, install
from worker.settings.loading import flatten, load, masked_url
from worker.settings.secrets import secret_origins


def init(
    folder: Annotated[Path | None, argument("[DOSSIER]", "où installer")] = None,
    config: Config = None,
) -> None:
    """Crée un dossier : configuration commentée, tarifs et données vides.

    Sans DOSSIER, crée la base de données vide que la configuration nomme.
    """
    if folder is None:
        configuration = load(config)
        done = "créées, vides" if create_data(configuration) else "déjà là, gardées telles quelles"
        put(f"Données {done} : {configuration.data_folder}")
        return
    installed = install(folder)
    for path in installed.created:
        say(f"créé : {path}")
    for path in installed.kept:
        say(f"gardé tel quel : {path}")
    put(f"Complétez {folder / 'worker.toml'} : il commence par la question du canal de dépôt.")


def show(config: Config = None, as_json: Json = False) -> None:
    """Affiche chaque réglage et d'où il vient ; les secrets sont masqués."""
    configuration = load(config)
    try:
        secrets = secret_origins(configuration)
    except ConfigurationError as error:
        # The other settings are still worth seeing, above all then.
        say(f"Secrets : {error.message} {error.remedy}")
        secrets = {}
    try:
        read_branding(configuration.settings.look.accent, configuration.logo)
    except ConfigurationError as error:
        say(f"Logo : {error.message} {error.remedy}")
    values = [
        (key, masked_url(value) if key == "data.database_url" else value)
        for key, value in flatten(configuration.settings.model_dump(mode="json"))
    ]
    if as_json:
        put_json(
            **json_views.configuration(configuration.path, values, configuration.origins, secrets)
        )
        return
    put(f"Configuration : {configuration.path}")
    rows = [(key, _shown(value), configuration.origins.get(key, "")) for key, value in values]
    rows += [
        (f"secret : {name}", "••••" if origin else "absent", origin)
        for name, origin in secrets.items()
    ]
    table(("réglage", "valeur", "origine"), rows)


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
