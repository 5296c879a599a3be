"""Pages before any number: of every member without invoice, marked, and nothing is stored."""

from decimal import Decimal
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.e2e.program import run
from tests.support.offices import PARKED, YEAR, Desk, open_desk
from tests.support.printed_pages import pages, plain
from worker.cli.console import TO_LOOK_AT
from worker.errors import InvalidDocument, StorageUnavailable
from worker.formats import Branding
from worker.imports import ImportKind
from worker.issuing.preview import preview
from worker.issuing.proofs import file_name, write_proofs
from worker.storage import journal

SIRET = "99900007800017"
MEMBERS = "siret;nom;adresse;code_postal;ville;convention"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office with nine invoices, and three members without any."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=10)


def texts(path: Path) -> str:
    """What its pages say."""
    return plain("\n".join(pages(path.read_bytes())))


def test_each_member_without_invoice_has_its_pages(desk: Desk, tmp_path: Path) -> None:
    """Named after it; each page says that it is a proof, and bears no number of a series."""
    before = seen(desk)
    written = write_proofs(desk.app, preview(desk.app, YEAR), Branding(), tmp_path / "pages")
    said = {path: texts(path) for path in written}

    assert len(written) == 6
    assert all("PROJET" in text and "projet" in text for text in said.values())
    assert not any(series in text for text in said.values() for series in ("BSN-", "EDP-"))
    assert all(path.name.endswith("-projet.pdf") for path in written)
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert seen(desk) == before


def seen(desk: Desk) -> tuple[int, set[str]]:
    """Where the journal ends, and what the archive has."""
    with desk.app.reading() as session:
        return journal.head(session).seq, set(desk.archived())


def test_a_proof_has_the_amounts_of_the_preview(desk: Desk, tmp_path: Path) -> None:
    """On both pages."""
    written = write_proofs(desk.app, preview(desk.app, YEAR), Branding(), tmp_path / "pages")
    others = [one for one in desk.invoices() if one.number]
    (owing, _) = [path for path in written if PARKED in path.name]

    assert len(others) == 9
    assert "7 812,00 €" in texts(owing)


def test_a_text_that_cannot_be_printed_stops_one_member(desk: Desk, tmp_path: Path) -> None:
    """The pages of the others are there."""
    desk.write(
        ImportKind.MEMBERS, MEMBERS, f"{PARKED};Mairie \U0001f600;1 rue;82000;Exemple;CONV-1"
    )
    with pytest.raises(InvalidDocument) as caught:
        write_proofs(desk.app, preview(desk.app, YEAR), Branding(), tmp_path / "pages")

    assert [finding.code for finding in caught.value.findings] == ["DOC-UNPRINTABLE"]
    assert len(list((tmp_path / "pages").iterdir())) == 4


def test_a_folder_that_cannot_be_written_is_said(desk: Desk, tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "pages").write_text("", "utf-8")

    with pytest.raises(StorageUnavailable):
        write_proofs(desk.app, preview(desk.app, YEAR), Branding(), tmp_path / "pages")


@pytest.mark.parametrize(
    "name,expected",
    [
        ("Commune fictive d'Étang-Perdu", "Commune-fictive-d-Etang-Perdu"),
        ("../../etc/passwd", "etc-passwd"),
        ("« … »", "membre"),
        ("x" * 100, "x" * 60),
    ],
)
def test_a_file_is_named_after_its_member(name: str, expected: str) -> None:
    """In signs that any system takes, and that lead out of no folder."""
    assert file_name(name) == expected


def test_the_preview_is_written_as_a_workbook(desk: Desk, tmp_path: Path) -> None:
    """True numbers, one row for each member; the JSON names what was written."""
    to = tmp_path / "apercu.xlsx"
    said = run("preview", str(YEAR), "--to", to, "--json", config=desk.config)
    header, *rows = CalamineWorkbook.from_path(to).get_sheet_by_index(0).to_python()
    total = sum(Decimal(str(row[header.index("Total TTC")])) for row in rows)

    assert said.code == TO_LOOK_AT, said.err  # one member lacks an engagement, by the directory
    assert (said.json["file"], said.json["pages"]) == (str(to), [])
    assert len(rows) == len(said.json["members"]) == 12
    assert f"{total:.2f}" == said.json["total_ttc"]
    assert sum(group["members"] for group in said.json["groups"]) == 12
