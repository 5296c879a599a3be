"""Finds and reads the configuration: the file, the environment above it, where each value is from.

Every mistake is told at once, each with the path of its key.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_settings import SettingsError

from worker.billing.money import count
from worker.billing.text import harmless
from worker.billing.toml import own_table, parse_toml
from worker.errors import ConfigurationError, Finding
from worker.isolation.files import read_bounded
from worker.settings.keys import ENV_PREFIX, SECRET_NAMES, Settings
from worker.settings.rights import refuse_exposed, told

CONFIG_VARIABLE = f"{ENV_PREFIX}CONFIG"
DEFAULT_CONFIG = Path("config/worker.toml")
MOST_BYTES = 200_000
"""Of the configuration, of the secrets, of a grid: ours have some 10 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The settings, the file they come from, and where each value was read."""

    path: Path
    settings: Settings
    origins: Mapping[str, str]

    def resolve(self, path: Path) -> Path:
        """A path of the file, relative to the file. Raises ConfigurationError, see ``plain``."""
        return plain(self.path.parent / path)

    @property
    def data_folder(self) -> Path:
        """Where everything the program keeps is."""
        return self.resolve(self.settings.data.folder)

    @property
    def tariff_folder(self) -> Path:
        """Where the grids are."""
        return self.resolve(self.settings.data.tariffs)

    @property
    def interest_rates(self) -> Path:
        """Where the rates of late payment are."""
        return self.resolve(self.settings.late_interest.rates)

    @property
    def site_folder(self) -> Path | None:
        """Where the site is kept up to date, when it is."""
        folder = self.settings.site.folder
        return None if folder is None else self.resolve(folder)

    @property
    def logo(self) -> Path | None:
        """Where the logo is, when there is one."""
        logo = self.settings.look.logo
        return None if logo is None else self.resolve(logo)

    @property
    def mail_certificates(self) -> Path | None:
        """Where the certificates are to which the mail server's must lead, when it is said."""
        certificates = self.settings.mail.ca_file
        return None if certificates is None else self.resolve(certificates)

    @property
    def mail_templates(self) -> Path:
        """Where the texts are that replace those of the program."""
        return self.resolve(self.settings.mail.templates)

    @property
    def timestamp_certificates(self) -> Path | None:
        """Where the certificates of the time-stamping authorities are, when one is configured."""
        certificates = self.settings.journal.timestamp_certificates
        return None if certificates is None else self.resolve(certificates)

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        database = quote(str(self.data_folder / "worker.sqlite"))
        return self.settings.data.database_url or f"sqlite:///{database}"


def plain(path: Path) -> Path:
    """A path that every part of the program can name.

    Raises:
        ConfigurationError: it holds a null character, or is not in UTF-8.
    """
    text = str(path)
    if "\0" in text or text != text.encode(errors="ignore").decode():
        raise ConfigurationError(
            f"Le chemin {harmless(text)} ne convient pas : il contient un caractère nul, ou qui "
            "n'est pas de l'UTF-8.",
            "Renommez le dossier ou le fichier, ou corrigez la configuration, puis relancez.",
        )
    return path


def masked_url(url: str) -> str:
    """A database's URL to be shown, without its password.

    It may stand before the last ``@`` or in what follows a ``?``, and hold any sign itself.
    """
    scheme, mark, rest = url.partition("://")
    place, asks, asked = rest.partition("?")
    if not mark or "@" in asked:
        return "••••" if url else ""
    account, at, host = place.rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':••••' * bool(colon)}{at}{host}{'?••••' * bool(asks)}"


