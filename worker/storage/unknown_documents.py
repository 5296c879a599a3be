"""What the portal holds under our name and the books do not know: open until a person says."""

from datetime import datetime

from sqlmodel import Session, col, select

from worker.billing.money import Money
from worker.billing.unknown_document import UnknownDocument
from worker.storage.tables import UnknownDocumentRow


def keep(session: Session, document: UnknownDocument) -> bool:
    """Keep one, as it was seen first; False when it is known already, closed ones too."""
    if session.get(UnknownDocumentRow, document.portal_id) is not None:
        return False
    session.add(
        UnknownDocumentRow(
            portal_id=document.portal_id,
            number=document.number,
            recipient=document.recipient,
            gross_cents=None if document.gross is None else document.gross.cents,
            issue_date=document.issue_date,
            flux_number=document.flux_number,
            raw_status=document.raw_status,
            seen_at=document.seen_at,
        )
    )
    session.flush()
    return True


def still_open(session: Session) -> tuple[UnknownDocument, ...]:
    """Those about which nothing was decided, by number."""
    rows = session.exec(
        select(UnknownDocumentRow)
        .where(col(UnknownDocumentRow.closed_at).is_(None))
        .order_by(UnknownDocumentRow.number, UnknownDocumentRow.portal_id)
    )
    return tuple(
        UnknownDocument(
            portal_id=row.portal_id,
            number=row.number,
            recipient=row.recipient,
            gross=None if row.gross_cents is None else Money(row.gross_cents),
            issue_date=row.issue_date,
            flux_number=row.flux_number,
            raw_status=row.raw_status,
            seen_at=row.seen_at,
        )
        for row in rows
    )


def close(session: Session, portal_id: str, reason: str, at: datetime) -> None:
    """A person said what it is."""
    row = session.get_one(UnknownDocumentRow, portal_id)
    row.closed_at, row.reason = at, reason
    session.add(row)
    session.flush()
