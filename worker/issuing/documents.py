"""What every issue has in common: numbers, documents found valid, archived and recorded.

For the January batch, corrections after a refusal, and credit notes. Everything happens in the
caller's transaction: undone, the number was never taken.
"""

from concurrent.futures import Future
from dataclasses import dataclass

from worker.billing.document import Unprintable
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.errors import Finding, InvalidDocument, has_blocking
from worker.issuing.render import CheckedDocument, RenderChecked
from worker.issuing.unprintable import cannot_be_printed, holder_of
from worker.storage import Archive, Transaction
from worker.storage.documents import CheckedWith, add_documents
from worker.validation import Report
from worker.validation.rules import check_attachments, check_dates, check_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Documents drawn up before the numbers are taken, for those the invoice will likely get."""

    invoice: Invoice
    statement: Statement
    documents: Future[tuple[CheckedDocument, ...]]


def check_number_and_dates(invoice: Invoice) -> None:
    """Raise InvalidDocument when the number, dates or attachments would be refused."""
    findings = (
        check_number(invoice.number)
        + check_dates(invoice.issue_date, invoice.due_date, invoice.issue_date)
        + check_attachments(invoice)
    )
    if has_blocking(findings):
        raise InvalidDocument(
            f"Le numéro ou les dates {_of(invoice)} ne conviennent pas.",
            "Corrigez la configuration (numbering, billing.due_days).",
            findings=findings,
        )


def keep_documents(
    archive: Archive,
    tx: Transaction,
    render: RenderChecked,
    invoice_id: int,
    version: int,
    invoice: Invoice,
    statement: Statement | None,
    ahead: Ahead | None = None,
) -> dict[str, str]:
    """Draw up, archive and record the documents of an invoice: kind to SHA-256.

    Nothing is written before every one of them is found valid. Those drawn up ahead are taken
    only if they are of this very invoice and statement.

    Raises:
        InvalidDocument: one of them breaks a rule; nothing may be kept.
    """
    if ahead is not None and (ahead.invoice, ahead.statement) != (invoice, statement):
        ahead = None
    checked = _rendered(render, invoice, statement, ahead)
    hashes = archive.put_all([one.document.content for one in checked])
    passed = [(one.document, [_checked_with(report) for report in one.reports]) for one in checked]
    add_documents(tx, invoice_id, version, passed)
    return {one.document.kind.value: sha256 for one, sha256 in zip(checked, hashes, strict=True)}


def _checked_with(report: Report) -> CheckedWith:
    return CheckedWith(
        rule_set=report.rule_set.name,
        version=report.rule_set.version,
        sha256=report.rule_set.sha256,
        findings=report.findings,
    )


def _of(invoice: Invoice) -> str:
    kind = "de l'avoir" if invoice.is_credit_note else "de la facture"
    return f"{kind} {invoice.number}"


def _rendered(
    render: RenderChecked, invoice: Invoice, statement: Statement | None, ahead: Ahead | None
) -> tuple[CheckedDocument, ...]:
    try:
        checked = render(invoice, statement) if ahead is None else ahead.documents.result()
    except Unprintable as error:
        field, remedy = holder_of(invoice, error.character)
        finding = Finding(
            code="DOC-UNPRINTABLE",
            message=f"{field} {cannot_be_printed(error.character)}",
            remedy=remedy,
        )
        what = "L'avoir" if invoice.is_credit_note else "La facture"
        agreed = "imprimé" if invoice.is_credit_note else "imprimée"
        raise InvalidDocument(
            f"{what} {invoice.number} ne peut pas être {agreed}.", findings=(finding,)
        ) from error
    for one in checked:
        if has_blocking(one.findings):
            raise InvalidDocument(
                f"Le document {one.document.kind} {_of(invoice)} n'est pas valide.",
                "Aucun numéro n'a été consommé ; corrigez les données indiquées.",
                findings=one.findings,
            )
    return checked
