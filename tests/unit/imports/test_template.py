"""The workbook of each kind of file that is given to be filled."""

import zipfile
from datetime import date
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.support.imports_workbooks import SIRET
from worker.billing.identifiers import is_valid_siret
from worker.errors import Refused
from worker.imports import Heading, ImportKind, Note, RefusedRow, Row, fingerprint, stream
from worker.imports.kinds import KINDS
from worker.imports.template import told_columns, write_template
from worker.imports.values import EXAMPLE_SIRET, siret


@pytest.mark.parametrize("kind", ImportKind)
def test_a_template_is_read_under_its_own_header(tmp_path: Path, kind: ImportKind) -> None:
    """All columns are known, nothing is said of the others; only its member is refused."""
    path = tmp_path / "modele.xlsx"
    write_template(kind, path)
    heading, *items = stream(fingerprint(path), kind)
    found = [one for item in items if isinstance(item, RefusedRow) for one in item.findings]

    assert isinstance(heading, Heading)
    assert list(heading.layout.columns) == [one.name for one in KINDS[kind].columns]
    assert [item for item in items if isinstance(item, Note)] == []
    of_member = "siret" in heading.layout.columns
    assert ["fictif" in one.message for one in found] == [True] * of_member
    assert len(items) == 1


@pytest.mark.parametrize("kind", ImportKind)
def test_the_example_of_a_template_is_right(tmp_path: Path, kind: ImportKind) -> None:
    """With the SIRET of a member in its place, its row reads without a finding."""
    columns = told_columns(kind)
    values = [siret_or(one.example) for one in columns]
    text = "\n".join(";".join(line) for line in ([one.name for one in columns], values, []))
    path = tmp_path / "exemple.csv"
    path.write_text(text, "utf-8")
    _, row = stream(fingerprint(path), kind)

    assert isinstance(row, Row)
    assert is_valid_siret(EXAMPLE_SIRET)
    assert siret(EXAMPLE_SIRET) != EXAMPLE_SIRET


def siret_or(example: str | int | date) -> str:
    """The text of an example, the SIRET of a member in the place of the fictitious one."""
    return SIRET if example == EXAMPLE_SIRET else str(example)


@pytest.mark.parametrize("kind", ImportKind)
def test_cells_have_their_type_and_columns_their_note(tmp_path: Path, kind: ImportKind) -> None:
    """A SIRET and a postcode are texts; each header carries what its column holds."""
    path = tmp_path / "modele.xlsx"
    write_template(kind, path)
    columns = told_columns(kind)
    with zipfile.ZipFile(path) as package:
        comments = package.read("xl/comments1.xml").decode()
    _, example = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()

    assert [float(one) if isinstance(one, int) else one for one in example[: len(columns)]] == [
        float(one.example) if isinstance(one.example, int) else one.example for one in columns
    ]
    assert comments.count("<comment ref=") == len(columns)
    assert "fictif" in str(example[len(columns)])


def test_a_template_replaces_no_file(tmp_path: Path) -> None:
    """What is there stays."""
    path = tmp_path / "modele.xlsx"
    write_template(ImportKind.USAGE, path)
    before = path.read_bytes()
    with pytest.raises(Refused, match="existe déjà"):
        write_template(ImportKind.MEMBERS, path)

    assert path.read_bytes() == before
