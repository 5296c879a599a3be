"""Imported files are kept whole, without contacts, found by their names, and read again."""

import csv
import hashlib
from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.integration.conftest import Place
from tests.support.imported_tables import FORMATS, SHEET, write_table
from tests.support.office_files import WORKBOOKS, write_office_file
from tests.support.storage_samples import (
    HEADERS,
    OTHER,
    SIRET,
    add_members,
    app_on,
    bring,
    bring_rows,
    write_csv,
)
from worker.billing.provenance import cell
from worker.errors import ImportRefused, WrongUse
from worker.imports import Heading, ImportKind, fingerprint, read, stream
from worker.imports.history import changed_values, files_and_changes, save, the_file
from worker.imports.intake import take_rows
from worker.imports.kept import without_personal
from worker.imports.rereading import reread
from worker.storage import Store
from worker.storage.source_files import ImportedFile, Kept
from worker.storage.versions import Changes

MEMBER_HEADER = f"{HEADERS[ImportKind.MEMBERS]};contact_nom"
MEMBERS = (
    f"{SIRET};CC du Val-Fictif;2 rue du Moulin;82400;Val-d'Amont;C-1;ref@exemple.invalid;Camille",
    f"{OTHER};Commune fictive;1 rue A;01000;Bourg;C-2;;",
)
ROWS = {
    ImportKind.MEMBERS: MEMBERS,
    ImportKind.SUBSCRIPTIONS: (f"{SIRET};stockage;2;4;17/05/2025;", f"{OTHER};gfu;;4;01/01/2025;"),
    ImportKind.USAGE: (f"{SIRET};stockage;2;2025-03;12", f"{OTHER};gfu;;2025-04;7"),
    ImportKind.REFERENCES: (f"{SIRET};2025;SERV-NUM;EJ-1", f"{OTHER};2025;;EJ-2"),
    ImportKind.UNITS: (
        f"{SIRET};formation;12/03/2025;2;FORM-1",
        f"{OTHER};formation;2025-03-12;1;FORM-1",
    ),
    ImportKind.POPULATION: (f"{SIRET};2025;3421", f"{OTHER};2025;812"),
    ImportKind.PREVIOUS: (
        f"{SIRET};2024;12,00\N{NO-BREAK SPACE}€;",
        f"{OTHER};2024;12;Commune fictive",
    ),
}
CHANGED = {
    ImportKind.MEMBERS: ("nom", "CC du Val-Fictif", "CC du Val-Nouveau"),
    ImportKind.SUBSCRIPTIONS: ("categorie", "4", "5"),
    ImportKind.USAGE: ("utilisateurs", "12", "13"),
    ImportKind.REFERENCES: ("engagement", "EJ-1", "EJ-9"),
    ImportKind.UNITS: ("quantite", "2", "2,5"),
    ImportKind.POPULATION: ("habitants", "3421", "3500"),
    ImportKind.PREVIOUS: (
        "montant_ttc",
        "12,00\N{NO-BREAK SPACE}€",
        "13,50\N{NO-BREAK SPACE}€",
    ),
}
"""The value of each first row that a second file changes."""
EVERY = [(kind, form) for kind in ROWS for form in FORMATS]


def _table(kind: ImportKind, rows: tuple[str, ...] = ()) -> list[list[str]]:
    header = MEMBER_HEADER if kind is ImportKind.MEMBERS else HEADERS[kind]
    return [line.split(";") for line in (header, *(rows or ROWS[kind]))]


def _corrected(kind: ImportKind) -> list[list[str]]:
    """The same table with the value of ``CHANGED``, a line lower."""
    name, _, after = CHANGED[kind]
    header, first, second = _table(kind)
    first[header.index(name)] = after
    return [header, second, first]


def _known(store: Store, folder: Path) -> Store:
    bring_rows(store, folder, ImportKind.MEMBERS, *MEMBERS_ALONE, name="d'avance.csv")
    return store


MEMBERS_ALONE = tuple(line.rpartition(";")[0] for line in MEMBERS)


def _kept(store: Store, name: str) -> ImportedFile:
    with store.reading() as session:
        return the_file(session, name)[0][1]


