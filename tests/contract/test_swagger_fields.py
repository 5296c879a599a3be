"""Every field the client sends or reads exists in the official Swaggers, under that very name.

``swagger_fields.json`` holds, per operation, the names of the input and output models of the
Factures v1.0.0 and Structures v1.0.0 Swaggers and the closed lists of values we use or read. The
Transverses Swagger is not public: its operations are as the reference describes them (§2.2, §2.3,
§2.8, §2.10).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses

from tests.support.portal_client import StillClock, client, settings
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.portals import (
    BuyerStatus,
    FluxState,
    FoundInvoice,
    HeldInvoice,
    HistoryEntry,
    ReportError,
    ServiceRecord,
    StructureRecord,
    SupportingFile,
)
from worker.portals.choruspro.deposit import SYNTAXES
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.choruspro.status_words import (
    BUYER_STATUSES,
    FLUX_STATES,
    buyer_status,
    flux_state,
)

ROOT = "https://api.exemple.invalid"
DEPOSIT = "/cpro/factures/v1/deposer/flux"
HISTORY = "/cpro/factures/v1/consulter/historique"
SWAGGER: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "swagger_fields.json").read_text(encoding="utf-8")
)
HELD = "/cpro/factures/v1/consulter/fournisseur"
SIRET = "12345678200051"
FILE = SupportingFile(name="BL-1.pdf", content=b"%PDF")
DAY = datetime(2026, 2, 3, 8, tzinfo=UTC), datetime(2026, 2, 4, 8, tzinfo=UTC)
# One value per name, so that a value that arrives proves the name it was read under.
VALUES: Mapping[str, object] = {
    "codeRetour": 0,
    "numeroFluxDepot": "FLUX",
    "dateDepot": "2026-02-03",
    "etatCourantDepotFlux": "IN_INTEGRE_PARTIEL",
    "total": 1,
    "pageCourante": 1,
    "identifiantFactureCPP": 77,
    "numeroFacture": "F-1",
    "dateFacture": "2026-01-15",
    "codeDestinataire": SIRET,
    "montantTTC": 12.5,
    "montantHtTotal": 10,
    "montantTtcTotal": 12,
    "facture.statutFacture": "COMPLETEE",
    "rejetTraite": True,
    "pieceJointeId": 6921280,
    "fichierCR": "JVBERi1D",
    "fichierResultat": "JVBERi1E",
    "listeFactures.statut": "SUSPENDUE",
    "listeStructures.statut": "ACTIVE",
    "dateHeureEtatCourant": "2026-02-03T10:00:00+01:00",
    "statutCourantCode": "MANDATEE",
    "histoStatutCode": "REJETEE",
    "histoStatutDatePassage": "2026-02-03 10:00",
    "idStructureCPP": 88,
    "identifiantStructure": SIRET,
    "idService": 99,
    "codeService": "SRV",
    "estActif": True,
    "numeroEngagement": True,
    "codeServiceDoitEtreRenseigne": True,
    "numeroEJDoitEtreRenseigne": True,
    "gestionNumeroEJOuCodeService": True,
    "estMoaUniquement": True,
    "statutMiseEnPaiementNestPasRemonte": True,
    "structurePriveePublique": "PRIVEE",
    "dateExpirationMotPasseCompteTech": "2027-10-01T00:00:00.000+02:00",
    "dateDebutValidite": "2020-01-01T00:00:00.000+01:00",
    "dateFinValidite": "2030-12-31T00:00:00.000+01:00",
}
CONTAINERS = frozenset(
    path.rpartition(".")[0]
    for operation in SWAGGER.values()
    for path in operation["answered"]
    if "." in path
)


def full_answer(operation: str) -> dict[str, object]:
    """An answer with every documented field and no other; each list has one element."""
    answer: dict[str, object] = {}
    for path in sorted(SWAGGER[operation]["answered"], key=lambda path: path.count(".")):
        *parents, name = path.split(".")
        place: Any = answer
        for parent in parents:
            place = place[parent]
        value = VALUES.get(path, VALUES.get(name, f"le {name}"))
        place[name] = {} if path in CONTAINERS else value
    return answer


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    """A portal that answers every operation with all its documented fields."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{ROOT}/api/oauth/token", json={"access_token": "un", "expires_in": 3600})
        for operation in SWAGGER:
            mock.post(ROOT + operation, json=full_answer(operation))
        yield mock


