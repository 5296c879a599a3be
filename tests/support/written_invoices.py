"""Reads an invoice back from the XML that ``ubl`` or ``cii`` wrote, in any of our profiles.

What no business term holds is found in our own words: the statement in its note, the agreed price
and the grid in the properties of the line. What the file does not hold at all is left out: how the
VAT was rounded, whether a credit note is internal, and the attachments beside a CII.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element

from worker.billing.bindings import PLACES
from worker.billing.invoice import (
    GRID,
    ContactPoint,
    Invoice,
    InvoiceLine,
    ItemAttribute,
    Note,
    Party,
    PaymentMeans,
    PrecedingInvoice,
    SupportingDocument,
    Totals,
    VatBreakdown,
)
from worker.billing.members import Address
from worker.billing.money import Money, cost
from worker.billing.period import Period
from worker.billing.quantity import quantity_of
from worker.billing.standard import (
    CII_ROOT,
    NAMESPACES,
    UBL_CREDIT_NOTE_ROOT,
    UBL_INVOICE_ROOT,
)
from worker.billing.vat import VatCategory, VatPoint, VatRegime
from worker.formats.cii import DUE_DATE_TYPES
from worker.formats.mapping import PUBLIC_BUYER
from worker.formats.ubl import VAT_POINT_CODES

_AGREED = re.compile(r"Prix TTC (?:par|pour) (?:(\d+) )?.* \(EUR\)")
"""BT-160 of the agreed price, and the units that it is for."""

Rate = tuple[str, str]
"""A category of VAT (BT-118, BT-151) and its rate as written (BT-119, BT-152)."""
_QUOTED = re.compile(r"^État détaillé des prestations n° |(, joint à cette facture)?\.$")
"""What surrounds the number of the statement in the first note."""
_CODED_NOTE = re.compile(r"#([A-Z]{3})#(.*)", re.DOTALL)
"""BT-21 and BT-22 in the one element that UBL has for them."""


@dataclass(frozen=True, slots=True)
class _Group:
    """An element whose terms are read by their number in EN 16931."""

    element: _Element
    cii: bool

    def all(self, term: str) -> "list[_Group]":
        path = PLACES[term].cii if self.cii else PLACES[term].ubl
        found = self.element.xpath(path, namespaces=NAMESPACES)
        nodes = found if isinstance(found, list) else []
        return [_Group(node, self.cii) for node in nodes if isinstance(node, _Element)]

    def first(self, term: str) -> "_Group | None":
        return next(iter(self.all(term)), None)

    def text(self, term: str) -> str:
        """Nothing when the term is absent."""
        found = self.first(term)
        return "" if found is None else found.element.text or ""

    def attribute(self, term: str, name: str) -> str:
        found = self.first(term)
        return "" if found is None else found.element.get(name, "")

    def money(self, term: str) -> Money:
        return Money.of(Decimal(self.text(term) or 0))

    def day(self, term: str) -> date:
        return date.fromisoformat(self.text(term))


def read_invoice(xml: bytes) -> Invoice:
    """The invoice or credit note that a document of ours holds.

    Raises:
        ValueError: when it is neither UBL nor CII, or lacks a term that each document of ours has.
        KeyError: when a line is of a rate of VAT that has no share, or BT-8 of no value of ours.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(xml, parser)
    if root.tag not in {CII_ROOT, UBL_INVOICE_ROOT, UBL_CREDIT_NOTE_ROOT}:
        raise ValueError(f"neither UBL nor CII: {root.tag!s}")
    document = _Group(root, root.tag == CII_ROOT)
    breakdown = {_rate(group, "BT-118", "BT-119"): _share(group) for group in document.all("BG-23")}
    lines = tuple(_line(line, breakdown) for line in document.all("BG-25"))
    statement, *others = [_note(note) for note in document.all("BG-1")]
    period = Period(document.day("BT-73"), document.day("BT-74"))
    return Invoice(
        number=document.text("BT-1"),
        issue_date=document.day("BT-2"),
        due_date=document.day("BT-9") if document.text("BT-9") else None,
        type_code=document.text("BT-3"),
        currency=document.text("BT-5"),
        vat_point=_vat_point(document),
        year=period.start.year,
        period=period,
        seller=_seller(document),
        buyer=_buyer(document),
        service_code=document.text("BT-10"),
        contract=document.text("BT-12"),
        engagement=document.text("BT-13"),
        payment=_payment(document),
        payment_terms=document.text("BT-20"),
        lines=lines,
        breakdown=tuple(breakdown.values()),
        totals=_totals(document),
        grid_versions=tuple(
            dict.fromkeys(
                attribute.value
                for line in lines
                for attribute in line.attributes
                if attribute.name == GRID
            )
        ),
        notes=tuple(note for note in others if note != PUBLIC_BUYER),
        preceding=_preceding(document),
        statement_number=_QUOTED.sub("", statement.text),
        attachments=tuple(_attachment(reference) for reference in document.all("BG-24")),
    )


