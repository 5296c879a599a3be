"""What an intruder alters in the data folder, each thing named by the commands that people type."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Table

from tests.e2e.program import run
from tests.support.intruder import alter
from worker.storage.proved import proved_columns, proved_tables
from worker.storage.row_digests import key_of, shown
from worker.storage.tables import UtcText

ONE = "BSN-{0}-00001"
AN_INSTANT = "2001-02-03T04:05:06.000000Z"
OTHER = {int: 7777, bool: 7}
DAMAGED = 70
"""The exit code when the books or the program are not as they must be."""


def another(column: Column[Any]) -> str:
    """A value that the program wrote in no row, as SQL has it."""
    if isinstance(column.type, UtcText):
        return f"'{AN_INSTANT}'"
    of_type = bool if isinstance(column.type, Boolean) else column.type.python_type
    value = OTHER.get(of_type, "2001-02-03" if of_type.__name__ == "date" else "autre")
    return f"'{value}'"


def database_of(config: Path) -> Path:
    """The file of the demonstration."""
    return config.parent / "donnees" / "worker.sqlite"


def rows_of(database: Path, table: Table) -> list[tuple[int, str]]:
    """The place of each row in the file, and its key as a person reads it."""
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute(f'SELECT rowid, {keys} FROM "{table.name}"').fetchall()
    return [(place, shown(key_of(key))) for place, *key in found]


def one_each(database: Path, value_of: Callable[[Column[Any]], str]) -> Iterator[tuple[str, str]]:
    """For every column that is proved: a statement that alters it in one row, and that row."""
    for table in proved_tables():
        rows = rows_of(database, table)
        columns = [column for column in proved_columns(table) if not column.primary_key]
        for rank, column in enumerate(columns):
            if rows:
                place, key = rows[rank % len(rows)]
                value = value_of(column)
                sql = f'UPDATE "{table.name}" SET "{column.name}" = {value} WHERE rowid = {place}'
                yield sql, f"table {table.name}, ligne {key}"


@pytest.mark.parametrize(
    "value_of", [another, lambda _: "CAST(x'ff41' AS TEXT)", lambda _: "x'00'", lambda _: "1.5"]
)
def test_a_value_altered_in_every_column_is_named(
    demo: Path, value_of: Callable[[Column[Any]], str]
) -> None:
    """One row for each column, all at once, by a value that fits or by bytes that nothing reads."""
    changes = list(one_each(database_of(demo), value_of))
    indexes = (
        "SELECT 'DROP INDEX ' || name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
    )
    with closing(sqlite3.connect(database_of(demo))) as connection:
        dropped = [sql for (sql,) in connection.execute(indexes)]
    alter(database_of(demo), ";".join([*dropped, *(sql for sql, _ in changes)]))
    said = run("journal", "verify", "--json", config=demo)
    named = {finding["where"] for finding in said.json["findings"]}

    assert len(changes) > 80
    assert said.code == 1
    assert {where for _, where in changes} - named == set()


@pytest.mark.parametrize(
    "sql,where",
    [
        ("UPDATE journal_event SET actor = 'x' WHERE seq = 9", "journal, n° 9"),
        ("DELETE FROM journal_event WHERE seq = 9", "journal, n° 10"),
        ("UPDATE journal_head SET seq = 9", "journal, n° 9"),
        ("DELETE FROM row_digest WHERE seq = 3", "journal, n° 3"),
        ("DELETE FROM deposit_attempt WHERE id = 1", "table deposit_attempt, ligne 1"),
        ("SELECT 1", "déclencheurs de la base"),
    ],
)
def test_an_altered_journal_stops_every_act_and_no_reading(
    demo: Path, sql: str, where: str
) -> None:
    """What is wrong is named; nothing is issued, deposited, credited; what is kept is shown."""
    alter(database_of(demo), sql)
    verified = run("journal", "verify", "--json", config=demo)
    events = len(run("journal", "export", config=demo).out.splitlines())
    acts = [
        run(*words, config=demo)
        for words in (
            ("run", "2025"),
            ("deposit",),
            ("serve", "--once"),
            ("park", "99900007800017", "2025", "--reason", "essai"),
        )
    ]
    read = [
        run(*words, config=demo)
        for words in (("status",), ("documents", "export", "2025", "--to", demo.parent / "export"))
    ]

    assert where in {finding["where"] for finding in verified.json["findings"]}
    assert {act.code for act in acts} == {DAMAGED}
    assert all("modifiées hors du programme" in act.err for act in acts), [act.err for act in acts]
    assert {one.code for one in read} <= {0, 1}
    assert len(run("journal", "export", config=demo).out.splitlines()) == events


def test_every_altered_piece_of_the_archive_is_named(demo: Path) -> None:
    """Documents, reports of the portal, imported files: each by its hash."""
    pieces = [path for path in (demo.parent / "donnees" / "archive").rglob("*") if path.is_file()]
    for path in pieces:
        path.chmod(0o600)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    said = run("journal", "verify", "--json", config=demo)
    told = " ".join(finding["message"] for finding in said.json["findings"])

    assert len(pieces) > 50
    assert said.code == 1
    assert [path.name for path in pieces if path.name[:12] not in told] == []


def test_the_dossier_of_a_sound_demonstration_is_sound(demo: Path) -> None:
    """What the real program did, its checkpoint too, its verifier finds as it must be."""
    folder = demo.parent / "dossier"
    built = run("audit", "dossier", "2025", "--to", folder, config=demo)
    answer = subprocess.run(
        [sys.executable, "-I", folder / "verify.py"], capture_output=True, text=True, check=False
    )

    assert (built.code, answer.returncode, answer.stderr) == (0, 0, ""), answer.stdout


def test_bytes_where_a_text_belongs_are_a_row_that_cannot_be_read(demo: Path) -> None:
    """Each text of an invoice that a list shows: the row is named, and the others are shown."""
    texts = ("siret", "member_name", "number", "flux_number", "portal_status", "detail")
    alter(
        database_of(demo),
        ";".join(
            f"UPDATE invoice SET {name} = CAST('x{rank}' AS BLOB) WHERE id = {rank}"
            for rank, name in enumerate(texts, start=1)
        ),
    )
    status = run("status", "--json", config=demo)
    deposits = run("audit", "deposits", "2025", config=demo)
    details = " ".join(one["detail"] or "" for one in status.json["invoices"])

    assert [rank for rank in range(1, 7) if f"ligne {rank}) ne se lit plus" not in details] == []
    assert (status.code, deposits.code) == (1, 0), deposits.err


@pytest.mark.parametrize(
    "change", ["name = CAST('x' AS BLOB)", "kind = CAST('x' AS BLOB)", "rows = 'x'"]
)
def test_an_imported_file_whose_row_cannot_be_read_is_named(demo: Path, change: str) -> None:
    """A list of files says which one, and what to do; it is no defect of the program."""
    alter(database_of(demo), f"UPDATE source_file SET {change} WHERE id = 1")
    said = run("import", "list", config=demo)

    assert said.code == DAMAGED
    assert "(table source_file) ne se lit plus" in said.err
    assert "Défaut du programme" not in said.err


def test_whatever_is_added_to_the_archive_is_told(demo: Path) -> None:
    """A file without place, a piece at another place, one that nothing names, a link to a piece."""
    archive = demo.parent / "donnees" / "archive"
    piece = next(path for path in archive.rglob("*") if path.is_file())
    added = [archive / "notes.txt", archive / "zz" / piece.name, archive / "00" / ("0" * 64)]
    for path in added:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(piece.read_bytes())
    piece.rename(demo.parent / "ailleurs")
    piece.symlink_to(demo.parent / "ailleurs")
    said = run("journal", "verify", "--json", config=demo)
    (told,) = [one for one in said.json["findings"] if one["code"] == "PIECE-UNNAMED"]

    assert told["message"].startswith("4 fichiers que rien ne nomme : ")
    assert (said.code, told["severity"]) == (0, "warning")


def test_the_dossier_of_altered_books_says_so(demo: Path) -> None:
    """On its first page, on the command line, and by its exit code; ``verify.py`` names the row."""
    to = demo.parent / "dossier"
    alter(database_of(demo), "UPDATE usage_record SET users = users + 1 WHERE id = 5")
    said = run("audit", "dossier", "2025", "--to", to, config=demo)
    page = (to / "index.html").read_text("utf-8")
    done = subprocess.run([sys.executable, to / "verify.py"], capture_output=True, check=False)

    assert (said.code, done.returncode) == (1, 1)
    assert "table usage_record, ligne 5" in said.out
    assert "modifiés hors du programme" in page
    assert "usage_record" in (done.stdout + done.stderr).decode()
