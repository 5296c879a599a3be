"""A server that leads nowhere is left alone for a while, then tried with one call."""

import threading

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from chaos import pace
from tests.support.portal_client import StillClock, client
from tests.support.scripted_server import serving
from worker.billing.standard import DepositSyntax
from worker.errors import PortalDown
from worker.portals import FluxState
from worker.portals.http.attempt import (
    HttpAnswer,
    NoAnswer,
    Outcome,
)
from worker.portals.http.breaker import IN_VAIN, PAUSE, Breaker

LOST = NoAnswer(sent=True, reason="connexion coupée en cours")
FINE = HttpAnswer(status=200, headers={}, body=b"")
REFUSED = HttpAnswer(status=403, headers={}, body=b"")
FAILED = HttpAnswer(status=500, headers={}, body=b"")


def busy(retry_after: int) -> HttpAnswer:
    """A server that asks to wait."""
    return HttpAnswer(status=429, headers={"Retry-After": str(retry_after)}, body=b"")


def breaker(clock: StillClock) -> Breaker:
    """A closed one."""
    return Breaker("Chorus Pro", monotonic=clock.monotonic, clock=clock.now_utc)


def opened(clock: StillClock) -> Breaker:
    """One that just opened."""
    made = breaker(clock)
    for _ in range(IN_VAIN):
        made.guard(lambda: LOST)
    return made


def let_through(guarded: Breaker, outcome: Outcome) -> bool:
    """Whether a call was made; it comes to this."""
    made = []

    def attempt() -> Outcome:
        made.append(outcome)
        return outcome

    try:
        guarded.guard(attempt)
    except PortalDown:
        assert not made
    return bool(made)


@pytest.mark.parametrize("trouble", [LOST, busy(0), HttpAnswer(status=503, headers={}, body=b"")])
def test_opens_after_several_answers_in_a_row_that_lead_nowhere(trouble: Outcome) -> None:
    """Lost answers, server errors and throttling count; the next call is not made."""
    guarded = breaker(StillClock())

    assert [let_through(guarded, trouble) for _ in range(IN_VAIN + 2)] == [
        *[True] * IN_VAIN,
        False,
        False,
    ]


@given(st.integers(1, 3600), st.floats(0, 3600, allow_nan=False))
def test_no_call_is_made_before_the_server_wants_one(asked: int, later: float) -> None:
    """However short the wait it asked for, and whoever heard it; the person knows how long."""
    clock = StillClock(now=0)
    guarded = breaker(clock)
    guarded.note_wait(busy(asked))
    clock.now = later
    assert let_through(guarded, FINE) is (later >= asked)
    if later < asked:
        with pytest.raises(PortalDown, match="demande d'attendre") as caught:
            guarded.raise_if_waiting()
        assert caught.value.wait == pytest.approx(asked - later)
        clock.now = asked
    guarded.raise_if_waiting()


def test_only_who_is_busy_is_waited_for() -> None:
    """A header on an answer that worked, or that refused, asks for nothing."""
    guarded = breaker(StillClock())
    for status in (200, 403):
        guarded.note_wait(HttpAnswer(status=status, headers={"Retry-After": "60"}, body=b""))
        guarded.raise_if_waiting()


@pytest.mark.parametrize("answer", [FINE, REFUSED, FAILED])
def test_any_real_answer_closes_it(answer: Outcome) -> None:
    """A portal that answers, even to refuse, or that it failed on this, is not down."""
    guarded = breaker(StillClock())
    for outcome in [*[LOST] * (IN_VAIN - 1), answer] * 3:
        assert let_through(guarded, outcome)


def test_fails_fast_saying_since_when_and_until_when() -> None:
    """The message holds the first failure and the next attempt, in the time of Paris."""
    clock = StillClock(now=0)
    guarded = breaker(clock)
    for _ in range(IN_VAIN):
        guarded.guard(lambda: LOST)
        clock.now += 1
    with pytest.raises(PortalDown) as caught:
        guarded.guard(lambda: FINE)

    assert caught.value.message == (
        "Chorus Pro ne répond plus depuis le 05/01/2026 à 09:00:00 : "
        f"aucun appel avant le 05/01/2026 à 09:01:{IN_VAIN - 1:02}."
    )
    assert "relancez" in caught.value.remedy


