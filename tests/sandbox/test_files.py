"""Files at the sandbox: attachments, downloads, the report as a PDF, who the account acts for."""

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from lxml import etree
from pypdf import PdfReader

from chorus_sandbox import SandboxOptions
from chorus_sandbox.routes.attachments import LARGEST_ATTACHMENT
from tests.support import dataset
from tests.support.sandbox_documents import CII, MEANS, UBL, factur_x, lot, numbered
from tests.support.sandbox_portal import (
    ADD_FILE,
    ATTACHED,
    COMPLETE,
    DECIDE,
    DOWNLOAD,
    FILE_TYPES,
    GROUP,
    MY_STRUCTURES,
    PRINTED_REPORT,
    Portal,
    started,
)

FACTUR_X = "IN_DP_E2_CII_FACTURX"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A sandbox whose verdicts come at once."""
    yield from started(SandboxOptions(data=tmp_path / "sandbox.db", port=0))


def file(
    content: bytes = b"%PDF-1.7", changes: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The body that adds a file."""
    return {
        "pieceJointeFichier": base64.b64encode(content).decode(),
        "pieceJointeNom": "bon.pdf",
        "pieceJointeTypeMime": "application/pdf",
        "pieceJointeExtension": "PDF",
    } | dict(changes or {})


def completed(portal: Portal, content: bytes, syntax: str) -> int:
    """An integrated invoice completed with a file."""
    identifier = portal.integrate(content, syntax)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="SUSPENDUE", motif="BL absent")
    element = {
        "pieceJointeComplementaireDesignation": "Bon",
        "pieceJointeComplementaireType": "02",
        "pieceJointeComplementaireId": portal.call(ADD_FILE, **file())["pieceJointeId"],
    }
    portal.call(COMPLETE, identifiantFactureCPP=identifier, pieceJointeComplementaire=[element])
    return identifier


def download(portal: Portal, *invoices: int, **changes: object) -> bytes:
    """What telecharger/groupe gives for these invoices."""
    listed = [{"idFacture": invoice} for invoice in invoices]
    body = {"format": "PDF", "listeFacture": listed} | changes
    answer = portal.call(GROUP, **body)
    assert answer["codeRetour"] == 0
    return base64.b64decode(answer["fichierResultat"])


