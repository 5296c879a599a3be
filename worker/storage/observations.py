"""What the portal said of our invoices, in its own words, and how far its news were read."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, SQLModel, col, func, select

from worker.billing.status import InvoiceStatus
from worker.errors import UnreadableRecord
from worker.storage.store import affected
from worker.storage.tables import (
    InvoiceRow,
    PortalNewsRow,
    PortalObservationRow,
    as_written,
    named_as,
    replace_row,
    utc_text,
)

_NEWS = 1
"""The only row of its table."""
_OBSERVATION = SQLModel.metadata.tables["portal_observation"]
_OBSERVE = sqlalchemy.text(
    "INSERT INTO portal_observation"
    " (invoice_id, source, raw_status, portal_at, comment, raw, observed_at, evidence)"
    " VALUES (:invoice, :source, :raw_status, :portal_at, :comment, :raw, :observed_at, '')"
    " ON CONFLICT (invoice_id, source, raw_status, portal_at) DO NOTHING"
)


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
    said = {"source": source, "raw_status": raw_status, "portal_at": at}
    query = select(PortalObservationRow.id).filter_by(invoice_id=invoice_id, **said)
    return session.exec(query).first() is not None


def observations(session: Session, invoice_id: int) -> tuple[Observation, ...]:
    """What the portal said of an invoice, in the order we heard it."""
    query = (
        sqlalchemy.select(*named_as(_OBSERVATION.columns, Observation))
        .where(_OBSERVATION.columns["invoice_id"] == invoice_id)
        .order_by(_OBSERVATION.columns["id"])
    )
    what = f"ce que le portail a dit de la ligne {invoice_id} de la table invoice"
    with as_written(f"{what} (table portal_observation)"):
        return tuple(Observation(**row) for row in session.execute(query).mappings())


def of_invoices(session: Session, invoices: Collection[int]) -> Iterator[tuple[int, Observation]]:
    """What the portal said of these invoices, in the order we heard it, each with the id of its."""
    query = (
        sqlalchemy.select(
            _OBSERVATION.columns["invoice_id"], *named_as(_OBSERVATION.columns, Observation)
        )
        .where(_OBSERVATION.columns["invoice_id"].in_(invoices))
        .order_by(_OBSERVATION.columns["id"])
    )
    for row in session.execute(query).mappings():
        values = dict(row)
        yield values.pop("invoice_id"), Observation(**values)


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
    session.get_one(PortalObservationRow, observation).evidence = sha256


def news(session: Session) -> News | None:
    """How far the portal's news were read; None before the first time.

    What cannot be read counts as never: the news are read again from the beginning.
    """
    try:
        row = session.get(PortalNewsRow, _NEWS)
    except UnreadableRecord:
        return None
    return None if row is None else News(**row.model_dump(exclude={"id"}))


def note_news(session: Session, read: News) -> None:
    """Remember how far the portal's news were read."""
    replace_row(session, PortalNewsRow(id=_NEWS, **asdict(read)))
