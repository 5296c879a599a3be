"""Calls through the PISTE gateway with both identities, and what its refusals mean (§1.4, §1.5).

A 401 is ambiguous: an expired token, or the technical account. So the token is renewed once, and
a second 401 is the account; repeating could lock it. A 403 is a subscription to correct.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from html import escape
from threading import Lock
from typing import Literal, TypeVar
from urllib.parse import quote_plus

from worker.errors import PortalAnswerError
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.json_fields import JsonObject, integer
from worker.portals.choruspro.token import PisteToken
from worker.portals.choruspro.verdict import (
    Judgement,
    Verdict,
    answered,
    failed,
    failure,
    judged,
    refuses_token,
)
from worker.portals.http.attempt import (
    FAILED,
    MOST_BYTES,
    HttpAnswer,
    HttpRequest,
    NoAnswer,
    Outcome,
    Transport,
)
from worker.portals.http.breaker import Breaker
from worker.portals.http.pacing import paced
from worker.portals.http.retries import persist

_Came = TypeVar("_Came", HttpAnswer, Outcome)
HEALTH = "/cpro/transverses/v1/health-check"
_INVOICES = "/cpro/factures/"
_WITHOUT_USER = "/cpro/factures/v1/traiterRejet"
"""The one operation of the Factures API that has no ``idUtilisateurCourant``."""
_SHORTEST_SECRET = 8
"""Below, masking would remove ordinary text."""


class Gateway:
    """Calls of the API, as one PISTE application and one technical account. Safe between threads.

    Reads are repeated within bounds, and stop at the circuit breaker; what
    changes something (``once``) is attempted once.
    """

    def __init__(
        self,
        settings: ChorusProSettings,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        clock: Callable[[], datetime],
        heard: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._sleep = sleep
        self._transport = Transport(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            turn=paced(
                settings.requests_per_second,
                settings.parallel_calls,
                monotonic=monotonic,
                sleep=sleep,
            ),
            monotonic=monotonic,
            heard=heard,
        )
        self._breaker = Breaker("Chorus Pro", monotonic=monotonic, clock=clock)
        self._token = PisteToken(
            settings,
            self._transport,
            Breaker("PISTE", monotonic=monotonic, clock=clock),
            monotonic=monotonic,
            sleep=sleep,
        )
        pair = f"{settings.technical_login}:{settings.technical_password.get_secret_value()}"
        self._account = base64.b64encode(pair.encode()).decode()
        self._proving = Lock()
        self._proven = ""

    @property
    def stated_at(self) -> datetime | None:
        """The instant that the gateway last stated in an answer."""
        return self._transport.stated_at

    def close(self) -> None:
        """Close the open connections."""
        self._transport.close()

    def prove_identity(self) -> None:
        """Make sure both pairs of credentials work: once per token, by the health check (§1.9).

        Raises:
            PortalError: cannot be reached, asks to wait, or answers nonsense.
            PortalAccessRefused: one of the pairs is refused.
        """
        self._breaker.raise_if_waiting()
        with self._proving:
            if self._token.get() == self._proven:
                return
            answer, judgement, token = self._call("GET", HEALTH, b"", MOST_BYTES)
            if judgement.content is None:
                # A page of maintenance, or of a proxy.
                said = "une page illisible"
            else:
                said = str(integer(judgement.content, "statusCodeValue") or answer.status)
            if (said, answer.status) != ("200", 200):
                raise PortalAnswerError(
                    f"Le contrôle d'accès de Chorus Pro répond {said} (HTTP {answer.status}).",
                    "Vérifiez api_url ; si l'adresse est bonne, réessayez plus tard.",
                )
            self._proven = token

    def read(
        self,
        route: str,
        fields: Mapping[str, object],
        *,
        most_bytes: int = MOST_BYTES,
        may_refuse: bool = False,
    ) -> JsonObject:
        """The answer of an operation that worked, or said no itself if it may.

        Raises:
            PortalDown: no answer within the bounds.
            PortalAnswerError: a ``codeRetour`` other than 0, or an answer of no use.
            PortalAccessRefused: credentials or rights to correct.
        """
        body = self._body(route, fields)
        answer, judgement, _ = self._call("POST", route, body, most_bytes)
        content = judgement.content or {}
        # A refusal by HTTP alone is not the operation's own word (§4.1: some come with a 400).
        said_no = judgement.verdict is Verdict.REFUSED and integer(content, "codeRetour")
        if judgement.verdict is Verdict.DONE or (may_refuse and said_no):
            return content
        if answer.status == FAILED:
            raise failed(route)
        raise failure(route, answer, judgement)

    def once(self, route: str, fields: Mapping[str, object]) -> Outcome:
        """The outcome of an operation that must not be repeated; never raises for it.

        One exception: a 401 proves that the gateway did nothing and may only mean that the token
        was revoked, so one more attempt is made with a new token. A second 401 is final.

        Raises:
            PortalError, PortalAccessRefused: without a token, or while the server asked to be left
                alone, nothing was sent.
        """
        self._breaker.raise_if_waiting()
        body = self._body(route, fields)
        alone = partial(self._attempt, self._transport.attempt_alone, "POST", route, body)
        outcome, _ = self._with_token(alone)
        self._breaker.note_wait(outcome)
        return outcome

    def _call(
        self, method: Literal["GET", "POST"], route: str, body: bytes, most_bytes: int
    ) -> tuple[HttpAnswer, Judgement, str]:
        """The answer that the gateway let through, its verdict, and the token that opened it."""

        def with_token(token: str) -> HttpAnswer:
            return answered(
                persist(
                    lambda: self._breaker.guard(
                        lambda: self._attempt(
                            self._transport.attempt, method, route, body, token, most_bytes
                        )
                    ),
                    monotonic=self._monotonic,
                    sleep=self._sleep,
                )
            )

        answer, token = self._with_token(with_token)
        judgement = judged(answer)
        if judgement.verdict is Verdict.UNAUTHORISED:
            raise failure(route, answer, judgement)
        return answer, judgement, token

    def _with_token(self, call: Callable[[str], _Came]) -> tuple[_Came, str]:
        """What a call comes to, made again with another token when the API refuses the first."""
        token = self._token.get()
        outcome = call(token)
        if refuses_token(outcome):
            self._token.forget(token)
            token = self._token.get()
            outcome = call(token)
        return outcome, token

    def _attempt(
        self,
        attempt: Callable[[HttpRequest], Outcome],
        method: Literal["GET", "POST"],
        route: str,
        body: bytes,
        token: str,
        most_bytes: int = MOST_BYTES,
    ) -> Outcome:
        outcome = attempt(
            HttpRequest(
                method=method,
                url=self._settings.api_url.rstrip("/") + route,
                route=route,
                headers={
                    "Authorization": f"Bearer {token}",
                    "cpro-account": self._account,
                    "Content-Type": "application/json;charset=utf-8",
                    "Accept": "application/json;charset=utf-8",
                },
                body=body,
                most_bytes=most_bytes,
            )
        )
        match outcome:
            case HttpAnswer():
                return replace(outcome, body=self._masked(outcome.body, token))
            case NoAnswer():
                return outcome

    def _masked(self, body: bytes, token: str) -> bytes:
        """Without our secrets: an error page may quote them, and answers are kept and shown."""
        kept = (self._settings.client_secret, self._settings.technical_password)
        secrets = [secret.get_secret_value() for secret in kept]
        # An account says as much without its padding, which is escaped or dropped here and there.
        for secret in (token, self._account.rstrip("="), *secrets):
            if len(secret) >= _SHORTEST_SECRET:
                for form in _forms(secret):
                    body = body.replace(form.encode(), b"***")
        return body

    def _body(self, route: str, fields: Mapping[str, object]) -> bytes:
        """The JSON body. ``idUtilisateurCourant`` is of the Factures API only (§1.7)."""
        of_user: dict[str, object] = {}
        told = route.startswith(_INVOICES) and route != _WITHOUT_USER
        if self._settings.user_id is not None and told:
            of_user["idUtilisateurCourant"] = self._settings.user_id
        return json.dumps({**fields, **of_user}).encode()


def _forms(secret: str) -> set[str]:
    """A secret as it may be quoted: plain, in a URL, in HTML, in JSON, slashes escaped or not."""
    in_json = {json.dumps(secret, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    with_slashes = {form.replace("/", "\\/") for form in in_json}
    return {secret, quote_plus(secret), escape(secret), *in_json, *with_slashes}
