"""A file given back with what is wrong in it: cells in place, coloured, and what to correct."""

import re
import stat
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.integration.conftest import Place
from tests.support.office_files import FORMS, Cell, Formula, Merged, write_office_file
from tests.support.storage_samples import NOW, OTHER, SIRET, UNKNOWN, add_members, app_on, bring
from worker.errors import ImportRefused, Refused, WrongUse
from worker.imports import ImportKind, fingerprint
from worker.imports.corrections import check_new, write_corrections
from worker.imports.intake import take_in
from worker.storage import Store

HEADER = ("siret", "service", "palier", "mois", "utilisateurs", "Remarques")
GOOD: tuple[Cell, ...] = (SIRET, "gfu", "", "2025-01", 3, "=1+1 & <b>")
WRONG: dict[str, tuple[tuple[Cell, ...], str]] = {
    "siret": ((SIRET[:-1], "gfu", 2, "2025-01", 3, ""), "A"),
    "tier": ((SIRET, "gfu", "deux", "2025-02", 3, ""), "C"),
    "month": ((SIRET, "gfu", "", "12/31/2025", 3, ""), "D"),
    "error": ((SIRET, "gfu", "", "2025-03", Formula("A1", "#REF!"), ""), "E"),
    "decimal": ((SIRET, "gfu", "", "2025-04", 12.5, ""), "E"),
    "empty": ((SIRET, "", "", date(2025, 5, 1), 3, ""), "B"),
}
UNFIT: dict[str, tuple[tuple[Cell, ...], str]] = {
    "unknown": ((UNKNOWN, "gfu", "", "2025-01", 3, ""), "A"),
    "twice": ((SIRET, "gfu", "", "janv-25", 4, ""), "D"),
}
TITLES: tuple[tuple[Cell, ...], ...] = ((Merged("Consommations", columns=2),), ("Service",))


def refused(store: Store, path: Path, to: Path) -> ImportRefused:
    """Why a file is refused, which is then given back."""
    with pytest.raises(ImportRefused) as caught:
        take_in(app_on(store), path, ImportKind.USAGE)
    source = fingerprint(path)
    assert write_corrections(source, ImportKind.USAGE, caught.value.findings, to, NOW)
    return caught.value


def coloured(path: Path, sheet: int = 1) -> set[str]:
    """The cells of a sheet in red."""
    text = zipfile.ZipFile(path).read(f"xl/worksheets/sheet{sheet}.xml").decode()
    return set(re.findall(r'<c r="([A-Z]+\d+)" s="[567]"', text))


def given_back(path: Path, sheet: str) -> Sequence[Sequence[object]]:
    """The cells of a sheet as a spreadsheet reads them."""
    return (
        CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", [WRONG, UNFIT])
def test_a_file_is_given_back_with_its_wrong_cells_and_what_to_correct(
    sqlite_place: Place, tmp_path: Path, form: str, wrong: dict[str, tuple[tuple[Cell, ...], str]]
) -> None:
    """Each cell is where it was; the wrong ones alone are red; each wrong line says why."""
    store = sqlite_place.open()
    add_members(store)
    rows = (*TITLES, HEADER, GOOD, *(row for row, _ in wrong.values()))
    path = write_office_file(tmp_path / f"u.{form}", {"Un": rows})
    to = tmp_path / "corrige.xlsx"
    error = refused(store, path, to)
    cells = given_back(to, "Un" if form != "csv" else "Données")

    assert coloured(to) == {
        f"{letter}{number}" for number, (_, letter) in enumerate(wrong.values(), start=5)
    }
    assert len(error.findings) == len(wrong)
    assert [str(row[6]) != "" for row in cells[2:]] == [True, False, *[True] * len(wrong)]
    assert cells[2][6] == "À corriger"
    assert cells[3][:6] == [SIRET, "gfu", "", "2025-01", 3.0, "=1+1 & <b>"]
    assert stat.S_IMODE(to.stat().st_mode) == 0o600


@pytest.mark.parametrize("form", FORMS)
def test_what_is_given_back_is_imported_once_it_is_corrected(
    sqlite_place: Place, tmp_path: Path, form: str
) -> None:
    """The same findings as the file it comes from; its column of notes is not read."""
    store = sqlite_place.open()
    add_members(store)
    rows = (*TITLES, HEADER, GOOD, *(row for row, _ in WRONG.values()))
    path = write_office_file(tmp_path / f"u.{form}", {"Un": rows})
    first, second = tmp_path / "un.xlsx", tmp_path / "deux.xlsx"
    before, after = refused(store, path, first), refused(store, first, second)

    assert [one.code for one in after.findings] == [one.code for one in before.findings]
    assert coloured(second) == coloured(first)
    assert given_back(second, "Un" if form != "csv" else "Données")[2][6:] == ["À corriger"]


@pytest.mark.parametrize("form", FORMS)
def test_a_header_that_does_not_fit_is_given_back_too(
    sqlite_place: Place, tmp_path: Path, form: str
) -> None:
    """The misspelt name is red, and its line says which it should be."""
    store = sqlite_place.open()
    rows = (("siret", "servise", "mois", "utilisateurs"), GOOD[:4])
    path = write_office_file(tmp_path / f"u.{form}", {"Un": rows})
    to = tmp_path / "corrige.xlsx"
    refused(store, path, to)
    [header, _] = given_back(to, "Un" if form != "csv" else "Données")

    assert "B1" in coloured(to)
    assert str(header[4]).startswith("À corriger\n")
    assert "Vouliez-vous dire" in str(header[4])


def test_every_sheet_is_given_back(sqlite_place: Place, tmp_path: Path) -> None:
    """Those without a wrong cell too: it is the whole file."""
    store = sqlite_place.open()
    add_members(store)
    sheets = {"Un": (HEADER, GOOD), "Deux": (HEADER, WRONG["month"][0]), "Notice": (("Texte",),)}
    to = tmp_path / "corrige.xlsx"
    refused(store, write_office_file(tmp_path / "u.xlsx", sheets), to)

    assert CalamineWorkbook.from_path(to).sheet_names == list(sheets)
    assert (coloured(to, 1), coloured(to, 2)) == (set(), {"D2"})


def test_a_members_file_is_given_back_whole(sqlite_place: Place, tmp_path: Path) -> None:
    """It is the person's own file: contacts stand in it, for its owner alone."""
    store = sqlite_place.open()
    header = ("siret", "nom", "adresse", "code_postal", "ville", "convention", "contact_email")
    row = (OTHER, "Commune fictive", "1 rue A", 1000, "Bourg", "C-2", "referent@exemple.invalid")
    path = write_office_file(tmp_path / "m.xlsx", {"Un": (header, row)})
    to = tmp_path / "corrige.xlsx"
    with pytest.raises(ImportRefused) as caught:
        bring(store, path, ImportKind.MEMBERS)
    write_corrections(fingerprint(path), ImportKind.MEMBERS, caught.value.findings, to, NOW)

    assert coloured(to) == {"D2"}
    assert given_back(to, "Un")[1][6] == "referent@exemple.invalid"
    assert stat.S_IMODE(to.stat().st_mode) == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that is there stays; a name that is not a workbook's is refused."""
    there = tmp_path / "la.xlsx"
    there.write_text("à moi", "utf-8")
    with pytest.raises(Refused, match="existe déjà"):
        check_new(there)
    with pytest.raises(WrongUse, match="classeur"):
        check_new(tmp_path / "corrige.csv")

    assert there.read_text("utf-8") == "à moi"
