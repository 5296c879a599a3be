"""The tables of a dossier: nothing of the year is left out, and each says what is kept."""

import hashlib
import json
import sqlite3
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy
from sqlmodel import SQLModel

from tests.support.deposit_story import MEMBERS, play
from tests.support.dossiers import write_dossier
from tests.support.offices import CAMPAIGN, PARKED, YEAR, Desk, number, open_desk
from tests.support.written_tables import HOSTILE, Cells, emptied, read_back
from worker.audit.dossier import verify
from worker.audit.dossier.collection import CAPTIONS, TITLES, tables
from worker.billing.journal import JournalEvent, JournalHead
from worker.billing.journal import verify as verify_chain
from worker.billing.money import Money
from worker.billing.portal_document import Standing
from worker.errors import IntegrityError
from worker.storage import invoices, journal
from worker.storage.year import LEFT_OUT
from worker.tables import HOLDS, Kind, Table
from worker.tables.files import TableFormat, write_table

BEFORE = 2001
"""A year before any subscription."""
OF_NO_YEAR = {"tariff_grid", "number_series", "journal_event", "journal_head"}
COMPUTED = {"territory", "statement_month", "invoice_amount", "invoice_line", "deposits"}


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office to which all happened."""
    folder = tmp_path_factory.mktemp("dossier")
    desk = open_desk(tmp_path_factory.getbasetemp(), folder, issued=MEMBERS)
    play(desk)
    return desk


@pytest.fixture(name="collected", scope="module")
def _collected(desk: Desk) -> Iterator[Mapping[str, Table]]:
    """The tables by name, as long as they can be read."""
    with desk.app.reading() as session:
        yield {table.name: table for table in tables(session, YEAR)}


def records(table: Table) -> list[dict[str, object]]:
    """The rows by the names of their columns."""
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows()]


def total(found: Sequence[Mapping[str, object]], name: str) -> Money:
    """The sum of a column of amounts."""
    amounts = [row[name] for row in found]
    assert all(isinstance(one, Money) for one in amounts)
    return Money.sum(one for one in amounts if isinstance(one, Money))


def test_every_table_of_the_database_is_given_away_or_left_out_with_a_reason(
    collected: Mapping[str, Table],
) -> None:
    """A new table finds its place in storage/year.py, or this fails."""
    assert collected.keys() - COMPUTED | LEFT_OUT.keys() == set(SQLModel.metadata.tables)
    assert collected.keys() & LEFT_OUT.keys() == set()
    assert all(len(reason) > 20 for reason in LEFT_OUT.values())


EMPTY = {
    *("previous_amount", "confirmation", "statement_document", "unit_use", "title"),
    *("population", "succession", "acceptance", "sent_mail", "settlement"),
    "member_nature",
}
"""Tables of which this story writes no row."""


@pytest.mark.parametrize("name", sorted(set(SQLModel.metadata.tables) - set(LEFT_OUT)))
def test_every_column_and_row_of_a_table_is_given_away(
    desk: Desk, collected: Mapping[str, Table], name: str
) -> None:
    """Under its own name; an office of one year has every row in the dossier of that year."""
    table = SQLModel.metadata.tables[name]
    with desk.app.reading() as session:
        count = session.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table))
        kept = count.scalar_one()
    found = records(collected[name])
    names = {column.name.removesuffix("_cents") for column in table.columns}

    assert names <= {column.name for column in collected[name].columns}
    assert len(found) == kept
    assert (kept > 0) is (name not in EMPTY)


def test_the_files_are_those_that_the_rows_come_from(
    desk: Desk, collected: Mapping[str, Table]
) -> None:
    """Each by its name and its hash, beside every row that was read in it."""
    files = {one["id"]: one for one in records(collected["source_file"])}
    sourced = [
        name for name, one in collected.items() if "file_id" in {c.name for c in one.columns}
    ]
    rows = [row for name in sourced for row in records(collected[name]) if row["file_id"]]

    assert {row["file_id"] for row in rows} == set(files)
    assert all(row["file_name"] == files[row["file_id"]]["name"] for row in rows)
    assert all(row["file_sha256"] == files[row["file_id"]]["sha256"] for row in rows)
    assert desk.one(number(1)).siret in {row.get("siret") for row in rows}


def test_a_year_before_all_has_none_of_it(desk: Desk) -> None:
    """But what stands above all years: grids, series, the journal."""
    with desk.app.reading() as session:
        found = {table.name: list(table.rows()) for table in tables(session, BEFORE)}

    assert {name for name, rows in found.items() if rows} == OF_NO_YEAR


def test_everything_has_its_french(collected: Mapping[str, Table]) -> None:
    """No table and no column is called by its English name; a title is that of a sheet."""
    named = {
        column.name
        for name in collected.keys() - {"deposits"}
        for column in collected[name].columns
    }
    elsewhere = {name for key in CAPTIONS if "." in key for name in [key.split(".")[1]]}

    assert collected.keys() - {"deposits"} == set(TITLES)
    assert named - CAPTIONS.keys() == set()
    assert {key for key in CAPTIONS if "." not in key} - named == set()
    assert elsewhere <= named
    assert max(len(table.title) for table in collected.values()) <= 31


@pytest.mark.parametrize("suffix", TableFormat)
def test_every_table_is_read_back_from_its_file(
    collected: Mapping[str, Table], tmp_path: Path, suffix: str
) -> None:
    """With the type that each column says; a workbook alone cuts what no cell holds."""
    for table in collected.values():
        path = tmp_path / f"{table.name}.{suffix}"
        rows = [list(row) for row in table.rows()]
        write_table(table, path, at=CAMPAIGN)

        assert read_back(path, table) == emptied(rows)
        for row in rows:
            for column, cell in zip(table.columns, row, strict=True):
                assert cell is None or type(cell) is HOLDS[column.kind], column.name


def test_a_hostile_text_in_any_column_of_any_table_does_no_harm(
    collected: Mapping[str, Table], tmp_path: Path
) -> None:
    """Each is read back as it was, from every format."""
    for table in collected.values():
        rows: Cells = [
            [text if column.kind is Kind.TEXT else None for column in table.columns]
            for text in HOSTILE
        ]
        hostile = replace(table, rows=partial(iter, rows))
        paths = [tmp_path / f"{table.name}.{suffix}" for suffix in TableFormat]
        write_table(hostile, *paths, at=CAMPAIGN)
        written = [read_back(path, hostile) for path in paths]

        assert written == [rows] * 3


def test_the_amounts_agree_from_the_months_to_the_invoices(
    desk: Desk, collected: Mapping[str, Table]
) -> None:
    """Months add up to statements, statements are invoices, lines add up to both."""
    books = [one for one in desk.invoices() if one.number and not one.is_credit_note]
    of_invoices = {one.number for one in books}
    issued = Money.sum(one.total for one in books)
    amounts = [row for row in records(collected["invoice_amount"]) if row["number"] in of_invoices]
    lines = [row for row in records(collected["invoice_line"]) if row["number"] in of_invoices]

    assert total(records(collected["statement_month"]), "total_ttc") == issued
    assert total(records(collected["statement"]), "total") == issued
    assert total(amounts, "payable") == total(lines, "total_ttc") == issued
    assert [row["number"] for row in records(collected["invoice_amount"])] == sorted(
        one.number for one in desk.invoices() if one.number
    )


def test_the_territory_adds_up_all_members(desk: Desk, collected: Mapping[str, Table]) -> None:
    """Users of each month and tier, of a member that is held back too, added by hand (C12)."""
    current = [row for row in records(collected["usage_record"]) if not row["superseded_at"]]
    by_hand: dict[tuple[object, ...], list[int]] = {}
    for row in current:
        users = row["users"]
        assert isinstance(users, int)
        if users:
            key = (row["month"], row["service"], row["tier"] or None)
            by_hand.setdefault(key, []).append(users)
    found = records(collected["territory"])

    assert {row["month"].month for row in found} == set(range(1, 13))  # type: ignore[attr-defined]
    assert {
        (row["month"].month, row["service"], row["tier"]): (row["members"], row["users"])  # type: ignore[attr-defined]
        for row in found
    } == {key: (len(users), sum(users)) for key, users in by_hand.items()}
    assert PARKED in {row["siret"] for row in current}
    assert desk.invoices()


@pytest.mark.parametrize("suffix", [TableFormat.CSV, TableFormat.JSON])
def test_the_chain_of_the_journal_is_verified_from_the_file(
    desk: Desk, collected: Mapping[str, Table], tmp_path: Path, suffix: str
) -> None:
    """The texts that were hashed are in it to the byte; so is the head."""
    read = {}
    for name in ("journal_event", "journal_head"):
        path = tmp_path / f"{name}.{suffix}"
        write_table(collected[name], path, at=CAMPAIGN)
        table = collected[name]
        names = [column.name for column in table.columns]
        read[name] = [dict(zip(names, row, strict=True)) for row in read_back(path, table)]
    events = [JournalEvent(**row) for row in read["journal_event"]]  # type: ignore[arg-type]
    (head,) = read["journal_head"]
    with desk.app.reading() as session:
        end = journal.head(session)

    assert JournalHead(seq=head["seq"], hash=head["hash"]) == end  # type: ignore[arg-type]
    assert verify_chain(events, end) == ()
    assert [hashlib.sha256(one.payload.encode()).hexdigest() for one in events] == [
        one.payload_sha256 for one in events
    ]


def test_the_frozen_texts_are_those_of_the_books(
    desk: Desk, collected: Mapping[str, Table]
) -> None:
    """The grid has its hash; a content is the JSON that the invoice was frozen as."""
    for grid in records(collected["tariff_grid"]):
        assert hashlib.sha256(str(grid["content"]).encode()).hexdigest() == grid["sha256"]
    for row in records(collected["invoice"]):
        if row["number"]:
            said = json.loads(str(row["snapshot"]))
            with desk.app.reading() as session:
                frozen = invoices.content(session, desk.one(str(row["number"])).id)

            assert (said["number"], said["totals"]["gross"]["cents"]) == (
                row["number"],
                frozen.totals.gross.cents,
            )


def test_the_dossier_of_all_of_it_is_sound(desk: Desk, tmp_path: Path) -> None:
    """verify.py has nothing to say of books to which all happened."""
    names = [f"{name}.csv" for name in ("invoice_amount", "invoice_line", "deposits")]
    dossier, story = verify.verify(str(write_dossier(desk, tmp_path / "dossier", names)))

    assert dossier.findings == []
    assert len(story.told) == 12


def test_a_document_beyond_the_books_is_of_every_year(desk: Desk) -> None:
    """None knows which year it is of."""
    with desk.app.transaction(commit=False) as tx:
        tx.execute(
            sqlalchemy.insert(SQLModel.metadata.tables["portal_document"]),
            {
                "portal_id": "77",
                "number": "BSN-2026-09999",
                "recipient": "",
                "flux_number": "",
                "lives": True,
                "raw_status": "DEPOSEE",
                "standing": Standing.BEYOND.value,
                "first_seen_at": CAMPAIGN,
                "seen_at": CAMPAIGN,
                "reason": "",
            },
        )
        (table,) = [one for one in tables(tx, BEFORE) if one.name == "portal_document"]
        numbers = [row["number"] for row in records(table)]

    assert numbers == ["BSN-2026-09999"]


@pytest.fixture(name="own")
def _own(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office that the test may change."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=MEMBERS)


@pytest.mark.parametrize(
    "name,sql",
    [
        ("invoice", "UPDATE invoice SET issue_date = 'hier' WHERE number IS NOT NULL"),
        ("hold", "INSERT INTO hold VALUES (9, '{siret}', 2025, '', 'hier', NULL, 0)"),
        ("invoice_amount", "UPDATE invoice SET snapshot = '{{' WHERE number IS NOT NULL"),
        ("statement_month", "UPDATE statement SET snapshot = '[]'"),
    ],
)
def test_what_does_not_read_any_more_is_named(own: Desk, name: str, sql: str) -> None:
    """An altered row stops its table with a sentence, not a traceback."""
    siret = own.one(number(1)).siret
    own.app.store.engine.dispose()
    with sqlite3.connect(own.app.configuration.data_folder / "worker.sqlite") as connection:
        _drop_triggers(connection)
        connection.execute(sql.format(siret=siret))
    connection.close()
    with own.app.reading() as session:
        found = {table.name: table for table in tables(session, YEAR)}
        with pytest.raises(IntegrityError) as caught:
            list(found[name].rows())

    assert "journal verify" in caught.value.remedy


def test_memory_does_not_grow_with_the_invoices(own: Desk) -> None:
    """Forty times as many invoices, statements and rows of use, and no more at a time."""

    def peak() -> tuple[int, int]:
        most = rows = 0
        with own.app.reading() as session:
            for table in tables(session, YEAR):
                tracemalloc.start()
                rows += sum(1 for _ in table.rows())
                most = max(most, tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        return most, rows

    peak()
    few, before = peak()
    own.app.store.engine.dispose()
    with sqlite3.connect(own.app.configuration.data_folder / "worker.sqlite") as connection:
        _drop_triggers(connection)
        for name in ("invoice", "statement", "usage_record", "document"):
            _multiply(connection, name, 40)
    connection.close()
    many, after = peak()

    assert after > before + 20_000
    assert many < few + 2_000_000


def _drop_triggers(connection: sqlite3.Connection) -> None:
    """What an intruder does first."""
    named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in named:
        connection.execute(f"DROP TRIGGER {name}")


def _multiply(connection: sqlite3.Connection, name: str, times: int) -> None:
    """Have a table hold its rows so many times more, under other keys."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    (last,) = connection.execute(f"SELECT max(id) FROM {name}").fetchone()
    changed = {
        "id": f"id + {last} * n",
        "number": "number || '/' || n",
        "status": "'cancelled'",
        "superseded_at": "'2026-01-05T02:00:00.000000Z'",
        "version": "version + n",
    }
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    where = "number IS NOT NULL" if name == "invoice" else "1"
    connection.execute(
        f"INSERT INTO {name} WITH RECURSIVE times(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times"
        f" WHERE n < {times}) SELECT {values} FROM {name}, times WHERE {where}"
    )
