"""One HTTP attempt against real sockets: what each failure proves about the request."""

import gzip
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripted_server import CERTIFICATE, ScriptedServer, hang_up, raw, reply, serving
from worker.portals.choruspro_http import MOST_BYTES, HttpAnswer, HttpRequest, NoAnswer, Transport


@pytest.fixture
def transport() -> Iterator[Transport]:
    """A transport in a hurry."""
    made = Transport(connect_timeout=0.3, read_timeout=0.3, turn=nullcontext)
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
    "content", [None, b"", b"not a certificate"], ids=["none", "empty", "noise"]
)
def test_unreadable_authorities_prove_nothing_was_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Without anybody to trust no connection is made, and the reason names the variable."""
    bundle = tmp_path / "authorities.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with serving(reply({}), tls=True) as server:
        outcome = transport.attempt_alone(tls(server))
        assert server.connections == 0
    assert isinstance(outcome, NoAnswer)
    assert not outcome.sent
    assert "REQUESTS_CA_BUNDLE" in outcome.reason


def test_requests_and_answers_do_not_show_what_they_carry() -> None:
    """Headers and bodies hold tokens and secrets: printing the values shows none of them."""
    headers, body = {"Authorization": "Bearer jeton"}, b"client_secret=secret"
    request = HttpRequest(method="POST", url="https://x", route="r", headers=headers, body=body)
    shown = f"{request} {HttpAnswer(status=200, headers=headers, body=body)}"
    assert "jeton" not in shown
    assert "secret" not in shown


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


@pytest.mark.parametrize(
    "step",
    [
        hang_up,
        raw(b"not http at all\r\n\r\n"),
        raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"codeRetour": 0, "num'),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        raw(b"", pause=0.6),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", pause=0.6),
    ],
    ids=["closed", "noise", "half body", "half chunk", "bad gzip", "silent", "stuck"],
)
def test_no_whole_answer_after_the_request_leaves_doubt(transport: Transport, step: object) -> None:
    """Whatever breaks once the request was read, nobody can tell what became of it."""
    with serving(step) as server:  # type: ignore[arg-type] # parametrize loses the type
        outcome = transport.attempt_alone(post(server.url, b"the file"))
        assert len(server.requests) == 1
    assert isinstance(outcome, NoAnswer)
    assert outcome.sent


def test_connection_closed_before_the_request_was_read_leaves_doubt(transport: Transport) -> None:
    """A server that accepts and closes may or may not have read: that is doubt."""
    with serving(hang_up, reads=False) as server:
        outcome = transport.attempt_alone(post(server.url, b"x" * 5_000_000))
    assert isinstance(outcome, NoAnswer)
    assert outcome.sent


def test_answer_that_drips_is_given_up(transport: Transport) -> None:
    """One byte at a time, each within the read timeout, does not hold the worker for ever."""
    drops = [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", *[b"x"] * 50]
    with serving(raw(*drops, pause=0.05)) as server:
        outcome = transport.attempt_alone(post(server.url))
    assert outcome == NoAnswer(sent=True, reason="la réponse est trop longue ou trop lente")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip bomb"])
def test_enormous_answer_is_given_up(transport: Transport, *, packed: bool) -> None:
    """An answer past the limit is not kept in memory, compressed or not."""
    content = b"x" * (MOST_BYTES + 1)
    step = (
        reply(gzip.compress(content), headers="Content-Encoding: gzip\r\n")
        if packed
        else reply(content)
    )
    with serving(step) as server:
        outcome = transport.attempt_alone(post(server.url))
    assert outcome == NoAnswer(sent=True, reason="la réponse est trop longue ou trop lente")


def test_request_may_allow_a_larger_answer(transport: Transport) -> None:
    """The bound is the request's own: what fits is read, one byte more is given up."""
    with serving(reply(b"x" * 100), reply(b"x" * 101)) as server:
        request = replace(post(server.url), most_bytes=100)
        whole, cut = transport.attempt(request), transport.attempt(request)
    assert isinstance(whole, HttpAnswer)
    assert len(whole.body) == 100
    assert cut == NoAnswer(sent=True, reason="la réponse est trop longue ou trop lente")


def test_redirect_is_an_answer_and_is_not_followed(transport: Transport) -> None:
    """A redirect comes back as it is: a file never goes to an address nobody configured."""
    with serving(reply(b"", 307, "Location: /elsewhere\r\n"), reply(b"followed")) as server:
        outcome = transport.attempt_alone(post(server.url))
        assert len(server.requests) == 1
    assert isinstance(outcome, HttpAnswer)
    assert outcome.status == 307


def test_netrc_does_not_replace_our_authorisation(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The user's .netrc, which requests would prefer, is ignored."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(reply(b"")) as server:
        headers = {"Authorization": "Bearer ours"}
        transport.attempt(HttpRequest(method="GET", url=server.url, route="test", headers=headers))
        assert b"Authorization: Bearer ours" in server.requests[0]


def test_reads_share_a_connection_and_a_deposit_never_does(transport: Transport) -> None:
    """Two reads use one connection; what must not be repeated opens its own."""
    step = reply(b"", keep_open=True)
    with serving(step, step) as server:
        transport.attempt(post(server.url))
        transport.attempt(post(server.url))
        assert server.connections == 1
    with serving(reply(b""), reply(b"")) as server:
        transport.attempt_alone(post(server.url))
        transport.attempt_alone(post(server.url))
        assert server.connections == 2


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 50}, 86_400),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                "Date": "Wed, 21 Oct 2026 07:28:30 GMT",
            },
            0,
        ),
    ],
)
def test_retry_after_in_its_two_forms(headers: dict[str, str], seconds: int | None) -> None:
    """Seconds and dates are read, bounded, and nonsense is no request to wait."""
    assert HttpAnswer(status=429, headers=headers, body=b"").retry_after == seconds


@given(st.text(), st.text())
def test_retry_after_never_fails(asked: str, date: str) -> None:
    """No header can break the reading of an answer, nor ask for more than a day."""
    headers = {"Retry-After": asked, "Date": date}
    seconds = HttpAnswer(status=503, headers=headers, body=b"").retry_after
    assert seconds is None or 0 <= seconds <= 86_400
