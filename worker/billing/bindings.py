"""Where each business term of EN 16931 stands in UBL and in CII: the bindings of its part 3.

XPaths with the prefixes of ``NAMESPACES``. A term of a line, of a share of VAT or of the totals
starts from its group (BG-25, BG-23, BG-22), a property from BG-32, every other from the root.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_TRADE = "rsm:SupplyChainTradeTransaction"
_AGREEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_MEANS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
_HEADER = "rsm:ExchangedDocument"
_CONTEXT = "rsm:ExchangedDocumentContext"
_SUPPLIER = "cac:AccountingSupplierParty/cac:Party"
_CUSTOMER = "cac:AccountingCustomerParty/cac:Party"
_SELLER = f"{_AGREEMENT}/ram:SellerTradeParty"
_BUYER = f"{_AGREEMENT}/ram:BuyerTradeParty"
_DATE = "udt:DateTimeString"
_PRICE = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
_PRODUCT = "ram:SpecifiedTradeProduct"
_LINE = "ram:SpecifiedLineTradeSettlement"
_PERIOD = "ram:BillingSpecifiedPeriod"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a term stands, by syntax."""

    ubl: str
    cii: str


_OF_A_PARTY: Mapping[tuple[str, str], Place] = {
    ("BT-27", "BT-44"): Place("cac:PartyLegalEntity/cbc:RegistrationName", "ram:Name"),
    ("BT-29", "BT-46"): Place("cac:PartyIdentification/cbc:ID", "ram:GlobalID[@schemeID='0009']"),
    ("BT-30", "BT-47"): Place(
        "cac:PartyLegalEntity/cbc:CompanyID", "ram:SpecifiedLegalOrganization/ram:ID"
    ),
    ("BT-31", "BT-48"): Place(
        "cac:PartyTaxScheme[cac:TaxScheme/cbc:ID='VAT']/cbc:CompanyID",
        "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']",
    ),
    ("BT-35", "BT-50"): Place(
        "cac:PostalAddress/cbc:StreetName", "ram:PostalTradeAddress/ram:LineOne"
    ),
    ("BT-36", "BT-51"): Place(
        "cac:PostalAddress/cbc:AdditionalStreetName", "ram:PostalTradeAddress/ram:LineTwo"
    ),
    ("BT-37", "BT-52"): Place(
        "cac:PostalAddress/cbc:CityName", "ram:PostalTradeAddress/ram:CityName"
    ),
    ("BT-38", "BT-53"): Place(
        "cac:PostalAddress/cbc:PostalZone", "ram:PostalTradeAddress/ram:PostcodeCode"
    ),
    ("BT-40", "BT-55"): Place(
        "cac:PostalAddress/cac:Country/cbc:IdentificationCode",
        "ram:PostalTradeAddress/ram:CountryID",
    ),
}
"""The same place in the seller (BG-4) and the buyer (BG-7)."""

