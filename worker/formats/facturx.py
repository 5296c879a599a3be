"""The Factur-X: the page people read, with the same invoice in XML inside (IN_DP_E2_CII_FACTURX).

The page says everything a finance department looks for (CCP art. D2192-2, CGI ann. II
art. 242 nonies A); its amounts are those of the XML.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

from worker.billing.credit_note import REASON
from worker.billing.invoice import Invoice, InvoiceLine, VatBreakdown
from worker.billing.money import NO_BREAK, french
from worker.billing.period import french_date
from worker.billing.quantity import MONTHS, counted, french_quantity, priced
from worker.billing.vat import VatCategory, VatPoint
from worker.formats.branding import Branding
from worker.formats.embedding import XML_NAME, EmbeddedFile, embed
from worker.formats.french import (
    computation,
    french_decimal,
    french_period,
    french_rate,
    french_signed,
    grouped_iban,
    grouped_siret,
    look_data,
    party,
    typographic,
)
from worker.formats.mapping import decision_notes, invoice_note, tax_identifiers
from worker.formats.profiles import Profile
from worker.formats.typesetting import typeset

EN16931_LEVEL = "EN 16931"
STATEMENT_PDF = "etat-detaille.pdf"
STATEMENT_XLSX = "etat-detaille.xlsx"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FRAMEWORKS = {
    "A1": "A1 – dépôt par un fournisseur",
    "S1": "S1 – dépôt d’une facture de services",
}
"""What BT-23 means, for people."""
VAT_POINTS = {
    VatPoint.DEBITS: "Option pour le paiement de la taxe d’après les débits.",
    VatPoint.COLLECTION: "TVA exigible à l’encaissement.",
}
ROOM = 110
"""Millimetres that the first page leaves to lines, under the tallest logo and addresses."""


def print_invoice(invoice: Invoice, profile: Profile, look: Branding, *, mark: str = "") -> bytes:
    """Print the page of an invoice or a credit note: a PDF with nothing inside yet.

    ``mark``: a word across each page, of one that is no invoice.

    Raises:
        Unprintable: when a text cannot be printed.
    """
    data = page_data(invoice, profile, look) | ({"mark": mark} if mark else {})
    return typeset("invoice", typographic(data), invoice.issue_date)


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


def page_data(invoice: Invoice, profile: Profile, look: Branding) -> dict[str, object]:
    """What the template of an invoice is given: texts only, in French, ready to be placed."""
    tax = tax_identifiers(invoice)
    seller, buyer, totals = invoice.seller, invoice.buyer, invoice.totals
    credit = invoice.is_credit_note
    title = f"{_kind(invoice)} n°{NO_BREAK}{invoice.number}"
    return {
        "look": look_data(look, seller.name),
        "title": title,
        "author": seller.name,
        "description": f"{title} de {seller.name} à {buyer.name}, année {invoice.year}",
        "keywords": [_kind(invoice).lower(), "Factur-X", invoice.number],
        "footer": f"{seller.name} – SIRET {grouped_siret(seller.siret)} – {title}",
        "corrects": _corrects(invoice),
        "warning": "Avoir interne, non transmis au membre" if invoice.internal else None,
        "seller": party(seller, tax.seller_vat),
        "addressed": "Membre" if credit else "Facturé à",
        "buyer": party(buyer, tax.buyer_vat),
        "dates": _dates(invoice),
        "references": _references(invoice, profile, by_title=look.by_title),
        "lines-title": "Prestations créditées" if credit else "Prestations",
        "lines-total": "Total crédité" if credit else "Total des prestations",
        "of-users": all(line.measure is None for line in invoice.lines),
        "lines": _lines(invoice),
        "carries": _may_need_pages(invoice.lines),
        "taxed": _taxed(invoice),
        "breakdown": [_breakdown(group) for group in invoice.breakdown],
        "reasons": _reasons(invoice),
        "totals": _totals(invoice),
        "due": ("Total de l’avoir" if credit else "Net à payer", french(totals.payable)),
        "closing": "Motif" if credit else "Règlement",
        "payment": _payment(invoice),
        "notes": _notes(invoice),
        "statement": invoice_note(invoice),
        "decisions": decision_notes(invoice),
    }


def _corrects(invoice: Invoice) -> str | None:
    """What a credit note takes back; one of our books always cancels its invoice."""
    if invoice.preceding is None:
        return None
    verb = "Annule" if invoice.internal else "Rectifie"
    of = f"n°{NO_BREAK}{invoice.preceding.number}"
    return f"{verb} la facture {of} du {french_date(invoice.preceding.issue_date)}"


def _dates(invoice: Invoice) -> list[tuple[str, str]]:
    due = invoice.due_date
    return [
        ("Date d’émission", french_date(invoice.issue_date)),
        *([] if due is None else [("Date d’échéance", french_date(due))]),
        ("Période de service", french_period(invoice.period)),
    ]


def _references(invoice: Invoice, profile: Profile, *, by_title: bool) -> list[tuple[str, str]]:
    framework = FRAMEWORKS.get(profile.business_process, profile.business_process)
    rows = (
        ("Code service", invoice.service_code),
        ("N° d’engagement", invoice.engagement),
        ("Marché / convention", invoice.contract),
        ("Nature de l’opération", "Prestation de services"),
        ("Cadre de facturation", "" if invoice.internal or by_title else framework),
        ("État détaillé n°", invoice.statement_number),
    )
    return [(caption, value) for caption, value in rows if value]


def _lines(invoice: Invoice) -> list[dict[str, object]]:
    """The lines, each with what the amounts come to there: pages carry it from one to the next."""
    of_users = all(line.measure is None for line in invoice.lines)
    nets = accumulate(line.net for line in invoice.lines)
    grosses = accumulate(line.gross for line in invoice.lines)
    return [
        _line(line, of_users=of_users) | {"carried": [french(net), french(gross)]}
        for line, net, gross in zip(invoice.lines, nets, grosses, strict=True)
    ]


def _may_need_pages(lines: Sequence[InvoiceLine]) -> bool:
    """Whether lines may go on to a second page, counted generously.

    Only then are carried totals prepared: to look up where each line falls takes a fifth of the
    time of a page.
    """
    heights = (
        8 + 5 * math.ceil(len(line.name) / 40) + 4 * math.ceil(len(line.description) / 60)
        for line in lines
    )
    return sum(heights) > ROOM


def _reasons(invoice: Invoice) -> list[str]:
    """Why no VAT is charged, and when it falls due."""
    reasons = [group.regime.reason for group in invoice.breakdown if group.regime.reason]
    point = invoice.vat_point
    return reasons if point is None else [*reasons, VAT_POINTS[point]]


def _line(line: InvoiceLine, *, of_users: bool) -> dict[str, object]:
    """In an invoice of several kinds of prices, each quantity and price names its unit."""
    price = french(line.unit_price_gross)
    measure = MONTHS if line.measure is None else line.measure
    return {
        "name": line.name,
        "description": computation(line.description),
        "period": [french_date(line.period.start), french_date(line.period.end)],
        "quantity": french_quantity(line.quantity)
        if of_users
        else counted(line.quantity, line.measure),
        "price": price,
        "per": None if of_users else priced(line.measure, line.price_units),
        "net_price": [
            f"soit {french_decimal(line.price)}{NO_BREAK}€{NO_BREAK}HT",
            measure.priced(line.price_base),
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


def _totals(invoice: Invoice) -> list[tuple[str, str]]:
    """The totals before the amount due; a line on rounding only when there is one (BT-114)."""
    totals = invoice.totals
    rows = [
        ("Total HT", french(totals.net)),
        ("Total TVA", french(totals.vat)),
        (f"Total {_taxed(invoice)}", french(totals.gross)),
    ]
    if totals.rounding:
        rows.append(("Arrondi", french_signed(totals.rounding)))
    return rows


def _taxed(invoice: Invoice) -> str:
    """What BT-112 is called: with some rounding it is not the agreed TTC amount, which is paid."""
    return "HT + TVA" if invoice.totals.rounding else "TTC"


def _payment(invoice: Invoice) -> list[tuple[str, str]]:
    payment = invoice.payment
    if payment is None:
        return []
    rows = (
        ("Mode de règlement", "Virement"),
        ("Titulaire du compte", payment.account_name),
        ("IBAN", grouped_iban(payment.iban)),
        ("BIC", payment.bic),
        ("Référence à rappeler", invoice.number),
    )
    return [(caption, value) for caption, value in rows if value]


def _notes(invoice: Invoice) -> list[str]:
    """The terms and the notes, each sentence once: terms often say what a coded note repeats.

    A credit note, of which nothing is to be paid, has neither terms nor coded notes on paying.
    """
    if invoice.is_credit_note:
        texts = [_reason(note.text) for note in invoice.notes if not note.code]
        texts.append(_what_next(invoice))
    else:
        texts = [invoice.payment_terms, *(note.text for note in invoice.notes)]
    said: list[str] = []
    for text in texts:
        if text and not any(_words(text) in _words(other) for other in said):
            said.append(text)
    return said


def _reason(text: str) -> str:
    """The reason alone: the page names the invoice at its top, and its heading says « Motif »."""
    reason = text.partition(REASON)[2] or text
    return reason[:1].upper() + reason[1:]


def _what_next(invoice: Invoice) -> str:
    """What becomes of the amount, true whether the invoice was paid, partly paid or not at all."""
    if invoice.internal:
        return "La facture est annulée en entier : aucune somme n’est due à ce titre."
    return (
        "Le montant de cet avoir est déduit de ce qui reste dû sur cette facture ; la part déjà "
        "payée, s’il y en a une, est remboursée ou déduite d’une autre somme due."
    )


def _words(text: str) -> str:
    """A text without what two writings of a sentence may differ by: case, spaces, end."""
    return " ".join(text.casefold().replace("’", "'").split()).rstrip(".")
