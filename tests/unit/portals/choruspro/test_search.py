"""Searches by number and by flux: all of it, exactly, or an error."""

from datetime import UTC, date, datetime

import pytest
import responses

from tests.support.portal_client import ROOT, done, paged, sent
from worker.billing.money import Money
from worker.errors import PortalAnswerError
from worker.portals import BuyerStatus
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.choruspro.search import MOST_RESULTS, MOST_ROWS

SEARCH = f"{ROOT}/cpro/factures/v1/rechercher/fournisseur"
FLUX = "CPP0011117000000000425903"


def row(cpp_id: int = 1, **fields: object) -> dict[str, object]:
    """One found invoice."""
    return {"identifiantFactureCPP": cpp_id, "numeroFacture": "FAC-1", **fields}


def page(rows: object, total: object, **counts: object) -> dict[str, object]:
    """One page of a search."""
    return done(listeFactures=rows, parametresRetour={"total": total, **counts})


def test_search_reads_all_pages(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """218 invoices on pages smaller than asked are 218 invoices, and every call is explicit."""
    rows = [row(i, numeroFluxDepot=FLUX) for i in range(218)]
    block = "rechercheFactureParFournisseur"
    api.add_callback("POST", SEARCH, paged(rows, 10, block, "listeFactures"))
    found = portal.find(flux_number=FLUX)
    assert [invoice.portal_id for invoice in found] == [str(n) for n in range(218)]
    bodies = sent(api, SEARCH)
    assert [body["numeroFluxDepot"] for body in bodies] == [FLUX] * 22
    for rank, body in enumerate(bodies, start=1):
        asked = body[block]
        assert isinstance(asked, dict)
        assert asked["nbResultatsMaximum"] == MOST_RESULTS
        assert (asked["pageResultatDemandee"], asked["nbResultatsParPage"]) == (rank, 100)


@pytest.mark.parametrize(
    "pages",
    [
        [done()],
        [done(listeFactures=[])],
        [page([], None)],
        [page([], 1)],
        [page([row(1)], 0)],
        [page([row(1), row(2)], 1)],
        [page([row(1)], 2), page([], 2)],
        [page([row(1)], 2), page([row(1)], 2)],
        [page([row(1)], 2), page([row(2)], 3)],
        [page([row(1)], 3), page([row(2)], 2)],
        [page([row(1)], 1, pageCourante=2)],
        [page([{"numeroFacture": "FAC-1"}], 1)],
        [page([row(1, numeroFacture=None)], 1)],
        [page(["FAC-1"], 1)],
        [page("FAC-1", 1)],
        [page([row(1)], -1)],
        [page([row(1)], "beaucoup")],
    ],
)
def test_search_that_does_not_add_up_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, pages: list[dict[str, object]]
) -> None:
    """A short, repeated or uncounted list must never read as "absent"."""
    for answer in pages:
        api.post(SEARCH, json=answer)
    with pytest.raises(PortalAnswerError):
        portal.find(invoice_number="FAC-1")

    assert len(sent(api, SEARCH)) == len(pages)


def test_search_at_the_limit_may_be_cut(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """As many results as the maximum we gave may be fewer than there are: more are asked for."""
    api.post(SEARCH, json=page([row(1)], MOST_RESULTS))
    api.post(SEARCH, json=page([row(1)], MOST_ROWS))
    with pytest.raises(PortalAnswerError, match="coupés"):
        portal.find(invoice_number="FAC-1")
    asked = [body["rechercheFactureParFournisseur"] for body in sent(api, SEARCH)]
    most = [block["nbResultatsMaximum"] for block in asked if isinstance(block, dict)]

    assert most == [MOST_RESULTS, MOST_ROWS]


def test_two_hundred_invoices_of_a_lot_are_believed_when_asked_for_more(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The portal's usual maximum is suspect once, and not when it answers the same to more."""
    rows = [row(rank, numeroFacture=f"FAC-{rank}") for rank in range(200)]
    for answer in (rows[:100], rows[:100], rows[100:]):
        counts = {"total": 200}
        api.post(SEARCH, json=done(listeFactures=answer, parametresRetour=counts))

    assert len(portal.find(flux_number="CPP1")) == 200


def test_empty_search_is_an_answer(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Zero announced and zero given, list absent or not, is a true absence."""
    api.post(SEARCH, json=done(parametresRetour={"total": 0, "pages": 0, "pageCourante": 0}))

    assert portal.find(invoice_number="FAC-1") == ()


def test_search_gives_all_that_the_portal_matches(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A beginning, or a form of its own: which is ours is for the caller to tell."""
    api.post(SEARCH, json=page([row(1), row(2, numeroFacture="FAC-10")], 2))
    found = portal.find(invoice_number="FAC-1")

    assert [invoice.number for invoice in found] == ["FAC-1", "FAC-10"]


def test_search_needs_a_criterion(portal: ChorusPro) -> None:
    """Everything we ever issued is not a question."""
    with pytest.raises(ValueError, match="number"):
        portal.find()


def test_found_invoice_is_read_exactly(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Amounts come from the digits of the text, instants are UTC, the SIRET is whole."""
    body = (
        '{"codeRetour": 0, "libelle": "x", "parametresRetour": {"total": 1}, "listeFactures": '
        '{"identifiantFactureCPP": "4321098", "numeroFacture": "FAC-1", '
        '"dateFacture": "2026-10-07", "codeDestinataire": 1000900017, '
        '"codeFournisseur": 99900000000013, '
        '"montantTTC": 90071992547409.93, "statut": "SUSPENDUE", '
        f'"numeroFluxDepot": "{FLUX}", "dateHeureEtatCourant": "2026-10-08T10:12:00+02:00", '
        '"commentaireEtatCourant": "Bon de livraison manquant"}}'
    )
    api.post(SEARCH, body=body)
    (found,) = portal.find(invoice_number="FAC-1")

    assert (found.portal_id, found.recipient) == ("4321098", "00001000900017")
    assert found.supplier == "99900000000013"
    assert (found.issue_date, found.gross) == (date(2026, 10, 7), Money(9007199254740993))
    assert (found.status, found.raw_status) == (BuyerStatus.SUSPENDED, "SUSPENDUE")
    assert found.status_at == datetime(2026, 10, 8, 8, 12, tzinfo=UTC)
    assert found.comment == "Bon de livraison manquant"


def test_bare_found_invoice_is_still_found(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Fields without a value are left out by the portal: the invoice exists all the same."""
    api.post(SEARCH, json=page([row(1, montantTTC=None, statut=None)], 1))
    (found,) = portal.find(invoice_number="FAC-1")

    assert (found.gross, found.issue_date, found.status_at) == (None, None, None)
    assert (found.status, found.supplier) == (BuyerStatus.UNRECOGNISED, "")
