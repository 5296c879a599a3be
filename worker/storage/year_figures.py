"""What pages about a year say of it as a whole, and its lists, read in pieces.

Lists are read a page at a time, by their key: a year of 100,000 invoices takes no more memory than
one page.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy
from sqlalchemy import BigInteger, ColumnElement, Select, Table, func, select
from sqlmodel import Session, SQLModel

from worker.billing.money import Money
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice
from worker.storage import invoices
from worker.storage.tables import as_written

_T = SQLModel.metadata.tables
_INVOICE = _T["invoice"].columns
_ATTEMPT = _T["deposit_attempt"].columns
_HOLD = _T["hold"].columns
_MEMBER = _T.get("member_version", _T["member"])
"""The table of the names: that of the versions, where members have several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFigures:
    """The documents of a year that are in one state: how many, and their TTC together."""

    kind: InvoiceKind
    status: InvoiceStatus
    documents: int
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMember:
    """A member of a year, under the name that it has now."""

    siret: str
    name: str


def years(session: Session) -> tuple[int, ...]:
    """The years of services that the books know anything of, the last first."""
    known = sqlalchemy.union(
        *(select(_T[name].columns["year"]) for name in ("invoice", "statement", "usage_record"))
    )
    return tuple(sorted(session.execute(known).scalars(), reverse=True))


def states(session: Session, year: int) -> tuple[StateFigures, ...]:
    """The numbered documents of a year by kind and state, in the order in which states come."""
    key = (_INVOICE["kind"], _INVOICE["status"])
    query = (
        select(*key, func.count(), sqlalchemy.cast(func.sum(_INVOICE["total_cents"]), BigInteger))
        .where(*_issued(year))
        .group_by(*key)
    )
    with as_written(f"l'état d'une facture de {year} (table invoice)"):
        found = [
            StateFigures(
                kind=InvoiceKind(kind),
                status=InvoiceStatus(status),
                documents=documents,
                total=Money(total),
            )
            for kind, status, documents, total in session.execute(query)
        ]
    order = list(InvoiceStatus)
    return tuple(
        sorted(
            found, key=lambda one: (one.kind is InvoiceKind.CREDIT_NOTE, order.index(one.status))
        )
    )


def issued_count(session: Session, year: int) -> int:
    """How many invoices and credit notes of a year have a number."""
    query = select(func.count()).select_from(_T["invoice"]).where(*_issued(year))
    return int(session.execute(query).scalar_one())


def issued_after(session: Session, year: int, number: str, most: int) -> tuple[TrackedInvoice, ...]:
    """Invoices and credit notes of a year by number, those behind one; "" for the first."""
    query = (
        invoices.LIST.where(*_issued(year), _INVOICE["number"] > number)
        .order_by(_INVOICE["number"])
        .limit(most)
    )
    return invoices.found(session, query)


def of_members(
    session: Session, year: int, sirets: Collection[str]
) -> dict[str, list[TrackedInvoice]]:
    """The invoices of these members for a year, parked ones too, credit notes not, by age."""
    query = invoices.LIST.where(
        _INVOICE["year"] == year,
        _INVOICE["kind"] == InvoiceKind.INVOICE.value,
        _INVOICE["siret"].in_(sirets),
    ).order_by(_INVOICE["id"])
    found: dict[str, list[TrackedInvoice]] = {}
    for one in invoices.found(session, query):
        found.setdefault(one.siret, []).append(one)
    return found


def held(session: Session, year: int, sirets: Collection[str]) -> dict[str, str]:
    """Of these members, those that a person holds back for a year, each with the reason."""
    query = select(_HOLD["siret"], _HOLD["reason"]).where(
        _HOLD["year"] == year, _HOLD["lifted_at"].is_(None), _HOLD["siret"].in_(sirets)
    )
    return {row.siret: row.reason for row in session.execute(query)}


def member_count(session: Session, year: int) -> int:
    """How many members a year has."""
    query = select(func.count()).select_from(_members(year).subquery())
    return int(session.execute(query).scalar_one())


def members_after(session: Session, year: int, siret: str, most: int) -> tuple[NamedMember, ...]:
    """Members with a subscription, any use or an invoice in a year, those behind one; "" first."""
    members = _members(year)
    columns = _MEMBER.columns
    query = members.where(columns["siret"] > siret).order_by(columns["siret"]).limit(most)
    return tuple(NamedMember(siret=one, name=name) for one, name in session.execute(query))


def attempts_made(session: Session, year: int) -> Iterator[datetime]:
    """The instant of each intent of a deposit, in the order of the intents."""
    query = (
        select(_ATTEMPT["started_at"])
        .join(_T["invoice"], _INVOICE["id"] == _ATTEMPT["invoice_id"])
        .where(*_issued(year))
        .order_by(_ATTEMPT["id"])
    )
    yield from session.execute(query.execution_options(yield_per=1000)).scalars()


def tries(session: Session, year: int) -> tuple[tuple[int, int], ...]:
    """How many documents took so many deposits: (deposits, documents), by the first."""
    made = (
        select(func.count(_ATTEMPT["id"]).label("made"))
        .select_from(_T["invoice"])
        .outerjoin(_T["deposit_attempt"], _INVOICE["id"] == _ATTEMPT["invoice_id"])
        .where(*_issued(year))
        .group_by(_INVOICE["id"])
        .subquery()
    )
    query = select(made.c.made, func.count()).group_by(made.c.made).order_by(made.c.made)
    return tuple((number, documents) for number, documents in session.execute(query))


def _issued(year: int) -> tuple[ColumnElement[bool], ...]:
    return _INVOICE["year"] == year, _INVOICE["number"].is_not(None)


def _members(year: int) -> Select[tuple[str, str]]:
    subscription, use = _T["subscription"], _T["usage_record"]
    starts, ends = subscription.columns["start"], subscription.columns["end"]
    sirets = sqlalchemy.union(
        select(subscription.columns["siret"]).where(
            _is_current(subscription),
            starts <= date(year, 12, 31),
            ends.is_(None) | (ends >= date(year, 1, 1)),
        ),
        select(use.columns["siret"]).where(_is_current(use), use.columns["year"] == year),
        select(_INVOICE["siret"]).where(_INVOICE["year"] == year),
    )
    member = _MEMBER
    return select(member.columns["siret"], member.columns["name"]).where(
        _is_current(member), member.columns["siret"].in_(sirets)
    )


def _is_current(table: Table) -> ColumnElement[bool]:
    """The rows that nothing superseded; all of a table that keeps no older ones."""
    ended = table.columns.get("superseded_at")
    return sqlalchemy.true() if ended is None else ended.is_(None)
