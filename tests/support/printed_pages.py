"""The text that a reader finds on the pages of a printed document."""

import io
from collections.abc import Callable

import pypdf
import pytest

from tests.golden.samples import (
    two_lines,
)
from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice
from worker.billing.statement import Statement
from worker.formats import Branding, render_all
from worker.formats.facturx import print_invoice
from worker.formats.profiles import FACTURX_DIRECT

Sample = Callable[[], tuple[Invoice, Statement]]


PDFS = pytest.mark.parametrize("kind", [DocumentKind.FACTURX, DocumentKind.STATEMENT])


def rendered(
    sample: Sample = two_lines, look: Branding | None = None
) -> dict[DocumentKind, Document]:
    """The documents of a sample by kind."""
    return {document.kind: document for document in render_all(*sample(), look or Branding())}


def pages(document: Document | bytes) -> list[str]:
    """The text of each page, spaces of every width being spaces and line ends too."""
    content = document if isinstance(document, bytes) else document.content
    reader = pypdf.PdfReader(io.BytesIO(content))
    return [plain(page.extract_text()) for page in reader.pages]


def plain(text: str) -> str:
    """A text with plain spaces."""
    return " ".join(text.split())


def invoice_pages(invoice: Invoice) -> list[str]:
    """The text of the pages of an invoice."""
    return pages(print_invoice(invoice, FACTURX_DIRECT, Branding()))
