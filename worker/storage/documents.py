"""The documents of an invoice and the reports of the rules they passed; bytes are in archive.py."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlmodel import Session, SQLModel

from worker.billing.document import Document, DocumentKind
from worker.billing.status import TrackedInvoice
from worker.errors import Finding, IntegrityError
from worker.storage.archive import Archive
from worker.storage.snapshots import dump, load
from worker.storage.tables import as_written, named_as, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedWith:
    """The rule set that found a document valid, and what it warned of all the same."""

    rule_set: str
    version: str
    sha256: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document of an invoice: its bytes are in the archive under ``sha256``."""

    kind: DocumentKind
    profile: str
    media_type: str
    version: int
    sha256: str
    size: int
    checks: tuple[CheckedWith, ...]


_DOCUMENT = SQLModel.metadata.tables["document"]
_ADD_DOCUMENTS = sqlalchemy.insert(_DOCUMENT).returning(
    _DOCUMENT.columns["id"], sort_by_parameter_order=True
)
_SEALED = sqlalchemy.text(
    "SELECT sha256, size FROM document "
    "WHERE invoice_id = :invoice AND version = :version AND kind = :kind"
)
_ANY_DOCUMENT = sqlalchemy.select(_DOCUMENT.columns["id"]).limit(1)
_REPORT = SQLModel.metadata.tables["validation_report"]
_ADD_REPORTS = sqlalchemy.insert(_REPORT)
_PIECES = (
    ("document", "sha256"),
    ("statement_document", "sha256"),
    ("deposit_attempt", "lot_sha256"),
    ("portal_observation", "evidence"),
    ("source_file", "kept_sha256"),
)
"""The columns that name a piece of the archive."""
_DOCUMENTS = (
    sqlalchemy.select(_DOCUMENT.columns["id"], *named_as(_DOCUMENT.columns, StoredDocument))
    .where(_DOCUMENT.columns["invoice_id"] == sqlalchemy.bindparam("invoice"))
    .order_by(_DOCUMENT.columns["version"], _DOCUMENT.columns["id"])
)
_REPORTS = (
    sqlalchemy.select(_REPORT)
    .where(_REPORT.columns["document_id"] == sqlalchemy.bindparam("document"))
    .order_by(_REPORT.columns["id"])
)


def add_documents(
    session: Session,
    invoice_id: int,
    version: int,
    documents: Sequence[tuple[Document, Sequence[CheckedWith]]],
) -> None:
    """Record documents whose bytes are already in the archive, each with what it passed."""
    # Plain rows: mapped objects would cost as much time as all the other tables together.
    rows = [
        {
            "invoice_id": invoice_id,
            "version": version,
            "kind": document.kind.value,
            "profile": document.profile,
            "media_type": document.media_type,
            "sha256": document.sha256,
            "size": len(document.content),
        }
        for document, _ in documents
    ]
    ids = session.execute(_ADD_DOCUMENTS, rows).scalars().all()
    reports = [
        {
            "document_id": document_id,
            "rule_set": check.rule_set,
            "rule_version": check.version,
            "rule_sha256": check.sha256,
            "valid": True,
            "findings": dump(tuple[Finding, ...], check.findings),
        }
        for document_id, (_, checks) in zip(ids, documents, strict=True)
        for check in checks
    ]
    if reports:
        session.execute(_ADD_REPORTS, reports)


def sealed(session: Session, invoice: TrackedInvoice, kind: DocumentKind) -> tuple[str, int]:
    """SHA-256 and size of a document of an invoice, in its present version."""
    which = {"invoice": invoice.id, "version": invoice.version, "kind": kind.value}
    with as_written(f"le document de {invoice.number} (table document)"):
        sha256, size = session.execute(_SEALED, which).one()
        return sha256, whole_number(size)


def require_archive(session: Session, archive: Archive) -> None:
    """Raise IntegrityError when documents are recorded, and the archive has none of their bytes."""
    if session.execute(_ANY_DOCUMENT).first() is not None and archive.is_empty():
        raise IntegrityError(
            f"L'archive {archive.folder} manque ou est vide, alors que la base de données a des "
            "documents : rien n'a été fait.",
            "Montez son disque, ou rétablissez-la depuis une sauvegarde, puis relancez.",
        )


def documents_of(session: Session, invoice_id: int) -> tuple[StoredDocument, ...]:
    """The documents of an invoice, of every version."""
    with as_written(f"un document de la ligne {invoice_id} de la table invoice (table document)"):
        return tuple(
            _document(session, dict(row))
            for row in session.execute(_DOCUMENTS, {"invoice": invoice_id}).mappings()
        )


def _document(session: Session, values: dict[str, Any]) -> StoredDocument:
    reports = session.execute(_REPORTS, {"document": values.pop("id")})
    values["kind"] = DocumentKind(values["kind"])
    values["version"] = whole_number(values["version"])
    values["checks"] = tuple(
        CheckedWith(
            rule_set=report.rule_set,
            version=report.rule_version,
            sha256=report.rule_sha256,
            findings=load(tuple[Finding, ...], report.findings),
        )
        for report in reports
    )
    return StoredDocument(**values)


def pieces_of_rows(session: Session) -> Iterator[str]:
    """The SHA-256 of every piece of the archive that a row names."""
    for table, column in _PIECES:
        query = sqlalchemy.select(SQLModel.metadata.tables[table].columns[column]).distinct()
        for sha256 in session.execute(query.execution_options(yield_per=1000)).scalars():
            yield str(sha256)
