"""The operations of the client: what they conclude from answers, and what they refuse to."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime

import pytest
import responses
import structlog
from requests import PreparedRequest

from tests.portal_client import CLIENT_SECRET, PASSWORD, StillClock, client, settings
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.money import Money
from worker.portals import BuyerStatus, FluxState, StructureRecord
from worker.portals.choruspro import ChorusPro
from worker.portals.choruspro_search import MOST_RESULTS

ROOT = "https://api.exemple.invalid"
HEALTH = f"{ROOT}/cpro/transverses/v1/health-check"
REPORT = f"{ROOT}/cpro/transverses/v1/consulterCRDetaille"
SEARCH = f"{ROOT}/cpro/factures/v1/rechercher/fournisseur"
HISTORY = f"{ROOT}/cpro/factures/v1/consulter/historique"
STRUCTURES = f"{ROOT}/cpro/structures/v1/rechercher"
STRUCTURE = f"{ROOT}/cpro/structures/v1/consulter"
SERVICES = f"{ROOT}/cpro/structures/v1/rechercher/services"
SERVICE = f"{ROOT}/cpro/structures/v1/consulter/service"
FLUX = "CPP0011117000000000425903"
SIRET = "12345678200051"
KNOWN = StructureRecord(
    portal_id=144,
    siret=SIRET,
    name="COMMUNE EXEMPLE",
    active=True,
    service_code_required=True,
    engagement_required=False,
    service_or_engagement_required=False,
    works_only=False,
    payment_not_reported=False,
)


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    """Chorus Pro, scripted; tokens are given for the asking."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{ROOT}/api/oauth/token", json={"access_token": "un", "expires_in": 3600})
        yield mock


@pytest.fixture
def portal() -> Iterator[ChorusPro]:
    """A client of it, on a clock that only sleeping moves."""
    made = client(StillClock())
    yield made
    made.close()


def done(**fields: object) -> dict[str, object]:
    """A successful answer."""
    return {"codeRetour": 0, "libelle": "TRA_MSG_00.000", **fields}


def row(cpp_id: int = 1, **fields: object) -> dict[str, object]:
    """One found invoice."""
    return {"identifiantFactureCPP": cpp_id, "numeroFacture": "FAC-1", **fields}


def page(rows: object, total: object, **counts: object) -> dict[str, object]:
    """One page of a search."""
    return done(listeFactures=rows, parametresRetour={"total": total, **counts})


