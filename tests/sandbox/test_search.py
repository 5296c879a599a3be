"""Searching the sandbox, reading histories, and playing the buyer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chorus_sandbox import SandboxOptions
from tests.support import dataset
from tests.support.sandbox_documents import BUYER, CII, SELLER, SERVICE, changed, numbered
from tests.support.sandbox_portal import DECIDE, HISTORY, SEARCH, Portal, started


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


LINE = {
    "typeDemandePaiement": "FACTURE",
    "codeFournisseur": "33254021516357",
    "typeIdentifiantFournisseur": "SIRET",
    "designationFournisseur": "FOURNISSEUR DU MATELAS",
    "codeDestinataire": "12345678200135",
    "designationDestinataire": "COMMUNE AUX SERVICES DIVERS",
    "codeServiceExecutant": "LIBRE",
    "nomServiceExecutant": "Service sans contrainte",
    "typeFacture": "FACTURE",
    "numeroFacture": "FA-2026-0001",
    "dateFacture": "2026-01-15",
    "dateDepot": "2026-01-20",
    "montantHT": 1000.0,
    "montantTTC": 1200.0,
    "montantAPayer": 1200.0,
    "devise": "EUR",
    "statut": "MISE_A_DISPOSITION",
    "numeroMarche": "MARCHE-9",
    "numeroBonCommande": "EJ-2026-17",
    "numeroFactureOrigine": "FA-2025-0042",
    "modeDepot": "UPLOAD_API",
    "dateHeureEtatCourant": "2026-01-20T10:30:00.000+01:00",
    "rejetTraite": False,
}
"""What a search says of the deposited invoice, beside its numbers of the portal."""


def test_a_line_says_what_the_invoice_says(portal: Portal) -> None:
    """Every field of a line comes from the file, the directory or the deposit."""
    number = portal.deposit(CII)
    (line,) = portal.call(SEARCH, numeroFluxDepot=number)["listeFactures"]

    assert line.pop("identifiantFactureCPP") > 8_000_000
    assert line.pop("idDestinataire") == portal.structure_id(dataset.SERVICE_RULES)
    assert isinstance(line.pop("idServiceExecutant"), int)
    assert line == LINE | {"numeroFluxDepot": number}


def test_pages_hold_ten_newest_first(portal: Portal) -> None:
    """Without paging, the ten newest of at most 200; with it, every invoice once."""
    for rank in range(12):
        portal.deposit(numbered(f"FA-{rank:02d}"))
        portal.clock += timedelta(days=rank % 2)
        portal.enter()
    answer = portal.call(SEARCH)
    assert answer["parametresRetour"] == {
        "pageCourante": 1,
        "pages": 2,
        "nbResultatsParPage": 10,
        "total": 12,
    }
    days = [line["dateDepot"] for line in answer["listeFactures"]]
    assert days == sorted(days, reverse=True)
    seen = []
    for page in (1, 2, 3, 4):
        block = {"pageResultatDemandee": page, "nbResultatsParPage": 5, "triSens": "Ascendant"}
        lines = portal.call(SEARCH, rechercheFactureParFournisseur=block)
        seen += [line["numeroFacture"] for line in lines.get("listeFactures", [])]

    assert seen == [f"FA-{rank:02d}" for rank in range(12)]


def test_the_maximum_bounds_the_total(portal: Portal) -> None:
    """Beyond nbResultatsMaximum nothing is counted nor listed."""
    for rank in range(5):
        portal.deposit(numbered(f"FA-{rank}"))
    block = {"nbResultatsMaximum": 3, "nbResultatsParPage": 2, "pageResultatDemandee": 2}
    answer = portal.call(SEARCH, rechercheFactureParFournisseur=block)

    assert answer["parametresRetour"]["total"] == 3
    assert answer["parametresRetour"]["pages"] == 2
    assert [line["numeroFacture"] for line in answer["listeFactures"]] == ["FA-2"]


@pytest.mark.parametrize(
    "criterion,found",
    [
        ({"numeroFacture": "FA-2026-0001"}, True),
        ({"numeroFacture": "FA-2026-0009"}, False),
        ({"periodeDateDepotDu": "2026-01-20", "periodeDateDepotAu": "2026-01-20"}, True),
        ({"periodeDateDepotDu": "2026-01-21"}, False),
        ({"periodeDateHeureEtatCourantDu": "2026-01-20T10:30:00+01:00"}, True),
        ({"periodeDateHeureEtatCourantDu": "2026-01-20T10:30:00.001+01:00"}, False),
        ({"periodeDateHeureEtatCourantAu": "2026-01-20"}, True),
        ({"periodeDateHeureEtatCourantAu": "2026-01-19"}, False),
        ({"statutCourant": ["REJETEE", "MISE_A_DISPOSITION"]}, True),
        ({"statutCourant": ["DEPOSEE"]}, False),
        ({"typeFacture": "AVOIR"}, False),
        ({"numeroBonCommande": "EJ-2026-17", "idUtilisateurCourant": 0}, True),
        ({"numeroMarche": None}, True),
        ({"listeDestinataire": [{"idDestinataire": 1}]}, False),
    ],
)
def test_criteria(portal: Portal, criterion: dict[str, object], found: bool) -> None:  # noqa: FBT001 - a table
    """Each criterion restricts the search, a null one does not."""
    portal.deposit(CII)
    answer = portal.call(SEARCH, **criterion)

    assert ("listeFactures" in answer) is found
    assert answer["parametresRetour"]["total"] == int(found)


def test_search_by_recipient(portal: Portal) -> None:
    """The idStructureCPP of a recipient finds its invoices and no other."""
    portal.deposit(CII)
    portal.deposit(numbered("FA-2", {BUYER: dataset.NO_PARAMETER, SERVICE: None}))
    wanted = [{"idDestinataire": portal.structure_id(dataset.NO_PARAMETER)}]
    (line,) = portal.call(SEARCH, listeDestinataire=wanted)["listeFactures"]

    assert line["numeroFacture"] == "FA-2"


def test_what_is_not_simulated_is_refused(portal: Portal) -> None:
    """A criterion or an order the sandbox does not know is refused, never ignored."""
    answers = [
        portal.call(SEARCH, montantTTCMin=3),
        portal.call(SEARCH, rechercheFactureParFournisseur={"triColonne": "MontantHT"}),
    ]

    assert all(answer["libelle"].startswith("SIMULE - ") for answer in answers)
    assert all(answer["codeRetour"] != 0 for answer in answers)


@pytest.mark.parametrize(
    "body",
    [{"periodeDateDepotDu": "hier"}, {"statutCourant": "REJETEE"}, {"listeDestinataire": [1]}],
)
def test_a_criterion_of_the_wrong_type_is_malformed(
    portal: Portal, body: dict[str, object]
) -> None:
    """A date that is none or a list that is none is a 400."""
    assert portal.post(SEARCH, body).status_code == 400


def test_a_refused_flux_has_no_invoice(portal: Portal) -> None:
    """An invoice refused at integration shows in the report only."""
    number = portal.deposit(changed(CII, {SELLER: "99999999900000"}))

    assert portal.call(SEARCH, numeroFluxDepot=number)["parametresRetour"]["total"] == 0


def test_the_first_history(portal: Portal) -> None:
    """Integration leaves two rows, most recent first, in the recorded shape."""
    identifier = portal.integrate(CII)
    answer = portal.call(HISTORY, idFacture=identifier)
    rows = answer.pop("historiquesDesStatuts")["histoStatut"]

    assert answer == {
        "codeRetour": 0,
        "libelle": "GCU_MSG_01_000",
        "idFacture": identifier,
        "numeroFacture": "FA-2026-0001",
        "modeDepot": "UPLOAD_API",
        "statutCourantCode": "MISE_A_DISPOSITION",
    }
    assert [row["histoStatutCode"] for row in rows] == ["MISE_A_DISPOSITION", "DEPOSEE"]
    assert rows[0]["histoStatutId"] > rows[1]["histoStatutId"]
    assert {row["histoStatutDatePassage"] for row in rows} == {"2026-01-20 10:30"}
    assert all(len(row) == 3 for row in rows)


def test_the_buyer_decides_in_any_order(portal: Portal) -> None:
    """Each decision becomes the current status and a row, backwards too."""
    identifier = portal.integrate(CII)
    targets = ["MISE_EN_PAIEMENT", "MANDATEE", "COMPTABILISEE", "MISE_A_DISPOSITION_COMPTABLE"]
    for target in targets:
        portal.clock += timedelta(minutes=1)
        answer = portal.call(DECIDE, idFacture=identifier, nouveauStatut=target)
        assert answer["nouveauStatut"] == target
        assert answer["dateTraitement"] == "2026-01-20"
    history = portal.call(HISTORY, idFacture=identifier)
    rows = history["historiquesDesStatuts"]["histoStatut"]
    assert [row["histoStatutCode"] for row in rows[:4]] == targets[::-1]
    assert history["statutCourantCode"] == targets[-1]
    since = "2026-01-20T10:34:00+01:00"

    assert portal.call(SEARCH, periodeDateHeureEtatCourantDu=since)["listeFactures"]


@pytest.mark.parametrize("target", ["REJETEE", "SUSPENDUE"])
def test_a_refusal_gives_its_reason(portal: Portal, target: str) -> None:
    """Rejecting and suspending need a reason, which the supplier then reads."""
    identifier = portal.integrate(CII)
    for reason in (None, "  "):
        answer = portal.call(DECIDE, idFacture=identifier, nouveauStatut=target, motif=reason)
        assert answer["codeRetour"] != 0
    portal.call(DECIDE, idFacture=identifier, nouveauStatut=target, motif="Pièce absente")
    (line,) = portal.call(SEARCH, numeroFacture="FA-2026-0001")["listeFactures"]
    assert (line["statut"], line["commentaireEtatCourant"]) == (target, "Pièce absente")
    rows = portal.call(HISTORY, idFacture=identifier)["historiquesDesStatuts"]["histoStatut"]

    assert rows[0]["histoStatutCommentaire"] == "Pièce absente"
    assert len(rows) == 3


@pytest.mark.parametrize("target", ["DEPOSEE", "COMPLETEE", "SERVICE_FAIT", "PAYEE"])
def test_the_buyer_has_eight_targets(portal: Portal, target: str) -> None:
    """Other statuses are not the buyer's to give."""
    identifier = portal.integrate(CII)
    answer = portal.call(DECIDE, idFacture=identifier, nouveauStatut=target)

    assert answer["codeRetour"] != 0


