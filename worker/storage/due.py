"""Which invoices are to be looked at, and when: what each step of the waiting half asks."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy
from sqlmodel import Session, SQLModel, col

from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import UnreadableRecord
from worker.storage import attempts
from worker.storage.documents import documents_of
from worker.storage.invoices import LIST, found, is_one_of, of_member
from worker.storage.tables import DepositAttemptRow, InvoiceRow

_AT_ONCE = 500
"""Values in one question to the database."""
_BEYOND = timedelta(days=1)
"""Past the longest wait there is, a time was written by a clock that was ahead."""
HEARD = timedelta(days=90)
"""How long after it was settled a buyer that reports no payment may still change its mind."""
_HELD = LIST.where(col(InvoiceRow.cpp_id).is_not(None))
"""What the portal holds: an internal credit note never has an identifier there."""


def require_records(session: Session, invoice: TrackedInvoice) -> None:
    """Raise UnreadableRecord when a row cannot be read on which its way to the buyer hangs.

    Its earlier deposits, its documents, what else its member has for the year.
    """
    attempts.attempts(session, invoice.id)
    documents_of(session, invoice.id)
    of_member(session, invoice.siret, invoice.year)


def invoices_due(
    session: Session,
    statuses: Sequence[InvoiceStatus],
    now: datetime | None,
    *,
    longest: timedelta,
    limit: int | None = None,
) -> tuple[TrackedInvoice, ...]:
    """Invoices in these statuses whose next look is due; all of them when ``now`` is None.

    ``longest`` is the longest wait between two looks: who waits much longer is due at once.
    """
    query = LIST.where(is_one_of(statuses)).order_by(
        col(InvoiceRow.next_check_at), col(InvoiceRow.id)
    )
    if now is not None:
        when = col(InvoiceRow.next_check_at)
        query = query.where(when.is_(None) | (when <= now) | (when > now + longest + _BEYOND))
    return _readable(session, query, limit)


def _readable(
    session: Session, query: sqlalchemy.Select[Any], limit: int | None = None
) -> tuple[TrackedInvoice, ...]:
    """Without those whose row cannot be read: nothing is done about them, and they are told."""
    every = found(session, query.limit(limit))
    readable = tuple(one for one in every if one.trouble is not Trouble.UNREADABLE)
    if limit is None or len(readable) == len(every):
        return readable
    return _readable(session, query)[:limit]


def put_off(session: Session, statuses: Sequence[InvoiceStatus], until: datetime) -> None:
    """Look at no invoice in these statuses before an instant."""
    when = col(InvoiceRow.next_check_at)
    session.execute(
        sqlalchemy.update(InvoiceRow)
        .where(is_one_of(statuses))
        .where(when.is_(None) | (when < until))
        .values(next_check_at=until)
    )


def awaited(
    session: Session, statuses: Sequence[InvoiceStatus], now: datetime
) -> tuple[TrackedInvoice, ...]:
    """Invoices the portal holds, in these statuses, to be looked at by themselves, and now.

    At the buyer's, most are not: the portal's news tell which changed.
    """
    when = col(InvoiceRow.next_check_at)
    query = _HELD.where(is_one_of(statuses), when.is_not(None), when <= now)
    return _readable(session, query.order_by(when, col(InvoiceRow.id)))


def held(
    session: Session, statuses: Sequence[InvoiceStatus], *, portal_ids: Sequence[str] | None = None
) -> tuple[TrackedInvoice, ...]:
    """Invoices in these statuses that the portal holds: all, or those with these identifiers."""
    query = _HELD.where(is_one_of(statuses)).order_by(col(InvoiceRow.id))
    if portal_ids is None:
        return _readable(session, query)
    invoices: list[TrackedInvoice] = []
    for start in range(0, len(portal_ids), _AT_ONCE):
        some = [int(each) for each in portal_ids[start : start + _AT_ONCE]]
        invoices.extend(_readable(session, query.where(col(InvoiceRow.cpp_id).in_(some))))
    return tuple(invoices)


def first_deposit(
    session: Session, statuses: Sequence[InvoiceStatus], *, settled_after: datetime
) -> datetime | None:
    """When the oldest of the invoices in these statuses was deposited; None without any.

    One that the portal holds and that was settled after an instant is among them.
    """
    lately = sqlalchemy.and_(
        col(InvoiceRow.status) == InvoiceStatus.SETTLED.value,
        col(InvoiceRow.status_since) > settled_after,
        col(InvoiceRow.cpp_id).is_not(None),
    )
    return _first(session, "deposited_at", is_one_of(statuses) | lately)


def _first(session: Session, name: str, which: sqlalchemy.ColumnElement[bool]) -> datetime | None:
    """The earliest of an instant; where one cannot be read, of those that can."""
    first = sqlalchemy.func.min(SQLModel.metadata.tables["invoice"].columns[name])
    try:
        return session.execute(sqlalchemy.select(first).where(which)).scalar()
    except UnreadableRecord:
        instants = (getattr(one, name) for one in _readable(session, LIST.where(which)))
        return min((at for at in instants if at is not None), default=None)


def was_handed_over(session: Session, since: date) -> bool:
    """Whether a file of any invoice or credit note dated since this day ever left."""
    handed = (
        sqlalchemy.select(col(DepositAttemptRow.id))
        .join(InvoiceRow, col(InvoiceRow.id) == col(DepositAttemptRow.invoice_id))
        .where(col(InvoiceRow.issue_date) >= since)
        .limit(1)
    )
    return session.execute(handed).first() is not None


def next_look(session: Session, statuses: Sequence[InvoiceStatus]) -> datetime | None:
    """When the first of the invoices in these statuses is due; None when none waits for an hour."""
    return _first(session, "next_check_at", is_one_of(statuses))


def known_to_portal(session: Session) -> TrackedInvoice | None:
    """An invoice the portal holds for certain: it has an identifier there, and was integrated."""
    statuses = (InvoiceStatus.INTEGRATED, InvoiceStatus.SETTLED, InvoiceStatus.SUSPENDED)
    query = _HELD.where(is_one_of(statuses)).order_by(col(InvoiceRow.id))
    return next(iter(_readable(session, query, 1)), None)
