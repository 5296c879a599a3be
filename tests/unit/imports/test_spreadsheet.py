"""Workbooks: XLSX and ODS read like the CSV they would export, and bombs stay closed."""

import struct
import tracemalloc
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import pytest

from tests.support.imports_workbooks import (
    OTHER_SIRET,
    SIRET,
    ods,
    ods_date,
    ods_number,
    ods_row,
    ods_text,
    package,
    xlsx,
    xlsx_row,
)
from worker.billing.period import Month
from worker.errors import ImportRefused
from worker.imports import ImportKind, RefusedRow, Row, fingerprint, read
from worker.imports.source import CHUNK
from worker.imports.spreadsheet import tables
from worker.imports.workbook import Cell, cell_text

HEADER = ("SIRET *", "Service", "Palier", "Mois", "Utilisateurs")
ODS_HEADER = ods_row(*map(ods_text, HEADER))
ODS_MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
MARCH_2025 = 45717
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def usage(path: Path) -> list[Row | RefusedRow]:
    """The rows of a usage workbook."""
    return list(read(fingerprint(path), ImportKind.USAGE))


def facts(row: Row | RefusedRow) -> tuple[int, str, str, int | None, str, int]:
    """What was read in a good row."""
    assert isinstance(row, Row), row
    value = row.value
    return (row.row, value.siret, value.service, value.tier, str(value.month), value.users)


def test_xlsx_cells_are_read_exactly(tmp_path: Path) -> None:
    """Numbers, dates and shared texts of XLSX give the same values as typed text."""
    shared = '<row r="5"><c r="A5" t="s"><v>0</v></c><c r="B5" t="s"><v>1</v></c>'
    rows = (
        xlsx_row(2, HEADER)
        + xlsx_row(3, (float(SIRET), "stockage", 2.0, MARCH_2025, 12), dates=[3])
        + xlsx_row(4, (OTHER_SIRET, "GFU", None, "03/2025", "1\u202f234"))
        + f'{shared}<c r="D5" s="1"><v>{MARCH_2025 + 30}</v></c><c r="E5"><v>7</v></c></row>'
    )
    path = xlsx(tmp_path / "usage.dat", {"Données": rows}, shared=[SIRET, "gfu"])

    assert [facts(row) for row in usage(path)] == [
        (3, SIRET, "stockage", 2, "2025-03", 12),
        (4, OTHER_SIRET, "gfu", None, "2025-03", 1234),
        (5, SIRET, "gfu", None, "2025-03", 7),
    ]


def test_ods_cells_are_read_exactly(tmp_path: Path) -> None:
    """Numbers, dates, repeated cells and the endless empty rows of ODS are understood."""
    rows = (
        ods_row("<table:table-cell/>", repeat=2)
        + ODS_HEADER
        + ods_row(
            ods_number(float(SIRET)),
            ods_text("stockage"),
            ods_number(2.0),
            ods_date("2025-03-01"),
            ods_number(12.0),
        )
        + ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeat=1_048_572)
    )
    path = ods(tmp_path / "usage.xlsx", {"Feuille1": rows})

    assert [facts(row) for row in usage(path)] == [(4, SIRET, "stockage", 2, "2025-03", 12)]


def test_notices_and_hidden_sheets_are_passed_over(tmp_path: Path) -> None:
    """What holds no table, or is hidden, is not read; findings say which sheet was."""
    good = xlsx_row(1, HEADER)
    path = xlsx(
        tmp_path / "usage.xlsx",
        {
            "Brouillon": good + xlsx_row(2, ("1", "x", None, "x", "x")),
            "Notice": xlsx_row(1, ("Mode d'emploi du service",)),
            "Données": good + xlsx_row(3, (SIRET, "gfu", None, "2025-03", 12.5)),
        },
        hidden="Brouillon",
    )
    [row] = usage(path)
    assert isinstance(row, RefusedRow)
    [finding] = row.findings

    assert finding.where.replace("\u00a0", " ") == (
        "usage.xlsx, feuille « Données », ligne 3, colonne « utilisateurs »"
    )
    assert "«\u00a012,5\u00a0» n'est pas un nombre entier" in finding.message


