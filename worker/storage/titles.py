"""The titles that the finance software made, one for each invoice or credit note."""

from collections.abc import Collection
from contextlib import suppress

import sqlalchemy
from sqlalchemy import RowMapping
from sqlmodel import Session, SQLModel

from worker.billing.journal import EventTag, payload_of
from worker.billing.title import Edition, Title
from worker.errors import UnreadableRecord
from worker.storage import journal
from worker.storage.tables import TitleRow, as_written, number_added, whole_number
from worker.storage.transaction import Transaction

_TABLE = SQLModel.metadata.tables["title"]
_INVOICE = SQLModel.metadata.tables["invoice"].columns
_CURRENT = (
    sqlalchemy.select(_TABLE, _INVOICE["number"].label("invoice"))
    .join_from(_TABLE, _INVOICE["id"].table, _INVOICE["id"] == _TABLE.columns["invoice_id"])
    .where(_TABLE.columns["superseded_at"].is_(None))
)
_SUPERSEDE = sqlalchemy.update(_TABLE).where(
    _TABLE.columns["invoice_id"] == sqlalchemy.bindparam("invoice"),
    _TABLE.columns["superseded_at"].is_(None),
)


def current(session: Session, ids: Collection[int] | None = None) -> dict[int, Title]:
    """The titles that count, by the id of their invoice; of these invoices, or of all.

    One whose row cannot be read is left out: it stops no other, and ``journal verify`` names it.
    """
    query = _CURRENT if ids is None else _CURRENT.where(_TABLE.columns["invoice_id"].in_(ids))
    found: dict[int, Title] = {}
    for row in session.execute(query).mappings():
        with suppress(UnreadableRecord), as_written("un titre (table title)"):
            found[row["invoice_id"]] = _title(row)
    return found


def of_invoice(session: Session, invoice_id: int) -> Title | None:
    """The title of an invoice, when the finance software has told it."""
    return current(session, (invoice_id,)).get(invoice_id)


def sent_with_asap(session: Session) -> frozenset[str]:
    """The numbers that left in a file of titles which the treasury sends to Chorus Pro itself."""
    return exported(session, frozenset({Edition.TO_CHORUS}))


def exported(session: Session, editions: frozenset[Edition] = frozenset(Edition)) -> frozenset[str]:
    """The numbers that left in a file of titles of one of these editions."""
    events = journal.events(session, tags=(EventTag.TITLES_EXPORTED,))
    told_of = (payload_of(event) for event in events)
    return frozenset(
        str(number)
        for payload in told_of
        if payload.get("edition") in editions
        for number in payload.get("numbers", ())
    )


def put(tx: Transaction, invoice_id: int, title: Title, place: tuple[int, int]) -> None:
    """Write a title, in the place of the one that its invoice had."""
    tx.execute(_SUPERSEDE, {"invoice": invoice_id, "superseded_at": tx.now})
    file_id, row = place
    number_added(
        tx,
        TitleRow(
            invoice_id=invoice_id,
            budget_year=title.budget_year,
            slip=title.slip,
            number=title.number,
            issued_on=title.issued_on,
            file_id=file_id,
            row=row,
        ),
    )


def _title(row: RowMapping) -> Title:
    if not all(isinstance(row[name], str) for name in ("slip", "number", "invoice")):
        raise TypeError("bytes where a text belongs")
    return Title(
        invoice=row["invoice"],
        budget_year=whole_number(row["budget_year"]),
        slip=row["slip"],
        number=row["number"],
        issued_on=row["issued_on"],
    )
