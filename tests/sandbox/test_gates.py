"""Who gets through the gates of the sandbox, and what the others are answered."""

import base64
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos import pace
from chorus_sandbox import SandboxOptions
from tests.support.sandbox_portal import DEPOSIT, HEALTH, REPORT, SEARCH, Portal, started


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


@pytest.fixture
def slow_portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come after a minute and whose tokens live five seconds."""
    yield from started(
        SandboxOptions(
            data=tmp_path / "sandbox.db",
            port=0,
            integration_delay=timedelta(minutes=1),
            token_lifetime=timedelta(seconds=5),
        )
    )


def test_a_token_is_opaque_and_dated(portal: Portal) -> None:
    """The right pair gets a bearer token of 54 characters that lives an hour."""
    answer = portal.ask_token().json()
    assert len(answer.pop("access_token")) == 54
    assert answer == {"token_type": "Bearer", "expires_in": 3600, "scope": "openid"}


def test_wrong_credentials_all_look_the_same(portal: Portal) -> None:
    """An unknown identifier and a wrong secret get the same 400, byte for byte."""
    answers = [portal.ask_token(client_id="x"), portal.ask_token(client_secret="x")]
    assert {answer.status_code for answer in answers} == {400}
    assert answers[0].content == answers[1].content
    assert answers[0].json()["error"] == "invalid_client"


def test_another_grant_is_not_supported(portal: Portal) -> None:
    """Only client credentials are granted."""
    answer = portal.ask_token(grant_type="password")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_the_token_endpoint_wants_a_form(portal: Portal) -> None:
    """JSON is no form."""
    assert portal.post("/api/oauth/token", {}).status_code == 415


@pytest.mark.parametrize("path", [REPORT, "/cpro/factures/v1/nulle/part", "/"])
def test_no_token_comes_first(portal: Portal, path: str) -> None:
    """Without bearer, every route answers 400 and names the challenge."""
    del portal.session.headers["Authorization"]
    answer = portal.post(path, {})
    assert (answer.status_code, answer.content) == (400, b"")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="DefaultRealm", error="invalid_request",'
        ' error_description="Unable to find token in the message"'
    )


@pytest.mark.parametrize("path", [REPORT, "/cpro/factures/v1/nulle/part"])
def test_a_bad_token_comes_second(portal: Portal, path: str) -> None:
    """An unknown token is refused before the route is looked at."""
    answer = portal.post(path, {}, Authorization="Bearer nope")
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_token_expires(slow_portal: Portal) -> None:
    """A token works until its life is over."""
    slow_portal.clock += timedelta(seconds=4)
    slow_portal.call(SEARCH)
    slow_portal.clock += timedelta(seconds=1)
    assert slow_portal.post(SEARCH, {}).status_code == 401
    slow_portal.enter()
    slow_portal.call(SEARCH)


@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "/cpro/factures/v1/consulter/cr"),
        ("GET", DEPOSIT),
        ("POST", HEALTH),
        ("DELETE", SEARCH),
        ("GET", "/"),
    ],
)
def test_an_unknown_route_comes_third(portal: Portal, method: str, path: str) -> None:
    """An undeclared route is forbidden, even to a wrong account, with a trace identifier."""
    answer = portal.session.request(
        method, portal.url + path, headers={"cpro-account": "x"}, timeout=pace.limit(10)
    )
    assert (answer.status_code, answer.content) == (403, b"")
    assert len(answer.headers["x-correlationid"]) == 36


@pytest.mark.parametrize(
    "account",
    ["", "pas-du-base64", "é", base64.b64encode(b"TECH_1_SANDBOX@cpro.invalid:x").decode()],
)
def test_a_wrong_account_comes_fourth(portal: Portal, account: str) -> None:
    """A wrong technical account is refused with the recorded body, on health-check too."""
    headers = {"cpro-account": account.encode()}
    answers = [
        portal.session.post(
            portal.url + REPORT, data=b"{", headers=headers, timeout=pace.limit(10)
        ),
        portal.session.get(portal.url + HEALTH, headers=headers, timeout=pace.limit(10)),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.json() == {"ErrorCode": "401", "Description": "[invalid field]"}


def test_the_content_type_comes_fifth(portal: Portal) -> None:
    """Anything but JSON is not supported."""
    answer = portal.session.post(portal.url + REPORT, data={"a": "b"}, timeout=pace.limit(10))
    assert (answer.status_code, answer.content) == (415, b"")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"numeroFluxDepot": null}', b"{}"],
)
def test_a_bad_body_comes_last(portal: Portal, body: bytes) -> None:
    """An unreadable body, or a mandatory field without value, is a 400 without a word."""
    headers = {"Content-Type": "application/json;charset=utf-8"}
    answer = portal.session.post(
        portal.url + REPORT, data=body, headers=headers, timeout=pace.limit(10)
    )
    assert (answer.status_code, answer.content) == (400, b"")


def test_health(portal: Portal) -> None:
    """The health check answers the recorded sentence."""
    answer = portal.session.get(portal.url + HEALTH, timeout=pace.limit(10))
    assert answer.json() == {
        "statusCodeValue": 200,
        "statusCode": "OK",
        "body": "L'API CPRO est actuellement disponible et fonctionnel.",
    }


def test_a_connection_serves_many_requests(portal: Portal) -> None:
    """Refusals leave the connection usable: the next call on it gets its own answer."""
    host, port = portal.url.removeprefix("http://").split(":")
    request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    with socket.create_connection((host, int(port)), timeout=pace.limit(10)) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "header,status",
    [
        (b"Content-Length: -1", b"400"),
        (b"Content-Length: x", b"400"),
        (b"Transfer-Encoding: chunked", b"411"),
    ],
)
def test_a_body_of_unknown_length_is_refused(portal: Portal, header: bytes, status: bytes) -> None:
    """A length that is none, or a body in pieces, ends the connection with a reason."""
    host, port = portal.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=pace.limit(10)) as connection:
        connection.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.split()[1] == status
    assert b"Connection: close" in answer
