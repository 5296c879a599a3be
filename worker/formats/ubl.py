"""The invoice in OASIS UBL 2.1, by the EN 16931 binding or in Chorus Pro's native dialect.

One function per block, named as the block; the order is the one the XSD imposes. A credit note is
another root with other names for the same blocks, but in the native dialect.
"""

from base64 import b64encode
from collections.abc import Mapping

from lxml.etree import _Element

from worker.billing.invoice import (
    Invoice,
    InvoiceLine,
    Party,
    PaymentMeans,
    PrecedingInvoice,
    SupportingDocument,
    VatBreakdown,
)
from worker.billing.members import Address
from worker.billing.money import Money
from worker.billing.period import Period
from worker.billing.vat import VatPoint
from worker.formats.mapping import (
    PartyIdentifiers,
    attachment_description,
    notes,
    party_identifiers,
    printed_rate,
    tax_identifiers,
)
from worker.formats.profiles import NATIVE_SIRET, Profile, Syntax
from worker.formats.xml import block, document, field, number, serialize

PUBLIC_CONTRACT = "Marché public"
"""What Chorus Pro's native dialect calls a contract reference."""
NATIVE_VAT = "TVA"
NATIVE_VAT_POINTS = {VatPoint.DEBITS: "TVA DEBIT", VatPoint.COLLECTION: "TVA ENCAISSEMENT"}
"""What the native dialect calls the tax of a line, and the seller's."""
VAT_POINT_CODES = {VatPoint.DEBITS: "3", VatPoint.COLLECTION: "432"}
"""BT-8 as UNTDID 2005: on the date of the invoice, on that of payment."""


def invoice_xml(
    invoice: Invoice, profile: Profile, attachments: Mapping[str, bytes] | None = None
) -> bytes:
    """Write the invoice as a UBL ``Invoice``, or the credit note as a ``CreditNote``.

    Args:
        invoice: what to write.
        profile: the dialect.
        attachments: the bytes of each of its attachments (BG-24), by file name, for the profiles
            that hold them.

    Raises:
        Unprintable: when a text holds a character XML forbids.
        KeyError: when the bytes of an attachment are missing.
    """
    as_credit_note = invoice.is_credit_note and profile.syntax is Syntax.UBL
    root = (
        document("cn:CreditNote", "cn", "cac", "cbc")
        if as_credit_note
        else document("ubl:Invoice", "ubl", "cac", "cbc")
    )
    _header(root, invoice, profile, as_credit_note=as_credit_note)
    _references(root, invoice, profile)
    for attachment in invoice.attachments if profile.attachments else ():
        _attachment(root, attachment, profile, (attachments or {})[attachment.file_name])
    _parties(root, invoice, profile)
    delivery = block(root, "cac:Delivery")  # BG-13
    field(delivery, "cbc:ActualDeliveryDate", invoice.period.end.isoformat())  # BT-72
    if invoice.payment is not None:
        _payment_means(root, invoice.payment)
    _payment_terms(root, invoice.payment_terms)
    _tax_total(root, invoice, profile)
    _monetary_total(root, invoice)
    for line in invoice.lines:
        _line(root, line, invoice.currency, profile, as_credit_note=as_credit_note)
    return serialize(root)


def _header(root: _Element, invoice: Invoice, profile: Profile, *, as_credit_note: bool) -> None:
    field(root, "cbc:CustomizationID", profile.customization)  # BT-24
    field(root, "cbc:ProfileID", profile.business_process)  # BT-23
    field(root, "cbc:ID", invoice.number)  # BT-1
    field(root, "cbc:IssueDate", invoice.issue_date.isoformat())  # BT-2
    if invoice.due_date is not None and not as_credit_note:
        field(root, "cbc:DueDate", invoice.due_date.isoformat())  # BT-9
    type_code = "cbc:CreditNoteTypeCode" if as_credit_note else "cbc:InvoiceTypeCode"
    field(root, type_code, invoice.type_code)  # BT-3
    for note in notes(invoice, profile):
        code = f"#{note.code}#" if note.code else ""
        field(root, "cbc:Note", code + note.text)  # BG-1: UBL has one element for BT-21 and BT-22
    field(root, "cbc:DocumentCurrencyCode", invoice.currency)  # BT-5
    field(root, "cbc:BuyerReference", invoice.service_code)  # BT-10


def _references(root: _Element, invoice: Invoice, profile: Profile) -> None:
    period = _period(root, invoice.period)  # BG-14
    if invoice.vat_point is not None:
        field(period, "cbc:DescriptionCode", VAT_POINT_CODES[invoice.vat_point])  # BT-8
    if invoice.engagement:
        field(block(root, "cac:OrderReference"), "cbc:ID", invoice.engagement)  # BT-13
    if invoice.preceding is not None:
        _preceding(root, invoice.preceding)
    if invoice.contract:
        contract = block(root, "cac:ContractDocumentReference")
        field(contract, "cbc:ID", invoice.contract)  # BT-12
        if profile.syntax is Syntax.CHORUS_UBL:
            field(contract, "cbc:DocumentType", PUBLIC_CONTRACT)