@pytest.mark.parametrize("kind, form", EVERY)
def test_each_file_is_kept_and_leads_to_its_cells(
    sqlite_place: Place, tmp_path: Path, kind: ImportKind, form: str
) -> None:
    """Bytes, name, sheet, rows, who; and each changed value with the cell that it stands in."""
    store = _known(sqlite_place.open(), tmp_path)
    bring(store, write_table(tmp_path / f"avant.{form}", _table(kind)), kind)
    path = write_table(tmp_path / f"après.{form}", _corrected(kind))
    bring(store, path, kind)
    with store.reading() as session:
        ((file_id, file, changes),) = the_file(session, path.name)
        values = list(changed_values(session, file_id, file))
    copy = tmp_path / "copie"
    save(store.archive, [file], copy)

    column, before, after = CHANGED[kind]
    place = _corrected(kind)[0].index(column) + 1
    assert (file.sheet, file.rows, changes.changed) == ("" if form == "csv" else SHEET, 2, 1)
    assert [
        (one.row, one.cell, one.siret, one.column, one.before, one.after) for one in values
    ] == [(3, cell(place, 3), SIRET, column, before, after)]
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    if kind is ImportKind.MEMBERS:
        assert file.how_kept is Kept.WITHOUT_CONTACTS
    else:
        assert file.how_kept is Kept.WHOLE
        assert copy.read_bytes() == path.read_bytes()

    assert reread(app_on(store)) == ()


@pytest.mark.parametrize("form", FORMATS)
def test_the_copy_of_a_members_file_has_no_contact(tmp_path: Path, form: str) -> None:
    """Names and addresses of persons are in no byte of it; every other cell is where it was."""
    rows = [*_table(ImportKind.MEMBERS)[:2], [""] * 8, *_table(ImportKind.MEMBERS)[2:]]
    source = fingerprint(write_table(tmp_path / f"membres.{form}", rows))
    copy = tmp_path / "copie.csv"
    [(_, content)] = without_personal(source, ImportKind.MEMBERS)
    copy.write_bytes(content)
    there = {
        (number, place): value
        for number, cells in enumerate(
            csv.reader(StringIO(copy.read_text("utf-8-sig")), delimiter=";")
        )
        for place, value in enumerate(cells)
        if value
    }

    assert there == {
        (number, place): value
        for number, cells in enumerate(rows)
        for place, value in enumerate(cells)
        if value and place < 6
    }
    again = [(row.row, row.value) for row in read(fingerprint(copy), ImportKind.MEMBERS)]  # type: ignore[union-attr]

    assert again == [
        (row.row, (row.value[0], None, row.value[2]))  # type: ignore[union-attr]
        for row in read(source, ImportKind.MEMBERS)
    ]


def test_a_members_file_without_contacts_is_kept_as_it_is(store: Store, tmp_path: Path) -> None:
    """Nothing personal is in it: its own bytes are kept."""
    header, *rows = _table(ImportKind.MEMBERS)
    path = write_table(tmp_path / "membres.csv", [line[:6] for line in (header, *rows)])
    done = bring(store, path, ImportKind.MEMBERS)

    assert done.left_out == ()
    assert _kept(store, path.name).how_kept is Kept.WHOLE


def test_a_refused_file_or_a_rehearsal_keeps_nothing(store: Store, tmp_path: Path) -> None:
    """The archive has no byte of a file of which nothing was taken."""
    good = write_csv(tmp_path, ImportKind.MEMBERS, *MEMBERS_ALONE)
    bad = write_csv(tmp_path, ImportKind.MEMBERS, MEMBERS_ALONE[0], MEMBERS_ALONE[0], name="b.csv")
    bring(store, good, ImportKind.MEMBERS, dry_run=True)
    with pytest.raises(ImportRefused):
        bring(store, bad, ImportKind.MEMBERS)

    assert store.archive.is_empty()


def test_a_file_that_changes_once_it_was_read_is_refused(
    sqlite_place: Place, tmp_path: Path
) -> None:
    """What is kept is what was read, or nothing is."""
    store = _known(sqlite_place.open(), tmp_path)
    source = fingerprint(write_csv(tmp_path, ImportKind.USAGE, *ROWS[ImportKind.USAGE]))
    pieces = sorted(store.archive.folder.rglob("*"))
    source.path.write_text("autre chose", "utf-8")

    with source.opened() as file:
        assert not store.archive.keep(file, source.sha256)

    assert sorted(one for one in store.archive.folder.rglob("*") if one.is_file()) == [
        one for one in pieces if one.is_file()
    ]