@pytest.fixture
def portal(api: responses.RequestsMock) -> Iterator[ChorusPro]:  # noqa: ARG001 - scripts HTTP
    """The client of that portal."""
    made = client(StillClock())
    yield made
    made.close()


def call_everything(portal: ChorusPro) -> None:
    """Each operation once."""
    portal.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=b"x")
    portal.integration_report("FLUX")
    portal.report_file("FLUX")
    portal.find(invoice_number="F-1", flux_number="FLUX")
    portal.changed(*DAY)
    portal.history("77")
    portal.held("77")
    portal.download("77")
    portal.complete("77", comment="Bon joint", files=[FILE])
    portal.acknowledge_rejection("77")
    structure = portal.structure(SIRET)
    assert structure is not None
    portal.service(structure, "SRV")


def flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The paths of a JSON body, containers included."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield prefix + name, inner
            for element in inner if isinstance(inner, list) else [inner]:
                yield from flat(element, f"{prefix}{name}.")


def test_every_field_sent_is_documented(api: responses.RequestsMock) -> None:
    """No operation receives a name, nor a value of a closed list, that it does not know."""
    portal = ChorusPro(settings(user_id=331))
    call_everything(portal)
    portal.close()
    called = set()
    for call in api.calls:
        operation = str(call.request.url).removeprefix(ROOT)
        if operation not in SWAGGER:
            continue
        called.add(operation)
        known = SWAGGER[operation]
        for path, value in flat(json.loads(call.request.body or b"")):
            assert path in known["sent"], (operation, path)
            if path in known["values"]:
                assert value in known["values"][path], (operation, path)

    assert called == set(SWAGGER)


INSTEAD = "password_end"
"""Stands for a day that cannot be read; the day itself is asserted."""


def everything_read(record: object) -> None:
    """Fail when a field of a record kept the value of something absent."""
    for field in fields(record):  # type: ignore[arg-type] # any record of the contract
        value = getattr(record, field.name)
        assert value or value == 0 or field.name == INSTEAD, f"{field.name} was not read"
        assert value not in (BuyerStatus.UNRECOGNISED, FluxState.UNRECOGNISED)


def test_every_field_read_is_documented(portal: ChorusPro) -> None:
    """From answers that hold documented names only, no field of our records stays empty."""
    deposit = portal.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=b"x")
    assert (deposit.flux_number, f"{deposit.deposit_date}") == ("FLUX", "2026-02-03")
    report = portal.integration_report("FLUX")
    assert report.state is FluxState.PARTIAL
    technical, refused = report.errors
    assert technical == ReportError(text="le libelleErreur", code="le codeErreur")
    assert refused == ReportError(
        text="le libelleErreurDP",
        invoice_number="le numeroDP",
        supplier="le identifiantFournisseur",
        recipient="le identifiantDestinataire",
    )
    assert (portal.report_file("FLUX"), portal.download("77")) == (b"%PDF-C", b"%PDF-D")
    (found,) = portal.find(invoice_number="F-1")
    assert portal.changed(*DAY) == (found,)
    held = portal.held("77")
    history = portal.history("77")
    (entry,) = history.entries
    structure = portal.structure(SIRET)
    assert structure is not None
    service = portal.service(structure, "SRV")
    assert service is not None
    assert history.status is BuyerStatus.APPROVED
    assert not structure.public
    read = (found, held, entry, structure, service)
    assert [type(one) for one in read] == [
        FoundInvoice,
        HeldInvoice,
        HistoryEntry,
        StructureRecord,
        ServiceRecord,
    ]
    for record in read:
        everything_read(record)

    assert found.comment == "le commentaireEtatCourant"
    assert entry.comment == "le histoStatutCommentaire"