def test_a_workbook_without_header_is_refused(tmp_path: Path) -> None:
    """When no sheet has a header, the message shows what was found and what was expected."""
    path = xlsx(tmp_path / "usage.xlsx", {"A": "", "B": xlsx_row(1, ("Titre", "2025"))})
    with pytest.raises(ImportRefused, match="Titre") as refused:
        usage(path)

    assert "utilisateurs*" in refused.value.remedy


def test_error_cells_are_never_read_as_empty(tmp_path: Path) -> None:
    """A formula in error in an optional column refuses its row, in XLSX as in ODS."""
    references = ("siret", "annee", "engagement")
    broken = f'<row r="2"><c r="A2"><v>{SIRET}</v></c><c r="B2"><v>2025</v></c>'
    error = '<table:table-cell office:value-type="string" calcext:value-type="error" {}/>'.format(
        'table:formula="of:=NA()" office:string-value=""'
    )
    other = '<row r="2"><c r="B2" t="e"><v>#REF!</v></c></row>'
    for path in (
        xlsx(
            tmp_path / "r.xlsx",
            {
                "Calculs": other,
                "Données": xlsx_row(1, references)
                + f'{broken}<c r="C2" t="e"><f>NA()</f><v>#N/A</v></c></row>',
            },
        ),
        ods(
            tmp_path / "r.ods",
            {
                "Données": ods_row(*map(ods_text, references))
                + ods_row(ods_text(SIRET), ods_number(2025.0), error)
            },
        ),
    ):
        [row] = read(fingerprint(path), ImportKind.REFERENCES)
        assert isinstance(row, RefusedRow)
        assert [finding.code for finding in row.findings] == ["IMPORT-FORMULA"]


