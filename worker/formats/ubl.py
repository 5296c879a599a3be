"""The invoice in OASIS UBL 2.1, by the EN 16931 binding.

One function per block, named as the block; the order is the one the XSD imposes.
"""

from lxml.etree import _Element

from worker.formats.mapping import invoice_note, printed_rate, tax_identifiers
from worker.formats.markup import block, document, field, number, serialize
from worker.formats.profiles import Profile
from worker.invoice import Invoice, InvoiceLine, Party, VatBreakdown
from worker.members import Address
from worker.money import Money
from worker.period import Period


def invoice_xml(invoice: Invoice, profile: Profile) -> bytes:
    """Write the invoice as a UBL ``Invoice``.

    Raises:
        ValueError: when a text holds a character XML forbids.
    """
    root = document("ubl:Invoice", "ubl", "cac", "cbc")
    _header(root, invoice, profile)
    _references(root, invoice)
    _parties(root, invoice, profile)
    delivery = block(root, "cac:Delivery")  # BG-13
    field(delivery, "cbc:ActualDeliveryDate", invoice.period.end.isoformat())  # BT-72
    _payment_means(root, invoice)
    _payment_terms(root, invoice.payment_terms)
    _tax_total(root, invoice)
    _monetary_total(root, invoice)
    for line in invoice.lines:
        _invoice_line(root, line, invoice.currency)
    return serialize(root)


def _header(root: _Element, invoice: Invoice, profile: Profile) -> None:
    field(root, "cbc:CustomizationID", profile.customization)  # BT-24
    field(root, "cbc:ProfileID", profile.business_process)  # BT-23
    field(root, "cbc:ID", invoice.number)  # BT-1
    field(root, "cbc:IssueDate", invoice.issue_date.isoformat())  # BT-2
    field(root, "cbc:DueDate", invoice.due_date.isoformat())  # BT-9
    field(root, "cbc:InvoiceTypeCode", invoice.type_code)  # BT-3
    field(root, "cbc:Note", invoice_note(invoice))  # BT-22
    field(root, "cbc:DocumentCurrencyCode", invoice.currency)  # BT-5
    field(root, "cbc:BuyerReference", invoice.service_code)  # BT-10


def _references(root: _Element, invoice: Invoice) -> None:
    _period(root, invoice.period)  # BG-14
    if invoice.engagement:
        field(block(root, "cac:OrderReference"), "cbc:ID", invoice.engagement)  # BT-13
    if invoice.contract:
        field(block(root, "cac:ContractDocumentReference"), "cbc:ID", invoice.contract)  # BT-12


def _parties(root: _Element, invoice: Invoice, profile: Profile) -> None:
    tax = tax_identifiers(invoice)
    seller = block(block(root, "cac:AccountingSupplierParty"), "cac:Party")  # BG-4
    _identity(seller, invoice.seller, profile)
    _tax_scheme(seller, "VAT", tax.seller_vat)  # BT-31
    _tax_scheme(seller, "LOC", tax.seller_tax)  # BT-32
    _legal_entity(seller, invoice.seller, profile)
    buyer = block(block(root, "cac:AccountingCustomerParty"), "cac:Party")  # BG-7
    _identity(buyer, invoice.buyer, profile)
    _tax_scheme(buyer, "VAT", tax.buyer_vat)  # BT-48
    _legal_entity(buyer, invoice.buyer, profile)


def _identity(parent: _Element, party: Party, profile: Profile) -> None:
    identification = block(parent, "cac:PartyIdentification")
    field(identification, "cbc:ID", party.siret, schemeID=profile.party_scheme)  # BT-29, BT-46
    _address(parent, party.address)


def _address(parent: _Element, address: Address) -> None:
    postal = block(parent, "cac:PostalAddress")  # BG-5, BG-8
    field(postal, "cbc:StreetName", address.line1)  # BT-35, BT-50
    field(postal, "cbc:AdditionalStreetName", address.line2)  # BT-36, BT-51
    field(postal, "cbc:CityName", address.city)  # BT-37, BT-52
    field(postal, "cbc:PostalZone", address.postcode)  # BT-38, BT-53
    country = block(postal, "cac:Country")
    field(country, "cbc:IdentificationCode", address.country)  # BT-40, BT-55


