"""The client as a whole: identities, errors, what is told and what is logged."""

import pytest
import responses
import structlog

from tests.support.portal_client import CLIENT_SECRET, PASSWORD, ROOT, done, sent, settings
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown
from worker.portals import FluxState
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.http.retries import ATTEMPTS

HEALTH = f"{ROOT}/cpro/transverses/v1/health-check"
REPORT = f"{ROOT}/cpro/transverses/v1/consulterCRDetaille"
SEARCH = f"{ROOT}/cpro/factures/v1/rechercher/fournisseur"
HISTORY = f"{ROOT}/cpro/factures/v1/consulter/historique"
STRUCTURES = f"{ROOT}/cpro/structures/v1/rechercher"
FLUX = "CPP0011117000000000425903"
SIRET = "12345678200051"


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
        portal.find(invoice_number="FAC-1")


def test_business_error_of_a_read_shows_the_label(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A codeRetour other than 0 in an HTTP 200 is an error that says what the portal said."""
    api.post(HISTORY, json={"codeRetour": 20001, "libelle": "GDP_MSG_11.005"})
    with pytest.raises(PortalAnswerError, match=r"GDP_MSG_11\.005 \(code 20001\)"):
        portal.history("7")


def test_health_check_that_answers_something_else_is_not_a_success(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """A 404 on the way in means that the address is wrong."""
    api.get(HEALTH, status=404)
    with pytest.raises(PortalAnswerError, match="404"):
        portal.sign_in()


@pytest.mark.parametrize("page", [b"<html>Maintenance en cours</html>", b"", b"[]"])
def test_page_in_front_of_the_api_is_not_a_success(
    api: responses.RequestsMock, portal: ChorusPro, page: bytes
) -> None:
    """An HTTP 200 that the API did not write proves no credentials: no deposit may follow."""
    api.get(HEALTH, body=page)
    with pytest.raises(PortalAnswerError, match="illisible"):
        portal.sign_in()


def test_operation_that_fails_on_a_record_is_not_a_portal_that_is_away(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Asked again within bounds, then put down to that record: the others are asked about."""
    api.post(SEARCH, status=500)
    api.post(HISTORY, status=502)
    with pytest.raises(PortalAnswerError, match=r"rechercher/fournisseur \(HTTP 500\)"):
        portal.find(invoice_number="FAC-1")
    assert len(sent(api, SEARCH)) == ATTEMPTS
    with pytest.raises(PortalDown) as caught:
        portal.history("7")
    assert not isinstance(caught.value, PortalAnswerError)


def test_health_check_that_says_it_is_ill_is_not_a_success(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The check has its own status inside an HTTP 200 (§1.9)."""
    api.get(HEALTH, json={"statusCodeValue": 503, "statusCode": "SERVICE_UNAVAILABLE"})
    with pytest.raises(PortalAnswerError, match="503"):
        portal.sign_in()


def test_user_is_told_to_the_invoice_api_only(api: responses.RequestsMock) -> None:
    """The Factures operations carry idUtilisateurCourant when it is configured (§1.7)."""
    portal = ChorusPro(settings(user_id=331))
    api.post(SEARCH, json=done(parametresRetour={"total": 0}))
    api.post(STRUCTURES, json=done())
    portal.find(invoice_number="FAC-1")
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
        portal.find(invoice_number="FAC-1")
