"""What the portal holds: an invoice, its document, its report as a PDF."""

import base64
import json
from collections.abc import Iterator

import pytest
import responses

from tests.portal_client import StillClock, client
from tests.scripted_server import reply, serving
from worker.errors import PortalAnswerError, PortalDown
from worker.money import Money
from worker.portals import BuyerStatus, HeldInvoice
from worker.portals.choruspro import ChorusPro
from worker.portals.choruspro_http import MOST_BYTES

ROOT = "https://api.exemple.invalid"
HELD = f"{ROOT}/cpro/factures/v1/consulter/fournisseur"
DOWNLOAD = f"{ROOT}/cpro/factures/v1/telecharger/groupe"
RECEIPT = f"{ROOT}/cpro/transverses/v1/consulterCR"
TOKEN = {"access_token": "jeton-opaque-0123456789", "expires_in": 3600}
FLUX = "CPP0011117000000000425903"
PDF = b"%PDF-1.7 un document"


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    """Chorus Pro, scripted; tokens are given for the asking."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{ROOT}/api/oauth/token", json=TOKEN)
        yield mock


@pytest.fixture
def portal() -> Iterator[ChorusPro]:
    """Its client."""
    made = client(StillClock())
    yield made
    made.close()


def done(**fields: object) -> dict[str, object]:
    """A successful answer."""
    return {"codeRetour": 0, "libelle": "GCU_MSG_01_000", **fields}


def in_base64(content: bytes) -> str:
    """A file as JSON carries it."""
    return base64.b64encode(content).decode()


def sent(api: responses.RequestsMock, url: str) -> list[object]:
    """The bodies an operation received."""
    calls = [call.request for call in api.calls if call.request.url == url]
    return [json.loads(request.body or b"") for request in calls]


def test_held_invoice_is_read_exactly(api: responses.RequestsMock, portal: ChorusPro) -> None:
    """What may differ from ours: recipient, references, amounts, files; the id may be text."""
    invoice = {
        "identifiantFactureCPP": "7",
        "numeroFacture": "FAC-1",
        "statutFacture": "SUSPENDUE",
        "destinataire": {"codeDestinataire": 1000900017, "codeServiceExecutant": "FACTURES"},
        "references": {"numeroBonCommande": "EJ-2026-7", "numeroMarche": "M-1"},
        "montantTotal": {"montantHtTotal": "2664.00", "montantTtcTotal": 3196.8},
        "listeDesPiecesJointes": {"pieceJointe": {"pieceJointeDesignation": "etat.pdf"}},
        "commentaire": "Bon de livraison manquant",
    }
    api.post(HELD, json=done(facture=invoice))
    assert portal.held(7) == HeldInvoice(
        cpp_id=7,
        number="FAC-1",
        status=BuyerStatus.SUSPENDED,
        raw_status="SUSPENDUE",
        recipient="00001000900017",
        service_code="FACTURES",
        engagement="EJ-2026-7",
        net=Money(266_400),
        gross=Money(319_680),
        attachments=("etat.pdf",),
        comment="Bon de livraison manquant",
    )


def test_bare_held_invoice_keeps_an_unknown_status(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Blocks without a value are left out or null; a word nobody knows is shown."""
    bare = {"numeroFacture": "F", "statutFacture": "NOUVEAU", "montantTotal": None}
    api.post(HELD, json=done(facture=bare))
    found = portal.held(7)
    assert (found.status, found.raw_status) == (BuyerStatus.UNRECOGNISED, "NOUVEAU")
    assert (found.gross, found.engagement, found.attachments) == (None, "", ())


@pytest.mark.parametrize("facture", [None, "?", {"identifiantFactureCPP": 8}])
def test_answer_about_another_invoice_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, facture: object
) -> None:
    """Nothing, or somebody else's invoice, is never compared with ours."""
    api.post(HELD, json=done(facture=facture))
    with pytest.raises(PortalAnswerError, match="7"):
        portal.held(7)


def test_download_is_the_document_with_its_files(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """As a PDF with what is beside it (§2.7); base64 broken in lines reads the same."""
    wrapped = "\r\n".join(in_base64(PDF)[i : i + 8] for i in range(0, 40, 8))
    api.post(DOWNLOAD, json=done(fichierResultat=wrapped))
    assert portal.download(7) == PDF
    assert sent(api, DOWNLOAD) == [
        {
            "format": "PDF",
            "avecPiecesJointesComplementaires": "OUI",
            "listeFacture": [{"idFacture": 7}],
        }
    ]


@pytest.mark.parametrize("file", [None, "", "pas du base64 !", "JVBERi0xLjQ", 12, ["JVBE"], "é"])
def test_unreadable_file_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, file: object
) -> None:
    """A damaged file is never taken for a document."""
    api.post(DOWNLOAD, json=done(fichierResultat=file))
    with pytest.raises(PortalAnswerError, match="facture 7"):
        portal.download(7)


def test_folder_too_big_for_the_portal_is_refused(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Its 413 is an answer, asked once."""
    api.post(DOWNLOAD, status=413)
    with pytest.raises(PortalAnswerError, match="HTTP 413"):
        portal.download(7)
    assert len(sent(api, DOWNLOAD)) == 1


def test_document_larger_than_an_ordinary_answer_is_read_whole() -> None:
    """Downloads have their own bound; any other answer of that size is given up."""
    large = PDF + b"\x00" * MOST_BYTES
    answer = reply(done(fichierResultat=in_base64(large), fichierCR=in_base64(large)))
    with serving(reply(TOKEN), answer) as server:
        portal = client(StillClock(), server.url)
        assert portal.download(7) == large
        portal.close()
    with serving(reply(TOKEN), answer) as server:
        portal = client(StillClock(), server.url)
        with pytest.raises(PortalDown):
            portal.receipt(FLUX)
        portal.close()


def test_receipt_is_kept_as_the_portal_made_it(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The PDF of the integration report, byte for byte."""
    api.post(RECEIPT, json=done(numeroFluxDepot=FLUX, fichierCR=in_base64(PDF)))
    assert portal.receipt(FLUX) == PDF
    assert sent(api, RECEIPT) == [{"numeroFluxDepot": FLUX}]


@pytest.mark.parametrize(
    "answer",
    [
        done(),
        done(fichierCR=None),
        done(fichierCR=""),
        {"codeRetour": 20001, "libelle": "POQ_MSG_01.003 - Flux introuvable."},
    ],
)
def test_no_receipt_yet_is_none(
    api: responses.RequestsMock, portal: ChorusPro, answer: dict[str, object]
) -> None:
    """An unknown flux, or one without a file: nothing to keep, and no error."""
    api.post(RECEIPT, json=answer)
    assert portal.receipt(FLUX) is None


@pytest.mark.parametrize(
    "answer", [done(fichierCR="?"), {"codeRetour": 20001, "libelle": "GDP_MSG_11.005"}]
)
def test_unreadable_or_forbidden_receipt_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, answer: dict[str, object]
) -> None:
    """A damaged file or a missing right is not "none yet"."""
    api.post(RECEIPT, json=answer)
    with pytest.raises(PortalAnswerError):
        portal.receipt(FLUX)


@pytest.mark.parametrize("status", [200, 400])
def test_operation_that_says_no_with_a_400_is_heard(
    api: responses.RequestsMock, portal: ChorusPro, status: int
) -> None:
    """Business refusals come with HTTP 200, by some clients' account also with 400 (§4.1)."""
    answer = {"codeRetour": 20001, "libelle": "POQ_MSG_01.003 - Flux introuvable."}
    api.post(RECEIPT, json=answer, status=status)
    assert portal.receipt(FLUX) is None
