"""A circuit breaker: no call for a while after too many failures, or when the server asks for it.

The circuit is for reads (and for tokens): each of them is repeated, and a campaign makes
hundreds. Deposits are not repeated and keep their own rule (``transmission.deposit.BREAKER``). A
wait that the server asked for (``Retry-After``) holds for both.

A plain 500 does not count: it is an operation that failed, on one record perhaps, and must not
close the others. A portal that is down does not answer, or 502, 503, 504.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from worker.billing.period import PARIS
from worker.errors import PortalDown
from worker.portals.http.attempt import Outcome, leads_nowhere
from worker.portals.http.retries import ATTEMPTS

IN_VAIN = 2 * ATTEMPTS
"""Answers in a row that open the circuit: two reads, each repeated to the end."""
PAUSE = 60.0
"""Seconds without a call."""
_RESUMES = (
    "Rien n'est perdu : relancez la commande après cette heure, elle reprendra où elle en est."
)


class Breaker:
    """Guards the calls to one server. Safe between threads.

    Closed, calls go through. Open, they fail at once. After the pause one call is let through:
    its answer closes the circuit, or opens it for another pause. Whatever the circuit, no call is
    made before the instant that the server named.
    """

    def __init__(
        self, server: str, *, monotonic: Callable[[], float], clock: Callable[[], datetime]
    ) -> None:
        self._server = server
        self._monotonic = monotonic
        self._clock = clock
        self._lock = Lock()
        self._in_vain = 0
        self._since: datetime | None = None
        self._open_until: float | None = None
        self._not_before = 0.0
        self._trying = False

    def note_wait(self, outcome: Outcome) -> None:
        """Remember how long the server asks to be left alone, if it does."""
        if leads_nowhere(outcome) and (asked := outcome.retry_after):
            with self._lock:
                self._not_before = max(self._not_before, self._monotonic() + asked)

    def raise_if_waiting(self) -> None:
        """Nothing, once the server is ready for us.

        Raises:
            PortalDown: it asked to be left alone for longer.
        """
        with self._lock:
            if (left := self._not_before - self._monotonic()) > 0:
                raise self._asked_for(left)

    def guard(self, attempt: Callable[[], Outcome]) -> Outcome:
        """The outcome of the attempt.

        Raises:
            PortalDown: the circuit is open; no attempt was made.
        """
        self.raise_if_waiting()
        trial = self._enter()
        try:
            outcome = attempt()
        except BaseException:
            self._end_trial(trial=trial)
            raise
        self._learn(outcome, trial=trial)
        self.note_wait(outcome)
        return outcome

    def _enter(self) -> bool:
        """Whether this call is the one that tries an open circuit."""
        with self._lock:
            if self._open_until is None:
                return False
            left = self._open_until - self._monotonic()
            if left > 0 or self._trying:
                raise self._left_alone(max(left, 0))
            self._trying = True
            return True

    def _end_trial(self, *, trial: bool) -> None:
        with self._lock:
            self._trying = self._trying and not trial

    def _learn(self, outcome: Outcome, *, trial: bool) -> None:
        self._end_trial(trial=trial)
        with self._lock:
            if not leads_nowhere(outcome):
                self._in_vain, self._since, self._open_until = 0, None, None
                return
            self._in_vain += 1
            self._since = self._since or self._clock()
            if self._open_until is not None or self._in_vain >= IN_VAIN:
                self._open_until = self._monotonic() + PAUSE

    def _asked_for(self, left: float) -> PortalDown:
        until = self._clock() + timedelta(seconds=left)
        return PortalDown(
            f"{self._server} demande d'attendre : aucun appel avant le {_moment(until)}.",
            _RESUMES,
            wait=left,
        )

    def _left_alone(self, left: float) -> PortalDown:
        now = self._clock()
        since, until = self._since or now, now + timedelta(seconds=left)
        return PortalDown(
            f"{self._server} ne répond plus depuis le {_moment(since)} : "
            f"aucun appel avant le {_moment(until)}.",
            _RESUMES,
        )


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(PARIS):%d/%m/%Y à %H:%M:%S}"
