"""Structures and services: what they demand, and what is missing is never "nothing"."""

from datetime import date

import pytest
import responses

from tests.support.portal_client import ROOT, done, paged, sent
from worker.errors import PortalAnswerError
from worker.portals import StructureRecord
from worker.portals.choruspro.portal import ChorusPro

STRUCTURES = f"{ROOT}/cpro/structures/v1/rechercher"
STRUCTURE = f"{ROOT}/cpro/structures/v1/consulter"
SERVICES = f"{ROOT}/cpro/structures/v1/rechercher/services"
SERVICE = f"{ROOT}/cpro/structures/v1/consulter/service"
SIRET = "12345678200051"
KNOWN = StructureRecord(
    portal_id="144",
    siret=SIRET,
    name="COMMUNE EXEMPLE",
    active=True,
    service_code_required=True,
    engagement_required=False,
    service_or_engagement_required=False,
    works_only=False,
    payment_not_reported=False,
)


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


@pytest.mark.parametrize("answer", [done(), done(listeStructures=[])])
def test_unknown_structure_is_none(
    api: responses.RequestsMock, portal: ChorusPro, answer: dict[str, object]
) -> None:
    """No list, or an empty one: nobody has this SIRET."""
    api.post(STRUCTURES, json=answer)

    assert portal.structure(SIRET) is None


@pytest.mark.parametrize("others", [1, 2])
def test_an_answer_about_others_is_no_answer(
    api: responses.RequestsMock, portal: ChorusPro, others: int
) -> None:
    """It does not say that nobody has this SIRET: no member is accused for it."""
    rows = (structure_row(f"{rank}" * 14, rank) for rank in range(1, others + 1))
    api.post(STRUCTURES, json=found_structures(*rows))

    with pytest.raises(PortalAnswerError, match="d'autres structures"):
        portal.structure(SIRET)


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
