"""The years that an invoice was issued for: nothing that it rests on may change any more."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.period import Month
from worker.billing.status import InvoiceKind, InvoiceStatus
from worker.billing.succession import months_billed, successors
from worker.storage import successions
from worker.storage.versions import among

NOT_BILLED = (InvoiceStatus.DRAFT.value, InvoiceStatus.PARKED.value, InvoiceStatus.CANCELLED.value)
"""States of an invoice that leave its year to be billed, or billed anew."""
_INVOICE = SQLModel.metadata.tables["invoice"].columns


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledYear:
    """A year of what is filed under a SIRET, and the invoice that counts for some months of it.

    Attributes:
        billed_to: the member that has the invoice: this one, or its successor.
        months: that it is billed for.
    """

    siret: str
    year: int
    number: str
    status: InvoiceStatus
    billed_to: str
    months: frozenset[Month]


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledMember:
    """A member's invoice that counts."""

    siret: str
    year: int
    number: str


def billed_since(session: Session, sirets: Collection[str], year: int) -> Iterator[BilledMember]:
    """The invoices of these members that count, of a year and those after it."""
    query = (
        sqlalchemy.select(*(_INVOICE[name] for name in ("siret", "year", "number")))
        .where(_INVOICE["kind"] == InvoiceKind.INVOICE.value)
        .where(_INVOICE["status"].not_in(NOT_BILLED))
        .where(_INVOICE["siret"].in_(sirets), _INVOICE["year"] >= year)
        .order_by(_INVOICE["year"], _INVOICE["siret"])
    )
    for row in session.execute(query).mappings():
        yield BilledMember(**row)


def billed_years(session: Session, sirets: set[str]) -> tuple[BilledYear, ...]:
    """Every billed year of what is filed under these SIRETs, to a successor too."""
    known = successions.in_force(session)
    filed: dict[str, list[str]] = {}
    for siret in sorted(sirets):
        for to in (siret, *successors(siret, known)):
            filed.setdefault(to, []).append(siret)
    query = sqlalchemy.select(*(_INVOICE[name] for name in ("siret", "year", "number", "status")))
    query = query.where(
        _INVOICE["kind"] == InvoiceKind.INVOICE.value, _INVOICE["status"].not_in(NOT_BILLED)
    )
    rows = session.execute(among(query, _INVOICE["siret"], set(filed)).order_by(_INVOICE["year"]))
    return tuple(
        BilledYear(
            siret=siret,
            year=year,
            number=number,
            status=InvoiceStatus(status),
            billed_to=to,
            months=months,
        )
        for to, year, number, status in rows
        for siret in filed.get(to, ())
        if (months := months_billed(siret, to, year, known)) or siret == to
    )
