"""The errors that the outcome of a call becomes for the caller, with what to do (§1.5, §4.1)."""

from worker.billing.money import count
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown, WorkerError
from worker.portals.choruspro.answers import JsonObject, integer
from worker.portals.choruspro.verdict import (
    Judgement,
    Verdict,
    describe,
)
from worker.portals.http.attempt import HttpAnswer, NoAnswer
from worker.portals.http.outcome import FAILED, Outcome, leads_nowhere

_IN_VAIN = "Recommencer ne servirait à rien : voyez sur le portail, et signalez ce message."


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
        wait=(outcome.retry_after or 0) if isinstance(outcome, HttpAnswer) else 0,
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
