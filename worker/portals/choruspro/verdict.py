"""What the outcome of a call proves: the one place that decides, for deposits and reads alike.

Nothing identifies a deposit but its answer, and a second deposit of the same file is a second
flux (reference §0.4, 7). So each way a call may end is sorted by what it proves:

================================================  ============  ==============================
What happened                                     Verdict       Why
================================================  ============  ==============================
connection never established                      NOT_SENT      no byte left
404, 405                                          NOT_SENT      no such operation: address
401, 403; 400 "no token found"                    UNAUTHORISED  the gateway turns away before
                                                                the operation (§1.5)
429                                               THROTTLED     the gateway, before it
400, 413, 415                                     REFUSED       "malformed", "too big", "not
                                                                supported": the body was judged
                                                                and not taken; the same bytes
                                                                would fail again
2xx, ``codeRetour`` ≠ 0                           REFUSED       the operation said no (§4.1)
2xx, ``codeRetour`` 0                             DONE          the operation worked
5xx; no whole answer once a byte left             UNAVAILABLE   proves nothing; may pass
``codeRetour`` 0 or a flux number in any other    UNKNOWN       contradiction: something may
answer                                                          have been done
3xx, other 4xx, 2xx without a readable            UNKNOWN       proves nothing
``codeRetour``
================================================  ============  ==============================

A read is asked again when its trouble may pass (no answer, 429, 5xx). What must not be repeated
never is: there, UNAVAILABLE and UNKNOWN are the same doubt.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from worker.portals.choruspro.answers import JsonObject, integer, read_object, text
from worker.portals.http.attempt import HttpAnswer, NoAnswer
from worker.portals.http.outcome import Outcome

_LONGEST_LABEL = 300


class Verdict(StrEnum):
    """What one call proves."""

    DONE = "done"
    NOT_SENT = "not_sent"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


_BY_STATUS: Mapping[int, Verdict] = {
    400: Verdict.REFUSED,
    401: Verdict.UNAUTHORISED,
    403: Verdict.UNAUTHORISED,
    404: Verdict.NOT_SENT,
    405: Verdict.NOT_SENT,
    413: Verdict.REFUSED,
    415: Verdict.REFUSED,
    429: Verdict.THROTTLED,
}


class Judgement(NamedTuple):
    """A verdict, and what the answer says when it is a JSON object."""

    verdict: Verdict
    content: JsonObject | None = None

    @property
    def flux_number(self) -> str:
        """``numeroFluxDepot``; empty without one."""
        return "" if self.content is None else text(self.content, "numeroFluxDepot")


def judged(outcome: Outcome) -> Judgement:
    """What a call came to, by the table of this module."""
    match outcome:
        case NoAnswer(sent=False):
            return Judgement(Verdict.NOT_SENT)
        case NoAnswer():
            return Judgement(Verdict.UNAVAILABLE)
        case HttpAnswer(body=body):
            said = Judgement(_by_status(outcome), read_object(body))
            return said._replace(verdict=_with_content(said))


def refuses_token(outcome: Outcome) -> bool:
    """Whether this is a plain 401: one that shows a trace of success is doubt, not a refusal."""
    match outcome:
        case HttpAnswer(status=401):
            return judged(outcome).verdict is Verdict.UNAUTHORISED
        case _:
            return False


def describe(content: JsonObject | None) -> str:
    """``libelle`` and ``codeRetour``, to go after another text; empty when there is neither.

    The number alone means nothing: it differs from one service to the next (§4.1).
    """
    if content is None:
        return ""
    label, code = text(content, "libelle")[:_LONGEST_LABEL], text(content, "codeRetour")
    if not label:
        return f" : code {code}" if code else ""
    return f" : {label} (code {code})" if code else f" : {label}"


def _by_status(answer: HttpAnswer) -> Verdict:
    if answer.status == 400 and "WWW-Authenticate" in answer.headers:
        return Verdict.UNAUTHORISED
    if 200 <= answer.status < 300:
        return Verdict.DONE
    return _BY_STATUS.get(
        answer.status, Verdict.UNAVAILABLE if answer.status >= 500 else Verdict.UNKNOWN
    )


def _with_content(said: Judgement) -> Verdict:
    code = None if said.content is None else integer(said.content, "codeRetour")
    if said.verdict is not Verdict.DONE:
        return Verdict.UNKNOWN if code == 0 or said.flux_number else said.verdict
    if code is None or (code != 0 and said.flux_number):
        return Verdict.UNKNOWN
    return Verdict.DONE if code == 0 else Verdict.REFUSED
