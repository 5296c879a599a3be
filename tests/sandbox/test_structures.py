"""The directory of the sandbox over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chorus_sandbox import SandboxOptions
from chorus_sandbox.directory import read_structures
from chorus_sandbox.entries import EntryError
from chorus_sandbox.serving.server import SandboxServer
from tests.support import dataset
from tests.support.odd_files import KINDS
from tests.support.sandbox_documents import BUYER, CII, SERVICE, changed
from tests.support.sandbox_portal import (
    SERVICE_DETAIL,
    SERVICES,
    STRUCTURE,
    STRUCTURES,
    Portal,
    started,
)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def test_a_structure_is_found_by_siret(portal: Portal) -> None:
    """The search by SIRET gives one line in the official shape."""
    answer = portal.call(STRUCTURES, structure={"identifiantStructure": dataset.INACTIVE})
    (line,) = answer["listeStructures"]

    assert isinstance(line.pop("idStructureCPP"), int)
    assert line == {
        "identifiantStructure": dataset.INACTIVE,
        "typeIdentifiantStructure": "SIRET",
        "designationStructure": "COMMUNE INACTIVE DU BAC A SABLE",
        "statut": "INACTIVE",
    }


@pytest.mark.parametrize(
    "criterion,total",
    [
        ({"identifiantStructure": "99999999900000"}, 0),
        ({"typeStructure": "PRIVEE"}, 1),
        ({"statutStructure": "INACTIF"}, 2),
        ({"statutStructure": "INACTIVE"}, 0),
        ({"estMOAUniquement": True}, 1),
        ({"raisonSocialeStructure": "métropole"}, 0),
        ({"raisonSocialeStructure": "metropole"}, 1),
        ({"typeIdentifiantStructure": "RIDET"}, 0),
    ],
)
def test_criteria(portal: Portal, criterion: dict[str, object], total: int) -> None:
    """Each criterion counts, and nothing found is a success without a list."""
    answer = portal.call(STRUCTURES, structure=criterion)

    assert (answer["codeRetour"], answer["parametresRetour"]["total"]) == (0, total)
    assert ("listeStructures" in answer) is bool(total)


def test_unknown_criteria_are_refused(portal: Portal) -> None:
    """A criterion that is not simulated is refused, never ignored."""
    answer = portal.call(STRUCTURES, structure={"adresseVille": "Paris"})

    assert answer["codeRetour"] != 0


@pytest.mark.parametrize(
    "siret,flags",
    [
        (dataset.NO_PARAMETER, set()),
        (dataset.ENGAGEMENT, {"numeroEJDoitEtreRenseigne"}),
        (dataset.SERVICE, {"codeServiceDoitEtreRenseigne"}),
        (
            dataset.SERVICE_AND_ENGAGEMENT,
            {"codeServiceDoitEtreRenseigne", "numeroEJDoitEtreRenseigne"},
        ),
        (dataset.EITHER, {"gestionNumeroEJOuCodeService"}),
        (dataset.MOA_ONLY, {"estMoaUniquement", "getaMoa"}),
        (dataset.PAYMENT_NOT_REPORTED, {"statutMiseEnPaiementNestPasRemonte"}),
    ],
)
def test_what_a_recipient_demands(portal: Portal, siret: str, flags: set[str]) -> None:
    """The parameters of each recipient are those of its role, and no other."""
    answer = portal.call(STRUCTURE, idStructureCPP=portal.structure_id(siret))
    raised = {name for name, value in answer["parametres"].items() if value is True}
    assert raised - {"recevoirDonneesViaEDI", "connexionEDI"} == flags
    general = answer["informationGenerales"]

    assert general["identifiantStructure"] == siret
    assert general["structurePriveePublique"] == "PUBLIQUE"


def test_the_expiry_of_the_technical_account(portal: Portal) -> None:
    """The supplier reads when the password of its account expires, in Paris time."""
    identifier = portal.structure_id(dataset.SUPPLIER)
    general = portal.call(STRUCTURE, idStructureCPP=identifier)["informationGenerales"]

    assert general["dateExpirationMotPasseCompteTech"] == "2099-12-31T00:00:00+01:00"
    assert general["structurePriveePublique"] == "PRIVEE"


def test_services_come_by_pages(portal: Portal) -> None:
    """218 services and FACTURES_PUBLIQUES are read in pages, each once."""
    identifier = portal.structure_id(dataset.MANY_SERVICES)
    first = portal.call(SERVICES, idStructure=identifier)
    assert (len(first["listeServices"]), first["parametresRetour"]["pages"]) == (10, 22)
    codes = []
    for page in (1, 2, 3):
        block = {"pageResultatDemandee": page, "nbResultatsParPage": 100}
        answer = portal.call(
            SERVICES, idStructure=identifier, parametresRechercherServicesStructure=block
        )
        codes += [service["codeService"] for service in answer["listeServices"]]

    assert codes == ["FACTURES_PUBLIQUES", *(f"SRV{rank:03d}" for rank in range(1, 219))]


@pytest.mark.parametrize(
    "column,first",
    [
        ("LibelleService", "FERME"),
        ("DateDbtService", "FUTUR"),
        ("DateFinService", "LIBRE"),
        ("EstActif", "LIBRE"),
    ],
)
def test_services_are_sorted(portal: Portal, column: str, first: str) -> None:
    """The column asked for decides the order, here greatest first."""
    block = {"triColonne": column, "triSens": "Descendant"}
    answer = portal.call(
        SERVICES,
        idStructure=portal.structure_id(dataset.SERVICE_RULES),
        parametresRechercherServicesStructure=block,
    )
    assert len(answer["listeServices"]) == 6
    expected = {"LibelleService": "Service sans contrainte"}.get(column)
    top = answer["listeServices"][0]

    assert top["libelleService"] == expected if expected else top["codeService"] == first


def test_a_service_shows_its_validity_and_engagement(portal: Portal) -> None:
    """Activity and dates show in the list, the engagement in the detail."""
    identifier = portal.structure_id(dataset.SERVICE_RULES)
    listed = portal.call(SERVICES, idStructure=identifier)["listeServices"]
    services = {service["codeService"]: service for service in listed}
    assert services["FERME"]["estActif"] is False
    assert services["EXPIRE"]["dateFinService"] == "2020-12-31 00:00"
    assert services["LIBRE"]["dateDbtService"] == "2017-01-01 00:00"
    assert "dateFinService" not in services["LIBRE"]
    for code, wanted in (("AVEC_EJ", True), ("LIBRE", False)):
        detail = portal.call(
            SERVICE_DETAIL, idStructure=identifier, idService=services[code]["idService"]
        )
        assert detail["informationsGenerales"]["codeService"] == code
        assert detail["parametres"]["numeroEngagement"] is wanted


@pytest.mark.parametrize(
    "path,body",
    [
        (STRUCTURE, {"idStructureCPP": 1}),
        (SERVICES, {"idStructure": 1}),
        (SERVICE_DETAIL, {"idStructure": 1, "idService": 1}),
    ],
)
def test_unknown_structures(portal: Portal, path: str, body: dict[str, int]) -> None:
    """An unknown structure is a business refusal, a missing identifier a 400."""
    assert portal.call(path, **body)["codeRetour"] != 0
    assert portal.post(path, {"codeLangue": "fr"}).status_code == 400


def test_an_unknown_service(portal: Portal) -> None:
    """A service of another structure is not found."""
    identifier = portal.structure_id(dataset.NO_PARAMETER)

    assert portal.call(SERVICE_DETAIL, idStructure=identifier, idService=1)["codeRetour"] != 0


@pytest.mark.parametrize("make", [*KINDS, Path.exists])
def test_what_is_no_file_of_structures_is_said(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """A pipe would be waited for, a device never ends: one French sentence each."""
    path = tmp_path / "structures.json"
    make(path)
    with pytest.raises(EntryError, match=r"ordinaire|introuvable|trop grand"):
        read_structures(path)


def test_a_file_adds_structures(tmp_path: Path) -> None:
    """A structure of the file receives invoices like the built-in ones."""
    path = tmp_path / "structures.json"
    path.write_text('[{"siret": "00001000900033", "name": "COMMUNE AJOUTEE"}]')
    options = SandboxOptions(data=tmp_path / "x.db", port=0, directory=path)
    for portal in started(options):
        document = changed(CII, {BUYER: "00001000900033", SERVICE: None})
        assert portal.verdict(document)["etatCourantDepotFlux"] == "IN_INTEGRE"


def test_a_wrong_file_prevents_the_start(tmp_path: Path) -> None:
    """A structures file with an error leaves no server and no data behind."""
    path = tmp_path / "structures.json"
    path.write_text("[{}]")
    options = SandboxOptions(data=tmp_path / "x.db", port=0, directory=path)
    with pytest.raises(EntryError):
        SandboxServer(options)

    assert not options.data.exists()
