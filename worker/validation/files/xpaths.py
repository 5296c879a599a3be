"""Where UBL and CII keep the amounts that make others, and how these are read.

The names are those of EN 16931 (business terms in ``docs/documents.md``). Charges for logistics
(BT-X-272) exist in CII only, in the profiles EXTENDED.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from lxml import etree
from lxml.etree import _Element

from worker.billing.invoice import AGREED_PRICE
from worker.billing.standard import CII_ROOT, NAMESPACES

ZERO = Decimal(0)
MAX_DIGITS = 24
"""Characters of a number: Chorus Pro takes 19 digits and a point."""
Rate = tuple[str, Decimal]
"""A category of VAT and its rate; none is zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Where an allowance or a charge says what it is; without indicator, it is a charge."""

    place: str
    indicator: str = ""
    amount: str
    category: str = ""
    rate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a syntax keeps the amounts that make others."""

    lines: str
    quantity: str
    net: str
    price: str
    base: str
    agreed: str
    category: str
    rate: str
    line_change: Change
    changes: tuple[Change, ...]
    groups: str
    group_base: str
    group_tax: str
    group_category: str
    group_rate: str
    total: str
    lines_total: str
    allowances: str
    charges: str
    net_total: str
    taxes: str
    """Every total of VAT, from the root: that in the currency of the invoice is BT-110."""
    gross_total: str
    paid: str
    rounding: str
    payable: str
    currency: str
    tax_currency: str


UBL = Places(
    lines="cac:InvoiceLine | cac:CreditNoteLine",
    quantity="cbc:InvoicedQuantity | cbc:CreditedQuantity",
    net="cbc:LineExtensionAmount",
    price="cac:Price/cbc:PriceAmount",
    base="cac:Price/cbc:BaseQuantity",
    agreed=f"cac:Item/cac:AdditionalItemProperty[cbc:Name = '{AGREED_PRICE}']/cbc:Value",
    category="cac:Item/cac:ClassifiedTaxCategory/cbc:ID",
    rate="cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",
    line_change=Change(
        place="cac:AllowanceCharge", indicator="cbc:ChargeIndicator", amount="cbc:Amount"
    ),
    changes=(
        Change(
            place="cac:AllowanceCharge",
            indicator="cbc:ChargeIndicator",
            amount="cbc:Amount",
            category="cac:TaxCategory/cbc:ID",
            rate="cac:TaxCategory/cbc:Percent",
        ),
    ),
    groups="cac:TaxTotal/cac:TaxSubtotal",
    group_base="cbc:TaxableAmount",
    group_tax="cbc:TaxAmount",
    group_category="cac:TaxCategory/cbc:ID",
    group_rate="cac:TaxCategory/cbc:Percent",
    total="cac:LegalMonetaryTotal",
    lines_total="cbc:LineExtensionAmount",
    allowances="cbc:AllowanceTotalAmount",
    charges="cbc:ChargeTotalAmount",
    net_total="cbc:TaxExclusiveAmount",
    taxes="cac:TaxTotal/cbc:TaxAmount",
    gross_total="cbc:TaxInclusiveAmount",
    paid="cbc:PrepaidAmount",
    rounding="cbc:PayableRoundingAmount",
    payable="cbc:PayableAmount",
    currency="cbc:DocumentCurrencyCode",
    tax_currency="cbc:TaxCurrencyCode",
)
_TRADE = "rsm:SupplyChainTradeTransaction"
_HEADER = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_PRICE = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
_LINE = "ram:SpecifiedLineTradeSettlement"
CII = Places(
    # Groups and information (EXTENDED) are no lines of the calculation.
    lines=f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem"
    "[not(ram:AssociatedDocumentLineDocument/ram:LineStatusReasonCode[. != 'DETAIL'])]",
    quantity="ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    net=f"{_LINE}/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
    price=f"{_PRICE}/ram:ChargeAmount",
    base=f"{_PRICE}/ram:BasisQuantity",
    agreed="ram:SpecifiedTradeProduct/ram:ApplicableProductCharacteristic"
    f"[ram:Description = '{AGREED_PRICE}']/ram:Value",
    category=f"{_LINE}/ram:ApplicableTradeTax/ram:CategoryCode",
    rate=f"{_LINE}/ram:ApplicableTradeTax/ram:RateApplicablePercent",
    line_change=Change(
        place=f"{_LINE}/ram:SpecifiedTradeAllowanceCharge",
        indicator="ram:ChargeIndicator/*",
        amount="ram:ActualAmount",
    ),
    changes=(
        Change(
            place=f"{_HEADER}/ram:SpecifiedTradeAllowanceCharge",
            indicator="ram:ChargeIndicator/*",
            amount="ram:ActualAmount",
            category="ram:CategoryTradeTax/ram:CategoryCode",
            rate="ram:CategoryTradeTax/ram:RateApplicablePercent",
        ),
        Change(
            place=f"{_HEADER}/ram:SpecifiedLogisticsServiceCharge",
            amount="ram:AppliedAmount",
            category="ram:AppliedTradeTax/ram:CategoryCode",
            rate="ram:AppliedTradeTax/ram:RateApplicablePercent",
        ),
    ),
    groups=f"{_HEADER}/ram:ApplicableTradeTax",
    group_base="ram:BasisAmount",
    group_tax="ram:CalculatedAmount",
    group_category="ram:CategoryCode",
    group_rate="ram:RateApplicablePercent",
    total=f"{_HEADER}/ram:SpecifiedTradeSettlementHeaderMonetarySummation",
    lines_total="ram:LineTotalAmount",
    allowances="ram:AllowanceTotalAmount",
    charges="ram:ChargeTotalAmount",
    net_total="ram:TaxBasisTotalAmount",
    taxes=f"{_HEADER}/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:TaxTotalAmount",
    gross_total="ram:GrandTotalAmount",
    paid="ram:TotalPrepaidAmount",
    rounding="ram:RoundingAmount",
    payable="ram:DuePayableAmount",
    currency=f"{_HEADER}/ram:InvoiceCurrencyCode",
    tax_currency=f"{_HEADER}/ram:TaxCurrencyCode",
)


