"""The statement as data: read back, it says the same, and nothing in it is ever computed."""

import csv
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from python_calamine import CalamineWorkbook

from tests.golden.samples import MEMBER, hostile_names, invoice_of, line, sixty_lines, two_lines
from worker.billing.consumption import OutsideUse
from worker.billing.invoice import Invoice
from worker.billing.period import Month
from worker.billing.statement import Statement
from worker.formats.statement_data import (
    IDENTITY,
    LINE,
    MONTH,
    SOURCE,
    statement_csv,
    statement_xlsx,
)

Sample = Callable[[], tuple[Invoice, Statement]]
HOSTILE = ("=cmd|'/C calc'!A0", "+33", "-1+2", "@x", "\t=1", "\r=1", "\n=1")
MARKUP = ("<script>", "<r><t>x</t></r>", "<r></c></row></r>")


def hostile(text: str) -> Statement:
    """A statement where every free text is ``text``."""
    member = replace(MEMBER, name=text, convention=text)
    _, statement = invoice_of(line(text, service=text), member=member)
    return replace(
        statement, lines=tuple(replace(one, grid_version=text) for one in statement.lines)
    )


def rows(statement: Statement) -> list[dict[str, str]]:
    """The CSV as a program reads it."""
    text = statement_csv(statement).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def sheet(statement: Statement, name: str) -> list[list[object]]:
    """A sheet of the workbook, as another library reads it."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(statement_xlsx(statement)))
    return [list(row) for row in book.get_sheet_by_name(name).to_python()]


def cents(cell: object) -> int:
    """An amount of the workbook, a binary number there, as the cents it stands for."""
    return round(float(str(cell)) * 100)


@pytest.mark.parametrize("sample", [two_lines, hostile_names, sixty_lines])
def test_csv_rows_add_up_to_the_invoice(sample: Sample) -> None:
    """One row per line and month, whose amounts add up to what is to be paid, to the cent."""
    invoice, statement = sample()
    table = rows(statement)
    assert len(table) == sum(len(one.months) for one in statement.lines)
    amounts = [Decimal(row["Montant TTC"].replace(",", ".")) for row in table]

    assert sum(amounts) == invoice.totals.payable.euros
    assert {row["Membre"] for row in table} == {statement.member.name}
    assert [row["Fichier source (SHA-256)"] for row in table] == [
        use.source.file_sha256 for one in statement.lines for use in one.months
    ]


def test_csv_opens_in_a_french_spreadsheet() -> None:
    """It starts with a mark of UTF-8, and has semicolons, decimal commas and Windows line ends."""
    content = statement_csv(two_lines()[1])
    header, first, *_ = content.decode("utf-8").split("\r\n")

    assert content.startswith(b"\xef\xbb\xbf")
    assert header == "\ufeff" + ";".join([*IDENTITY, *(caption for caption, _ in MONTH)])
    assert ";01/2025;12;10,80;129,60;" in first
    assert "999\u00a0000\u00a0078\u00a000017" in first


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_texts_are_never_formulas(text: str) -> None:
    """A text that a spreadsheet would compute comes after an apostrophe; others are left alone."""
    (first, *_) = rows(hostile(text))
    for column in ("Membre", "Convention", "Service", "Désignation", "Grille tarifaire"):
        assert first[column] == f"'{text}"

    assert first["Montant TTC"] == "129,60"


@pytest.mark.parametrize("text", [*HOSTILE, "https://exemple.fr", "0123", "1e5", "TRUE", *MARKUP])
def test_workbook_texts_are_only_texts(text: str) -> None:
    """No name is a formula, a link, a number or a truth value in the workbook, even unmarked."""
    statement = hostile(text)
    cells = sheet(statement, "Mois par mois")[1][1:3]
    assert [str(cell).strip() for cell in cells] == [text.strip()] * 2
    assert {type(cell) for cell in cells} == {str}
    with zipfile.ZipFile(io.BytesIO(statement_xlsx(statement))) as archive:
        inside = b"".join(archive.read(name) for name in archive.namelist())

    assert b"<f>" not in inside
    assert b"<hyperlink" not in inside


@pytest.mark.parametrize("sample", [two_lines, hostile_names, sixty_lines])
def test_workbook_totals_are_those_of_the_statement(sample: Sample) -> None:
    """Both tables add up, and their last row says so."""
    _, statement = sample()
    for name, columns, top in (("Synthèse", LINE, 4), ("Mois par mois", MONTH, 0)):
        table = sheet(statement, name)
        captions = [caption for caption, _ in columns]
        assert table[top] == captions
        amounts = [row[captions.index("Montant TTC")] for row in table[top + 1 :]]
        *parts, total = map(cents, amounts)
        assert sum(parts) == total == statement.total.cents
        assert table[-1][0] == "Total TTC"


def test_workbook_says_where_the_figures_come_from() -> None:
    """The third sheet lists the grids and the fingerprints of the files."""
    _, statement = two_lines()
    header, *table = sheet(statement, "Sources")

    assert header == [caption for caption, _ in SOURCE]
    assert [row[1] for row in table] == [*statement.grid_versions, *statement.source_files]


def test_workbook_has_real_dates_and_numbers() -> None:
    """Days are dates and amounts numbers, so that they can be sorted and summed."""
    first = sheet(two_lines()[1], "Synthèse")[5]

    assert first[7:9] == [date(2025, 1, 1), date(2025, 12, 31)]
    assert first[9:] == [144, 10.8, 1555.2]


@pytest.mark.parametrize("sheet_file", ["sheet1.xml", "sheet2.xml", "sheet3.xml"])
def test_each_sheet_keeps_its_header_in_sight_and_can_be_filtered(sheet_file: str) -> None:
    """Rows are frozen under the header, and each column has its filter."""
    with zipfile.ZipFile(io.BytesIO(statement_xlsx(two_lines()[1]))) as archive:
        content = archive.read(f"xl/worksheets/{sheet_file}").decode()

    assert 'state="frozen"' in content
    assert "<autoFilter ref=" in content


def test_same_statement_gives_the_same_bytes_in_another_process() -> None:
    """Neither file depends on the clock, the process or its hash seed."""
    code = (
        "from hashlib import sha256\n"
        "from tests.golden.samples import two_lines\n"
        "from worker.formats.statement_data import statement_csv, statement_xlsx\n"
        "_, statement = two_lines()\n"
        "print(*(sha256(f(statement)).hexdigest() for f in (statement_csv, statement_xlsx)))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert all(one.stdout == other.stdout for one, other in pairwise(runs))
    with zipfile.ZipFile(io.BytesIO(statement_xlsx(two_lines()[1]))) as archive:
        assert b"2026-01-15T00:00:00Z" in archive.read("docProps/core.xml")
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_what_is_accepted_outside_is_a_row_of_no_amount() -> None:
    """It has users and no line; what is to be paid stays the sum of the column."""
    invoice, billed = two_lines()
    outside = OutsideUse(service="stockage", tier=5, month=Month(2025, 3), users=4)
    *lines, last = rows(replace(billed, outside=(outside,)))
    heading = sheet(replace(billed, outside=(outside,)), "Synthèse")[3][0]
    amounts = [Decimal(row["Montant TTC"].replace(",", ".")) for row in (*lines, last)]

    assert lines == rows(billed)
    assert sum(amounts) == invoice.totals.payable.euros
    assert (last["Ligne"], last["Service"], last["Désignation"], last["Palier (To)"]) == (
        "",
        "stockage",
        "Hors abonnement, non facturé",
        "5",
    )
    assert (last["Mois"], last["Utilisateurs"], last["Montant TTC"]) == ("03/2025", "4", "0,00")
    assert str(heading).startswith("Hors abonnement, et donc non facturé")
