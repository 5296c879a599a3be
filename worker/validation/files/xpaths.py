"""How the amounts that make others are read in UBL and CII, with their allowances and charges.

Business terms stand where ``billing/bindings.py`` says. Charges for logistics (BT-X-272)
exist in CII only, in the profiles EXTENDED.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from lxml import etree
from lxml.etree import _Element

from worker.billing.bindings import PLACES
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
    """Where a syntax keeps the amounts that make others.

    Attributes:
        paths: by the number of the business term.
        agreed: the agreed price of a unit with all taxes, in a line of ours.
        line_change: the allowances and charges of a line.
        changes: those of the whole document.
    """

    paths: Mapping[str, str]
    agreed: str
    line_change: Change
    changes: tuple[Change, ...]

    def __getitem__(self, term: str) -> str:
        """Where a term stands (bindings.py)."""
        return self.paths[term]


_UBL = {term: place.ubl for term, place in PLACES.items()}
_CII = {term: place.cii for term, place in PLACES.items()}
UBL = Places(
    paths=_UBL,
    agreed=f"{_UBL['BG-32']}[{_UBL['BT-160']} = '{AGREED_PRICE}']/{_UBL['BT-161']}",
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
)
_HEADER = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"
CII = Places(
    paths=_CII,
    agreed=f"{_CII['BG-32']}[{_CII['BT-160']} = '{AGREED_PRICE}']/{_CII['BT-161']}",
    line_change=Change(
        place="ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeAllowanceCharge",
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
