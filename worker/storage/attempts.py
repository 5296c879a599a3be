"""Our deposit attempts: each intent, its answer, and whether its outcome is certain."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from operator import eq, ge, lt

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from worker.billing.status import InvoiceStatus
from worker.storage.tables import DepositAttemptRow, as_written, named_as, utc_text

# Plain statements, made once: these run several times for each invoice of a lot.
_ATTEMPT = SQLModel.metadata.tables["deposit_attempt"]
_OPEN = sqlalchemy.insert(_ATTEMPT).returning(_ATTEMPT.columns["id"])
_CLOSE = sqlalchemy.text(
    "UPDATE deposit_attempt SET closed_at = :at, detail = :detail "
    "WHERE invoice_id = :invoice AND closed_at IS NULL"
)
_ANSWER = sqlalchemy.update(_ATTEMPT).where(_ATTEMPT.columns["id"] == bindparam("attempt"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One deposit call. It is open until its outcome is certain."""

    id: int
    invoice_id: int
    document_sha256: str
    lot_sha256: str
    file_name: str
    actor: str
    started_at: datetime
    answered_at: datetime | None
    closed_at: datetime | None
    outcome: str
    flux_number: str
    http_status: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which attempts are asked for: all, but for what is given here.

    Attributes:
        year: of service, of their invoice.
        siret: of the member.
        status: of their invoice, now.
        outcome: empty for those that have no answer.
        since: of their intent, included.
        until: of their intent, not included.
    """

    year: int | None = None
    siret: str | None = None
    status: InvoiceStatus | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_COLUMNS = named_as(_ATTEMPT.columns, Attempt)
_ATTEMPTS = (
    sqlalchemy.select(*_COLUMNS)
    .where(_ATTEMPT.columns["invoice_id"] == bindparam("invoice"))
    .order_by(_ATTEMPT.columns["id"])
)
_OF_INVOICES = (
    sqlalchemy.select(*_COLUMNS)
    .where(_ATTEMPT.columns["invoice_id"].in_(bindparam("invoices", expanding=True)))
    .order_by(_ATTEMPT.columns["id"])
)
_INVOICE = SQLModel.metadata.tables["invoice"]


def open_since(session: Session, sirets: Collection[str], year: int) -> tuple[str, ...]:
    """The numbers of the documents of these members with an open attempt, of a year or later."""
    query = (
        sqlalchemy.select(_INVOICE.columns["number"])
        .join(_ATTEMPT, _ATTEMPT.columns["invoice_id"] == _INVOICE.columns["id"])
        .where(_ATTEMPT.columns["closed_at"].is_(None))
        .where(_INVOICE.columns["siret"].in_(sirets), _INVOICE.columns["year"] >= year)
        .order_by(_INVOICE.columns["number"])
    )
    return tuple(session.execute(query).scalars())


def open_attempt(
    session: Session,
    *,
    invoice_id: int,
    document_sha256: str,
    file_name: str,
    actor: str,
    at: datetime,
    lot_sha256: str = "",
) -> int:
    """Record the intent of a deposit; the database refuses a second open one."""
    intent = {
        "invoice_id": invoice_id,
        "document_sha256": document_sha256,
        "lot_sha256": lot_sha256,
        "file_name": file_name,
        "actor": actor,
        "started_at": at,
    }
    no_answer_yet = dict.fromkeys(("outcome", "flux_number", "detail", "raw"), "")
    return int(session.execute(_OPEN, intent | no_answer_yet).scalar_one())


def answer_attempt(
    session: Session, attempt_id: int, *, at: datetime, closed: bool, **values: object
) -> None:
    """Write the answer of an attempt; ``closed`` when its outcome is certain."""
    written = values | {"answered_at": at, "closed_at": at if closed else None}
    session.execute(_ANSWER, {"attempt": attempt_id, **written})


def close_attempts(session: Session, invoice_id: int, *, at: datetime, detail: str) -> None:
    """Close the open attempt of an invoice once reconciled."""
    session.execute(_CLOSE, {"invoice": invoice_id, "at": utc_text(at), "detail": detail})


def attempts(session: Session, invoice_id: int) -> tuple[Attempt, ...]:
    """Every attempt of an invoice, oldest first."""
    with as_written(
        f"un dépôt de la ligne {invoice_id} de la table invoice (table deposit_attempt)"
    ):
        rows = session.execute(_ATTEMPTS, {"invoice": invoice_id}).mappings()
        return tuple(Attempt(**row) for row in rows)


def after(
    session: Session, wanted: Wanted, attempt_id: int, most: int
) -> tuple[tuple[Attempt, str], ...]:
    """Attempts in the order of their intents, each with the answer as it was received.

    Args:
        session: of the reading.
        wanted: which.
        attempt_id: those that came after this one; 0 for the first.
        most: how many at a time.
    """
    attempt, invoice = _ATTEMPT.columns, _INVOICE.columns
    conditions = (
        (eq, invoice["year"], wanted.year),
        (eq, invoice["siret"], wanted.siret),
        (eq, invoice["status"], wanted.status),
        (eq, attempt["outcome"], wanted.outcome),
        (ge, attempt["started_at"], wanted.since),
        (lt, attempt["started_at"], wanted.until),
    )
    query = (
        sqlalchemy.select(*_COLUMNS, attempt["raw"])
        .join(_INVOICE, invoice["id"] == attempt["invoice_id"])
        .where(attempt["id"] > attempt_id)
        .where(*(holds(column, value) for holds, column, value in conditions if value is not None))
        .order_by(attempt["id"])
        .limit(most)
    )
    rows = session.execute(query).mappings()
    return tuple(
        (Attempt(**{name: value for name, value in row.items() if name != "raw"}), row["raw"])
        for row in rows
    )


def of_invoices(session: Session, invoices: Collection[int]) -> tuple[Attempt, ...]:
    """Every attempt of these invoices, oldest first."""
    rows = session.execute(_OF_INVOICES, {"invoices": list(invoices)}).mappings()
    return tuple(Attempt(**row) for row in rows)


def fluxes(session: Session, invoice_id: int) -> tuple[str, ...]:
    """The numbers that the portal gave to its files, oldest first."""
    made = attempts(session, invoice_id)
    return tuple(one.flux_number for one in made if one.flux_number)


def tried_in_a_lot(session: Session, outcomes: Collection[str]) -> frozenset[int]:
    """Invoices that went in a lot which came to one of these outcomes, or to none yet."""
    rows = session.exec(
        select(DepositAttemptRow.invoice_id)
        .where(DepositAttemptRow.lot_sha256 != "")
        .where(col(DepositAttemptRow.outcome).in_(["", *outcomes]))
        .distinct()
    )
    return frozenset(rows)