def test_a_buyer_that_reports_no_payment(portal: Portal) -> None:
    """A structure that never reports payment cannot."""
    changes = {BUYER: dataset.PAYMENT_NOT_REPORTED, SERVICE: None}
    identifier = portal.integrate(changed(CII, changes))
    answer = portal.call(DECIDE, idFacture=identifier, nouveauStatut="MISE_EN_PAIEMENT")

    assert answer["codeRetour"] != 0
    assert portal.call(DECIDE, idFacture=identifier, nouveauStatut="MANDATEE")["codeRetour"] == 0


@pytest.mark.parametrize("path", [HISTORY, DECIDE])
def test_an_unknown_invoice(portal: Portal, path: str) -> None:
    """An identifier never given out is a business refusal."""
    answer = portal.call(path, idFacture=1, nouveauStatut="MANDATEE")

    assert answer == {"codeRetour": 20000, "libelle": "SIMULE - Facture inconnue"}


def test_a_history_has_pages(portal: Portal) -> None:
    """The paging block of statuses cuts the history and counts it."""
    identifier = portal.integrate(CII)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="MANDATEE")
    block = {
        "pageResultatDemandeeListeHistoStatut": 2,
        "nbResultatsParPageListeHistoStatut": 2,
        "triSensListeHistoStatut": "Ascendant",
    }
    answer = portal.call(HISTORY, idFacture=identifier, paramRechercheHistoStatuts=block)
    history = answer["historiquesDesStatuts"]

    assert [row["histoStatutCode"] for row in history["histoStatut"]] == ["MANDATEE"]
    assert (history["pagesHistoStatut"], history["totalHistoStatut"]) == (2, 3)
