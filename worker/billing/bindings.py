"""Where each business term of EN 16931 stands in UBL and in CII: the bindings of its part 3.

XPaths with the prefixes of ``NAMESPACES``. A term of a line, of a share of VAT or of the totals
starts from its group (BG-25, BG-23, BG-22), that of an allowance, a charge or a property from its
own (BG-20, BG-21, BG-27, BG-28, BG-32), every other from the root. Here are those that are checked.
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
_PRICE = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
_LINE = "ram:SpecifiedLineTradeSettlement"
_ALLOWANCE_CHARGE = "ram:SpecifiedTradeAllowanceCharge"
_TRUE = "[normalize-space()='true' or normalize-space()='1']"
_UBL_IS_CHARGE = f"cbc:ChargeIndicator{_TRUE}"
_CII_IS_CHARGE = f"ram:ChargeIndicator/*{_TRUE}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a term stands, by syntax."""

    ubl: str
    cii: str


_NAME = Place("cac:PartyLegalEntity/cbc:RegistrationName", "ram:Name")
_IDENTIFIER = Place("cac:PartyIdentification/cbc:ID", "ram:GlobalID[@schemeID='0009']")
_REGISTRATION = Place("cac:PartyLegalEntity/cbc:CompanyID", "ram:SpecifiedLegalOrganization/ram:ID")
"""Of a party: the seller (BG-4) or the buyer (BG-7)."""

PLACES: Mapping[str, Place] = {
    "BT-1": Place("cbc:ID", f"{_HEADER}/ram:ID"),
    "BT-3": Place("cbc:InvoiceTypeCode | cbc:CreditNoteTypeCode", f"{_HEADER}/ram:TypeCode"),
    "BT-5": Place("cbc:DocumentCurrencyCode", f"{_SETTLEMENT}/ram:InvoiceCurrencyCode"),
    "BT-6": Place("cbc:TaxCurrencyCode", f"{_SETTLEMENT}/ram:TaxCurrencyCode"),
    "BT-10": Place("cbc:BuyerReference", f"{_AGREEMENT}/ram:BuyerReference"),
    "BT-12": Place(
        "cac:ContractDocumentReference/cbc:ID",
        f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID",
    ),
    "BT-13": Place(
        "cac:OrderReference/cbc:ID",
        f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    ),
    "BT-23": Place(
        "cbc:ProfileID", f"{_CONTEXT}/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
    ),
    "BT-24": Place(
        "cbc:CustomizationID", f"{_CONTEXT}/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID"
    ),
    "BT-27": Place(f"{_SUPPLIER}/{_NAME.ubl}", f"{_SELLER}/{_NAME.cii}"),
    "BT-29": Place(f"{_SUPPLIER}/{_IDENTIFIER.ubl}", f"{_SELLER}/{_IDENTIFIER.cii}"),
    "BT-30": Place(f"{_SUPPLIER}/{_REGISTRATION.ubl}", f"{_SELLER}/{_REGISTRATION.cii}"),
    "BT-44": Place(f"{_CUSTOMER}/{_NAME.ubl}", f"{_BUYER}/{_NAME.cii}"),
    "BT-46": Place(f"{_CUSTOMER}/{_IDENTIFIER.ubl}", f"{_BUYER}/{_IDENTIFIER.cii}"),
    "BT-47": Place(f"{_CUSTOMER}/{_REGISTRATION.ubl}", f"{_BUYER}/{_REGISTRATION.cii}"),
    "BT-81": Place("cac:PaymentMeans/cbc:PaymentMeansCode", f"{_MEANS}/ram:TypeCode"),
    "BT-84": Place(
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
        f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount/"
        "*[self::ram:IBANID or self::ram:ProprietaryID]",
    ),
    "BG-20": Place(
        f"cac:AllowanceCharge[not({_UBL_IS_CHARGE})]",
        f"{_SETTLEMENT}/{_ALLOWANCE_CHARGE}[not({_CII_IS_CHARGE})]",
    ),
    "BT-92": Place("cbc:Amount", "ram:ActualAmount"),
    "BT-95": Place("cac:TaxCategory/cbc:ID", "ram:CategoryTradeTax/ram:CategoryCode"),
    "BT-96": Place("cac:TaxCategory/cbc:Percent", "ram:CategoryTradeTax/ram:RateApplicablePercent"),
    # With those for logistics (BT-X-272), in CII and the profiles EXTENDED only.
    "BG-21": Place(
        f"cac:AllowanceCharge[{_UBL_IS_CHARGE}]",
        f"{_SETTLEMENT}/{_ALLOWANCE_CHARGE}[{_CII_IS_CHARGE}]"
        f" | {_SETTLEMENT}/ram:SpecifiedLogisticsServiceCharge",
    ),
    "BT-99": Place("cbc:Amount", "ram:ActualAmount | ram:AppliedAmount"),
    "BT-102": Place(
        "cac:TaxCategory/cbc:ID",
        "*[self::ram:CategoryTradeTax or self::ram:AppliedTradeTax]/ram:CategoryCode",
    ),
    "BT-103": Place(
        "cac:TaxCategory/cbc:Percent",
        "*[self::ram:CategoryTradeTax or self::ram:AppliedTradeTax]/ram:RateApplicablePercent",
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
    # In CII the attachments of a Factur-X travel beside its XML.
    "BG-24": Place(
        "cac:AdditionalDocumentReference", f"{_AGREEMENT}/ram:AdditionalReferencedDocument"
    ),
    "BT-125": Place(
        "cac:Attachment/cbc:EmbeddedDocumentBinaryObject", "ram:AttachmentBinaryObject"
    ),
    # Groups and information (EXTENDED) are no lines of the calculation.
    "BG-25": Place(
        "cac:InvoiceLine | cac:CreditNoteLine",
        f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem"
        "[not(ram:AssociatedDocumentLineDocument/ram:LineStatusReasonCode[. != 'DETAIL'])]",
    ),
    "BT-129": Place(
        "cbc:InvoicedQuantity | cbc:CreditedQuantity",
        "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    ),
    "BT-131": Place(
        "cbc:LineExtensionAmount",
        f"{_LINE}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    ),
    "BG-27": Place(
        f"cac:AllowanceCharge[not({_UBL_IS_CHARGE})]",
        f"{_LINE}/{_ALLOWANCE_CHARGE}[not({_CII_IS_CHARGE})]",
    ),
    "BT-136": Place("cbc:Amount", "ram:ActualAmount"),
    "BG-28": Place(
        f"cac:AllowanceCharge[{_UBL_IS_CHARGE}]", f"{_LINE}/{_ALLOWANCE_CHARGE}[{_CII_IS_CHARGE}]"
    ),
    "BT-141": Place("cbc:Amount", "ram:ActualAmount"),
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
    "BG-32": Place(
        "cac:Item/cac:AdditionalItemProperty",
        "ram:SpecifiedTradeProduct/ram:ApplicableProductCharacteristic",
    ),
    "BT-160": Place("cbc:Name", "ram:Description"),
    "BT-161": Place("cbc:Value", "ram:Value"),
}
