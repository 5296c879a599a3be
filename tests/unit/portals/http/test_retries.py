"""Repeated reads: within bounds of attempts and time, at the pace the server asks."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.portal_client import StillClock
from worker.errors import PortalDown
from worker.portals.choruspro.verdict import answered
from worker.portals.http.attempt import (
    HttpAnswer,
    NoAnswer,
    Outcome,
)
from worker.portals.http.retries import ATTEMPTS, DEADLINE, persist

LOST = NoAnswer(sent=True, reason="connexion coupée en cours")
FINE = HttpAnswer(status=200, headers={}, body=b"{}")


def answer(status: int, **headers: str) -> HttpAnswer:
    """An answer without body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers=named, body=b"")


def scripted(*outcomes: Outcome) -> tuple[Callable[[], Outcome], list[Outcome]]:
    """An attempt that follows a script, and what it gave; its last line repeats."""
    given_out: list[Outcome] = []
    script: Iterator[Outcome] = iter(outcomes)

    def attempt() -> Outcome:
        given_out.append(next(script, outcomes[-1]))
        return given_out[-1]

    return attempt, given_out


def tried(*outcomes: Outcome) -> tuple[HttpAnswer | PortalDown, int, StillClock]:
    """How a read ended, after how many attempts, and the waits."""
    clock = StillClock()
    attempt, given_out = scripted(*outcomes)
    try:
        result: HttpAnswer | PortalDown = answered(
            persist(attempt, monotonic=clock.monotonic, sleep=clock.sleep)
        )
    except PortalDown as error:
        result = error
    return result, len(given_out), clock


@pytest.mark.parametrize("failure", [LOST, answer(500), answer(502), answer(503), answer(429)])
def test_passing_trouble_is_outlived(failure: Outcome) -> None:
    """Lost answers, server errors and throttling are tried again."""
    assert tried(failure, failure, FINE)[:2] == (FINE, 3)


@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 403, 404, 413, 415])
def test_lasting_answer_is_given_at_once(status: int) -> None:
    """What repeating would not change is not repeated."""
    assert tried(answer(status))[:2] == (answer(status), 1)


@pytest.mark.parametrize("failure", [LOST, answer(503), answer(429)])
def test_lasting_trouble_is_down_in_french(failure: Outcome) -> None:
    """After the last attempt the caller is told to come back, and why."""
    result, attempts, _ = tried(failure)

    assert isinstance(result, PortalDown)
    assert attempts == ATTEMPTS
    assert "Chorus Pro ne répond pas" in result.message
    assert "réessayez plus tard" in result.remedy


def test_wait_that_was_asked_is_obeyed() -> None:
    """Retry-After is waited in full, not guessed."""
    result, _, clock = tried(answer(429, Retry_After="40"), answer(503, Retry_After="7"), FINE)

    assert result == FINE
    assert clock.slept == [40, 7]


def test_wait_past_the_deadline_ends_the_read() -> None:
    """A server that asks for an hour is left alone, without sleeping, and the person knows."""
    result, attempts, clock = tried(answer(429, Retry_After="3600"))

    assert isinstance(result, PortalDown)
    assert (attempts, clock.slept) == (1, [])
    assert "d'attendre 3\u202f600 secondes" in result.message


@given(
    st.lists(st.sampled_from([LOST, answer(500), answer(429, Retry_After="50"), FINE]), min_size=1)
)
def test_reads_are_bounded(outcomes: list[Outcome]) -> None:
    """Whatever happens: an answer or PortalDown, few attempts, no wait past the deadline."""
    result, attempts, clock = tried(*outcomes)

    assert result in (FINE, answer(500)) or isinstance(result, PortalDown)
    assert attempts <= ATTEMPTS
    assert sum(clock.slept) <= DEADLINE
    assert all(wait >= 0 for wait in clock.slept)
