"""The secrets of the portal and the mail server: environment, systemd's credentials, or a file."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from worker.billing.toml import parse_toml
from worker.errors import ConfigurationError
from worker.isolation.files import read_bounded, reason
from worker.settings.keys import ENV_PREFIX, MAIL_SECRET, SECRET_NAMES
from worker.settings.loading import MOST_BYTES, Configuration
from worker.settings.rights import refuse_exposed, told


class Secrets(BaseModel):
    """What opens the portal. The masks of SecretStr keep them out of logs and tracebacks."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    client_id: SecretStr
    client_secret: SecretStr
    technical_login: SecretStr
    technical_password: SecretStr


def load_secrets(configuration: Configuration) -> Secrets:
    """Each secret from the environment, else the credentials folder, else the secrets file.

    ``CHORUS_WORKER_CLIENT_ID``…; ``$CREDENTIALS_DIRECTORY/client_id``… (systemd's LoadCredential);
    the TOML file named by ``secrets_file``, refused unless only its owner can read it.

    Raises:
        ConfigurationError: naming the missing secrets, never a value.
    """
    found = _found(configuration)
    values = {name: found[name][0] for name in Secrets.model_fields if name in found}
    if missing := [name for name in Secrets.model_fields if name not in values]:
        raise ConfigurationError(
            f"Il manque des secrets pour ouvrir Chorus Pro : {', '.join(missing)}.",
            "Donnez-les par les variables CHORUS_WORKER_CLIENT_ID…, par LoadCredential= de "
            "systemd, ou dans le fichier nommé par secrets_file (droits 0600).",
        )
    return Secrets(**{name: SecretStr(value) for name, value in values.items()})


def load_mail_password(configuration: Configuration) -> SecretStr:
    """The password of ``mail.user``, looked for as the others. Raises ConfigurationError."""
    found = _found(configuration).get(MAIL_SECRET)
    if found is None:
        raise ConfigurationError(
            f"Il manque le secret {MAIL_SECRET} : le mot de passe de mail.user.",
            "Donnez-le comme ceux de Chorus Pro, ou videz mail.user si le serveur n'en demande "
            "pas.",
        )
    return SecretStr(found[0])


def secret_origins(configuration: Configuration) -> dict[str, str]:
    """Where each secret is found, empty when it is not; never a value."""
    found = _found(configuration)
    return {name: found[name][1] if name in found else "" for name in SECRET_NAMES}


def _found(configuration: Configuration) -> dict[str, tuple[str, str]]:
    """Value and origin of each secret that is set."""
    stored = _secrets_file(configuration)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    found = {}
    for name in SECRET_NAMES:
        variable = f"{ENV_PREFIX}{name.upper()}"
        value, origin = stored.get(name, ""), "fichier de secrets"
        if folder and (file := Path(folder) / name).exists():
            value, origin = _credential(file), "identifiants systemd"
        if variable in os.environ:
            value, origin = os.environ[variable], f"variable {variable}"
        if value.strip():
            found[name] = (_readable(value.strip(), name, origin), origin)
    return found


def _readable(value: str, name: str, origin: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"Le secret {name} ({origin}) n'est pas en UTF-8.",
            "Donnez-le dans un terminal réglé en UTF-8, ou par le fichier de secrets.",
        ) from error
    return value


def _credential(path: Path) -> str:
    try:
        return read_bounded(path, MOST_BYTES).decode()
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"Le secret {path} est illisible : {_reason(error)}.",
            "Vérifiez LoadCredential= et le fichier qu'il nomme.",
        ) from error


def _secrets_file(configuration: Configuration) -> Mapping[str, str]:
    if configuration.settings.secrets_file is None:
        return {}
    path = configuration.resolve(configuration.settings.secrets_file)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        refuse_exposed(path, "Le fichier de secrets")
        if mode & 0o077:
            raise ConfigurationError(
                f"Le fichier de secrets {path} est lisible par d'autres (droits {mode:04o}).",
                f"Tapez : chmod 600 {path}",
            )
        data = parse_toml(read_bounded(path, MOST_BYTES))
    except OSError as error:
        raise ConfigurationError(*told(error, path)) from error
    except ValueError as error:
        raise ConfigurationError(
            f"Le fichier de secrets {path} est illisible : {_reason(error)}.",
            "Vérifiez sa syntaxe.",
        ) from error
    if unknown := sorted(set(data) - set(SECRET_NAMES)):
        raise ConfigurationError(
            f"Clés inconnues dans le fichier de secrets : {', '.join(unknown)}.",
            f"Clés attendues : {', '.join(SECRET_NAMES)}.",
        )
    if others := sorted(name for name, value in data.items() if not isinstance(value, str)):
        raise ConfigurationError(
            f"Dans le fichier de secrets {path}, ce ne sont pas des textes : {', '.join(others)}.",
            'Donnez chaque secret entre guillemets : client_id = "…".',
        )
    return data


def _reason(error: OSError | ValueError) -> str:
    """Why a file of secrets cannot be read, without a word of what it holds."""
    match error:
        case OSError():
            return reason(error)
        case UnicodeDecodeError():
            return "il n'est pas en UTF-8"
        case _:
            return "sa syntaxe TOML est fausse"
