"""What a call came to by HTTP alone: an answer, or none; and whether asking again may help."""

from typing import TypeAlias

from worker.portals.http.attempt import HttpAnswer, NoAnswer

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


def asked_to_wait(outcome: Outcome) -> int | None:
    """Seconds the server asked to wait."""
    return outcome.retry_after if isinstance(outcome, HttpAnswer) else None
