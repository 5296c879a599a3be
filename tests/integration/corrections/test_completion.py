"""Completing a suspended invoice: checked first, journalled before the call, followed after it."""

import os
from pathlib import Path

import pytest

from tests.support.offices import Desk, number, open_desk
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.corrections.completion import LONGEST_NAME, accepted_name, complete
from worker.errors import (
    PortalAccessRefused,
    PortalAnswerError,
    PortalDown,
    Refused,
    WrongUse,
)
from worker.portals import SupportingFile
from worker.validation.value_limits import ATTACHMENT_NAME, broken

S = InvoiceStatus
ONE = number(1)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """One invoice, suspended by its buyer."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.decide(ONE, "SUSPENDUE", "il manque le bon de livraison")
    desk.clock.advance(hours=12)
    desk.follow()
    assert desk.one(ONE).status is S.SUSPENDED
    return desk


@pytest.fixture(name="slip")
def _slip(tmp_path: Path) -> Path:
    path = tmp_path / "bon-de-livraison.pdf"
    path.write_bytes(b"%PDF-1.7 bon")
    return path


def give(desk: Desk, *paths: Path, comment: str = "le bon signé") -> None:
    """The command."""
    complete(desk.app, desk.portal, ONE, comment, paths)


def told(desk: Desk) -> list[dict[str, object]]:
    """What the journal says of it."""
    tags = (EventTag.COMPLETION_INTENDED, EventTag.COMPLETION_ANSWERED)
    return [payload for _, payload in desk.events(*tags)]


def test_a_suspended_invoice_goes_back_to_its_buyer(desk: Desk, slip: Path) -> None:
    """The file is at the portal, in our archive and in the journal; nothing is deposited again."""
    give(desk, slip)
    invoice = desk.one(ONE)
    assert (invoice.status, invoice.portal_status) == (S.INTEGRATED, "completed")
    assert desk.portal.held("1").attachments == (slip.name,)
    intended, answered = told(desk)
    assert answered == {"outcome": "accepted"}
    assert intended["comment"] == "le bon signé"
    files = intended["files"]

    assert isinstance(files, dict)
    assert desk.archived()[files[slip.name]] == slip.read_bytes()
    assert len(desk.portal.fluxes) == 1


def test_only_a_suspended_invoice_is_completed(desk: Desk, slip: Path) -> None:
    """The second time it is not suspended any more: refused, and the portal is not asked."""
    give(desk, slip)
    desk.portal.asked.clear()
    with pytest.raises(Refused, match="n'attend aucune pièce"):
        give(desk, slip)

    assert desk.portal.asked == []


@pytest.mark.parametrize(
    "name,accepted",
    [
        ("bon.pdf", "bon.pdf"),
        ("Bon de livraison signé (été).pdf", "Bon-de-livraison-signe-ete.pdf"),
        ("pièce n°12.XLSX", "piece-n-12.XLSX"),
        ("日本.pdf", "piece.pdf"),
        (f"{'b' * 60}.pdf", f"{'b' * 46}.pdf"),
        ("œuvre.pdf", "oeuvre.pdf"),
    ],
)
def test_the_name_of_a_file_is_made_acceptable(name: str, accepted: str) -> None:
    """Accents and spaces go, the length is bounded, and the extension stays."""
    assert accepted_name(name) == accepted
    assert not list(broken(ATTACHMENT_NAME, accepted))
    assert len(accepted) <= LONGEST_NAME


@pytest.mark.parametrize(
    "name,size,comment,says",
    [
        ("bon.exe", 3, "ok", "pièce jointe"),
        ("vide.pdf", 0, "ok", "est vide"),
        ("gros.pdf", 10_000_001, "ok", "pèse plus de 10 Mo"),
        ("bon.pdf", 3, "   ", "commentaire est vide"),
        ("bon.pdf", 3, "x" * 2001, "2000 caractères"),
    ],
)
def test_what_chorus_pro_would_not_take_is_not_sent(
    desk: Desk, tmp_path: Path, name: str, size: int, comment: str, says: str
) -> None:
    """Said by file, before anything is journalled."""
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    with pytest.raises(WrongUse) as caught:
        give(desk, path, comment=comment)

    assert any(says in finding.message for finding in caught.value.findings)
    assert told(desk) == []


def test_what_is_no_regular_file_is_not_waited_for(desk: Desk, tmp_path: Path) -> None:
    """A pipe, a device, a folder and a link to nothing: each is named, and nothing is sent."""
    os.mkfifo(tmp_path / "tube.pdf")
    (tmp_path / "sans-fin.pdf").symlink_to("/dev/zero")
    (tmp_path / "dossier.pdf").mkdir()
    (tmp_path / "perdu.pdf").symlink_to(tmp_path / "rien")
    paths = sorted(tmp_path.glob("*.pdf"))
    with pytest.raises(WrongUse) as caught:
        give(desk, *paths)
    said = [finding.message for finding in caught.value.findings]

    assert [path.name in message for path, message in zip(paths, said, strict=True)] == [True] * 4
    assert told(desk) == []


def test_a_missing_file_and_a_double_name_are_said_together(desk: Desk, tmp_path: Path) -> None:
    """Everything at once: the person corrects once."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder / "bon.pdf").write_bytes(b"%PDF")
    with pytest.raises(WrongUse) as caught:
        give(desk, tmp_path / "a/bon.pdf", tmp_path / "b/bon.pdf", tmp_path / "absent.pdf")
    messages = " ".join(finding.message for finding in caught.value.findings)

    assert "absent.pdf" in messages
    assert "même nom" in messages


