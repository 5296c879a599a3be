"""What the client is told: addresses that protect secrets, pairs that are whole."""

import pytest
from pydantic import SecretStr

from tests.support.portal_client import PASSWORD, settings
from worker.errors import ConfigurationError
from worker.portals.choruspro.access import PRODUCTION, QUALIFICATION, ChorusProSettings
from worker.portals.http.address import (
    is_loopback,
)

LOCAL = "http://127.0.0.1:1"


def changed(name: str, value: object) -> ChorusProSettings:
    """The settings of the tests with one value replaced."""
    changes: dict[str, object] = {name: value}
    return settings(LOCAL, **changes)


def test_secret_never_shows_itself() -> None:
    """Printing the settings, in any way, shows no secret."""
    shown = f"{settings()} {settings()!r} {SecretStr(PASSWORD)} {SecretStr(PASSWORD)!s:>40}"

    assert PASSWORD not in shown
    assert "*****" in shown


def test_blanks_pasted_around_values_are_dropped() -> None:
    """A secret pasted with a line break works."""
    made = settings(client_id=" id\n", client_secret=SecretStr("\ts3cret \n"))

    assert (made.client_id, made.client_secret.get_secret_value()) == ("id", "s3cret")


@pytest.mark.parametrize(
    "name", ["client_id", "client_secret", "technical_login", "technical_password"]
)
def test_half_a_pair_is_named(name: str) -> None:
    """A missing or blank half of a pair is refused by its name."""
    empty = SecretStr("  ") if name in ("client_secret", "technical_password") else "  "
    with pytest.raises(ConfigurationError, match=name):
        changed(name, empty)


@pytest.mark.parametrize(
    "address",
    [
        "http://api.piste.gouv.fr",
        "ftp://127.0.0.1",
        "https://",
        "api.piste.gouv.fr",
        "https://nom:secret@api.piste.gouv.fr",
        "https://api.piste.gouv.fr?jeton=1",
        "http://127.0.0.1.exemple.invalid",
    ],
)
@pytest.mark.parametrize("name", ["token_url", "api_url"])
def test_address_that_would_expose_secrets_is_refused(name: str, address: str) -> None:
    """Only https, or this machine, and nothing but an address."""
    with pytest.raises(ConfigurationError, match=name):
        changed(name, address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8817", "http://[::1]:1", "http://localhost"])
def test_plain_http_is_for_this_machine_only(address: str) -> None:
    """The local sandbox may be reached without TLS."""
    assert settings(address).api_url == address


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "requests_per_second"])
def test_times_and_pace_are_positive(name: str) -> None:
    """Zero, negative or not a number would wait for ever or not at all."""
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ConfigurationError, match=name):
            changed(name, wrong)


def test_calls_at_once_stay_polite() -> None:
    """One to sixteen calls under way."""
    assert changed("parallel_calls", 16).parallel_calls == 16
    for wrong in (0, -1, 17):
        with pytest.raises(ConfigurationError, match="parallel_calls"):
            changed("parallel_calls", wrong)


def test_login_with_a_colon_is_refused() -> None:
    """The header joins login and password with a colon: it must split at the right place."""
    with pytest.raises(ConfigurationError, match="technical_login"):
        settings(technical_login="TECH_1:secret")


def test_known_environments_are_usable_and_apart() -> None:
    """Both environments pass the checks, and share no address."""
    for known in (PRODUCTION, QUALIFICATION):
        assert settings(token_url=known.token_url, api_url=known.api_url).api_url == known.api_url
        assert not is_loopback(known.api_url)

    assert not set(PRODUCTION) & set(QUALIFICATION)
