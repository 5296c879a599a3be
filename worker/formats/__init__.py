"""From an issued invoice and its statement to the documents that say so.

Each document states what it conforms to (its profile); docs/documents.md gives the mapping
and its reasons. Pure: the same invoice gives the same bytes, on any machine.
"""

from worker.document import Document, DocumentKind
from worker.formats import cii, ubl
from worker.formats.facturx import assemble, print_invoice, statement_files
from worker.formats.look import Look
from worker.formats.profiles import EN16931_UBL, FACTURX_DIRECT, Profile
from worker.formats.statement_data import statement_xlsx
from worker.formats.statement_pdf import print_statement
from worker.invoice import Invoice
from worker.statement import Statement

__all__ = ["EN16931_UBL", "FACTURX_DIRECT", "Look", "Profile", "invoice_xml", "render_all"]

XML = "application/xml"
PDF = "application/pdf"


def invoice_xml(invoice: Invoice, profile: Profile) -> bytes:
    """Write an invoice in the syntax of a profile.

    Raises:
        ValueError: when a text holds a character XML forbids.
    """
    writer = ubl.invoice_xml if profile.syntax is DocumentKind.UBL else cii.invoice_xml
    return writer(invoice, profile)


def render_all(invoice: Invoice, statement: Statement, look: Look) -> tuple[Document, ...]:
    """Make the four documents of an invoice: Factur-X, CII, UBL and the statement.

    Raises:
        ValueError: when a text cannot be written or printed, or when the statement is not the
            one the invoice quotes, or does not have the same total (convention C3).
    """
    if statement.number != invoice.statement_number or statement.total != invoice.totals.gross:
        raise ValueError(f"invoice {invoice.number} and statement {statement.number} disagree")
    cii_xml = invoice_xml(invoice, FACTURX_DIRECT)
    ubl_xml = invoice_xml(invoice, EN16931_UBL)
    statement_page = print_statement(statement, invoice.seller, look)
    facturx = assemble(
        print_invoice(invoice, FACTURX_DIRECT, look),
        invoice,
        cii_xml,
        statement_files(statement.number, pdf=statement_page, xlsx=statement_xlsx(statement)),
    )
    return (
        _document(DocumentKind.FACTURX, FACTURX_DIRECT.name, PDF, facturx),
        _document(DocumentKind.CII, FACTURX_DIRECT.name, XML, cii_xml),
        _document(DocumentKind.UBL, EN16931_UBL.name, XML, ubl_xml),
        _document(DocumentKind.STATEMENT, "", PDF, statement_page),
    )


def _document(kind: DocumentKind, profile: str, media_type: str, content: bytes) -> Document:
    return Document(kind=kind, profile=profile, media_type=media_type, content=content)