def _preceding(root: _Element, preceding: PrecedingInvoice) -> None:
    reference = block(block(root, "cac:BillingReference"), "cac:InvoiceDocumentReference")  # BG-3
    field(reference, "cbc:ID", preceding.number)  # BT-25
    field(reference, "cbc:IssueDate", preceding.issue_date.isoformat())  # BT-26


def _attachment(
    root: _Element, attachment: SupportingDocument, profile: Profile, content: bytes
) -> None:
    reference = block(root, "cac:AdditionalDocumentReference")  # BG-24
    field(reference, "cbc:ID", attachment.reference)  # BT-122
    description = attachment_description(attachment, profile)
    field(reference, "cbc:DocumentDescription", description)  # BT-123
    field(
        block(reference, "cac:Attachment"),
        "cbc:EmbeddedDocumentBinaryObject",
        b64encode(content).decode(),
        mimeCode=attachment.media_type,
        filename=attachment.file_name,
    )  # BT-125


def _parties(root: _Element, invoice: Invoice, profile: Profile) -> None:
    tax = tax_identifiers(invoice)
    native = profile.syntax is Syntax.CHORUS_UBL
    seller = block(block(root, "cac:AccountingSupplierParty"), "cac:Party")  # BG-4
    identifiers = party_identifiers(invoice.seller, profile)
    _identity(seller, invoice.seller, identifiers, native=native)
    native_type = NATIVE_VAT_POINTS[invoice.vat_point] if native and invoice.vat_point else ""
    _tax_scheme(seller, "VAT", tax.seller_vat, native_type)  # BT-31
    _tax_scheme(seller, "LOC", tax.seller_tax)  # BT-32
    _legal_entity(seller, invoice.seller, identifiers)
    _seller_contact(seller, invoice.seller)
    buyer = block(block(root, "cac:AccountingCustomerParty"), "cac:Party")  # BG-7
    identifiers = party_identifiers(invoice.buyer, profile, invoice.service_code)
    _identity(buyer, invoice.buyer, identifiers, native=native)
    _tax_scheme(buyer, "VAT", tax.buyer_vat)  # BT-48
    _legal_entity(buyer, invoice.buyer, identifiers)
    if native and invoice.service_code:
        # Where the native dialect reads the code service; BT-10 says it too.
        field(block(buyer, "cac:Contact"), "cbc:ID", invoice.service_code)


def _identity(
    parent: _Element, party: Party, identifiers: PartyIdentifiers, *, native: bool
) -> None:
    if identifiers.address is not None:
        address = identifiers.address
        field(parent, "cbc:EndpointID", address.value, schemeID=address.scheme)  # BT-34, BT-49
    for identifier in identifiers.ids:
        scheme = {"schemeName": NATIVE_SIRET} if native else {"schemeID": identifier.scheme}
        element = block(parent, "cac:PartyIdentification")
        field(element, "cbc:ID", identifier.value, **scheme)  # BT-29, BT-46
    _address(parent, party.address)


def _address(parent: _Element, address: Address) -> None:
    postal = block(parent, "cac:PostalAddress")  # BG-5, BG-8
    field(postal, "cbc:StreetName", address.line1)  # BT-35, BT-50
    field(postal, "cbc:AdditionalStreetName", address.line2)  # BT-36, BT-51
    field(postal, "cbc:CityName", address.city)  # BT-37, BT-52
    field(postal, "cbc:PostalZone", address.postcode)  # BT-38, BT-53
    country = block(postal, "cac:Country")
    field(country, "cbc:IdentificationCode", address.country)  # BT-40, BT-55


def _tax_scheme(parent: _Element, scheme: str, identifier: str, native_type: str = "") -> None:
    if identifier:
        registration = block(parent, "cac:PartyTaxScheme")
        field(registration, "cbc:CompanyID", identifier)
        element = block(registration, "cac:TaxScheme")
        field(element, "cbc:ID", scheme)
        field(element, "cbc:TaxTypeCode", native_type)


def _vat_scheme(category: _Element, profile: Profile) -> None:
    scheme = block(category, "cac:TaxScheme")
    field(scheme, "cbc:ID", "VAT")
    if profile.syntax is Syntax.CHORUS_UBL:
        field(scheme, "cbc:TaxTypeCode", NATIVE_VAT)


def _legal_entity(parent: _Element, party: Party, identifiers: PartyIdentifiers) -> None:
    entity = block(parent, "cac:PartyLegalEntity")
    field(entity, "cbc:RegistrationName", party.name)  # BT-27, BT-44
    legal = identifiers.legal
    field(entity, "cbc:CompanyID", legal.value, schemeID=legal.scheme)  # BT-30, BT-47
    field(entity, "cbc:CompanyLegalForm", party.legal_form)  # BT-33


def _seller_contact(parent: _Element, party: Party) -> None:
    if party.contact is not None:
        contact = block(parent, "cac:Contact")  # BG-6
        field(contact, "cbc:Name", party.contact.name)  # BT-41
        field(contact, "cbc:Telephone", party.contact.phone)  # BT-42
        field(contact, "cbc:ElectronicMail", party.contact.email)  # BT-43


