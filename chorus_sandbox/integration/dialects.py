"""Where each XML syntax keeps what the sandbox looks at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chorus_sandbox.integration import schemas


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Repeated elements and what each says.

    Attributes:
        at: XPath of the elements, from the root.
        paths: XPath of each field, from one of them.
    """

    at: str
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where one XML syntax keeps what the controls look at.

    Attributes:
        schema: its XSD, a name of `schemas`.
        namespaces: prefixes of the paths.
        paths: XPath of each field of `Read`, from the root.
        tags: the same places as the portal names them in its messages (§4.3).
        lines: the invoice lines.
        rates: the VAT breakdown.
    """

    schema: str
    namespaces: Mapping[str, str]
    paths: Mapping[str, str]
    tags: Mapping[str, str]
    lines: Rows
    rates: Rows


_AGREEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeAgreement"
_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"
_MEANS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementPaymentMeans"
_ACCOUNT = f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount"
_SUMMATION = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_CII_PATHS = {
    "number": "rsm:ExchangedDocument/ram:ID",
    "issued_on": "rsm:ExchangedDocument/ram:IssueDateTime/udt:DateTimeString",
    "type_code": "rsm:ExchangedDocument/ram:TypeCode",
    "framework": "rsm:ExchangedDocumentContext"
    "/ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
    "seller": f"{_AGREEMENT}/ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "buyer": f"{_AGREEMENT}/ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
    "service": f"{_AGREEMENT}/ram:BuyerReference",
    "engagement": f"{_AGREEMENT}/ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
    "contract": f"{_AGREEMENT}/ram:ContractReferencedDocument/ram:IssuerAssignedID",
    "preceding": f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
    "currency": f"{_SETTLEMENT}/ram:InvoiceCurrencyCode",
    "means": f"{_MEANS}/ram:TypeCode",
    "accounts": f"{_ACCOUNT}/ram:IBANID | {_ACCOUNT}/ram:ProprietaryID",
    "net": f"{_SUMMATION}/ram:TaxBasisTotalAmount",
    "gross": f"{_SUMMATION}/ram:GrandTotalAmount",
    "due": f"{_SUMMATION}/ram:DuePayableAmount",
}
_CII_LINE = "ram:SpecifiedLineTradeSettlement"
_CII_LINES = Rows(
    at="rsm:SupplyChainTradeTransaction/ram:IncludedSupplyChainTradeLineItem",
    paths={
        "number": "ram:AssociatedDocumentLineDocument/ram:LineID",
        "reference": "ram:SpecifiedTradeProduct/ram:SellerAssignedID",
        "name": "ram:SpecifiedTradeProduct/ram:Name",
        "quantity": "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
        "unit": "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode",
        "price": "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount",
        "rate": f"{_CII_LINE}/ram:ApplicableTradeTax/ram:RateApplicablePercent",
        "net": f"{_CII_LINE}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    },
)
_CII_RATES = Rows(
    at=f"{_SETTLEMENT}/ram:ApplicableTradeTax",
    paths={
        "rate": "ram:RateApplicablePercent",
        "base": "ram:BasisAmount",
        "tax": "ram:CalculatedAmount",
    },
)
_CII_NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}


def _ubl_party(party: str) -> str:
    """The SIRET of a party: where the historic dialect puts it, else BT-30 or BT-47."""
    historic = f"{party}/cac:Party/cac:PartyIdentification/cbc:ID[@schemeName='1']"
    return f"{historic} | {party}/cac:Party/cac:PartyLegalEntity/cbc:CompanyID"


_UBL_PATHS = {
    "number": "cbc:ID",
    "issued_on": "cbc:IssueDate",
    "type_code": "cbc:InvoiceTypeCode",
    "framework": "cbc:ProfileID",
    "seller": _ubl_party("cac:AccountingSupplierParty"),
    "buyer": _ubl_party("cac:AccountingCustomerParty"),
    "service": "cbc:BuyerReference",
    "engagement": "cac:OrderReference/cbc:ID",
    "contract": "cac:ContractDocumentReference/cbc:ID",
    "preceding": "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    "currency": "cbc:DocumentCurrencyCode",
    "means": "cac:PaymentMeans/cbc:PaymentMeansCode",
    "accounts": "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
    "net": "cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",
    "gross": "cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
    "due": "cac:LegalMonetaryTotal/cbc:PayableAmount",
}
_UBL_LINES = Rows(
    at="cac:InvoiceLine",
    paths={
        "number": "cbc:ID",
        "reference": "cac:Item/cac:SellersItemIdentification/cbc:ID",
        "name": "cac:Item/cbc:Name",
        "quantity": "cbc:InvoicedQuantity",
        "unit": "cbc:InvoicedQuantity/@unitCode",
        "price": "cac:Price/cbc:PriceAmount",
        "rate": "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",
        "net": "cbc:LineExtensionAmount",
    },
)
_UBL_RATES = Rows(
    at="cac:TaxTotal/cac:TaxSubtotal",
    paths={
        "rate": "cac:TaxCategory/cbc:Percent",
        "base": "cbc:TaxableAmount",
        "tax": "cbc:TaxAmount",
    },
)
_UBL_NAMESPACES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def _tags(paths: Mapping[str, str], start: str) -> dict[str, str]:
    return {
        field: start + re.sub(r"\w+:|\[.*?\]| \|.*", "", path).replace("/", ".") + ".value"
        for field, path in paths.items()
    }


CII_DIALECT = Dialect(
    schema=schemas.CII,
    namespaces=_CII_NAMESPACES,
    paths=_CII_PATHS,
    tags=_tags(_CII_PATHS, "FichierXml."),
    lines=_CII_LINES,
    rates=_CII_RATES,
)
FACTUR_X_DIALECT = replace(CII_DIALECT, schema=schemas.FACTUR_X)
UBL_DIALECT = Dialect(
    schema=schemas.UBL_INVOICE,
    namespaces=_UBL_NAMESPACES,
    paths=_UBL_PATHS,
    tags=_tags(_UBL_PATHS, ""),
    lines=_UBL_LINES,
    rates=_UBL_RATES,
)
