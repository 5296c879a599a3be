"""Invoices, statements and numbers: what the batch writes and everybody reads."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import RowMapping, String, cast, func
from sqlmodel import Session, SQLModel, col, select

from worker.billing.invoice import Invoice
from worker.billing.members import Member
from worker.billing.money import ZERO, Money
from worker.billing.statement import Statement
from worker.billing.status import (
    MOVES,
    REOPENED,
    InvoiceKind,
    InvoiceStatus,
    TrackedInvoice,
    Trouble,
)
from worker.errors import Finding, UnreadableRecord, WrongUse
from worker.storage.snapshots import dump, load
from worker.storage.store import affected
from worker.storage.tables import (
    InvoiceRow,
    StatementRow,
    as_written,
    named_as,
    number_added,
    whole_number,
    year_number,
)
from worker.storage.transaction import Transaction

T = TypeVar("T")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_FINDINGS = tuple[Finding, ...]
_TABLE = SQLModel.metadata.tables["invoice"]
_INVOICE = _TABLE.columns
_AS_THEY_ARE = named_as(_INVOICE, TrackedInvoice)
_TEXTS = ("siret", "member_name", "number", "flux_number", "portal_status", "detail")
"""Of them, what a person is shown; SQLite keeps bytes there when it is given some."""
_OTHERWISE = ("corrects_id", "total_cents", "rounding_cents", "cpp_id")
LIST = sqlalchemy.select(*_AS_THEY_ARE, *(_INVOICE[name] for name in _OTHERWISE))
"""What lists read: not the frozen content, tens of kilobytes each, nor whole mapped objects."""
# Plain statements, made once: these run several times for each invoice of a lot.
_BY_NUMBER = LIST.where(_INVOICE["number"] == sqlalchemy.bindparam("number"))
_BY_ID = LIST.where(_INVOICE["id"] == sqlalchemy.bindparam("invoice"))
# The instant too: it may have left its status and come back, with another deposit behind it.
_AS_SEEN = (
    _INVOICE["id"] == sqlalchemy.bindparam("invoice"),
    _INVOICE["status"] == sqlalchemy.bindparam("present"),
    _INVOICE["status_since"] == sqlalchemy.bindparam("since"),
)
_WRITE = sqlalchemy.update(_TABLE).where(*_AS_SEEN)
_FORGET = sqlalchemy.delete(_TABLE).where(*_AS_SEEN)
_OF_MEMBER = LIST.where(
    _INVOICE["siret"] == sqlalchemy.bindparam("siret"),
    _INVOICE["year"] == sqlalchemy.bindparam("year"),
).order_by(_INVOICE["id"])
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
_STATEMENT = sqlalchemy.text(
    "SELECT s.snapshot FROM statement s JOIN invoice i ON i.statement_id = s.id "
    "WHERE i.id = :invoice"
)
_DAYS = (_INVOICE["issue_date"], SQLModel.metadata.tables["statement"].columns["issue_date"])
_RAW = sqlalchemy.select(
    *(
        sqlalchemy.type_coerce(_INVOICE[name], sqlalchemy.types.NullType()).label(name)
        for name in (
            "id",
            "siret",
            "member_name",
            "year",
            "status",
            "kind",
            "total_cents",
            "number",
        )
    ),
    sqlalchemy.type_coerce(_INVOICE["corrects_id"], sqlalchemy.types.NullType()).label("corrects"),
).where(_INVOICE["id"] == sqlalchemy.bindparam("invoice"))
_LAST = sqlalchemy.text("SELECT last_value FROM number_series WHERE series = :series")
_ISSUED_COUNT = sqlalchemy.text("SELECT COUNT(*) FROM invoice WHERE number IS NOT NULL")
_ISSUED_IDS = sqlalchemy.text(
    "SELECT id FROM invoice WHERE number IS NOT NULL AND id > :after ORDER BY id LIMIT :most"
)


def take_number(tx: Transaction, series: str) -> int:
    """The next number of a series, from 1, without gap: it is given back if we roll back."""
    last_number(tx, series)
    return int(tx.execute(_TAKE, {"series": series}).scalar_one())


def last_number(session: Session, series: str) -> int:
    """The last number given in a series, 0 before the first; only ``take_number`` takes one.

    Raises IntegrityError when it cannot be read: which number is free is then unknown.
    """
    with as_written(f"le compteur de la série {series} (table number_series)", whole=True):
        return whole_number(session.execute(_LAST, {"series": series}).scalar() or 0)


def require_identified(session: Session) -> None:
    """Raise IntegrityError when it is unknown of which year an invoice or a hold is.

    Who may be billed cannot be decided then.
    """
    for table in (_TABLE, SQLModel.metadata.tables["hold"]):
        years = sqlalchemy.select(table.c.id, table.c.siret, table.c.year)
        for row, siret, year in session.execute(years):
            with as_written(
                f"l'année de la ligne {row} de la table {table.name} ({siret})", whole=True
            ):
                year_number(year)


def last_day(session: Session) -> date | None:
    """The day of the last document, of whatever series, None before the first.

    A day that cannot be read counts for none: an invoice and its statement have the same.
    """
    try:
        days = [session.execute(sqlalchemy.select(func.max(day))).scalar() for day in _DAYS]
    except ValueError:
        texts = sqlalchemy.union(*(sqlalchemy.select(cast(day, String)) for day in _DAYS))
        found = (_day(text) for text in session.execute(texts).scalars())
        return max((day for day in found if day is not None), default=None)
    return max((day for day in days if day is not None), default=None)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def pass_over(tx: Transaction, series: str, rank: int) -> None:
    """Have the numbers of a series up to this one never given: they are used outside the books."""
    tx.execute(_PASS_OVER, {"series": series, "rank": rank})


def of_member(session: Session, siret: str, year: int) -> tuple[TrackedInvoice, ...]:
    """Every invoice and credit note of a member and year, cancelled ones too, by age.

    Raises UnreadableRecord, as all that is asked about one invoice or member.
    """
    return _readable(found(session, _OF_MEMBER, siret=siret, year=year))


def numbered(session: Session) -> tuple[TrackedInvoice, ...]:
    """Every invoice and credit note to which the books ever gave a number."""
    return found(session, LIST.where(_INVOICE["number"].is_not(None)))


def issued_ids(session: Session, after: int, most: int) -> tuple[int, ...]:
    """The ids of the issued invoices and credit notes behind one, in order, at most so many."""
    return tuple(session.execute(_ISSUED_IDS, {"after": after, "most": most}).scalars())


def issued_count(session: Session) -> int:
    """How many invoices and credit notes were issued."""
    return int(session.execute(_ISSUED_COUNT).scalar_one())


def current(session: Session, siret: str, year: int) -> TrackedInvoice | None:
    """The invoice of a member and year that counts; what cannot be read may be the one."""
    return next(
        (
            one
            for one in of_member(session, siret, year)
            if not one.is_credit_note and one.status is not InvoiceStatus.CANCELLED
        ),
        None,
    )


def by_number(session: Session, number: str) -> TrackedInvoice | None:
    """The invoice that has this number; none has one that is not ASCII (Chorus Pro, G1.05)."""
    having_it = found(session, _BY_NUMBER, number=number) if number.isascii() else ()
    return next(iter(_readable(having_it)), None)


def named(session: Session, number: str) -> TrackedInvoice:
    """The invoice or credit note that a person named. Raises WrongUse when there is none."""
    invoice = by_number(session, number)
    if invoice is None:
        typed = number.encode("utf-8", "backslashreplace").decode()  # bytes that are no text
        raise WrongUse(
            f"Aucune facture ne porte le numéro {typed}.",
            "Tapez « status » pour voir les numéros.",
        )
    return invoice


def by_id(session: Session, invoice_id: int) -> TrackedInvoice:
    """The invoice that has this id."""
    (invoice,) = _readable(found(session, _BY_ID, invoice=invoice_id))
    return invoice


def by_ids(session: Session, ids: Collection[int]) -> dict[int, TrackedInvoice]:
    """The invoices that have these ids."""
    return {one.id: one for one in found(session, LIST.where(_INVOICE["id"].in_(ids)))}


def of_numbers(session: Session, numbers: Collection[str]) -> tuple[TrackedInvoice, ...]:
    """The invoices and credit notes that have one of these numbers."""
    return found(session, LIST.where(_INVOICE["number"].in_(numbers)))


def tracked(
    session: Session, *, year: int | None = None, statuses: Sequence[InvoiceStatus] = ()
) -> tuple[TrackedInvoice, ...]:
    """Invoices by number, each with its credit notes behind it, those without a number last."""
    number = _INVOICE["number"]
    query = LIST.order_by(number.is_(None), number, _INVOICE["siret"])
    if year is not None:
        query = query.where(_INVOICE["year"] == year)
    if statuses:
        query = query.where(is_one_of(statuses))
    invoices = found(session, query)
    place = {invoice.id: rank for rank, invoice in enumerate(invoices)}
    return tuple(
        sorted(
            invoices,
            key=lambda one: (place.get(one.corrects or one.id, -1), one.is_credit_note),
        )
    )


def park(
    tx: Transaction, member: Member, year: int, total: Money, findings: Sequence[Finding]
) -> bool:
    """Hold a member back before any number; False when it already was, for the same reasons."""
    present = current(tx, member.siret, year)
    values = {
        "member_name": member.name,
        "total_cents": total.cents,
        "findings": dump(_FINDINGS, tuple(findings)),
    }
    if present is None:
        _add(tx, InvoiceStatus.PARKED, siret=member.siret, year=year, **values)
        return True
    if present.status is not InvoiceStatus.PARKED:
        raise RuntimeError(f"invoice {present.id} is {present.status}: it cannot be parked")
    if (present.findings, present.total) == (tuple(findings), total):
        return False
    _overwrite(tx, present, **values)
    return True


def release(tx: Transaction, siret: str, year: int) -> bool:
    """Forget a parked invoice, which has no number; False when there is none."""
    present = current(tx, siret, year)
    if present is None or present.status is not InvoiceStatus.PARKED:
        return False
    return bool(affected(tx, _FORGET, _as_seen(present)))


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
    values = _frozen(invoice, findings) | {"statement_id": number_added(tx, statement_row)}
    siret, year = invoice.buyer.siret, invoice.year
    present = current(tx, siret, year)
    if present is None:
        return _add(tx, InvoiceStatus.ISSUED, siret=siret, year=year, **values)
    if present.number:
        raise RuntimeError(f"invoice {present.number} is already issued")
    issued = {"status": InvoiceStatus.ISSUED.value, "status_since": tx.now}
    _overwrite(tx, present, **values, **issued)
    return present.id


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
    statement = select(InvoiceRow.statement_id).where(InvoiceRow.id == corrects.id)
    return _add(
        tx,
        status,
        siret=corrects.siret,
        year=corrects.year,
        statement_id=tx.exec(statement).one(),
        kind=InvoiceKind.CREDIT_NOTE.value,
        corrects_id=corrects.id,
        **_frozen(note, findings),
    )


def _add(tx: Transaction, status: InvoiceStatus, **values: Any) -> int:
    return number_added(tx, InvoiceRow(status=status.value, status_since=tx.now, **values))


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
        "findings": dump(_FINDINGS, tuple(findings)),
    }


def _overwrite(tx: Transaction, present: TrackedInvoice, **values: object) -> None:
    """Compare-and-swap of what this transaction read; it stays true until then."""
    if not affected(tx, _WRITE, _as_seen(present) | values):
        raise RuntimeError(f"invoice {present.id} changed under the transaction that read it")


def credit_notes(session: Session, invoice_id: int) -> tuple[Invoice, ...]:
    """The credit notes of an invoice that count, oldest first: not those that another replaced."""
    snapshots = session.exec(
        select(InvoiceRow.snapshot)
        .where(InvoiceRow.corrects_id == invoice_id)
        .where(InvoiceRow.status != InvoiceStatus.CANCELLED.value)
        .order_by(col(InvoiceRow.id))
    )
    with as_written(f"un avoir de la ligne {invoice_id} de la table invoice"):
        return tuple(load(Invoice, snapshot) for snapshot in snapshots if snapshot is not None)


def notes_of(session: Session, invoice_id: int) -> tuple[TrackedInvoice, ...]:
    """Every credit note of an invoice, replaced ones too, and where each stands."""
    query = LIST.where(_INVOICE["corrects_id"] == invoice_id).order_by(_INVOICE["id"])
    return _readable(found(session, query))


def correct(tx: Transaction, invoice_id: int, invoice: Invoice) -> int:
    """New content for a refused invoice, same number; returns the new version of its documents."""
    refused = by_id(tx, invoice_id)
    if invoice.number != refused.number:
        raise RuntimeError(f"invoice {refused.number} cannot become {invoice.number}")
    if refused.status is not InvoiceStatus.REFUSED:
        raise RuntimeError(f"invoice {refused.number} is {refused.status}: it cannot be corrected")
    version = refused.version + 1
    _overwrite(
        tx,
        refused,
        snapshot=dump(Invoice, invoice),
        version=version,
        status=InvoiceStatus.ISSUED.value,
        status_since=tx.now,
        flux_number="",
        next_check_at=None,
        checks=0,
        trouble=Trouble.NONE.value,
        detail="",
    )
    return version


def content(session: Session, invoice_id: int) -> Invoice:
    """The frozen content of an issued invoice."""
    snapshot = session.exec(select(InvoiceRow.snapshot).where(InvoiceRow.id == invoice_id)).one()
    if snapshot is None:
        raise RuntimeError(f"invoice {invoice_id} was never issued")
    with as_written(f"le contenu figé de la ligne {invoice_id} de la table invoice"):
        return load(Invoice, snapshot)


def statement_of(session: Session, invoice_id: int) -> Statement:
    """The statement behind an issued invoice."""
    with as_written(f"l'état de la ligne {invoice_id} de la table invoice"):
        return load(Statement, session.execute(_STATEMENT, {"invoice": invoice_id}).scalar_one())


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
    if to not in MOVES[invoice.status]:
        raise RuntimeError(f"an invoice never goes from {invoice.status} to {to}")
    moved = {"status": to.value, "status_since": tx.now, "next_check_at": next_check_at}
    changes = moved | {"checks": 0} | changes
    return note(tx, invoice, trouble=trouble, detail=detail, **changes)


def reopen(tx: Transaction, settled: TrackedInvoice, to: InvoiceStatus) -> bool:
    """Take back a move to settled, which a wrong payment had made; as ``move``.

    The portal's word is forgotten, so that the next reading of it is news.
    """
    if settled.status is not InvoiceStatus.SETTLED or to not in REOPENED:
        raise RuntimeError(f"an invoice is not reopened from {settled.status} to {to}")
    return note(
        tx, settled, status=to.value, status_since=tx.now, next_check_at=None, portal_status=""
    )


def note(
    tx: Transaction,
    invoice: TrackedInvoice,
    *,
    trouble: Trouble = Trouble.NONE,
    detail: str | None = None,
    **changes: object,
) -> bool:
    """Write what was learnt about an invoice that keeps its status; as ``move``."""
    if detail is not None:
        changes |= {"trouble": trouble.value, "detail": detail}
    return bool(affected(tx, _WRITE, _as_seen(invoice) | changes))


def _as_seen(invoice: TrackedInvoice) -> dict[str, object]:
    return {
        "invoice": invoice.id,
        "present": invoice.status.value,
        "since": invoice.status_since,
    }


def is_one_of(statuses: Iterable[InvoiceStatus]) -> sqlalchemy.ColumnElement[bool]:
    """The condition that an invoice has one of these statuses."""
    return _INVOICE["status"].in_([status.value for status in statuses])


def found(
    session: Session, query: sqlalchemy.Select[Any], **parameters: object
) -> tuple[TrackedInvoice, ...]:
    """Where the invoices that a query on LIST finds stand.

    One whose row cannot be read is among them, of trouble ``UNREADABLE``: it stops none of the
    others, and nothing is done about it.
    """
    try:
        return tuple(_tracked(row) for row in session.execute(query, parameters).mappings())
    except (ValueError, TypeError, UnreadableRecord):
        ids = session.execute(query.with_only_columns(_INVOICE["id"]), parameters).scalars().all()
    return tuple(_one(session, invoice_id) for invoice_id in ids)


def _readable(having: tuple[TrackedInvoice, ...]) -> tuple[TrackedInvoice, ...]:
    for invoice in having:
        if invoice.trouble is Trouble.UNREADABLE:
            with as_written(invoice.detail):
                raise ValueError(invoice.id)
    return having


def _one(session: Session, invoice_id: int) -> TrackedInvoice:
    try:
        (row,) = session.execute(_BY_ID, {"invoice": invoice_id}).mappings()
        return _tracked(row)
    except (ValueError, TypeError, UnreadableRecord):
        return _unreadable(session.execute(_RAW, {"invoice": invoice_id}).mappings().one())


def _unreadable(raw: RowMapping) -> TrackedInvoice:
    """What can be read of a row that cannot: whose it is, and what is needed to name it."""

    def read(name: str, kind: Callable[[Any], T], otherwise: T) -> T:
        try:
            return kind(raw[name])
        except (ValueError, TypeError):
            return otherwise

    number = str(raw["number"] or "")
    return TrackedInvoice(
        id=raw["id"],
        siret=str(raw["siret"]),
        member_name=str(raw["member_name"]),
        year=read("year", year_number, 0),
        status=read("status", InvoiceStatus, InvoiceStatus.UNKNOWN),
        status_since=_NEVER,
        kind=read("kind", InvoiceKind, InvoiceKind.INVOICE),
        corrects=read("corrects", whole_number, None),
        total=Money(read("total_cents", whole_number, 0)),
        rounding=ZERO,
        number=number,
        issue_date=None,
        due_date=None,
        version=0,
        findings=(),
        flux_number="",
        deposited_at=None,
        portal_id=None,
        portal_status="",
        trouble=Trouble.UNREADABLE,
        detail=f"la facture ou l'avoir {number or raw['member_name']} (table invoice, ligne "
        f"{raw['id']})",
        next_check_at=None,
        checks=0,
    )


def _tracked(row: RowMapping) -> TrackedInvoice:
    values = {column.name: row[column.name] for column in _AS_THEY_ARE} | {
        "year": year_number(row["year"]),
        "version": whole_number(row["version"]),
        "checks": whole_number(row["checks"]),
        "status": InvoiceStatus(row["status"]),
        "kind": InvoiceKind(row["kind"]),
        "trouble": Trouble(row["trouble"]),
        "corrects": None if row["corrects_id"] is None else whole_number(row["corrects_id"]),
        "total": Money(row["total_cents"]),
        "rounding": Money(row["rounding_cents"]),
        "number": row["number"] or "",
        "findings": () if row["findings"] == "[]" else load(_FINDINGS, row["findings"]),
        "portal_id": None if row["cpp_id"] is None else str(whole_number(row["cpp_id"])),
    }
    if not all(isinstance(values[name], str) for name in _TEXTS):
        raise TypeError(f"bytes where a text belongs, in the row {row['id']} of invoice")
    return TrackedInvoice(**values)