def _payment_means(root: _Element, payment: PaymentMeans) -> None:
    means = block(root, "cac:PaymentMeans")  # BG-16
    field(means, "cbc:PaymentMeansCode", payment.code)  # BT-81
    account = block(means, "cac:PayeeFinancialAccount")  # BG-17
    field(account, "cbc:ID", payment.iban)  # BT-84
    field(account, "cbc:Name", payment.account_name)  # BT-85
    if payment.bic:
        field(block(account, "cac:FinancialInstitutionBranch"), "cbc:ID", payment.bic)  # BT-86


def _payment_terms(root: _Element, text: str) -> None:
    if text:
        field(block(root, "cac:PaymentTerms"), "cbc:Note", text)  # BT-20


def _tax_total(root: _Element, invoice: Invoice, profile: Profile) -> None:
    total = block(root, "cac:TaxTotal")
    _amount(total, "cbc:TaxAmount", invoice.totals.vat, invoice.currency)  # BT-110
    for group in invoice.breakdown:
        _tax_subtotal(total, group, invoice.currency, profile)


def _tax_subtotal(total: _Element, group: VatBreakdown, currency: str, profile: Profile) -> None:
    subtotal = block(total, "cac:TaxSubtotal")  # BG-23
    _amount(subtotal, "cbc:TaxableAmount", group.taxable, currency)  # BT-116
    _amount(subtotal, "cbc:TaxAmount", group.tax, currency)  # BT-117
    category = block(subtotal, "cac:TaxCategory")
    field(category, "cbc:ID", group.regime.category)  # BT-118
    field(category, "cbc:Percent", printed_rate(group.regime))  # BT-119
    field(category, "cbc:TaxExemptionReasonCode", group.regime.reason_code)  # BT-121
    field(category, "cbc:TaxExemptionReason", group.regime.reason)  # BT-120
    _vat_scheme(category, profile)


def _monetary_total(root: _Element, invoice: Invoice) -> None:
    totals, currency = invoice.totals, invoice.currency
    sums = block(root, "cac:LegalMonetaryTotal")  # BG-22
    _amount(sums, "cbc:LineExtensionAmount", totals.net, currency)  # BT-106
    _amount(sums, "cbc:TaxExclusiveAmount", totals.net, currency)  # BT-109
    _amount(sums, "cbc:TaxInclusiveAmount", totals.gross, currency)  # BT-112
    if totals.rounding:
        _amount(sums, "cbc:PayableRoundingAmount", totals.rounding, currency)  # BT-114
    _amount(sums, "cbc:PayableAmount", totals.payable, currency)  # BT-115


def _line(
    root: _Element, line: InvoiceLine, currency: str, profile: Profile, *, as_credit_note: bool
) -> None:
    element = block(root, "cac:CreditNoteLine" if as_credit_note else "cac:InvoiceLine")  # BG-25
    quantity = "cbc:CreditedQuantity" if as_credit_note else "cbc:InvoicedQuantity"
    field(element, "cbc:ID", line.identifier)  # BT-126
    field(element, quantity, str(line.quantity), unitCode=line.unit)  # BT-129, BT-130
    _amount(element, "cbc:LineExtensionAmount", line.net, currency)  # BT-131
    _period(element, line.period)  # BG-26
    item = block(element, "cac:Item")  # BG-31
    field(item, "cbc:Description", line.description)  # BT-154
    field(item, "cbc:Name", line.name)  # BT-153
    if line.item:
        field(block(item, "cac:SellersItemIdentification"), "cbc:ID", line.item)  # BT-155
    category = block(item, "cac:ClassifiedTaxCategory")  # BG-30
    field(category, "cbc:ID", line.vat.category)  # BT-151
    field(category, "cbc:Percent", printed_rate(line.vat))  # BT-152
    if profile.line_reasons:
        field(category, "cbc:TaxExemptionReasonCode", line.vat.reason_code)
        field(category, "cbc:TaxExemptionReason", line.vat.reason)
    _vat_scheme(category, profile)
    for attribute in line.attributes:
        additional = block(item, "cac:AdditionalItemProperty")  # BG-32
        field(additional, "cbc:Name", attribute.name)  # BT-160
        field(additional, "cbc:Value", attribute.value)  # BT-161
    price = block(element, "cac:Price")  # BG-29
    field(price, "cbc:PriceAmount", number(line.price), currencyID=currency)  # BT-146
    field(price, "cbc:BaseQuantity", str(line.price_base), unitCode=line.unit)  # BT-149, BT-150


def _period(parent: _Element, period: Period) -> _Element:
    element = block(parent, "cac:InvoicePeriod")
    field(element, "cbc:StartDate", period.start.isoformat())  # BT-73, BT-134
    field(element, "cbc:EndDate", period.end.isoformat())  # BT-74, BT-135
    return element


def _amount(parent: _Element, tag: str, amount: Money, currency: str) -> None:
    field(parent, tag, str(amount), currencyID=currency)