def test_held_invoice_is_read_from_the_right_blocks(portal: ChorusPro) -> None:
    """Several fields have names that resemble: each comes from the one that is meant."""
    held = portal.held("77")

    assert (held.number, held.recipient) == ("F-1", SIRET)
    assert (held.service_code, held.engagement) == (
        "le codeServiceExecutant",
        "le numeroBonCommande",
    )
    assert (f"{held.net}", f"{held.gross}") == (f"{Money(1000)}", f"{Money(1200)}")
    assert held.attachments == ("le pieceJointeDesignation",)
    assert (held.raw_status, held.comment) == ("COMPLETEE", "le commentaire")


def test_file_that_completes_takes_the_code_and_the_number_given(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The type comes from the list of types, the identifier from the upload."""
    portal.complete("77", comment="Bon joint", files=[FILE])
    request = api.calls[-1].request
    (attached,) = json.loads(request.body or b"")["pieceJointeComplementaire"]

    assert attached == {
        "pieceJointeComplementaireDesignation": "BL-1.pdf",
        "pieceJointeComplementaireType": "le codeTypePieceJointe",
        "pieceJointeComplementaireId": 6921280,
    }


def test_syntaxes_are_in_the_official_list() -> None:
    """Made-up codes circulate: ours are among the thirteen."""
    assert set(SYNTAXES.values()) <= set(SWAGGER[DEPOSIT]["values"]["syntaxeFlux"])


def test_invoice_statuses_are_in_the_official_list() -> None:
    """Every word we translate exists; every official word is translated or shown as unknown."""
    official = set(SWAGGER[HISTORY]["values"]["statutCourantCode"])
    assert set(BUYER_STATUSES) <= official
    assert official == set(SWAGGER[HELD]["values"]["facture.statutFacture"])
    unknown = {word for word in official if buyer_status(word) is BuyerStatus.UNRECOGNISED}
    assert unknown == official - set(BUYER_STATUSES)
    assert "TECHNIQUE_INCONNU" in unknown
    # Works contracts, co-contractors and validators only: never an ordinary invoice of ours.
    roles = ("MOE", "MOA", "VALID", "REFUS", "FOURNISSEUR", "DESTINATAIRE", "A22")
    others = {"ASSOCIEE", "NON_CONFORME", "A_COMPLETER", "TECHNIQUE_INCONNU"}

    assert all(any(role in word for role in roles) for word in unknown - others)


@pytest.mark.parametrize(
    "word, status",
    [
        ("MANDATEE", BuyerStatus.APPROVED),
        ("COMPTABILISEE", BuyerStatus.APPROVED),
        ("MISE_A_DISPOSITION_COMPTABLE", BuyerStatus.APPROVED),
        ("MISE_EN_PAIEMENT", BuyerStatus.PAID),
        ("A_RECYCLER", BuyerStatus.REJECTED),
        ("REJETEE", BuyerStatus.REJECTED),
        ("ABANDONNEE", BuyerStatus.CLOSED),
        ("SUPPRIMEE", BuyerStatus.CLOSED),
        ("SUSPENDUE", BuyerStatus.SUSPENDED),
        ("COMPLETEE", BuyerStatus.IN_PROGRESS),
        ("mandatee", BuyerStatus.UNRECOGNISED),
        ("", BuyerStatus.UNRECOGNISED),
    ],
)
def test_statuses_that_matter(word: str, status: BuyerStatus) -> None:
    """The statuses that end or stop an invoice mean what the specification says."""
    assert buyer_status(word) is status


def test_only_integration_is_a_success() -> None:
    """Of all flux states, two say that something was integrated, one that nothing was."""
    by_meaning = {
        state: {word for word in FLUX_STATES if flux_state(word) is state} for state in FluxState
    }

    assert by_meaning[FluxState.INTEGRATED] == {"IN_INTEGRE"}
    assert by_meaning[FluxState.PARTIAL] == {"IN_INTEGRE_PARTIEL"}
    assert by_meaning[FluxState.REJECTED] == {"IN_REJETE"}
    assert flux_state("INTEGRE") is FluxState.UNRECOGNISED
