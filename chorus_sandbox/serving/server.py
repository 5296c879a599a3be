"""The HTTP server: one thread per connection, 127.0.0.1 only, and its clean end."""

import hashlib
import json
import logging
import os
import select
import signal
import socketserver
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from chorus_sandbox import SandboxOptions
from chorus_sandbox.directory import BUILT_IN, Directory, read_structures
from chorus_sandbox.entries import read_entries, read_file
from chorus_sandbox.fault_kinds import Fault
from chorus_sandbox.integration import integration
from chorus_sandbox.ledger.ledger import Ledger, prepare
from chorus_sandbox.serving.fault_effects import answer
from chorus_sandbox.serving.gateway import DEPOSIT_PATH, Context, Reply, Request

HOST: Final = "127.0.0.1"
_LARGEST_BODY = 64 * 1024 * 1024
_PIECE = 1024 * 1024
POLL_SECONDS = 0.05
"""How often the listener looks whether it is to end: every command that starts one waits for it."""


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


class SandboxServer(ThreadingHTTPServer):
    """A bound server; `serve_forever` answers, `shutdown` and `server_close` end it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options: SandboxOptions, *, clock: Callable[[], datetime] = now) -> None:
        """Opens the data and binds the port.

        Args:
            options: how to run.
            clock: the present instant; the tests bring their own.

        Raises:
            EntryError: the structures or the faults cannot be used.
            LedgerError: the data file cannot be used.
            OSError: the port cannot be bound.
        """
        paths = (BUILT_IN, options.directory) if options.directory else (BUILT_IN,)
        directory = Directory(one for path in paths for one in read_structures(path))
        self.context = Context(options=options, directory=directory, clock=clock)
        faults = read_entries(options.faults, Fault, "panne") if options.faults else ()
        prepare(options.data)
        super().__init__((HOST, options.port), _Handler)
        # Held open: the last connection to close would fold the whole journal into the file.
        self._ledger = Ledger(options.data)
        if options.faults:
            digest = hashlib.sha256(read_file(options.faults)).hexdigest()
            self._ledger.faults.arm_file(digest, faults, now=clock())

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.server_port}"

    def server_bind(self) -> None:
        """Binds without a name lookup of 127.0.0.1."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def server_close(self) -> None:
        """Closes the port and the ledger."""
        super().server_close()
        self._ledger.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - inherited
        """A broken connection is left out; anything else goes to standard error."""
        match sys.exception():
            case ConnectionError() | TimeoutError():
                pass
            case sqlite3.Error() as error:
                sys.stderr.write(
                    f"{self.context.options.data} : registre inutilisable ({error})."
                    " Libérez le disque, ou relancez avec un autre --data.\n"
                )
            case _:
                super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: its requests one after the other, on one connection to the ledger."""

    protocol_version = "HTTP/1.1"
    server_version = "ChorusSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    timeout = 120
    server: SandboxServer

    def setup(self) -> None:
        super().setup()
        self.ledger = Ledger(self.server.context.options.data)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.ledger.close()

    def log_message(self, *_: object) -> None:
        """Nothing: `_respond` writes the one line."""

    def _respond(self) -> None:
        started = time.perf_counter()
        body = self._read_body()
        if isinstance(body, Reply):
            self.close_connection = True
            self._send(body, started)
            return
        request = Request(method=self.command, path=self.path, headers=self.headers, body=body)
        try:
            reply = answer(request, self.server.context, self.ledger)
        except Exception:
            self.close_connection = True
            self._send(Reply(status=500), started)
            raise
        # Outside the ledger: the end of the process ends this wait too.
        time.sleep(reply.held.total_seconds())
        self._send(reply, started)
        if request.route == DEPOSIT_PATH:
            self._judge()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - inherited names

    def _judge(self) -> None:
        """Give the verdicts that are due while the depositor does something else."""
        context = self.server.context
        # The next request meets the same error and answers 500.
        with suppress(sqlite3.Error):
            integration.settle(self.ledger, context.directory, now=context.clock())

    def _read_body(self) -> bytes | Reply:
        """The whole body, or the reply to a request whose body cannot be read."""
        if "Transfer-Encoding" in self.headers:
            return Reply(status=411)
        announced = self.headers.get("Content-Length", "0")
        if not (announced.isascii() and announced.isdigit()):
            return Reply(status=400)
        length = int(announced)
        if length <= _LARGEST_BODY:
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionAbortedError("The caller hung up in the middle of a request.")
            return body
        while length > 0 and (piece := self.rfile.read(min(length, _PIECE))):
            length -= len(piece)
        return Reply(status=413)

    def _send(self, reply: Reply, started: float) -> None:
        if reply.dropped:
            self.close_connection = True
            self._log("coupée", started)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()
        self._log(str(reply.status), started)

    def _log(self, outcome: str, started: float) -> None:
        if self.server.context.options.verbose:
            spent = (time.perf_counter() - started) * 1000
            path = self.path.partition("?")[0]
            sys.stderr.write(f"{self.command} {path} {outcome} {spent:.1f} ms\n")


def serve(options: SandboxOptions) -> None:
    """Runs a sandbox until SIGTERM, SIGINT, or the end of standard input when asked.

    Writes one line of JSON on standard output once ready: ``{"url": "http://127.0.0.1:PORT"}``.

    Raises:
        EntryError: the structures or the faults cannot be used.
        LedgerError: the data file cannot be used.
        OSError: the port cannot be bound.
    """
    signalled = _signals()
    if not options.verbose:
        # The PDF reader comments on broken files: it has nowhere else to say it.
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with SandboxServer(options) as server:
        listening = {"poll_interval": POLL_SECONDS}
        threading.Thread(target=server.serve_forever, kwargs=listening, daemon=True).start()
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        _wait(signalled, sys.stdin.fileno() if options.exit_with_parent else None)
        server.shutdown()


def _signals() -> int:
    """Where SIGTERM and SIGINT write themselves from now on.

    Python runs a handler in the main thread only, and once that one wakes: a signal that another
    thread received, or that falls just before the wait, would be heard after it.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reader


def _wait(signalled: int, parent: int | None) -> None:
    """Until a signal, or the end of what the parent would write."""
    watched = [signalled] if parent is None else [signalled, parent]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if signalled in ready or (parent in ready and not os.read(parent, _PIECE)):
            return
