"""A fictitious invoice that breaks no rule: the validation tests spoil one fact at a time."""

from datetime import date
from decimal import Decimal
from functools import cache

from worker.billing.consumption import MonthlyUse, SourceRow
from worker.billing.invoice import (
    Invoice,
    InvoiceDraft,
    Party,
    PaymentMeans,
    Terms,
    build_draft,
    issue,
)
from worker.billing.members import Address, BillingReferences, Member
from worker.billing.money import Money
from worker.billing.period import months_of
from worker.billing.rating import RatedLine
from worker.billing.vat import VatCategory, VatRegime
from worker.formats import Branding, cii, ubl
from worker.formats.facturx import EN16931_LEVEL, assemble, print_invoice
from worker.formats.profiles import EN16931_UBL, FACTURX_DIRECT

SELLER_SIRET = "99999900600011"
SELLER_VAT = "FR42999999006"
BUYER_SIRET = "99900007800017"
IBAN = "FR1420041010050500013M02606"
STANDARD = VatRegime(category=VatCategory.STANDARD, rate=Decimal(20))
REDUCED = VatRegime(category=VatCategory.STANDARD, rate=Decimal("5.5"))
OUT_OF_SCOPE = VatRegime(
    category=VatCategory.OUT_OF_SCOPE,
    reason="TVA non applicable, art. 256 B du CGI",
    reason_code="VATEX-EU-O",
)
SOURCE = SourceRow(file_sha256="0" * 64, row=2)
_ADDRESS = Address(line1="1 rue de l'Exemple", postcode="82000", city="Villefictive")


def rated_line(price: int = 2220, users: int = 12, vat: VatRegime = STANDARD) -> RatedLine:
    """A year of one service, at ``price`` cents TTC per user and month."""
    return RatedLine(
        service="stockage",
        label="Stockage et sauvegarde, 1 To",
        tier=1,
        category=1,
        vat=vat,
        months=tuple(
            MonthlyUse(month=month, users=users, source=SOURCE) for month in months_of(2025)
        ),
        parts=(("stockage", Money(price)),),
        unit_price=Money(price),
        quantity=users * 12,
        total=Money(price) * (users * 12),
        grid_version="2025",
        explanation="Calcul fictif",
    )


def draft(*lines: RatedLine, vat_number: str = SELLER_VAT) -> InvoiceDraft:
    """A draft that breaks no rule."""
    terms = Terms(
        seller=Party(
            name="Syndicat mixte fictif",
            siret=SELLER_SIRET,
            address=_ADDRESS,
            vat_number=vat_number,
        ),
        payment=PaymentMeans(iban=IBAN, account_name="Syndicat mixte fictif"),
        payment_terms="Paiement à 30 jours.",
    )
    member = Member(
        siret=BUYER_SIRET, name="Commune fictive", address=_ADDRESS, convention="CONV-2023-07"
    )
    references = BillingReferences(
        siret=BUYER_SIRET, year=2025, service_code="SERVICE_INFO 1", engagement="EJ-2025/001"
    )
    return build_draft(member, references, terms, lines or [rated_line()])


def invoice(content: InvoiceDraft | None = None) -> Invoice:
    """The same, issued."""
    return issue(
        content or draft(),
        number="F2026-0001",
        issue_date=date(2026, 1, 12),
        due_date=date(2026, 2, 11),
        statement_number="ED2026-0001",
    )


def ubl_xml() -> bytes:
    """The invoice in UBL."""
    return ubl.invoice_xml(invoice(), EN16931_UBL)


def cii_xml() -> bytes:
    """The invoice in CII, profile EN 16931."""
    return cii.invoice_xml(invoice(), FACTURX_DIRECT)


@cache
def _page() -> bytes:
    return print_invoice(invoice(), FACTURX_DIRECT, Branding())


def facturx_pdf(xml: bytes, level: str = EN16931_LEVEL) -> bytes:
    """A Factur-X that carries an XML, as we make it."""
    return assemble(_page(), invoice(), xml, level=level)


def changed(content: bytes, old: str, new: str, count: int = 1) -> bytes:
    """Replace a text that must be there."""
    assert old.encode() in content, old
    return content.replace(old.encode(), new.encode(), count)


def with_attachments(content: bytes, *sizes: int) -> bytes:
    """A document with PDFs of so many megabytes attached."""
    if b"<cac:AccountingSupplierParty>" in content:
        old, new = "<cac:AccountingSupplierParty>", "{0}<cac:AccountingSupplierParty>"
        block = (
            "<cac:AdditionalDocumentReference><cbc:ID>{0}</cbc:ID><cac:Attachment>"
            '<cbc:EmbeddedDocumentBinaryObject mimeCode="application/pdf" filename="a{0}.pdf">{1}'
            "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment>"
            "</cac:AdditionalDocumentReference>"
        )
    else:
        old = "</ram:ContractReferencedDocument>"
        new = "</ram:ContractReferencedDocument>{0}"
        block = (
            "<ram:AdditionalReferencedDocument><ram:IssuerAssignedID>{0}</ram:IssuerAssignedID>"
            "<ram:TypeCode>916</ram:TypeCode>"
            '<ram:AttachmentBinaryObject mimeCode="application/pdf" filename="a{0}.pdf">{1}'
            "</ram:AttachmentBinaryObject></ram:AdditionalReferencedDocument>"
        )
    blocks = [block.format(rank, "QUJD" * (size * 250_000)) for rank, size in enumerate(sizes)]
    return changed(content, old, new.format("".join(blocks)))
