"""Statements without an invoice, of members that consumed nothing (C3), and their pages."""

from dataclasses import dataclass

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.document import Document
from worker.billing.statement import Statement
from worker.storage.snapshots import dump
from worker.storage.tables import StatementDocumentRow, StatementRow, number_added
from worker.storage.transaction import Transaction

_STATEMENT = SQLModel.metadata.tables["statement"].columns
_DOCUMENT = SQLModel.metadata.tables["statement_document"].columns
_FILES = sqlalchemy.select(
    _STATEMENT["number"], _STATEMENT["siret"], _DOCUMENT["kind"], _DOCUMENT["sha256"]
).where(_DOCUMENT["statement_id"] == _STATEMENT["id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """A page of a statement that no invoice carries; its bytes are in the archive."""

    number: str
    siret: str
    kind: str
    sha256: str


def add(tx: Transaction, statement: Statement, document: Document, sha256: str) -> None:
    """Store an issued statement and its page, whose bytes are in the archive already."""
    row = StatementRow(
        number=statement.number,
        siret=statement.member.siret,
        year=statement.year,
        total_cents=statement.total.cents,
        issue_date=statement.issue_date,
        snapshot=dump(Statement, statement),
    )
    page = StatementDocumentRow(
        statement_id=number_added(tx, row),
        kind=document.kind.value,
        media_type=document.media_type,
        sha256=sha256,
        size=len(document.content),
    )
    number_added(tx, page)


def without_invoice(session: Session, year: int) -> tuple[StatementFile, ...]:
    """Those of a year, by number."""
    query = _FILES.where(_STATEMENT["year"] == year).order_by(_STATEMENT["number"])
    return tuple(StatementFile(**row) for row in session.execute(query).mappings())


def is_stated(session: Session, siret: str, year: int) -> bool:
    """Whether a member has such a statement for a year."""
    query = _FILES.where(_STATEMENT["year"] == year, _STATEMENT["siret"] == siret).limit(1)
    return session.execute(query).first() is not None
