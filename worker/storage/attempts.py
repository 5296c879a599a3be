"""Our deposit attempts: each intent, its answer, and whether its outcome is certain."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

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


_ATTEMPTS = (
    sqlalchemy.select(*named_as(_ATTEMPT.columns, Attempt))
    .where(_ATTEMPT.columns["invoice_id"] == bindparam("invoice"))
    .order_by(_ATTEMPT.columns["id"])
)


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
