"""Turns: never closer than agreed, in order, nothing saved up."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portal_client import StillClock
from worker.portals.pacing import paced


@given(
    st.floats(min_value=0.1, max_value=50),
    st.lists(st.floats(min_value=0, max_value=10), min_size=2, max_size=20),
)
def test_turns_are_never_closer_than_agreed(rate: float, pauses: list[float]) -> None:
    """Whatever the caller's rhythm, two calls are at least one interval apart."""
    clock = StillClock()
    wait_for_turn = paced(rate, monotonic=clock.monotonic, sleep=clock.sleep)
    turns = []
    for pause in pauses:
        clock.now += pause
        wait_for_turn()
        turns.append(clock.now)
    for earlier, later in pairwise(turns):
        assert later - earlier >= 1 / rate - 1e-6


def test_first_call_and_slow_calls_do_not_wait() -> None:
    """A caller slower than the pace is never held back."""
    clock = StillClock()
    wait_for_turn = paced(2, monotonic=clock.monotonic, sleep=clock.sleep)
    for _ in range(5):
        wait_for_turn()
        clock.now += 0.5
    assert clock.slept == []


def test_idle_time_gives_no_burst() -> None:
    """After an hour of silence, calls are as far apart as before."""
    clock = StillClock()
    wait_for_turn = paced(4, monotonic=clock.monotonic, sleep=clock.sleep)
    wait_for_turn()
    clock.now += 3600
    for _ in range(3):
        wait_for_turn()
    assert clock.slept == pytest.approx([0.25, 0.25])


def test_threads_share_the_pace() -> None:
    """Ten threads at once get ten different turns."""
    waits: list[float] = []
    wait_for_turn = paced(10, monotonic=lambda: 0.0, sleep=waits.append)
    threads = [threading.Thread(target=wait_for_turn) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([rank / 10 for rank in range(1, 10)])
