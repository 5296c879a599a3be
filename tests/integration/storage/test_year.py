"""The rows of a year on every kind of database: their types, their scope, what they name."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.golden.samples import MEMBER
from tests.support.storage_samples import (
    NOW,
    OTHER,
    SIRET,
    add_members,
    bring_rows,
    issue_one,
    numbered,
    writing,
)
from worker.imports import ImportKind
from worker.storage import Store, attempts, holds, observations
from worker.storage.attempts import Wanted
from worker.storage.row_digests import kept, key_of
from worker.storage.year import (
    contents,
    proved_rows,
    statements,
    use_of_the_territory,
    year_tables,
)
from worker.tables import HOLDS

YEAR = 2025


@pytest.fixture(name="books")
def _books(store: Store, tmp_path: Path) -> Store:
    """Two members with use in two years, one invoice with an attempt, a hold lifted and another."""
    add_members(store, (MEMBER, replace(MEMBER, siret=OTHER, name="Commune fictive")))
    periods = (f"{SIRET};stockage;2;4;2025-02-01;", f"{OTHER};gfu;;4;2023-01-01;2024-12-31")
    bring_rows(store, tmp_path, ImportKind.SUBSCRIPTIONS, *periods)
    use = (
        f"{SIRET};stockage;2;2025-03;12",
        f"{OTHER};stockage;2;2025-03;5",
        f"{SIRET};gfu;;2025-04;7",
    )
    bring_rows(store, tmp_path, ImportKind.USAGE, *use)
    more = (f"{SIRET};stockage;2;2025-03;13", f"{OTHER};stockage;2;2025-03;0")
    bring_rows(store, tmp_path, ImportKind.USAGE, *more, name="correction.csv")
    bring_rows(store, tmp_path, ImportKind.USAGE, f"{SIRET};gfu;;2024-12;1", name="2024.csv")
    bring_rows(store, tmp_path, ImportKind.REFERENCES, f"{SIRET};2025;SERV;EJ-1")
    with writing(store) as tx:
        invoice = issue_one(tx)
        holds.place(tx, OTHER, YEAR, "essai", NOW, never_billed=True)
        holds.place(tx, SIRET, YEAR, "essai", NOW)
        holds.lift(tx, SIRET, YEAR, NOW)
        attempts.open_attempt(
            tx, invoice_id=invoice, document_sha256="d" * 64, file_name="f", actor="a", at=NOW
        )
        observations.observe(
            tx,
            invoice,
            source="search",
            raw_status="DEPOSEE",
            portal_at="",
            comment="",
            raw="",
            at=NOW,
        )
    return store


def test_every_cell_has_the_type_of_its_column(books: Store) -> None:
    """Whatever the database keeps it as."""
    with books.reading() as session:
        read = {
            (table.name, name): {type(row[place]) for row in table.rows()} - {type(None)}
            for table in year_tables(session, YEAR)
            for place, (name, kind) in enumerate(table.columns)
        }
        told = {
            (table.name, name): {HOLDS[kind]}
            for table in year_tables(session, YEAR)
            for name, kind in table.columns
        }

    assert read == {key: told[key] if types else set() for key, types in read.items()}
    assert read["hold", "never_billed"] == {bool}


def test_the_rows_are_those_of_the_year(books: Store) -> None:
    """What is superseded, lifted or ended within it too; what ended before is not."""
    with books.reading() as session:
        rows = {
            year: {table.name: len(list(table.rows())) for table in year_tables(session, year)}
            for year in (2023, 2024, YEAR, 2026)
        }

    assert [rows[year]["usage_record"] for year in rows] == [0, 1, 5, 0]
    assert [rows[year]["subscription"] for year in rows] == [1, 1, 1, 1]
    assert [rows[year]["member"] for year in rows] == [1, 2, 2, 1]
    assert [rows[year]["invoice"] for year in rows] == [0, 0, 1, 0]
    assert [rows[year]["deposit_attempt"] for year in rows] == [0, 0, 1, 0]
    assert [rows[year]["portal_observation"] for year in rows] == [0, 0, 1, 0]
    assert [rows[year]["hold"] for year in rows] == [0, 0, 2, 0]
    assert [rows[year]["source_file"] for year in rows] == [2, 3, 5, 2]


def test_what_is_pointed_to_is_named(books: Store) -> None:
    """The file of a row, the invoice of an attempt."""
    with books.reading() as session:
        tables = {table.name: table for table in year_tables(session, YEAR)}
        use, attempt = tables["usage_record"], tables["deposit_attempt"]
        files = {row[-2] for row in use.rows()}
        (number,) = {row[-1] for row in attempt.rows()}

    assert [name for name, _ in use.columns][-2:] == ["file_name", "file_sha256"]
    assert files == {"usage.csv", "correction.csv"}
    assert [name for name, _ in attempt.columns][-1] == "invoice_number"
    assert number == "BSN-2026-00001"


def test_the_use_of_the_territory_is_current_and_of_all_members(books: Store) -> None:
    """A corrected figure counts once; a member without users is none (C12)."""
    with books.reading() as session:
        found = list(use_of_the_territory(session, YEAR))

    assert found == [(3, "stockage", 2, 1, 13), (4, "gfu", 0, 1, 7)]


def test_frozen_contents_are_read_by_number(books: Store) -> None:
    """The invoices and statements of the year, as they were issued."""
    invoice, statement = numbered(1)
    with books.reading() as session:
        read = (list(contents(session, YEAR)), list(statements(session, YEAR)))
        none = (list(contents(session, 2024)), list(statements(session, 2024)))

    assert read == ([invoice], [statement])
    assert none == ([], [])


def test_attempts_are_read_after_each_other(books: Store) -> None:
    """With their answer as received; a filter that nothing meets gives none."""
    with books.reading() as session:
        ((attempt, raw),) = attempts.after(session, Wanted(year=YEAR, since=NOW), 0, 10)
        none = attempts.after(session, Wanted(until=NOW), 0, 10)
        past = attempts.after(session, Wanted(), attempt.id, 10)
        (same,) = attempts.of_invoices(session, [attempt.invoice_id])
        heard = list(observations.of_invoices(session, [attempt.invoice_id]))

    assert (attempt.started_at.date(), raw, none, past) == (date(2026, 1, 5), "", (), ())
    assert same == attempt
    assert [(owner, seen.raw_status) for owner, seen in heard] == [(attempt.invoice_id, "DEPOSEE")]


def test_the_texts_of_the_rows_are_those_that_were_digested(books: Store) -> None:
    """Every proved row of the year, on every database: its digest is the last that was kept."""
    with books.reading() as session:
        last = {(one["table"], one["key"]): one["sha256"] for one in map(_named, kept(session))}
        texts = [(table, text) for table, rows in proved_rows(session, YEAR) for text in rows]
    told = {}
    for table, text in texts:
        name, values = json.loads(text)
        key = key_of([values[column.name] for column in table.primary_key])
        told[name, key] = hashlib.sha256(text.encode()).hexdigest()

    assert len(told) == len(texts) > 15
    assert told.items() <= last.items()
    assert {name for name, _ in told} >= {"invoice", "statement", "usage_record", "hold"}


def _named(row: Mapping[str, object]) -> dict[str, object]:
    return {**row, "table": row["table_name"]}
