"""What the answer to a deposit proves: the one place that decides.

Nothing identifies a deposit but its answer, and a second deposit of the same file is a second
flux (reference §0.4, 7). So each way a call may end is sorted by what it proves:

===================================================  ==============  ==========================
What happened                                        Outcome         Why
===================================================  ==============  ==========================
connection never established                         NOT_SENT        no byte left
401, 403; 400 "no token found"                       UNAUTHORISED    the gateway turns away
                                                                     before the operation (§1.5)
404, 405                                             NOT_SENT        no such operation: address
429                                                  THROTTLED       the gateway, before it
400, 413, 415                                        REFUSED         "malformed", "too big", "not
                                                                     supported": the body was
                                                                     judged and not taken; the
                                                                     same bytes would fail again
2xx, ``codeRetour`` ≠ 0                              REFUSED         the operation said no (§4.1)
2xx, ``codeRetour`` 0 and a flux number              ACCEPTED        the only proof of a deposit
a flux number in any other answer                    UNKNOWN         something was recorded
everything else: no answer, 3xx, other 4xx, 5xx,     UNKNOWN         proves nothing: look for the
unreadable body, 2xx without number                                  invoice before any resend
===================================================  ==============  ==========================
"""

import re
from collections.abc import Mapping

from worker.document import DocumentKind
from worker.portals import DepositAnswer, DepositOutcome
from worker.portals.choruspro_http import HttpAnswer, NoAnswer
from worker.portals.choruspro_json import JsonObject, day, integer, read_object, text
from worker.portals.choruspro_words import SYNTAXES

LARGEST_FILE = 20 * 1024 * 1024
"""Bytes. The portal takes 30 MB, and does not say whether before or after base64 (§5)."""
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,96}\.[A-Za-z0-9]{1,4}")
_LONGEST_RAW = 4000
_LONGEST_LABEL = 300

_WILL_LOOK = " Le fichier sera recherché sur le portail avant tout nouvel envoi."
_WRONG_ADDRESS = (
    DepositOutcome.NOT_SENT,
    "Le dépôt n'existe pas à cette adresse : vérifiez api_url",
)
_NOT_TAKEN = (DepositOutcome.REFUSED, "Chorus Pro n'a pas pris le fichier")
_PROOFS: Mapping[int, tuple[DepositOutcome, str]] = {
    400: _NOT_TAKEN,
    401: (
        DepositOutcome.UNAUTHORISED,
        "Chorus Pro refuse le compte technique : vérifiez technical_login et technical_password",
    ),
    403: (
        DepositOutcome.UNAUTHORISED,
        "Accès interdit : vérifiez l'abonnement PISTE, les CGU et le raccordement Chorus Pro",
    ),
    404: _WRONG_ADDRESS,
    405: _WRONG_ADDRESS,
    413: _NOT_TAKEN,
    415: _NOT_TAKEN,
    429: (DepositOutcome.THROTTLED, "PISTE demande de ralentir"),
}
"""The statuses that prove that nothing was recorded."""


def unfit(file_name: str, kind: DocumentKind, content: bytes) -> DepositAnswer | None:
    """The refusal of a file that the portal would certainly refuse; None when it may be sent."""
    if kind not in SYNTAXES:
        reason = f"un document « {kind} » ne se dépose pas"
    elif not _FILE_NAME.fullmatch(file_name):
        reason = "le nom du fichier sort de A-Z a-z 0-9 . _ - ou n'a pas d'extension"
    elif not content:
        reason = "le fichier est vide"
    elif len(content) > LARGEST_FILE:
        reason = f"le fichier dépasse {LARGEST_FILE // 1024**2} Mo"
    else:
        return None
    return DepositAnswer(outcome=DepositOutcome.REFUSED, detail=f"Rien n'a été envoyé : {reason}.")


def not_sent(detail: str) -> DepositAnswer:
    """No request was made, or none of its bytes left."""
    return DepositAnswer(outcome=DepositOutcome.NOT_SENT, detail=detail)


def unauthorised(detail: str) -> DepositAnswer:
    """The credentials were refused before any request was made."""
    return DepositAnswer(outcome=DepositOutcome.UNAUTHORISED, detail=detail)


def judge(outcome: HttpAnswer | NoAnswer) -> DepositAnswer:
    """What one attempt to deposit came to."""
    match outcome:
        case NoAnswer(sent=False, reason=reason):
            return not_sent(f"Rien n'a été envoyé : {reason}.")
        case NoAnswer(reason=reason):
            return DepositAnswer(
                outcome=DepositOutcome.UNKNOWN,
                detail=f"Le fichier est parti, sans réponse sûre : {reason}.{_WILL_LOOK}",
            )
        case HttpAnswer():
            return _judge_answer(outcome)


def _judge_answer(answer: HttpAnswer) -> DepositAnswer:
    content = read_object(answer.body)
    number = "" if content is None else text(content, "numeroFluxDepot")
    verdict, detail = _verdict(answer, content, number)
    accepted = verdict is DepositOutcome.ACCEPTED
    return DepositAnswer(
        outcome=verdict,
        detail=detail,
        flux_number=number,
        deposit_date=day(content, "dateDepot") if accepted and content is not None else None,
        http_status=answer.status,
        raw=answer.body[: 4 * _LONGEST_RAW].decode("utf-8", "replace")[:_LONGEST_RAW],
        retry_after=answer.retry_after,
    )


def _verdict(
    answer: HttpAnswer, content: JsonObject | None, number: str
) -> tuple[DepositOutcome, str]:
    code = None if content is None else integer(content, "codeRetour")
    said = f"HTTP {answer.status}{describe(content)}"
    answered = 200 <= answer.status < 300 and code is not None
    if number and answered and code == 0:
        return DepositOutcome.ACCEPTED, f"Chorus Pro a reçu le fichier : flux {number}."
    if number:
        return (
            DepositOutcome.UNKNOWN,
            f"Réponse contradictoire ({said}), avec le flux {number}.{_WILL_LOOK}",
        )
    if answered and code != 0:
        return DepositOutcome.REFUSED, f"Chorus Pro refuse le fichier{describe(content)}."
    if answer.status == 400 and "WWW-Authenticate" in answer.headers:
        return DepositOutcome.UNAUTHORISED, "PISTE n'a pas trouvé de jeton dans la demande."
    if answer.status in _PROOFS:
        outcome, reason = _PROOFS[answer.status]
        return outcome, f"{reason} ({said})."
    return DepositOutcome.UNKNOWN, f"Réponse inexploitable ({said}).{_WILL_LOOK}"


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
