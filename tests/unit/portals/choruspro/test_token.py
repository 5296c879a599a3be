"""The PISTE token: asked once, renewed in time, refused for good."""

from collections.abc import Iterator
from contextlib import nullcontext
from urllib.parse import parse_qs

import pytest
import responses

from chaos import pace
from tests.support.portal_client import CLIENT_SECRET, PASSWORD, StillClock, settings
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.portals.choruspro.token import PisteToken
from worker.portals.http.attempt import Transport
from worker.portals.http.breaker import Breaker

URL = "https://api.exemple.invalid/api/oauth/token"


@pytest.fixture
def clock() -> StillClock:
    """Time that passes only when someone sleeps."""
    return StillClock()


@pytest.fixture
def piste() -> Iterator[responses.RequestsMock]:
    """PISTE, scripted."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def token(clock: StillClock) -> Iterator[PisteToken]:
    """A token source that has asked nothing yet."""
    transport = Transport(
        connect_timeout=pace.limit(1),
        read_timeout=pace.limit(1),
        turn=nullcontext,
        monotonic=clock.monotonic,
    )
    breaker = Breaker("PISTE", monotonic=clock.monotonic, clock=clock.now_utc)
    yield PisteToken(settings(), transport, breaker, monotonic=clock.monotonic, sleep=clock.sleep)
    transport.close()


def give(piste: responses.RequestsMock, value: str, lifetime: object = 3600) -> None:
    """The next answer is this token."""
    piste.post(URL, json={"access_token": value, "token_type": "Bearer", "expires_in": lifetime})


def test_request_is_the_documented_form(piste: responses.RequestsMock, token: PisteToken) -> None:
    """Client credentials as form fields, scope openid (§1.2)."""
    give(piste, "un")
    assert token.get() == "un"
    body = piste.calls[0].request.body
    assert isinstance(body, bytes)
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["00000000-0000-4000-8000-000000000001"],
        "client_secret": [CLIENT_SECRET],
        "scope": ["openid"],
    }


@pytest.mark.parametrize("lifetime, used_for", [(3600, 3540), ("3600", 3540), (10, 9), (5, 4.5)])
def test_token_is_kept_until_shortly_before_its_end(
    piste: responses.RequestsMock,
    token: PisteToken,
    clock: StillClock,
    lifetime: object,
    used_for: float,
) -> None:
    """Sixty seconds of margin, or a tenth of a short life."""
    give(piste, "un", lifetime)
    give(piste, "deux", lifetime)
    token.get()
    clock.now += used_for - 0.1
    assert token.get() == "un"
    clock.now += 0.2
    assert token.get() == "deux"


@pytest.mark.parametrize("lifetime", [None, "bientôt", -1, 0])
def test_token_without_lifetime_is_not_kept_long(
    piste: responses.RequestsMock, token: PisteToken, clock: StillClock, lifetime: object
) -> None:
    """An unsaid lifetime counts for minutes, not for ever."""
    give(piste, "un", lifetime)
    give(piste, "deux", lifetime)
    assert token.get() == token.get() == "un"
    clock.now += 300
    assert token.get() == "deux"


def test_forgetting_concerns_the_refused_token_only(
    piste: responses.RequestsMock, token: PisteToken
) -> None:
    """A thread that was refused an old token does not drop the new one."""
    give(piste, "un")
    give(piste, "deux")
    token.get()
    token.forget("ancien")
    assert token.get() == "un"
    token.forget("un")
    assert token.get() == "deux"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_pair_is_final_and_named(
    piste: responses.RequestsMock, token: PisteToken, status: int
) -> None:
    """One request, and a message that says which pair to check, without its value."""
    description = f"secret {CLIENT_SECRET}"
    piste.post(
        URL,
        json={"error": "invalid_client", "error_description": description},
        status=status,
    )
    with pytest.raises(PortalAccessRefused) as caught:
        token.get()
    said = f"{caught.value.message} {caught.value.remedy}"
    assert "client_id / client_secret" in said
    assert "invalid_client" in said
    assert CLIENT_SECRET not in said
    assert PASSWORD not in said
    assert len(piste.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": 12},
        {"access_token": "a\r\nX-Other: b"},
        {"access_token": "a b"},
        {"access_token": "é"},
        [],
    ],
)
def test_what_is_not_a_token_never_reaches_a_header(
    piste: responses.RequestsMock, token: PisteToken, answer: object
) -> None:
    """An unusable answer stops there."""
    piste.post(URL, json=answer)
    with pytest.raises(PortalAnswerError):
        token.get()


def test_wrong_address_is_not_a_refusal(piste: responses.RequestsMock, token: PisteToken) -> None:
    """A 404 or a page says to check the address, not the pair."""
    piste.post(URL, status=404)
    with pytest.raises(PortalAnswerError, match="404") as caught:
        token.get()
    assert "token_url" in caught.value.remedy


def test_server_that_fails_is_down_and_no_record_is_to_blame(
    piste: responses.RequestsMock, token: PisteToken
) -> None:
    """A token is never about one invoice: nobody's deposit nor question is put off for it."""
    piste.post(URL, status=500)
    with pytest.raises(PortalDown) as caught:
        token.get()
    assert not isinstance(caught.value, PortalAnswerError)


def test_server_in_trouble_is_asked_again_then_down(
    piste: responses.RequestsMock, token: PisteToken, clock: StillClock
) -> None:
    """A passing error is waited for; a lasting one is "try later"."""
    piste.post(URL, status=503)
    give(piste, "un")
    assert token.get() == "un"
    assert len(clock.slept) == 1
    token.forget("un")
    piste.replace(responses.POST, URL, status=500)
    with pytest.raises(PortalDown):
        token.get()