PLACES: Mapping[str, Place] = {
    "BT-1": Place("cbc:ID", f"{_HEADER}/ram:ID"),
    "BT-2": Place("cbc:IssueDate", f"{_HEADER}/ram:IssueDateTime/{_DATE}"),
    "BT-3": Place("cbc:InvoiceTypeCode | cbc:CreditNoteTypeCode", f"{_HEADER}/ram:TypeCode"),
    "BT-5": Place("cbc:DocumentCurrencyCode", f"{_SETTLEMENT}/ram:InvoiceCurrencyCode"),
    "BT-6": Place("cbc:TaxCurrencyCode", f"{_SETTLEMENT}/ram:TaxCurrencyCode"),
    "BT-8": Place(
        "cac:InvoicePeriod/cbc:DescriptionCode",
        f"{_SETTLEMENT}/ram:ApplicableTradeTax/ram:DueDateTypeCode",
    ),
    "BT-9": Place(
        "cbc:DueDate", f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/{_DATE}"
    ),
    "BT-10": Place("cbc:BuyerReference", f"{_AGREEMENT}/ram:BuyerReference"),
    "BT-12": Place(
        "cac:ContractDocumentReference/cbc:ID",
        f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID",
    ),
    "BT-13": Place(
        "cac:OrderReference/cbc:ID",
        f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    ),
    "BT-20": Place(
        "cac:PaymentTerms/cbc:Note", f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:Description"
    ),
    "BG-1": Place("cbc:Note", f"{_HEADER}/ram:IncludedNote"),
    # From BG-1: UBL has one element for both.
    "BT-21": Place("", "ram:SubjectCode"),
    "BT-22": Place(".", "ram:Content"),
    "BT-23": Place(
        "cbc:ProfileID", f"{_CONTEXT}/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
    ),
    "BT-24": Place(
        "cbc:CustomizationID", f"{_CONTEXT}/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
    ),
    "BT-25": Place(
        "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
        f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    ),
    "BT-26": Place(
        "cac:BillingReference/cac:InvoiceDocumentReference/cbc:IssueDate",
        f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime/"
        "qdt:DateTimeString",
    ),
    **{
        term: Place(f"{_SUPPLIER}/{place.ubl}", f"{_SELLER}/{place.cii}")
        for (term, _), place in _OF_A_PARTY.items()
    },
    **{
        term: Place(f"{_CUSTOMER}/{place.ubl}", f"{_BUYER}/{place.cii}")
        for (_, term), place in _OF_A_PARTY.items()
    },
    "BT-33": Place(
        f"{_SUPPLIER}/cac:PartyLegalEntity/cbc:CompanyLegalForm", f"{_SELLER}/ram:Description"
    ),
    "BG-6": Place(f"{_SUPPLIER}/cac:Contact", f"{_SELLER}/ram:DefinedTradeContact"),
    "BT-41": Place(
        f"{_SUPPLIER}/cac:Contact/cbc:Name", f"{_SELLER}/ram:DefinedTradeContact/ram:PersonName"
    ),
    "BT-42": Place(
        f"{_SUPPLIER}/cac:Contact/cbc:Telephone",
        f"{_SELLER}/ram:DefinedTradeContact/ram:TelephoneUniversalCommunication/ram:CompleteNumber",
    ),
    "BT-43": Place(
        f"{_SUPPLIER}/cac:Contact/cbc:ElectronicMail",
        f"{_SELLER}/ram:DefinedTradeContact/ram:EmailURIUniversalCommunication/ram:URIID",
    ),
    "BT-73": Place(
        "cac:InvoicePeriod/cbc:StartDate", f"{_SETTLEMENT}/{_PERIOD}/ram:StartDateTime/{_DATE}"
    ),
    "BT-74": Place(
        "cac:InvoicePeriod/cbc:EndDate", f"{_SETTLEMENT}/{_PERIOD}/ram:EndDateTime/{_DATE}"
    ),
    "BT-81": Place("cac:PaymentMeans/cbc:PaymentMeansCode", f"{_MEANS}/ram:TypeCode"),
    "BT-84": Place(
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
        f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount/"
        "*[self::ram:IBANID or self::ram:ProprietaryID]",
    ),
    "BT-85": Place(
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:Name",
        f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount/ram:AccountName",
    ),
    "BT-86": Place(
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID",
        f"{_MEANS}/ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID",
    ),
    "BG-22": Place(
        "cac:LegalMonetaryTotal",
        f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation",
    ),
    "BT-106": Place("cbc:LineExtensionAmount", "ram:LineTotalAmount"),
    "BT-107": Place("cbc:AllowanceTotalAmount", "ram:AllowanceTotalAmount"),
    "BT-108": Place("cbc:ChargeTotalAmount", "ram:ChargeTotalAmount"),
    "BT-109": Place("cbc:TaxExclusiveAmount", "ram:TaxBasisTotalAmount"),
    # From the root: in UBL it stands beside BG-22, and BT-111 at the same place.
    "BT-110": Place(
        "cac:TaxTotal/cbc:TaxAmount",
        f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:TaxTotalAmount",
    ),
    "BT-112": Place("cbc:TaxInclusiveAmount", "ram:GrandTotalAmount"),
    "BT-113": Place("cbc:PrepaidAmount", "ram:TotalPrepaidAmount"),
    "BT-114": Place("cbc:PayableRoundingAmount", "ram:RoundingAmount"),
    "BT-115": Place("cbc:PayableAmount", "ram:DuePayableAmount"),
    "BG-23": Place("cac:TaxTotal/cac:TaxSubtotal", f"{_SETTLEMENT}/ram:ApplicableTradeTax"),
    "BT-116": Place("cbc:TaxableAmount", "ram:BasisAmount"),
    "BT-117": Place("cbc:TaxAmount", "ram:CalculatedAmount"),
    "BT-118": Place("cac:TaxCategory/cbc:ID", "ram:CategoryCode"),
    "BT-119": Place("cac:TaxCategory/cbc:Percent", "ram:RateApplicablePercent"),
    "BT-120": Place("cac:TaxCategory/cbc:TaxExemptionReason", "ram:ExemptionReason"),
    "BT-121": Place("cac:TaxCategory/cbc:TaxExemptionReasonCode", "ram:ExemptionReasonCode"),
    # In CII the attachments of a Factur-X travel beside its XML.
    "BG-24": Place(
        "cac:AdditionalDocumentReference", f"{_AGREEMENT}/ram:AdditionalReferencedDocument"
    ),
    "BT-122": Place("cbc:ID", "ram:IssuerAssignedID"),
    "BT-123": Place("cbc:DocumentDescription", "ram:Name"),
    "BT-125": Place(
        "cac:Attachment/cbc:EmbeddedDocumentBinaryObject", "ram:AttachmentBinaryObject"
    ),
    # Groups and information (EXTENDED) are no lines of the calculation.
    "BG-25": Place(
        "cac:InvoiceLine | cac:CreditNoteLine",
        f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem"
        "[not(ram:AssociatedDocumentLineDocument/ram:LineStatusReasonCode[. != 'DETAIL'])]",
    ),
    "BT-126": Place("cbc:ID", "ram:AssociatedDocumentLineDocument/ram:LineID"),
    "BT-129": Place(
        "cbc:InvoicedQuantity | cbc:CreditedQuantity",
        "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    ),
    "BT-131": Place(
        "cbc:LineExtensionAmount",
        f"{_LINE}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    ),
    "BT-134": Place(
        "cac:InvoicePeriod/cbc:StartDate", f"{_LINE}/{_PERIOD}/ram:StartDateTime/{_DATE}"
    ),
    "BT-135": Place("cac:InvoicePeriod/cbc:EndDate", f"{_LINE}/{_PERIOD}/ram:EndDateTime/{_DATE}"),
    "BT-146": Place("cac:Price/cbc:PriceAmount", f"{_PRICE}/ram:ChargeAmount"),
    "BT-149": Place("cac:Price/cbc:BaseQuantity", f"{_PRICE}/ram:BasisQuantity"),
    "BT-151": Place(
        "cac:Item/cac:ClassifiedTaxCategory/cbc:ID",
        f"{_LINE}/ram:ApplicableTradeTax/ram:CategoryCode",
    ),
    "BT-152": Place(
        "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",
        f"{_LINE}/ram:ApplicableTradeTax/ram:RateApplicablePercent",
    ),
    "BT-153": Place("cac:Item/cbc:Name", f"{_PRODUCT}/ram:Name"),
    "BT-154": Place("cac:Item/cbc:Description", f"{_PRODUCT}/ram:Description"),
    "BT-155": Place(
        "cac:Item/cac:SellersItemIdentification/cbc:ID", f"{_PRODUCT}/ram:SellerAssignedID"
    ),
    "BG-32": Place(
        "cac:Item/cac:AdditionalItemProperty",
        f"{_PRODUCT}/ram:ApplicableProductCharacteristic",
    ),
    "BT-160": Place("cbc:Name", "ram:Description"),
    "BT-161": Place("cbc:Value", "ram:Value"),
}
