"""The portal over HTTP: the gates of PISTE, the operations, and the faults of delivery."""

import base64
import inspect
import json
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import parse_qs

from tests.contract.second_portal import answers, directory, forms, search
from tests.contract.second_portal.answers import Call, Json, Refusal, Refused
from tests.contract.second_portal.behaviours import Arming, Behaviour, Moment, Operation
from tests.contract.second_portal.controls import Controls
from tests.contract.second_portal.documents import Unreadable, read_deposit
from tests.contract.second_portal.integration import settle

ANSWERERS: dict[Operation, Callable[[Call], Json]] = {
    Operation.HEALTH: directory.health,
    Operation.DEPOSIT: answers.deposit,
    Operation.REPORT: answers.report,
    Operation.REPORT_PDF: answers.report_pdf,
    Operation.SEARCH: search.search,
    Operation.TO_TREAT: search.to_treat,
    Operation.CONSULT: answers.consult,
    Operation.HISTORY: answers.history,
    Operation.COMPLETE: answers.complete,
    Operation.RECYCLE: answers.recycle,
    Operation.ACKNOWLEDGE: answers.acknowledge,
    Operation.TREAT: answers.treat,
    Operation.DOWNLOAD: answers.download,
    Operation.ATTACH: answers.attach,
    Operation.FILE_TYPES: answers.file_types,
    Operation.STRUCTURES: directory.structures,
    Operation.STRUCTURE: directory.structure,
    Operation.SERVICES: directory.services,
    Operation.SERVICE: directory.service,
    Operation.MEMBERSHIPS: directory.memberships,
    Operation.OWN_STRUCTURES: directory.own_structures,
    Operation.ACCOUNT: directory.account,
}
HTML = {"Content-Type": "text/html"}
NO_TOKEN = (
    'Bearer realm="DefaultRealm", error="invalid_request", '
    'error_description="Unable to find token in the message"'
)
WRONG_ACCOUNT = '{"ErrorCode":"401","Description":"[invalid field]"}'
# What a field that cannot be read raises: answered by HTTP 500 (reference §1.5).
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Behaviours that answer instead of acting, and behaviours that answer after the act.
INSTEAD: dict[Behaviour, int] = {
    Behaviour.STORM_401: 401,
    Behaviour.PASSWORD_EXPIRED: 401,
    Behaviour.FORBIDDEN: 403,
    Behaviour.HTTP_429: 429,
    Behaviour.HTTP_429_LATER: 429,
    Behaviour.HTTP_500: 500,
    Behaviour.HTTP_502: 502,
    Behaviour.HTTP_503: 503,
    Behaviour.HTTP_503_LATER: 503,
    Behaviour.REDIRECT: 302,
    Behaviour.HTML_200: 200,
}
AFTER: dict[Behaviour, int] = {Behaviour.HTTP_500_AFTER: 500, Behaviour.HTTP_504_AFTER: 504}
DELIVERIES = (
    Behaviour.LOST_AFTER,
    Behaviour.SLOW,
    Behaviour.ENDLESS_CONTINUE,
    Behaviour.DRIPPED_HEADERS,
    Behaviour.DRIPPED_BODY,
    Behaviour.TRUNCATED,
    Behaviour.CUT,
)


