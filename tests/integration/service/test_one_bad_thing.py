"""One bad thing stops one thing: a piece of the archive. A whole folder that is gone is told."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.offices import PARKED, Desk, light_render, number, open_desk
from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus, Trouble
from worker.corrections.todo import AdviceCode, todo
from worker.errors import IntegrityError
from worker.issuing.batch import MemberResult
from worker.service.bootstrap import open_verified
from worker.service.demo import STORY
from worker.service.heartbeat import beat

S = InvoiceStatus
BAD, GOOD = number(2), [number(rank) for rank in (1, 3, 4)]


def lost(piece: Path) -> None:
    """The piece is gone."""
    piece.unlink()


def altered(piece: Path) -> None:
    """A byte more."""
    piece.write_bytes(piece.read_bytes() + b"!")


def a_folder(piece: Path) -> None:
    """Something else has its name."""
    piece.unlink()
    piece.mkdir()


def a_loop(piece: Path) -> None:
    """A link to itself: the system refuses to open it."""
    piece.unlink()
    piece.symlink_to(piece)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=4)


def piece_of(desk: Desk, which: str) -> Path:
    """The file that is to be handed over."""
    (document,) = (one for one in desk.documents(which) if one.kind is DocumentKind.FACTURX)
    return desk.app.store.archive.folder / document.sha256[:2] / document.sha256


@pytest.mark.parametrize("together", [1, 10])
@pytest.mark.parametrize("damage", [lost, altered, a_folder, a_loop])
def test_a_bad_piece_stops_its_invoice_alone(
    desk: Desk, damage: Callable[[Path], None], together: int
) -> None:
    """Whatever hinders its reading, alone or in a lot: the others go; put back, it goes too."""
    desk.told(lot_invoices=together)
    piece = piece_of(desk, BAD)
    kept = piece.read_bytes()
    damage(piece)
    desk.deposit()
    assert [desk.one(good).status for good in GOOD] == [S.DEPOSITED] * 3
    bad = desk.one(BAD)
    assert (bad.status, bad.trouble) == (S.ISSUED, Trouble.PIECE_UNUSABLE)
    assert str(piece) in bad.french_detail
    advice = todo(bad, desk.clock())
    assert advice is not None
    assert advice.code is AdviceCode.RESTORE_PIECE
    assert "rétablissez ce fichier" in desk.advice(BAD)
    if piece.is_dir():
        piece.rmdir()
    else:
        piece.unlink(missing_ok=True)
    piece.write_bytes(kept)
    desk.deposit()

    assert desk.one(BAD).status is S.DEPOSITED


@pytest.mark.parametrize("damage", [lost, altered, a_folder, a_loop])
def test_a_bad_piece_at_the_place_of_a_lot_stops_nobody(
    desk: Desk,
    damage: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> None:
    """A lot that never left was kept and damaged since: its invoices go otherwise, each once."""
    twin = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "twin", issued=4)
    for one in (twin, desk):
        one.told(lot_invoices=10)
    twin.deposit()
    (kept,) = {attempt.lot_sha256 for attempt in twin.attempts(BAD)}
    piece = desk.app.store.archive.folder / kept[:2] / kept
    piece.parent.mkdir(exist_ok=True)
    piece.write_bytes(twin.app.store.archive.get(kept))
    damage(piece)
    desk.deposit()
    desk.deposit()

    assert [desk.one(each).status for each in (BAD, *GOOD)] == [S.DEPOSITED] * 4
    assert [len(desk.attempts(each)) for each in (BAD, *GOOD)] == [1] * 4


def test_a_bad_piece_at_the_place_of_a_new_document_holds_its_member_alone(desk: Desk) -> None:
    """What a crash left half written under the same hash stops one member of the batch."""
    victim = STORY[5].siret

    def render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
        documents = light_render(invoice, statement)
        if invoice.buyer.siret == victim:
            name = hashlib.sha256(documents[0].content).hexdigest()
            piece = desk.app.store.archive.folder / name[:2] / name
            piece.parent.mkdir(exist_ok=True)
            piece.write_bytes(b"half")
        return documents

    desk.render = render
    outcomes = desk.issue()
    parked = {one.member.siret: one.findings[0].code for one in outcomes if one.findings}
    issued = [one for one in outcomes if one.result is MemberResult.ISSUED]

    assert parked[victim] == "ARCHIVE-ALTERED"
    assert len(issued) == len(STORY) - 4 - len({victim, PARKED})


def away(archive: Path) -> None:
    """The whole folder is gone."""
    shutil.rmtree(archive)


def emptied(archive: Path) -> None:
    """Its disk is not mounted: an empty folder is there."""
    shutil.rmtree(archive)
    archive.mkdir()


def replaced(archive: Path) -> None:
    """A file has its name."""
    shutil.rmtree(archive)
    archive.write_text("un fichier")


@pytest.mark.parametrize("spoil", [away, emptied, replaced])
def test_an_archive_that_is_gone_is_told_before_anything(
    desk: Desk, spoil: Callable[[Path], None]
) -> None:
    """By every command that issues or deposits, and by each heartbeat; nothing is marked."""
    archive = desk.app.store.archive.folder
    before = desk.invoices()
    spoil(archive)
    with pytest.raises(IntegrityError, match=str(archive)):
        open_verified(desk.config, desk.clock)
    failure = beat(desk.app, lambda: False)

    assert isinstance(failure, IntegrityError)
    assert desk.invoices() == before