def paged(
    rows: list[dict[str, object]], size: int, block: str, field: str
) -> Callable[[PreparedRequest], tuple[int, Mapping[str, str], str]]:
    """A server that pages honestly, with pages of its own size."""

    def serve(request: PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        asked = json.loads(request.body or b"")[block]["pageResultatDemandee"]
        here = rows[(asked - 1) * size : asked * size]
        counts = {"pageCourante": asked, "pages": -(-len(rows) // size), "total": len(rows)}
        return 200, {}, json.dumps(done(**{field: here}, parametresRetour=counts))

    return serve


def sent(api: responses.RequestsMock, url: str) -> list[dict[str, object]]:
    """The bodies an operation received."""
    calls = [call.request for call in api.calls if call.request.url == url]
    return [json.loads(request.body or b"") for request in calls]


def test_sign_in_proves_both_pairs_once_per_token(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The health check goes through both gates; it is not asked again for the same token."""
    api.get(HEALTH, json={"statusCodeValue": 200})
    portal.sign_in()
    portal.sign_in()
    assert [call.request.url for call in api.calls].count(HEALTH) == 1


def test_refused_technical_account_is_named_after_one_renewal(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A second 401, with a new token, is the compte technique; the message holds no secret."""
    api.get(HEALTH, status=401, json={"ErrorCode": "401"})
    with pytest.raises(PortalAccessRefused, match="compte technique") as caught:
        portal.sign_in()
    assert [call.request.url for call in api.calls].count(HEALTH) == 2
    assert PASSWORD not in f"{caught.value.message} {caught.value.remedy}"


def test_forbidden_route_names_the_subscription(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A 403 is configuration: asked once, and the remedy says where to look."""
    api.post(REPORT, status=403)
    with pytest.raises(PortalAccessRefused, match="consulterCRDetaille") as caught:
        portal.integration_report(FLUX)
    assert "CGU" in caught.value.remedy
    assert len(sent(api, REPORT)) == 1


def test_refused_token_is_renewed_once_for_a_read(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A token revoked early costs one more call, and nobody notices."""
    api.post(REPORT, status=401)
    api.post(REPORT, json=done(etatCourantDepotFlux="IN_INTEGRE"))
    assert portal.integration_report(FLUX).state is FluxState.INTEGRATED


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"libelle": "sans code"}', b'{"codeRetour": null}'],
)
def test_unusable_answer_of_a_read_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, answer: bytes
) -> None:
    """What cannot be understood is never read as "nothing"."""
    api.post(SEARCH, body=answer)
    with pytest.raises(PortalAnswerError):
        portal.search(invoice_number="FAC-1")


def test_business_error_of_a_read_shows_the_label(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A codeRetour other than 0 in an HTTP 200 is an error that says what the portal said."""
    api.post(HISTORY, json={"codeRetour": 20001, "libelle": "GDP_MSG_11.005"})
    with pytest.raises(PortalAnswerError, match=r"GDP_MSG_11\.005 \(code 20001\)"):
        portal.history(7)


def test_health_check_that_answers_something_else_is_not_a_success(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A 404 on the way in means that the address is wrong."""
    api.get(HEALTH, status=404)
    with pytest.raises(PortalAnswerError, match="404"):
        portal.sign_in()


def test_health_check_that_says_it_is_ill_is_not_a_success(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The check has its own status inside an HTTP 200 (§1.9)."""
    api.get(HEALTH, json={"statusCodeValue": 503, "statusCode": "SERVICE_UNAVAILABLE"})
    with pytest.raises(PortalAnswerError, match="503"):
        portal.sign_in()


def test_report_just_after_a_deposit_is_pending(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """An unknown flux may only be young (§2.2)."""
    label = "POQ_MSG_01.003 - Flux introuvable."
    api.post(REPORT, json={"codeRetour": 20001, "libelle": label})
    report = portal.integration_report(FLUX)
    assert (report.state, report.raw_state) == (FluxState.PENDING, label)


def test_same_code_with_another_label_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """20001 means other things too: only "introuvable" is patience."""
    api.post(REPORT, json={"codeRetour": 20001, "libelle": "GDP_MSG_11.005"})
    with pytest.raises(PortalAnswerError):
        portal.integration_report(FLUX)


@pytest.mark.parametrize("as_list", [True, False])
def test_partial_report_keeps_every_error(
    api: responses.RequestsMock, portal: ChorusPro, *, as_list: bool
) -> None:
    """The official sample prints the list of one as an object; both read the same."""
    error = {
        "identifiantDestinataire": "00000000005734",
        "identifiantFournisseur": 5719,
        "libelleErreurDP": "L'identifiant fournisseur n'est pas reference. ",
        "numeroDP": "F1110_NBO050740100",
    }
    listed = [error] if as_list else error
    api.post(REPORT, json=done(etatCourantDepotFlux="IN_INTEGRE_PARTIEL", listeErreurDP=listed))
    report = portal.integration_report(FLUX)
    assert report.state is FluxState.PARTIAL
    assert [(e.invoice_number, e.supplier, e.recipient) for e in report.errors] == [
        ("F1110_NBO050740100", "00000000005719", "00000000005734")
    ]
    assert report.text == "L'identifiant fournisseur n'est pas reference."
    assert json.loads(report.raw)["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"


def test_rejected_file_keeps_the_technical_error(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A schema error names no invoice, and has its own code."""
    errors = [{"natureErreur": "ERR_XSD", "codeErreur": "ERR_XSD_001", "libelleErreur": "cvc"}]
    api.post(REPORT, json=done(etatCourantDepotFlux="IN_REJETE", listeErreurTechnique=errors))
    (error,) = portal.integration_report(FLUX).errors
    assert (error.code, error.text, error.invoice_number) == ("ERR_XSD_001", "cvc", "")


@pytest.mark.parametrize("word", ["VALIDE", "", "IN_INTEGRE_BIS", "QP_IRRECEVABLE"])
def test_unknown_state_is_shown_not_guessed(
    api: responses.RequestsMock, portal: ChorusPro, word: str
) -> None:
    """A word nobody knows is neither success nor failure."""
    api.post(REPORT, json=done(etatCourantDepotFlux=word))
    report = portal.integration_report(FLUX)
    assert (report.state, report.raw_state) == (FluxState.UNRECOGNISED, word)


def test_search_reads_all_pages(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """218 invoices on pages smaller than asked are 218 invoices, and every call is explicit."""
    rows = [row(i, numeroFluxDepot=FLUX) for i in range(218)]
    block = "rechercheFactureParFournisseur"
    api.add_callback("POST", SEARCH, paged(rows, 10, block, "listeFactures"))
    found = portal.search(flux_number=FLUX)
    assert [invoice.cpp_id for invoice in found] == list(range(218))
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
        portal.search(invoice_number="FAC-1")
    assert len(sent(api, SEARCH)) == len(pages)


def test_search_at_the_limit_may_be_cut(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """As many results as the maximum we gave may be fewer than there are."""
    api.post(SEARCH, json=page([row(i) for i in range(MOST_RESULTS)], MOST_RESULTS))
    with pytest.raises(PortalAnswerError, match="coupés"):
        portal.search(invoice_number="FAC-1")


def test_empty_search_is_an_answer(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Zero announced and zero given, list absent or not, is a true absence."""
    api.post(SEARCH, json=done(parametresRetour={"total": 0, "pages": 0, "pageCourante": 0}))
    assert portal.search(invoice_number="FAC-1") == ()


def test_search_keeps_the_exact_number_only(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Should the portal match beginnings, FAC-10 is still not FAC-1."""
    api.post(SEARCH, json=page([row(1), row(2, numeroFacture="FAC-10")], 2))
    assert [found.cpp_id for found in portal.search(invoice_number="FAC-1")] == [1]


def test_search_needs_a_criterion(portal: ChorusPro) -> None:
    """Everything we ever issued is not a question."""
    with pytest.raises(ValueError, match="number"):
        portal.search()


def test_found_invoice_is_read_exactly(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Amounts come from the digits of the text, instants are UTC, the SIRET is whole."""
    body = (
        '{"codeRetour": 0, "libelle": "x", "parametresRetour": {"total": 1}, "listeFactures": '
        '{"identifiantFactureCPP": "4321098", "numeroFacture": "FAC-1", '
        '"dateFacture": "2026-10-07", "codeDestinataire": 1000900017, '
        '"montantTTC": 90071992547409.93, "statut": "SUSPENDUE", '
        f'"numeroFluxDepot": "{FLUX}", "dateHeureEtatCourant": "2026-10-08T10:12:00+02:00", '
        '"commentaireEtatCourant": "Bon de livraison manquant"}}'
    )
    api.post(SEARCH, body=body)
    (found,) = portal.search(invoice_number="FAC-1")
    assert (found.cpp_id, found.recipient) == (4321098, "00001000900017")
    assert (found.issue_date, found.gross) == (date(2026, 10, 7), Money(9007199254740993))
    assert (found.status, found.raw_status) == (BuyerStatus.SUSPENDED, "SUSPENDUE")
    assert found.status_at == datetime(2026, 10, 8, 8, 12, tzinfo=UTC)
    assert found.comment == "Bon de livraison manquant"


def test_bare_found_invoice_is_still_found(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Fields without a value are left out by the portal: the invoice exists all the same."""
    api.post(SEARCH, json=page([row(1, montantTTC=None, statut=None)], 1))
    (found,) = portal.search(invoice_number="FAC-1")
    assert (found.gross, found.issue_date, found.status_at) == (None, None, None)
    assert found.status is BuyerStatus.UNRECOGNISED


def test_history_takes_no_order_for_granted(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """The current status is the one the portal calls current; entries keep their words."""
    statuses = [
        {"histoStatutCode": "DEPOSEE", "histoStatutDatePassage": "2018-04-19 11:08"},
        {
            "histoStatutCode": "REJETEE",
            "histoStatutDatePassage": "2018-04-20 09:00",
            "histoStatutCommentaire": "Montant erroné",
            "histoStatutUtilisateurNom": "MARTIN",
        },
        {"histoStatutCode": "NOUVEAU", "histoStatutDatePassage": None},
    ]
    blocks = {"histoStatut": statuses}
    api.post(HISTORY, json=done(statutCourantCode="MANDATEE", historiquesDesStatuts=blocks))
    history = portal.history(7)
    assert (history.cpp_id, history.status) == (7, BuyerStatus.APPROVED)
    assert [(e.raw_status, e.status, e.at, e.comment) for e in history.entries] == [
        ("DEPOSEE", BuyerStatus.IN_PROGRESS, "2018-04-19 11:08", ""),
        ("REJETEE", BuyerStatus.REJECTED, "2018-04-20 09:00", "Montant erroné"),
        ("NOUVEAU", BuyerStatus.UNRECOGNISED, "", ""),
    ]
    assert "MARTIN" not in f"{history}"


def found_structures(*rows: object) -> dict[str, object]:
    """The answer of a structure search."""
    return done(listeStructures=list(rows))


def structure_row(siret: object, portal_id: object = 144, statut: str = "ACTIVE") -> object:
    """One found structure."""
    return {
        "idStructureCPP": portal_id,
        "identifiantStructure": siret,
        "designationStructure": "COMMUNE EXEMPLE",
        "statut": statut,
    }


def test_structure_is_found_then_consulted(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Its demands come from the second call, under the identifier of the first."""
    other, same = structure_row("99999999999999", 1), structure_row(int(SIRET), "144")
    api.post(STRUCTURES, json=found_structures(other, same))
    api.post(STRUCTURE, json=done(parametres={"codeServiceDoitEtreRenseigne": True}))
    assert portal.structure(SIRET) == KNOWN
    assert sent(api, STRUCTURE) == [{"idStructureCPP": 144, "codeLangue": "fr"}]


@pytest.mark.parametrize(
    "answer", [done(), done(listeStructures=[]), found_structures(structure_row("1" * 14))]
)
def test_unknown_structure_is_none(
    api: responses.RequestsMock, portal: ChorusPro, answer: dict[str, object]
) -> None:
    """No list, an empty one, or only others: nobody has this SIRET."""
    api.post(STRUCTURES, json=answer)
    assert portal.structure(SIRET) is None


def test_inactive_structure_is_a_fact_and_is_not_consulted(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """It exists and cannot receive: not the same as unknown."""
    api.post(STRUCTURES, json=found_structures(structure_row(SIRET, statut="INACTIVE")))
    found = portal.structure(SIRET)
    assert found is not None
    assert not found.active


@pytest.mark.parametrize(
    "general,public,last_day",
    [
        (
            {
                "structurePriveePublique": "PRIVEE",
                "dateExpirationMotPasseCompteTech": "2027-10-01T00:00:00+02:00",
            },
            False,
            date(2027, 10, 1),
        ),
        (
            {
                "structurePriveePublique": "PUBLIQUE",
                "dateExpirationMotPasseCompteTech": "2027-09-30T22:00:00.000Z",
            },
            True,
            date(2027, 10, 1),
        ),
        ({"structurePriveePublique": None, "dateExpirationMotPasseCompteTech": "?"}, True, None),
        (None, True, None),
    ],
)
def test_structure_says_its_nature_and_when_its_password_expires(
    api: responses.RequestsMock,
    portal: ChorusPro,
    general: dict[str, object] | None,
    *,
    public: bool,
    last_day: date | None,
) -> None:
    """Both are told to those attached to the structure: the day is that of Paris (§1.6, §2.9)."""
    api.post(STRUCTURES, json=found_structures(structure_row(SIRET)))
    api.post(STRUCTURE, json=done(parametres={}, informationGenerales=general))
    found = portal.structure(SIRET)
    assert found is not None
    assert (found.public, found.password_expires) == (public, last_day)


def test_active_structure_wins_over_its_dead_twin(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The same SIRET may be there twice, once closed."""
    twin = structure_row(SIRET, 9, statut="INACTIVE")
    api.post(STRUCTURES, json=found_structures(twin, structure_row(SIRET)))
    api.post(STRUCTURE, json=done(parametres={"codeServiceDoitEtreRenseigne": "true"}))
    assert portal.structure(SIRET) == KNOWN


def test_structure_without_demands_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Missing parameters must not read as "demands nothing"."""
    api.post(STRUCTURES, json=found_structures(structure_row(SIRET)))
    api.post(STRUCTURE, json=done())
    with pytest.raises(PortalAnswerError):
        portal.structure(SIRET)
    api.replace("POST", STRUCTURES, json=found_structures(structure_row(SIRET, None)))
    with pytest.raises(PortalAnswerError):
        portal.structure(SIRET)
    api.replace("POST", STRUCTURES, json=done(listeStructures="?"))
    with pytest.raises(PortalAnswerError):
        portal.structure(SIRET)


def test_service_is_looked_for_on_all_pages(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """The last of 218 services is found, by its exact code, with its own demands."""
    services: list[dict[str, object]] = [
        {"idService": i, "codeService": f"SRV{i}", "libelleService": f"N{i}", "estActif": True}
        for i in range(218)
    ]
    block = "parametresRechercherServicesStructure"
    api.add_callback("POST", SERVICES, paged(services, 100, block, "listeServices"))
    demands = {"numeroEngagement": True, "dateFinValidite": "2030-12-31T00:00:00+01:00"}
    api.post(SERVICE, json=done(parametres=demands))
    found = portal.service(KNOWN, "SRV217")
    assert found is not None
    assert (found.code, found.name, found.active) == ("SRV217", "N217", True)
    assert (found.engagement_required, found.valid_to) == (True, date(2030, 12, 31))
    assert sent(api, SERVICE) == [{"idStructure": 144, "idService": 217, "codeLangue": "fr"}]
    assert portal.service(KNOWN, "srv217") is None


def test_service_days_of_the_list_hold_when_the_detail_leaves_them_out(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The list and the detail both say them, in two forms; either is enough (§2.9)."""
    days = {"dateDbtService": "2017-01-01 00:00", "dateFinService": "2020-12-31 00:00"}
    listed = [{"idService": 1, "codeService": "A", "estActif": True, **days}]
    api.post(SERVICES, json=done(listeServices=listed, parametresRetour={"total": 1}))
    api.post(SERVICE, json=done(parametres={"numeroEngagement": False}))
    found = portal.service(KNOWN, "A")
    assert found is not None
    assert (found.valid_from, found.valid_to) == (date(2017, 1, 1), date(2020, 12, 31))


def test_service_without_demands_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Missing parameters must not read as "no engagement needed"."""
    listed = [{"idService": 1, "codeService": "A", "estActif": True}]
    api.post(SERVICES, json=done(listeServices=listed, parametresRetour={"total": 1}))
    api.post(SERVICE, json=done())
    with pytest.raises(PortalAnswerError):
        portal.service(KNOWN, "A")


def test_user_is_told_to_the_invoice_api_only(api: responses.RequestsMock) -> None:
    """The Factures operations carry idUtilisateurCourant when it is configured (§1.7)."""
    portal = ChorusPro(settings(user_id=331))
    api.post(SEARCH, json=page([], 0))
    api.post(STRUCTURES, json=done())
    portal.search(invoice_number="FAC-1")
    portal.structure(SIRET)
    portal.close()
    assert sent(api, SEARCH)[0]["idUtilisateurCourant"] == 331
    assert "idUtilisateurCourant" not in sent(api, STRUCTURES)[0]


def test_logs_hold_identifiers_only(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """Neither bodies nor secrets are logged, in success or failure."""
    api.post(REPORT, json=done(etatCourantDepotFlux="IN_REJETE", nomFichier="corps-privé"))
    with structlog.testing.capture_logs() as logs:
        portal.integration_report(FLUX)
    shown = f"{logs}"
    assert "consulterCRDetaille" in shown
    for private in (PASSWORD, CLIENT_SECRET, "corps-privé", "Bearer"):
        assert private not in shown


def test_portal_that_stays_down_is_down(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """A read that never gets an answer raises, within its bounds."""
    api.post(SEARCH, status=503)
    with pytest.raises(PortalDown):
        portal.search(invoice_number="FAC-1")
