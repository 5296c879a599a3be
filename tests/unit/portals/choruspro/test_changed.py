"""News by period: everything that changed, once, whatever the portal cuts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import responses
from requests import PreparedRequest

from tests.support.portal_client import ROOT
from worker.errors import PortalAnswerError
from worker.portals import BuyerStatus
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.choruspro.search import (
    MOST_PARTS,
    MOST_RESULTS,
    MOST_ROWS,
    USUAL_MOST,
)

SEARCH = f"{ROOT}/cpro/factures/v1/rechercher/fournisseur"
START = datetime(2026, 3, 28, 12, tzinfo=UTC)
END = datetime(2026, 3, 29, 12, tzinfo=UTC)
"""A day that holds a change of hour in Paris."""


class Register:
    """The invoices of a portal that pages honestly, cuts at its maximum and does not say so."""

    def __init__(self, changes: Mapping[int, datetime]) -> None:
        self.changes = changes
        self.most = MOST_ROWS
        self.asked: list[tuple[str, str]] = []

    def serve(self, request: PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        """One page of one period."""
        body = json.loads(request.body or b"")
        period = body["periodeDateHeureEtatCourantDu"], body["periodeDateHeureEtatCourantAu"]
        since, until = (datetime.fromisoformat(bound) for bound in period)
        paging = body["rechercheFactureParFournisseur"]
        size, rank = paging["nbResultatsParPage"], paging["pageResultatDemandee"]
        self.asked.append(period)
        rows = [
            {
                "identifiantFactureCPP": cpp_id,
                "numeroFacture": f"F-{cpp_id}",
                "statut": "REJETEE",
                "rejetTraite": cpp_id % 2 == 0,
                "dateHeureEtatCourant": at.isoformat(),
            }
            for cpp_id, at in self.changes.items()
            if since <= at <= until
        ][: min(self.most, paging["nbResultatsMaximum"])]
        answer = {
            "codeRetour": 0,
            "listeFactures": rows[(rank - 1) * size : rank * size],
            "parametresRetour": {"total": len(rows), "pageCourante": rank},
        }
        return 200, {}, json.dumps(answer)


def test_changes_of_a_period_are_read_exactly(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Bounds included, all pages, what is outside left out; an acknowledged rejection says so."""
    changes = {rank: START + timedelta(minutes=rank) for rank in range(250)}
    outside = {900: START - timedelta(seconds=1), 901: END + timedelta(seconds=1)}
    register = Register(changes | outside | {250: START, 251: END})
    api.add_callback("POST", SEARCH, register.serve)
    found = portal.changed(START, END)

    assert sorted(int(invoice.portal_id) for invoice in found) == list(range(252))
    assert {invoice.status for invoice in found} == {BuyerStatus.REJECTED}
    assert [invoice.acknowledged for invoice in found[:2]] == [True, False]
    assert found[1].status_at == START + timedelta(minutes=1)
    assert len(register.asked) == 3


