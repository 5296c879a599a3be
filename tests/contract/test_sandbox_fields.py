"""Every field the sandbox answers exists in the official Swaggers, under that very name.

The sandbox is written apart from the client: agreeing with each other proves nothing if both are
wrong about a name. ``swagger_fields.json`` is described in ``test_swagger_fields``; the two
operations the client does not call are listed here from the same Swagger.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chorus_sandbox import SandboxOptions
from tests.support import dataset
from tests.support.sandbox_documents import CII, MEANS, changed, factur_x, lot, numbered
from tests.support.sandbox_portal import (
    ACKNOWLEDGE,
    ADD_FILE,
    COMPLETE,
    CONSULT,
    DECIDE,
    DEPOSIT,
    FILE_TYPES,
    GROUP,
    HISTORY,
    PRINTED_REPORT,
    REPORT,
    SEARCH,
    SERVICE_DETAIL,
    SERVICES,
    STRUCTURE,
    STRUCTURES,
    TO_TREAT,
    Portal,
    body_of,
    started,
)

SWAGGER: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "swagger_fields.json").read_text(encoding="utf-8")
)
DECIDED = "codeRetour libelle idFacture numeroFacture dateTraitement nouveauStatut"
PAGE = "pageCourante pages nbResultatsParPage total"
LINE = (
    "identifiantFactureCPP typeDemandePaiement codeFournisseur typeIdentifiantFournisseur"
    " designationFournisseur codeServiceFournisseur nomServiceFournisseur idDestinataire"
    " codeDestinataire designationDestinataire idServiceExecutant codeServiceExecutant"
    " nomServiceExecutant typeFacture numeroFacture dateFacture dateDepot montantHT montantTTC"
    " montantAPayer devise statut numeroMarche numeroBonCommande taille"
)
ANSWERED = {path: frozenset(operation["answered"]) for path, operation in SWAGGER.items()} | {
    DECIDE: frozenset(DECIDED.split()),
    TO_TREAT: frozenset(
        (
            "codeRetour",
            "libelle",
            "parametresRetour",
            "listeFactures",
            *(f"parametresRetour.{name}" for name in PAGE.split()),
            *(f"listeFactures.{name}" for name in LINE.split()),
        )
    ),
}
# Recorded in official samples of rechercher/services (§2.9), although the Swagger lacks them.
UNDOCUMENTED = frozenset(("listeServices.dateDbtService", "listeServices.dateFinService"))


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def paths(answer: object, prefix: str = "") -> Iterator[str]:
    """The names of an answer, those of its lists without their ranks."""
    match answer:
        case dict():
            for name, value in answer.items():
                yield prefix + name
                yield from paths(value, f"{prefix}{name}.")
        case list():
            for item in answer:
                yield from paths(item, prefix)
        case _:
            pass


def played(portal: Portal) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation once or more, on data that fills as many fields as the sandbox has."""

    def call(path: str, **body: object) -> dict[str, Any]:
        answer = portal.call(path, **body)
        said.append((path, answer))
        return answer

    said: list[tuple[str, dict[str, Any]]] = []
    flux = call(DEPOSIT, **body_of(factur_x(CII), "IN_DP_E2_CII_FACTURX"))["numeroFluxDepot"]
    mixed = lot({"a.xml": numbered("A"), "b.xml": changed(numbered("B"), {MEANS: None})})
    for number in (flux, portal.deposit(mixed), portal.deposit(b"<x/>")):
        call(REPORT, numeroFluxDepot=number)
        call(PRINTED_REPORT, numeroFluxDepot=number)
    (line,) = call(SEARCH, numeroFluxDepot=flux)["listeFactures"]
    invoice = line["identifiantFactureCPP"]
    call(TO_TREAT)
    call(DECIDE, idFacture=invoice, nouveauStatut="SUSPENDUE", motif="BL absent")
    file = call(
        ADD_FILE,
        pieceJointeFichier=base64.b64encode(b"%PDF").decode(),
        pieceJointeNom="bon.pdf",
        pieceJointeTypeMime="application/pdf",
        pieceJointeExtension="PDF",
    )["pieceJointeId"]
    element = {
        "pieceJointeComplementaireDesignation": "Bon",
        "pieceJointeComplementaireType": call(FILE_TYPES)["listeTypePieceJointe"][0][
            "codeTypePieceJointe"
        ],
        "pieceJointeComplementaireNumeroLigneFacture": 1,
        "pieceJointeComplementaireId": file,
    }
    call(COMPLETE, identifiantFactureCPP=invoice, pieceJointeComplementaire=[element])
    call(CONSULT, identifiantFactureCPP=invoice)
    call(DECIDE, idFacture=invoice, nouveauStatut="REJETEE", motif="Doublon")
    call(ACKNOWLEDGE, listeDemandePaiement=[{"idDemandePaiement": invoice}])
    call(HISTORY, idFacture=invoice, paramRechercheHistoStatuts={})
    call(GROUP, format="PDF", listeFacture=[{"idFacture": invoice}])
    structure = portal.structure_id(dataset.SERVICE_RULES)
    call(STRUCTURES)
    call(STRUCTURE, idStructureCPP=structure)
    for service in call(SERVICES, idStructure=structure)["listeServices"]:
        call(SERVICE_DETAIL, idStructure=structure, idService=service["idService"])
    yield from said


def test_every_field_answered_is_documented(portal: Portal) -> None:
    """No operation answers a name the Swagger does not know, and all of them were asked."""
    asked = set()
    for operation, answer in played(portal):
        asked.add(operation)
        assert answer["codeRetour"] == 0, operation
        unknown = set(paths(answer)) - ANSWERED[operation]
        assert unknown <= UNDOCUMENTED, operation

    assert asked == set(ANSWERED)
