"""What the outcome of a call proves, for deposits and reads alike, and the error it becomes.

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

from worker.billing.money import count
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown, WorkerError
from worker.portals.choruspro.json_fields import JsonObject, integer, read_object, text
from worker.portals.http.attempt import FAILED, HttpAnswer, NoAnswer, Outcome, leads_nowhere

_LONGEST_LABEL = 300
_IN_VAIN = "Recommencer ne servirait à rien : voyez sur le portail, et signalez ce message."


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


def failure(route: str, outcome: Outcome, judgement: Judgement, *, remedy: str = "") -> WorkerError:
    """The error of a call that did not work: PortalDown, PortalAnswerError, PortalAccessRefused.

    Args:
        route: the operation.
        outcome: how its call ended.
        judgement: what that proves.
        remedy: what to do when the operation itself says no, where more is known than here.
    """
    match judgement.verdict:
        case Verdict.UNAUTHORISED:
            return _access_refused(route, outcome)
        case Verdict.THROTTLED | Verdict.UNAVAILABLE:
            return down(outcome)
        case Verdict.NOT_SENT if isinstance(outcome, NoAnswer):
            return down(outcome)
        case Verdict.REFUSED:
            said = describe(judgement.content)
            return _refused(route, said or _status(outcome), remedy or ("" if said else _IN_VAIN))
        case Verdict.NOT_SENT | Verdict.UNKNOWN | Verdict.DONE:
            return PortalAnswerError(
                f"Réponse inexploitable de Chorus Pro à {route}"
                f"{_status(outcome)}{describe(judgement.content)}.",
                "Réessayez plus tard ; si cela dure, vérifiez api_url, puis signalez-le au "
                "support de Chorus Pro.",
            )


def succeeded(route: str, answer: JsonObject) -> JsonObject:
    """The answer itself; raises PortalAnswerError when its ``codeRetour`` is not 0 (§4.1)."""
    if integer(answer, "codeRetour") != 0:
        raise _refused(route, describe(answer))
    return answer


def answered(outcome: Outcome) -> HttpAnswer:
    """The answer that the retries ended at.

    An operation that fails (HTTP 500) to the last attempt is one: the others may work.

    Raises:
        PortalDown: no answer, a server that is away or a request to slow down, to the last attempt.
    """
    if isinstance(outcome, NoAnswer) or leads_nowhere(outcome):
        raise down(outcome)
    return outcome


def down(outcome: Outcome) -> PortalDown:
    """No answer, a server error, or a request to slow down."""
    match outcome:
        case NoAnswer(reason=reason):
            what = reason
        case HttpAnswer(status=429, retry_after=int(seconds)):
            what = f"il demande d'attendre {count(seconds, 'seconde')} (HTTP 429)"
        case HttpAnswer(status=429):
            what = "il demande de ralentir (HTTP 429)"
        case HttpAnswer(status=status):
            what = f"erreur du serveur (HTTP {status})"
    return PortalDown(
        f"Chorus Pro ne répond pas : {what}.",
        "Rien n'est perdu : réessayez plus tard. Si cela dure, consultez l'état du service "
        "sur le portail, ou vérifiez l'accès au réseau et le serveur mandataire (proxy).",
        wait=outcome.retry_after or 0,
    )


def failed(route: str) -> PortalAnswerError:
    """The error for a read that fails each time: it may be this record's fault alone."""
    return PortalAnswerError(
        f"Chorus Pro échoue à répondre à {route} (HTTP {FAILED}).",
        "Rien n'est perdu : la demande sera refaite plus tard. Si cela dure, signalez-le au "
        "support de Chorus Pro.",
    )


def incoherent(route: str, what: str) -> PortalAnswerError:
    """The error for an answer that contradicts itself: nothing may be concluded from it."""
    return PortalAnswerError(
        f"Réponse incohérente de Chorus Pro à {route} : {what}.",
        "Rien n'en est conclu : réessayez plus tard.",
    )


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


def _access_refused(route: str, outcome: Outcome) -> PortalAccessRefused:
    """The gateway turned us away, a renewed token included."""
    match outcome:
        case HttpAnswer(status=401):
            return PortalAccessRefused(
                "Chorus Pro refuse le compte technique, même avec un jeton PISTE neuf (HTTP 401).",
                "Vérifiez technical_login et technical_password. Le mot de passe est à changer "
                "tous les 424 jours par le gestionnaire principal, et un compte nouveau n'est "
                "actif qu'après une demi-heure. N'insistez pas : le compte pourrait se bloquer.",
            )
        case HttpAnswer(status=403):
            return PortalAccessRefused(
                f"Accès interdit à {route} (HTTP 403).",
                "Sur PISTE, vérifiez que l'application est abonnée aux API Factures, Structures "
                "et Transverses et que leurs CGU sont acceptées ; sur Chorus Pro, que le "
                "raccordement PISTE est déclaré.",
            )
        case _:
            return PortalAccessRefused(
                f"PISTE n'a pas trouvé de jeton dans la demande {route}{_status(outcome)}.",
                "Vérifiez que le serveur mandataire (proxy) laisse passer l'en-tête Authorization.",
            )


def _refused(route: str, said: str, remedy: str = "") -> PortalAnswerError:
    return PortalAnswerError(
        f"Chorus Pro refuse la demande {route}{said}.",
        remedy or "Vérifiez les droits du compte technique sur cette structure ou cette facture.",
    )


def _status(outcome: Outcome) -> str:
    return f" (HTTP {outcome.status})" if isinstance(outcome, HttpAnswer) else ""
