"""The deposit of a flux (reference §2.1), and what the verdict on its call means for it.

Accepted takes both: an operation that worked, and the flux number that is the only proof of it.
Everything else is as ``verdict`` says; a doubt of any kind is UNKNOWN, and the invoice is
looked for on the portal before it may be sent again.
"""

import base64
import re
from collections.abc import Mapping
from math import ceil

import structlog

from worker.billing.standard import DepositSyntax
from worker.errors import PortalAccessRefused, PortalError
from worker.portals import DepositAnswer, DepositOutcome
from worker.portals.choruspro.gateway import Gateway
from worker.portals.choruspro.json_fields import day, text
from worker.portals.choruspro.verdict import Judgement, Verdict, describe, judged
from worker.portals.http.attempt import HttpAnswer, NoAnswer, Outcome

SYNTAXES: Mapping[DepositSyntax, str] = {
    DepositSyntax.FACTURX: "IN_DP_E2_CII_FACTURX",
    DepositSyntax.CII: "IN_DP_E1_CII_16B",
    DepositSyntax.UBL: "IN_DP_E1_UBL_INVOICE",
}
"""``syntaxeFlux`` of what may be deposited (§3.1). Several other codes in circulation are made
up; these three were seen at work."""
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,96}\.[A-Za-z0-9]{1,4}")
_LONGEST_RAW = 4000

_DEPOSIT = "/cpro/factures/v1/deposer/flux"
_WILL_LOOK = " Le fichier sera recherché sur le portail avant tout nouvel envoi."
_ACCESS = {
    400: "PISTE n'a pas trouvé de jeton dans la demande",
    401: "Chorus Pro refuse le compte technique : vérifiez technical_login et technical_password",
    403: "Accès interdit : vérifiez l'abonnement PISTE, les CGU et le raccordement Chorus Pro",
}


_log = structlog.get_logger(__name__)


def deposit(
    gateway: Gateway, *, file_name: str, syntax: DepositSyntax, content: bytes
) -> DepositAnswer:
    """Hand a file over, once; a 401 alone is followed by one more call, with a new token."""
    if refusal := unfit(file_name):
        return refusal
    fields: dict[str, object] = {
        "fichierFlux": base64.b64encode(content).decode(),
        "nomFichier": file_name,
        "syntaxeFlux": SYNTAXES[syntax],
        "avecSignature": False,
    }
    try:
        answer = judge(gateway.once(_DEPOSIT, fields))
    except PortalAccessRefused as error:
        detail = f"{error.message} {error.remedy}"
        answer = DepositAnswer(outcome=DepositOutcome.UNAUTHORISED, detail=detail)
    except PortalError as error:
        detail = f"Rien n'a été envoyé. {error.message}"
        wait = ceil(error.wait) or None
        answer = DepositAnswer(outcome=DepositOutcome.NOT_SENT, detail=detail, retry_after=wait)
    _log.info("portal.deposit", outcome=answer.outcome, flux=answer.flux_number)
    return answer


def unfit(file_name: str) -> DepositAnswer | None:
    """The refusal of a file that the portal would certainly refuse; None when it may be sent."""
    if _FILE_NAME.fullmatch(file_name):
        return None
    return DepositAnswer(
        outcome=DepositOutcome.REFUSED,
        detail="Rien n'a été envoyé : le nom du fichier sort de A-Z a-z 0-9 . _ - ou n'a pas "
        "d'extension.",
    )


def judge(outcome: Outcome) -> DepositAnswer:
    """What one attempt to deposit came to."""
    match outcome:
        case NoAnswer(sent=False, reason=reason):
            return DepositAnswer(
                outcome=DepositOutcome.NOT_SENT, detail=f"Rien n'a été envoyé : {reason}."
            )
        case NoAnswer(reason=reason):
            return DepositAnswer(
                outcome=DepositOutcome.UNKNOWN,
                detail=f"Le fichier est parti, sans réponse sûre : {reason}.{_WILL_LOOK}",
            )
        case HttpAnswer():
            return _judge_answer(outcome)


def _judge_answer(answer: HttpAnswer) -> DepositAnswer:
    judgement = judged(answer)
    outcome, detail = _meaning(answer, judgement)
    accepted = outcome is DepositOutcome.ACCEPTED
    return DepositAnswer(
        outcome=outcome,
        detail=detail,
        reason=text(judgement.content or {}, "codeRetour") or f"HTTP {answer.status}",
        flux_number=judgement.flux_number,
        deposit_date=day(judgement.content or {}, "dateDepot") if accepted else None,
        http_status=answer.status,
        raw=_as_text(answer.body),
        retry_after=answer.retry_after,
    )


def _as_text(body: bytes) -> str:
    """An answer as evidence that every database can keep: none takes what is no character."""
    written = body[: 4 * _LONGEST_RAW].decode("utf-8", "replace")[:_LONGEST_RAW]
    return written.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _meaning(answer: HttpAnswer, judgement: Judgement) -> tuple[DepositOutcome, str]:
    label, number = describe(judgement.content), judgement.flux_number
    said = f"HTTP {answer.status}{label}"
    match judgement.verdict:
        case Verdict.DONE if number:
            outcome, detail = (
                DepositOutcome.ACCEPTED,
                f"Chorus Pro a reçu le fichier : flux {number}.",
            )
        case Verdict.DONE | Verdict.UNAVAILABLE | Verdict.UNKNOWN:
            named = f", avec le flux {number}" if number else ""
            outcome = DepositOutcome.UNKNOWN
            detail = f"Réponse inexploitable ({said}){named}.{_WILL_LOOK}"
        case Verdict.REFUSED:
            by_http = "" if 200 <= answer.status < 300 else f" (HTTP {answer.status})"
            outcome = DepositOutcome.REFUSED
            detail = (
                f"Le fichier est refusé{by_http} sans réponse de Chorus Pro, peut-être par un "
                "serveur intermédiaire (proxy)."
                if judgement.content is None
                else f"Chorus Pro refuse le fichier{by_http}{label}."
            )
        case Verdict.THROTTLED:
            outcome, detail = DepositOutcome.THROTTLED, f"PISTE demande de ralentir ({said})."
        case Verdict.NOT_SENT:
            reason = "Le dépôt n'existe pas à cette adresse : vérifiez api_url"
            outcome, detail = DepositOutcome.NOT_SENT, f"{reason} ({said})."
        case Verdict.UNAUTHORISED:
            outcome, detail = DepositOutcome.UNAUTHORISED, f"{_ACCESS[answer.status]} ({said})."
    return outcome, detail
