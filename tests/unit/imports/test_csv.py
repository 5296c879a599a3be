"""CSV files: every dialect of a French office is read alike, and what is not text is refused."""

import codecs
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from tests.support.imports_workbooks import OTHER_SIRET, SIRET
from worker.billing.members import Member
from worker.errors import ImportRefused
from worker.imports import ImportKind, RefusedRow, Row, fingerprint, read
from worker.isolation.files import digest_bounded

USAGE = "siret;service;palier;mois;utilisateurs\n"
MEMBERS = "siret;nom;adresse;code_postal;ville;convention\n"
NAME = "Communauté fictive d'Œuvres €"


def usage(path: Path, content: str | bytes) -> list[Row | RefusedRow]:
    """The rows of a usage file made of this content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(fingerprint(path), ImportKind.USAGE))


def first_member(path: Path) -> Member:
    """The member of a file's first row."""
    [first] = islice(read(fingerprint(path), ImportKind.MEMBERS), 1)
    assert isinstance(first, Row)
    member, _, _ = first.value
    assert isinstance(member, Member)
    return member


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_every_dialect_reads_alike(
    tmp_path: Path, encoding: str, delimiter: str, ending: str
) -> None:
    """Encoding, separator and line endings change nothing to what is read."""
    rows = f'{MEMBERS}{SIRET};"{NAME}";"1 place ""du Puits""";01000;Fictiville;C-1\n\n'
    path = tmp_path / "membres.txt"
    text = rows.replace(";", delimiter).replace("\n", ending)
    path.write_bytes(text.encode(encoding))
    member = first_member(path)

    assert (member.siret, member.name, member.address.postcode) == (SIRET, NAME, "01000")
    assert member.address.line1 == '1 place "du Puits"'


def test_separators_inside_quotes_do_not_decide(tmp_path: Path) -> None:
    """Commas in quoted headers or cells leave the semicolon the separator."""
    path = tmp_path / "membres.csv"
    path.write_text(
        MEMBERS.replace("nom", '"nom"') + f'{SIRET};"Mairie, école, poste";1 rue A;01000;B;C-1\n',
        encoding="utf-8",
    )

    assert first_member(path).name == "Mairie, école, poste"


def test_rows_carry_the_line_people_see(tmp_path: Path) -> None:
    """Blank lines and quoted line breaks are counted: a row is where its record starts."""
    lines = (
        f'\n{USAGE}\n{SIRET};gfu;;"2025-01";1\n;;;;\n{SIRET};"gfu\n\n";;2025-02;2\n'
        f"{OTHER_SIRET};gfu;;2025-03;3\n"
    )
    rows = usage(tmp_path / "usage.csv", lines)

    assert [row.row for row in rows] == [4, 6, 9]


def test_a_row_keeps_the_proof_of_its_origin(tmp_path: Path) -> None:
    """A usage record names the SHA-256 of its file and its row."""
    path = tmp_path / "usage.csv"
    [row] = usage(path, f"{USAGE}{SIRET};Stockage;2 To;03/2025;12\n")

    assert isinstance(row, Row)
    assert (row.value.source.file_sha256, row.value.source.row) == (fingerprint(path).sha256, 2)
    assert (row.value.service, row.value.tier, row.value.users) == ("stockage", 2, 12)


@pytest.mark.parametrize(
    "line, says",
    [
        (f"{SIRET};gfu;2025-01;3", "4 cellules au lieu de 5"),
        (f"{SIRET};gfu;;2025-01;3;oups", "aucun nom de colonne"),
    ],
)
def test_ragged_rows_are_reported(tmp_path: Path, line: str, says: str) -> None:
    """A row with too few or too many cells is refused: its values may be under wrong names."""
    [row] = usage(tmp_path / "usage.csv", f"{USAGE}{line}\n")

    assert isinstance(row, RefusedRow)
    assert [finding.code for finding in row.findings] == ["IMPORT-ROW"]
    assert says in row.findings[0].message
    assert row.findings[0].where == "usage.csv, ligne 2"


def test_empty_cells_after_the_last_column_are_ignored(tmp_path: Path) -> None:
    """Separators that a spreadsheet leaves at the end of lines are no values."""
    [row] = usage(tmp_path / "usage.csv", f"{USAGE.strip()};;\n{SIRET};gfu;;2025-01;3;; \n")

    assert isinstance(row, Row)