def test_instants_are_sent_as_the_portal_writes_them(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Paris time with its offset of that day, to the millisecond, never narrower than asked."""
    register = Register({})
    api.add_callback("POST", SEARCH, register.serve)

    assert portal.changed(START, END + timedelta(microseconds=1)) == ()
    assert register.asked == [("2026-03-28T13:00:00.000+01:00", "2026-03-29T14:00:00.001+02:00")]


@pytest.mark.parametrize("count", [MOST_RESULTS - 1, MOST_RESULTS, 3 * MOST_RESULTS])
def test_period_that_may_be_cut_is_asked_in_parts(
    api: responses.RequestsMock, portal: ChorusPro, count: int
) -> None:
    """As many results as the maximum may be fewer than there are: halves, until they fit."""
    step = (END - START) / count
    register = Register({rank: START + rank * step for rank in range(count)})
    api.add_callback("POST", SEARCH, register.serve)
    found = portal.changed(START, END)
    assert sorted(int(invoice.portal_id) for invoice in found) == list(range(count))
    pages = -(-count // 100)

    assert len(register.asked) <= 2 * pages


def test_invoice_on_the_bound_of_two_halves_counts_once(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The instant where a period is split belongs to both halves, the invoice is there once."""
    middle = START + (END - START) / 2
    changes = {rank: START + timedelta(seconds=rank) for rank in range(MOST_RESULTS - 1)}
    register = Register(changes | {7000: middle})
    api.add_callback("POST", SEARCH, register.serve)
    found = [invoice.portal_id for invoice in portal.changed(START, END)]

    assert found.count("7000") == 1
    assert len(found) == len(set(found)) == MOST_RESULTS


@pytest.mark.parametrize("count", [USUAL_MOST, MOST_RESULTS, 3 * MOST_RESULTS])
def test_a_whole_campaign_in_one_instant_is_read(
    api: responses.RequestsMock, portal: ChorusPro, count: int
) -> None:
    """Thousands integrated at once cannot be split by time: they are asked for all together."""
    register = Register(dict.fromkeys(range(count), START + timedelta(hours=7)))
    api.add_callback("POST", SEARCH, register.serve)

    assert len(portal.changed(START, END)) == count


def test_a_portal_that_keeps_its_own_maximum_is_asked_in_parts(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """It gives two hundred results whatever is asked, and does not say that there are more."""
    step = (END - START) / 500
    register = Register({rank: START + rank * step for rank in range(500)})
    register.most = USUAL_MOST
    api.add_callback("POST", SEARCH, register.serve)

    assert len(portal.changed(START, END)) == 500


def test_minute_with_too_many_changes_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """More changes at one instant than can be read: nothing is concluded."""
    register = Register(dict.fromkeys(range(MOST_ROWS), START + timedelta(hours=7)))
    api.add_callback("POST", SEARCH, register.serve)
    with pytest.raises(PortalAnswerError, match="en une minute"):
        portal.changed(START, END)

    assert len(register.asked) < 50


def test_draft_without_number_does_not_hide_the_others(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """What somebody began by hand on the portal is news of theirs, and must not stop ours."""
    rows = [
        {"identifiantFactureCPP": 1, "statut": "BROUILLON"},
        {"identifiantFactureCPP": 2, "numeroFacture": "F-2", "statut": "SUSPENDUE"},
    ]
    answer = {"codeRetour": 0, "listeFactures": rows, "parametresRetour": {"total": 2}}
    api.post(SEARCH, json=answer)

    assert [(invoice.portal_id, invoice.number) for invoice in portal.changed(START, END)] == [
        ("1", ""),
        ("2", "F-2"),
    ]


def test_missing_page_is_an_error(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Fewer rows than announced must never read as "nothing changed"."""
    api.post(SEARCH, json={"codeRetour": 0, "parametresRetour": {"total": 1}})
    with pytest.raises(PortalAnswerError, match="0 lignes reçues pour 1"):
        portal.changed(START, END)


@pytest.mark.parametrize(
    "since, until",
    [(END, START), (START.replace(tzinfo=None), END), (START, END.replace(tzinfo=None))],
)
def test_period_that_is_none_is_a_mistake(
    portal: ChorusPro, since: datetime, until: datetime
) -> None:
    """Backwards, or without offset: ours to correct, nothing is asked."""
    with pytest.raises(ValueError, match="aware"):
        portal.changed(since, until)


@pytest.mark.parametrize("rows", [USUAL_MOST, 1200])
def test_a_portal_that_ignores_the_period_is_given_up(
    api: responses.RequestsMock, portal: ChorusPro, rows: int
) -> None:
    """Halving would never end: a bounded number of calls, then a sentence."""
    calls: list[int] = []

    def serve(request: PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        paging = json.loads(request.body or b"")["rechercheFactureParFournisseur"]
        size, rank = paging["nbResultatsParPage"], paging["pageResultatDemandee"]
        calls.append(rank)
        found = [{"identifiantFactureCPP": one, "numeroFacture": "X"} for one in range(rows)]
        answer = {
            "codeRetour": 0,
            "listeFactures": found[(rank - 1) * size : rank * size],
            "parametresRetour": {"total": rows, "pageCourante": rank},
        }
        return 200, {}, json.dumps(answer)

    api.add_callback(responses.POST, SEARCH, callback=serve)

    with pytest.raises(PortalAnswerError, match="ne restreint rien"):
        portal.changed(START, END)

    assert len(calls) <= MOST_PARTS * (1 + rows // 100)