def _vat_point(document: _Group) -> VatPoint | None:
    codes = DUE_DATE_TYPES if document.cii else VAT_POINT_CODES
    points = {code: point for point, code in codes.items()}
    code = document.text("BT-8")
    return points[code] if code else None


def _note(note: _Group) -> Note:
    if note.cii:
        return Note(text=note.text("BT-22"), code=note.text("BT-21"))
    text = note.element.text or ""
    coded = _CODED_NOTE.fullmatch(text)
    return Note(text=coded[2], code=coded[1]) if coded else Note(text=text)


def _seller(document: _Group) -> Party:
    contact = None
    if document.first("BG-6") is not None:
        contact = ContactPoint(
            name=document.text("BT-41"),
            phone=document.text("BT-42"),
            email=document.text("BT-43"),
        )
    return Party(
        name=document.text("BT-27"),
        siret=document.text("BT-29"),
        vat_number=document.text("BT-31"),
        legal_form=document.text("BT-33"),
        contact=contact,
        address=Address(
            line1=document.text("BT-35"),
            line2=document.text("BT-36"),
            city=document.text("BT-37"),
            postcode=document.text("BT-38"),
            country=document.text("BT-40"),
        ),
    )


def _buyer(document: _Group) -> Party:
    return Party(
        name=document.text("BT-44"),
        siret=document.text("BT-46"),
        vat_number=document.text("BT-48"),
        address=Address(
            line1=document.text("BT-50"),
            line2=document.text("BT-51"),
            city=document.text("BT-52"),
            postcode=document.text("BT-53"),
            country=document.text("BT-55"),
        ),
    )


def _payment(document: _Group) -> PaymentMeans | None:
    code = document.text("BT-81")
    if not code:
        return None
    return PaymentMeans(
        code=code,
        iban=document.text("BT-84"),
        account_name=document.text("BT-85"),
        bic=document.text("BT-86"),
    )


def _preceding(document: _Group) -> PrecedingInvoice | None:
    number = document.text("BT-25")
    return PrecedingInvoice(number=number, issue_date=document.day("BT-26")) if number else None


def _attachment(reference: _Group) -> SupportingDocument:
    return SupportingDocument(
        reference=reference.text("BT-122"),
        description=reference.text("BT-123"),
        file_name=reference.attribute("BT-125", "filename"),
        media_type=reference.attribute("BT-125", "mimeCode"),
    )


def _totals(document: _Group) -> Totals:
    (sums,) = document.all("BG-22")
    return Totals(
        net=sums.money("BT-109"),
        vat=document.money("BT-110"),
        gross=sums.money("BT-112"),
        rounding=sums.money("BT-114"),
    )


def _share(group: _Group) -> VatBreakdown:
    regime = VatRegime(
        category=VatCategory(group.text("BT-118")),
        rate=Decimal(group.text("BT-119") or 0),
        reason=group.text("BT-120"),
        reason_code=group.text("BT-121"),
    )
    return VatBreakdown(regime=regime, taxable=group.money("BT-116"), tax=group.money("BT-117"))


def _rate(group: _Group, category: str, rate: str) -> Rate:
    return group.text(category), group.text(rate)


def _line(line: _Group, breakdown: Mapping[Rate, VatBreakdown]) -> InvoiceLine:
    attributes = tuple(
        ItemAttribute(name=item.text("BT-160"), value=item.text("BT-161"))
        for item in line.all("BG-32")
    )
    named = ((_AGREED.fullmatch(item.name), item.value) for item in attributes)
    ((match, price),) = ((found, value) for found, value in named if found)
    units = int(match[1] or 1)
    quantity, agreed = quantity_of(Decimal(line.text("BT-129"))), Money.of(Decimal(price))
    return InvoiceLine(
        identifier=line.text("BT-126"),
        name=line.text("BT-153"),
        description=line.text("BT-154"),
        quantity=quantity,
        unit=line.attribute("BT-129", "unitCode"),
        price=Decimal(line.text("BT-146")),
        price_base=int(line.text("BT-149")),
        net=line.money("BT-131"),
        vat=breakdown[_rate(line, "BT-151", "BT-152")].regime,
        period=Period(line.day("BT-134"), line.day("BT-135")),
        unit_price_gross=agreed,
        gross=cost(agreed, quantity, units),
        price_units=units,
        item=line.text("BT-155"),
        attributes=attributes,
    )
