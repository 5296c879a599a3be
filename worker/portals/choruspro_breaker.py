"""Leaves a server alone for a while after it led nowhere too often, or asked for a long wait.

For reads (and for tokens): each of them is repeated, and a campaign makes hundreds, so that a
portal that is down would be knocked at for hours. Deposits are not repeated and keep their own
rule (deposit.BREAKER).

A plain 500 does not count: it is an operation that failed, on one record perhaps, and must not
close the others. A portal that is down does not answer, or 502, 503, 504.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from worker.errors import PortalDown
from worker.portals.choruspro_http import HttpAnswer
from worker.portals.choruspro_json import PARIS
from worker.portals.choruspro_patience import ATTEMPTS, DEADLINE, asked_to_wait
from worker.portals.choruspro_verdict import Outcome, may_pass

IN_VAIN = 2 * ATTEMPTS
"""Answers in a row that open the circuit: two reads, each repeated to the end."""
PAUSE = 60.0
"""Seconds without a call, unless the server asked for more."""


class Breaker:
    """Guards the calls to one server. Safe between threads.

    Closed, calls go through. Open, they fail at once. After the pause one call is let through:
    its answer closes the circuit, or opens it for another pause.
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
        self._trying = False

    def guard(self, attempt: Callable[[], Outcome]) -> Outcome:
        """The outcome of the attempt.

        Raises:
            PortalDown: the circuit is open; no attempt was made.
        """
        trial = self._enter()
        try:
            outcome = attempt()
        except BaseException:
            self._end_trial(trial=trial)
            raise
        self._learn(outcome, trial=trial)
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
            if not _leads_nowhere(outcome):
                self._in_vain, self._since, self._open_until = 0, None, None
                return
            self._in_vain += 1
            self._since = self._since or self._clock()
            asked = asked_to_wait(outcome) or 0
            if self._open_until is not None or self._in_vain >= IN_VAIN or asked > DEADLINE:
                self._open_until = self._monotonic() + max(PAUSE, asked)

    def _left_alone(self, left: float) -> PortalDown:
        now = self._clock()
        since, until = self._since or now, now + timedelta(seconds=left)
        return PortalDown(
            f"{self._server} ne répond plus depuis le {_moment(since)} : "
            f"aucun appel avant le {_moment(until)}.",
            "Rien n'est perdu : relancez la commande après cette heure, elle reprendra où elle en "
            "est.",
        )


def _leads_nowhere(outcome: Outcome) -> bool:
    failed = isinstance(outcome, HttpAnswer) and outcome.status == 500
    return may_pass(outcome) and not failed


def _moment(instant: datetime) -> str:
    return f"{instant.astimezone(PARIS):%d/%m/%Y à %H:%M:%S}"