def names(content: bytes) -> list[str]:
    """The files of a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_a_file_gets_an_identifier(portal: Portal) -> None:
    """Each added file has its own identifier, far from those of invoices."""
    first, second = (portal.call(ADD_FILE, **file())["pieceJointeId"] for _ in range(2))

    assert 6_900_000 < first < second < 8_000_000


def test_a_file_holds_ten_megabytes(portal: Portal) -> None:
    """The limit passes, one byte more is the recorded refusal."""
    assert portal.call(ADD_FILE, **file(bytes(LARGEST_ATTACHMENT)))["codeRetour"] == 0
    for size in (LARGEST_ATTACHMENT + 1, LARGEST_ATTACHMENT + 4096):
        assert portal.call(ADD_FILE, **file(bytes(size)))["codeRetour"] == 20003


@pytest.mark.parametrize(
    "changes",
    [
        {"pieceJointeNom": "x" * 47 + ".pdf"},
        {"pieceJointeNom": "bon.txt"},
        {"pieceJointeNom": "bon.exe", "pieceJointeExtension": "EXE"},
    ],
)
def test_a_file_has_a_short_name_and_a_known_kind(
    portal: Portal, changes: dict[str, object]
) -> None:
    """A long name, another extension than announced or one not admitted is refused."""
    answer = portal.call(ADD_FILE, **file(changes=changes))

    assert answer["codeRetour"] != 0
    assert answer["libelle"].startswith("SIMULE - ")


@pytest.mark.parametrize(
    "changes",
    [
        {"pieceJointeFichier": ""},
        {"pieceJointeFichier": "é"},
        {"pieceJointeNom": None},
        {"pieceJointeTypeMime": None},
        {"pieceJointeExtension": None},
    ],
)
def test_a_malformed_file_is_not_kept(portal: Portal, changes: dict[str, object]) -> None:
    """An empty file, wrong base64 or a missing field is a 400."""
    assert portal.post(ADD_FILE, file(changes=changes)).status_code == 400


def test_types_of_files(portal: Portal) -> None:
    """The types of attachments of an invoice are listed, and said to be simulated."""
    listed = portal.call(FILE_TYPES, codeLangue="fr", typeObjet="FACTURE")["listeTypePieceJointe"]

    assert {"01", "02"} <= {kind["codeTypePieceJointe"] for kind in listed}
    assert all(kind["libelleTypePieceJointe"].startswith("SIMULE - ") for kind in listed)
    assert portal.call(FILE_TYPES, typeObjet="MANDAT")["codeRetour"] != 0


def test_a_factur_x_is_downloaded_as_it_was_deposited(portal: Portal) -> None:
    """One PDF without attachments comes back byte for byte, by either route."""
    pdf = factur_x(CII)
    identifier = portal.integrate(pdf, FACTUR_X)
    assert download(portal, identifier) == pdf
    asked = {"format": "PDF", "listeFacture": [{"idFacture": identifier}]}
    answer = portal.call(DOWNLOAD, objetPieceJointe="DEMANDE_PAIEMENT", demandePaiement=asked)

    assert base64.b64decode(answer["pieceJointe"]) == pdf
    assert portal.call(DOWNLOAD, objetPieceJointe="UTILISATEUR")["codeRetour"] != 0


def test_several_files_come_in_a_zip(portal: Portal) -> None:
    """With attachments, bare XML or several invoices, a zip; a folder for each invoice."""
    pdf = completed(portal, factur_x(numbered("A/1")), FACTUR_X)
    xml = portal.integrate(UBL, "IN_DP_E1_UBL_INVOICE")
    alone = names(download(portal, pdf, avecPiecesJointesComplementaires="OUI"))
    assert [name.rpartition("-")[2] for name in alone] == ["facture.xml", "bon.pdf"]
    assert names(download(portal, xml)) == ["facture.xml"]
    folders = names(download(portal, pdf, xml, avecPiecesJointesComplementaires="NON"))

    assert folders == [f"A_1-{pdf}/facture.xml", f"FA-2026-0002-{xml}/facture.xml"]


def test_the_pivot_holds_everything(portal: Portal) -> None:
    """One XML has each invoice, its elements and its attachments, and says it is simulated."""
    first = completed(portal, factur_x(numbered("F-1")), FACTUR_X)
    second = portal.integrate(UBL, "IN_DP_E1_UBL_INVOICE")
    root = etree.fromstring(download(portal, first, second, format="PIVOT"))

    assert root.tag.startswith("SIMULE")
    assert [(one.get("identifiant"), one.get("numero")) for one in root] == [
        (str(first), "F-1"),
        (str(second), "FA-2026-0002"),
    ]
    assert [part.text for part in root.iter("PieceJointe")] == [
        base64.b64encode(b"%PDF-1.7").decode()
    ]
    assert any(str(element.tag).endswith("CrossIndustryInvoice") for element in root[0])


@pytest.mark.parametrize(
    "body,status",
    [
        ({"format": "PDF", "listeFacture": []}, 400),
        ({"format": "ZIP", "listeFacture": [{"idFacture": 8000001}]}, 400),
        ({"listeFacture": [{"idFacture": 8000001}]}, 400),
        ({"format": "PDF", "listeFacture": [{}]}, 400),
        (
            {
                "format": "PDF",
                "avecPiecesJointesComplementaires": "PEUT-ETRE",
                "listeFacture": [{"idFacture": 8000001}],
            },
            400,
        ),
        ({"format": "PDF", "listeFacture": [{"idFacture": 1}]}, 200),
    ],
)
def test_a_download_names_what_it_wants(
    portal: Portal, body: dict[str, object], status: int
) -> None:
    """A malformed request is a 400, an unknown invoice a business refusal."""
    portal.integrate(CII)
    answer = portal.post(GROUP, body)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"codeRetour": 20000, "libelle": "SIMULE - Facture inconnue"}


def test_a_download_has_a_limit(portal: Portal) -> None:
    """More than 120 MB in one answer is a 413: thirteen attachments of the largest size."""
    identifier = portal.integrate(CII)
    portal.call(DECIDE, idFacture=identifier, nouveauStatut="SUSPENDUE", motif="BL absent")
    large = portal.call(ADD_FILE, **file(bytes(LARGEST_ATTACHMENT)))["pieceJointeId"]
    element = {
        "pieceJointeComplementaireDesignation": "Bon",
        "pieceJointeComplementaireType": "02",
        "pieceJointeComplementaireId": large,
    }
    portal.call(
        COMPLETE, identifiantFactureCPP=identifier, pieceJointeComplementaire=[element] * 13
    )
    asked = {"listeFacture": [{"idFacture": identifier}], "avecPiecesJointesComplementaires": "OUI"}
    for form in ("PDF", "PIVOT"):
        answer = portal.post(GROUP, asked | {"format": form})
        assert (answer.status_code, answer.content) == (413, b"")

    assert names(download(portal, identifier)) == ["facture.xml"]


def test_the_report_is_a_real_pdf(portal: Portal) -> None:
    """A reader opens it and finds the flux, its state and each refused invoice, on every page."""
    bad = {f"{rank}.xml": numbered(f"BAD({rank})", {MEANS: None}) for rank in range(40)}
    number = portal.deposit(lot(bad))
    answer = portal.call(PRINTED_REPORT, numeroFluxDepot=number)
    assert (answer["etatCourantFlux"], answer["numeroFluxDepot"]) == ("IN_REJETE", number)
    pages = PdfReader(io.BytesIO(base64.b64decode(answer["fichierCR"])), strict=True).pages
    text = "".join(page.extract_text() for page in pages)
    assert len(pages) > 1
    for words in (number, "IN_REJETE", "intégration", *[f"BAD({rank})" for rank in range(40)]):
        assert words in text


def test_the_report_of_an_unknown_flux(portal: Portal) -> None:
    """A number never given out has no report to print."""
    answer = portal.call(PRINTED_REPORT, numeroFluxDepot="CPP0011117000000000000001")

    assert answer["codeRetour"] == 20001


def test_the_account_acts_for_every_active_structure(portal: Portal) -> None:
    """Both routes list the active structures, and only them, services included."""
    listed = portal.call(MY_STRUCTURES)["listeStructures"]
    sirets = {structure["identifiant"] for structure in listed}
    assert {dataset.SUPPLIER, dataset.PUBLIC_SUPPLIER} <= sirets
    assert dataset.INACTIVE_SUPPLIER not in sirets
    asked = {"nbResultatsParPage": 5, "pageResultatDemandee": 1, "triSens": "Ascendant"}
    seen = []
    while True:
        answer = portal.call(ATTACHED, parametresRecherche=asked)
        seen += answer["listeStructureRattachement"]
        if asked["pageResultatDemandee"] == answer["parametresRetour"]["pages"]:
            break
        asked["pageResultatDemandee"] = answer["parametresRetour"]["pageCourante"] + 1
    assert {structure["identifiantStructure"] for structure in seen} == sirets
    services = next(
        structure["listeServicesRattache"]
        for structure in seen
        if structure["identifiantStructure"] == dataset.SERVICE_RULES
    )

    assert "LIBRE" in {service["codeService"] for service in services}
