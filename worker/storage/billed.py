"""The years that an invoice was issued for: nothing that it rests on may change any more."""

from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.status import InvoiceKind, InvoiceStatus
from worker.storage.versions import among

NOT_BILLED = (InvoiceStatus.DRAFT.value, InvoiceStatus.PARKED.value, InvoiceStatus.CANCELLED.value)
"""States of an invoice that leave its year to be billed, or billed anew."""
_INVOICE = SQLModel.metadata.tables["invoice"].columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledYear:
    """A year of a member, and the invoice that counts for it."""

    siret: str
    year: int
    number: str
    status: InvoiceStatus


def billed_years(session: Session, sirets: set[str]) -> tuple[BilledYear, ...]:
    """Every billed year of these members."""
    query = sqlalchemy.select(*(_INVOICE[name] for name in ("siret", "year", "number", "status")))
    query = query.where(
        _INVOICE["kind"] == InvoiceKind.INVOICE.value, _INVOICE["status"].not_in(NOT_BILLED)
    )
    rows = session.execute(among(query, _INVOICE["siret"], sirets).order_by(_INVOICE["year"]))
    return tuple(
        BilledYear(siret=siret, year=year, number=number, status=InvoiceStatus(status))
        for siret, year, number, status in rows
        if siret in sirets
    )