@dataclass(frozen=True)
class Answer:
    """What is sent, and the way in which its delivery goes wrong."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delivery: Arming | None = None


class SecondPortal(Controls):
    """The portal, listening on 127.0.0.1 while the `with` block lasts."""

    def __init__(self, data: Path | None = None, port: int = 0) -> None:
        super().__init__(data)
        self.closing = Event()
        portal = self

        class Bound(_Handler):
            served = portal

        self._server = _Server(("127.0.0.1", port), Bound)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where token and operations are asked for."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def cpro_account(self) -> str:
        """The header of the technical account (reference §1.4)."""
        pair = f"{self._state.settings.login}:{self._state.settings.password}"
        return base64.b64encode(pair.encode()).decode()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            self._state.store.close()

    def clock(self) -> datetime:
        """The portal's time, as the header `Date` of every answer states it."""
        return self._state.now.astimezone(UTC)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request of the client, one request at a time."""
        with self._held():
            settle(self._state)
            error = ""
            try:
                answer = self._act(path, headers, body)
            except UNREADABLE as unreadable:
                answer, error = Answer(500), repr(unreadable)
            except Refused as refused:
                kind = HTML if str(refused) else {}
                answer = Answer(refused.status, str(refused).encode(), refused.headers | kind)
            settle(self._state)
            self._note(path, body, answer.status, error)
            return answer

    def late_by(self, path: str, body: bytes) -> float:
        """The seconds to wait before the act, by which time a client may have left."""
        with self._held():
            operation = next((one for one in Operation if one.value == path), Operation.HEALTH)
            moment = self._state.moment(operation, self._numbers(_json(body) or {}))
            late = moment.find(Behaviour.LATE_ACT)
            self._state.keep_armed()
            return float(late.parameter("seconds", 60)) if late else 0

    def _act(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        operation = next((one for one in Operation if one.value == path), None)
        given = _json(body) if operation is not Operation.TOKEN else {}
        moment = self._state.moment(operation or Operation.HEALTH, self._numbers(given or {}))
        try:
            if found := moment.first(INSTEAD):
                return self._instead(INSTEAD[found.behaviour], found)
            if lost := moment.find(Behaviour.LOST_BEFORE):
                return Answer(0, delivery=lost)
            if operation is Operation.TOKEN:
                answer = self._token(moment, body)
            else:
                self._gates(operation, headers)
                if operation is None or given is None:
                    raise Refused(403 if operation is None else 400)
                answer = self._operation(operation, moment, given)
            if found := moment.first(AFTER):
                return Answer(AFTER[found.behaviour])
            return Answer(answer.status, answer.body, answer.headers, moment.first(DELIVERIES))
        finally:
            self._state.keep_armed()

    def _instead(self, status: int, armed: Arming) -> Answer:
        if armed.behaviour is Behaviour.PASSWORD_EXPIRED:
            return Answer(401, WRONG_ACCOUNT.encode())
        if armed.behaviour is Behaviour.REDIRECT:
            return Answer(302, headers={"Location": self.url + "/_elsewhere"})
        headers = {"x-correlationid": str(uuid.UUID(int=0))} if status == 403 else {}
        if armed.behaviour is Behaviour.HTTP_429_LATER:
            headers["Retry-After"] = str(armed.parameter("wait", 30))
        if armed.behaviour is Behaviour.HTTP_503_LATER:
            until = self._state.now + timedelta(seconds=armed.parameter("wait", 30))
            headers["Retry-After"] = format_datetime(until.astimezone(UTC), usegmt=True)
        told = status in {200, 502, 503}
        page = b"<html><body>Service indisponible</body></html>" if told else b""
        return Answer(status, page, headers | (HTML if page else {}))

    def _token(self, moment: Moment, body: bytes) -> Answer:
        """A token for the pair of the application (reference §1.2, §1.3)."""
        form = {name: values[-1] for name, values in parse_qs(body.decode("latin-1")).items()}
        settings = self._state.settings
        if form.get("grant_type") != "client_credentials":
            return Answer(400, b'{"error":"unsupported_grant_type"}')
        pair = (form.get("client_id"), form.get("client_secret"))
        if pair != (settings.client_id, settings.client_secret):
            return Answer(400, b'{"error":"invalid_client","error_description":"invalid client"}')
        lasts, told = settings.token_seconds, settings.token_seconds
        if moment.has(Behaviour.TOKEN_DEAD):
            lasts = 0
        if short := moment.find(Behaviour.TOKEN_SHORT):
            lasts = told = short.parameter("seconds", 0)
        token = secrets.token_hex(27)
        self._state.keep_token(token, self._state.now + timedelta(seconds=lasts))
        facts = {"access_token": token, "token_type": "Bearer", "expires_in": told}
        return _of_json(facts | {"scope": "openid"}, moment)

    def _gates(self, operation: Operation | None, headers: dict[str, str]) -> None:
        """The gates in their order (reference §8.1)."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            raise Refused(400, headers={"WWW-Authenticate": NO_TOKEN})
        until = self._state.tokens.get(token)
        if not until or datetime.fromisoformat(until) <= self._state.now:
            raise Refused(401)
        if operation is None:
            raise Refused(403)
        if headers.get("cpro-account") != self.cpro_account:
            raise Refused(401, WRONG_ACCOUNT if self._state.settings.account_body else "")
        is_json = headers.get("content-type", "").startswith("application/json")
        if operation is not Operation.HEALTH and not is_json:
            raise Refused(415)

    def _operation(self, operation: Operation, moment: Moment, body: Json) -> Answer:
        try:
            armed = moment.find(Behaviour.CODE_UNKNOWN)
            told = {"codeRetour": armed.parameter("code", 31415), "libelle": ""} if armed else {}
            told = told or ANSWERERS[operation](Call(self._state, moment, body))
        except Refusal as refusal:
            told = {"codeRetour": refusal.code, "libelle": str(refusal)}
        return _of_json(forms.of_lists(told, moment), moment)

    def _numbers(self, body: Json) -> list[str]:
        """The invoice numbers that a request concerns."""
        if "fichierFlux" in body:
            try:
                content = base64.b64decode(str(body["fichierFlux"]))
                return [document.number for document, _ in read_deposit(content)]
            except (ValueError, Unreadable):
                return []
        flux = self._state.fluxes.get(str(body.get("numeroFluxDepot")))
        named = [document.number for document in flux.documents] if flux else []
        ids = [body.get(one) for one in ("idFacture", "identifiantFactureCPP")]
        for listed in ("listeFacture", "listeDemandePaiement"):
            given = body.get(listed)
            rows = given if isinstance(given, list) else []
            ids += [next(iter(one.values()), None) for one in rows if isinstance(one, dict)]
        found = [self._state.named(one) for one in ids if one]
        named += [one.document.number for one in found if one]
        return [*named, *([str(body["numeroFacture"])] if body.get("numeroFacture") else [])]

    def control(self, name: str, body: bytes) -> Answer:
        """Call a method of `Controls` by its name, with the JSON object as keywords."""
        method = dict(inspect.getmembers(Controls, inspect.isfunction)).get(name)
        if name.startswith("_") or not method:
            return Answer(404, forms.encode(sorted(control_names())))
        try:
            told = method(self, **(json.loads(body or b"{}")))
        except (KeyError, TypeError, ValueError) as error:
            return Answer(422, forms.encode({"error": repr(error)}))
        return Answer(200, forms.encode(told), {"Content-Type": "application/json"})


