"""From an issued invoice and its statement to the documents that say so.

Each document states what it conforms to (its profile); docs/documents.md gives the mapping
and its reasons. Pure: the same invoice gives the same bytes, on any machine.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import ParamSpec

from worker.billing.document import Document, DocumentKind
from worker.billing.invoice import Invoice, SupportingDocument
from worker.billing.statement import Statement
from worker.formats import cii, ubl
from worker.formats.branding import Branding
from worker.formats.embedding import EmbeddedFile
from worker.formats.facturx import (
    STATEMENT_PDF,
    XLSX,
    assemble,
    print_invoice,
    statement_files,
)
from worker.formats.profiles import ALWAYS, EN16931_UBL, FACTURX_DIRECT, Profile, Syntax
from worker.formats.statement_data import statement_csv, statement_xlsx
from worker.formats.statement_pdf import print_statement

__all__ = [
    "ALWAYS",
    "EN16931_UBL",
    "FACTURX_DIRECT",
    "PDF",
    "XML",
    "Branding",
    "Profile",
    "invoice_xml",
    "render_all",
    "statement_attachment",
]

P = ParamSpec("P")

XML = "application/xml"
PDF = "application/pdf"
CSV = "text/csv"


def invoice_xml(
    invoice: Invoice, profile: Profile, attachments: Mapping[str, bytes] | None = None
) -> bytes:
    """Write an invoice in the syntax of a profile.

    Args:
        invoice: what to write.
        profile: the dialect.
        attachments: the bytes of its attachments by file name; CII leaves them to the PDF.

    Raises:
        Unprintable: when a text holds a character XML forbids.
    """
    match profile.syntax:
        case Syntax.CII:
            return cii.invoice_xml(invoice, profile)
        case Syntax.UBL | Syntax.CHORUS_UBL:
            return ubl.invoice_xml(invoice, profile, attachments)


def statement_attachment(statement_number: str) -> SupportingDocument:
    """The statement as an attachment of its invoice (convention C3)."""
    return SupportingDocument(
        reference=statement_number,
        description=f"État détaillé des prestations n° {statement_number}",
        file_name=STATEMENT_PDF,
        media_type=PDF,
    )


def render_all(
    invoice: Invoice,
    statement: Statement | None,
    look: Branding,
    profiles: Sequence[Profile] = ALWAYS,
    *,
    pages: Executor | None = None,
    made: Callable[[Document], None] = lambda _document: None,
) -> tuple[Document, ...]:
    """Make the documents of an invoice with its statement, or of a credit note.

    Args:
        invoice: what was issued.
        statement: the statement it quotes; None for a credit note, whose invoice has it.
        look: of the pages.
        profiles: the dialects to write.
        pages: where the pages are set meanwhile; here and now without it.
        made: told of each document as soon as it is there, so that checking it may begin.

    Raises:
        Unprintable: when a text cannot be written or printed.
        ValueError: when the statement is not the one the invoice quotes, or does not have the same
            total (convention C3).
    """
    if statement is not None and (statement.number, statement.total) != (
        invoice.statement_number,
        invoice.totals.payable,
    ):
        raise ValueError(f"invoice {invoice.number} and statement {statement.number} disagree")
    documents: dict[DocumentKind, Document] = {}

    def keep(kind: DocumentKind, media_type: str, content: bytes, profile: str = "") -> None:
        document = Document(kind=kind, profile=profile, media_type=media_type, content=content)
        documents[kind] = document
        made(document)

    submit = _at_once if pages is None else pages.submit
    printed = (
        None if statement is None else submit(print_statement, statement, invoice.seller, look)
    )
    sheets = {
        profile: submit(print_invoice, invoice, profile, look)
        for profile in profiles
        if profile.pdf
    }
    for profile in profiles:
        if profile.syntax is Syntax.CII:
            keep(profile.kind, XML, invoice_xml(invoice, profile), profile.name)
    files: tuple[EmbeddedFile, ...] = ()
    if statement is not None and printed is not None:
        keep(DocumentKind.STATEMENT_CSV, CSV, statement_csv(statement))
        keep(DocumentKind.STATEMENT_XLSX, XLSX, statement_xlsx(statement))
        keep(DocumentKind.STATEMENT, PDF, printed.result())
        files = statement_files(
            statement.number,
            pdf=documents[DocumentKind.STATEMENT].content,
            xlsx=documents[DocumentKind.STATEMENT_XLSX].content,
        )
    contents = {file.name: file.content for file in files}
    for profile in profiles:
        if profile.syntax is not Syntax.CII:
            keep(profile.kind, XML, invoice_xml(invoice, profile, contents), profile.name)
    for profile, sheet in sheets.items():
        if profile.pdf is not None:
            xml, level = documents[profile.kind].content, profile.conformance_level
            hybrid = assemble(sheet.result(), invoice, xml, files, level=level)
            keep(profile.pdf, PDF, hybrid, profile.name)
    return tuple(documents[kind] for kind in DocumentKind if kind in documents)


def _at_once(function: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs) -> Future[bytes]:
    done: Future[bytes] = Future()
    done.set_result(function(*args, **kwargs))
    return done
