"""Files as offices make them: titles, months as columns, several sheets, merged cells, formulas."""

from datetime import date
from pathlib import Path

import pytest

from tests.support.imports_workbooks import OTHER_SIRET, SIRET
from tests.support.office_files import (
    COVERED,
    FORMS,
    WORKBOOKS,
    Cell,
    Formula,
    Merged,
    Sheet,
    write_office_file,
)
from worker.errors import Finding, ImportRefused, Severity
from worker.imports import (
    Heading,
    ImportKind,
    Item,
    Note,
    RefusedRow,
    Row,
    fingerprint,
    read,
    stream,
)
from worker.imports.columns import lay_out
from worker.imports.grouping import grouped
from worker.imports.kinds import KINDS
from worker.imports.values import FORMULA_ERRORS
from worker.imports.wording import CellFinding

HEADER = ("siret", "service", "palier", "mois", "utilisateurs")
LONG: Sheet = (HEADER, (SIRET, "gfu", "", "2025-01", 3), (SIRET, "gfu", "", "2025-02", 4))
ABOVE: dict[str, tuple[tuple[Cell, ...], ...]] = {
    "none": (),
    "title": (("Consommations 2025",),),
    "title and blank line": (("Consommations 2025",), ()),
    "merged title, two lines": (
        (Merged("Consommations 2025", columns=3), COVERED, COVERED),
        ("Service numérique", "", "", "Édité le 03/01/2026"),
        ("Membre", "", "", "Période", "Chiffres"),
    ),
    "many lines": (("Ligne",),) * 25,
}
MONTHS: dict[str, tuple[Cell, ...]] = {
    "names": ("janvier", "FÉVRIER", "mars"),
    "names and years": ("janvier 2025", "février 2025", "mars 2025"),
    "abbreviated": ("janv-25", "févr-25", "mars-25"),
    "ISO": ("2025-01", "2025-02", "2025-03"),
    "French": ("01/2025", "02/2025", "03/2025"),
    "real dates": (date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 31)),
}
FOR_NOTHING = ("", "-", "–", "—", "néant", "NÉANT", "Neant", "aucun")


def items(path: Path, kind: ImportKind = ImportKind.USAGE) -> list[Item]:
    """All that is read in a file."""
    return list(stream(fingerprint(path), kind))


def good(path: Path) -> list[tuple[str, int, str, int]]:
    """Sheet, row, month and users of each value of a file that has nothing wrong."""
    rows = list(read(fingerprint(path), ImportKind.USAGE))
    assert [row for row in rows if not isinstance(row, Row)] == []
    return [
        (row.heading.sheet, row.row, str(row.value.month), row.value.users)
        for row in rows
        if isinstance(row, Row) and row.heading is not None
    ]


