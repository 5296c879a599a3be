"""What every syntax says in the same words: the choices left open by EN 16931."""

from dataclasses import dataclass

from worker.formats.markup import number
from worker.invoice import Invoice
from worker.vat import VatCategory, VatRegime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxIdentifiers:
    """The VAT identifiers that may be printed, given the categories of the lines."""

    seller_vat: str
    """BT-31."""
    seller_tax: str
    """BT-32."""
    buyer_vat: str
    """BT-48."""


def tax_identifiers(invoice: Invoice) -> TaxIdentifiers:
    """Choose the tax identifiers of an invoice.

    Out of scope, no VAT number may stand on the invoice, the buyer's included (BR-O-02).
    An exempt seller without a VAT number identifies itself by its SIREN (BR-E-02).
    """
    categories = {group.regime.category for group in invoice.breakdown}
    if VatCategory.OUT_OF_SCOPE in categories:
        return TaxIdentifiers(seller_vat="", seller_tax="", buyer_vat="")
    seller_vat = invoice.seller.vat_number
    needs_siren = VatCategory.EXEMPT in categories and not seller_vat
    return TaxIdentifiers(
        seller_vat=seller_vat,
        seller_tax=invoice.seller.siret[:9] if needs_siren else "",
        buyer_vat=invoice.buyer.vat_number,
    )


def invoice_note(invoice: Invoice) -> str:
    """BT-22: the statement is the legal basis of the amounts (convention C3)."""
    return f"État détaillé des prestations n° {invoice.statement_number}, joint à cette facture."


def printed_rate(regime: VatRegime) -> str:
    """BT-119 and BT-152 in percent: ``20``, ``0`` when exempt, nothing out of scope (BR-O-05)."""
    return "" if regime.category is VatCategory.OUT_OF_SCOPE else number(regime.rate)
