"""What every syntax says in the same words: the choices left open by EN 16931."""

import re
from dataclasses import dataclass

from worker.billing.invoice import Invoice, Note, Party, SupportingDocument
from worker.billing.members import siren
from worker.billing.vat import VatCategory, VatRegime
from worker.formats.profiles import (
    ICD_CTC,
    ICD_ROUTING,
    ICD_SIRENE,
    ICD_SIRET,
    Profile,
)
from worker.formats.xml import number

ANNEX = "DOCUMENT_ANNEXE"
"""BT-123 of an attachment where it must be a code (BR-FR-17)."""
PUBLIC_BUYER = Note(text="B2G", code="ADN")
"""Tells a platform that the buyer is public."""
_ADDRESS_CODE = re.compile(r"[A-Za-z0-9+_.-]+")
"""What a code may hold to be part of an electronic address."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier with the ISO 6523 code of its scheme."""

    value: str
    scheme: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyIdentifiers:
    """How a profile identifies one party."""

    ids: tuple[Identifier, ...]
    """BT-29 or BT-46."""
    legal: Identifier
    """BT-30 or BT-47."""
    address: Identifier | None
    """BT-34 or BT-49."""


def party_identifiers(party: Party, profile: Profile, service_code: str = "") -> PartyIdentifiers:
    """A party in the schemes of a profile; the code service of a buyer may be one of them."""
    ids = [Identifier(party.siret, ICD_SIRET)]
    if profile.routing_code and service_code:
        ids.append(Identifier(service_code, ICD_ROUTING))
    legal = siren(party.siret) if profile.legal_siren else party.siret
    address = None
    if profile.electronic_addresses:
        parts = [siren(party.siret), party.siret]
        if _ADDRESS_CODE.fullmatch(service_code):
            parts.append(service_code)
        address = Identifier("_".join(parts), ICD_CTC)
    return PartyIdentifiers(ids=tuple(ids), legal=Identifier(legal, ICD_SIRENE), address=address)


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
        seller_tax=siren(invoice.seller.siret) if needs_siren else "",
        buyer_vat=invoice.buyer.vat_number,
    )


def invoice_note(invoice: Invoice) -> str:
    """BT-22: the statement is the legal basis of the amounts (convention C3)."""
    joined = "" if invoice.is_credit_note else ", joint à cette facture"
    return f"État détaillé des prestations n° {invoice.statement_number}{joined}."


def decision_notes(invoice: Invoice) -> list[str]:
    """BT-22: the délibérations that set the prices, on an invoice whose grids name them."""
    if invoice.is_credit_note:
        return []
    return [f"Tarifs fixés par : {decision}." for decision in invoice.decisions]


def notes(invoice: Invoice, profile: Profile) -> tuple[Note, ...]:
    """BG-1 of an invoice in a profile: the statement, the decisions, those of the invoice.

    Coded notes (late payment, recovery, early payment) are the reform's: the direct deposit says
    the same in its payment terms.
    """
    own = [note for note in invoice.notes if not note.code or profile.legal_notes]
    marks = [PUBLIC_BUYER] if profile.legal_notes else []
    decided = [Note(text=text) for text in decision_notes(invoice)]
    return (Note(text=invoice_note(invoice)), *decided, *own, *marks)


def attachment_description(attachment: SupportingDocument, profile: Profile) -> str:
    """BT-123."""
    return ANNEX if profile.coded_attachments else attachment.description


def printed_rate(regime: VatRegime) -> str:
    """BT-119 and BT-152 in percent: ``20``, ``0`` when exempt, nothing out of scope (BR-O-05)."""
    return "" if regime.category is VatCategory.OUT_OF_SCOPE else number(regime.rate)
