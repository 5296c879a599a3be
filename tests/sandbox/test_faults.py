"""Faults at the sandbox: what the caller sees, and what the ledger holds afterwards."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from chaos import pace
from chorus_sandbox import SandboxOptions
from chorus_sandbox.entries import EntryError
from chorus_sandbox.fault_kinds import FaultPlan, read_kinds
from chorus_sandbox.ledger.ledger import read_fluxes, read_injections, read_invoices
from chorus_sandbox.serving.server import SandboxServer
from tests.support.sandbox_documents import CII, numbered
from tests.support.sandbox_portal import (
    CONSULT,
    DECIDE,
    DEPOSIT,
    HISTORY,
    REPORT,
    SEARCH,
    Portal,
    body_of,
    started,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "sandbox.db"


@pytest.fixture
def portal(data: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=data, port=0))


def outcome(portal: Portal, path: str = DEPOSIT, body: object = None) -> int | None:
    """The HTTP status of a call, none when the connection broke."""
    try:
        return portal.post(path, body_of(CII) if body is None else body).status_code
    except requests.ConnectionError:
        return None


@pytest.mark.parametrize(
    "kind,status",
    [
        ("drop_before", None),
        ("error_before", 500),
        ("wrong_account", 401),
        ("forbidden", 403),
        ("too_many_requests", 429),
        ("maintenance", 503),
        ("token_expiry", 401),
    ],
)
def test_a_fault_before_recording_leaves_nothing(
    portal: Portal, kind: str, status: int | None
) -> None:
    """The deposit fails, no flux exists, and the next attempt succeeds with the first number."""
    portal.arm(kind)
    assert outcome(portal) == status
    assert read_fluxes(portal.data) == ()
    portal.enter()
    assert portal.deposit(CII)[10:] == f"{1:015d}"
    (injected,) = read_injections(portal.data)

    assert (injected.kind, injected.path, injected.flux_number) == (kind, DEPOSIT, "")


@pytest.mark.parametrize(
    "kind,status",
    [
        ("drop_after", None),
        ("bad_gateway_after", 502),
        ("gateway_timeout_after", 504),
        ("truncated", 200),
        ("wrong_types", 200),
    ],
)
def test_a_fault_after_recording_leaves_exactly_one(
    portal: Portal, kind: str, status: int | None
) -> None:
    """The caller learns nothing useful, and one flux is on disk by then, named in the ledger."""
    portal.arm(kind)
    assert outcome(portal) == status
    (flux,) = read_fluxes(portal.data)
    (injected,) = read_injections(portal.data)
    assert (injected.kind, injected.flux_number) == (kind, flux.number)
    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_REJETE"
    (invoice,) = read_invoices(portal.data)

    assert invoice.flux_number == flux.number


def test_a_slow_answer_comes_after_the_record(portal: Portal) -> None:
    """A caller that does not wait long enough finds its deposit recorded."""
    portal.arm("slow_after", seconds=30)
    with pytest.raises(requests.ReadTimeout):
        portal.session.post(portal.url + DEPOSIT, json=body_of(CII), timeout=pace.limit(1))

    assert pace.becomes_true(lambda: bool(read_fluxes(portal.data)), seconds=10)
    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_REJETE"


def test_a_storm_says_how_long_to_wait(portal: Portal) -> None:
    """So many requests are refused with Retry-After, then the portal serves again."""
    portal.arm("too_many_requests", times=2, seconds=7)
    answers = [portal.post(SEARCH, {}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_maintenance_is_for_everybody(portal: Portal) -> None:
    """For so many requests, the token included, a page of HTML; the panel still answers."""
    portal.arm("maintenance", times=3)
    answers = [portal.ask_token(), portal.post(SEARCH, {}), portal.post("/x", {})]
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert (
        portal.session.get(f"{portal.url}/_sandbox/faults", timeout=pace.limit(10)).json()["armed"]
        == []
    )
    portal.call(SEARCH)


def test_maintenance_may_last(portal: Portal) -> None:
    """With seconds, everything is refused until they are over."""
    portal.arm("maintenance", seconds=60)
    for _ in range(3):
        assert outcome(portal, SEARCH, {}) == 503
        portal.clock += timedelta(seconds=20)

    assert outcome(portal, SEARCH, {}) == 200


def test_every_token_dies_in_mid_run(portal: Portal) -> None:
    """After so many requests all tokens are unknown; a new one works."""
    portal.arm("token_expiry", skip=2)
    assert [outcome(portal, SEARCH, {}) for _ in range(4)] == [200, 200, 401, 401]
    portal.enter()

    assert outcome(portal, SEARCH, {}) == 200


def test_an_answer_is_cut(portal: Portal) -> None:
    """A truncated answer is complete HTTP and no JSON."""
    portal.arm("truncated", routes="*/rechercher/fournisseur")
    answer = portal.post(SEARCH, {})
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_types_are_wrong(portal: Portal) -> None:
    """One line comes as an object, its identifier as a text."""
    portal.deposit(CII)
    portal.arm("wrong_types")
    line = portal.call(SEARCH)["listeFactures"]

    assert line["identifiantFactureCPP"].isdigit()
    assert portal.call(SEARCH)["listeFactures"][0]["numeroFacture"] == "FA-2026-0001"


def test_a_state_nobody_knows(portal: Portal) -> None:
    """One report has an unknown state, the next tells the truth."""
    number = portal.deposit(CII)
    portal.arm("unknown_flux_state")
    states = [portal.call(REPORT, numeroFluxDepot=number)["etatCourantDepotFlux"] for _ in range(2)]

    assert states == ["IN_SIMULE_INCONNU", "IN_INTEGRE"]


def test_an_incident_integrates_nothing(portal: Portal) -> None:
    """The flux ends in an incident for good; the same invoice deposited again is integrated."""
    portal.arm("incident")
    first = portal.deposit(CII)
    report = portal.call(REPORT, numeroFluxDepot=first)

    assert report["etatCourantDepotFlux"] == "IN_INCIDENTE"
    assert report["listeErreurTechnique"][0]["libelleErreur"].startswith("SIMULE - ")
    assert portal.verdict(CII)["etatCourantDepotFlux"] == "IN_INTEGRE"
    assert portal.call(REPORT, numeroFluxDepot=first)["etatCourantDepotFlux"] == "IN_INCIDENTE"


@pytest.mark.parametrize("path", [SEARCH, HISTORY, CONSULT])
def test_a_status_nobody_knows(portal: Portal, path: str) -> None:
    """One answer shows an unknown status, wherever it is read."""
    identifier = portal.integrate(CII)
    bodies: dict[str, dict[str, object]] = {
        SEARCH: {},
        HISTORY: {"idFacture": identifier},
        CONSULT: {"identifiantFactureCPP": identifier},
    }
    portal.arm("unknown_status")
    answers = [portal.post(path, bodies[path]).text for _ in range(2)]

    assert ["SIMULE_INCONNU" in answer for answer in answers] == [True, False]


def test_statuses_go_backwards(portal: Portal) -> None:
    """Each invoice an answer shows has the status it had before, in its history too."""
    identifier = portal.integrate(CII)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="MANDATEE")
    portal.arm("status_backwards")
    (line,) = portal.call(SEARCH)["listeFactures"]
    assert line["statut"] == "MISE_A_DISPOSITION"
    rows = portal.call(HISTORY, idFacture=identifier)["historiquesDesStatuts"]["histoStatut"]

    assert [row["histoStatutCode"] for row in rows] == [
        "MISE_A_DISPOSITION",
        "MANDATEE",
        "MISE_A_DISPOSITION",
        "DEPOSEE",
    ]


def test_one_invoice_is_found_late(portal: Portal) -> None:
    """The deposit that met the fault is found later than the others."""
    portal.arm("late_indexing", seconds=90)
    portal.deposit(numbered("LATE"))
    portal.deposit(numbered("SOON"))

    def found() -> list[str]:
        return sorted(line["numeroFacture"] for line in portal.call(SEARCH)["listeFactures"])

    assert found() == ["SOON"]
    portal.clock += timedelta(seconds=90)

    assert found() == ["LATE", "SOON"]


def test_a_page_is_short(portal: Portal) -> None:
    """One search gives fewer results than asked and says so."""
    for rank in range(3):
        portal.deposit(numbered(f"F-{rank}"))
    portal.arm("short_pages", size=2)
    answer = portal.call(SEARCH)

    assert len(answer["listeFactures"]) == 2
    assert answer["parametresRetour"]["nbResultatsParPage"] == 2
    assert answer["parametresRetour"]["total"] == 3
    assert len(portal.call(SEARCH)["listeFactures"]) == 3


def test_a_fault_hits_its_routes_in_turn(portal: Portal) -> None:
    """Other routes pass; several faults hit one after the other; no end means no end."""
    portal.arm("error_before", routes="*/deposer/flux")
    portal.arm("bad_gateway_after", routes="*/deposer/flux")
    portal.arm("maintenance", routes="*/consulter/*", times=None)

    assert outcome(portal, SEARCH, {}) == 200
    assert [outcome(portal) for _ in range(3)] == [500, 502, 200]
    assert {outcome(portal, HISTORY, {"idFacture": 1}) for _ in range(5)} == {503}


def test_the_panel_sets_adds_and_clears(portal: Portal) -> None:
    """A list replaces what waits, an object joins it, DELETE forgets it; the past is kept."""
    url = f"{portal.url}/_sandbox/faults"

    def kinds(answer: requests.Response) -> list[str]:
        assert answer.status_code == 200
        return [fault["kind"] for fault in answer.json()["armed"]]

    portal.arm("error_before")
    assert outcome(portal) == 500
    several = [{"kind": "drop_after"}, {"kind": "incident"}]
    assert kinds(portal.session.post(url, json=several, timeout=pace.limit(10))) == [
        "drop_after",
        "incident",
    ]
    one = {"kind": "truncated"}
    assert kinds(portal.session.post(url, json=one, timeout=pace.limit(10)))[2:] == ["truncated"]
    refused = portal.session.post(url, json=[one, {"kind": "zut"}], timeout=pace.limit(10))
    assert refused.status_code == 400
    assert "n° 2" in refused.json()["error"]
    assert len(kinds(portal.session.get(url, timeout=pace.limit(10)))) == 3
    cleared = portal.session.delete(url, timeout=pace.limit(10))

    assert kinds(cleared) == []
    assert [one["kind"] for one in cleared.json()["injected"]] == ["error_before"]


def test_a_file_of_faults_is_armed_once(data: Path, tmp_path: Path) -> None:
    """A restart goes on with what is left; another file takes the place of the first."""
    path = tmp_path / "pannes.json"
    path.write_text('[{"kind": "error_before", "times": 2, "routes": "*/flux"}]', "utf-8")
    options = SandboxOptions(data=data, port=0, faults=path)
    seen = [outcome(portal) for _ in range(3) for portal in started(options)]
    assert seen == [500, 500, 200]
    path.write_text('[{"kind": "forbidden", "routes": "*/flux"}]', "utf-8")
    for portal in started(options):
        assert [outcome(portal) for _ in range(2)] == [403, 200]


def test_a_wrong_file_of_faults_stops_the_start(data: Path, tmp_path: Path) -> None:
    """The sandbox does not start with faults it cannot read."""
    path = tmp_path / "pannes.json"
    path.write_text('[{"kind": "zut"}]', "utf-8")
    with pytest.raises(EntryError, match="panne n° 1"):
        SandboxServer(SandboxOptions(data=data, port=0, faults=path))

    assert not data.exists()


def play(portal: Portal, requests_made: int) -> list[int | None]:
    """The outcomes of the same requests."""
    return [outcome(portal, SEARCH, {}) for _ in range(requests_made)]


PLAN = FaultPlan(seed=11, rate=0.4, faults=read_kinds("error_before,forbidden,drop_after"))


def entered(options: SandboxOptions) -> Mapping[str, str | bytes]:
    """The headers of a caller that entered before the plan began to count requests."""
    (headers,) = [
        dict(portal.session.headers) for portal in started(replace(options, fault_plan=None))
    ]
    return headers


def test_a_plan_is_the_same_whatever_restarts(tmp_path: Path) -> None:
    """Forty requests in one go, or with restarts in between, meet the same faults."""
    outcomes = []
    for name, cuts in (("a", [40]), ("b", [7, 20, 13])):
        options = SandboxOptions(data=tmp_path / f"{name}.db", port=0, fault_plan=PLAN)
        seen: list[int | None] = []
        headers = entered(options)
        for cut in cuts:
            for portal in started(options, headers=headers):
                seen += play(portal, cut)
        outcomes.append(seen)
        injected = read_injections(options.data)
        assert len(injected) == sum(
            1 for rank in range(1, 41) if PLAN.draw(rank, SEARCH) is not None
        )
        assert all(one.planned for one in injected)

    assert outcomes[0] == outcomes[1]
    assert {None, 200, 403, 500} == set(outcomes[0])


def test_a_planned_storm_lasts(data: Path) -> None:
    """A 429 drawn by the plan brings two more, then the plan goes on."""
    plan = FaultPlan(seed=1, rate=0.01, faults=read_kinds("too_many_requests:0"))
    first = next(rank for rank in range(1, 1000) if plan.draw(rank, SEARCH))
    options = SandboxOptions(data=data, port=0, fault_plan=plan)
    for portal in started(options, headers=entered(options)):
        seen = play(portal, first + 4)

    assert seen[first - 1 :] == [429, 429, 429, 200, 200]
    assert [one.planned for one in read_injections(data)] == [True, False, False]


def test_every_answer_has_its_latency(data: Path) -> None:
    """Answers are held back, the panel's are not."""
    options = SandboxOptions(data=data, port=0)
    headers = entered(options)
    late = replace(options, latency=timedelta(seconds=30))
    for portal in started(late, headers=headers):
        with pytest.raises(requests.ReadTimeout):
            portal.session.post(portal.url + SEARCH, json={}, timeout=pace.limit(0.3))
        assert portal.session.get(f"{portal.url}/_sandbox/fluxes", timeout=pace.limit(10)).ok
