"""Reads are asked again, within bounds; deposits never come through here.

Backoff with full jitter, so that many workers do not come back together; a ``Retry-After`` is
obeyed as long as it fits before the deadline (reference §5, "PISTE quotas").
"""

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from worker.errors import PortalDown
from worker.portals.choruspro_http import HttpAnswer, NoAnswer

ATTEMPTS = 5
DEADLINE = 120.0
"""Seconds after which no further attempt begins."""
_THROTTLED = 429

Outcome = HttpAnswer | NoAnswer


def persist(
    attempt: Callable[[], Outcome],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> HttpAnswer:
    """Repeat a read until it gets an answer that repeating would not change.

    Raises:
        PortalDown: no answer, a server error or a request to slow down, to the last attempt.
    """
    deadline = monotonic() + DEADLINE
    backoff = wait_random_exponential(multiplier=0.5, max=20)

    def wait(state: RetryCallState) -> float:
        asked = _asked_to_wait(_last(state))
        return backoff(state) if asked is None else asked

    def stop(state: RetryCallState) -> bool:
        too_late = monotonic() + state.upcoming_sleep > deadline
        return too_late or state.attempt_number >= ATTEMPTS

    outcome: Outcome = Retrying(
        sleep=sleep,
        wait=wait,
        stop=stop,
        retry=retry_if_result(_may_pass),
        retry_error_callback=_last,
    )(attempt)
    if isinstance(outcome, HttpAnswer) and not _may_pass(outcome):
        return outcome
    raise PortalDown(
        f"Chorus Pro ne répond pas : {_describe(outcome)}.",
        "Rien n'est perdu : réessayez plus tard. Si cela dure, consultez l'état du service "
        "sur le portail, ou vérifiez l'accès au réseau et le serveur mandataire (proxy).",
    )


def _last(state: RetryCallState) -> Outcome:
    if state.outcome is None:
        raise RuntimeError("tenacity asked before any attempt")
    outcome: Outcome = state.outcome.result()
    return outcome


def _may_pass(outcome: Outcome) -> bool:
    match outcome:
        case NoAnswer():
            return True
        case HttpAnswer(status=status):
            return status == _THROTTLED or status >= 500


def _asked_to_wait(outcome: Outcome) -> int | None:
    return outcome.retry_after if isinstance(outcome, HttpAnswer) else None


def _describe(outcome: Outcome) -> str:
    match outcome:
        case NoAnswer(reason=reason):
            return reason
        case HttpAnswer(status=429):
            return "il demande de ralentir (HTTP 429)"
        case HttpAnswer(status=status):
            return f"erreur du serveur (HTTP {status})"