def find_config(option: Path | None) -> Path:
    """``--config``, else the environment variable, else the default place."""
    return option or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load(option: Path | None) -> Configuration:
    """Read and check the configuration that ``find_config`` finds.

    Raises:
        ConfigurationError: with one finding per mistake, each with the path of its key.
    """
    path = find_config(option)
    _refuse_unknown_variables()
    try:
        refuse_exposed(path, "La configuration")
        data = parse_toml(read_bounded(path, MOST_BYTES))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"Il n'y a pas de configuration à l'emplacement {path}.",
            "Créez-la avec « chorus-worker init DOSSIER », "
            "ou indiquez-la avec --config FICHIER ou la variable CHORUS_WORKER_CONFIG.",
        ) from error
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"La configuration {path} n'est pas encodée en UTF-8 (octet n° {error.start + 1}).",
            "Enregistrez-la en UTF-8 depuis votre éditeur de texte.",
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"La configuration {path} est illisible : {error}.",
            "Corrigez la ligne indiquée.",
        ) from error
    try:
        settings = Settings(**data)
    except (SettingsError, RecursionError) as error:
        present = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
        raise ConfigurationError(
            f"Une de ces variables n'a pas la forme attendue : {', '.join(present)}.",
            "Une liste ou une table s'y écrit en JSON, par exemple [1, 2, 4].",
        ) from error
    except ValidationError as error:
        french = own_table(__package__, "french.toml")
        findings = tuple(_finding(path, dict(item), french) for item in error.errors())
        raise ConfigurationError(
            f"La configuration {path} contient {count(len(findings), 'erreur')}.",
            "Corrigez les clés indiquées ; rien n'a été fait.",
            findings=findings,
        ) from error
    return Configuration(path=path.resolve(), settings=settings, origins=_origins(settings, data))


def _refuse_unknown_variables() -> None:
    """Raise ConfigurationError for variables that nothing reads, each with the nearest name."""
    known = {CONFIG_VARIABLE, *(f"{ENV_PREFIX}{name.upper()}" for name in SECRET_NAMES)}
    for name, field in Settings.model_fields.items():
        known.add(table := f"{ENV_PREFIX}{name.upper()}")
        keys = getattr(field.annotation, "model_fields", {})
        known |= {f"{table}__{key.upper()}" for key in keys}
    findings = tuple(
        Finding(
            code="CONFIG",
            message="cette variable n'existe pas",
            remedy=f"Peut-être {near[0]} ?"
            if (near := get_close_matches(name.upper(), sorted(known), 1))
            else "Retirez-la.",
            where=f"variable {name}",
        )
        for name in sorted(os.environ)
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known
    )
    if findings:
        raise ConfigurationError(
            f"L'environnement contient {count(len(findings), 'variable inconnue')}.",
            "Corrigez leur nom, ou retirez-les ; rien n'a été fait.",
            findings=findings,
        )


def _finding(path: Path, item: dict[str, Any], french: Mapping[str, Any]) -> Finding:
    key = ".".join(str(part) for part in item["loc"])
    kind, context = item["type"], item.get("ctx", {})
    messages, remedies = french["messages"], french["remedies"]
    # An unknown variable is not even looked at: an unknown key of the first level is the file's.
    unknown = kind == "extra_forbidden"
    variable = "" if unknown and len(item["loc"]) == 1 else _variable(key)
    if kind == "value_error":
        message = str(context["error"])
    else:
        message = messages[kind].format(**context) if kind in messages else item["msg"]
        message = re.sub(r"'([^']*)'", r"« \1 »", message.replace("' or '", "' ou '"))
        if key == "look.accent":
            message += " : écrivez #rrvvbb, par exemple #1f4e79"
    value = item.get("input")
    # The value of an unknown key may be a secret in the wrong place.
    hidden = (
        unknown
        or "@" in str(value)
        or kind == "missing"
        or isinstance(value, dict)
        or key == "data.database_url"
    )
    return Finding(
        code="CONFIG",
        message=message,
        remedy=_nearest(key) * unknown + (remedies.get(kind) or remedies.get(key, "")),
        where=f"variable {variable}" if variable else f"{path.name} : {key}",
        value="" if hidden else str(value)[:40],
    )


def _nearest(key: str) -> str:
    """What an unknown key may have been meant for."""
    known = []
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", {})
        known += [f"{name}.{one}" for one in inner] or [name]
    near = get_close_matches(key, known, 1)
    return f"Peut-être {near[0]} ? " if near else ""


def _origins(settings: Settings, data: Mapping[str, Any]) -> dict[str, str]:
    in_file = dict(flatten(data))
    origins = {}
    for key, _ in flatten(settings.model_dump()):
        if variable := _variable(key):
            origins[key] = f"variable {variable}"
        else:
            origins[key] = "fichier" if key in in_file else "valeur par défaut"
    return origins


def _variable(key: str) -> str:
    """The environment variable that gives a key, alone or within its table; else nothing."""
    present = {name.upper(): name for name in os.environ}
    parts = key.upper().split(".")
    names = (ENV_PREFIX + "__".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((present[name] for name in names if name in present), "")


def flatten(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted keys, in order."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
