"""The sums of EN 16931 to the cent, and the price of each line.

The official rules are laxer than the standard they run: a base of VAT may be off by a euro (BR-S-08
in UBL), and nothing ties a line to its price (BT-146). Here every sum is exact, as the semantic
model says. A line may be off its price by two cents and no more, as Peppol has it
(PEPPOL-EN16931-R120): a tolerance that grew with the quantity, or with the decimals left out,
would let a price say anything. The lines that we write also give the agreed price with all taxes
(BG-32), from which BT-146 comes to its last decimal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree
from lxml.etree import _Element

from worker.findings import Finding, Severity
from worker.invoice import AGREED_PRICE
from worker.validation.facts import NAMESPACES
from worker.validation.paths import shorten, where

PRICE_SLACK = Decimal("0.02")
HALF_DECIMAL = Decimal("0.0000005")
"""Half of the sixth decimal, the last that Chorus Pro takes of a price."""
HUNDRED = Decimal(100)
ZERO = Decimal(0)
MAX_DIGITS = 24
"""Characters of a number: Chorus Pro takes 19 digits and a point."""
Rate = tuple[str, Decimal]
"""A category of VAT and its rate; none is zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Where an allowance or a charge says what it is."""

    place: str
    indicator: str
    amount: str
    category: str = ""
    rate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where a syntax keeps the amounts that make others."""

    lines: str
    quantity: str
    net: str
    price: str
    base: str
    agreed: str
    category: str
    rate: str
    line_change: _Change
    change: _Change
    groups: str
    group_base: str
    group_category: str
    group_rate: str
    total: str
    lines_total: str
    allowances: str
    charges: str
    net_total: str


_UBL = _Places(
    lines="cac:InvoiceLine | cac:CreditNoteLine",
    quantity="cbc:InvoicedQuantity | cbc:CreditedQuantity",
    net="cbc:LineExtensionAmount",
    price="cac:Price/cbc:PriceAmount",
    base="cac:Price/cbc:BaseQuantity",
    agreed=f"cac:Item/cac:AdditionalItemProperty[cbc:Name = '{AGREED_PRICE}']/cbc:Value",
    category="cac:Item/cac:ClassifiedTaxCategory/cbc:ID",
    rate="cac:Item/cac:ClassifiedTaxCategory/cbc:Percent",
    line_change=_Change(
        place="cac:AllowanceCharge", indicator="cbc:ChargeIndicator", amount="cbc:Amount"
    ),
    change=_Change(
        place="cac:AllowanceCharge",
        indicator="cbc:ChargeIndicator",
        amount="cbc:Amount",
        category="cac:TaxCategory/cbc:ID",
        rate="cac:TaxCategory/cbc:Percent",
    ),
    groups="cac:TaxTotal/cac:TaxSubtotal",
    group_base="cbc:TaxableAmount",
    group_category="cac:TaxCategory/cbc:ID",
    group_rate="cac:TaxCategory/cbc:Percent",
    total="cac:LegalMonetaryTotal",
    lines_total="cbc:LineExtensionAmount",
    allowances="cbc:AllowanceTotalAmount",
    charges="cbc:ChargeTotalAmount",
    net_total="cbc:TaxExclusiveAmount",
)
_TRADE = "rsm:SupplyChainTradeTransaction"
_HEADER = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_PRICE = "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice"
_LINE = "ram:SpecifiedLineTradeSettlement"
_CII = _Places(
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
    line_change=_Change(
        place=f"{_LINE}/ram:SpecifiedTradeAllowanceCharge",
        indicator="ram:ChargeIndicator/*",
        amount="ram:ActualAmount",
    ),
    change=_Change(
        place=f"{_HEADER}/ram:SpecifiedTradeAllowanceCharge",
        indicator="ram:ChargeIndicator/*",
        amount="ram:ActualAmount",
        category="ram:CategoryTradeTax/ram:CategoryCode",
        rate="ram:CategoryTradeTax/ram:RateApplicablePercent",
    ),
    groups=f"{_HEADER}/ram:ApplicableTradeTax",
    group_base="ram:BasisAmount",
    group_category="ram:CategoryCode",
    group_rate="ram:RateApplicablePercent",
    total=f"{_HEADER}/ram:SpecifiedTradeSettlementHeaderMonetarySummation",
    lines_total="ram:LineTotalAmount",
    allowances="ram:AllowanceTotalAmount",
    charges="ram:ChargeTotalAmount",
    net_total="ram:TaxBasisTotalAmount",
)
_LOGISTICS = f"{_HEADER}/ram:SpecifiedLogisticsServiceCharge"


