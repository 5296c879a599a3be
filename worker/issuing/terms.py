"""What the seller puts on every invoice, and the numbers of its series."""

from dataclasses import dataclass

from sqlmodel import Session

from worker.billing.invoice import Note, Party, PaymentMeans
from worker.billing.vat import VatMethod, VatPoint
from worker.storage import invoices


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the seller puts on every invoice."""

    seller: Party
    payment: PaymentMeans
    payment_terms: str
    notes: tuple[Note, ...]
    vat_method: VatMethod
    vat_point: VatPoint | None
    due_days: int
    invoice_prefix: str
    statement_prefix: str
    credit_note_prefix: str
    number_width: int

    def number(self, prefix: str, year: int, value: int) -> str:
        """A number of a series, such as ``BSN-2026-00012``."""
        return f"{series(prefix, year)}{value:0{self.number_width}d}"


def series(prefix: str, year: int) -> str:
    """The series a number belongs to: its prefix, with the year of issue."""
    return prefix.replace("{annee}", str(year))


def take_number(session: Session, terms: Terms, prefix: str, year: int) -> str:
    """The next number of a series, given back if the transaction is undone."""
    value = invoices.take_number(session, series(prefix, year))
    return terms.number(prefix, year, value)
