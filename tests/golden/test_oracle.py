"""Our writers against an independent one: the generator of the factur-x package.

It is given the same business terms, by their numbers, and must write the same elements in the
same order. Left out is what it loses or cannot express (docs/documents.md, "The oracle").
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from facturx import generate_xml
from lxml import etree
from lxml.etree import _Element

from tests.golden.samples import ATTACHMENTS, SAMPLES
from worker.billing.invoice import Invoice, InvoiceLine, Party
from worker.billing.vat import VatCategory, VatPoint
from worker.formats import EN16931_UBL, FACTURX_DIRECT, Profile, invoice_xml
from worker.formats.mapping import (
    PartyIdentifiers,
    attachment_description,
    notes,
    party_identifiers,
    tax_identifiers,
)
from worker.formats.profiles import CTC_FR_FACTURX, CTC_FR_UBL, Syntax

VAT_POINTS = {VatPoint.COLLECTION: "payment", VatPoint.DEBITS: "invoice"}
ADDED = "/UBLVersionID"
"""What the generator writes and nothing asks for."""
LOST = re.compile(
    r"/DefinedTradeContact|/SellerTradeParty/Description$|/AccountingSupplierParty/Party/Contact"
    r"|/CompanyLegalForm$"
    r"|Line(?:Item)?/.*/(?:Tax)?ExemptionReason(?:Code)?$"
    r"|/GuidelineSpecifiedDocumentContextParameter/ID$"
)
"""What it drops at the level of the reform: contact, legal form, exemption reasons of lines; and
BT-24, to which it gives the value of a bare CII even for a Factur-X (docs/conformance.md)."""
LOST_TAX = re.compile(r"/SellerTradeParty/SpecifiedTaxRegistration|Supplier.*/PartyTaxScheme")
"""BT-32 too, where a seller has no VAT number."""


def business_terms(invoice: Invoice, profile: Profile) -> dict[str, Any]:
    """The invoice as the generator wants it: text for amounts, nothing computed."""
    totals, tax = invoice.totals, tax_identifiers(invoice)
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": invoice.issue_date,
        "BT-3": invoice.type_code,
        "BT-5": invoice.currency,
        "BT-9": invoice.due_date,
        "BT-10": invoice.service_code,
        "BT-12": invoice.contract,
        "BT-13": invoice.engagement,
        "BT-20": invoice.payment_terms,
        "BT-23": profile.business_process,
        "BT-24": profile.customization,
        "BT-72": invoice.period.end,
        "BT-73": invoice.period.start,
        "BT-74": invoice.period.end,
        "BT-106": str(totals.net),
        "BT-109": str(totals.net),
        "BT-110": str(totals.vat),
        "BT-112": str(totals.gross),
        "BT-114": str(totals.rounding) if totals.rounding else None,
        "BT-115": str(totals.payable),
        "BG-1": [
            {"BT-21": note.code, "BT-22": note.text} if note.code else {"BT-22": note.text}
            for note in notes(invoice, profile)
        ],
        "BG-4": _party(
            invoice.seller,
            party_identifiers(invoice.seller, profile),
            tax.seller_vat,
            tax.seller_tax,
        ),
        "BG-7": _party(
            invoice.buyer,
            party_identifiers(invoice.buyer, profile, invoice.service_code),
            tax.buyer_vat,
            "",
        ),
        "BG-23": [
            {
                "BT-116": str(group.taxable),
                "BT-117": str(group.tax),
                "BT-118": group.regime.category.value,
                "BT-119": _rate(group.regime.category, group.regime.rate),
                "BT-120": group.regime.reason,
                "BT-121": group.regime.reason_code,
            }
            for group in invoice.breakdown
        ],
        "BG-25": [_line(line) for line in invoice.lines],
    }
    if invoice.vat_point is not None:
        terms["BT-8"] = VAT_POINTS[invoice.vat_point]
    if invoice.preceding is not None:
        preceding = invoice.preceding
        terms["BG-3"] = [{"BT-25": preceding.number, "BT-26": preceding.issue_date}]
    if (payment := invoice.payment) is not None:
        terms |= {"BT-81": payment.code, "BT-84": payment.iban, "BT-85": payment.account_name}
        terms["BT-86"] = payment.bic
    if profile.attachments and invoice.attachments:
        terms["BG-24"] = [
            {
                "BT-122": attachment.reference,
                "BT-123": attachment_description(attachment, profile),
                "BT-125": ATTACHMENTS[attachment.file_name],
                "BT-125-1": attachment.media_type,
                "BT-125-2": attachment.file_name,
            }
            for attachment in invoice.attachments
        ]
    return {key: value for key, value in terms.items() if value not in (None, "", [])}


def _party(
    party: Party, identifiers: PartyIdentifiers, vat_number: str, tax_number: str
) -> dict[str, Any]:
    address = party.address
    known: dict[str, object] = {
        "name": party.name,
        "identifiers": {identifier.scheme: identifier.value for identifier in identifiers.ids},
        "legal_identifier": identifiers.legal.value,
        "legal_identifier_schemeid": identifiers.legal.scheme,
        "vat_identifier": vat_number,
        "tax_identifier": tax_number,
        "legal_info": party.legal_form,
        "addr_l1": address.line1,
        "addr_l2": address.line2,
        "postcode": address.postcode,
        "city": address.city,
        "country_code": address.country,
    }
    if identifiers.address is not None:
        known["einvoicing_addr"] = identifiers.address.value
        known["einvoicing_addr_schemeid"] = identifiers.address.scheme
    if party.contact is not None:
        known["contacts"] = [{"name": party.contact.name, "email": party.contact.email}]
    return {key: value for key, value in known.items() if value}


def _line(line: InvoiceLine) -> dict[str, Any]:
    terms: dict[str, object] = {
        "BT-126": line.identifier,
        "BT-129": str(line.quantity),
        "BT-130": line.unit,
        "BT-131": str(line.net),
        "BT-134": line.period.start,
        "BT-135": line.period.end,
        "BT-146": f"{line.price.normalize():f}",
        "BT-149": str(line.price_base),
        "BT-150": line.unit,
        "BT-151": line.vat.category.value,
        "BT-152": _rate(line.vat.category, line.vat.rate),
        "BT-153": line.name,
        "BT-154": line.description,
        "BT-155": line.item,
        "BG-32": [{"BT-160": a.name, "BT-161": a.value} for a in line.attributes],
    }
    return {key: value for key, value in terms.items() if value is not None}


def _rate(category: VatCategory, rate: Decimal) -> str | None:
    return None if category is VatCategory.OUT_OF_SCOPE else f"{rate.normalize():f}"


Element = tuple[str, dict[str, str], str]


def flattened(xml: bytes, lost: Sequence[re.Pattern[str]]) -> list[Element]:
    """Path, attributes and text of every element in order, without what the generator changes."""
    return [
        element
        for element in _walk(etree.fromstring(xml), "")
        if not element[0].endswith(ADDED) and not any(p.search(element[0]) for p in lost)
    ]


def _walk(element: _Element, path: str) -> Iterator[Element]:
    here = f"{path}/{etree.QName(element).localname}"
    attributes = {str(key): str(value) for key, value in element.attrib.items()}
    yield here, attributes, (element.text or "").strip()
    for child in element:
        yield from _walk(child, here)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    "profile", [FACTURX_DIRECT, EN16931_UBL, CTC_FR_UBL, CTC_FR_FACTURX], ids=lambda p: p.kind.value
)
def test_an_independent_generator_writes_the_same_elements(sample: str, profile: Profile) -> None:
    """Same business terms, same elements, same order, same text."""
    invoice, _ = SAMPLES[sample]()
    reform = profile.legal_siren
    lost = [LOST] * reform + [LOST_TAX] * (reform and bool(tax_identifiers(invoice).seller_tax))
    theirs = generate_xml(
        business_terms(invoice, profile),
        flavor="factur-x" if profile.syntax is Syntax.CII else "ubl-2.1",
        level="extended-ctc-fr" if reform else "en16931",
        check_xsd=False,
        check_schematron=False,
    )
    ours = invoice_xml(invoice, profile, ATTACHMENTS)

    assert flattened(ours, lost) == flattened(theirs, lost)
