"""What members were billed for a year: by this program, or, as a file says, before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.money import ZERO, Money
from worker.billing.status import InvoiceStatus
from worker.storage import invoices, versions
from worker.storage.tables import as_written

_PREVIOUS = SQLModel.metadata.tables["previous_amount"].columns
_MEMBER = versions.MEMBERS.table.columns
_SUBSCRIPTION = versions.SUBSCRIPTIONS.table.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class YearAmounts:
    """What members owe for a year.

    Attributes:
        amounts: TTC by SIRET, credit notes deducted.
        billed: those that have an invoice which counts.
        names: of those whose amount a file brought; they may be no members any more.
    """

    amounts: Mapping[str, Money]
    billed: frozenset[str]
    names: Mapping[str, str]


def year_amounts(session: Session, year: int) -> YearAmounts:
    """The amounts of a year; what a file says of a member counts where it was not billed here."""
    amounts: dict[str, Money] = {}
    billed: set[str] = set()
    for invoice in invoices.tracked(session, year=year):
        if not invoice.number:
            continue
        amounts[invoice.siret] = amounts.get(invoice.siret, ZERO) + invoice.signed_total
        if not (invoice.is_credit_note or invoice.status is InvoiceStatus.CANCELLED):
            billed.add(invoice.siret)
    names: dict[str, str] = {}
    query = sqlalchemy.select(
        _PREVIOUS["siret"], _PREVIOUS["name"], _PREVIOUS["total_cents"]
    ).where(_PREVIOUS["year"] == year, _PREVIOUS["superseded_at"].is_(None))
    with as_written(f"un montant de {year} (table previous_amount)"):
        for siret, name, cents in session.execute(query):
            names[siret] = name or siret
            amounts.setdefault(siret, Money(cents))
    return YearAmounts(amounts=amounts, billed=frozenset(billed), names=names)


def member_names(session: Session) -> dict[str, str]:
    """The name of every member, by SIRET."""
    query = sqlalchemy.select(_MEMBER["siret"], _MEMBER["name"]).where(versions.MEMBERS.current())
    return {row.siret: row.name for row in session.execute(query)}


def ended_before(session: Session, year: int) -> frozenset[str]:
    """The members that had a subscription, all of which ended before a year."""
    last = sqlalchemy.func.max(sqlalchemy.func.coalesce(_SUBSCRIPTION["end"], date.max))
    query = (
        sqlalchemy.select(_SUBSCRIPTION["siret"])
        .where(versions.SUBSCRIPTIONS.current())
        .group_by(_SUBSCRIPTION["siret"])
        .having(last < date(year, 1, 1))
    )
    return frozenset(session.execute(query).scalars())
