"""No more calls per second, and at once, than agreed, over all threads.

PISTE publishes no quota for Chorus Pro: five calls per second, one at a time, is a polite guess
(reference §5, "PISTE quotas").
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import BoundedSemaphore, Lock

MOST_PARALLEL = 16
"""Calls at once: far past what a campaign needs, and few enough to stay a polite caller."""


def paced(
    per_second: float,
    parallel_calls: int,
    *,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Callable[[], AbstractContextManager[None]]:
    """Make the context that surrounds each call: entering waits until its turn comes.

    A bucket of one token: two calls never begin less than ``1 / per_second`` seconds apart, also
    between threads, so that no window of any length holds more than the rate allows. Unused time
    is not saved up for a burst. At most ``parallel_calls`` are under way at once.
    """
    interval = 1 / per_second
    slots = BoundedSemaphore(parallel_calls)
    turn = Lock()
    free_at = monotonic()

    @contextmanager
    def call() -> Iterator[None]:
        nonlocal free_at
        with slots:
            # Kept while sleeping: a caller that wakes late pushes the next one back, where turns
            # given in advance would let the two begin too close.
            with turn:
                while (left := free_at - monotonic()) > 0:
                    sleep(left)
                free_at = monotonic() + interval
            yield

    return call