def test_without_a_certain_answer_the_journal_says_so(desk: Desk, slip: Path) -> None:
    """The connection breaks: suspended here still, and the command may be typed again."""

    def lost(portal_id: str, *, comment: str, files: tuple[SupportingFile, ...]) -> None:
        del portal_id, comment, files
        raise PortalDown("Chorus Pro ne répond pas.", "Réessayez.")

    desk.portal.complete = lost  # type: ignore[assignment, method-assign] # an answer that is lost
    with pytest.raises(PortalDown):
        give(desk, slip)
    assert told(desk)[-1]["outcome"] == "unknown"
    assert desk.one(ONE).status is S.SUSPENDED
    del desk.portal.complete
    give(desk, slip)

    assert desk.one(ONE).status is S.INTEGRATED


def test_a_right_we_lack_is_journalled_too(desk: Desk, slip: Path) -> None:
    """Forbidden to us: the intent does not stay without an end, and nothing was given."""

    def closed(portal_id: str, *, comment: str, files: tuple[SupportingFile, ...]) -> None:
        del portal_id, comment, files
        raise PortalAccessRefused("Accès interdit à completer (HTTP 403).")

    desk.portal.complete = closed  # type: ignore[assignment, method-assign] # forbidden
    with pytest.raises(PortalAccessRefused):
        give(desk, slip)

    assert told(desk)[-1]["outcome"] == "refused"
    assert desk.one(ONE).status is S.SUSPENDED


def test_a_refusal_is_journalled_and_the_state_read_again(desk: Desk, slip: Path) -> None:
    """The buyer accepted it meanwhile: the portal refuses the files, and we learn why."""
    desk.portal.decide(ONE, "MANDATEE")
    with pytest.raises(PortalAnswerError, match="pas suspendue"):
        give(desk, slip)

    assert told(desk)[-1]["outcome"] == "refused"
    assert (desk.one(ONE).status, desk.one(ONE).portal_status) == (S.INTEGRATED, "MANDATEE")


def test_a_comment_that_hides_a_sign_is_refused(desk: Desk, slip: Path) -> None:
    """What the buyer reads is what was typed; nothing is sent nor journalled otherwise."""
    with pytest.raises(WrongUse) as caught:
        give(desk, slip, comment="le bon\u202esigné")

    assert "U+202E" in caught.value.findings[0].message
    assert told(desk) == []
