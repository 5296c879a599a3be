"""Calls: never closer than agreed, hardly further apart, never more at once than agreed."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos import pace
from tests.support.portal_client import StillClock
from worker.portals.http.pacing import paced


@dataclass
class LateClock:
    """Time shared by threads: only sleeping moves it, and every sleep lasts a little too long."""

    late: float
    now: float = 1000.0
    seen: threading.local = field(default_factory=threading.local)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def monotonic(self) -> float:
        """The current instant; the thread remembers when it last looked, and lets others run."""
        self.seen.at = now = self.now
        time.sleep(0.00001)
        return now

    def sleep(self, seconds: float) -> None:
        """Jump forward, and a little further."""
        with self.lock:
            self.now += seconds + self.late


def all_run(work: Callable[[], None], threads: int) -> None:
    """Run the same work in several threads at once, to its end."""
    running = [threading.Thread(target=work) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()


@given(
    st.floats(min_value=0.1, max_value=100),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=8),
    st.floats(min_value=0, max_value=0.05),
)
def test_the_rate_is_never_exceeded_and_nearly_all_used(
    rate: float, parallel: int, threads: int, lateness: float
) -> None:
    """Any two calls are an interval apart, so any window holds the rate; 95 % of it is used."""
    clock = LateClock(late=lateness / rate)
    call = paced(rate, parallel, monotonic=clock.monotonic, sleep=clock.sleep)
    begun: list[float] = []

    def demand() -> None:
        for _ in range(5):
            with call():
                begun.append(clock.seen.at)

    all_run(demand, threads)
    begun.sort()
    assert len(begun) == 5 * threads
    assert all(later - earlier >= (1 - 1e-9) / rate for earlier, later in pairwise(begun))
    assert (len(begun) - 1) / (begun[-1] - begun[0]) >= 0.95 * rate


@given(
    st.floats(min_value=0.1, max_value=50),
    st.lists(st.floats(min_value=0, max_value=10), min_size=2, max_size=20),
)
def test_callers_at_any_rhythm_wait_only_for_their_turn(rate: float, pauses: list[float]) -> None:
    """A call begins at once, or exactly one interval after the one before: nothing is saved up."""
    clock = StillClock()
    call = paced(rate, 1, monotonic=clock.monotonic, sleep=clock.sleep)
    previous = clock.now - 1 / rate
    for pause in pauses:
        clock.now += pause
        asked = clock.now
        with call():
            assert clock.now == pytest.approx(max(asked, previous + 1 / rate))
        previous = clock.now


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_calls_at_once_than_agreed(parallel: int) -> None:
    """Exactly that many calls are under way together, whatever waits."""
    clock = LateClock(late=0)
    call = paced(1000, parallel, monotonic=clock.monotonic, sleep=clock.sleep)
    together = threading.Barrier(parallel, timeout=pace.limit(5))
    counting, under_way, most = threading.Lock(), 0, 0

    def demand() -> None:
        nonlocal under_way, most
        with call():
            with counting:
                under_way += 1
                most = max(most, under_way)
            together.wait()
            # Time for one too many to come in, were it let in.
            time.sleep(0.01)
            with counting:
                under_way -= 1

    all_run(demand, 4 * parallel)
    assert most == parallel


def test_failed_call_gives_its_place_back() -> None:
    """An exception in a call does not keep the next one waiting for ever."""
    clock = StillClock()
    call = paced(10, 1, monotonic=clock.monotonic, sleep=clock.sleep)
    for _ in range(3):
        with pytest.raises(OSError, match="lost"), call():
            raise OSError("lost")
    assert clock.slept == pytest.approx([0.1, 0.1])
