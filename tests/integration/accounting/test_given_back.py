"""A file of the treasury that is refused, given back with what is wrong in it; tables to files."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.e2e.program import run
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.imports import ImportKind

ONE, TWO = number(1), number(2)
PAYMENTS = ("facture;date_paiement;montant;reference", "settlements")
TITLES = ("facture;exercice;bordereau;titre;date_titre", "titles")


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


@pytest.mark.parametrize(
    "kind,rows,wrong",
    [
        (PAYMENTS, [f"{ONE};2026-02-02;1,00;v1", "BSN-2026-09999;2026-02-02;1,00;v2"], {"A3"}),
        (PAYMENTS, [f"{ONE};2026-02-32;1,00;v1", f"{TWO};2026-02-02;zéro;v2"], {"B2", "C3"}),
        (TITLES, [f"{ONE};2026;1;7;", "BSN-2026-09999;2026;1;8;"], {"A3"}),
        (TITLES, [f"{ONE};2026;1;7;", f"{TWO};2026;1;7;"], {"D3"}),
        (TITLES, [f"{ONE};MMXXVI;1;7;"], {"B2"}),
    ],
)
def test_a_refused_file_is_given_back(
    desk: Desk, tmp_path: Path, kind: tuple[str, str], rows: list[str], wrong: set[str]
) -> None:
    """What the cell says and what the books say of it: coloured alike, and said on its line."""
    header, command = kind
    path, to = tmp_path / "tresorerie.csv", tmp_path / "corrige.xlsx"
    path.write_text("\n".join((header, *rows)) + "\n", "utf-8")
    said = run(command, "import", path, "--corrections", to, config=desk.config)
    sheet = zipfile.ZipFile(to).read("xl/worksheets/sheet1.xml").decode()
    lines = CalamineWorkbook.from_path(to).get_sheet_by_index(0).to_python()
    at_the_end = [row[-1] for row in lines]
    filled = {f"{place}" for place, text in enumerate(at_the_end[1:], start=2) if text}

    assert (said.code, str(to) in said.err) == (2, True)
    assert set(re.findall(r'<c r="([A-Z]+\d+)" s="[567]"', sheet)) == wrong
    assert at_the_end[0] == "À corriger"
    assert filled == {cell[1:] for cell in wrong}


def test_nothing_is_written_over(desk: Desk, tmp_path: Path) -> None:
    """A workbook that is there already: refused before the file is read."""
    to = tmp_path / "corrige.xlsx"
    to.write_bytes(b"ancien")
    said = run("titles", "import", "absent.csv", "--corrections", to, config=desk.config)

    assert (said.code, "existe déjà" in said.err) == (4, True)
    assert to.read_bytes() == b"ancien"


def written(path: Path) -> list[dict[str, object]]:
    """The rows of a table by column."""
    table = json.loads(path.read_text("utf-8"))
    names = [column["caption"] for column in table["columns"]]
    return [
        row if isinstance(row, dict) else dict(zip(names, row, strict=True))
        for row in table["rows"]
    ]


def test_the_lines_of_an_invoice_are_written(desk: Desk, tmp_path: Path) -> None:
    """As JSON, the same amounts as ``show --json`` has."""
    to = tmp_path / "lignes.json"
    said = run("show", ONE, "--to", to, config=desk.config)
    lines = run("show", ONE, "--json", config=desk.config).json["invoice"]["lines"]
    rows = [list(row.values()) for row in written(to)]

    assert said.code == 0, said.err
    assert [row[0] for row in rows] == [line["id"] for line in lines]
    assert [row[3] for row in rows] == [line["quantity"] for line in lines]
    assert [row[-1] for row in rows] == [line["total_ttc"] for line in lines]


def test_what_a_file_changed_is_written(desk: Desk, tmp_path: Path) -> None:
    """Every value, before and after; not with ``--json``."""
    siret = desk.one(ONE).siret
    header = "siret;annee;montant_ttc;nom"
    desk.write(ImportKind.PREVIOUS, header, f"{siret};{YEAR - 1};10,00;")
    desk.write(ImportKind.PREVIOUS, header, f"{siret};{YEAR - 1};20,00;")
    to, file = tmp_path / "valeurs.json", run("import", "list", "--json", config=desk.config).json
    sha256 = next(one["sha256"] for one in file["files"] if one["changed"])
    said = run("import", "show", sha256[:12], "--values", to, config=desk.config)
    both = run("import", "show", sha256[:12], "--values", to, "--json", config=desk.config)
    [row] = [list(one.values()) for one in written(to)]

    assert said.code == 0, said.err
    assert siret in row
    assert "20,00" in f"{row[-1]}"
    assert (both.code, "pas les deux" in both.err) == (2, True)


def test_the_figures_of_a_go_are_written(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The groups that ``campaign open`` shows, with their amounts; the go is asked all the same."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, opened=False)
    to = tmp_path / "accord.csv"
    said = run("campaign", "open", str(YEAR), "--to", to, config=desk.config)

    assert (said.code, "--yes" in said.err) == (4, True)
    assert [line.split(";")[0] for line in to.read_text("utf-8-sig").splitlines()[1:]] == [
        *("prêts", "à confirmer", "retenus"),
    ]
