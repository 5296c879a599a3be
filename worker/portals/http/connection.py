"""Connections to the portal: they tell that nothing was written yet, and always verify TLS.

The one question that matters about a deposit without an answer is whether a byte of it left.
Exceptions do not tell: a reset or a TLS error may come before the request or in the middle of
it. The connection tells: as long as ``connect()`` has not returned (name, TCP, proxy tunnel, TLS
handshake and certificate), nothing of the request was written. So ``connect()`` marks its own
failures, and everything after it counts as sent.

Certificate authorities come from the environment (``REQUESTS_CA_BUNDLE``), else with requests.
"""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Event, Timer

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.util import Retry
from urllib3.util.ssl_ import create_urllib3_context

from worker.portals.http.pacing import MOST_PARALLEL

_TOO_LONG = "the whole step lasts too long"


class NeverConnected(urllib3_errors.NewConnectionError):
    """``connect()`` failed: not one byte of the request was written. ``__cause__`` says why."""


@contextmanager
def _nothing_written_yet(connection: HTTPConnection) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise NeverConnected(connection, type(error).__name__) from error


@contextmanager
def _in_time(connection: HTTPConnection) -> Iterator[None]:
    """End a step that lasts longer than its timeout, whatever bytes arrive meanwhile.

    The timeout of a socket is for each byte: « 100 Continue » without end, headers that drip or a
    handshake byte by byte would never reach it. Shutting the socket down is what ends the wait.
    """
    expired = Event()

    def expire() -> None:
        expired.set()
        with suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    seconds = connection.timeout
    timer = Timer(seconds if isinstance(seconds, float | int) else threading.TIMEOUT_MAX, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if expired.is_set():
            raise TimeoutError(_TOO_LONG) from error
        raise
    finally:
        timer.cancel()
    if expired.is_set():
        # Headers that were cut read as whole ones.
        raise TimeoutError(_TOO_LONG)


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        with _nothing_written_yet(self), _in_time(self):
            super().connect()

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself does
        with _in_time(self):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        with _nothing_written_yet(self), _in_time(self):
            super().connect()

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself does
        with _in_time(self):
            return super().getresponse()


class UnreadableAuthorities(OSError):
    """The certificate authorities cannot be read: no server can be verified."""


@lru_cache(maxsize=4)
def _trusting(authorities: str, changed_at: int) -> ssl.SSLContext:  # noqa: ARG001 - part of the key
    """A context that verifies against a bundle or folder.

    Kept, because reading a bundle takes longer than all the rest of a deposit; ``changed_at``
    has it read again when the file changes.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    folder = Path(authorities).is_dir()
    if not folder and not Path(authorities).is_file():
        # A pipe would be waited for.
        raise OSError("no regular file")
    context.load_verify_locations(**{"capath" if folder else "cafile": authorities})
    return context


class _Adapter(HTTPAdapter):
    """The adapter of requests, on connections that mark their failures and share their trust."""

    def __init__(self) -> None:
        super().__init__(
            pool_maxsize=MOST_PARALLEL, max_retries=Retry(0, read=False, redirect=False)
        )

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,  # noqa: FBT001 - the library's signature
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if isinstance(pool, HTTPSConnectionPool):
            pool.ConnectionCls = _TlsConnection
        elif isinstance(pool, HTTPConnectionPool):
            pool.ConnectionCls = _PlainConnection
        return pool

    def cert_verify(
        self,
        conn: ConnectionPool,
        url: str,
        verify: bool | str,  # noqa: FBT001 - the library's signature
        cert: str | tuple[str, str] | None,
    ) -> None:
        try:
            # ``verify`` is never off, whatever the caller asks.
            super().cert_verify(conn, url, verify or True, cert)  # type: ignore[no-untyped-call]
            if not isinstance(conn, HTTPSConnectionPool):
                return
            authorities = conn.ca_certs or conn.ca_cert_dir or ""
            conn.conn_kw["ssl_context"] = _trusting(
                authorities, Path(authorities).stat().st_mtime_ns
            )
        except OSError as error:
            why = UnreadableAuthorities(str(error))
            raise NeverConnected(conn, type(error).__name__) from why  # type: ignore[arg-type] # shown only
        conn.ca_certs = conn.ca_cert_dir = None


class _Session(requests.Session):
    """A session that does not look where a redirection leads.

    Told not to follow, requests still reads its body whole, without bound, and decodes its
    address, which may be nonsense.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the library's signature
        return None


def new_session() -> requests.Session:
    """A session of its own, with connections of its own."""
    session = _Session()
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    session.headers["User-Agent"] = "chorus-worker"
    return session
