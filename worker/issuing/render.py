"""Draws up the documents of an invoice: rendered and checked side by side.

The pages are set on two threads while the XML is checked in the process of the validation
service, so that both cores work. Nothing is stored here.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from io import BytesIO

import pikepdf

from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.errors import Finding
from worker.formats import Branding, Profile, render_all
from worker.formats.embedding import XML_NAME
from worker.validation import Report
from worker.validation.files.amounts import wrong_amounts
from worker.validation.official.schemas import Schema
from worker.validation.official.schematron import Rules, Sheet
from worker.validation.rules import check_size
from worker.validation.xml import parse_xml

Check = Callable[[bytes, Sequence[Rules]], Future[tuple[Report, ...]]]
"""``ValidationService.submit``: the verdict of each rule set, later."""

HYBRIDS = {
    DocumentKind.FACTURX: DocumentKind.CII,
    DocumentKind.CTC_FACTURX: DocumentKind.CTC_CII,
}
"""Each Factur-X, and the XML it carries."""


RULES: Mapping[DocumentKind, tuple[Rules, ...]] = {
    DocumentKind.CII: (Schema.FACTURX_EN16931, Sheet.FACTURX_EN16931),
    DocumentKind.UBL: (Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE, Sheet.EN16931_UBL),
    DocumentKind.CHORUS_E1_UBL: (Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE),
    DocumentKind.CTC_CII: (
        Schema.FACTURX_EXTENDED,
        Schema.CII,
        Sheet.FACTURX_EXTENDED,
        Sheet.EXTENDED_CTC_FR_CII,
        Sheet.BR_FR_CII,
    ),
    DocumentKind.CTC_UBL: (Schema.UBL_INVOICE, Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL),
}
"""What the XML of each kind must satisfy, all of it, before anything is stored."""
CREDIT_NOTE_RULES: Mapping[DocumentKind, tuple[Rules, ...]] = {
    **RULES,
    DocumentKind.UBL: (Schema.UBL_CREDIT_NOTE, Sheet.EN16931_UBL),
    DocumentKind.CHORUS_E1_UBL: (Schema.UBL_INVOICE,),
    DocumentKind.CTC_UBL: (Schema.UBL_CREDIT_NOTE, Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL),
}
"""The same for credit notes: another root in UBL, and no means of payment for Chorus Pro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDocument:
    """A document with everything that was found about it."""

    document: Document
    reports: tuple[Report, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Of the reports and of our own checks; a blocking one forbids to keep the document."""


RenderChecked = Callable[[Invoice, Statement | None], tuple[CheckedDocument, ...]]
"""From an issued invoice and its statement to its checked documents. Raises Unprintable when a
text cannot be printed."""


def render_checked(
    invoice: Invoice,
    statement: Statement | None,
    *,
    look: Branding,
    profiles: Sequence[Profile],
    pages: Executor,
    check: Check,
) -> tuple[CheckedDocument, ...]:
    """Render every document of an invoice and check each as soon as it is there.

    Raises:
        Unprintable: when a text cannot be written or printed.
        WorkerError: when a check could not run; there is then no verdict at all.
    """
    verdicts: dict[DocumentKind, Future[tuple[Report, ...]]] = {}

    rules = CREDIT_NOTE_RULES if invoice.is_credit_note else RULES

    def made(document: Document) -> None:
        if document.kind in rules:
            verdicts[document.kind] = check(document.content, rules[document.kind])

    documents = render_all(invoice, statement, look, profiles, pages=pages, made=made)
    reports = {kind: verdict.result() for kind, verdict in verdicts.items()}
    by_kind = {document.kind: document for document in documents}
    for hybrid, xml in HYBRIDS.items():
        if hybrid in by_kind:
            _refuse_another_xml(by_kind[hybrid], by_kind[xml])
            reports[hybrid] = reports[xml]
    return tuple(_checked(document, reports.get(document.kind, ())) for document in documents)


def _refuse_another_xml(hybrid: Document, xml: Document) -> None:
    """What was checked is what the PDF carries, byte for byte."""
    with pikepdf.open(BytesIO(hybrid.content)) as pdf:
        if pdf.attachments[XML_NAME].get_file().read_bytes() != xml.content:
            raise RuntimeError(f"{hybrid.kind} does not carry the XML that was checked")


def _checked(document: Document, reports: tuple[Report, ...]) -> CheckedDocument:
    found = tuple(finding for report in reports for finding in report.findings)
    return CheckedDocument(
        document=document,
        reports=reports,
        findings=found + _amounts(document) + check_size(document),
    )


def _amounts(document: Document) -> tuple[Finding, ...]:
    """The sums and prices that the official rules leave out, as ``validate`` looks at them."""
    if document.kind not in RULES:
        return ()
    return wrong_amounts(parse_xml(document.content), tolerant=False)