def control_names() -> list[str]:
    """The names under `/_second/`."""
    named = inspect.getmembers(Controls, inspect.isfunction)
    return [name for name, _ in named if not name.startswith("_")]


def _json(body: bytes) -> Json | None:
    try:
        found: Any = json.loads(body or b"{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _of_json(tree: Json, moment: Moment) -> Answer:
    if moment.has(Behaviour.LATIN1):
        body = forms.encode(tree, latin1=True)
        return Answer(200, body, {"Content-Type": "application/json"})
    return Answer(200, forms.encode(tree), {"Content-Type": "application/json;charset=utf-8"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - of the library
        """Print what failed, unless the client left."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, sends the answer in one piece, or in the way that is armed."""

    served: SecondPortal
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer an operation, or a control."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/_second/"):
            self._send(self.served.control(self.path.removeprefix("/_second/"), body))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.served.closing.wait(self.served.late_by(self.path, body)):
            self.close_connection = True
            return
        answer = self.served.answer(self.path, headers, body)
        try:
            self._deliver(answer)
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer the page of maintenance, the health check, or a control without keywords."""
        if self.path == "/_elsewhere":
            self._send(Answer(200, b"<html><body>Maintenance</body></html>", dict(HTML)))
            return
        if self.path == Operation.HEALTH or self.path.startswith("/_second/"):
            self.do_POST()
        else:
            self._send(Answer(403))

    def log_message(self, *_: object) -> None:
        """Keep silent: the journal of requests is in the state."""

    def _head(self, answer: Answer, length: int) -> bytes:
        headers = {**answer.headers, "Content-Length": str(length)}
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        lines += ["Date: " + format_datetime(self.served.clock(), usegmt=True)]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send(self, answer: Answer) -> None:
        self.wfile.write(self._head(answer, len(answer.body)) + answer.body)

    def _deliver(self, answer: Answer) -> None:
        """Send the answer, spoilt as it is armed."""
        armed = answer.delivery
        if armed is None:
            self._send(answer)
            return
        half = answer.body[: len(answer.body) // 2]
        head = self._head(answer, len(answer.body))
        seconds = armed.parameter("seconds", 60)
        self.close_connection = True
        match armed.behaviour:
            case Behaviour.SLOW:
                self.served.closing.wait(seconds)
                self._send(answer)
            case Behaviour.ENDLESS_CONTINUE:
                self._drip([b"HTTP/1.1 100 Continue\r\n\r\n"] * 10_000, seconds, 0.05)
            case Behaviour.DRIPPED_HEADERS:
                self._drip([bytes([one]) for one in head], seconds, 1)
            case Behaviour.DRIPPED_BODY:
                self._drip([head, *(bytes([one]) for one in answer.body)], seconds, 1)
            case Behaviour.TRUNCATED:
                self._send(Answer(answer.status, half, answer.headers))
            case Behaviour.CUT:
                self.wfile.write(head + half)
            case _:
                self.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self, pieces: list[bytes], seconds: float, pause: float) -> None:
        end = time.monotonic() + seconds
        for piece in pieces:
            self.wfile.write(piece)
            left = end - time.monotonic()
            if left <= 0 or self.served.closing.wait(min(pause, left)):
                return