class TooLong(Exception):
    """A number with more digits than any amount has: computing with it proves nothing."""

    def __init__(self, element: _Element) -> None:
        super().__init__()
        self.element = element


def places_of(root: _Element) -> Places:
    """Those of the syntax of a document."""
    return CII if root.tag == CII_ROOT else UBL


def signed(change: _Element, places: Change) -> Decimal:
    """The amount of a charge, which adds, or of an allowance, which takes away (BG-20, 21, 27, 28).

    Raises:
        TooLong: when it has more digits than an amount.
    """
    amount = number(change, places.amount) or ZERO
    return amount if is_charge(change, places) else -amount


def is_charge(change: _Element, places: Change) -> bool:
    """Whether it is a charge, and not an allowance."""
    if not places.indicator:
        return True
    indicators = elements(change, places.indicator)
    return bool(indicators) and (indicators[0].text or "").strip() in {"true", "1"}


def rate_of(parent: _Element, category: str, rate: str) -> Rate:
    """The category and rate of VAT that stand in an element. Raises TooLong."""
    return text(parent, category), number(parent, rate) or ZERO


def text(parent: _Element, path: str) -> str:
    """The text of the first element at a path, without its spaces; nothing when it is absent."""
    found = elements(parent, path)
    return (found[0].text or "").strip() if found else ""


def number(parent: _Element, path: str) -> Decimal | None:
    """The number at a path, or nothing when it is absent or none.

    Raises:
        TooLong: when it has more digits than any amount.
    """
    written = text(parent, path)
    if len(written) > MAX_DIGITS:
        raise TooLong(elements(parent, path)[0])
    try:
        read = Decimal(written)
    except InvalidOperation:
        return None
    return read if read.is_finite() and abs(read.adjusted()) <= MAX_DIGITS else None


def elements(parent: _Element, path: str) -> list[_Element]:
    """The elements at a path, with the prefixes of ``NAMESPACES``."""
    found = _compiled(path)(parent) if path else []
    return [node for node in found if isinstance(node, _Element)] if isinstance(found, list) else []


@cache
def _compiled(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=NAMESPACES)
