"""Who may call what: the gates of the gateway, in its order, then the operation (§8.1)."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Final, NoReturn
from urllib.parse import parse_qs

from worker.sandbox import SandboxOptions, invoices, structures
from worker.sandbox.calls import Body, Call, MalformedBody, Refusal
from worker.sandbox.directory import Directory
from worker.sandbox.ledger import Ledger

TOKEN_PATH: Final = "/api/oauth/token"  # noqa: S105 - a path
_TOKEN_LENGTH = 54
_JSON = "application/json;charset=utf-8"
_CHALLENGE = (
    'Bearer realm="DefaultRealm", error="invalid_request",'
    ' error_description="Unable to find token in the message"'
)

_POST_ROUTES: Final[Mapping[str, Callable[[Call], dict[str, object]]]] = {
    "/cpro/factures/v1/deposer/flux": invoices.deposit,
    "/cpro/transverses/v1/consulterCRDetaille": invoices.report,
    "/cpro/factures/v1/rechercher/fournisseur": invoices.search,
    "/cpro/factures/v1/consulter/historique": invoices.history,
    "/cpro/factures/v1/traiter/recue": invoices.decide,
    "/cpro/structures/v1/rechercher": structures.search,
    "/cpro/structures/v1/consulter": structures.consult,
    "/cpro/structures/v1/rechercher/services": structures.search_services,
    "/cpro/structures/v1/consulter/service": structures.consult_service,
}
_HEALTH_PATH = "/cpro/transverses/v1/health-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, read entirely."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every request of a process shares."""

    options: SandboxOptions
    directory: Directory
    clock: Callable[[], datetime]


class _Turned(Exception):
    """A gate turned the request back."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def answer(request: Request, desk: Desk, ledger: Ledger) -> Reply:
    """The answer to a request; every change it made is on disk when this returns."""
    path = request.path.partition("?")[0]
    try:
        if (request.method, path) == ("POST", TOKEN_PATH):
            return _give_token(request, desk, ledger)
        _check_bearer(request, desk, ledger)
        if (request.method, path) == ("GET", _HEALTH_PATH):
            _check_account(request, desk)
            return _health()
        operation = _POST_ROUTES.get(path) if request.method == "POST" else None
        if operation is None:
            _turn(403, {"x-correlationid": str(uuid.uuid4())})
        _check_account(request, desk)
        return _json_reply(200, operation(_read_call(request, desk, ledger)))
    except _Turned as turned:
        return turned.reply
    except MalformedBody:
        return Reply(status=400)
    except Refusal as refusal:
        return _json_reply(200, {"codeRetour": refusal.code, "libelle": refusal.label})


def _turn(status: int, headers: Mapping[str, str] | None = None, body: object = None) -> NoReturn:
    if body is None:
        raise _Turned(Reply(status=status, headers=headers or {}))
    raise _Turned(_json_reply(status, body))


def _give_token(request: Request, desk: Desk, ledger: Ledger) -> Reply:
    """An opaque token; only its digest is kept (§1.2, §1.3)."""
    if request.headers.get_content_type() != "application/x-www-form-urlencoded":
        _turn(415)
    try:
        form = parse_qs(request.body.decode(), max_num_fields=20)
    except ValueError:
        _turn(400, body={"error": "invalid_request"})
    if form.get("grant_type") != ["client_credentials"]:
        _turn(400, body={"error": "unsupported_grant_type"})
    credentials = desk.options.credentials
    known_id = _same("".join(form.get("client_id", [])), credentials.client_id)
    known_secret = _same("".join(form.get("client_secret", [])), credentials.client_secret)
    if not (known_id and known_secret):
        # Unknown identifier and wrong secret answer byte for byte the same.
        description = "The client identity is unknown or its secret is wrong"
        _turn(400, body={"error": "invalid_client", "error_description": description})
    token = secrets.token_urlsafe(_TOKEN_LENGTH)[:_TOKEN_LENGTH]
    lifetime = desk.options.token_lifetime
    ledger.add_token(_digest(token), now=desk.clock(), lifetime=lifetime)
    return _json_reply(
        200,
        {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime.total_seconds()),
            "scope": "openid",
        },
    )


def _check_bearer(request: Request, desk: Desk, ledger: Ledger) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        _turn(400, {"WWW-Authenticate": _CHALLENGE})
    if not ledger.knows_token(_digest(token.strip()), now=desk.clock()):
        _turn(401)


def _check_account(request: Request, desk: Desk) -> None:
    credentials = desk.options.credentials
    expected = f"{credentials.account}:{credentials.password}"
    try:
        shown = base64.b64decode(request.headers.get("cpro-account", ""), validate=True).decode()
    except (binascii.Error, ValueError):
        shown = ""
    if not _same(shown, expected):
        _turn(401, body={"ErrorCode": "401", "Description": "[invalid field]"})


def _read_call(request: Request, desk: Desk, ledger: Ledger) -> Call:
    if request.headers.get_content_type() != "application/json":
        _turn(415)
    try:
        fields = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        _turn(400)
    if not isinstance(fields, dict):
        _turn(400)
    return Call(
        body=Body(fields),
        ledger=ledger,
        directory=desk.directory,
        now=desk.clock(),
        integration_delay=desk.options.integration_delay,
    )


def _health() -> Reply:
    body = "L'API CPRO est actuellement disponible et fonctionnel."
    return _json_reply(200, {"statusCodeValue": 200, "statusCode": "OK", "body": body})


def _json_reply(status: int, body: object) -> Reply:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Reply(status=status, headers={"Content-Type": _JSON}, body=text.encode(errors="replace"))


def _same(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode(), expected.encode())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