def _tax_scheme(parent: _Element, scheme: str, identifier: str) -> None:
    if identifier:
        registration = block(parent, "cac:PartyTaxScheme")
        field(registration, "cbc:CompanyID", identifier)
        field(block(registration, "cac:TaxScheme"), "cbc:ID", scheme)


def _legal_entity(parent: _Element, party: Party, profile: Profile) -> None:
    entity = block(parent, "cac:PartyLegalEntity")
    field(entity, "cbc:RegistrationName", party.name)  # BT-27, BT-44
    field(entity, "cbc:CompanyID", party.siret, schemeID=profile.legal_scheme)  # BT-30, BT-47


def _payment_means(root: _Element, invoice: Invoice) -> None:
    payment = invoice.payment
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


def _tax_total(root: _Element, invoice: Invoice) -> None:
    total = block(root, "cac:TaxTotal")
    _amount(total, "cbc:TaxAmount", invoice.totals.vat, invoice.currency)  # BT-110
    for group in invoice.breakdown:
        _tax_subtotal(total, group, invoice.currency)


def _tax_subtotal(total: _Element, group: VatBreakdown, currency: str) -> None:
    subtotal = block(total, "cac:TaxSubtotal")  # BG-23
    _amount(subtotal, "cbc:TaxableAmount", group.taxable, currency)  # BT-116
    _amount(subtotal, "cbc:TaxAmount", group.tax, currency)  # BT-117
    category = block(subtotal, "cac:TaxCategory")
    field(category, "cbc:ID", group.regime.category)  # BT-118
    field(category, "cbc:Percent", printed_rate(group.regime))  # BT-119
    field(category, "cbc:TaxExemptionReasonCode", group.regime.reason_code)  # BT-121
    field(category, "cbc:TaxExemptionReason", group.regime.reason)  # BT-120
    field(block(category, "cac:TaxScheme"), "cbc:ID", "VAT")


def _monetary_total(root: _Element, invoice: Invoice) -> None:
    totals, currency = invoice.totals, invoice.currency
    sums = block(root, "cac:LegalMonetaryTotal")  # BG-22
    _amount(sums, "cbc:LineExtensionAmount", totals.net, currency)  # BT-106
    _amount(sums, "cbc:TaxExclusiveAmount", totals.net, currency)  # BT-109
    _amount(sums, "cbc:TaxInclusiveAmount", totals.gross, currency)  # BT-112
    _amount(sums, "cbc:PayableAmount", totals.gross, currency)  # BT-115


def _invoice_line(root: _Element, line: InvoiceLine, currency: str) -> None:
    element = block(root, "cac:InvoiceLine")  # BG-25
    field(element, "cbc:ID", line.identifier)  # BT-126
    field(element, "cbc:InvoicedQuantity", str(line.quantity), unitCode=line.unit)  # BT-129, 130
    _amount(element, "cbc:LineExtensionAmount", line.net, currency)  # BT-131
    _period(element, line.period)  # BG-26
    item = block(element, "cac:Item")  # BG-31
    field(item, "cbc:Description", line.description)  # BT-154
    field(item, "cbc:Name", line.name)  # BT-153
    category = block(item, "cac:ClassifiedTaxCategory")  # BG-30
    field(category, "cbc:ID", line.vat.category)  # BT-151
    field(category, "cbc:Percent", printed_rate(line.vat))  # BT-152
    field(block(category, "cac:TaxScheme"), "cbc:ID", "VAT")
    price = block(element, "cac:Price")  # BG-29
    field(price, "cbc:PriceAmount", number(line.price), currencyID=currency)  # BT-146
    field(price, "cbc:BaseQuantity", str(line.price_base), unitCode=line.unit)  # BT-149, BT-150


def _period(parent: _Element, period: Period) -> None:
    element = block(parent, "cac:InvoicePeriod")
    field(element, "cbc:StartDate", period.start.isoformat())  # BT-73, BT-134
    field(element, "cbc:EndDate", period.end.isoformat())  # BT-74, BT-135


def _amount(parent: _Element, tag: str, amount: Money, currency: str) -> None:
    field(parent, tag, str(amount), currencyID=currency)