@pytest.mark.parametrize(
    "cell, text",
    [
        (99900007800017.0, SIRET),
        (12.5, "12.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("nan"), "nan"),
        (date(2025, 3, 1), "2025-03-01"),
        (datetime(2025, 3, 1), "2025-03-01"),  # noqa: DTZ001 cells have no time zone
        (datetime(2025, 3, 1, 8, 30), "2025-03-01T08:30:00"),  # noqa: DTZ001 same
        (time(8, 30), "08:30:00"),
        (True, "VRAI"),
        (" texte ", " texte "),
    ],
)
def test_cells_become_text(cell: Cell, text: str) -> None:
    """A cell's text is what its value is, never what rounding would make of it."""
    assert cell_text(cell) == text


def _far_cell(path: Path) -> Path:
    return xlsx(path, {"A": xlsx_row(1, HEADER) + '<row><c r="XFD1048576"><v>1</v></c></row>'})


def _far_row(path: Path) -> Path:
    rows = xlsx_row(1, HEADER) + '<x:row r="4294967295"><x:c><x:v>1</x:v></x:c></x:row>'
    return xlsx(path, {"A": f'<x:g xmlns:x="urn:x">{rows}</x:g>'})


def _cells_without_reference(path: Path) -> Path:
    cells = "<c><v>1</v></c>" * 12
    return xlsx(path, {"A": xlsx_row(1, HEADER) + f'<row r="1048576">{cells}</row>'})


def _shared_text(path: Path) -> Path:
    cells = '<c t="s"><v>0</v></c>' * 6_000
    return xlsx(path, {"A": f"<row>{cells}</row>"}, shared=["x" * 100_000])


def _repeated_rows(path: Path) -> Path:
    return ods(path, {"A": ODS_HEADER + ods_row(ods_text("x", 16_384), repeat=1_048_576)})


def _repeated_spaces(path: Path) -> Path:
    text = '<text:p>x<text:s text:c="900000000"/></text:p>'
    cell = f'<table:table-cell office:value-type="string">{text}</table:table-cell>'
    return ods(path, {"A": ods_row(cell)})


def _unfolding(path: Path) -> Path:
    return package(
        path,
        {
            "mimetype": ODS_MIMETYPE,
            "content.xml": "<a>" + " " * (40 * 2**20) + "</a>",
        },
    )


def _entities(path: Path) -> Path:
    return package(
        path,
        {
            "mimetype": ODS_MIMETYPE,
            "content.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        },
    )


def _other_encoding(path: Path) -> Path:
    """What one XML reader would see in UTF-16, another would see as other bytes."""
    content = '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16")
    return package(path, {"mimetype": ODS_MIMETYPE, "content.xml": content})


def _unknown_encoding(path: Path) -> Path:
    content = '<?xml version="1.0" encoding="nimporte"?>\xe9<a/>'.encode("latin-1")
    return package(path, {"mimetype": ODS_MIMETYPE, "content.xml": content})


def _many_parts(path: Path) -> Path:
    return package(path, {f"xl/{n}.xml": "" for n in range(2_001)})


def _large_directory(path: Path) -> Path:
    return package(path, {f"{'x' * 30_000}{n}": "" for n in range(40)})


def _lying_size(path: Path) -> Path:
    """Sizes in the package's directory say one byte; the part unfolds into far more."""
    _unfolding(path)
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, entry + 24, 1)
    path.write_bytes(content)
    return path


def _errors_everywhere(path: Path) -> Path:
    return xlsx(path, {"A": '<row><c t="e"><v>#N/A</v></c></row>' * 10_001})


@pytest.mark.parametrize(
    "build, says",
    [
        (_far_cell, "trop de mémoire"),
        (_far_row, "trop de mémoire"),
        (_cells_without_reference, "trop de mémoire"),
        (_shared_text, "trop de mémoire"),
        (_repeated_rows, "trop de mémoire"),
        (_repeated_spaces, "trop de mémoire"),
        (_unfolding, "démesurée"),
        (_many_parts, "démesurée"),
        (_large_directory, "démesurée"),
        (_entities, "abîmé"),
        (_other_encoding, "abîmé"),
        (_unknown_encoding, "abîmé"),
        (_lying_size, "abîmé"),
        (_errors_everywhere, "cellules en erreur"),
    ],
)
def test_hostile_workbooks_stay_closed(
    tmp_path: Path, build: Callable[[Path], Path], says: str
) -> None:
    """What would fill the memory is refused before the spreadsheet library opens it."""
    source = fingerprint(build(tmp_path / "hostile.xlsx"))
    tracemalloc.start()
    with pytest.raises(ImportRefused, match=says):
        list(read(source, ImportKind.USAGE))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * 2**20


@pytest.mark.parametrize(
    "content, says",
    [
        ({"xl/workbook.bin": ""}, "xlsb"),
        ({"word/document.xml": "", "[Content_Types].xml": ""}, "pas un classeur"),
        ({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": ""}, "pas un"),
        ({"mimetype": ODS_MIMETYPE, "content.xml": "<a>"}, "abîmé"),
        ({"[Content_Types].xml": "<a/>", "xl/workbook.xml": "<a/>"}, "abîmé"),
        (OLE, "mot de passe"),
        (b"PK\x03\x04" + bytes(100), "abîmé"),
    ],
)
def test_other_files_are_refused_for_what_they_are(
    tmp_path: Path, content: dict[str, str] | bytes, says: str
) -> None:
    """Old, binary, protected, damaged and foreign files are told apart by their content."""
    path = tmp_path / "usage.csv"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        package(path, content)
    with pytest.raises(ImportRefused, match=says) as refused:
        usage(path)

    assert refused.value.remedy


def test_protected_workbooks_are_refused(tmp_path: Path) -> None:
    """A password, in the ODS manner or the ZIP manner, is named as the reason."""
    manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
    encrypted = ods(tmp_path / "a.ods", {"A": ""}, manifest=manifest)
    zipped = ods(tmp_path / "b.ods", {"A": ODS_HEADER})
    content = bytearray(zipped.read_bytes())
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    zipped.write_bytes(content)
    for path in (encrypted, zipped):
        with pytest.raises(ImportRefused, match="mot de passe"):
            usage(path)


def test_damaged_bytes_never_escape_as_another_error(tmp_path: Path) -> None:
    """One changed byte anywhere gives the same rows or a refusal, nothing else."""
    path = xlsx(
        tmp_path / "u.xlsx",
        {"A": xlsx_row(1, HEADER) + xlsx_row(2, (SIRET, "gfu", None, "2025-03", 3))},
    )
    original = path.read_bytes()
    [row] = usage(path)
    assert isinstance(row, Row)
    assert row.value.month == Month(2025, 3)
    for position in range(0, len(original), 61):
        damaged = bytearray(original)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        try:
            rows = usage(path)
        except ImportRefused:
            continue
        assert [facts(row) for row in rows] == [(2, SIRET, "gfu", None, "2025-03", 3)]


@pytest.mark.parametrize(
    "cell, shown",
    [
        ('<c r="B2" t="e"><v>#SPILL!</v></c>', "#SPILL!"),
        ('<c r="B2" t="e"><v>#NOUVEAU!</v></c>', "#N/A"),
        ("<c t = 'e' r='B2'><f>A1&gt;2</f><v>#REF!</v></c>", "#REF!"),
        ('<c r="B2" cm="1" t="e" s="0"><f>IF(A1>2,NA())</f><v>#N/A</v></c>', "#N/A"),
    ],
)
def test_an_error_is_seen_however_its_cell_is_written(
    tmp_path: Path, cell: str, shown: str
) -> None:
    """Attributes in any order, either quotes; a code that is not known is one that is."""
    path = xlsx(
        tmp_path / "a.xlsx",
        {
            "A": xlsx_row(1, ("a", "b", "c"))
            + f'<row r="2"><c r="A2"><v>1</v></c>{cell}<c r="C2"><v>3</v></c></row>'
        },
    )

    [table] = [list(table.rows) for table in tables(fingerprint(path))]

    assert table[1] == (2, ["1", shown, "3"])


def test_repeated_errors_of_ods_are_all_seen(tmp_path: Path) -> None:
    """A cell that stands for three is three errors, whatever value it claims."""
    error = (
        "<table:table-cell office:value-type='float' table:number-columns-repeated='3' "
        "table:formula='of:=IF([.A1]>2;NA())' office:value='0' calcext:value-type='error'>"
        "<text:p>#N/A</text:p></table:table-cell>"
    )
    path = ods(tmp_path / "a.ods", {"A": ods_row(ods_text("x"), error, ods_text("y"))})

    [table] = [list(table.rows) for table in tables(fingerprint(path))]

    assert table == [(1, ["x", "#N/A", "#N/A", "#N/A", "y"])]


def test_errors_far_apart_are_all_seen(tmp_path: Path) -> None:
    """A part is read in pieces; a cell that would straddle two of them is in one."""
    rows = "".join(
        f'<row r="{n}">{" " * (n % 300)}<c r="A{n}"><v>{n}</v></c>'
        f'<c r="B{n}" t="e"><f>NA()</f><v>#N/A</v></c></row>'
        for n in range(1, 9_000)
    )
    assert len(rows) > 2 * CHUNK

    [table] = [
        list(table.rows) for table in tables(fingerprint(xlsx(tmp_path / "a.xlsx", {"A": rows})))
    ]

    assert [cells for _, cells in table] == [[str(n), "#N/A"] for n in range(1, 9_000)]


def test_memory_does_not_grow_with_the_workbook(tmp_path: Path) -> None:
    """Rows come one batch at a time, however many the other process holds."""
    rows = "".join(xlsx_row(n, (SIRET, f"service-{n}", 2, "2025-03", n)) for n in range(1, 30_000))
    source = fingerprint(xlsx(tmp_path / "a.xlsx", {"A": rows}))
    tracemalloc.start()

    count = sum(1 for table in tables(source) for _ in table.rows)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 29_999
    assert peak < 4 * 2**20
