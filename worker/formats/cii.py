"""The invoice in UN/CEFACT CII D22B, the syntax inside Factur-X (EN 16931 profile).

One function per block, named as the block; the order is the one the XSD imposes.
"""

from datetime import date

from lxml.etree import _Element

from worker.billing.invoice import (
    ContactPoint,
    Invoice,
    InvoiceLine,
    Note,
    Party,
    PaymentMeans,
    PrecedingInvoice,
    Totals,
    VatBreakdown,
)
from worker.billing.members import Address
from worker.billing.period import Period
from worker.billing.vat import VatPoint
from worker.formats.mapping import (
    PartyIdentifiers,
    notes,
    party_identifiers,
    printed_rate,
    tax_identifiers,
)
from worker.formats.profiles import Profile
from worker.formats.xml import block, document, field, number, serialize

DUE_DATE_TYPES = {VatPoint.DEBITS: "5", VatPoint.COLLECTION: "72"}
"""BT-8 as UNTDID 2475: on the date of the invoice, on that of payment."""


def invoice_xml(invoice: Invoice, profile: Profile) -> bytes:
    """Write the invoice or credit note as a ``rsm:CrossIndustryInvoice``.

    Its attachments are not in the XML: they travel in the PDF around it.

    Raises:
        Unprintable: when a text holds a character XML forbids.
    """
    root = document("rsm:CrossIndustryInvoice", "rsm", "ram", "qdt", "udt")
    _exchanged_document_context(root, profile)
    _exchanged_document(root, invoice, profile)
    transaction = block(root, "rsm:SupplyChainTradeTransaction")
    for line in invoice.lines:
        _line_item(transaction, line, profile)
    _header_agreement(transaction, invoice, profile)
    _header_delivery(transaction, invoice.period)
    _header_settlement(transaction, invoice)
    return serialize(root)


def _exchanged_document_context(root: _Element, profile: Profile) -> None:
    context = block(root, "rsm:ExchangedDocumentContext")
    process = block(context, "ram:BusinessProcessSpecifiedDocumentContextParameter")
    field(process, "ram:ID", profile.business_process)  # BT-23
    guideline = block(context, "ram:GuidelineSpecifiedDocumentContextParameter")
    field(guideline, "ram:ID", profile.customization)  # BT-24


def _exchanged_document(root: _Element, invoice: Invoice, profile: Profile) -> None:
    header = block(root, "rsm:ExchangedDocument")
    field(header, "ram:ID", invoice.number)  # BT-1
    field(header, "ram:TypeCode", invoice.type_code)  # BT-3
    _date(header, "ram:IssueDateTime", invoice.issue_date)  # BT-2
    for note in notes(invoice, profile):
        _included_note(header, note)


def _included_note(header: _Element, note: Note) -> None:
    element = block(header, "ram:IncludedNote")  # BG-1
    field(element, "ram:Content", note.text)  # BT-22
    field(element, "ram:SubjectCode", note.code)  # BT-21


