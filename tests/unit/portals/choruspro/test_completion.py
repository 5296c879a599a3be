"""Answers to a buyer: sent once, and a lost answer is looked into, never repeated."""

import json

import pytest

from tests.support.portal_client import PASSWORD, StillClock, client
from tests.support.scripted_server import ScriptedServer, Step, hang_up, reply, serving
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown, PortalError
from worker.portals import SupportingFile

TOKEN = reply({"access_token": "jeton-opaque-0123456789", "expires_in": 3600})
ORDER = SupportingFile(name="BL-2026-118.pdf", content=b"%PDF bon")
TYPES = reply(
    {
        "codeRetour": 0,
        "listeTypePieceJointe": [
            {"codeTypePieceJointe": "01", "libelleTypePieceJointe": "Facture"},
            {"codeTypePieceJointe": None, "libelleTypePieceJointe": "Justificatif"},
            {"codeTypePieceJointe": "02", "libelleTypePieceJointe": "Pièce justificative"},
            {"codeTypePieceJointe": "03", "libelleTypePieceJointe": "Autre"},
        ],
    }
)
ADDED = reply({"codeRetour": 0, "libelle": "x", "pieceJointeId": "6921280"})
DONE = reply({"codeRetour": 0, "libelle": "x", "identifiantFactureCPP": 7})
NOT_SUSPENDED = {"codeRetour": 20002, "libelle": "GDP_MSG_11.033"}


def status(word: str) -> Step:
    """What a later look at the invoice says."""
    invoice = {"identifiantFactureCPP": 7, "numeroFacture": "FAC-1", "statutFacture": word}
    return reply({"codeRetour": 0, "facture": invoice})


def asked(server: ScriptedServer) -> list[tuple[str, dict[str, object]]]:
    """The operations that were called, past the token, with their bodies."""
    calls = []
    for request in server.requests[1:]:
        head, _, body = request.partition(b"\r\n\r\n")
        calls.append((head.split()[1].decode().rpartition("/v1/")[2], json.loads(body)))
    return calls


def completed(
    *steps: Step, comment: str = "Bon joint", files: tuple[SupportingFile, ...] = (ORDER,)
) -> list[tuple[str, dict[str, object]]]:
    """The calls that completing an invoice made."""
    with serving(TOKEN, *steps) as server:
        portal = client(StillClock(), server.url)
        try:
            portal.complete("7", comment=comment, files=files)
        finally:
            portal.close()
        return asked(server)


def test_files_are_handed_over_then_named() -> None:
    """The requests are the documented ones (§2.7, §2.8), with the type the portal calls fit."""
    assert completed(TYPES, ADDED, DONE) == [
        ("recuperer/typespj", {"codeLangue": "fr", "typeObjet": "FACTURE"}),
        (
            "ajouter/fichier",
            {
                "pieceJointeFichier": "JVBERiBib24=",
                "pieceJointeNom": "BL-2026-118.pdf",
                "pieceJointeTypeMime": "application/pdf",
                "pieceJointeExtension": "PDF",
            },
        ),
        (
            "completer",
            {
                "identifiantFactureCPP": 7,
                "commentaire": "Bon joint",
                "pieceJointeComplementaire": [
                    {
                        "pieceJointeComplementaireDesignation": "BL-2026-118.pdf",
                        "pieceJointeComplementaireType": "02",
                        "pieceJointeComplementaireId": 6921280,
                    }
                ],
            },
        ),
    ]


def test_comment_alone_is_enough() -> None:
    """Without files, neither types nor uploads are asked for."""
    assert [name for name, _ in completed(DONE, files=())] == ["completer"]


@pytest.mark.parametrize("answer", [hang_up, reply(b"", 502), reply(b"<html>"), reply({})])
def test_lost_answer_is_settled_by_the_status(answer: Step) -> None:
    """COMPLETEE means that it worked; the request is sent once."""
    calls = completed(answer, status("COMPLETEE"), files=())
    assert [name for name, _ in calls] == ["completer", "consulter/fournisseur"]


