"""Deposit attempts, what the portal said, and the cache of its directory."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, func, select, update

from worker.billing.status import InvoiceStatus
from worker.storage.engine import affected
from worker.storage.tables import (
    DepositAttemptRow,
    DirectoryEntryRow,
    InvoiceRow,
    PortalNewsRow,
    PortalObservationRow,
    utc_text,
)

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an entry of the directory was read, once nobody believes it any more."""
_NEWS = 1
"""The only row of its table."""

# Plain statements, made once: these run several times for each invoice of a lot.
_ATTEMPT = SQLModel.metadata.tables["deposit_attempt"]
_OPEN = sqlalchemy.insert(_ATTEMPT).returning(_ATTEMPT.columns["id"])
_ANSWER = sqlalchemy.update(_ATTEMPT).where(_ATTEMPT.columns["id"] == bindparam("attempt"))
_ATTEMPTS = (
    sqlalchemy.select(_ATTEMPT)
    .where(_ATTEMPT.columns["invoice_id"] == bindparam("invoice"))
    .order_by(_ATTEMPT.columns["id"])
)
_OBSERVE = sqlalchemy.text(
    "INSERT INTO portal_observation"
    " (invoice_id, source, raw_status, portal_at, comment, raw, observed_at, evidence)"
    " VALUES (:invoice, :source, :raw_status, :portal_at, :comment, :raw, :observed_at, '')"
    " ON CONFLICT (invoice_id, source, raw_status, portal_at) DO NOTHING"
)


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
class Observation:
    """Something the portal said about an invoice, in its own words."""

    source: str
    raw_status: str
    portal_at: str
    comment: str
    observed_at: datetime
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How far the portal's news were read: up to when, and when last from the beginning."""

    read_until: datetime
    read_whole_at: datetime


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
    session.exec(
        update(DepositAttemptRow)
        .where(
            col(DepositAttemptRow.invoice_id) == invoice_id,
            col(DepositAttemptRow.closed_at).is_(None),
        )
        .values(closed_at=at, detail=detail)
    )


def attempts(session: Session, invoice_id: int) -> tuple[Attempt, ...]:
    """Every attempt of an invoice, oldest first."""
    return tuple(
        Attempt(
            id=row.id,
            invoice_id=row.invoice_id,
            document_sha256=row.document_sha256,
            lot_sha256=row.lot_sha256,
            file_name=row.file_name,
            actor=row.actor,
            started_at=row.started_at,
            answered_at=row.answered_at,
            closed_at=row.closed_at,
            outcome=row.outcome,
            flux_number=row.flux_number,
            http_status=row.http_status,
            detail=row.detail,
        )
        for row in session.execute(_ATTEMPTS, {"invoice": invoice_id})
    )


def tried_in_a_lot(session: Session, outcomes: Collection[str]) -> frozenset[int]:
    """Invoices that went in a lot which came to one of these outcomes, or to none yet."""
    rows = session.exec(
        select(DepositAttemptRow.invoice_id)
        .where(DepositAttemptRow.lot_sha256 != "")
        .where(col(DepositAttemptRow.outcome).in_(["", *outcomes]))
        .distinct()
    )
    return frozenset(rows)


def observe(
    session: Session,
    invoice_id: int,
    *,
    source: str,
    raw_status: str,
    portal_at: str,
    comment: str,
    raw: str,
    at: datetime,
) -> bool:
    """Keep something the portal said; False when it had already said it."""
    said = {"source": source, "raw_status": raw_status, "portal_at": portal_at}
    said |= {"comment": comment, "raw": raw, "observed_at": utc_text(at)}
    return bool(affected(session, _OBSERVE, {"invoice": invoice_id, **said}))


def is_observed(
    session: Session, invoice_id: int, *, source: str, raw_status: str, at: str
) -> bool:
    """Whether the portal had already said this."""
    return (
        session.exec(
            select(PortalObservationRow.id).where(
                PortalObservationRow.invoice_id == invoice_id,
                PortalObservationRow.source == source,
                PortalObservationRow.raw_status == raw_status,
                PortalObservationRow.portal_at == at,
            )
        ).first()
        is not None
    )


def observations(session: Session, invoice_id: int) -> tuple[Observation, ...]:
    """What the portal said of an invoice, in the order we heard it."""
    rows = session.exec(
        select(PortalObservationRow)
        .where(PortalObservationRow.invoice_id == invoice_id)
        .order_by(col(PortalObservationRow.id))
    )
    return tuple(
        Observation(
            source=row.source,
            raw_status=row.raw_status,
            portal_at=row.portal_at,
            comment=row.comment,
            observed_at=row.observed_at,
            evidence=row.evidence,
        )
        for row in rows
    )


def reports_without_evidence(session: Session, since: datetime) -> dict[str, list[tuple[int, str]]]:
    """Files that came to a verdict, whose report as a PDF is not kept.

    Returns:
        By flux number, the last report observed of each of its invoices: its id, their number.
    """
    last = (
        select(func.max(PortalObservationRow.id))
        .where(PortalObservationRow.source == "report")
        .where(col(PortalObservationRow.observed_at) >= since)
        .group_by(col(PortalObservationRow.invoice_id), PortalObservationRow.portal_at)
        .having(func.max(PortalObservationRow.evidence) == "")
    )
    rows = session.exec(
        select(PortalObservationRow.id, PortalObservationRow.portal_at, InvoiceRow.number)
        .join(InvoiceRow, col(InvoiceRow.id) == col(PortalObservationRow.invoice_id))
        .where(col(PortalObservationRow.id).in_(last))
        .where(InvoiceRow.status != InvoiceStatus.DEPOSITED.value)
        .order_by(col(PortalObservationRow.id))
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for row_id, flux, number in rows:
        found.setdefault(flux, []).append((row_id or 0, number or ""))
    return found


def attach_evidence(session: Session, observation: int, sha256: str) -> None:
    """Name the archived file behind something the portal said."""
    session.exec(
        update(PortalObservationRow)
        .where(col(PortalObservationRow.id) == observation)
        .values(evidence=sha256)
    )


def news(session: Session) -> News | None:
    """How far the portal's news were read; None before the first time."""
    row = session.get(PortalNewsRow, _NEWS)
    if row is None:
        return None
    return News(read_until=row.read_until, read_whole_at=row.read_whole_at)


def note_news(session: Session, read: News) -> None:
    """Remember how far the portal's news were read."""
    session.merge(
        PortalNewsRow(id=_NEWS, read_until=read.read_until, read_whole_at=read.read_whole_at)
    )


def cached_entry(session: Session, siret: str) -> tuple[datetime, str] | None:
    """When a structure was read in the portal's directory, and what it said."""
    row = session.get(DirectoryEntryRow, siret)
    return None if row is None else (row.fetched_at, row.payload)


def cache_entry(session: Session, siret: str, payload: str, at: datetime) -> None:
    """Remember what the directory says of a structure."""
    session.merge(DirectoryEntryRow(siret=siret, payload=payload, fetched_at=at))


def expire_entry(session: Session, siret: str) -> None:
    """Have the directory read again next time: a refusal may speak of what it says.

    The entry stays, too old to be believed: whether its buyer reports payments is still known.
    """
    if (row := session.get(DirectoryEntryRow, siret)) is not None:
        row.fetched_at = LONG_AGO
        session.add(row)
