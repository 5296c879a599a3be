"""What the Chorus Pro client must be told: two addresses, two pairs of credentials, a pace.

Reference §1.1 (hosts), §1.4 (headers), §1.6 (the technical account).
"""

from dataclasses import dataclass, fields
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from worker.errors import ConfigurationError
from worker.portals.http.address import is_loopback
from worker.portals.http.pacing import MOST_PARALLEL


class Addresses(NamedTuple):
    """Where one environment answers."""

    token_url: str
    api_url: str


PRODUCTION = Addresses(
    "https://oauth.piste.gouv.fr/api/oauth/token",
    "https://api.piste.gouv.fr",
)
QUALIFICATION = Addresses(
    "https://sandbox-oauth.piste.gouv.fr/api/oauth/token",
    "https://sandbox-api.piste.gouv.fr",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChorusProSettings:
    """How to reach Chorus Pro, and as whom. Checked when built, without the blanks around texts.

    Raises:
        ConfigurationError: an address is not https, half of a pair is missing, or a number is out
            of its range.
    """

    token_url: str  # where PISTE issues tokens
    api_url: str  # root of the API, without ``/cpro``
    client_id: str  # of the PISTE application, "OAuth Credentials" panel
    client_secret: SecretStr  # its secret
    technical_login: str  # of the *compte technique*, ``TECH_…@cpro.fr``
    technical_password: SecretStr  # its password, to be changed every 424 days
    connect_timeout: float = 10  # seconds to reach the server
    read_timeout: float = 60  # seconds without a byte of the answer
    requests_per_second: float = 5  # pace of all calls together
    parallel_calls: int = 1  # how many calls may be under way at once, 1 to 16
    # ``idUtilisateurCourant``, sent to the Factures API when given (§1.7: optional)
    user_id: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _bare(getattr(self, field.name)))
        for name in ("client_id", "client_secret", "technical_login", "technical_password"):
            if not getattr(self, name):
                raise ConfigurationError(
                    f"Chorus Pro : {name} n'est pas renseigné.",
                    "Renseignez les deux couples : client_id et client_secret (PISTE), "
                    "technical_login et technical_password (compte technique).",
                )
        if ":" in self.technical_login:
            raise ConfigurationError(
                "Chorus Pro : technical_login contient « : ».",
                "Donnez l'identifiant seul ; le mot de passe va dans technical_password.",
            )
        for name in ("token_url", "api_url"):
            _check_address(name, getattr(self, name))
        for name in ("connect_timeout", "read_timeout", "requests_per_second"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"Chorus Pro : {name} doit être supérieur à zéro.")
        if not 1 <= self.parallel_calls <= MOST_PARALLEL:
            raise ConfigurationError(
                f"Chorus Pro : parallel_calls doit être entre 1 et {MOST_PARALLEL}."
            )


def _bare(value: object) -> object:
    if isinstance(value, SecretStr):
        return SecretStr(value.get_secret_value().strip())
    return value.strip() if isinstance(value, str) else value


def _check_address(name: str, address: str) -> None:
    parts = urlsplit(address)
    plain_but_local = parts.scheme == "http" and is_loopback(address)
    if not parts.hostname or not (parts.scheme == "https" or plain_but_local):
        raise ConfigurationError(
            f"Chorus Pro : {name} doit être une adresse https:// "
            "(http:// est réservé à cette machine).",
            "Corrigez l'adresse : les secrets ne voyagent jamais en clair.",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            f"Chorus Pro : {name} ne doit porter ni identifiant, ni paramètre.",
            "Donnez l'adresse seule, comme https://api.piste.gouv.fr.",
        )
