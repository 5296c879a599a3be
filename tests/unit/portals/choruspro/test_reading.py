"""What became of a file and its invoices: reports, what is held, documents, histories."""

import base64
import json

import pytest
import responses

from tests.support.portal_client import ROOT, TOKEN, StillClock, client, done, sent
from tests.support.scripted_server import reply, serving
from worker.billing.money import Money
from worker.errors import PortalAnswerError, PortalDown
from worker.portals import BuyerStatus, FluxState, HeldInvoice
from worker.portals.choruspro.portal import ChorusPro
from worker.portals.http.attempt import MOST_BYTES

HELD = f"{ROOT}/cpro/factures/v1/consulter/fournisseur"
DOWNLOAD = f"{ROOT}/cpro/factures/v1/telecharger/groupe"
REPORT = f"{ROOT}/cpro/transverses/v1/consulterCRDetaille"
HISTORY = f"{ROOT}/cpro/factures/v1/consulter/historique"
RECEIPT = f"{ROOT}/cpro/transverses/v1/consulterCR"
FLUX = "CPP0011117000000000425903"
PDF = b"%PDF-1.7 un document"


def in_base64(content: bytes) -> str:
    """A file as JSON carries it."""
    return base64.b64encode(content).decode()


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

    assert portal.held("7") == HeldInvoice(
        portal_id="7",
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


def test_a_report_cut_in_the_middle_of_a_sign_is_kept_as_text(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Half a sign is no character: it is kept as it was written, and shown as a blank."""
    body = done(etatCourantDepotFlux="IN_REJETE", listeErreurDP={"libelleErreurDP": "été \ud83d"})
    api.post(REPORT, json=body)
    report = portal.integration_report(FLUX)

    assert report.text == "été"
    assert '"été \\ud83d"' in report.raw.encode().decode()


def test_bare_held_invoice_keeps_an_unknown_status(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Blocks without a value are left out or null; a word nobody knows is shown."""
    bare = {"numeroFacture": "F", "statutFacture": "NOUVEAU", "montantTotal": None}
    api.post(HELD, json=done(facture=bare))
    found = portal.held("7")

    assert (found.status, found.raw_status) == (BuyerStatus.UNRECOGNISED, "NOUVEAU")
    assert (found.gross, found.engagement, found.attachments) == (None, "", ())


@pytest.mark.parametrize("facture", [None, "?", {"identifiantFactureCPP": 8}])
def test_answer_about_another_invoice_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, facture: object
) -> None:
    """Nothing, or somebody else's invoice, is never compared with ours."""
    api.post(HELD, json=done(facture=facture))
    with pytest.raises(PortalAnswerError, match="7"):
        portal.held("7")


def test_download_is_the_document_with_its_files(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """As a PDF with what is beside it (§2.7); base64 broken in lines reads the same."""
    wrapped = "\r\n".join(in_base64(PDF)[i : i + 8] for i in range(0, 40, 8))
    api.post(DOWNLOAD, json=done(fichierResultat=wrapped))

    assert portal.download("7") == PDF
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
        portal.download("7")


def test_folder_too_big_for_the_portal_is_refused(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """Its 413 is an answer, asked once."""
    api.post(DOWNLOAD, status=413)
    with pytest.raises(PortalAnswerError, match="HTTP 413") as caught:
        portal.download("7")

    assert "ne servirait à rien" in caught.value.remedy
    assert len(sent(api, DOWNLOAD)) == 1


def test_document_larger_than_an_ordinary_answer_is_read_whole() -> None:
    """Downloads have their own bound; any other answer of that size is given up."""
    large = PDF + b"\x00" * MOST_BYTES
    answer = reply(done(fichierResultat=in_base64(large), fichierCR=in_base64(large)))
    with serving(reply(TOKEN), answer) as server:
        portal = client(StillClock(), server.url)
        assert portal.download("7") == large
        portal.close()
    with serving(reply(TOKEN), answer) as server:
        portal = client(StillClock(), server.url)
        with pytest.raises(PortalDown):
            portal.report_file(FLUX)
        portal.close()


def test_receipt_is_kept_as_the_portal_made_it(
    api: responses.RequestsMock, portal: ChorusPro
) -> None:
    """The PDF of the integration report, byte for byte."""
    api.post(RECEIPT, json=done(numeroFluxDepot=FLUX, fichierCR=in_base64(PDF)))

    assert portal.report_file(FLUX) == PDF
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

    assert portal.report_file(FLUX) is None


@pytest.mark.parametrize(
    "answer", [done(fichierCR="?"), {"codeRetour": 20001, "libelle": "GDP_MSG_11.005"}]
)
def test_unreadable_or_forbidden_receipt_is_an_error(
    api: responses.RequestsMock, portal: ChorusPro, answer: dict[str, object]
) -> None:
    """A damaged file or a missing right is not "none yet"."""
    api.post(RECEIPT, json=answer)
    with pytest.raises(PortalAnswerError):
        portal.report_file(FLUX)


@pytest.mark.parametrize("status", [200, 400])
def test_operation_that_says_no_with_a_400_is_heard(
    api: responses.RequestsMock, portal: ChorusPro, status: int
) -> None:
    """Business refusals come with HTTP 200, by some clients' account also with 400 (§4.1)."""
    answer = {"codeRetour": 20001, "libelle": "POQ_MSG_01.003 - Flux introuvable."}
    api.post(RECEIPT, json=answer, status=status)

    assert portal.report_file(FLUX) is None


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


@pytest.mark.parametrize("flux", ["cpp001/1117 000039 é", "42", "F.1+(a)", "  CPP0-7 "])
def test_a_report_that_bears_the_number_that_was_asked_for_is_on_it(
    api: responses.RequestsMock, portal: ChorusPro, flux: str
) -> None:
    """Whatever the form of the number; a longer one, or none, is the name of a file."""
    names = [
        f"FSO1117A_CPP001_{flux.strip()}",
        f"{flux.strip().upper()}.tar.gz",
        f"FSO1117A_{flux.strip()}7",
        "F1.xml",
    ]
    for name in names:
        api.post(REPORT, json=done(etatCourantDepotFlux="IN_INTEGRE", nomFichier=name))

    assert [portal.integration_report(flux).file_name for _ in names] == ["", "", *names[2:]]


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
    history = portal.history("7")

    assert (history.portal_id, history.status) == ("7", BuyerStatus.APPROVED)
    assert [(e.raw_status, e.status, e.at, e.comment) for e in history.entries] == [
        ("DEPOSEE", BuyerStatus.UNDELIVERED, "2018-04-19 11:08", ""),
        ("REJETEE", BuyerStatus.REJECTED, "2018-04-20 09:00", "Montant erroné"),
        ("NOUVEAU", BuyerStatus.UNRECOGNISED, "", ""),
    ]
    assert "MARTIN" not in f"{history}"