class _TooLong(Exception):
    """A number with more digits than any amount has: computing with it proves nothing."""

    def __init__(self, element: _Element) -> None:
        super().__init__()
        self.element = element


def wrong_amounts(tree: etree._ElementTree, *, tolerant: bool) -> Iterator[Finding]:
    """Every sum that is not exact, every line that its price does not explain.

    Args:
        tree: a UBL or CII document that its schema accepts.
        tolerant: whether its profile allows sums a cent off for each line (EXTENDED-CTC-FR): they
            are then warnings.
    """
    try:
        yield from _wrong(tree, tolerant=tolerant)
    except _TooLong as found:
        yield Finding(
            code="AMOUNT-LENGTH",
            message=f"Un nombre a plus de {MAX_DIGITS} caractères : « "
            f"{shorten(found.element.text or '')} ».",
            remedy="Corrigez ce montant, ce prix ou cette quantité.",
            where=where(found.element),
            value=shorten(found.element.text or ""),
        )


def _wrong(tree: etree._ElementTree, *, tolerant: bool) -> Iterator[Finding]:
    root = tree.getroot()
    is_cii = root.tag == f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice"
    places = _CII if is_cii else _UBL
    lines = _elements(root, places.lines)
    if not lines or _elements(root, _LOGISTICS):
        return  # a profile without lines, or with charges that no other knows
    severity = Severity.WARNING if tolerant else Severity.BLOCKING
    yield from _totals(root, lines, places, severity)
    yield from _bases(root, lines, places, severity)
    for line in lines:
        yield from _price(line, places)
        yield from _agreed_price(line, places)


def _totals(
    root: _Element, lines: list[_Element], places: _Places, severity: Severity
) -> Iterator[Finding]:
    for total in _elements(root, places.total):
        stated = _number(total, places.lines_total)
        computed = sum((_number(line, places.net) or ZERO for line in lines), ZERO)
        yield from _equal(
            "AMOUNT-LINES", "Le total des lignes (BT-106)", stated, computed, severity, total
        )
        net = _number(total, places.net_total)
        allowances = _number(total, places.allowances) or ZERO
        charges = _number(total, places.charges) or ZERO
        computed = (stated or ZERO) - allowances + charges
        yield from _equal("AMOUNT-NET", "Le total HT (BT-109)", net, computed, severity, total)


def _bases(
    root: _Element, lines: list[_Element], places: _Places, severity: Severity
) -> Iterator[Finding]:
    computed: dict[Rate, Decimal] = {}
    for line in lines:
        key = _rate(line, places.category, places.rate)
        computed[key] = computed.get(key, ZERO) + (_number(line, places.net) or ZERO)
    for change in _elements(root, places.change.place):
        key = _rate(change, places.change.category, places.change.rate)
        computed[key] = computed.get(key, ZERO) + _signed(change, places.change)
    stated: dict[Rate, Decimal] = {}
    first: dict[Rate, _Element] = {}
    for group in _elements(root, places.groups):
        key = _rate(group, places.group_category, places.group_rate)
        stated[key] = stated.get(key, ZERO) + (_number(group, places.group_base) or ZERO)
        first.setdefault(key, group)
    for key, base in stated.items():
        label = f"La base de TVA de catégorie {key[0]} (BT-116)"
        yield from _equal("AMOUNT-BASE", label, base, computed.get(key, ZERO), severity, first[key])


