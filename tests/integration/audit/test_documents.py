"""What leaves is what was frozen, and nothing else."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.support.memory_portal import Mishap
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.audit.documents import export_invoice, export_year, named_after, write_file
from worker.billing.document import DocumentKind
from worker.billing.status import InvoiceStatus
from worker.errors import IntegrityError, StorageUnavailable

ONE = number(1)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=12)


def folder_of(desk: Desk, number: str) -> str:
    """The name of the folder of an invoice."""
    return named_after(number, desk.one(number).member_name)


def test_every_issued_invoice_has_its_folder(desk: Desk, tmp_path: Path) -> None:
    """Eleven folders named by their number; the parked member has none."""
    to = tmp_path / "a" / "factures"
    exported = export_year(desk.app.store, YEAR, to)
    names = {one.number: folder_of(desk, one.number) for one in desk.invoices() if one.number}

    assert {path.name for path in to.iterdir()} == set(names.values())
    assert exported == {name: to / folder for name, folder in names.items()}
    assert export_year(desk.app.store, YEAR - 1, tmp_path / "none") == {}


def test_the_files_are_the_archived_bytes_for_their_owner_only(desk: Desk, tmp_path: Path) -> None:
    """With the hash and the checks of each in ``validation.json``."""
    export_year(desk.app.store, YEAR, tmp_path / "to")
    folder = tmp_path / "to" / folder_of(desk, ONE)
    report = json.loads((folder / "validation.json").read_text("utf-8"))
    documents = {f"{folder.name}_{d.kind.value}": d for d in desk.documents(ONE)}
    assert {d.kind for d in documents.values()} == {
        DocumentKind.FACTURX,
        DocumentKind.STATEMENT,
    }
    assert {path.name for path in folder.iterdir()} == {*documents, "validation.json"}
    assert (report["number"], report["version"]) == (ONE, 1)
    for entry in report["documents"]:
        document = documents[entry["file"]]
        assert (folder / entry["file"]).read_bytes() == desk.archived()[document.sha256]
        assert (entry["sha256"], entry["profile"]) == (document.sha256, "light")
        assert [check["rule_set"] for check in entry["checks"]] == ["light"]

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_corrected_invoice_is_exported_in_its_last_version(desk: Desk, tmp_path: Path) -> None:
    """The first version stays in the archive, and an earlier export is overwritten whole."""
    to = tmp_path / "to"
    export_year(desk.app.store, YEAR, to)
    desk.portal.mishaps.append(Mishap.REFUSED)
    desk.deposit()
    assert desk.one(ONE).status is InvoiceStatus.REFUSED
    desk.resend(ONE, engagement="N2")

    export_year(desk.app.store, YEAR, to)

    name = folder_of(desk, ONE)
    said = json.loads((to / name / f"{name}_{DocumentKind.FACTURX}").read_bytes())
    assert said["engagement"] == "N2"
    report = json.loads((to / name / "validation.json").read_text("utf-8"))

    assert (report["version"], len(report["documents"])) == (2, 2)


def test_one_invoice_is_exported_alone(desk: Desk, tmp_path: Path) -> None:
    """Its folder, and no other."""
    exported = export_invoice(desk.app.store, ONE, tmp_path)

    assert exported == {ONE: tmp_path / folder_of(desk, ONE)}
    assert [path.name for path in tmp_path.glob("BSN*")] == [folder_of(desk, ONE)]


def test_a_folder_that_cannot_be_written_is_said(desk: Desk, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "to").write_text("")
    with pytest.raises(StorageUnavailable) as caught:
        export_year(desk.app.store, YEAR, tmp_path / "to")

    assert str(tmp_path / "to") in caught.value.message


def test_nothing_is_written_to_a_pipe_a_device_or_a_link(tmp_path: Path) -> None:
    """None is waited for, and what a link leads to stays as it is."""
    kept = tmp_path / "à garder"
    kept.write_bytes(b"x")
    (tmp_path / "lien").symlink_to(kept)
    (tmp_path / "sans-fin").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "tube")
    for name in ("lien", "sans-fin", "tube"):
        with pytest.raises(StorageUnavailable, match=r"fichier ordinaire|un lien"):
            write_file(tmp_path / name, b"y")

    assert kept.read_bytes() == b"x"


def test_an_altered_document_is_never_exported(desk: Desk, tmp_path: Path) -> None:
    """Somebody changed a byte of the archive: that piece is named, and all the others written."""
    sha256 = desk.documents(number(2))[0].sha256
    path = desk.app.store.archive.folder / sha256[:2] / sha256
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"cents", b"Cents"))
    with pytest.raises(
        IntegrityError, match=f"n'a pas donné 1 pièce : {number(2)}, .* : La pièce {path}"
    ):
        export_year(desk.app.store, YEAR, tmp_path / "to")
    written = {path.name: len(list(path.iterdir())) for path in (tmp_path / "to").iterdir()}

    assert len(written) == len([one for one in desk.invoices() if one.number])
    assert written[folder_of(desk, number(2))] == written[folder_of(desk, number(1))] - 1
