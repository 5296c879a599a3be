"""A real server on 127.0.0.1 that does what it is told, one step per request, then hangs up.

A step receives the connection and does anything with it; the requests that were read are kept.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos import pace

CERTIFICATE = Path(__file__).parents[1] / "data" / "tls" / "certificate.pem"
KEY = Path(__file__).parents[1] / "data" / "tls" / "key.pem"

Step = Callable[[socket.socket], bool]
"""Answers the request just read; says whether the connection stays open for another one."""


@dataclass
class ScriptedServer:
    """What a client needs to reach it, and what it was sent."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


def reply(
    body: bytes | object = b"", status: int = 200, headers: str = "", *, keep_open: bool = False
) -> Step:
    """Answer whole; anything but bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def step(connection: socket.socket) -> bool:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + content)
        return keep_open

    return step


def raw(*pieces: bytes, pause: float = 0) -> Step:
    """Send these bytes and hang up."""

    def step(connection: socket.socket) -> bool:
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(pace.limit(pause))
        return False

    return step


def stuck(*pieces: bytes) -> Step:
    """Send these bytes, then nothing until the client gives up."""

    def step(connection: socket.socket) -> bool:
        for piece in pieces:
            connection.sendall(piece)
        connection.recv(1)
        return False

    return step


def hang_up(_: socket.socket) -> bool:
    """Close without a word, once the request was read."""
    return False


@contextmanager
def serving(*steps: Step, tls: bool = False, reads: bool = True) -> Iterator[ScriptedServer]:
    """Run the steps in order, over as many connections as it takes.

    Args:
        steps: one per request; past the last one, connections are closed unread.
        tls: speak TLS with the self-signed certificate of the tests.
        reads: whether requests are read before their step.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    server = ScriptedServer(port=listener.getsockname()[1])
    script = iter(steps)
    opened: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections += 1
                opened.append(connection)
                with suppress(OSError), connection, _speaking(connection, tls=tls) as spoken:
                    _converse(spoken, script, server.requests if reads else None)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        for connection in (*opened, listener):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=pace.limit(5))


@contextmanager
def _speaking(connection: socket.socket, *, tls: bool) -> Iterator[socket.socket]:
    connection.settimeout(pace.limit(5))
    if not tls:
        yield connection
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    with context.wrap_socket(connection, server_side=True) as secured:
        yield secured


def _converse(
    connection: socket.socket, script: Iterator[Step], requests: list[bytes] | None
) -> None:
    open_still = True
    while open_still:
        if requests is not None:
            request = read_request(connection)
            if not request:
                return
            requests.append(request)
        open_still = next(script, hang_up)(connection)


def read_request(connection: socket.socket) -> bytes:
    """A whole request, head and body; nothing when the connection was closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
