"""One HTTP attempt against real sockets: what each failure proves about the request."""

import gzip
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos import pace
from tests.support.scripted_server import hang_up, raw, reply, serving, stuck
from worker.portals.http.attempt import MOST_BYTES, HttpAnswer, HttpRequest, NoAnswer, Transport


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


def test_requests_and_answers_do_not_show_what_they_carry() -> None:
    """Headers and bodies hold tokens and secrets: printing the values shows none of them."""
    headers, body = {"Authorization": "Bearer jeton"}, b"client_secret=secret"
    request = HttpRequest(method="POST", url="https://x", route="r", headers=headers, body=body)
    shown = f"{request} {HttpAnswer(status=200, headers=headers, body=body)}"

    assert "jeton" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    "step",
    [
        hang_up,
        raw(b"not http at all\r\n\r\n"),
        raw(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"codeRetour": 0, "num'),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
        stuck(),
        stuck(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
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


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
DRIPS = {
    "100 Continue": [CONTINUE] * 100,
    "a status line": [bytes([byte]) for byte in b"HTTP/1.1 200 " + b"O" * 100],
    "headers": [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 90],
    "one header": [b"HTTP/1.1 200 OK\r\nX: ", *[b"y"] * 100],
    "a body": [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 100],
    "chunks": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"1\r\nx\r\n"] * 100,
    ],
}


@pytest.mark.parametrize("part", DRIPS)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "kept open"])
def test_a_call_ends_whatever_part_of_its_answer_drips(
    transport: Transport, part: str, *, alone: bool
) -> None:
    """Each piece comes within the timeout, and all of them never end: the call does, in doubt."""
    attempt = transport.attempt_alone if alone else transport.attempt
    with serving(raw(*DRIPS[part], pause=0.05)) as server:
        outcome = attempt(post(server.url))

    assert isinstance(outcome, NoAnswer)
    assert outcome.sent


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
    with serving(reply(b"x" * 100, keep_open=True), reply(b"x" * 101)) as server:
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


@pytest.mark.parametrize("target", ["http://[nonsense", "/d\xe9p\xf4t", ""])
def test_nonsense_in_a_redirect_breaks_nothing(transport: Transport, target: str) -> None:
    """Whatever its address, it is an answer like any other."""
    step = reply(b"page", 302, f"Location: {target}\r\n")
    with serving(step) as server:
        outcome = transport.attempt_alone(post(server.url))

    assert isinstance(outcome, HttpAnswer)
    assert (outcome.status, outcome.body) == (302, b"page")


def test_body_of_a_redirect_is_bounded_too(transport: Transport) -> None:
    """What nobody asked for is not read without end."""
    step = reply(b"x" * (MOST_BYTES + 1), 302, "Location: /elsewhere\r\n")
    with serving(step) as server:
        outcome = transport.attempt_alone(post(server.url))

    assert outcome == NoAnswer(sent=True, reason="la réponse est trop longue ou trop lente")


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
        ({"Retry-After": "Mon, 01 Jan 2026 00:00:00 +99999999999999999"}, None),
        ({"Retry-After": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
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
