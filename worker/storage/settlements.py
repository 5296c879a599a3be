"""Payments of invoices, and what is left of each: a wrong one is cancelled, and stays."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import RowMapping, func
from sqlmodel import Session, SQLModel

from worker.billing.money import ZERO, Money
from worker.billing.settlement import Payment, Settlement, Standing, standing
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice
from worker.errors import UnreadableRecord
from worker.storage.store import affected
from worker.storage.tables import SettlementRow, as_written, number_added, whole_number
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["settlement"]
_INVOICE = SQLModel.metadata.tables["invoice"].columns
_AT_ONCE = 500
"""Invoices that are asked about by their ids; of more, everything is read."""
_CANCEL = sqlalchemy.update(_TABLE).where(
    _TABLE.columns["id"] == sqlalchemy.bindparam("settlement"),
    _TABLE.columns["cancelled_at"].is_(None),
)


def add(
    tx: Transaction, invoice_id: int, payment: Payment, *, place: tuple[int, int] | None = None
) -> int:
    """Write a payment; its number. ``place``: the file and row that it was read in."""
    file_id, row = place or (None, None)
    return number_added(
        tx,
        SettlementRow(
            invoice_id=invoice_id,
            paid_on=payment.on,
            amount_cents=payment.amount.cents,
            reference=payment.reference,
            file_id=file_id,
            row=row,
            recorded_at=tx.now,
            recorded_by=tx.actor,
        ),
    )


def cancel(tx: Transaction, settlement_id: int, reason: str) -> bool:
    """Have a payment count no more; False when it already does not."""
    ended = {"settlement": settlement_id, "cancelled_at": tx.now, "cancel_reason": reason}
    return bool(affected(tx, _CANCEL, ended))


def of_invoice(session: Session, invoice_id: int) -> tuple[Settlement, ...]:
    """Every payment of an invoice, cancelled ones too, in the order of their record."""
    return _read(session, (invoice_id,)).get(invoice_id, ())


def standing_of(session: Session, invoice: TrackedInvoice) -> Standing:
    """What an invoice comes to. Raises UnreadableRecord: a payment of it cannot be read."""
    credited = _credited(session, (invoice.id,))
    return _standing(invoice, of_invoice(session, invoice.id), credited)


def standings(session: Session, found: Iterable[TrackedInvoice]) -> dict[int, Standing]:
    """What these invoices come to, by their ids; without those of which a row cannot be read.

    Credit notes are part of what their invoice comes to, and have no standing of their own.
    """
    every = [one for one in found if one.number and not one.is_credit_note]
    ids = tuple(one.id for one in every)
    credited = _credited(session, ids)
    try:
        payments = _read(session, ids)
        return {one.id: _standing(one, payments.get(one.id, ()), credited) for one in every}
    except UnreadableRecord:
        return dict(_one_by_one(session, every, credited))


def _one_by_one(
    session: Session, every: Iterable[TrackedInvoice], credited: Mapping[int, Money]
) -> Iterable[tuple[int, Standing]]:
    for one in every:
        try:
            yield one.id, _standing(one, of_invoice(session, one.id), credited)
        except UnreadableRecord:
            continue


def _standing(
    invoice: TrackedInvoice, payments: Iterable[Settlement], credited: Mapping[int, Money]
) -> Standing:
    return standing(
        invoice.total,
        payments,
        credited=credited.get(invoice.id, ZERO),
        due_date=invoice.due_date,
    )


def _read(session: Session, ids: tuple[int, ...]) -> dict[int, tuple[Settlement, ...]]:
    query = sqlalchemy.select(_TABLE).order_by(_TABLE.columns["id"])
    found: dict[int, list[Settlement]] = {}
    with as_written("un paiement (table settlement)"):
        for row in session.execute(_among(query, _TABLE.columns["invoice_id"], ids)).mappings():
            found.setdefault(row["invoice_id"], []).append(_settlement(row))
    return {invoice: tuple(rows) for invoice, rows in found.items()}


def _credited(session: Session, ids: tuple[int, ...]) -> dict[int, Money]:
    """What the credit notes of each invoice take back: not those that another replaced."""
    corrects = _INVOICE["corrects_id"]
    query = (
        sqlalchemy.select(corrects, func.sum(_INVOICE["total_cents"]))
        .where(_INVOICE["kind"] == InvoiceKind.CREDIT_NOTE.value)
        .where(_INVOICE["status"] != InvoiceStatus.CANCELLED.value)
        .group_by(corrects)
    )
    rows = session.execute(_among(query, corrects, ids)).all()
    return {invoice: Money(int(cents)) for invoice, cents in rows}


def _among(
    query: sqlalchemy.Select[Any], column: sqlalchemy.ColumnElement[int], ids: tuple[int, ...]
) -> sqlalchemy.Select[Any]:
    return query.where(column.in_(ids)) if len(ids) <= _AT_ONCE else query


def _settlement(row: RowMapping) -> Settlement:
    texts = {name: row[name] for name in ("reference", "recorded_by", "cancel_reason")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("bytes where a text belongs")
    return Settlement(
        id=row["id"],
        invoice=whole_number(row["invoice_id"]),
        on=row["paid_on"],
        amount=Money(whole_number(row["amount_cents"])),
        reference=texts["reference"],
        recorded_at=row["recorded_at"],
        recorded_by=texts["recorded_by"],
        cancelled_at=row["cancelled_at"],
        reason=texts["cancel_reason"],
    )
