"""Connections on real sockets: what fails before the request, and whom to trust."""

import os
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import certifi
import pytest
import requests

from chaos import pace
from tests.support.scripted_server import CERTIFICATE, ScriptedServer, hang_up, raw, reply, serving
from worker.portals.http.attempt import HttpAnswer, HttpRequest, NoAnswer, Transport
from worker.portals.http.connection import new_session


@pytest.fixture
def transport() -> Iterator[Transport]:
    """A transport in a hurry."""
    made = Transport(
        connect_timeout=pace.limit(0.3), read_timeout=pace.limit(0.3), turn=nullcontext
    )
    yield made
    made.close()


def post(url: str, body: bytes = b"{}") -> HttpRequest:
    """A request with a body."""
    return HttpRequest(method="POST", url=url, route="test", headers={}, body=body)


def tls(server: ScriptedServer) -> HttpRequest:
    """The same, over TLS."""
    return post(f"https://127.0.0.1:{server.port}/")


def test_refused_connection_proves_nothing_was_sent(transport: Transport) -> None:
    """A port nobody listens on is certainly not a deposit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = transport.attempt_alone(post(f"http://127.0.0.1:{port}/"))

    assert outcome == NoAnswer(
        sent=False,
        reason="le serveur refuse la connexion ou n'est pas joignable (NewConnectionError)",
    )


def test_unknown_name_proves_nothing_was_sent(transport: Transport) -> None:
    """A server name that does not resolve is certainly not a deposit, and is named as such."""
    outcome = transport.attempt_alone(post("https://portail.invalid/"))

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "introuvable" in outcome.reason


def test_connect_timeout_proves_nothing_was_sent(transport: Transport) -> None:
    """A server that never completes the connection has read nothing."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(address)
        outcome = transport.attempt_alone(post(f"http://127.0.0.1:{address[1]}/"))
        for one in waiting:
            one.close()

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "délai de connexion" in outcome.reason


def test_untrusted_certificate_proves_nothing_was_sent(transport: Transport) -> None:
    """A self-signed certificate stops the call before the request, and the reason says so."""
    with serving(reply({}), tls=True) as server:
        outcome = transport.attempt_alone(tls(server))
        assert server.requests == []

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "certificat" in outcome.reason


def test_server_that_does_not_speak_tls_proves_nothing_was_sent(transport: Transport) -> None:
    """A handshake answered with plain text fails before the request."""
    with serving(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), reads=False) as server:
        outcome = transport.attempt_alone(tls(server))

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent


def test_reset_during_the_handshake_proves_nothing_was_sent(transport: Transport) -> None:
    """A connection closed in the middle of the TLS handshake carried no request."""
    with serving(hang_up, reads=False) as server:
        outcome = transport.attempt_alone(tls(server))

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent


def test_tls_cut_after_the_request_leaves_doubt(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same kind of TLS error, once the request was written, proves nothing."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serving(hang_up, tls=True) as server:
        outcome = transport.attempt_alone(tls(server))
        assert len(server.requests) == 1

    assert isinstance(outcome, NoAnswer)
    assert outcome.sent


def test_trusted_certificate_is_accepted(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificate authorities given by the environment are trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serving(reply(b"ok"), tls=True) as server:
        outcome = transport.attempt_alone(tls(server))

    assert isinstance(outcome, HttpAnswer)
    assert (outcome.status, outcome.body) == (200, b"ok")


def test_certificate_of_another_name_proves_nothing_was_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted certificate is still refused when it names another server."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serving(reply({}), tls=True) as server:
        outcome = transport.attempt_alone(post(f"https://localhost:{server.port}/"))
        assert server.requests == []

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "certificat" in outcome.reason


def test_verifying_cannot_be_turned_off() -> None:
    """Even a session that is told not to verify refuses a certificate nobody vouches for."""
    with serving(reply(b"ok"), tls=True) as server, new_session() as session:
        session.verify = False
        with pytest.raises(requests.RequestException):
            session.post(f"https://127.0.0.1:{server.port}/", data=b"secret", timeout=pace.limit(2))
        assert server.requests == []


def test_trust_withdrawn_from_the_bundle_is_withdrawn_at_once(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Authorities are kept between calls, and read again when their file changes."""
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(CERTIFICATE.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(reply(b"ok"), reply(b"ok"), tls=True) as server:
        assert isinstance(transport.attempt_alone(tls(server)), HttpAnswer)
        bundle.write_bytes(Path(certifi.where()).read_bytes())
        withdrawn = transport.attempt_alone(tls(server))
        assert len(server.requests) == 1

    assert isinstance(withdrawn, NoAnswer)
    assert not withdrawn.sent


@pytest.mark.parametrize(
    "content", [None, b"", b"not a certificate", "pipe"], ids=["none", "empty", "noise", "pipe"]
)
def test_unreadable_authorities_prove_nothing_was_sent(
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | str | None,
) -> None:
    """Without anybody to trust no connection is made, and the reason names the variable."""
    bundle = tmp_path / "authorities.pem"
    if isinstance(content, bytes):
        bundle.write_bytes(content)
    elif content:
        os.mkfifo(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(reply({}), tls=True) as server:
        outcome = transport.attempt_alone(tls(server))
        assert server.connections == 0

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "REQUESTS_CA_BUNDLE" in outcome.reason


def test_dead_proxy_proves_nothing_was_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that cannot be reached stops the call before the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    outcome = transport.attempt_alone(post("https://portail.invalid/"))

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent


@pytest.mark.parametrize(
    "address",
    [
        *("socks5://127.0.0.1:9", "socks4://proxy:1", "ftp://proxy:1", "http://", "://", "x:y:z"),
        *("http://exa mple:80", "http://proxy:99999", "http://[::1", "http://proxy:abc"),
        *("http:/proxy:80", "http://:80", "http://\u202e:80", "http://..:80"),
    ],
)
def test_an_address_that_is_no_proxy_is_told_as_such(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Nothing left, and the person knows what to correct."""
    monkeypatch.setenv("HTTPS_PROXY", address)

    outcome = transport.attempt_alone(post("https://portail.invalid/"))

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "HTTPS_PROXY" in outcome.reason


def test_proxy_that_refuses_the_tunnel_proves_nothing_was_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that turns the tunnel down has seen an address, never the request."""
    with serving(reply(b"", 403)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome = transport.attempt_alone(post("https://portail.invalid/", b"the file"))
        assert proxy.requests[0].startswith(b"CONNECT portail.invalid:443")
        assert b"the file" not in b"".join(proxy.requests)

    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent


def test_this_machine_is_reached_without_proxy(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local sandbox answers also where a proxy is set for everything."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(reply(b"direct")) as server:
        outcome = transport.attempt_alone(post(server.url))

    assert isinstance(outcome, HttpAnswer)
    assert outcome.body == b"direct"
