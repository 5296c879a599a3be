"""A portal that answers late: reports, index, pages, answers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chorus_sandbox import SandboxOptions
from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from tests.support import dataset
from tests.support.sandbox_documents import CII, MEANS, changed, numbered
from tests.support.sandbox_portal import (
    COMPLETE,
    CONSULT,
    DECIDE,
    HISTORY,
    PRINTED_REPORT,
    REPORT,
    SEARCH,
    SERVICES,
    TO_TREAT,
    Portal,
    started,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "sandbox.db"


@pytest.fixture
def lagging(data: Path) -> Iterator[Portal]:
    """Two reports say unknown, one waits, two are being processed."""
    yield from started(SandboxOptions(data=data, port=0, report_lags=(2, 1, 2)))


@pytest.fixture
def unindexed(data: Path) -> Iterator[Portal]:
    """An integrated invoice is found five minutes later."""
    yield from started(SandboxOptions(data=data, port=0, index_delay=timedelta(minutes=5)))


@pytest.fixture
def short(data: Path) -> Iterator[Portal]:
    """No page holds more than three results."""
    yield from started(SandboxOptions(data=data, port=0, page_cap=3))


def state(portal: Portal, number: str) -> str:
    """What a report says of a flux."""
    answer = portal.call(REPORT, numeroFluxDepot=number)
    return str(answer.get("etatCourantDepotFlux", answer["libelle"]))


def test_reports_say_unknown_then_waiting_then_running(lagging: Portal) -> None:
    """The states come in the order of the specification, then the verdict stays."""
    good, bad = lagging.deposit(CII), lagging.deposit(changed(numbered("B"), {MEANS: None}))
    seen = [state(lagging, good) for _ in range(7)]
    assert seen == [
        "POQ_MSG_01.003 - Flux introuvable.",
        "POQ_MSG_01.003 - Flux introuvable.",
        "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP",
        "IN_EN_COURS_TRAITEMENT_CPP",
        "IN_EN_COURS_TRAITEMENT_CPP",
        "IN_INTEGRE",
        "IN_INTEGRE",
    ]
    for _ in range(5):
        assert "listeErreurDP" not in lagging.call(REPORT, numeroFluxDepot=bad)

    assert lagging.call(REPORT, numeroFluxDepot=bad)["listeErreurDP"]


def test_a_late_report_does_not_delay_the_invoice(lagging: Portal) -> None:
    """The invoice is found by search at once: a client that lost its answer needs no report."""
    number = lagging.deposit(CII)

    assert lagging.call(SEARCH, numeroFluxDepot=number)["parametresRetour"]["total"] == 1
    assert lagging.call(PRINTED_REPORT, numeroFluxDepot=number)["codeRetour"] == 20001
    assert read_fluxes(lagging.data)[0].reports == 1


def test_a_report_that_lags_has_no_pdf(lagging: Portal) -> None:
    """The PDF comes with the verdict, not before."""
    number = lagging.deposit(CII)
    answers = [lagging.call(PRINTED_REPORT, numeroFluxDepot=number) for _ in range(6)]

    assert [answer["codeRetour"] for answer in answers] == [20001, 20001, 20002, 20002, 20002, 0]


def test_a_flux_that_is_processed_does_not_wait_again(data: Path) -> None:
    """When the verdict is later than the lags, the last state told stays until it comes."""
    delay = timedelta(minutes=1)
    options = SandboxOptions(data=data, port=0, report_lags=(0, 1, 1), integration_delay=delay)
    for portal in started(options):
        number = portal.deposit(CII)
        seen = [state(portal, number) for _ in range(3)]
        portal.clock += delay
        assert [*seen, state(portal, number)] == [
            "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP",
            "IN_EN_COURS_TRAITEMENT_CPP",
            "IN_EN_COURS_TRAITEMENT_CPP",
            "IN_INTEGRE",
        ]


def test_lags_survive_a_restart(data: Path) -> None:
    """The next process goes on where the first one was."""
    options = SandboxOptions(data=data, port=0, report_lags=(1, 1, 0))
    seen, number = [], ""
    for _ in range(3):
        for portal in started(options):
            number = number or portal.deposit(CII)
            seen.append(state(portal, number))

    assert seen[0].startswith("POQ_MSG_01.003")
    assert seen[1:] == ["IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", "IN_INTEGRE"]


def test_an_invoice_is_found_once_it_is_indexed(unindexed: Portal) -> None:
    """The report says integrated; searches, reading and actions know it five minutes later."""
    number = unindexed.deposit(CII)
    assert state(unindexed, number) == "IN_INTEGRE"
    (invoice,) = read_invoices(unindexed.data)

    def known() -> list[bool]:
        totals = [unindexed.call(path)["parametresRetour"]["total"] for path in (SEARCH, TO_TREAT)]
        codes = [
            unindexed.call(HISTORY, idFacture=invoice.id)["codeRetour"],
            unindexed.call(CONSULT, identifiantFactureCPP=invoice.id)["codeRetour"],
            unindexed.call(DECIDE, idFacture=invoice.id, nouveauStatut="MANDATEE")["codeRetour"],
        ]
        return [total == 1 for total in totals] + [code == 0 for code in codes]

    assert known() == [False] * 5
    assert unindexed.call(COMPLETE, identifiantFactureCPP=invoice.id)["codeRetour"] == 20000
    unindexed.clock += timedelta(minutes=5, milliseconds=-1)
    assert known() == [False] * 5
    unindexed.clock += timedelta(milliseconds=1)

    assert known() == [True] * 5


def test_a_late_index_does_not_free_the_number(unindexed: Portal) -> None:
    """The invoice nobody finds yet still makes a second copy a duplicate."""
    unindexed.verdict(CII)

    assert unindexed.verdict(CII)["etatCourantDepotFlux"] == "IN_REJETE"


def test_a_page_is_no_larger_than_the_portal_allows(short: Portal) -> None:
    """Whatever is asked, three results a page, told as such, and each invoice once in all."""
    for rank in range(7):
        short.deposit(numbered(f"F-{rank}"))
    seen = []
    for page in (1, 2, 3):
        block = {"pageResultatDemandee": page, "nbResultatsParPage": 100}
        answer = short.call(SEARCH, rechercheFactureParFournisseur=block)
        assert answer["parametresRetour"] == {
            "pageCourante": page,
            "pages": 3,
            "nbResultatsParPage": 3,
            "total": 7,
        }
        seen += [line["numeroFacture"] for line in answer["listeFactures"]]
    assert sorted(seen) == [f"F-{rank}" for rank in range(7)]
    structure = short.structure_id(dataset.MANY_SERVICES)

    assert len(short.call(SERVICES, idStructure=structure)["listeServices"]) == 3
