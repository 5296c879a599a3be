"""Every table of the database, narrowed to one year of services, row after row, with its types.

What an auditor takes away is read here. Columns come from the description of the database: a new
one is given away without being named. To a key that points elsewhere, the number or the name of its
target is added for people; the key stays, for programs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Boolean, ColumnElement, Date, Integer, Select, Table, select
from sqlmodel import Session, SQLModel

from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.billing.portal_document import Standing
from worker.billing.statement import Statement
from worker.storage.proved import proved_columns, proved_tables
from worker.storage.row_digests import row_text
from worker.storage.snapshots import load
from worker.storage.tables import UtcText, as_written
from worker.tables import Cell, Kind

_BATCH = 100
"""Rows in memory at a time: a frozen content has tens of kilobytes."""
_T: Mapping[str, Table] = SQLModel.metadata.tables
LEFT_OUT: Mapping[str, str] = {
    "contact": "personal data, which no amount rests on (C11)",
    "erased_contact": "hashes of erased personal data (C11)",
    "directory_entry": "a cache of what the portal's directory answers",
    "portal_news": "until when the portal's news were read: a mark of progress",
    "portal_inventory": "when all that the portal shows was read: a mark of progress",
    "row_digest": "a proof, given away whole beside the journal (audit/dossier/proof.py)",
    "row_written": "empty between two transactions",
}
"""Tables that are not given away, and why."""
_NAMED: Mapping[str, tuple[str, ...]] = {
    "invoice": ("number",),
    "statement": ("number",),
    "source_file": ("name", "sha256"),
    "document": ("sha256",),
}
"""What is added to a column that points to a table."""
_CENTS = "_cents"


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTable:
    """The rows of a table that belong to a year, or to no year.

    Attributes:
        name: of the table.
        columns: names and kinds; of an amount, without ``_cents``.
        rows: reads them, from the first, each time it is called; raises IntegrityError at one that
            is not as the program writes it.
    """

    name: str
    columns: tuple[tuple[str, Kind], ...]
    rows: Callable[[], Iterator[tuple[Cell, ...]]]


def year_tables(session: Session, year: int) -> tuple[YearTable, ...]:
    """The tables of a year, those of ``LEFT_OUT`` apart."""
    return tuple(_year_table(session, name, query) for name, query in _queries(year).items())


def contents(session: Session, year: int) -> Iterator[Invoice]:
    """The frozen content of each invoice and credit note of a year, by number."""
    table = _T["invoice"].columns
    query = (
        select(table["number"], table["snapshot"])
        .where(table["year"] == year, table["number"].is_not(None))
        .order_by(table["number"])
    )
    for number, snapshot in session.execute(query.execution_options(yield_per=_BATCH)):
        with as_written(f"le contenu figé de {number} (table invoice)"):
            content = load(Invoice, snapshot)
        yield content


def statements(session: Session, year: int) -> Iterator[Statement]:
    """Each statement of a year, by number."""
    table = _T["statement"].columns
    query = (
        select(table["number"], table["snapshot"])
        .where(table["year"] == year)
        .order_by(table["number"])
    )
    for number, snapshot in session.execute(query.execution_options(yield_per=_BATCH)):
        with as_written(f"l'état {number} (table statement)"):
            content = load(Statement, snapshot)
        yield content


def use_of_the_territory(session: Session, year: int) -> Iterator[tuple[int, str, int, int, int]]:
    """Of each month, service and tier: how many members had users, and how many users (C12).

    Yields:
        Month from 1 to 12, service, tier (0 for a service without tiers), members, users.
    """
    table = _T["usage_record"].columns
    users = sqlalchemy.func.sum(table["users"])
    members = sqlalchemy.func.count(sqlalchemy.distinct(table["siret"]))
    key = (table["month"], table["service"], table["tier"])
    query = (
        select(*key, members, sqlalchemy.cast(users, BigInteger))
        .where(table["year"] == year, table["superseded_at"].is_(None), table["users"] > 0)
        .group_by(*key)
        .order_by(*key)
    )
    yield from map(tuple, session.execute(query))


def proved_rows(session: Session, year: int) -> Iterator[tuple[Table, Iterator[str]]]:
    """Of each table that is proved, the texts of the rows of a year that their digests are of.

    Yields:
        The table, and ``row_text`` of each of its rows, by key, read while they are taken.
    """
    scopes = _scopes(year)
    for table in proved_tables():
        yield table, _texts(session, table, scopes[table.name])


def _texts(session: Session, table: Table, scope: ColumnElement[bool]) -> Iterator[str]:
    names = [column.name for column in proved_columns(table)]
    # As they are stored, whatever the program would read in them.
    stored: list[Any] = [sqlalchemy.literal_column(f'"{table.name}"."{name}"') for name in names]
    query = select(*stored).select_from(table).where(scope).order_by(*table.primary_key.columns)
    for row in session.execute(query.execution_options(yield_per=_BATCH)):
        yield row_text(table.name, dict(zip(names, row, strict=True)))


def _queries(year: int) -> dict[str, Select[Any]]:
    """The rows of each table, in the order of what happens, each table by its key."""
    return {name: _query(_T[name]).where(scope) for name, scope in _scopes(year).items()}


def _scopes(year: int) -> dict[str, ColumnElement[bool]]:
    """Which rows of each table belong to a year, or to none, in the order of what happens."""
    table = {name: one.columns for name, one in _T.items()}
    first, last = date(year, 1, 1), date(year, 12, 31)
    invoice = table["invoice"]["year"] == year
    of_invoices = select(table["invoice"]["id"]).where(invoice)
    statement = table["statement"]["year"] == year
    document = table["document"]["invoice_id"].in_(of_invoices)
    subscription = (table["subscription"]["start"] <= last) & (
        table["subscription"]["end"].is_(None) | (table["subscription"]["end"] >= first)
    )
    scopes = {
        # The year before is what the amounts are compared with.
        "previous_amount": table["previous_amount"]["year"].in_((year - 1, year)),
        "succession": table["succession"]["effective_on"] <= last,
        "subscription": subscription,
        "population": table["population"]["year"] == year,
        "usage_record": table["usage_record"]["year"] == year,
        "unit_use": table["unit_use"]["day"].between(first, last),
        "acceptance": table["acceptance"]["year"] == year,
        "billing_reference": table["billing_reference"]["year"] == year,
        "campaign": table["campaign"]["year"] == year,
        "confirmation": table["confirmation"]["year"] == year,
        "hold": table["hold"]["year"] == year,
        "statement": statement,
        "statement_document": table["statement_document"]["statement_id"].in_(
            select(table["statement"]["id"]).where(statement)
        ),
        "sent_mail": table["sent_mail"]["year"] == year,
        "invoice": invoice,
        "document": document,
        "validation_report": table["validation_report"]["document_id"].in_(
            select(table["document"]["id"]).where(document)
        ),
        "deposit_attempt": table["deposit_attempt"]["invoice_id"].in_(of_invoices),
        "portal_observation": table["portal_observation"]["invoice_id"].in_(of_invoices),
        "portal_document": table["portal_document"]["number"].in_(
            select(table["invoice"]["number"]).where(invoice)
        )
        | (table["portal_document"]["standing"] == Standing.BEYOND.value),
        "title": table["title"]["invoice_id"].in_(of_invoices),
        "settlement": table["settlement"]["invoice_id"].in_(of_invoices),
        # Of no year: a price, a series and the chain of the journal stand above them all.
        "tariff_grid": sqlalchemy.true(),
        "number_series": sqlalchemy.true(),
        "journal_event": sqlalchemy.true(),
        "journal_head": sqlalchemy.true(),
    }
    members = sqlalchemy.union(
        *(
            select(table[name]["siret"]).where(scopes[name])
            for name in scopes
            if "siret" in table[name]
        ),
        select(table["succession"]["successor"]).where(scopes["succession"]),
    )
    member = table["member"]["siret"].in_(members)
    versions = table["member_version"]["siret"].in_(members)
    natures = table["member_nature"]["siret"].in_(members)
    scopes = {"member": member, "member_version": versions, "member_nature": natures, **scopes}
    files = sqlalchemy.union(
        *(
            select(table[name]["file_id"]).where(scope)
            for name, scope in scopes.items()
            if "file_id" in table[name]
        )
    )
    return {"source_file": table["source_file"]["id"].in_(files), **scopes}


def _query(table: Table) -> Select[Any]:
    """All columns of a table, by its key, and what names the targets of its foreign keys."""
    columns: list[Any] = list(table.columns)
    source: Any = table
    for key in sorted(table.foreign_keys, key=lambda one: one.parent.name):
        target = key.column.table.alias()
        added = _NAMED.get(key.column.table.name, ())
        if added:
            source = source.outerjoin(target, key.parent == target.columns[key.column.name])
            begins = key.parent.name.removesuffix("_id")
            columns += [target.columns[name].label(f"{begins}_{name}") for name in added]
    return select(*columns).select_from(source).order_by(*table.primary_key.columns)


def _year_table(session: Session, name: str, query: Select[Any]) -> YearTable:
    found = [(column.name, _kind(column)) for column in query.selected_columns]

    def rows() -> Iterator[tuple[Cell, ...]]:
        amounts = [place for place, (_, kind) in enumerate(found) if kind is Kind.AMOUNT]
        read = iter(session.execute(query.execution_options(yield_per=_BATCH)))
        while True:
            with as_written(f"une ligne de la table {name}"):
                row = next(read, None)
                if row is None:
                    return
                cells = list(row)
                for place in amounts:
                    cells[place] = None if cells[place] is None else Money(cells[place])
            yield tuple(cells)

    columns = tuple((column.removesuffix(_CENTS), kind) for column, kind in found)
    return YearTable(name=name, columns=columns, rows=rows)


def _kind(column: ColumnElement[Any]) -> Kind:
    """By its type; whole cents, by the name that the conventions of ``tables`` give them."""
    match column.type:
        case UtcText():
            return Kind.INSTANT
        case Date():
            return Kind.DATE
        case Boolean():
            return Kind.TRUTH
        case Integer():
            return Kind.AMOUNT if column.name.endswith(_CENTS) else Kind.INTEGER
        case _:
            return Kind.TEXT
