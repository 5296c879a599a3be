"""The Factur-X: the page people read, with the same invoice in XML inside (IN_DP_E2_CII_FACTURX).

The page says everything a finance department looks for (CCP art. D2192-2, CGI ann. II
art. 242 nonies A); its amounts are those of the XML.
"""

from collections.abc import Sequence

from worker.formats.embedding import XML_NAME, EmbeddedFile, embed
from worker.formats.look import Look
from worker.formats.mapping import invoice_note, tax_identifiers
from worker.formats.profiles import Profile
from worker.formats.typesetting import typeset
from worker.formats.wording import (
    french_decimal,
    french_period,
    french_rate,
    grouped_iban,
    look_data,
    party,
    unbroken,
)
from worker.invoice import Invoice, InvoiceLine, VatBreakdown
from worker.money import NO_BREAK, french, french_integer
from worker.period import french_date
from worker.vat import VatCategory

EN16931_LEVEL = "EN 16931"
STATEMENT_PDF = "etat-detaille.pdf"
STATEMENT_XLSX = "etat-detaille.xlsx"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FRAMEWORKS = {"A1": "A1 – dépôt par un fournisseur d’une facture"}


def print_invoice(invoice: Invoice, profile: Profile, look: Look) -> bytes:
    """Print the page of an invoice or a credit note: a PDF with nothing inside yet.

    Raises:
        ValueError: when a text cannot be printed.
    """
    return typeset("invoice", _page(invoice, profile, look), invoice.issue_date)


def assemble(
    page: bytes,
    invoice: Invoice,
    xml: bytes,
    attachments: Sequence[EmbeddedFile] = (),
    *,
    level: str = EN16931_LEVEL,
) -> bytes:
    """Make a Factur-X of a page: its XML inside, and the files that complete it.

    Args:
        page: what ``print_invoice`` made of the invoice.
        invoice: gives the day the files are dated.
        xml: the same invoice in CII.
        attachments: such as ``statement_files`` gives.
        level: what the XML conforms to, in the words of Factur-X (``fx:ConformanceLevel``).
    """
    data = EmbeddedFile(
        name=XML_NAME,
        description=f"{_kind(invoice)} électronique, {level}",
        media_type="text/xml",
        relationship="Data",
        content=xml,
    )
    return embed(page, (data, *attachments), invoice.issue_date, level=level)


def statement_files(number: str, *, pdf: bytes, xlsx: bytes) -> tuple[EmbeddedFile, ...]:
    """The statement behind an invoice, to be read and to be computed with."""
    title = f"État détaillé des prestations n° {number}"
    return (
        EmbeddedFile(
            name=STATEMENT_PDF,
            description=title,
            media_type="application/pdf",
            relationship="Supplement",
            content=pdf,
        ),
        EmbeddedFile(
            name=STATEMENT_XLSX,
            description=f"{title}, données",
            media_type=XLSX,
            relationship="Supplement",
            content=xlsx,
        ),
    )


def _kind(invoice: Invoice) -> str:
    return "Avoir" if invoice.is_credit_note else "Facture"


def _page(invoice: Invoice, profile: Profile, look: Look) -> dict[str, object]:
    tax = tax_identifiers(invoice)
    seller, totals = invoice.seller, invoice.totals
    title = f"Facture n°{NO_BREAK}{invoice.number}"
    return {
        "look": look_data(look, seller.name),
        "title": title,
        "author": seller.name,
        "description": f"{title} de {seller.name} à {invoice.buyer.name}, année {invoice.year}",
        "keywords": ["facture", "Factur-X", invoice.number],
        "footer": f"{seller.name} – SIRET {seller.siret} – {title}",
        "seller": party(seller, tax.seller_vat),
        "buyer": party(invoice.buyer, tax.buyer_vat),
        "dates": [
            ("Date d’émission", french_date(invoice.issue_date)),
            ("Date d’échéance", french_date(invoice.due_date)),
            ("Période de service", french_period(invoice.period)),
        ],
        "references": _references(invoice, profile),
        "lines": [_line(line) for line in invoice.lines],
        "breakdown": [_breakdown(group) for group in invoice.breakdown],
        "reasons": [group.regime.reason for group in invoice.breakdown if group.regime.reason],
        "totals": {
            "net": french(totals.net),
            "vat": french(totals.vat),
            "gross": french(totals.gross),
        },
        "payment": _payment(invoice),
        "terms": invoice.payment_terms,
        "note": invoice_note(invoice),
    }


def _references(invoice: Invoice, profile: Profile) -> list[tuple[str, str]]:
    framework = FRAMEWORKS.get(profile.business_process, profile.business_process)
    rows = (
        ("Code service", invoice.service_code),
        ("N° d’engagement", invoice.engagement),
        ("Marché / convention", invoice.contract),
        ("Cadre de facturation", framework),
        ("État détaillé n°", invoice.statement_number),
    )
    return [(caption, value) for caption, value in rows if value]


def _line(line: InvoiceLine) -> dict[str, object]:
    return {
        "name": line.name,
        "description": unbroken(line.description),
        "period": [french_date(line.period.start), french_date(line.period.end)],
        "quantity": french_integer(line.quantity),
        "price": french(line.unit_price_gross),
        "net_price": [
            f"{french_decimal(line.price)}{NO_BREAK}€{NO_BREAK}HT",
            f"les {line.price_base} mois",
        ],
        "net": french(line.net),
        "rate": french_rate(line.vat),
        "gross": french(line.gross),
    }


def _breakdown(group: VatBreakdown) -> dict[str, str]:
    taxed = group.regime.category is VatCategory.STANDARD
    return {
        "rate": french_rate(group.regime),
        "taxable": french(group.taxable),
        "tax": french(group.tax) if taxed else "–",
        "gross": french(group.taxable + group.tax),
    }


def _payment(invoice: Invoice) -> list[tuple[str, str]]:
    payment = invoice.payment
    rows = (
        ("Mode de règlement", "Virement"),
        ("Titulaire du compte", payment.account_name),
        ("IBAN", grouped_iban(payment.iban)),
        ("BIC", payment.bic),
        ("Référence à rappeler", invoice.number),
    )
    return [(caption, value) for caption, value in rows if value]