def test_one_call_tries_again_and_its_answer_decides() -> None:
    """After the pause: a failure opens it again for a pause, an answer closes it."""
    clock = StillClock()
    guarded = opened(clock)
    clock.now += PAUSE
    assert let_through(guarded, LOST)
    assert not let_through(guarded, FINE)
    clock.now += PAUSE

    assert let_through(guarded, FINE)
    assert all(let_through(guarded, FINE) for _ in range(3))


def test_only_one_thread_tries() -> None:
    """While the trial call is under way, the others fail fast."""
    clock = StillClock()
    guarded = opened(clock)
    clock.now += PAUSE
    begun, answered = threading.Event(), threading.Event()

    def trial() -> Outcome:
        begun.set()
        answered.wait(timeout=pace.limit(5))
        return FINE

    thread = threading.Thread(target=lambda: guarded.guard(trial))
    thread.start()
    begun.wait(timeout=pace.limit(5))
    assert not let_through(guarded, FINE)
    answered.set()
    thread.join()

    assert let_through(guarded, FINE)


def test_trial_that_breaks_lets_another_one_try() -> None:
    """An interrupted call must not keep the circuit open for ever."""
    clock = StillClock()
    guarded = opened(clock)
    clock.now += PAUSE

    def interrupted() -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded.guard(interrupted)

    assert let_through(guarded, FINE)


def test_long_wait_that_was_asked_is_obeyed_by_every_later_call() -> None:
    """An hour of Retry-After opens the circuit at once, for an hour."""
    clock = StillClock()
    guarded = breaker(clock)
    assert let_through(guarded, busy(3600))
    clock.now += 3599
    assert not let_through(guarded, FINE)
    clock.now += 1

    assert let_through(guarded, FINE)


@given(
    st.lists(
        st.tuples(st.sampled_from([LOST, FINE, busy(1), busy(500)]), st.sampled_from([0, 1, 61]))
    )
)
def test_a_portal_that_is_down_is_knocked_at_a_bounded_number_of_times(
    script: list[tuple[Outcome, int]],
) -> None:
    """Without a real answer, at most the first calls and one per pause go through."""
    clock = StillClock()
    guarded, in_vain, began = breaker(clock), 0, clock.now
    for outcome, wait in script:
        if let_through(guarded, outcome):
            in_vain = 0 if outcome is FINE else in_vain + 1
            began = clock.now if outcome is FINE else began
        clock.now += wait
        assert in_vain <= IN_VAIN + (clock.now - began) / PAUSE


def test_client_stops_reading_and_still_deposits() -> None:
    """Two reads asked to the end, then none, until the pause is over; deposits have their rule."""
    url, clock = "https://api.exemple.invalid", StillClock()
    report = f"{url}/cpro/transverses/v1/consulterCRDetaille"
    with responses.RequestsMock() as api:
        api.post(f"{url}/api/oauth/token", json={"access_token": "un", "expires_in": 3600})
        down = api.post(report, status=503)
        taken = api.post(
            f"{url}/cpro/factures/v1/deposer/flux",
            json={"codeRetour": 0, "numeroFluxDepot": "CPP1"},
        )
        portal = client(clock)
        for _ in range(5):
            with pytest.raises(PortalDown):
                portal.integration_report("CPP1")
        assert down.call_count == IN_VAIN
        portal.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=b"x")
        assert taken.call_count == 1
        clock.now += PAUSE
        api.replace("POST", report, json={"codeRetour": 0, "etatCourantDepotFlux": "IN_INTEGRE"})
        assert portal.integration_report("CPP1").state is FluxState.INTEGRATED
        portal.close()


def test_token_server_that_is_down_is_left_alone_too() -> None:
    """Tokens have a circuit of their own, and the message names PISTE."""
    with serving() as gone:
        portal = client(StillClock(), gone.url)
        for _ in range(2):
            with pytest.raises(PortalDown, match="ne répond pas"):
                portal.sign_in()
        knocked = gone.connections
        with pytest.raises(PortalDown, match="PISTE ne répond plus depuis"):
            portal.sign_in()
        portal.close()
        assert gone.connections == knocked
