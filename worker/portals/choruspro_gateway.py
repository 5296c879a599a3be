"""Getting past the PISTE gateway with both identities, and what its refusals mean (§1.4, §1.5).

A 401 is ambiguous: an expired token, or the technical account. So the token is renewed once, and
a second 401 is the account; repeating could lock it. A 403 is a subscription to correct.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.portals.choruspro_deposit import describe
from worker.portals.choruspro_http import HttpAnswer, HttpRequest, NoAnswer, Transport
from worker.portals.choruspro_json import JsonObject, integer, read_object
from worker.portals.choruspro_patience import persist
from worker.portals.choruspro_settings import ChorusProSettings
from worker.portals.choruspro_token import PisteToken
from worker.portals.pacing import paced

HEALTH = "/cpro/transverses/v1/health-check"
_INVOICES = "/cpro/factures/"
_SHORTEST_SECRET = 8
"""Below, masking would eat ordinary text."""


class Gateway:
    """Calls of the API, as one PISTE application and one technical account."""

    def __init__(
        self,
        settings: ChorusProSettings,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._sleep = sleep
        self._transport = Transport(
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            wait_for_turn=paced(settings.requests_per_second, monotonic=monotonic, sleep=sleep),
            monotonic=monotonic,
        )
        self._token = PisteToken(settings, self._transport, monotonic=monotonic, sleep=sleep)
        pair = f"{settings.technical_login}:{settings.technical_password.reveal()}"
        self._account = base64.b64encode(pair.encode()).decode()
        self._proven = ""

    def close(self) -> None:
        """Let go of the open connections."""
        self._transport.close()

    def prove_identity(self) -> None:
        """Make sure both pairs of credentials work: once per token, by the health check (§1.9).

        Raises:
            PortalDown: cannot be reached, or asks to wait.
            PortalAccessRefused: one of the pairs is refused.
        """
        if self._token.get() == self._proven:
            return
        answer, token = self._knock("GET", HEALTH, b"")
        if answer.status != 200:
            raise PortalAnswerError(
                f"Le contrôle d'accès de Chorus Pro répond HTTP {answer.status}.",
                "Vérifiez api_url ; si l'adresse est bonne, réessayez plus tard.",
            )
        self._proven = token

    def token(self) -> str:
        """A token to call with; raises as ``PisteToken.get`` does."""
        return self._token.get()

    def renewed_token(self, refused: str) -> str:
        """Another token, in place of one that the API refused."""
        self._token.forget(refused)
        return self._token.get()

    def attempt_alone(
        self, route: str, fields: Mapping[str, object], token: str
    ) -> HttpAnswer | NoAnswer:
        """One attempt at an operation that must not be repeated; never raises for its outcome."""
        body = self._body(route, fields)
        return self._attempt(self._transport.attempt_alone, "POST", route, body, token)

    def read(self, route: str, fields: Mapping[str, object]) -> JsonObject:
        """The answer of an operation that worked.

        Raises:
            PortalDown: no answer within the bounds.
            PortalAnswerError: a ``codeRetour`` other than 0, or an answer nobody can use.
            PortalAccessRefused: credentials or rights to correct.
        """
        return succeeded(route, self.ask(route, fields))

    def ask(self, route: str, fields: Mapping[str, object]) -> JsonObject:
        """The answer of an operation, whatever its ``codeRetour``; else as ``read``."""
        answer, _ = self._knock("POST", route, self._body(route, fields))
        content = read_object(answer.body)
        if content is None or integer(content, "codeRetour") is None or answer.status >= 300:
            raise PortalAnswerError(
                f"Réponse inexploitable de Chorus Pro à {route} "
                f"(HTTP {answer.status}{describe(content)}).",
                "Réessayez plus tard ; si cela dure, signalez-le au support de Chorus Pro.",
            )
        return content

    def _knock(
        self, method: Literal["GET", "POST"], route: str, body: bytes
    ) -> tuple[HttpAnswer, str]:
        """The answer that the gateway let through, and the token that opened it."""

        def with_token(token: str) -> HttpAnswer:
            return persist(
                lambda: self._attempt(self._transport.attempt, method, route, body, token),
                monotonic=self._monotonic,
                sleep=self._sleep,
            )

        token = self._token.get()
        answer = with_token(token)
        if answer.status == 401:
            token = self.renewed_token(token)
            answer = with_token(token)
        if answer.status == 401:
            raise PortalAccessRefused(
                "Chorus Pro refuse le compte technique, même avec un jeton PISTE neuf (HTTP 401).",
                "Vérifiez technical_login et technical_password. Le mot de passe est à changer "
                "tous les 424 jours par le gestionnaire principal, et un compte nouveau n'est "
                "actif qu'après une demi-heure. N'insistez pas : le compte pourrait se bloquer.",
            )
        if answer.status == 403:
            raise PortalAccessRefused(
                f"Accès interdit à {route} (HTTP 403).",
                "Sur PISTE, vérifiez que l'application est abonnée aux API Factures, Structures "
                "et Transverses et que leurs CGU sont acceptées ; sur Chorus Pro, que le "
                "raccordement PISTE est déclaré.",
            )
        return answer, token

    def _attempt(
        self,
        attempt: Callable[[HttpRequest], HttpAnswer | NoAnswer],
        method: Literal["GET", "POST"],
        route: str,
        body: bytes,
        token: str,
    ) -> HttpAnswer | NoAnswer:
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
            )
        )
        match outcome:
            case HttpAnswer():
                return replace(outcome, body=self._masked(outcome.body, token))
            case NoAnswer():
                return outcome

    def _masked(self, body: bytes, token: str) -> bytes:
        """Without our secrets: an error page may quote them, and answers are kept and shown."""
        settings = self._settings
        secrets = (settings.client_secret.reveal(), settings.technical_password.reveal())
        for secret in (token, self._account, *secrets):
            if len(secret) >= _SHORTEST_SECRET:
                body = body.replace(secret.encode(), b"***")
        return body

    def _body(self, route: str, fields: Mapping[str, object]) -> bytes:
        """The JSON body. ``idUtilisateurCourant`` is of the Factures API only (§1.7)."""
        of_user: dict[str, object] = {}
        if self._settings.user_id is not None and route.startswith(_INVOICES):
            of_user["idUtilisateurCourant"] = self._settings.user_id
        return json.dumps({**fields, **of_user}, ensure_ascii=False).encode()


def succeeded(route: str, answer: JsonObject) -> JsonObject:
    """The answer itself; raises PortalAnswerError when its ``codeRetour`` is not 0 (§4.1)."""
    if integer(answer, "codeRetour") != 0:
        raise PortalAnswerError(
            f"Chorus Pro refuse la demande {route}{describe(answer)}.",
            "Vérifiez les droits du compte technique sur cette structure ou cette facture.",
        )
    return answer


def incoherent(route: str, what: str) -> PortalAnswerError:
    """The error for an answer that contradicts itself: nothing may be concluded from it."""
    return PortalAnswerError(
        f"Réponse incohérente de Chorus Pro à {route} : {what}.",
        "Rien n'en est conclu : réessayez plus tard.",
    )