def test_a_file_is_found_by_its_name_or_the_beginning_of_a_hash(
    store: Store, tmp_path: Path
) -> None:
    """Two of one name are told apart by their hashes; what is not there is said."""
    _known(store, tmp_path)
    for rows in pairwise((*ROWS[ImportKind.USAGE], f"{SIRET};gfu;;2025-05;1")):
        bring_rows(store, tmp_path, ImportKind.USAGE, *rows, name="conso.csv")
    with store.reading() as session:
        first, second = [one for _, one, _ in files_and_changes(session) if one.kind == "usage"]
        with pytest.raises(WrongUse, match=rf"{first.sha256[:16]}.*{second.sha256[:16]}"):
            the_file(session, "conso.csv")
        with pytest.raises(WrongUse, match="n'a ce nom"):
            the_file(session, "absent.csv")
        ((_, found, _),) = the_file(session, second.sha256[:12])

    assert found == second


def _update(sql: str) -> Callable[[Store, ImportedFile], None]:
    def harm(store: Store, _file: ImportedFile) -> None:
        with store.engine.begin() as connection:
            for guard in ("usage_record_kept_delete", "source_file_kept_update"):
                connection.execute(text(f"DROP TRIGGER {guard}"))
            connection.execute(text(sql))

    return harm


def _lose(store: Store, file: ImportedFile) -> None:
    store.archive.path(file.kept_sha256).unlink()


def _alter(store: Store, file: ImportedFile) -> None:
    path = store.archive.path(file.kept_sha256)
    path.write_bytes(path.read_bytes().replace(b"12", b"13"))


HARMS: dict[str, tuple[Callable[[Store, ImportedFile], None], str, str]] = {
    "lost": (_lose, "conso.csv", "manque dans l'archive"),
    "altered": (_alter, "conso.csv", "a été modifiée"),
    "value": (
        _update("UPDATE usage_record SET users = 99 WHERE row = 2"),
        "conso.csv, ligne 2",
        "utilisateurs : 99 dans la base, 12 au fichier",
    ),
    "moved": (
        _update("UPDATE usage_record SET row = 9 WHERE row = 3"),
        "conso.csv, ligne 9",
        "le fichier gardé ne l'a pas",
    ),
    "removed": (_update("DELETE FROM usage_record WHERE row = 3"), "conso.csv", "pris 1, alors"),
    "count": (_update("UPDATE source_file SET rows = 3"), "d'avance.csv", "en avait lu 3"),
}


@pytest.mark.parametrize("name", HARMS)
def test_what_differs_from_a_kept_file_is_named(
    sqlite_place: Place, tmp_path: Path, name: str
) -> None:
    """A value, a row more or less, a lost or altered piece: file and line are said."""
    store = _known(sqlite_place.open(), tmp_path)
    bring_rows(store, tmp_path, ImportKind.USAGE, *ROWS[ImportKind.USAGE], name="conso.csv")
    harm, where, message = HARMS[name]
    harm(store, _kept(store, "conso.csv"))
    findings = reread(app_on(store))

    assert {finding.code for finding in findings} == {"FILE-DIFFERS"}
    assert where in {finding.where for finding in findings}
    assert any(message in finding.message for finding in findings), findings


def test_what_a_former_release_took_in_is_said_not_to_be_kept(store: Store, tmp_path: Path) -> None:
    """It cannot be given back; its hash tells which of one's own files it was."""
    add_members(store)
    file = _kept(store, "membres.csv")
    with pytest.raises(WrongUse, match="n'a pas été gardé") as caught:
        save(store.archive, [file], tmp_path / "copie.csv")

    assert file.sha256 in caught.value.remedy
    assert reread(app_on(store)) == ()


def _half(rows: list[list[str]], first: int) -> list[list[str]]:
    """The header and every other row."""
    return [rows[0], *rows[first::2]]


