"""Tables to files: what is read back is what was written, and nothing is computed or half there."""

import os
import re
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from tests.support.written_tables import HOSTILE, Cells, emptied, read_back
from worker.billing.money import Money
from worker.errors import Refused, StorageUnavailable, WrongUse
from worker.isolation.files import create_regular
from worker.tables import HOLDS, Cell, Column, Kind, Row, Table
from worker.tables.files import TableFormat, write_table
from worker.tables.workbook import CUT, LONGEST, workbook

LETTERS = "été" * 20
AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
COLUMNS = tuple(Column(name=kind, caption=f"Colonne {kind}", kind=kind) for kind in Kind)
NAMES = [f"table.{suffix}" for suffix in TableFormat]


def table(rows: Callable[[], Iterator[Row]] | Sequence[Row], *columns: Column) -> Table:
    """A table of these rows; by default, a column of each kind."""
    read = rows if callable(rows) else lambda: iter(rows)
    return Table(name="essai", title="Essai", columns=columns or COLUMNS, rows=read)


def write(folder: Path, what: Table, *names: str) -> list[Path]:
    """Write it, in every format unless the test names one."""
    paths = [folder / name for name in names or NAMES]
    write_table(what, *paths, at=AT)
    return paths


_INSTANTS = st.integers(0, 8099 * 365 * 24 * 3600 * 10**6).map(
    lambda us: datetime(1901, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
CELLS: dict[Kind, st.SearchStrategy[Cell]] = {
    Kind.TEXT: st.sampled_from(HOSTILE)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")),
    Kind.INTEGER: st.integers(-(10**14), 10**14),
    Kind.NUMBER: st.decimals(-(10**12), 10**12, places=2),
    Kind.AMOUNT: st.builds(Money, st.integers(-(10**13), 10**13)),
    Kind.DATE: st.dates(date(1900, 3, 1)),
    Kind.INSTANT: _INSTANTS,
    Kind.TRUTH: st.booleans(),
}
ROWS = st.lists(st.tuples(*(st.none() | CELLS[column.kind] for column in COLUMNS)), max_size=5)


@settings(max_examples=40)
@given(rows=ROWS)
def test_what_is_read_back_is_what_was_written(
    rows: list[tuple[Cell, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In every format, every cell has its type and its value; a workbook has milliseconds."""
    csv, xlsx, json = write(tmp_path_factory.mktemp("law"), table(rows))

    assert read_back(csv, table(rows)) == read_back(json, table(rows)) == emptied(rows)
    _assert_close(read_back(xlsx, table(rows)), emptied(rows))


def _assert_close(read: Cells, written: Cells) -> None:
    """Equal, but for the last digits of an instant and the empty rows that a reader leaves out."""
    written = [*written]
    while written and len(written) > len(read) and not any(c is not None for c in written[-1]):
        written.pop()
    assert len(read) == len(written)
    for ours, theirs in zip(written, read, strict=True):
        for cell, seen in zip(ours, theirs, strict=True):
            if isinstance(cell, datetime):
                assert isinstance(seen, datetime)
                assert abs(seen - cell) <= timedelta(milliseconds=1)
            else:
                assert seen == cell


def test_every_kind_of_cell_has_its_type() -> None:
    """The table of types names each kind, and the law above writes each."""
    assert set(HOLDS) == set(CELLS) == set(Kind)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_computed_nor_lost(tmp_path: Path, text: str) -> None:
    """In the CSV no cell begins as a formula; the workbook has no formula, link or markup."""
    text_table = table([(text, text)], Column(name="a", caption="A"), Column(name="b", caption="B"))
    csv, xlsx, json = write(tmp_path, text_table)
    with zipfile.ZipFile(xlsx) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()

    assert [read_back(path, text_table) for path in (csv, xlsx, json)] == [[[text, text]]] * 3
    assert not csv.read_text("utf-8-sig").splitlines()[1].startswith(tuple("=+-@\t\r\n＝"))
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert "<r>" not in sheet


def test_a_french_spreadsheet_reads_the_csv(tmp_path: Path) -> None:
    """A mark of UTF-8, semicolons, decimal commas, Windows line ends; days in ISO 8601."""
    row = ("été", 12, Decimal("-5.5"), Money(-319680), date(2026, 1, 5), AT, True)
    (path,) = write(tmp_path, table([row]), "t.csv")

    assert path.read_bytes().decode() == (
        "\ufeffColonne text;Colonne integer;Colonne number;Colonne amount;Colonne date;"
        "Colonne instant (UTC);Colonne truth\r\n"
        "été;12;-5,5;-3196,80;2026-01-05;2026-01-05T09:00:00.000000Z;oui\r\n"
    )


def test_an_instant_is_written_in_utc(tmp_path: Path) -> None:
    """Whatever the zone it is given in."""
    column = Column(name="at", caption="À", kind=Kind.INSTANT)
    paris = datetime(2026, 7, 1, 11, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    what = table([(paris,)], column)
    csv, xlsx, json = write(tmp_path, what)

    assert [read_back(path, what) for path in (csv, xlsx, json)] == [[[paris]]] * 3


def test_what_a_workbook_cannot_hold_is_a_text(tmp_path: Path) -> None:
    """Digits beyond the fifteenth, and days before its calendar, are not bent."""
    number, amount, day = 12345678901234567, Money(1234567890123456789), date(1899, 12, 31)
    kinds = (Kind.INTEGER, Kind.AMOUNT, Kind.DATE)
    columns = [Column(name=kind, caption=kind, kind=kind) for kind in kinds]
    (path,) = write(tmp_path, table([(number, amount, day)], *columns), "t.xlsx")
    with CalamineWorkbook.from_path(path) as book:
        (_, cells) = book.get_sheet_by_index(0).to_python()

    assert cells == ["12345678901234567", "12345678901234567.89", "1899-12-31"]


@pytest.mark.parametrize("cell", ["=1", 1.5, b"\x00=1", float("nan")])
def test_a_cell_of_another_type_is_a_text(tmp_path: Path, cell: Any) -> None:  # noqa: ANN401 - what no column holds
    """As an altered database gives them, whatever it says of its columns: shown, not computed."""
    column = Column(name="a", caption="A")
    csv, xlsx, json = write(tmp_path, table([(cell,)], replace(column, kind=Kind.INTEGER)))
    with zipfile.ZipFile(xlsx) as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()

    assert read_back(csv, table([], column)) == read_back(json, table([], column)) == [[str(cell)]]
    assert "<v>" not in sheet


@pytest.mark.parametrize("sign", ["a", "😀"])
def test_a_text_longer_than_a_cell_says_that_it_is_cut(tmp_path: Path, sign: str) -> None:
    """In the workbook alone; it is whole in the CSV and the JSON."""
    text = sign * (LONGEST + 1)
    what = table([(text,)], Column(name="a", caption="A"))
    csv, xlsx, json = write(tmp_path, what)
    ((cut,),) = read_back(xlsx, what)

    assert isinstance(cut, str)
    assert len(cut.encode("utf-16-le")) // 2 in {LONGEST, LONGEST - 1}
    assert cut == sign * (len(cut) - len(CUT)) + CUT
    assert read_back(csv, what) == read_back(json, what) == [[text]]


def test_a_text_that_no_encoding_has_is_written_escaped(tmp_path: Path) -> None:
    """Half of a surrogate pair, as bytes that are no text give it."""
    column = Column(name="a", caption="A")
    csv, xlsx, json = write(tmp_path, table([("a\udce9",)], column))

    assert read_back(csv, table([], column)) == read_back(xlsx, table([], column)) == [["a\\udce9"]]
    assert read_back(json, table([], column)) == [["a\udce9"]]


@pytest.mark.parametrize("limits", [{"last_row": 3}, {"largest": 100_000}])
def test_rows_beyond_a_sheet_go_on_in_another(tmp_path: Path, limits: dict[str, int]) -> None:
    """Under the same header, by their number or their size."""
    column = Column(name="t", caption="T")
    texts = [f"{rank} {os.urandom(20_000).hex()}"[:30_000] for rank in range(9)]
    what = table([], column)
    with create_regular(tmp_path / "t.xlsx") as file, workbook(file, what, AT, **limits) as add:
        for text in texts:
            add((text,))
    with CalamineWorkbook.from_path(tmp_path / "t.xlsx") as book:
        names = book.sheet_names

    assert names == ["Essai", *(f"Essai ({rank})" for rank in range(2, len(names) + 1))]
    assert len(names) > 1
    assert read_back(tmp_path / "t.xlsx", what) == [[text] for text in texts]


def test_an_empty_table_has_its_header(tmp_path: Path) -> None:
    """In every format."""
    paths = write(tmp_path, table([]))

    assert [read_back(path, table([])) for path in paths] == [[]] * 3


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """A dossier that is made again can be compared."""
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(
            [
                path.read_bytes()
                for path in write(
                    tmp_path / name, table([(*HOSTILE[:1], 1, None, None, None, AT, False)])
                )
            ]
        )

    assert made[0] == made[1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_half_written(tmp_path: Path, name: str) -> None:
    """Reading stops halfway: what was there stays, and nothing is left beside it."""

    def rows() -> Iterator[Row]:
        yield ("a", 1, None, None, None, None, None)
        raise Refused("arrêt")

    (tmp_path / name).write_text("avant")
    with pytest.raises(Refused):
        write_table(table(rows), tmp_path / name, at=AT)

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "avant"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("room", [0, 100_000])
def test_a_full_disk_is_one_sentence(tmp_path: Path, name: str, room: int) -> None:
    """Whenever it fills up: nothing is left, and nothing else is printed as Python ends."""
    code = (
        "import resource, sys\n"
        "from tests.integration.tables.test_files import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "rows = ((os.urandom(3000).hex(), 1, None, None, None, None, None) for _ in range(100))\n"
        "try:\n"
        "    write_table(table(lambda: rows), Path(sys.argv[1]), at=AT)\n"
        "except StorageUnavailable as error:\n"
        "    print(error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-Werror", "-c", code, tmp_path / name, str(room)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"Impossible d'écrire {tmp_path / name} : le disque est plein.\n"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_its_owners_alone_and_replaces_what_was_there(tmp_path: Path, name: str) -> None:
    """Whatever the rights of the file before."""
    (tmp_path / name).write_text("avant")
    (tmp_path / name).chmod(0o666)
    write_table(table([]), tmp_path / name, at=AT)

    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert read_back(tmp_path / name, table([])) == []


@pytest.mark.parametrize("suffix", TableFormat)
def test_no_link_pipe_device_or_folder_is_written_to(tmp_path: Path, suffix: str) -> None:
    """Each is said by its path, and stays."""
    kept = tmp_path / "à garder"
    kept.write_bytes(b"x")
    odd = {name: tmp_path / f"{name}.{suffix}" for name in ("lien", "sans-fin", "tube", "dossier")}
    odd["lien"].symlink_to(kept)
    odd["sans-fin"].symlink_to("/dev/null")
    os.mkfifo(odd["tube"])
    odd["dossier"].mkdir()
    odd["perdu"] = tmp_path / "rien" / f"t.{suffix}"
    before = sorted(tmp_path.iterdir())
    for path in odd.values():
        with pytest.raises(StorageUnavailable, match=str(path)):
            write_table(table([]), path, at=AT)

    assert sorted(tmp_path.iterdir()) == before
    assert kept.read_bytes() == b"x"
    assert stat.S_ISFIFO(odd["tube"].stat().st_mode)


@pytest.mark.parametrize("name", ["t", "t.ods", "t.xlsx.bak", ".csv"])
def test_a_name_that_says_no_format_is_wrong(tmp_path: Path, name: str) -> None:
    """Before anything is read or written."""
    with pytest.raises(WrongUse, match="ne dit pas comment") as caught:
        write_table(table([]), tmp_path / name, at=AT)

    assert ".csv, .xlsx ou .json" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_the_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Eight times as many rows, all formats at once, take no more."""

    def peak(count: int) -> int:
        rows = ((LETTERS, n, None, Money(n), None, AT, None) for n in range(count))
        tracemalloc.start()
        write(tmp_path, table(lambda: rows))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)

    assert peak(1600) < peak(200) + 200_000


def test_a_column_of_text_is_as_wide_as_what_is_in_it(tmp_path: Path) -> None:
    """A name is read whole when the workbook is opened; a very long text takes no more than 60."""
    columns = tuple(Column(name=name, caption=name) for name in ("membre", "nom", "note"))
    rows = [("Communauté de communes du Val-Fictif", "ab", "x" * 500)]
    table = Table(name="t", title="T", columns=columns, rows=lambda: rows)

    write_table(table, tmp_path / "t.xlsx", at=AT)

    with zipfile.ZipFile(tmp_path / "t.xlsx") as package:
        sheet = package.read("xl/worksheets/sheet1.xml").decode()

    assert re.findall(r'<col [^>]*width="(\d+)"', sheet) == ["38", "8", "60"]
