"""No more calls per second than agreed, whoever makes them.

PISTE publishes no quota for Chorus Pro: five calls per second, one at a time, is a polite guess
(reference §5, "PISTE quotas").
"""

from collections.abc import Callable
from threading import Lock


def paced(
    per_second: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Callable[[], None]:
    """Make the function to call before each request: it waits until its turn comes.

    Turns are given in order, at least ``1 / per_second`` seconds apart, also between threads.
    Time that nobody used is not saved up for a burst.
    """
    interval = 1 / per_second
    turn = Lock()
    free_at = monotonic()

    def wait_for_turn() -> None:
        nonlocal free_at
        with turn:
            now = monotonic()
            mine = max(now, free_at)
            free_at = mine + interval
        if mine > now:
            sleep(mine - now)

    return wait_for_turn
