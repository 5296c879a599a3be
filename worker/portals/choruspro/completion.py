"""What we answer to a buyer: files for a suspended invoice, a rejection seen (reference §2.7).

None of these calls is repeated. Files are handed over first, one call each, and do nothing by
themselves; ``completer`` then names them and sends the invoice back. When its answer is lost, the
status of the invoice tells what it did.
"""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from worker.errors import PortalDown, PortalError
from worker.portals import SupportingFile
from worker.portals.choruspro.consultation import held
from worker.portals.choruspro.gateway import Gateway
from worker.portals.choruspro.json_fields import JsonObject, integer, readable, text
from worker.portals.choruspro.verdict import Verdict, failure, incoherent, judged

_TYPES = "/cpro/transverses/v1/recuperer/typespj"
_ADD = "/cpro/transverses/v1/ajouter/fichier"
_COMPLETE = "/cpro/factures/v1/completer"
_ACKNOWLEDGE = "/cpro/factures/v1/traiterRejet"
_COMPLETED = "COMPLETEE"
_PREFERRED = ("justificat", "complément", "autre")
"""What a file that a buyer asks for is, in the labels of the portal, best first."""


def complete(
    gateway: Gateway, cpp_id: int, *, comment: str, files: Sequence[SupportingFile]
) -> None:
    """Give a suspended invoice what its buyer asked for.

    Raises:
        PortalAnswerError: the portal refuses: it is not suspended any more, for instance.
        PortalDown: the invoice was not completed, or this is not certain yet.
    """
    kind = _type_code(gateway) if files else ""
    attached = [
        {
            "pieceJointeComplementaireDesignation": file.name,
            "pieceJointeComplementaireType": kind,
            "pieceJointeComplementaireId": _added(gateway, file),
        }
        for file in files
    ]
    fields = {
        "identifiantFactureCPP": cpp_id,
        "commentaire": comment,
        "pieceJointeComplementaire": attached,
    }
    outcome = gateway.once(_COMPLETE, fields)
    judgement = judged(outcome)
    match judgement.verdict:
        case Verdict.DONE:
            return
        case Verdict.UNAVAILABLE | Verdict.UNKNOWN:
            _make_sure(gateway, cpp_id)
        case Verdict.REFUSED | Verdict.NOT_SENT | Verdict.THROTTLED | Verdict.UNAUTHORISED:
            remedy = (
                f"La facture {cpp_id} de Chorus Pro n'est peut-être plus suspendue : "
                "lisez son état avec « show »."
            )
            raise failure(_COMPLETE, outcome, judgement, remedy=remedy)


def acknowledge_rejection(gateway: Gateway, cpp_id: int) -> None:
    """Tell the portal that a rejection was seen; its search then says so (``rejetTraite``)."""
    fields = {"listeDemandePaiement": [{"idDemandePaiement": cpp_id}]}
    remedy = f"La facture {cpp_id} de Chorus Pro n'est peut-être pas, ou plus, rejetée."
    _done(gateway, _ACKNOWLEDGE, fields, remedy=remedy)


def _type_code(gateway: Gateway) -> str:
    """The code of the most fitting type of file (§2.10): codes differ between environments."""
    answer = gateway.read(_TYPES, {"codeLangue": "fr", "typeObjet": "FACTURE"})
    rows = [row for row in readable(answer, "listeTypePieceJointe") if _code(row)]
    if not rows:
        raise incoherent(_TYPES, "aucun type de pièce jointe")
    return _code(min(rows, key=_distance))


def _code(row: JsonObject) -> str:
    return text(row, "codeTypePieceJointe")


def _distance(row: JsonObject) -> int:
    label = text(row, "libelleTypePieceJointe").casefold()
    ranks = (rank for rank, word in enumerate(_PREFERRED) if word in label)
    return next(ranks, len(_PREFERRED))


def _added(gateway: Gateway, file: SupportingFile) -> int:
    """The portal's identifier of a file handed over (§2.8, attachments)."""
    answer = _done(
        gateway,
        _ADD,
        {
            "pieceJointeFichier": base64.b64encode(file.content).decode(),
            "pieceJointeNom": file.name,
            "pieceJointeTypeMime": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
            "pieceJointeExtension": PurePath(file.name).suffix[1:].upper(),
        },
        remedy=f"Chorus Pro n'a pas pris « {file.name} » : donnez-le dans un autre format.",
    )
    identifier = integer(answer, "pieceJointeId")
    if identifier is None:
        raise incoherent(_ADD, f"pas d'identifiant pour « {file.name} »")
    return identifier


def _done(gateway: Gateway, route: str, fields: Mapping[str, object], *, remedy: str) -> JsonObject:
    """The answer of a call that worked at once."""
    outcome = gateway.once(route, fields)
    judgement = judged(outcome)
    if judgement.verdict is not Verdict.DONE or judgement.content is None:
        raise failure(route, outcome, judgement, remedy=remedy)
    return judgement.content


def _make_sure(gateway: Gateway, cpp_id: int) -> None:
    """After a lost answer: completed means that it worked."""
    try:
        word = held(gateway, cpp_id).raw_status
    except PortalError as error:
        raise PortalDown(
            f"Chorus Pro n'a pas confirmé que la facture {cpp_id} est complétée. {error.message}",
            "Regardez son état plus tard avant de recommencer : la demande a pu aboutir.",
        ) from error
    if word != _COMPLETED:
        raise PortalDown(
            f"Chorus Pro n'a pas confirmé que la facture {cpp_id} est complétée : "
            f"elle est à l'état {word or 'inconnu'}.",
            "Si elle est encore SUSPENDUE dans quelques minutes, recommencez.",
        )
