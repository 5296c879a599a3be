"""What happens behind the counter: verdicts that change, invoices keyed, identifiers changed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from chaos import pace
from chorus_sandbox import SandboxOptions
from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from tests.support import dataset
from tests.support.sandbox_documents import CII, lot, numbered
from tests.support.sandbox_portal import CONSULT, GROUP, HISTORY, REPORT, SEARCH, Portal, started

KEYED = {
    "number": "FA-2026-0002",
    "seller_siret": dataset.SUPPLIER,
    "buyer_siret": "12345678200051",
    "cents": 12_001,
    "issued_on": "2026-01-19",
}


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def ask(portal: Portal, path: str, body: object = None) -> requests.Response:
    """A request to the panel."""
    return requests.post(f"{portal.url}/_sandbox/{path}", json=body, timeout=pace.limit(10))


def shown(portal: Portal, **criteria: object) -> list[dict[str, Any]]:
    """What the search shows."""
    answer = portal.call(SEARCH, **{"numeroMarche": None} | criteria)
    found: list[dict[str, Any]] = answer.get("listeFactures", [])
    return found


@pytest.mark.parametrize("kind", ["turned_away", "incident"])
def test_a_file_that_was_not_taken_is_replayed(portal: Portal, kind: str) -> None:
    """Its first verdict integrates nothing; replayed, it is integrated, once however often."""
    portal.arm(kind)
    number = portal.deposit(CII)
    assert not shown(portal)

    for _ in range(2):
        assert ask(portal, f"fluxes/{number}/replay").json()["state"] == "IN_INTEGRE"

    assert [line["numeroFluxDepot"] for line in shown(portal)] == [number]
    assert portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] == "IN_INTEGRE"


def test_a_replayed_lot_gives_only_what_is_missing(portal: Portal) -> None:
    """The number that was free stays as it is, the one that was taken meanwhile is refused."""
    portal.integrate(numbered("A"))
    number = portal.deposit(lot({"a.xml": numbered("A"), "b.xml": numbered("B")}))
    assert (
        portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"
    )

    answer = ask(portal, f"fluxes/{number}/replay")

    assert answer.json()["state"] == "IN_INTEGRE_PARTIEL"
    assert sorted(line["numeroFacture"] for line in shown(portal)) == ["A", "B"]


@pytest.mark.parametrize("verdict,left", [("withdraw", 0), ("disown", 1)])
def test_an_integrated_file_is_rejected_later(portal: Portal, verdict: str, left: int) -> None:
    """Its report says so from then on; its invoice is gone, or still shown."""
    portal.integrate(CII)
    number = read_fluxes(portal.data)[0].number

    answer = ask(portal, f"fluxes/{number}/{verdict}")

    assert answer.json()["state"] == "IN_REJETE"
    assert portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] == "IN_REJETE"
    assert len(shown(portal)) == left


def test_a_person_keys_an_invoice(portal: Portal) -> None:
    """It is shown like any other, without flux, lines or file; its number is then taken."""
    answer = ask(portal, "invoices", KEYED)
    (line,) = shown(portal, numeroFacture="FA-2026-0002")
    said = portal.call(CONSULT, identifiantFactureCPP=answer.json()["cpp_id"])["facture"]
    file = portal.call(
        GROUP,
        listeFacture=[{"idFacture": answer.json()["cpp_id"]}],
        format="PDF",
        avecPiecesJointesComplementaires="NON",
    )
    refused = portal.verdict(numbered("FA-2026-0002"))

    assert (line["montantTTC"], line["statut"]) == (120.01, "MISE_A_DISPOSITION")
    assert (said["modeDepot"], "numeroFluxDepot" in line) == ("SAISIE_API", False)
    assert file["codeRetour"] == 20000
    assert refused["etatCourantDepotFlux"] == "IN_REJETE"
    assert [flux.state for flux in read_fluxes(portal.data)] == ["IN_REJETE"]


@pytest.mark.parametrize(
    "changes,status",
    [
        ({}, 409),
        ({"number": "FA-2026-0009", "buyer_siret": "00000000000000"}, 409),
        ({"cents": "douze"}, 400),
        ({"unchecked": True}, 200),
    ],
)
def test_what_may_be_keyed(portal: Portal, changes: dict[str, object], status: int) -> None:
    """A number that is taken only unchecked, a structure that is known, fields of their types."""
    ask(portal, "invoices", KEYED)

    assert ask(portal, "invoices", KEYED | changes).status_code == status


def test_a_file_whose_uniqueness_is_not_controlled(portal: Portal) -> None:
    """A second file of one number is integrated beside the first."""
    portal.integrate(CII)
    portal.arm("no_uniqueness")
    number = portal.deposit(CII)

    assert portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] == "IN_INTEGRE"
    assert len(shown(portal)) == 2


def test_an_invoice_takes_another_identifier(portal: Portal) -> None:
    """With its history; the former identifier is unknown."""
    former = portal.integrate(CII)

    identifier = ask(portal, f"invoices/{former}/rename").json()["cpp_id"]

    assert [line["identifiantFactureCPP"] for line in shown(portal)] == [identifier]
    assert portal.call(HISTORY, idFacture=identifier)["statutCourantCode"] == "MISE_A_DISPOSITION"
    assert portal.call(HISTORY, idFacture=former)["codeRetour"] == 20000


def test_the_report_of_another_file(portal: Portal) -> None:
    """Rejected, under a name that is not ours; the next report is ours again."""
    number = portal.deposit(CII)
    portal.arm("another_report")
    strange = portal.call(REPORT, numeroFluxDepot=number)
    ours = portal.call(REPORT, numeroFluxDepot=number)

    assert (strange["etatCourantDepotFlux"], ours["etatCourantDepotFlux"]) == (
        "IN_REJETE",
        "IN_INTEGRE",
    )
    assert number not in strange["nomFichier"]


def test_a_history_lags_behind_the_search(portal: Portal) -> None:
    """The search shows the rejection, the history what was true a day before."""
    identifier = portal.integrate(CII)
    portal.clock += timedelta(days=2)
    portal.enter()
    ask(portal, f"invoices/{identifier}/reject", {"reason": "Motif"})
    portal.arm("late_history", seconds=86_400)
    late = portal.call(HISTORY, idFacture=identifier)

    assert late["statutCourantCode"] == "MISE_A_DISPOSITION"
    assert len(late["historiquesDesStatuts"]["histoStatut"]) == 2
    assert shown(portal)[0]["statut"] == read_invoices(portal.data)[0].status == "REJETEE"