def notes(path: Path) -> list[Finding]:
    """What is said of the sheets of a file."""
    return [one.finding for one in items(path) if isinstance(one, Note)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("above", ABOVE)
def test_the_header_is_found_below_titles_and_they_are_said_once(
    tmp_path: Path, above: str, form: str
) -> None:
    """Rows keep the number that they have on the screen."""
    path = write_office_file(tmp_path / f"u.{form}", {"A": (*ABOVE[above], *LONG)})
    first = len(ABOVE[above]) + 2

    assert [row[1:] for row in good(path)] == [
        (first, "2025-01", 3),
        (first + 1, "2025-02", 4),
    ]
    assert [one.code for one in notes(path)] == ["IMPORT-LINES-SKIPPED"] * bool(ABOVE[above])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("months", MONTHS)
def test_months_as_columns_are_rows_with_their_cells(
    tmp_path: Path, months: str, form: str
) -> None:
    """A line gives a value for each month that has a figure; each leads to its own cell."""
    rows = (
        ("siret", "Membre", "service", *MONTHS[months], "Total"),
        (SIRET, "Commune fictive", "gfu", 3, 0, 5, 8),
        (OTHER_SIRET, "Autre commune", "gfu", "", 7, "-", 7),
    )
    above = ABOVE["merged title, two lines"]
    path = write_office_file(tmp_path / f"u.{form}", {"A": (*above, *rows)})
    line = len(above) + 2

    assert [row[1:] for row in good(path)] == [
        (line, "2025-01", 3),
        (line, "2025-02", 0),
        (line, "2025-03", 5),
        (line + 1, "2025-02", 7),
    ]
    [heading] = [one for one in items(path) if isinstance(one, Heading)]

    assert heading.layout.columns == {
        "siret": 1,
        "service": 3,
        **{f"2025-{number:02d}": 3 + number for number in (1, 2, 3)},
    }
    assert {one.code for one in notes(path)} == {
        "IMPORT-LINES-SKIPPED",
        "IMPORT-COLUMN-UNREAD",
        *(["IMPORT-MONTHS-YEAR"] if months == "names" else []),
    }


@pytest.mark.parametrize("form", FORMS)
def test_the_year_of_months_is_never_guessed(tmp_path: Path, form: str) -> None:
    """It is that of the title, else of the sheet, else of the file; two years are none."""
    rows = (("siret", "service", "janvier"), (SIRET, "gfu", 3))

    def months(name: str, *titles: str, sheet: str = "A") -> list[str] | str:
        sheets = {sheet: (*((one,) for one in titles), *rows)}
        path = write_office_file(tmp_path / f"{name}.{form}", sheets)
        try:
            return [row[2] for row in good(path)]
        except ImportRefused as refused:
            return refused.findings[0].code

    assert months("a", "Consommations 2024") == ["2024-01"]
    assert months("export-2023") == ["2023-01"]
    assert months("export-2023", "Consommations 2024") == ["2024-01"]
    assert months("a", "Années 2024 et 2025") == "IMPORT-MONTH"
    assert months("a") == "IMPORT-MONTH"
    if form != "csv":
        assert months("a-2022", sheet="Année 2021") == ["2021-01"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "header",
    [
        ("siret", "service", "2025-01", "janv-25"),
        ("siret", "service", "mois", "2025-01"),
        ("siret", "service", "utilisateurs", "2025-01"),
    ],
)
def test_two_columns_for_one_month_are_refused(
    tmp_path: Path, header: tuple[str, ...], form: str
) -> None:
    """Which of them counts is not for us to choose."""
    path = write_office_file(tmp_path / f"u.{form}", {"A": (header, (SIRET, "gfu", 1, 2))})
    with pytest.raises(ImportRefused) as refused:
        items(path)

    assert {one.code for one in refused.value.findings} == {"IMPORT-COLUMN-DUPLICATE"}


@pytest.mark.parametrize("form", FORMS)
def test_a_line_without_any_month_is_refused(tmp_path: Path, form: str) -> None:
    """A member is not left out without a word."""
    rows = (("siret", "service", "2025-01", "2025-02"), (SIRET, "gfu", "", "-"))
    [row] = read(
        fingerprint(write_office_file(tmp_path / f"u.{form}", {"A": rows})), ImportKind.USAGE
    )

    assert isinstance(row, RefusedRow)
    assert "aucun mois" in row.findings[0].message


@pytest.mark.parametrize("form", FORMS)
def test_signs_for_nothing_are_no_tier_and_no_end(tmp_path: Path, form: str) -> None:
    """In a column that may be without value, they are an empty cell."""
    header = ("siret", "service", "palier", "categorie", "debut", "fin")
    rows = [(SIRET, "gfu", text, 4, date(2025, 1, 1), text) for text in FOR_NOTHING]
    path = write_office_file(tmp_path / f"a.{form}", {"A": (header, *rows)})
    read_ = [
        (row.value.tier, row.value.end)
        for row in read(fingerprint(path), ImportKind.SUBSCRIPTIONS)
        if isinstance(row, Row)
    ]

    assert read_ == [(None, None)] * len(FOR_NOTHING)


def refused_sheet(path: Path) -> str:
    """Why a file is refused."""
    with pytest.raises(ImportRefused) as refused:
        items(path)
    return f"{refused.value.message} {refused.value.remedy}".replace("\u00a0", " ")


@pytest.mark.parametrize("form", WORKBOOKS)
@pytest.mark.parametrize("place", range(3))
def test_every_visible_sheet_is_read(tmp_path: Path, form: str, place: int) -> None:
    """Each under its own header, wherever this stands; sheets of text are passed over and said."""
    other: Sheet = (
        ("Titre",),
        ("utilisateurs", "mois", "service", "siret"),
        (9, "2025-03", "x", SIRET),
    )
    sheets: list[tuple[str, Sheet]] = [("Un", LONG), ("Deux", other)]
    sheets.insert(place, ("Notice", (("Mode d'emploi",), ("Deuxième ligne",))))
    path = write_office_file(tmp_path / f"u.{form}", dict(sheets))

    assert good(path) == [
        ("Un", 2, "2025-01", 3),
        ("Un", 3, "2025-02", 4),
        ("Deux", 3, "2025-03", 9),
    ]
    assert [one.value for one in notes(path) if one.code == "IMPORT-SHEET-UNREAD"] == ["Notice"]


@pytest.mark.parametrize("form", WORKBOOKS)
@pytest.mark.parametrize("place", range(2))
@pytest.mark.parametrize(
    "table",
    [
        (("Total", 12),),
        ((SIRET, "gfu", "", "2025-03", 5),),
        (("Titre",), ("siret", "autre"), (SIRET, 3)),
    ],
)
def test_a_table_without_header_refuses_the_file_by_the_name_of_its_sheet(
    tmp_path: Path, form: str, place: int, table: Sheet
) -> None:
    """What may be money is never left out without a word."""
    sheets: list[tuple[str, Sheet]] = [("Un", LONG)]
    sheets.insert(place, ("Synthèse", table))
    path = write_office_file(tmp_path / f"u.{form}", dict(sheets))

    assert "« Synthèse »" in refused_sheet(path)


def test_a_hidden_sheet_is_said(tmp_path: Path) -> None:
    """A person hid it: it is not read, and its name is told."""
    path = write_office_file(tmp_path / "u.xlsx", {"Un": LONG, "Caché": LONG}, hidden="Caché")

    assert len(good(path)) == 2
    assert [(one.code, one.value) for one in notes(path)] == [("IMPORT-SHEET-UNREAD", "Caché")]


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_data_above_the_header_is_refused(tmp_path: Path, form: str) -> None:
    """It would be passed over as a title."""
    path = write_office_file(tmp_path / f"u.{form}", {"A": (LONG[1], *LONG)})

    assert "ligne 1" in refused_sheet(path)


COLUMNS_OF_OFFICES = (
    *("Remarques", "Remarque", "Observations", "Commentaire", "Nom du membre", "Membre", "Ville"),
    *("Total", "Prix", "N°", "Référent", "Téléphone", "Date de saisie", "À corriger"),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", [0, 2, len(HEADER)])
def test_columns_of_another_subject_are_accepted_and_said(
    tmp_path: Path, place: int, form: str
) -> None:
    """Before, between or behind those that are read; a column of our own is not told."""
    rows = []
    for cells in LONG:
        beside = COLUMNS_OF_OFFICES if cells is HEADER else ("12 à voir",) * len(COLUMNS_OF_OFFICES)
        rows.append([*cells[:place], *beside, *cells[place:]])
    path = write_office_file(tmp_path / f"u.{form}", {"A": rows})
    [said] = notes(path)

    assert len(good(path)) == 2
    assert said.code == "IMPORT-COLUMN-UNREAD"
    assert [name for name in COLUMNS_OF_OFFICES[:10] if name not in said.message] == []
    assert "À corriger" not in said.message


MISSPELT = [
    (name, f"{name[:at]}{change}{name[at + skip :]}")
    for name in HEADER
    for at in range(1, len(name))
    for change, skip in (("", 1), ("z", 0), ("z", 1))
    if len(name) > 4
]


@pytest.mark.parametrize("name, written", sorted(set(MISSPELT)))
def test_a_misspelt_column_is_refused_with_the_nearest_name(name: str, written: str) -> None:
    """A letter more, fewer or other in the name of a column, that one being absent or there."""
    columns = KINDS[ImportKind.USAGE].columns
    across = KINDS[ImportKind.USAGE].across
    for header in (
        [written if one == name else one for one in HEADER],
        [*HEADER, written],
    ):
        found = lay_out(header, columns, "u.csv", across=across)
        assert isinstance(found, tuple)
        assert f"Vouliez-vous dire «\u00a0{name}\u00a0»" in found[0].remedy


@pytest.mark.parametrize("form", WORKBOOKS)
@pytest.mark.parametrize("place", range(len(HEADER)))
def test_merged_cells_are_one_sentence_that_names_them(
    tmp_path: Path, form: str, place: int
) -> None:
    """Whatever their column, compulsory or not: a covered cell is never an empty one."""
    rows: list[list[Cell]] = [
        list(HEADER),
        *(list[Cell]((SIRET, "stockage", 2, f"2025-{n:02d}", 3)) for n in range(1, 7)),
    ]
    rows[1][place] = Merged(str(rows[1][place]), rows=6)
    for row in rows[2:]:
        row[place] = COVERED
    path = write_office_file(tmp_path / f"u.{form}", {"A": rows})
    found = [
        one
        for row in items(path)
        for one in (row.findings if isinstance(row, RefusedRow) else getattr(row, "doubts", ()))
    ]
    [group] = grouped(found)

    assert (group.code, group.count) == ("IMPORT-MERGED", 5)
    assert group.where.replace("\u00a0", " ") == (
        f"u.{form}, feuille « A », lignes 3 à 7, colonne « {HEADER[place]} »"
    )


def damaged(formula: Formula) -> list[list[Cell]]:
    """A row for each column in which the formula stands."""
    rows: list[list[Cell]] = [[SIRET, "gfu", 2, "2025-01", 3] for _ in HEADER]
    for place, row in enumerate(rows):
        row[place] = formula
    return rows


@pytest.mark.parametrize("form", FORMS)
def test_a_formula_in_error_is_named_by_its_cell(tmp_path: Path, form: str) -> None:
    """In any column, with what the spreadsheet shows."""
    errors = sorted(FORMULA_ERRORS)
    rows = [row for shown in errors for row in damaged(Formula("A1", shown))]
    path = write_office_file(tmp_path / f"u.{form}", {"A": (("Titre",), HEADER, *rows)})
    said = [
        (one.code, one.value, one.message.split()[1])
        for row in read(fingerprint(path), ImportKind.USAGE)
        if isinstance(row, RefusedRow)
        for one in row.findings
    ]

    assert said == [
        ("IMPORT-FORMULA", shown, f"{'ABCDE'[place]}{3 + 5 * rank + place}")
        for rank, shown in enumerate(errors)
        for place in range(len(HEADER))
    ]


@pytest.mark.parametrize("form", WORKBOOKS)
def test_a_formula_that_was_never_computed_is_said_as_such(tmp_path: Path, form: str) -> None:
    """It is no empty cell, in any column: the file is to be opened and saved."""
    path = write_office_file(tmp_path / f"u.{form}", {"A": (HEADER, *damaged(Formula("A1*2")))})
    told = list(read(fingerprint(path), ImportKind.USAGE))
    said = [one.findings if isinstance(one, RefusedRow) else one.doubts for one in told]

    assert [len(one) for one in said] == [1] * len(HEADER)
    assert all("jamais calculée" in one.message for [one] in said)
    assert all("enregistrez-le" in one.remedy for [one] in said)


@pytest.mark.parametrize("form", FORMS)
def test_dates_with_the_month_first_are_one_sentence(tmp_path: Path, form: str) -> None:
    """The first of each month would read as twelve days of January; no row is wrong by itself."""
    rows = [(SIRET, "gfu", "", f"{n:02d}/01/2025", n) for n in range(1, 13)]
    path = write_office_file(tmp_path / f"u.{form}", {"A": (HEADER, *rows)})
    [said] = notes(path)

    assert (said.code, said.severity) == ("IMPORT-MONTH", Severity.BLOCKING)
    assert "mois/jour" in said.message


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("days", [(1, 1), (1, 15), (31, 31)])
def test_dates_of_one_month_are_not_doubted(
    tmp_path: Path, form: str, days: tuple[int, int]
) -> None:
    """A day beyond the twelfth, or the same day for all, is no month."""
    rows = [(SIRET, f"s{n}", "", f"{day:02d}/01/2025", n) for n, day in enumerate(days)]
    path = write_office_file(tmp_path / f"u.{form}", {"A": (HEADER, *rows)})

    assert {row[2] for row in good(path)} == {"2025-01"}
    assert notes(path) == []


def test_causes_are_grouped_with_their_count_and_lines(tmp_path: Path) -> None:
    """A sentence for each cause and column, whatever the number of cells, by first appearance."""
    rows: list[tuple[Cell, ...]] = [("2,1342E+13", "gfu", "", "2025-01", 1)] * 57
    rows += [(SIRET, "gfu", "", "treize", 12.5)] * 2
    rows += [("2,2E+13", "gfu", "", "2025-01", 1)]
    path = write_office_file(tmp_path / "u.csv", {"A": (HEADER, *rows)})
    found = [
        one
        for row in read(fingerprint(path), ImportKind.USAGE)
        if isinstance(row, RefusedRow)
        for one in row.findings
    ]
    groups = grouped(found)
    told = [(one.code, one.count, one.where.replace("\u00a0", " ")) for one in groups]

    assert told == [
        ("IMPORT-SIRET", 58, "u.csv, lignes 2 à 58 et 61, colonne « siret »"),
        ("IMPORT-MONTH", 2, "u.csv, lignes 59 et 60, colonne « mois »"),
        ("IMPORT-USERS", 2, "u.csv, lignes 59 et 60, colonne « utilisateurs »"),
    ]
    assert sum(one.count for one in groups) == len(found)
    assert "2,2E+13" in groups[0].message
    assert "12,5" in groups[2].message


def test_notes_on_whole_sheets_name_no_line() -> None:
    """A note on two sheets is of no line 0, and counts no cell."""
    (told,) = grouped(
        CellFinding(code="X", message="même titre", cause="x", file="u.xlsx", sheet=name)
        for name in ("A", "B")
    )

    assert told.where.replace("\u00a0", " ") == "u.xlsx, feuille « A » ; feuille « B »"
    assert told.message == "même titre"


def test_a_wrong_figure_is_told_under_its_month(tmp_path: Path) -> None:
    """Where months are columns, the month names the column."""
    rows = (("siret", "service", "janv-25", "févr-25"), (SIRET, "gfu", 1, "douze"))
    path = write_office_file(tmp_path / "u.csv", {"A": rows})
    [row] = read(fingerprint(path), ImportKind.USAGE)

    assert isinstance(row, RefusedRow)
    assert row.findings[0].where.endswith("colonne «\u00a0février 2025\u00a0»")
