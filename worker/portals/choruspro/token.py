"""The PISTE token: asked for when needed, kept until shortly before its end (reference §1.2, §1.3).

A refusal here is about the first pair of credentials only, and final: the same pair would be
refused again.
"""

import re
from collections.abc import Callable
from threading import Lock
from urllib.parse import urlencode

from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.json_fields import integer, read_object, text
from worker.portals.choruspro.verdict import answered, down
from worker.portals.http.attempt import FAILED, HttpAnswer, HttpRequest, Transport
from worker.portals.http.breaker import Breaker
from worker.portals.http.retries import persist

MARGIN = 60.0
"""Seconds before its end when a token is replaced; a tenth of its life when that is less."""
_LIFETIME_UNSAID = 300
_LONGEST_LIFETIME = 24 * 3600
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class PisteToken:
    """The current token of one application. Safe between threads."""

    def __init__(
        self,
        settings: ChorusProSettings,
        transport: Transport,
        breaker: Breaker,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._breaker = breaker
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = Lock()
        self._value = ""
        self._use_until = 0.0

    def get(self) -> str:
        """A token that lives long enough for a call.

        Raises:
            PortalDown: PISTE does not answer.
            PortalAnswerError: it answers something else than a token.
            PortalAccessRefused: it refuses client_id and client_secret.
        """
        with self._lock:
            if not self._value or self._monotonic() >= self._use_until:
                self._renew()
            return self._value

    def forget(self, value: str) -> None:
        """Drop a token that the API refused, unless another thread replaced it already."""
        with self._lock:
            if self._value == value:
                self._value = ""

    def _renew(self) -> None:
        asked_at = self._monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "scope": "openid",
        }
        request = HttpRequest(
            method="POST",
            url=self._settings.token_url,
            route="token",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=urlencode(form).encode(),
        )
        answer = answered(
            persist(
                lambda: self._breaker.guard(lambda: self._transport.attempt(request)),
                monotonic=self._monotonic,
                sleep=self._sleep,
            )
        )
        if answer.status == FAILED:
            raise down(answer)  # never about one record: there is no token
        self._value, lifetime = _read_token(answer)
        self._use_until = asked_at + lifetime - min(MARGIN, lifetime / 10)


def _read_token(answer: HttpAnswer) -> tuple[str, int]:
    """The token and its life in seconds."""
    content = read_object(answer.body) or {}
    if answer.status in (400, 401, 403):
        error = text(content, "error")
        code = f", « {error} »" if _ERROR_CODE.fullmatch(error) else ""
        raise PortalAccessRefused(
            f"PISTE refuse le couple client_id / client_secret (HTTP {answer.status}{code}).",
            "Vérifiez client_id et client_secret : ils viennent du panneau « OAuth Credentials » "
            "de l'application PISTE (et non « API Keys ») et du même environnement que l'adresse, "
            "qualification ou production.",
        )
    # Checked here: what is not a token must never reach a header.
    value = content.get("access_token")
    if answer.status != 200 or not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise PortalAnswerError(
            f"PISTE n'a pas donné de jeton (HTTP {answer.status}).",
            "Vérifiez token_url ; si l'adresse est bonne, réessayez plus tard.",
        )
    lifetime = integer(content, "expires_in")
    if lifetime is None or lifetime <= 0:
        lifetime = _LIFETIME_UNSAID
    return value, min(lifetime, _LONGEST_LIFETIME)
