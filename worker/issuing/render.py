"""Draws up the documents of an invoice: rendered and checked side by side.

The pages are set on two threads while the XML is checked in the process of the validation
service, so that both cores work. Nothing is stored here.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from io import BytesIO

import pikepdf

from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.standard import Rules
from worker.billing.statement import Statement
from worker.errors import Finding
from worker.formats import XML, Branding, Profile, render_all
from worker.formats.embedding import XML_NAME
from worker.validation import Report
from worker.validation.files.amounts import wrong_amounts
from worker.validation.rules import check_size
from worker.validation.xml import parse_xml

Check = Callable[[bytes, Sequence[Rules]], Future[tuple[Report, ...]]]
"""``ValidationService.submit``: the verdict of each rule set, later."""


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
    rules = {
        profile.kind: profile.rules_of(credit_note=invoice.is_credit_note) for profile in profiles
    }
    verdicts: dict[DocumentKind, Future[tuple[Report, ...]]] = {}

    def made(document: Document) -> None:
        if document.kind in rules:
            verdicts[document.kind] = check(document.content, rules[document.kind])

    documents = render_all(invoice, statement, look, profiles, pages=pages, made=made)
    reports = {kind: verdict.result() for kind, verdict in verdicts.items()}
    by_kind = {document.kind: document for document in documents}
    for profile in profiles:
        if profile.pdf is not None:
            _refuse_another_xml(by_kind[profile.pdf], by_kind[profile.kind])
            reports[profile.pdf] = reports[profile.kind]
    return tuple(_checked(document, reports.get(document.kind, ())) for document in documents)


def _refuse_another_xml(hybrid: Document, xml: Document) -> None:
    """What was checked is what the PDF carries, byte for byte."""
    with pikepdf.open(BytesIO(hybrid.content)) as pdf:
        if pdf.attachments[XML_NAME].get_file().read_bytes() != xml.content:
            raise RuntimeError(f"{hybrid.kind} does not carry the XML that was checked")


def _checked(document: Document, reports: tuple[Report, ...]) -> CheckedDocument:
    found = [finding for report in reports for finding in report.findings]
    if document.media_type == XML:
        # The sums and prices that the official rules leave out, as ``validate`` looks at them.
        found += wrong_amounts(parse_xml(document.content), tolerant=False)
    found += check_size(document)
    return CheckedDocument(document=document, reports=reports, findings=tuple(found))