def _line_item(transaction: _Element, line: InvoiceLine, profile: Profile) -> None:
    item = block(transaction, "ram:IncludedSupplyChainTradeLineItem")  # BG-25
    field(
        block(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", line.identifier
    )  # BT-126
    product = block(item, "ram:SpecifiedTradeProduct")  # BG-31
    field(product, "ram:SellerAssignedID", line.item)  # BT-155
    field(product, "ram:Name", line.name)  # BT-153
    field(product, "ram:Description", line.description)  # BT-154
    for attribute in line.attributes:
        characteristic = block(product, "ram:ApplicableProductCharacteristic")  # BG-32
        field(characteristic, "ram:Description", attribute.name)  # BT-160
        field(characteristic, "ram:Value", attribute.value)  # BT-161
    price = block(block(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    field(price, "ram:ChargeAmount", number(line.price))  # BT-146
    field(price, "ram:BasisQuantity", str(line.price_base), unitCode=line.unit)  # BT-149, BT-150
    delivery = block(item, "ram:SpecifiedLineTradeDelivery")
    field(delivery, "ram:BilledQuantity", str(line.quantity), unitCode=line.unit)  # BT-129, BT-130
    settlement = block(item, "ram:SpecifiedLineTradeSettlement")
    tax = block(settlement, "ram:ApplicableTradeTax")  # BG-30
    field(tax, "ram:TypeCode", "VAT")
    if profile.line_reasons:
        field(tax, "ram:ExemptionReason", line.vat.reason)
    field(tax, "ram:CategoryCode", line.vat.category)  # BT-151
    if profile.line_reasons:
        field(tax, "ram:ExemptionReasonCode", line.vat.reason_code)
    field(tax, "ram:RateApplicablePercent", printed_rate(line.vat))  # BT-152
    _period(settlement, line.period)  # BG-26
    sums = block(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    field(sums, "ram:LineTotalAmount", str(line.net))  # BT-131


def _header_agreement(transaction: _Element, invoice: Invoice, profile: Profile) -> None:
    agreement = block(transaction, "ram:ApplicableHeaderTradeAgreement")
    tax = tax_identifiers(invoice)
    field(agreement, "ram:BuyerReference", invoice.service_code)  # BT-10
    seller = block(agreement, "ram:SellerTradeParty")  # BG-4
    _party(seller, invoice.seller, party_identifiers(invoice.seller, profile))
    _tax_registration(seller, "VA", tax.seller_vat)  # BT-31
    _tax_registration(seller, "FC", tax.seller_tax)  # BT-32
    buyer = block(agreement, "ram:BuyerTradeParty")  # BG-7
    identifiers = party_identifiers(invoice.buyer, profile, invoice.service_code)
    _party(buyer, invoice.buyer, identifiers)
    _tax_registration(buyer, "VA", tax.buyer_vat)  # BT-48
    _reference(agreement, "ram:BuyerOrderReferencedDocument", invoice.engagement)  # BT-13
    _reference(agreement, "ram:ContractReferencedDocument", invoice.contract)  # BT-12


def _party(parent: _Element, party: Party, identifiers: PartyIdentifiers) -> None:
    for identifier in identifiers.ids:
        field(parent, "ram:GlobalID", identifier.value, schemeID=identifier.scheme)  # BT-29, 46
    field(parent, "ram:Name", party.name)  # BT-27, BT-44
    field(parent, "ram:Description", party.legal_form)  # BT-33
    legal = block(parent, "ram:SpecifiedLegalOrganization")
    field(legal, "ram:ID", identifiers.legal.value, schemeID=identifiers.legal.scheme)  # BT-30, 47
    if party.contact is not None:
        _contact(parent, party.contact)
    _address(parent, party.address)
    if identifiers.address is not None:
        address = block(parent, "ram:URIUniversalCommunication")
        scheme = identifiers.address.scheme
        field(address, "ram:URIID", identifiers.address.value, schemeID=scheme)  # BT-34, BT-49


def _contact(parent: _Element, contact: ContactPoint) -> None:
    element = block(parent, "ram:DefinedTradeContact")  # BG-6
    field(element, "ram:PersonName", contact.name)  # BT-41
    if contact.phone:
        phone = block(element, "ram:TelephoneUniversalCommunication")
        field(phone, "ram:CompleteNumber", contact.phone)  # BT-42
    if contact.email:
        email = block(element, "ram:EmailURIUniversalCommunication")
        field(email, "ram:URIID", contact.email)  # BT-43


def _address(parent: _Element, address: Address) -> None:
    postal = block(parent, "ram:PostalTradeAddress")  # BG-5, BG-8
    field(postal, "ram:PostcodeCode", address.postcode)  # BT-38, BT-53
    field(postal, "ram:LineOne", address.line1)  # BT-35, BT-50
    field(postal, "ram:LineTwo", address.line2)  # BT-36, BT-51
    field(postal, "ram:CityName", address.city)  # BT-37, BT-52
    field(postal, "ram:CountryID", address.country)  # BT-40, BT-55


def _tax_registration(parent: _Element, scheme: str, identifier: str) -> None:
    if identifier:
        registration = block(parent, "ram:SpecifiedTaxRegistration")
        field(registration, "ram:ID", identifier, schemeID=scheme)


def _reference(parent: _Element, tag: str, identifier: str) -> None:
    if identifier:
        field(block(parent, tag), "ram:IssuerAssignedID", identifier)


def _header_delivery(transaction: _Element, period: Period) -> None:
    """Services are delivered when their period ends; the XSD wants the block anyway."""
    delivery = block(transaction, "ram:ApplicableHeaderTradeDelivery")  # BG-13
    event = block(delivery, "ram:ActualDeliverySupplyChainEvent")
    _date(event, "ram:OccurrenceDateTime", period.end)  # BT-72


def _header_settlement(transaction: _Element, invoice: Invoice) -> None:
    settlement = block(transaction, "ram:ApplicableHeaderTradeSettlement")
    field(settlement, "ram:InvoiceCurrencyCode", invoice.currency)  # BT-5
    if invoice.payment is not None:
        _payment_means(settlement, invoice.payment)
    for group in invoice.breakdown:
        _vat_breakdown(settlement, group, invoice.vat_point)
    _period(settlement, invoice.period)  # BG-14
    terms = block(settlement, "ram:SpecifiedTradePaymentTerms")
    field(terms, "ram:Description", invoice.payment_terms)  # BT-20
    if invoice.due_date is not None:
        _date(terms, "ram:DueDateDateTime", invoice.due_date)  # BT-9
    _totals(settlement, invoice.totals, invoice.currency)
    if invoice.preceding is not None:
        _preceding(settlement, invoice.preceding)


def _preceding(settlement: _Element, preceding: PrecedingInvoice) -> None:
    reference = block(settlement, "ram:InvoiceReferencedDocument")  # BG-3
    field(reference, "ram:IssuerAssignedID", preceding.number)  # BT-25
    issued = block(reference, "ram:FormattedIssueDateTime")
    field(issued, "qdt:DateTimeString", f"{preceding.issue_date:%Y%m%d}", format="102")  # BT-26


def _payment_means(settlement: _Element, payment: PaymentMeans) -> None:
    means = block(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")  # BG-16
    field(means, "ram:TypeCode", payment.code)  # BT-81
    account = block(means, "ram:PayeePartyCreditorFinancialAccount")  # BG-17
    field(account, "ram:IBANID", payment.iban)  # BT-84
    field(account, "ram:AccountName", payment.account_name)  # BT-85
    if payment.bic:
        institution = block(means, "ram:PayeeSpecifiedCreditorFinancialInstitution")
        field(institution, "ram:BICID", payment.bic)  # BT-86


def _vat_breakdown(settlement: _Element, group: VatBreakdown, vat_point: VatPoint | None) -> None:
    tax = block(settlement, "ram:ApplicableTradeTax")  # BG-23
    field(tax, "ram:CalculatedAmount", str(group.tax))  # BT-117
    field(tax, "ram:TypeCode", "VAT")
    field(tax, "ram:ExemptionReason", group.regime.reason)  # BT-120
    field(tax, "ram:BasisAmount", str(group.taxable))  # BT-116
    field(tax, "ram:CategoryCode", group.regime.category)  # BT-118
    field(tax, "ram:ExemptionReasonCode", group.regime.reason_code)  # BT-121
    if vat_point is not None and group.regime.taxed:
        field(tax, "ram:DueDateTypeCode", DUE_DATE_TYPES[vat_point])  # BT-8
    field(tax, "ram:RateApplicablePercent", printed_rate(group.regime))  # BT-119


def _totals(settlement: _Element, totals: Totals, currency: str) -> None:
    sums = block(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")  # BG-22
    field(sums, "ram:LineTotalAmount", str(totals.net))  # BT-106
    field(sums, "ram:TaxBasisTotalAmount", str(totals.net))  # BT-109
    field(sums, "ram:TaxTotalAmount", str(totals.vat), currencyID=currency)  # BT-110
    if totals.rounding:
        field(sums, "ram:RoundingAmount", str(totals.rounding))  # BT-114
    field(sums, "ram:GrandTotalAmount", str(totals.gross))  # BT-112
    field(sums, "ram:DuePayableAmount", str(totals.payable))  # BT-115


def _period(parent: _Element, period: Period) -> None:
    element = block(parent, "ram:BillingSpecifiedPeriod")
    _date(element, "ram:StartDateTime", period.start)  # BT-73, BT-134
    _date(element, "ram:EndDateTime", period.end)  # BT-74, BT-135


def _date(parent: _Element, tag: str, day: date) -> None:
    field(block(parent, tag), "udt:DateTimeString", f"{day:%Y%m%d}", format="102")