def _price(line: _Element, places: _Places) -> Iterator[Finding]:
    numbers = [_number(line, path) for path in (places.quantity, places.net, places.price)]
    if any(number is None for number in numbers):
        return  # what is missing or unreadable is the schema's business
    quantity, net, price = (number for number in numbers if number is not None)
    stated_base = _number(line, places.base)
    base = Decimal(1) if stated_base is None else stated_base
    if base <= 0 or not _same_unit(line, places):
        yield _price_finding(
            line,
            price,
            f"sa base de prix ({base}) ne convient pas : elle est "
            "nulle, négative, ou d'une autre unité que la quantité",
        )
        return
    changes = _elements(line, places.line_change.place)
    computed = quantity * price / base + sum(
        (_signed(change, places.line_change) for change in changes), ZERO
    )
    if abs(computed - net) <= PRICE_SLACK:
        return
    yield _price_finding(
        line, price, f"{quantity} × {price} ÷ {base} donne {computed:.2f}, et non {net}"
    )


def _agreed_price(line: _Element, places: _Places) -> Iterator[Finding]:
    """Our own lines give the agreed price of a unit with all taxes: BT-146 is that, rounded."""
    agreed, price = _number(line, places.agreed), _number(line, places.price)
    base = _number(line, places.base)
    if not _elements(line, places.agreed) or price is None or base is None:
        return
    _, rate = _rate(line, places.category, places.rate)
    with_tax = HUNDRED + rate
    exact = None if agreed is None else agreed * base * HUNDRED
    if exact is None or abs(price * with_tax - exact) > HALF_DECIMAL * with_tax:
        yield Finding(
            code="AMOUNT-AGREED",
            message=f"Le prix net de la ligne ({price} pour {base}) ne vient pas du prix convenu "
            f"TTC qu'elle porte, à {rate} % de TVA.",
            remedy="Corrigez le prix net (BT-146), sa base (BT-149), le taux (BT-152) ou le prix "
            f"convenu (BT-161 de « {AGREED_PRICE} »).",
            where=where(line),
            value=shorten(_elements(line, places.agreed)[0].text or ""),
        )


def _price_finding(line: _Element, price: Decimal, why: str) -> Finding:
    return Finding(
        code="AMOUNT-PRICE",
        message=f"Le montant net de la ligne ne vient pas de sa quantité et de son prix : {why}.",
        remedy="Corrigez le prix net (BT-146), sa base (BT-149), la quantité (BT-129) ou "
        "le montant (BT-131).",
        where=where(line),
        value=str(price),
    )


def _equal(
    code: str,
    label: str,
    stated: Decimal | None,
    computed: Decimal,
    severity: Severity,
    at: _Element,
) -> Iterator[Finding]:
    if stated is not None and stated != computed:
        yield Finding(
            code=code,
            message=f"{label} est de {stated}, mais le calcul donne {computed}.",
            remedy="Corrigez ce montant, ou ceux qui le composent.",
            severity=severity,
            where=where(at),
            value=str(stated),
        )


def _signed(change: _Element, places: _Change) -> Decimal:
    """A charge adds, an allowance takes away (BG-20, 21, 27, 28)."""
    indicators = _elements(change, places.indicator)
    is_charge = bool(indicators) and (indicators[0].text or "").strip() in {"true", "1"}
    amount = _number(change, places.amount) or ZERO
    return amount if is_charge else -amount


def _rate(parent: _Element, category: str, rate: str) -> Rate:
    found = _elements(parent, category)
    return (found[0].text or "").strip() if found else "", _number(parent, rate) or ZERO


def _same_unit(line: _Element, places: _Places) -> bool:
    """A price for another unit than the quantity's cannot be compared."""
    units = {
        element.get("unitCode")
        for path in (places.quantity, places.base)
        for element in _elements(line, path)
        if element.get("unitCode")
    }
    return len(units) <= 1


def _number(parent: _Element, path: str) -> Decimal | None:
    found = _elements(parent, path) if path else []
    text = (found[0].text or "").strip() if found else ""
    if len(text) > MAX_DIGITS:
        raise _TooLong(found[0])
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS else None


def _elements(parent: _Element, path: str) -> list[_Element]:
    found = parent.xpath(path, namespaces=NAMESPACES)
    return [node for node in found if isinstance(node, _Element)] if isinstance(found, list) else []