@pytest.mark.parametrize(
    "content, says",
    [
        (codecs.BOM_UTF16_LE + USAGE.encode("utf-16-le"), "UTF-16"),
        (USAGE.encode("utf-16-be"), "fichier texte"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR;", "fichier texte"),
        (USAGE.encode() + b"1;\x81;;;\n", "ligne 2"),
        (f"{USAGE}1;é;;;\n".encode() + "2;é;;;\n".encode("cp1252"), "ligne 2"),
        (codecs.BOM_UTF8 + USAGE.encode() + "1;é;;;\n".encode("cp1252"), "ligne 2"),
        (f"{USAGE}1;œ;;;\n".encode() + "2;é;;;\n".encode("cp1252"), "ligne 2"),
        (f'{USAGE}{SIRET};"gfu;;2025-01;3\n', "ligne 2"),
        (f'{USAGE}{SIRET};gfu;;2025-01;3\n{SIRET};"a"b;;;\n', "ligne 3"),
        (f'{USAGE}{SIRET};"{"x" * 200_000}";;;\n', "ligne 2"),
        ("%PDF-1.4\n%comment\n", "une colonne"),
        ("<html><table></table></html>", "une colonne"),
        ("x" * (3 * 2**20), "ligne sans fin"),
        (" \n;;;\n \n", "une colonne"),
        ("nom;prénom;âge\nA;B;3\n", "en-tête connu"),
    ],
)
def test_files_that_are_no_table_are_refused(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    """What cannot be read for certain is refused, with the line when one is to blame."""
    with pytest.raises(ImportRefused) as refused:
        usage(tmp_path / "usage.csv", content)

    assert says in refused.value.message.replace("\u00a0", " ")
    assert refused.value.remedy


WIDE = b";" * 20_000 + b"\n"


@pytest.mark.parametrize(
    "content, says",
    [
        (b"\n" * 1_100_000, "1\u202f048\u202f576 lignes"),
        (b"\r" * 1_100_000, "1\u202f048\u202f576 lignes"),
        (USAGE.encode() + b'"' + b"\n" * 1_100_000, "1\u202f048\u202f576 lignes"),
        (WIDE * 10, "une colonne"),
        (USAGE.encode() + WIDE * 10, "ligne 2.: plus de 16384 cellules"),
        (b"siret;service;" + b"x;" * 10_000 + b"\n", "en-t\u00eate"),
    ],
    ids=["blank", "returns", "quoted", "wide", "wide row", "wide header"],
)
def test_a_file_without_end_is_left_early(tmp_path: Path, content: bytes, says: str) -> None:
    """Blank lines by the million, cells and headers by the thousand: one sentence, few findings."""
    with pytest.raises(ImportRefused, match=says) as refused:
        usage(tmp_path / "sans-fin.csv", content)

    assert len(refused.value.findings) <= 30


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    """Rows never carry the fingerprint of other bytes than those read."""
    path = tmp_path / "usage.csv"
    path.write_text(f"{USAGE}{SIRET};gfu;;2025-01;3\n", encoding="utf-8")
    source = fingerprint(path)
    path.write_text(f"{USAGE}{SIRET};gfu;;2025-01;4\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match="a changé"):
        list(read(source, ImportKind.USAGE))


def test_a_row_has_a_bound_whatever_its_lines(tmp_path: Path) -> None:
    """A quotation mark that nothing closes holds no more of the file than a row may have."""
    path = tmp_path / "usage.csv"
    cells = ";".join(f'"{"a" * 9_000}\n{"b" * 9_000}"' for _ in range(200))
    path.write_text(f"{USAGE}{cells}\n", encoding="utf-8")
    with pytest.raises(ImportRefused, match="guillemet"):
        list(read(fingerprint(path), ImportKind.USAGE))


def test_a_file_without_end_is_not_read_for_ever() -> None:
    """Some files of the system say that they have no byte."""
    with pytest.raises(OSError, match="pèse plus de 1 Mo"):
        digest_bounded(Path("/proc/self/pagemap"), 1_000_000)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Reading thirty thousand rows takes no more memory at its peak than three thousand."""

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write(USAGE)
            file.writelines(f"{SIRET};stockage;2;2025-{1 + n % 12:02d};{n}\n" for n in range(rows))
        source = fingerprint(path)
        tracemalloc.start()
        count = sum(isinstance(row, Row) for row in read(source, ImportKind.USAGE))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == rows
        return highest

    peak(6_000)  # fills the parsers' caches, which are bounded

    assert peak(30_000) < peak(3_000) + 2 * 2**20  # the check reads by chunks of 1 MiB
