"""The integrated invoices in the ledger: what they say, their statuses, how they are found."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from chorus_sandbox import paris
from chorus_sandbox.ledger.records import (
    FluxRecord,
    FluxState,
    InvoiceRecord,
    NewInvoice,
    StatusRecord,
)
from chorus_sandbox.ledger.tables import Tables

FIRST_STATUSES = ("DEPOSEE", "MISE_A_DISPOSITION")
"""What every invoice is at first."""


class Invoices(Tables):
    """The invoices."""

    def is_taken(self, *, year: int, siren: str, number: str) -> bool:
        """Whether an invoice with this year, supplier and number was integrated (§0.4, 7)."""
        taken = "SELECT 1 FROM invoice WHERE issue_year = ? AND seller_siren = ? AND number = ?"
        return self._run(taken, f"{year:04d}", siren, number).fetchone() is not None

    def is_integrated_from(self, flux: FluxRecord, file_name: str) -> bool:
        """Whether a flux that is replayed gave the invoice of this file already."""
        given = "SELECT 1 FROM invoice WHERE flux_number = ? AND file_name = ?"
        return self._run(given, flux.number, file_name).fetchone() is not None

    def add(self, flux: FluxRecord, invoice: NewInvoice, *, file_name: str = "") -> int:
        """Integrates an invoice and returns its identifier; it has no status yet."""
        return self._insert(
            "invoice",
            flux_id=flux.id,
            flux_number=flux.number,
            deposited_on=paris.day_of(flux.deposited_at),
            status="",
            status_at=flux.due_at,
            file_name=file_name or flux.file_name,
            indexed_at=flux.due_at + flux.index_delay,
            **asdict(invoice),
        )

    def key(self, invoice: NewInvoice, *, at: datetime) -> int:
        """Integrates at once what a person keyed at the portal: it has no flux of its own."""
        self._run(
            "INSERT OR IGNORE INTO flux (id, number, syntax, interface, file_name, size, sha256,"
            " deposited_at, due_at, state, state_at) VALUES (0, '', '', '', '', 0, '', 0, 0, ?, 0)",
            FluxState.INTEGRATED,
        )
        identifier = self._insert(
            "invoice",
            flux_id=0,
            flux_number="",
            deposited_on=paris.day_of(at),
            status="",
            status_at=at,
            indexed_at=at,
            **asdict(invoice),
        )
        for status in FIRST_STATUSES:
            self.add_status(identifier, status, at=at)
        return identifier

    def withdraw(self, flux: FluxRecord) -> None:
        """Takes back what a flux integrated, as if it had never been."""
        for invoice in self._select(InvoiceRecord, "WHERE flux_number = ?", flux.number):
            self._run("DELETE FROM invoice_attachment WHERE invoice_id = ?", invoice.id)
            self._run("DELETE FROM status WHERE invoice_id = ?", invoice.id)
            self._run("DELETE FROM invoice WHERE id = ?", invoice.id)

    def rename(self, invoice_id: int) -> int:
        """Gives an invoice another identifier; the former one is unknown from then on."""
        columns = ", ".join(
            row[1]
            for row in self._run("SELECT * FROM pragma_table_info('invoice')")
            if row[1] != "id"
        )
        copy = f"INSERT INTO invoice ({columns}) SELECT {columns} FROM invoice WHERE id = ?"  # noqa: S608 - names from the file
        identifier = int(self._run(copy, invoice_id).lastrowid or 0)
        for table in ("status", "invoice_attachment"):
            moved = f"UPDATE {table} SET invoice_id = ? WHERE invoice_id = ?"  # noqa: S608 - same
            self._run(moved, identifier, invoice_id)
        self._run("DELETE FROM invoice WHERE id = ?", invoice_id)
        return identifier

    def add_status(self, invoice_id: int, status: str, *, at: datetime, comment: str = "") -> None:
        """Adds a row to the history of an invoice and makes it the current status."""
        self._insert("status", invoice_id=invoice_id, code=status, at=at, comment=comment)
        self._run(
            "UPDATE invoice SET status = ?, status_at = ?, comment = ?, rejection_handled = 0"
            " WHERE id = ?",
            status,
            at,
            comment,
            invoice_id,
        )

    def step_back(self, invoice_id: int, *, at: datetime) -> None:
        """Gives an invoice again the status it had before its current one, if it had one."""
        current, *earlier = (row.code for row in self.history(invoice_id))
        previous = next((status for status in earlier if status != current), None)
        if previous is not None:
            self.add_status(invoice_id, previous, at=at)

    def acknowledge_rejection(self, invoice_id: int) -> None:
        """Notes that the supplier dealt with a rejection."""
        self._run("UPDATE invoice SET rejection_handled = 1 WHERE id = ?", invoice_id)

    def identified(self, invoice_id: int) -> InvoiceRecord | None:
        """The invoice of an ``identifiantFactureCPP``, if any."""
        return next(iter(self._select(InvoiceRecord, "WHERE id = ?", invoice_id)), None)

    def numbered(self, number: str) -> tuple[InvoiceRecord, ...]:
        """Every invoice of a number: suppliers and years share numbers."""
        return self._select(InvoiceRecord, "WHERE number = ? ORDER BY id", number)

    def all(self) -> tuple[InvoiceRecord, ...]:
        """Every invoice, oldest first."""
        return self._select(InvoiceRecord, "ORDER BY id")

    def latest(self, most: int) -> tuple[InvoiceRecord, ...]:
        """So many invoices, newest first."""
        return self._select(InvoiceRecord, "ORDER BY id DESC LIMIT ?", most)

    def history(self, invoice_id: int) -> tuple[StatusRecord, ...]:
        """The history of an invoice, most recent row first."""
        return self._select(StatusRecord, "WHERE invoice_id = ? ORDER BY id DESC", invoice_id)

    def search(
        self, wanted: Mapping[str, object], *, order: str, descending: bool, limit: int, offset: int
    ) -> tuple[tuple[InvoiceRecord, ...], int]:
        """One slice of the invoices that match, and how many match in all.

        Args:
            wanted: conditions from the code, as ``number = ?`` or ``status IN (?)``, and the value
                of each, a tuple for a list; all must hold.
            order: a column of the invoice table, from the code, never from a request.
            descending: greatest first.
            limit: most invoices returned.
            offset: invoices skipped.
        """
        condition, values = _where(wanted)
        count = f"SELECT count(*) FROM invoice WHERE {condition}"  # noqa: S608 - constants only
        (total,) = self._run(count, *values).fetchone()
        way = "DESC" if descending else "ASC"
        clauses = f"WHERE {condition} ORDER BY {order} {way}, id {way} LIMIT ? OFFSET ?"
        return self._select(InvoiceRecord, clauses, *values, limit, offset), int(total)


def _where(wanted: Mapping[str, object]) -> tuple[str, list[object]]:
    conditions, values = ["TRUE"], list[object]()
    for condition, value in wanted.items():
        items = value if isinstance(value, tuple) else (value,)
        conditions.append(condition.replace("?", ", ".join("?" * len(items))))
        values += items
    return " AND ".join(conditions), values
