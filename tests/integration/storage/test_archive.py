"""The archive: bytes written once, found again unchanged, or said to be damaged."""

import hashlib
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaos import pace
from tests.integration.conftest import Place
from tests.support.odd_files import KINDS, as_a_ring
from tests.support.storage_samples import add_members, issue_one, writing
from worker.billing.document import Document, DocumentKind
from worker.errors import IntegrityError, StorageUnavailable
from worker.storage import Archive, Store, invoices
from worker.storage.documents import CheckedWith, add_documents, documents_of

CONTENT = b"%PDF-1.7 une facture"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    folder = tmp_path / "archive"
    folder.mkdir(mode=0o700)
    return Archive(folder)


def _files(archive: Archive) -> list[Path]:
    return sorted(path for path in archive.folder.rglob("*") if path.is_file())


def test_what_is_put_is_got(archive: Archive) -> None:
    """Bytes come back by their SHA-256; an empty file is a file too."""
    assert archive.put(CONTENT) == SHA256
    assert archive.get(SHA256) == CONTENT
    assert archive.get(archive.put(b"")) == b""


def test_files_are_private_and_named_by_their_content(archive: Archive) -> None:
    """One file in a folder of its own prefix, for its owner only, and no temporary left."""
    archive.put(CONTENT)
    (path,) = _files(archive)

    assert path == archive.folder / SHA256[:2] / SHA256
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_same_bytes_are_written_once(archive: Archive) -> None:
    """A second put leaves the first file as it is."""
    archive.put(CONTENT)
    (path,) = _files(archive)
    before = path.stat()
    archive.put(CONTENT)
    after = path.stat()

    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_altered_file_is_named(archive: Archive) -> None:
    """A changed byte is seen on reading, with the file to restore, and never given out."""
    archive.put(CONTENT)
    (path,) = _files(archive)
    path.write_bytes(CONTENT.replace(b"une", b"deux"))
    with pytest.raises(IntegrityError, match=str(path)) as caught:
        archive.get(SHA256)

    assert "sauvegarde" in caught.value.remedy


def test_nothing_new_is_built_on_an_altered_file(archive: Archive) -> None:
    """Putting bytes whose file was damaged since does not pretend they are kept."""
    archive.put(CONTENT)
    (path,) = _files(archive)
    path.write_bytes(b"")
    with pytest.raises(IntegrityError, match=str(path)):
        archive.put(CONTENT)


def piece_replaced(archive: Archive, replaced: Callable[[Path], None]) -> Path:
    """Where a piece was put, and something else stands now."""
    archive.put(CONTENT)
    (path,) = _files(archive)
    path.unlink()
    replaced(path)
    return path


@pytest.mark.parametrize("replaced", [*KINDS, as_a_ring])
def test_whatever_takes_the_place_of_a_piece_is_named_at_once(
    archive: Archive, replaced: Callable[[Path], None]
) -> None:
    """It is neither waited for nor read."""
    path = piece_replaced(archive, replaced)

    with pytest.raises(IntegrityError, match=str(path)):
        archive.get(SHA256)


@pytest.mark.parametrize("replaced", KINDS)
def test_nothing_is_put_where_something_else_stands(
    archive: Archive, replaced: Callable[[Path], None]
) -> None:
    """It is not taken for the piece, and not removed either."""
    path = piece_replaced(archive, replaced)

    with pytest.raises(IntegrityError, match=str(path)):
        archive.put(CONTENT)


def test_a_missing_file_is_named(archive: Archive) -> None:
    """A file that is gone is an integrity error with its path."""
    archive.put(CONTENT)
    (path,) = _files(archive)
    path.unlink()
    with pytest.raises(IntegrityError, match=str(path)):
        archive.get(SHA256)


def test_many_may_put_the_same_bytes_at_once(archive: Archive) -> None:
    """Threads that race leave one whole file and nothing else."""
    content = CONTENT * 20_000
    start = threading.Barrier(4)

    def put(_: int) -> str:
        start.wait(pace.limit(10))
        return archive.put(content)

    with ThreadPoolExecutor(4) as pool:
        (sha256,) = set(pool.map(put, range(4)))

    assert archive.get(sha256) == content
    assert len(_files(archive)) == 1


def test_a_folder_that_refuses_is_unavailable(tmp_path: Path) -> None:
    """When the archive cannot be written, the message names it and nothing is lost."""
    (tmp_path / "archive").write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable, match=str(tmp_path / "archive")) as caught:
        Archive(tmp_path / "archive").put(CONTENT)

    assert "Rien n'a été fait à moitié" in caught.value.remedy


def test_an_orphan_of_a_rollback_is_harmless(place: Place, store: Store) -> None:
    """Bytes whose transaction was undone stay, unnamed, and serve the next time."""
    add_members(store)
    document = Document(
        kind=DocumentKind.UBL, profile="ubl-direct", media_type="application/xml", content=CONTENT
    )
    check = CheckedWith(rule_set="UBL 2.1", version="2.1", sha256="f" * 64)
    for commit in (False, True):
        with writing(store, commit=commit) as session:
            invoice_id = issue_one(session)
            store.archive.put(document.content)
            add_documents(session, invoice_id, 1, [(document, (check,))])
        with store.reading() as session:
            found = [d for i in invoices.tracked(session) for d in documents_of(session, i.id)]
        assert [d.sha256 for d in found] == [SHA256] * commit
        assert _files(store.archive) == [place.folder / "archive" / SHA256[:2] / SHA256]

    assert (found[0].kind, found[0].checks) == (DocumentKind.UBL, (check,))
    assert store.archive.get(found[0].sha256) == CONTENT
