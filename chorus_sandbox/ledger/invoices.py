"""The integrated invoices in the ledger: what they say, their statuses, how they are found."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from chorus_sandbox import paris
from chorus_sandbox.ledger.records import FluxRecord, InvoiceRecord, NewInvoice, StatusRecord
from chorus_sandbox.ledger.tables import Tables


class Invoices(Tables):
    """The invoices."""

    def is_taken(self, *, year: int, siren: str, number: str) -> bool:
        """Whether an invoice with this year, supplier and number was integrated (§0.4, 7)."""
        taken = "SELECT 1 FROM invoice WHERE issue_year = ? AND seller_siren = ? AND number = ?"
        return self._run(taken, f"{year:04d}", siren, number).fetchone() is not None

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
