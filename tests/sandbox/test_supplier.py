"""What the supplier reads and does at the sandbox once an invoice is integrated."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chorus_sandbox import SandboxOptions
from tests.support import dataset
from tests.support.sandbox_documents import BUYER, CII, SERVICE, UBL, changed, factur_x, numbered
from tests.support.sandbox_portal import (
    ACKNOWLEDGE,
    ADD_FILE,
    COMPLETE,
    CONSULT,
    DECIDE,
    HISTORY,
    SEARCH,
    TO_TREAT,
    Portal,
    started,
)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def suspended(portal: Portal) -> int:
    """An invoice its buyer wants documents for."""
    identifier = portal.integrate(CII)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="SUSPENDUE", motif="BL absent")
    return identifier


def add_file(portal: Portal, content: bytes = b"%PDF-1.7") -> int:
    """A file put on the portal."""
    answer = portal.call(
        ADD_FILE,
        pieceJointeFichier=base64.b64encode(content).decode(),
        pieceJointeNom="BL-118.pdf",
        pieceJointeTypeMime="application/pdf",
        pieceJointeExtension="PDF",
    )
    return int(answer["pieceJointeId"])


def joined(file: int, **changes: object) -> dict[str, object]:
    """An element of pieceJointeComplementaire."""
    return {
        "pieceJointeComplementaireDesignation": "Bon de livraison",
        "pieceJointeComplementaireType": "02",
        "pieceJointeComplementaireNumeroLigneFacture": None,
        "pieceJointeComplementaireId": file,
    } | changes


def status(portal: Portal, identifier: int) -> str:
    """The current status of an invoice."""
    return str(portal.call(HISTORY, idFacture=identifier)["statutCourantCode"])


@pytest.mark.parametrize(
    "content,syntax",
    [
        (CII, "IN_DP_E1_CII_16B"),
        (UBL, "IN_DP_E1_UBL_INVOICE"),
        (factur_x(CII), "IN_DP_E2_CII_FACTURX"),
    ],
)
def test_an_invoice_reads_as_it_was_deposited(portal: Portal, content: bytes, syntax: str) -> None:
    """Parties, references, totals, VAT and lines come back from the file, in any syntax."""
    identifier = portal.integrate(content, syntax)
    facture = portal.call(CONSULT, identifiantFactureCPP=identifier)["facture"]
    assert facture["statutFacture"] == "MISE_A_DISPOSITION"
    assert facture["destinataire"]["codeDestinataire"] == "12345678200135"
    assert facture["fournisseur"]["codeFournisseur"] == dataset.SUPPLIER
    assert facture["cadreDeFacturation"] == {"codeCadreFacturation": "A1_FACTURE_FOURNISSEUR"}
    assert facture["references"]["numeroBonCommande"] == "EJ-2026-17"
    assert facture["montantTotal"] == {
        "montantHtTotal": 1000.0,
        "montantTVA": 200.0,
        "montantTtcTotal": 1200.0,
        "montantAPayer": 1200.0,
    }
    (rate,) = facture["recapitulatifDeTva"]["ligneTva"]
    assert rate == {
        "ligneTvaTauxManuel": 20.0,
        "ligneTvaMontantBaseHtParTaux": 1000.0,
        "ligneTvaMontantTvaParTaux": 200.0,
    }
    (line,) = facture["lignesDePoste"]["lignePoste"]

    assert (line["lignePosteNumero"], line["lignePosteQuantite"]) == (1, 10.0)
    assert line["lignePosteMontantHtApresRemise"] == 1000.0
    assert "pieceJointe" not in facture["listeDesPiecesJointes"]


def completed(portal: Portal, identifier: int, files: list[int]) -> dict[str, Any]:
    """The answer to a completion with a comment and two files, the second of a line."""
    return portal.call(
        COMPLETE,
        identifiantFactureCPP=identifier,
        commentaire="Bon de livraison joint",
        pieceJointeComplementaire=[
            joined(files[0]),
            joined(
                files[1],
                pieceJointeComplementaireType="99",
                pieceJointeComplementaireNumeroLigneFacture=1,
            ),
        ],
    )


def test_completing_answers_a_suspension(portal: Portal) -> None:
    """The invoice becomes completed, and its history has the comment."""
    identifier, files = suspended(portal), [add_file(portal), add_file(portal)]

    answer = completed(portal, identifier, files)

    assert answer == {
        "codeRetour": 0,
        "libelle": "GCU_MSG_01_000",
        "identifiantFactureCPP": identifier,
        "numeroFacture": "FA-2026-0001",
        "dateTraitement": "2026-01-20 10:30",
    }
    rows = portal.call(HISTORY, idFacture=identifier)["historiquesDesStatuts"]["histoStatut"]

    assert rows[0]["histoStatutCode"] == "COMPLETEE"
    assert rows[0]["histoStatutCommentaire"] == "Bon de livraison joint"


def test_what_completed_an_invoice_is_read_back(portal: Portal) -> None:
    """Comment and files are kept, and the files come in pages."""
    identifier, files = suspended(portal), [add_file(portal), add_file(portal)]
    completed(portal, identifier, files)

    paging = {"pageResultatDemandeeListePieceJointe": 2, "nbResultatsParPageListePieceJointe": 1}
    facture = portal.call(CONSULT, identifiantFactureCPP=identifier, getpListePiecesJointes=paging)[
        "facture"
    ]
    assert facture["commentaire"] == "Bon de livraison joint"
    (shown,) = facture["listeDesPiecesJointes"]["pieceJointe"]

    assert facture["listeDesPiecesJointes"]["totalListePiecesJointe"] == 2
    assert (shown["pieceJointeId"], shown["pieceJointeTypeCode"]) == (files[1], "99")
    assert shown["pieceJointeNumeroLigneFacture"] == 1


def test_only_a_suspended_invoice_is_completed(portal: Portal) -> None:
    """The two recorded refusals: no such invoice, and not suspended; twice is once too many."""
    identifier = portal.integrate(CII)
    assert portal.call(COMPLETE, identifiantFactureCPP=1) == {
        "codeRetour": 20000,
        "libelle": "GDP_MSG_11.008",
    }
    refused = {"codeRetour": 20002, "libelle": "GDP_MSG_11.033"}
    assert portal.call(COMPLETE, identifiantFactureCPP=identifier) == refused
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="SUSPENDUE", motif="BL absent")

    assert portal.call(COMPLETE, identifiantFactureCPP=identifier)["codeRetour"] == 0
    assert portal.call(COMPLETE, identifiantFactureCPP=identifier) == refused


@pytest.mark.parametrize(
    "change",
    [
        {"pieceJointeComplementaireId": 1},
        {"pieceJointeComplementaireType": "77"},
        {"pieceJointeComplementaireDesignation": "x" * 101},
    ],
)
def test_a_wrong_attachment_completes_nothing(portal: Portal, change: dict[str, object]) -> None:
    """An unknown file or type, or a long designation, leaves the invoice as it was."""
    identifier, file = suspended(portal), add_file(portal)
    elements = [joined(file), joined(file, **change)]
    answer = portal.call(
        COMPLETE, identifiantFactureCPP=identifier, pieceJointeComplementaire=elements
    )
    assert answer["codeRetour"] != 0
    assert answer["libelle"].startswith("SIMULE - ")
    facture = portal.call(CONSULT, identifiantFactureCPP=identifier)["facture"]

    assert facture["statutFacture"] == "SUSPENDUE"
    assert facture["listeDesPiecesJointes"]["totalListePiecesJointe"] == 0


@pytest.mark.parametrize(
    "missing", ["Designation", "Type", "Id"], ids=["designation", "type", "file"]
)
def test_an_attachment_has_three_mandatory_fields(portal: Portal, missing: str) -> None:
    """Without designation, type or file the body is malformed, and nothing changes."""
    identifier, file = suspended(portal), add_file(portal)
    element = joined(file, **{f"pieceJointeComplementaire{missing}": None})
    body = {"identifiantFactureCPP": identifier, "pieceJointeComplementaire": [element]}

    assert portal.post(COMPLETE, body).status_code == 400
    assert status(portal, identifier) == "SUSPENDUE"


def test_a_rejection_is_acknowledged(portal: Portal) -> None:
    """RejetTraite turns true for the supplier, and a later rejection is a new one."""
    identifier = portal.integrate(CII)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="REJETEE", motif="Doublon")
    assert portal.call(SEARCH, rejetTraite=True)["parametresRetour"]["total"] == 0
    listed = [{"idDemandePaiement": identifier}]
    assert portal.call(ACKNOWLEDGE, listeDemandePaiement=listed)["codeRetour"] == 0
    (line,) = portal.call(SEARCH, rejetTraite=True)["listeFactures"]
    assert (line["identifiantFactureCPP"], line["rejetTraite"]) == (identifier, True)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="REJETEE", motif="Encore")

    assert portal.call(SEARCH, rejetTraite=False)["parametresRetour"]["total"] == 1


def test_rejections_are_acknowledged_together_or_not_at_all(portal: Portal) -> None:
    """One invoice that is not rejected, or unknown, leaves the others untouched."""
    rejected, other = portal.integrate(CII), portal.integrate(numbered("F-2"))
    portal.call(DECIDE, idFacture=rejected, nouveauStatut="REJETEE", motif="Doublon")
    for wrong in (other, 1):
        listed = [{"idDemandePaiement": rejected}, {"idDemandePaiement": wrong}]
        assert portal.call(ACKNOWLEDGE, listeDemandePaiement=listed)["codeRetour"] != 0

    assert portal.call(SEARCH, rejetTraite=True)["parametresRetour"]["total"] == 0
    assert portal.post(ACKNOWLEDGE, {"listeDemandePaiement": []}).status_code == 400


def test_what_the_supplier_may_still_act_on(portal: Portal) -> None:
    """Suspended, waiting and rejected invoices are listed, approved ones are not."""
    identifiers = [portal.integrate(numbered(f"F-{rank}")) for rank in range(4)]
    for identifier, target in zip(
        identifiers[1:], ("SUSPENDUE", "REJETEE", "MANDATEE"), strict=True
    ):
        portal.call(DECIDE, idFacture=identifier, nouveauStatut=target, motif="Motif")

    def numbers(**criteria: object) -> list[str]:
        lines = portal.call(TO_TREAT, **criteria).get("listeFactures", [])
        return sorted(line["numeroFacture"] for line in lines)

    assert numbers() == ["F-0", "F-1", "F-2"]
    assert numbers(masquerRejetee=True) == ["F-0", "F-1"]
    assert numbers(idStructure=portal.structure_id(dataset.SUPPLIER)) == ["F-0", "F-1", "F-2"]
    assert numbers(idStructure=portal.structure_id(dataset.PUBLIC_SUPPLIER)) == []
    portal.call(ACKNOWLEDGE, listeDemandePaiement=[{"idDemandePaiement": identifiers[2]}])
    assert numbers() == ["F-0", "F-1"]
    page = {"nbResultatsParPage": 1, "pageResultatDemandee": 2, "triColonne": "NumeroFacture"}
    answer = portal.call(TO_TREAT, rechercheFactureATraiterParFournisseur=page)

    assert answer["parametresRetour"]["total"] == 2
    assert [line["numeroFacture"] for line in answer["listeFactures"]] == ["F-0"]
    assert "numeroFluxDepot" not in answer["listeFactures"][0]


def test_a_supplier_finds_its_own_invoices(portal: Portal) -> None:
    """IdFournisseur restricts the search to the invoices of that structure."""
    portal.integrate(changed(CII, {BUYER: dataset.NO_PARAMETER, SERVICE: None}))
    for siret, total in ((dataset.SUPPLIER, 1), (dataset.PUBLIC_SUPPLIER, 0)):
        answer = portal.call(SEARCH, idFournisseur=portal.structure_id(siret))
        assert answer["parametresRetour"]["total"] == total


@pytest.mark.parametrize("path", [CONSULT, COMPLETE])
def test_an_invoice_is_named_by_its_identifier(portal: Portal, path: str) -> None:
    """A missing identifier is malformed, an unknown one a business refusal."""
    assert portal.post(path, {}).status_code == 400
    assert portal.call(path, identifiantFactureCPP=12)["codeRetour"] == 20000