@pytest.mark.parametrize("kind, form", [(kind, form) for kind in ROWS for form in WORKBOOKS])
def test_each_sheet_is_kept_and_leads_to_its_cells(
    sqlite_place: Place, tmp_path: Path, kind: ImportKind, form: str
) -> None:
    """Two visible sheets are both taken in; each value leads to its sheet, row and cell."""
    store = _known(sqlite_place.open(), tmp_path)
    bring(store, write_table(tmp_path / f"avant.{form}", _table(kind)), kind)
    corrected = _corrected(kind)
    sheets = {"Un": _half(corrected, 1), "Deux": [["Titre"], *_half(corrected, 2)]}
    path = write_office_file(tmp_path / f"après.{form}", sheets)
    done = bring(store, path, kind)
    again = bring(store, path, kind)
    with store.reading() as session:
        found = the_file(session, path.name)
        values = [one for id_, file, _ in found for one in changed_values(session, id_, file)]

    column, before, after = CHANGED[kind]
    place = corrected[0].index(column) + 1

    assert again.already
    assert [(one.sheet, one.rows) for one in done.sheets] == [("Un", 1), ("Deux", 1)]
    assert [(file.sheet, file.rows, changes) for _, file, changes in found] == [
        ("Un", 1, Changes(unchanged=1)),
        ("Deux", 1, Changes(changed=1)),
    ]
    assert [(one.sheet, one.row, one.cell, one.before, one.after) for one in values] == [
        ("Deux", 3, cell(place, 3), before, after)
    ]
    assert reread(app_on(store)) == ()


@pytest.mark.parametrize("form", FORMATS)
def test_months_as_columns_lead_to_their_own_cells(
    sqlite_place: Place, tmp_path: Path, form: str
) -> None:
    """Twelve figures of a line are twelve rows, each with the cell of its month."""
    store = _known(sqlite_place.open(), tmp_path)
    months = [f"2025-{number:02d}" for number in range(1, 13)]
    for name, last in (("avant", 12), ("après", 99)):
        rows = [
            ["siret", "service", *months, "Total"],
            [SIRET, "gfu", *map(str, range(1, 12)), str(last), "0"],
            [OTHER, "gfu", *["5"] * 12, "60"],
        ]
        path = write_office_file(tmp_path / f"{name}.{form}", {"A": rows})
        done = bring(store, path, ImportKind.USAGE)
    with store.reading() as session:
        ((file_id, file, _),) = the_file(session, path.name)
        [changed] = changed_values(session, file_id, file)

    assert (done.rows, done.changes) == (24, Changes(changed=1, unchanged=23))
    assert (changed.cell, changed.before, changed.after) == ("N2", "12", "99")
    assert reread(app_on(store)) == ()


def test_a_file_of_an_older_release_is_read_again_as_it_was(
    sqlite_place: Place, tmp_path: Path
) -> None:
    """It took one sheet and left out the others: the kept file agrees, and the rest can come in."""
    store = _known(sqlite_place.open(), tmp_path)
    rows = _table(ImportKind.USAGE)
    sheets = {"Un": _half(rows, 1), "Deux": _half(rows, 2)}
    source = fingerprint(write_office_file(tmp_path / "conso.xlsx", sheets))
    first = [one for one in stream(source, ImportKind.USAGE) if not _is_of(one, "Deux")]
    take_rows(app_on(store), source, ImportKind.USAGE, iter(first))
    findings = reread(app_on(store))
    rest = bring(store, source.path, ImportKind.USAGE)

    assert findings == ()
    assert [(one.sheet, one.changes) for one in rest.sheets] == [("Deux", Changes(added=1))]
    assert reread(app_on(store)) == ()


def _is_of(item: object, sheet: str) -> bool:
    heading = item if isinstance(item, Heading) else getattr(item, "heading", None)
    return heading is not None and heading.sheet == sheet


@pytest.mark.parametrize("form", WORKBOOKS)
def test_the_copies_of_a_members_file_are_kept_sheet_by_sheet(
    store: Store, tmp_path: Path, form: str
) -> None:
    """None has a contact; each is given back by its own hash."""
    rows = _table(ImportKind.MEMBERS)
    sheets = {"Un": _half(rows, 1), "Deux": _half(rows, 2)}
    path = write_office_file(tmp_path / f"membres.{form}", sheets)
    bring(store, path, ImportKind.MEMBERS)
    with store.reading() as session:
        files = [file for _, file, _ in the_file(session, path.name)]
        ((_, one, _),) = the_file(session, files[1].kept_sha256[:12])
    with pytest.raises(WrongUse, match="feuille par feuille"):
        save(store.archive, files, tmp_path / "copie")
    save(store.archive, [one], tmp_path / "copie")

    assert [file.how_kept for file in files] == [Kept.WITHOUT_CONTACTS] * 2
    assert b"@" not in (tmp_path / "copie").read_bytes()
    assert reread(app_on(store)) == ()
