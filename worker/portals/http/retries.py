"""Reads are asked again, within bounds; deposits never come through here.

Backoff with full jitter, so that many workers do not come back together; a ``Retry-After`` is
obeyed as long as it fits before the deadline (reference §5, "PISTE quotas").
"""

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from worker.portals.http.attempt import Outcome, may_pass

ATTEMPTS = 5
DEADLINE = 120.0
"""Seconds after which no further attempt begins."""


def persist(
    attempt: Callable[[], Outcome],
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Outcome:
    """Repeat a read until it gets an answer that repeating would not change; its last outcome."""
    deadline = monotonic() + DEADLINE
    backoff = wait_random_exponential(multiplier=0.5, max=20)

    def wait(state: RetryCallState) -> float:
        asked = _last(state).retry_after
        return backoff(state) if asked is None else asked

    def stop(state: RetryCallState) -> bool:
        too_late = monotonic() + state.upcoming_sleep > deadline
        return too_late or state.attempt_number >= ATTEMPTS

    return Retrying(
        sleep=sleep,
        wait=wait,
        stop=stop,
        retry=retry_if_result(may_pass),
        retry_error_callback=_last,
    )(attempt)


def _last(state: RetryCallState) -> Outcome:
    if state.outcome is None:
        raise RuntimeError("tenacity asked before any attempt")
    outcome: Outcome = state.outcome.result()
    return outcome
