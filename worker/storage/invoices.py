"""Invoices, statements and numbers: what the batch writes and everybody reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Row
from sqlmodel import Session, SQLModel, col, select

from worker.billing.invoice import Invoice
from worker.billing.members import Member
from worker.billing.money import Money
from worker.billing.statement import Statement
from worker.billing.status import MOVES, InvoiceKind, InvoiceStatus, TrackedInvoice, Trouble
from worker.errors import Finding, WrongUse
from worker.storage.engine import affected
from worker.storage.snapshots import dump, load
from worker.storage.tables import InvoiceRow, StatementRow
from worker.storage.transaction import Transaction

LISTED = tuple(
    column
    for column in SQLModel.metadata.tables["invoice"].columns
    if column.name not in {"snapshot", "statement_id"}
)
"""What lists read: not the frozen content, tens of kilobytes each, nor whole mapped objects."""


_TABLE = SQLModel.metadata.tables["invoice"]
_INVOICE = _TABLE.columns
# Plain statements, made once: these run several times for each invoice of a lot.
_BY_NUMBER = sqlalchemy.select(*LISTED).where(_INVOICE["number"] == sqlalchemy.bindparam("number"))
_BY_ID = sqlalchemy.select(*LISTED).where(_INVOICE["id"] == sqlalchemy.bindparam("invoice"))
# The instant too: it may have left its status and come back, with another deposit behind it.
_AS_SEEN = (
    _INVOICE["id"] == sqlalchemy.bindparam("invoice"),
    _INVOICE["status"] == sqlalchemy.bindparam("present"),
    _INVOICE["status_since"] == sqlalchemy.bindparam("since"),
)
_WRITE = sqlalchemy.update(_TABLE).where(*_AS_SEEN)
_FORGET = sqlalchemy.delete(_TABLE).where(*_AS_SEEN)
_CURRENT = sqlalchemy.select(*LISTED).where(
    _INVOICE["siret"] == sqlalchemy.bindparam("siret"),
    _INVOICE["year"] == sqlalchemy.bindparam("year"),
    _INVOICE["kind"] == InvoiceKind.INVOICE.value,
    _INVOICE["status"] != InvoiceStatus.CANCELLED.value,
)
_TAKE = sqlalchemy.text(
    "INSERT INTO number_series (series, last_value) VALUES (:series, 1) "
    "ON CONFLICT (series) DO UPDATE SET last_value = number_series.last_value + 1 "
    "RETURNING last_value"
)
_PASS_OVER = sqlalchemy.text(
    "INSERT INTO number_series (series, last_value) VALUES (:series, :rank) "
    "ON CONFLICT (series) DO UPDATE SET last_value = :rank "
    "WHERE number_series.last_value < :rank"
)
_LAST = sqlalchemy.text("SELECT last_value FROM number_series WHERE series = :series")


def take_number(tx: Transaction, series: str) -> int:
    """The next number of a series, from 1, without gap: it is given back if we roll back."""
    return int(tx.execute(_TAKE, {"series": series}).scalar_one())


def last_number(session: Session, series: str) -> int:
    """The last number given in a series, 0 before the first; only ``take_number`` takes one."""
    return int(session.execute(_LAST, {"series": series}).scalar() or 0)


def pass_over(tx: Transaction, series: str, rank: int) -> None:
    """Have the numbers of a series up to this one never given: they are used outside the books."""
    tx.execute(_PASS_OVER, {"series": series, "rank": rank})


def numbers(session: Session) -> tuple[str, ...]:
    """Every number that the books ever gave to an invoice or a credit note."""
    number = _INVOICE["number"]
    return tuple(session.execute(sqlalchemy.select(number).where(number.is_not(None))).scalars())


def current(session: Session, siret: str, year: int) -> TrackedInvoice | None:
    """The invoice of a member and year that counts."""
    row = session.execute(_CURRENT, {"siret": siret, "year": year}).first()
    return None if row is None else as_tracked(row)


def by_number(session: Session, number: str) -> TrackedInvoice | None:
    """The invoice that has this number; none has one that is not ASCII (Chorus Pro, G1.05)."""
    if not number.isascii():
        return None
    row = session.execute(_BY_NUMBER, {"number": number}).first()
    return None if row is None else as_tracked(row)


def named(session: Session, number: str) -> TrackedInvoice:
    """The invoice or credit note that a person named. Raises WrongUse when there is none."""
    found = by_number(session, number)
    if found is None:
        raise WrongUse(
            f"Aucune facture ne porte le numéro {_shown(number)}.",
            "Tapez « status » pour voir les numéros.",
        )
    return found


def _shown(number: str) -> str:
    """A number as it was typed, even in bytes that are no text."""
    return number.encode("utf-8", "backslashreplace").decode()


def by_id(session: Session, invoice_id: int) -> TrackedInvoice:
    """The invoice that has this id."""
    return as_tracked(session.execute(_BY_ID, {"invoice": invoice_id}).one())


def tracked(
    session: Session, *, year: int | None = None, statuses: Sequence[InvoiceStatus] = ()
) -> tuple[TrackedInvoice, ...]:
    """Invoices by number, each with its credit notes behind it, those without a number last."""
    query = sqlalchemy.select(*LISTED)
    if year is not None:
        query = query.where(col(InvoiceRow.year) == year)
    if statuses:
        query = query.where(col(InvoiceRow.status).in_([status.value for status in statuses]))
    query = query.order_by(
        col(InvoiceRow.number).is_(None), col(InvoiceRow.number), col(InvoiceRow.siret)
    )
    found = [as_tracked(row) for row in session.execute(query)]
    place = {invoice.id: rank for rank, invoice in enumerate(found)}
    return tuple(
        sorted(
            found,
            key=lambda one: (place.get(one.corrects or one.id, -1), one.is_credit_note),
        )
    )


def park(
    tx: Transaction, member: Member, year: int, total: Money, findings: Sequence[Finding]
) -> bool:
    """Hold a member back before any number; False when it already was, for the same reasons."""
    row = _current_row(tx, member.siret, year)
    values = {
        "member_name": member.name,
        "total_cents": total.cents,
        "findings": dump(tuple[Finding, ...], tuple(findings)),
    }
    if row is None:
        tx.add(_new(tx, InvoiceStatus.PARKED, siret=member.siret, year=year, **values))
        tx.flush()
        return True
    if row.status != InvoiceStatus.PARKED.value:
        raise RuntimeError(f"invoice {row.id} is {row.status}: it cannot be parked")
    if (row.findings, row.total_cents) == (values["findings"], total.cents):
        return False
    _overwrite(tx, row, **values)
    return True


def release(tx: Transaction, siret: str, year: int) -> bool:
    """Forget a parked invoice, which has no number; False when there is none."""
    row = _current_row(tx, siret, year)
    if row is None or row.status != InvoiceStatus.PARKED.value:
        return False
    return bool(affected(tx, _FORGET, _row_as_seen(row)))


def issue(
    tx: Transaction, invoice: Invoice, statement: Statement, findings: Sequence[Finding]
) -> int:
    """Store an issued invoice with its statement; returns its id. Documents come after.

    The unique index on (member, year) is the last defence against a second invoice.
    """
    statement_row = StatementRow(
        number=statement.number,
        siret=statement.member.siret,
        year=statement.year,
        total_cents=statement.total.cents,
        issue_date=statement.issue_date,
        snapshot=dump(Statement, statement),
    )
    tx.add(statement_row)
    tx.flush()
    values = _frozen(invoice, findings) | {"statement_id": statement_row.id}
    row = _current_row(tx, invoice.buyer.siret, invoice.year)
    if row is None:
        buyer, year = invoice.buyer, invoice.year
        row = _new(tx, InvoiceStatus.ISSUED, siret=buyer.siret, year=year, **values)
        tx.add(row)
        tx.flush()
    elif row.number is not None:
        raise RuntimeError(f"invoice {row.number} is already issued")
    else:
        issued = {"status": InvoiceStatus.ISSUED.value, "status_since": tx.now}
        _overwrite(tx, row, **values, **issued)
    return _id(row.id)


def issue_credit_note(
    tx: Transaction,
    note: Invoice,
    corrects: TrackedInvoice,
    status: InvoiceStatus,
    findings: Sequence[Finding],
) -> int:
    """Store an issued credit note beside its invoice; returns its id. Documents come after.

    ``status`` is issued, or settled at once for one that is never transmitted.
    """
    invoice = tx.get_one(InvoiceRow, corrects.id)
    row = _new(
        tx,
        status,
        siret=invoice.siret,
        year=invoice.year,
        statement_id=invoice.statement_id,
        kind=InvoiceKind.CREDIT_NOTE.value,
        corrects_id=invoice.id,
        **_frozen(note, findings),
    )
    tx.add(row)
    tx.flush()
    return _id(row.id)


def _new(tx: Transaction, status: InvoiceStatus, **values: Any) -> InvoiceRow:
    return InvoiceRow(status=status.value, status_since=tx.now, **values)


def _frozen(invoice: Invoice, findings: Sequence[Finding]) -> dict[str, Any]:
    """The columns that say what was issued."""
    return {
        "member_name": invoice.buyer.name,
        "total_cents": invoice.totals.payable.cents,
        "rounding_cents": invoice.totals.rounding.cents,
        "number": invoice.number,
        "issue_date": invoice.issue_date,
        "due_date": invoice.due_date,
        "version": 1,
        "snapshot": dump(Invoice, invoice),
        "findings": dump(tuple[Finding, ...], tuple(findings)),
    }


def _overwrite(tx: Transaction, row: InvoiceRow, **values: object) -> None:
    """Compare-and-swap of a row that this transaction read; what it read stays true until then."""
    if not affected(tx, _WRITE, {**_row_as_seen(row), **values}):
        raise RuntimeError(f"invoice {row.id} changed under the transaction that read it")
    tx.expire(row)


def _row_as_seen(row: InvoiceRow) -> dict[str, object]:
    return {"invoice": row.id, "present": row.status, "since": row.status_since}


def credit_notes(session: Session, invoice_id: int) -> tuple[Invoice, ...]:
    """The credit notes of an invoice that count, oldest first: not those that another replaced."""
    rows = session.exec(
        select(InvoiceRow)
        .where(InvoiceRow.corrects_id == invoice_id)
        .where(InvoiceRow.status != InvoiceStatus.CANCELLED.value)
        .order_by(col(InvoiceRow.id))
    )
    return tuple(load(Invoice, row.snapshot) for row in rows if row.snapshot is not None)


def notes_of(session: Session, invoice_id: int) -> tuple[TrackedInvoice, ...]:
    """Every credit note of an invoice, replaced ones too, and where each stands."""
    query = (
        sqlalchemy.select(*LISTED)
        .where(col(InvoiceRow.corrects_id) == invoice_id)
        .order_by(col(InvoiceRow.id))
    )
    return tuple(as_tracked(row) for row in session.execute(query))


def correct(tx: Transaction, invoice_id: int, invoice: Invoice) -> int:
    """New content for a refused invoice, same number; returns the new version of its documents."""
    # As it is now: plain statements may have moved it since this session last read it.
    row = tx.get_one(InvoiceRow, invoice_id, populate_existing=True)
    if invoice.number != row.number:
        raise RuntimeError(f"invoice {row.number} cannot become {invoice.number}")
    if row.status != InvoiceStatus.REFUSED.value:
        raise RuntimeError(f"invoice {row.number} is {row.status}: it cannot be corrected")
    version = row.version + 1
    _overwrite(
        tx,
        row,
        snapshot=dump(Invoice, invoice),
        version=version,
        status=InvoiceStatus.ISSUED.value,
        status_since=tx.now,
        flux_number="",
        next_check_at=None,
        checks=0,
        **_hindered(Trouble.NONE, ""),
    )
    return version


def content(session: Session, invoice_id: int) -> Invoice:
    """The frozen content of an issued invoice."""
    row = session.get_one(InvoiceRow, invoice_id)
    if row.snapshot is None:
        raise RuntimeError(f"invoice {invoice_id} was never issued")
    return load(Invoice, row.snapshot)


def statement_of(session: Session, invoice_id: int) -> Statement:
    """The statement behind an issued invoice."""
    query = (
        select(StatementRow)
        .join(InvoiceRow, col(InvoiceRow.statement_id) == col(StatementRow.id))
        .where(InvoiceRow.id == invoice_id)
    )
    return load(Statement, session.exec(query).one().snapshot)


def move(
    tx: Transaction,
    invoice: TrackedInvoice,
    to: InvoiceStatus,
    *,
    next_check_at: datetime | None = None,
    trouble: Trouble = Trouble.NONE,
    detail: str | None = None,
    **changes: object,
) -> bool:
    """Compare-and-swap of the status; False when another moved the invoice first.

    It must still have the status that ``invoice`` shows, and since the same instant.

    Args:
        tx: the transaction.
        invoice: as it was seen.
        to: the new status.
        next_check_at: when the new status is to be looked at; None means at once.
        trouble: what hinders it there.
        detail: the words of the portal, or of a person, about it; None leaves both as they are.
        changes: other columns.
    """
    _allowed(invoice.status, to)
    values = {
        "status": to.value,
        "status_since": tx.now,
        "next_check_at": next_check_at,
        "checks": 0,
        **_hindered(trouble, detail),
    }
    return bool(affected(tx, _WRITE, {**_as_seen(invoice), **values, **changes}))


def note(
    tx: Transaction,
    invoice: TrackedInvoice,
    *,
    trouble: Trouble = Trouble.NONE,
    detail: str | None = None,
    **changes: object,
) -> bool:
    """Write what was learnt about an invoice that keeps its status; as ``move``."""
    changes |= _hindered(trouble, detail)
    return bool(affected(tx, _WRITE, {**_as_seen(invoice), **changes}))


def _hindered(trouble: Trouble, detail: str | None) -> dict[str, object]:
    return {} if detail is None else {"trouble": trouble.value, "detail": detail}


def _as_seen(invoice: TrackedInvoice) -> dict[str, object]:
    return {
        "invoice": invoice.id,
        "present": invoice.status.value,
        "since": invoice.status_since,
    }


def _current_row(session: Session, siret: str, year: int) -> InvoiceRow | None:
    return session.exec(
        select(InvoiceRow).where(
            InvoiceRow.siret == siret,
            InvoiceRow.year == year,
            InvoiceRow.kind == InvoiceKind.INVOICE.value,
            InvoiceRow.status != InvoiceStatus.CANCELLED.value,
        )
    ).first()


def _allowed(present: InvoiceStatus, to: InvoiceStatus) -> None:
    if to not in MOVES[present]:
        raise RuntimeError(f"an invoice never goes from {present} to {to}")


def as_tracked(row: Row[Any]) -> TrackedInvoice:
    """Where an invoice stands, from a row of LISTED."""
    return TrackedInvoice(
        id=_id(row.id),
        siret=row.siret,
        member_name=row.member_name,
        year=row.year,
        status=InvoiceStatus(row.status),
        status_since=row.status_since,
        kind=InvoiceKind(row.kind),
        corrects=row.corrects_id,
        total=Money(row.total_cents),
        rounding=Money(row.rounding_cents),
        number=row.number or "",
        issue_date=row.issue_date,
        due_date=row.due_date,
        version=row.version,
        findings=load(tuple[Finding, ...], row.findings) if row.findings != "[]" else (),
        flux_number=row.flux_number,
        deposited_at=row.deposited_at,
        portal_id=None if row.cpp_id is None else str(row.cpp_id),
        portal_status=row.portal_status,
        trouble=Trouble(row.trouble),
        detail=row.detail,
        next_check_at=row.next_check_at,
        checks=row.checks,
    )


def _id(value: int | None) -> int:
    if value is None:
        raise RuntimeError("the database gave no id")
    return value
