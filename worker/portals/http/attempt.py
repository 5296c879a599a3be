"""One HTTP attempt, told as a value: the whole answer, or why there is none and what that proves.

Redirects are never followed, TLS is always verified, no answer is read past the bound of its
request (10 MB unless it says more), nothing is retried here or below. From the environment, and
only there: the proxies (``HTTPS_PROXY``, ``NO_PROXY``…; never for this machine itself) and the
certificate authorities (``REQUESTS_CA_BUNDLE``). ``.netrc`` is ignored: it would replace our own
authorisation. Which failures prove that nothing was sent: see ``connection``.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import ClassVar, Literal, TypeAlias

import requests
import structlog
from urllib3 import exceptions as urllib3_errors

from worker.portals.http.address import is_loopback
from worker.portals.http.connection import NeverConnected, UnreadableAuthorities, new_session

MOST_BYTES = 10 * 1024 * 1024
"""Of an ordinary answer, once decompressed."""
_CHUNK = 64 * 1024
_LONGEST_WAIT = 24 * 3600
_DIRECT = {"http": "", "https": ""}
_WRONG_PROXY = (
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidSchema,
    urllib3_errors.ProxySchemeUnknown,
    urllib3_errors.LocationParseError,
)
"""Raised before any connection is opened; the portal's own address is one of ours."""
_PROXY_ADDRESS = (
    "l'adresse du serveur mandataire (proxy) n'est pas utilisable : HTTPS_PROXY doit être de la "
    "forme http://serveur:port, sans SOCKS"
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A whole answer, whatever its status. Header names are looked up in any case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def stated_at(self) -> datetime | None:
        """The server's own instant, of its ``Date``; None when it states none."""
        try:
            stated = parsedate_to_datetime(self.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return stated if stated.tzinfo else stated.replace(tzinfo=UTC)

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait that the server asked for, at most a day (RFC 9110 §10.2.3).

        A date is counted from the server's own ``Date``, so that our clock does not matter.
        """
        asked = self.headers.get("Retry-After", "").strip()
        if asked.isascii() and asked.isdigit():
            return min(int(asked[:9]), _LONGEST_WAIT)
        try:
            until = parsedate_to_datetime(asked)
            wait = until - parsedate_to_datetime(self.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(int(wait.total_seconds()), 0), _LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No whole answer came."""

    sent: bool  # False only when it is certain that no byte of the request left
    reason: str  # for people, in French, without address nor secret
    retry_after: ClassVar[None] = None


Outcome: TypeAlias = HttpAnswer | NoAnswer

FAILED = 500
"""An operation that failed, on one record perhaps; a server that is away answers 502, 503, 504."""


def may_pass(outcome: Outcome) -> bool:
    """Whether asking again may help, for what may be asked again. The body is not looked at."""
    match outcome:
        case NoAnswer():
            return True
        case HttpAnswer(status=status):
            return status == 429 or status >= 500


def leads_nowhere(outcome: Outcome) -> bool:
    """Whether it says that the server, rather than one operation, does not work now."""
    return may_pass(outcome) and not (isinstance(outcome, HttpAnswer) and outcome.status == FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What to send. Headers and body hold secrets: they are never shown.

    Attributes:
        route: names the operation in logs.
        most_bytes: bound of the answer; its body may take one read timeout per ``MOST_BYTES``, all
            that comes before it another one.
    """

    method: Literal["GET", "POST"]
    url: str
    route: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    most_bytes: int = MOST_BYTES


class Transport:
    """Sends requests, one attempt each, at the agreed pace."""

    def __init__(
        self,
        *,
        connect_timeout: float,
        read_timeout: float,
        turn: Callable[[], AbstractContextManager[None]],
        monotonic: Callable[[], float] = time.monotonic,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """A transport; ``heard`` is called at the end of each attempt."""
        self._heard = heard
        self._timeouts = (connect_timeout, read_timeout)
        self._turn = turn
        self._monotonic = monotonic
        self._session = new_session()
        self._stated_at: datetime | None = None

    @property
    def stated_at(self) -> datetime | None:
        """The instant that a server last stated in an answer."""
        return self._stated_at

    def close(self) -> None:
        """Close the open connections."""
        self._session.close()

    def attempt(self, request: HttpRequest) -> Outcome:
        """Send a request that may be repeated; it may travel on a connection already open."""
        return self._attempt(self._session, request)

    def attempt_alone(self, request: HttpRequest) -> Outcome:
        """Send a request that must never be repeated, on a connection of its own.

        A connection kept open may turn out closed by the server at the first byte written: then
        it is not certain that the request was not read.
        """
        with closing(new_session()) as session:
            return self._attempt(session, request)

    def _attempt(self, session: requests.Session, request: HttpRequest) -> Outcome:
        with self._turn():
            start = self._monotonic()
            outcome = self._exchange(session, request)
            seconds = round(self._monotonic() - start, 3)
        self._heard()
        match outcome:
            case HttpAnswer(status=status):
                self._stated_at = outcome.stated_at or self._stated_at
                _log.info("portal.answer", route=request.route, status=status, seconds=seconds)
            case NoAnswer(sent=sent):
                _log.warning("portal.no_answer", route=request.route, sent=sent, seconds=seconds)
        return outcome

    def _exchange(self, session: requests.Session, request: HttpRequest) -> Outcome:
        try:
            with session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=dict(request.headers),
                auth=_keep_our_headers,
                proxies=dict(_DIRECT) if is_loopback(request.url) else None,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response, request.most_bytes)
        except (requests.RequestException, urllib3_errors.HTTPError, OSError) as error:
            return _explain(error)
        if body is None:
            return NoAnswer(sent=True, reason="la réponse est trop longue ou trop lente")
        return HttpAnswer(status=response.status_code, headers=response.headers, body=body)

    def _read(self, response: requests.Response, most_bytes: int) -> bytes | None:
        """The body; None when it is too big, or drips for longer than its time."""
        deadline = self._monotonic() + self._timeouts[1] * max(1, most_bytes / MOST_BYTES)
        body = bytearray()
        # read1 gives what has come; read would wait for a whole chunk, drop by drop.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > most_bytes or self._monotonic() > deadline:
                return None
        return bytes(body)


def _keep_our_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _explain(error: BaseException) -> NoAnswer:
    root = _root(error)
    if isinstance(root, _WRONG_PROXY):
        return NoAnswer(sent=False, reason=f"{_PROXY_ADDRESS} ({type(root).__name__})")
    if not isinstance(root, NeverConnected):
        timed_out = isinstance(root, urllib3_errors.ReadTimeoutError | TimeoutError)
        reason = "aucune réponse dans le délai" if timed_out else "connexion coupée en cours"
        return NoAnswer(sent=True, reason=f"{reason} ({type(root).__name__})")
    cause = root.__cause__
    match cause:
        case urllib3_errors.NameResolutionError():
            reason = "le nom du serveur est introuvable"
        case urllib3_errors.NewConnectionError():
            reason = "le serveur refuse la connexion ou n'est pas joignable"
        case urllib3_errors.ConnectTimeoutError() | TimeoutError():
            reason = "le serveur ne répond pas dans le délai de connexion"
        case urllib3_errors.LocationParseError():
            reason = _PROXY_ADDRESS
        case UnreadableAuthorities():
            reason = "les autorités de certification sont illisibles : vérifiez REQUESTS_CA_BUNDLE"
        case ssl.SSLCertVerificationError():
            reason = "le certificat du serveur n'est pas reconnu"
        case ssl.SSLError():
            reason = "la connexion chiffrée (TLS) n'a pas pu s'établir"
        case _:
            reason = "la connexion n'a pas pu s'établir"
    return NoAnswer(sent=False, reason=f"{reason} ({type(cause).__name__})")


def _root(error: BaseException) -> BaseException:
    """The failure under the wrappers of requests and urllib3."""
    match error:
        case urllib3_errors.MaxRetryError(reason=BaseException() as inner):
            return _root(inner)
        case urllib3_errors.ProxyError(original_error=BaseException() as inner):
            return _root(inner)
        case requests.RequestException(args=(BaseException() as inner, *_)):
            return _root(inner)
        case urllib3_errors.ProtocolError(args=(_, BaseException() as inner, *_)):
            return _root(inner)
        case _:
            return error
