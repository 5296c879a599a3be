"""The integrated invoices in the ledger: what they say, their statuses, how they are found."""

import sqlite3
from dataclasses import astuple
from datetime import datetime

from chorus_sandbox import paris
from chorus_sandbox.ledger import tables
from chorus_sandbox.ledger.records import (
    FluxRecord,
    InvoiceFilter,
    InvoiceRecord,
    NewInvoice,
    StatusRecord,
)


class Invoices:
    """The invoices, on one connection to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def is_taken(self, *, year: int, siren: str, number: str) -> bool:
        """Whether an invoice with this year, supplier and number was integrated (§0.4, 7)."""
        row = self._connection.execute(
            "SELECT 1 FROM invoice WHERE issue_year = ? AND seller_siren = ? AND number = ?",
            (f"{year:04d}", siren, number),
        ).fetchone()
        return row is not None

    def add(self, flux: FluxRecord, invoice: NewInvoice, *, file_name: str = "") -> int:
        """Integrates an invoice and returns its identifier; it has no status yet."""
        columns = (
            "flux_id",
            "flux_number",
            "deposited_on",
            "status",
            "status_at",
            "file_name",
            "indexed_at",
            *tables.CONTENT,
        )
        values = (
            flux.id,
            flux.number,
            paris.day_of(flux.deposited_at).isoformat(),
            "",
            tables.milliseconds(flux.due_at),
            file_name or flux.file_name,
            tables.milliseconds(flux.due_at + flux.index_delay),
            *(tables.stored(value) for value in astuple(invoice)),
        )
        marks = ", ".join("?" * len(columns))
        cursor = self._connection.execute(
            f"INSERT INTO invoice ({', '.join(columns)}) VALUES ({marks}) RETURNING id",  # noqa: S608 - constants only
            values,
        )
        return int(cursor.fetchone()[0])

    def add_status(self, invoice_id: int, status: str, *, at: datetime, comment: str = "") -> None:
        """Adds a row to the history of an invoice and makes it the current status."""
        self._connection.execute(
            "INSERT INTO status (invoice_id, code, at, comment) VALUES (?, ?, ?, ?)",
            (invoice_id, status, tables.milliseconds(at), comment),
        )
        self._connection.execute(
            "UPDATE invoice SET status = ?, status_at = ?, comment = ?, rejection_handled = 0"
            " WHERE id = ?",
            (status, tables.milliseconds(at), comment, invoice_id),
        )

    def step_back(self, invoice_id: int, *, at: datetime) -> None:
        """Gives an invoice again the status it had before its current one, if it had one."""
        current, *earlier = (row.status for row in self.history(invoice_id))
        previous = next((status for status in earlier if status != current), None)
        if previous is not None:
            self.add_status(invoice_id, previous, at=at)

    def acknowledge_rejection(self, invoice_id: int) -> None:
        """Notes that the supplier dealt with a rejection."""
        self._connection.execute(
            "UPDATE invoice SET rejection_handled = 1 WHERE id = ?", (invoice_id,)
        )

    def identified(self, invoice_id: int) -> InvoiceRecord | None:
        """The invoice of an ``identifiantFactureCPP``, if any."""
        row = self._connection.execute(
            f"SELECT {tables.INVOICE} FROM invoice WHERE id = ?",  # noqa: S608 - constants only
            (invoice_id,),
        ).fetchone()
        return tables.to_invoice(row) if row else None

    def numbered(self, number: str) -> tuple[InvoiceRecord, ...]:
        """Every invoice of a number: suppliers and years share numbers."""
        rows = self._connection.execute(
            f"SELECT {tables.INVOICE} FROM invoice WHERE number = ? ORDER BY id",  # noqa: S608 - constants only
            (number,),
        )
        return tuple(tables.to_invoice(row) for row in rows)

    def all(self) -> tuple[InvoiceRecord, ...]:
        """Every invoice, oldest first."""
        query = f"SELECT {tables.INVOICE} FROM invoice ORDER BY id"  # noqa: S608 - constants only
        return tuple(tables.to_invoice(row) for row in self._connection.execute(query))

    def latest(self, most: int) -> tuple[InvoiceRecord, ...]:
        """So many invoices, newest first."""
        query = f"SELECT {tables.INVOICE} FROM invoice ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants only
        return tuple(tables.to_invoice(row) for row in self._connection.execute(query, (most,)))

    def history(self, invoice_id: int) -> tuple[StatusRecord, ...]:
        """The history of an invoice, most recent row first."""
        rows = self._connection.execute(
            "SELECT id, code, at, comment FROM status WHERE invoice_id = ? ORDER BY id DESC",
            (invoice_id,),
        )
        return tuple(
            StatusRecord(id=row[0], status=row[1], at=tables.instant(row[2]), comment=row[3])
            for row in rows
        )

    def search(
        self, wanted: InvoiceFilter, *, order: str, descending: bool, limit: int, offset: int
    ) -> tuple[tuple[InvoiceRecord, ...], int]:
        """One slice of the invoices that match, and how many match in all.

        Args:
            wanted: the criteria.
            order: a column of the invoice table, from the code, never from a request.
            descending: greatest first.
            limit: most invoices returned.
            offset: invoices skipped.
        """
        condition, values = _where(wanted)
        (total,) = self._connection.execute(
            f"SELECT count(*) FROM invoice WHERE {condition}",  # noqa: S608 - constants only
            values,
        ).fetchone()
        way = "DESC" if descending else "ASC"
        rows = self._connection.execute(
            f"SELECT {tables.INVOICE} FROM invoice WHERE {condition}"  # noqa: S608 - constants only
            f" ORDER BY {order} {way}, id {way} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return tuple(tables.to_invoice(row) for row in rows), int(total)


def _where(wanted: InvoiceFilter) -> tuple[str, tuple[object, ...]]:
    one_of = [("status", wanted.statuses or None), ("buyer_siret", wanted.buyers)]
    bounds = [
        ("flux_number = ?", wanted.flux_number),
        ("number = ?", wanted.number),
        ("kind = ?", wanted.kind),
        ("engagement = ?", wanted.engagement),
        ("contract = ?", wanted.contract),
        ("deposited_on >= ?", wanted.deposited_from),
        ("deposited_on <= ?", wanted.deposited_to),
        ("issued_on >= ?", wanted.issued_from),
        ("issued_on <= ?", wanted.issued_to),
        ("status_at >= ?", wanted.status_from),
        ("status_at <= ?", wanted.status_to),
        ("seller_siret = ?", wanted.seller),
        ("rejection_handled = ?", wanted.rejection_handled),
        ("indexed_at <= ?", wanted.indexed_by),
    ]
    set_bounds = [(condition, value) for condition, value in bounds if value is not None]
    set_lists = [(column, value) for column, value in one_of if value is not None]
    conditions = [condition for condition, _ in set_bounds]
    conditions += [f"{column} IN ({', '.join('?' * len(value))})" for column, value in set_lists]
    values = [tables.stored(value) for _, value in set_bounds]
    values += [item for _, value in set_lists for item in value]
    return " AND ".join(conditions) or "TRUE", tuple(values)
