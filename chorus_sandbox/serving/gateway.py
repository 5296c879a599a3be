"""Who may call what: the controls of the gateway, in its order, then the operation (§8.1)."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from email.message import Message
from typing import Final
from urllib.parse import parse_qs

from chorus_sandbox import SandboxOptions
from chorus_sandbox.directory import Directory
from chorus_sandbox.ledger.ledger import Ledger
from chorus_sandbox.routes import (
    accounts,
    attachments,
    buyer,
    deposits,
    downloads,
    invoices,
    searches,
    structures,
    supplier,
)
from chorus_sandbox.routes.calls import Body, Call, MalformedBody, Refusal, TooLarge

TOKEN_PATH: Final = "/api/oauth/token"  # noqa: S105 - a path
_TOKEN_LENGTH = 54
_JSON = "application/json;charset=utf-8"
_CHALLENGE = (
    'Bearer realm="DefaultRealm", error="invalid_request",'
    ' error_description="Unable to find token in the message"'
)

_FACTURES = "/cpro/factures/v1"
DEPOSIT_PATH: Final = f"{_FACTURES}/deposer/flux"
_TRANSVERSES = "/cpro/transverses/v1"
_STRUCTURES = "/cpro/structures/v1"
_POST_ROUTES: Final[Mapping[str, Callable[[Call], dict[str, object]]]] = {
    DEPOSIT_PATH: deposits.deposit,
    f"{_FACTURES}/rechercher/fournisseur": searches.search,
    f"{_FACTURES}/rechercher/atraiter/fournisseur": searches.search_to_treat,
    f"{_FACTURES}/consulter/fournisseur": invoices.consult,
    f"{_FACTURES}/consulter/historique": invoices.history,
    f"{_FACTURES}/completer": supplier.complete,
    f"{_FACTURES}/traiterRejet": supplier.acknowledge_rejections,
    f"{_FACTURES}/traiter/recue": buyer.decide,
    f"{_FACTURES}/telecharger/groupe": downloads.group,
    f"{_TRANSVERSES}/consulterCRDetaille": deposits.report,
    f"{_TRANSVERSES}/consulterCR": deposits.printed_report,
    f"{_TRANSVERSES}/ajouter/fichier": attachments.add,
    f"{_TRANSVERSES}/telecharger/pieceJointe": downloads.attachment,
    f"{_TRANSVERSES}/recuperer/typespj": attachments.types,
    f"{_TRANSVERSES}/recuperer/structures/actives/fournisseur": accounts.active_structures,
    f"{_STRUCTURES}/rechercher": structures.search,
    f"{_STRUCTURES}/consulter": structures.consult,
    f"{_STRUCTURES}/rechercher/services": structures.search_services,
    f"{_STRUCTURES}/consulter/service": structures.consult_service,
    "/cpro/utilisateurs/v1/monCompte/recuperer/rattachements": accounts.attachments,
}
_HEALTH_PATH = f"{_TRANSVERSES}/health-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, read entirely."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int  # HTTP status
    headers: Mapping[str, str] = field(default_factory=dict)  # besides the length
    body: bytes = b""  # the bytes
    held: timedelta = timedelta(0)  # how long they are held back
    dropped: bool = False  # the connection closes instead of answering


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every request of a process shares."""

    options: SandboxOptions
    directory: Directory
    clock: Callable[[], datetime]


class _Refused(Exception):
    """A control refused the request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def answer(request: Request, context: Context, ledger: Ledger) -> Reply:
    """The answer to a request; every change it made is on disk when this returns."""
    try:
        if (request.method, request.route) == ("POST", TOKEN_PATH):
            return _give_token(request, context, ledger)
        _check_bearer(request, context, ledger)
        if (request.method, request.route) == ("GET", _HEALTH_PATH):
            _check_account(request, context)
            said = "L'API CPRO est actuellement disponible et fonctionnel."
            return json_reply(200, {"statusCodeValue": 200, "statusCode": "OK", "body": said})
        operation = _operation(request)
        _check_account(request, context)
        return json_reply(200, operation(_read_call(request, context, ledger)))
    except _Refused as refused:
        return refused.reply
    except (MalformedBody, TooLarge) as error:
        return Reply(status=413 if isinstance(error, TooLarge) else 400)
    except Refusal as refusal:
        return json_reply(200, {"codeRetour": refusal.code, "libelle": refusal.label})


def _operation(request: Request) -> Callable[[Call], dict[str, object]]:
    operation = _POST_ROUTES.get(request.route) if request.method == "POST" else None
    if operation is None:
        raise _Refused(forbidden())
    return operation


def _give_token(request: Request, context: Context, ledger: Ledger) -> Reply:
    """An opaque token; only its digest is kept (§1.2, §1.3)."""
    if request.headers.get_content_type() != "application/x-www-form-urlencoded":
        raise _Refused(Reply(status=415))
    try:
        form = parse_qs(request.body.decode(), max_num_fields=20)
    except ValueError:
        raise _Refused(json_reply(400, {"error": "invalid_request"})) from None
    if form.get("grant_type") != ["client_credentials"]:
        raise _Refused(json_reply(400, {"error": "unsupported_grant_type"}))
    credentials = context.options.credentials
    known_id = _same("".join(form.get("client_id", [])), credentials.client_id)
    known_secret = _same("".join(form.get("client_secret", [])), credentials.client_secret)
    if not (known_id and known_secret):
        # Unknown identifier and wrong secret answer byte for byte the same.
        said = {"error_description": "SIMULE - Unknown client, or wrong secret"}
        raise _Refused(json_reply(400, {"error": "invalid_client"} | said))
    token = secrets.token_urlsafe(_TOKEN_LENGTH)[:_TOKEN_LENGTH]
    lifetime = context.options.token_lifetime
    ledger.add_token(_digest(token), now=context.clock(), lifetime=lifetime)
    return json_reply(
        200,
        {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime.total_seconds()),
            "scope": "openid",
        },
    )


def _check_bearer(request: Request, context: Context, ledger: Ledger) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _Refused(Reply(status=400, headers={"WWW-Authenticate": _CHALLENGE}))
    if not ledger.knows_token(_digest(token.strip()), now=context.clock()):
        raise _Refused(Reply(status=401))


def _check_account(request: Request, context: Context) -> None:
    credentials = context.options.credentials
    expected = f"{credentials.account}:{credentials.password}"
    try:
        shown = base64.b64decode(request.headers.get("cpro-account", ""), validate=True).decode()
    except (binascii.Error, ValueError):
        shown = ""
    if not _same(shown, expected):
        raise _Refused(wrong_account())


def wrong_account() -> Reply:
    """The recorded answer to a wrong technical account (§1.5)."""
    return json_reply(401, {"ErrorCode": "401", "Description": "[invalid field]"})


def forbidden() -> Reply:
    """The recorded answer to a route that the account may not call (§1.5)."""
    return Reply(status=403, headers={"x-correlationid": str(uuid.uuid4())})


def _read_call(request: Request, context: Context, ledger: Ledger) -> Call:
    if request.headers.get_content_type() != "application/json":
        raise _Refused(Reply(status=415))
    try:
        fields = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise _Refused(Reply(status=400))
    return Call(
        body=Body(fields),
        ledger=ledger,
        directory=context.directory,
        now=context.clock(),
        options=context.options,
    )


def json_reply(status: int, body: object) -> Reply:
    """A reply whose body is JSON; days and instants in ISO, amounts as texts."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_as_text)
    return Reply(status=status, headers={"Content-Type": _JSON}, body=text.encode(errors="replace"))


def _as_text(value: date | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat()


def _same(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode(), expected.encode())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