@pytest.mark.parametrize("word", ["SUSPENDUE", "REJETEE", ""])
def test_lost_answer_that_did_nothing_is_said(word: str) -> None:
    """Still suspended, or something else: told as doubt, never as a refusal, and not repeated."""
    with pytest.raises(PortalDown, match=f"état {word or 'inconnu'}") as caught:
        completed(hang_up, status(word), DONE, files=())
    assert caught.type is PortalDown


def test_lost_answer_then_portal_down_stays_open() -> None:
    """Nobody can tell yet: the message says to look before starting again."""
    with pytest.raises(PortalDown, match="n'a pas confirmé") as caught:
        completed(*[hang_up] * 9, files=())
    assert "avant de recommencer" in caught.value.remedy


def test_refusal_shows_the_label() -> None:
    """An invoice that is not suspended any more is the portal's to say."""
    with pytest.raises(PortalAnswerError, match=r"GDP_MSG_11\.033 \(code 20002\)") as caught:
        completed(reply(NOT_SUSPENDED), files=())
    assert "facture 7 de Chorus Pro n'est peut-être plus suspendue" in caught.value.remedy


@pytest.mark.parametrize(
    "answer, error",
    [(reply(b"", 429), PortalDown), (reply(b"", 403), PortalAccessRefused)],
)
def test_turned_away_is_told_and_not_repeated(answer: Step, error: type[Exception]) -> None:
    """Throttled or forbidden: nothing was done, one call was made."""
    with serving(TOKEN, answer, DONE) as server:
        portal = client(StillClock(), server.url)
        with pytest.raises(error):
            portal.complete("7", comment="Bon joint", files=())
        portal.close()
        assert [name for name, _ in asked(server)] == ["completer"]


@pytest.mark.parametrize(
    "answer",
    [reply({"codeRetour": 20003, "libelle": "x"}), reply({"codeRetour": 0}), hang_up],
    ids=["too big", "no id", "lost"],
)
def test_file_that_was_not_taken_leaves_the_invoice_alone(answer: Step) -> None:
    """Completing without a file the buyer asked for would be worse than not completing."""
    with serving(TOKEN, TYPES, answer, DONE) as server:
        portal = client(StillClock(), server.url)
        with pytest.raises(PortalError):
            portal.complete("7", comment="Bon joint", files=[ORDER])
        portal.close()
        assert [name for name, _ in asked(server)] == ["recuperer/typespj", "ajouter/fichier"]


def test_portal_without_any_type_is_an_error() -> None:
    """A type is compulsory: none is made up."""
    with pytest.raises(PortalAnswerError, match="type de pièce jointe"):
        completed(reply({"codeRetour": 0, "listeTypePieceJointe": None}))


def test_rejection_is_acknowledged_once() -> None:
    """The request is the documented one (§2.7); a refusal shows the label, a lost one is down."""
    body = {"listeDemandePaiement": [{"idDemandePaiement": 7}]}
    for step, error in (
        (DONE, None),
        (reply(NOT_SUSPENDED), PortalAnswerError),
        (hang_up, PortalDown),
    ):
        with serving(TOKEN, step, DONE) as server:
            portal = client(StillClock(), server.url)
            if error is None:
                portal.acknowledge_rejection("7")
            else:
                with pytest.raises(error):
                    portal.acknowledge_rejection("7")
            portal.close()
            assert asked(server) == [("traiterRejet", body)]


def test_refused_token_is_renewed_once_then_it_stops() -> None:
    """Like a deposit: one 401 may be an old token, two are the technical account."""
    with serving(TOKEN, reply(b"", 401), TOKEN, DONE) as server:
        portal = client(StillClock(), server.url)
        portal.acknowledge_rejection("7")
        portal.close()
        assert len(server.requests) == 4
    with serving(TOKEN, reply(b"", 401), TOKEN, reply(b"", 401), DONE) as server:
        portal = client(StillClock(), server.url)
        with pytest.raises(PortalAccessRefused) as caught:
            portal.acknowledge_rejection("7")
        portal.close()
        assert len(server.requests) == 4
    assert PASSWORD not in f"{caught.value.message} {caught.value.remedy}"
