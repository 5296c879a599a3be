"""Reads are asked again, within bounds; deposits never come through here.

Backoff with full jitter, so that many workers do not come back together; a ``Retry-After`` is
obeyed as long as it fits before the deadline (reference §5, "PISTE quotas").
"""

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from worker.portals.choruspro_failures import down
from worker.portals.choruspro_http import HttpAnswer
from worker.portals.choruspro_verdict import FAILED, Outcome, may_pass

ATTEMPTS = 5
DEADLINE = 120.0
"""Seconds after which no further attempt begins."""


def persist(
    attempt: Callable[[], Outcome],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> HttpAnswer:
    """Repeat a read until it gets an answer that repeating would not change.

    An operation that fails (HTTP 500) to the last attempt is such an answer: the others may work.

    Raises:
        PortalDown: no answer, a server that is away or a request to slow down, to the last attempt.
    """
    deadline = monotonic() + DEADLINE
    backoff = wait_random_exponential(multiplier=0.5, max=20)

    def wait(state: RetryCallState) -> float:
        asked = asked_to_wait(_last(state))
        return backoff(state) if asked is None else asked

    def stop(state: RetryCallState) -> bool:
        too_late = monotonic() + state.upcoming_sleep > deadline
        return too_late or state.attempt_number >= ATTEMPTS

    outcome: Outcome = Retrying(
        sleep=sleep,
        wait=wait,
        stop=stop,
        retry=retry_if_result(may_pass),
        retry_error_callback=_last,
    )(attempt)
    if isinstance(outcome, HttpAnswer) and (not may_pass(outcome) or outcome.status == FAILED):
        return outcome
    raise down(outcome)


def asked_to_wait(outcome: Outcome) -> int | None:
    """Seconds the server asked to wait."""
    return outcome.retry_after if isinstance(outcome, HttpAnswer) else None


def _last(state: RetryCallState) -> Outcome:
    if state.outcome is None:
        raise RuntimeError("tenacity asked before any attempt")
    outcome: Outcome = state.outcome.result()
    return outcome
