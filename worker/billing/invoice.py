"""The invoice in EN 16931's terms, computed from priced lines. It knows no XML and no portal.

The agreed total is TTC (convention C5): net amounts and VAT are derived from it, per VAT regime,
so that the payable total is exact. Method and reasons: docs/documents.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from worker.billing.members import Address, BillingReferences, Member
from worker.billing.money import ZERO, Money, french, nets_of_tax, tax_on, unit_price_net
from worker.billing.period import Period
from worker.billing.quantity import Measure, Quantity, priced
from worker.billing.rating import RatedLine
from worker.billing.standard import AGREED_PRICE, CREDIT_NOTE
from worker.billing.vat import VatCategory, VatMethod, VatPoint, VatRegime

COMMERCIAL_INVOICE = "380"
CREDIT_TRANSFER = "30"
USER_MONTH = "MON"
"""UN/ECE Rec 20 "month": the quantity of a line is users × months."""
MOST_AT_SIX_DECIMALS = 5000
"""Units that a price rounded to six decimals gives to less than half a cent."""
PRICE_BASE_MONTHS = 12
"""BT-149: at 20 %, the net price of twelve months is exact (TTC × 10)."""
GRID = "Grille tarifaire"
"""BT-160 of the version of the grid that a line was priced by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """Whom to ask about an invoice (BG-6): a service, never a person's private data."""

    name: str = ""
    """BT-41."""
    phone: str = ""
    """BT-42."""
    email: str = ""
    """BT-43."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The seller (BG-4) or the buyer (BG-7), as they were when the invoice was made.

    The SIRET is the one identifier kept: profiles derive the others from it, each with its scheme
    (formats/mapping.py).
    """

    name: str
    """BT-27/44."""
    siret: str
    """BT-29/46 and, in direct deposit, BT-30/47."""
    address: Address
    vat_number: str = ""
    """BT-31/48."""
    legal_form: str = ""
    """BT-33, seller only."""
    contact: ContactPoint | None = None
    """BG-6, seller only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text for the reader (BG-1)."""

    text: str
    """BT-22."""
    code: str = ""
    """BT-21, UNTDID 4451: PMT recovery costs, PMD late payment, AAB early payment, REG…"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecedingInvoice:
    """The invoice that a credit note corrects (BG-3)."""

    number: str
    """BT-25."""
    issue_date: date
    """BT-26."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportingDocument:
    """A file that goes with the invoice (BG-24), without its bytes: they are a document."""

    reference: str
    """BT-122."""
    description: str
    """BT-123 in plain French."""
    file_name: str
    """BT-125, its file name: 50 characters at most, with an extension."""
    media_type: str
    """BT-125, its MIME code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAttribute:
    """A property of what is sold (BG-32)."""

    name: str
    """BT-160."""
    value: str
    """BT-161."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMeans:
    """How to pay (BG-16): a credit transfer, the only means Chorus Pro wants from us."""

    iban: str
    """BT-84, without spaces."""
    account_name: str
    """BT-85."""
    bic: str = ""
    """BT-86."""
    code: str = CREDIT_TRANSFER
    """BT-81."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One priced line (BG-25)."""

    identifier: str
    """BT-126."""
    name: str
    """BT-153."""
    description: str
    """BT-154: the TTC price and the computation."""
    quantity: Quantity
    """BT-129, users × months, or what ``measure`` says."""
    unit: str
    """BT-130."""
    price: Decimal
    """BT-146: net price of ``price_base`` units."""
    price_base: int
    """BT-149."""
    net: Money
    """BT-131."""
    vat: VatRegime
    """BT-151, BT-152."""
    period: Period
    """BG-26."""
    unit_price_gross: Money
    """TTC price of ``price_units`` units: agreed, not in EN 16931."""
    gross: Money
    """TTC amount of the line: agreed, not in EN 16931."""
    item: str = ""
    """BT-155, the seller's own code of the service."""
    attributes: tuple[ItemAttribute, ...] = ()
    """BG-32: tier, category, grid."""
    measure: Measure | None = None
    """What the quantity is of; None for users × months."""
    price_units: int = 1
    """Units that ``unit_price_gross`` is the price of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VatBreakdown:
    """One regime's share (BG-23)."""

    regime: VatRegime
    taxable: Money
    """BT-116."""
    tax: Money
    """BT-117."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Document totals (BG-22)."""

    net: Money
    """BT-106 and BT-109: no document-level allowance or charge here."""
    vat: Money
    """BT-110."""
    gross: Money
    """BT-112."""
    rounding: Money = ZERO
    """BT-114: zero unless ``VatMethod.ROUNDING`` had a cent to make up for."""

    @property
    def payable(self) -> Money:
        """BT-115, the agreed amount: nothing is paid in advance here."""
        return self.gross + self.rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft:
    """Everything an invoice says before it has a number. Nothing here changes at issue."""

    year: int
    """The year of the service."""
    seller: Party
    buyer: Party
    service_code: str
    """BT-10."""
    engagement: str
    """BT-13."""
    contract: str
    """BT-12, the convention."""
    period: Period
    """BG-14."""
    payment: PaymentMeans | None
    """None on a credit note: Chorus Pro refuses a means of payment there."""
    payment_terms: str
    """BT-20, with the sentence on late payment (convention C8)."""
    lines: tuple[InvoiceLine, ...]
    breakdown: tuple[VatBreakdown, ...]
    totals: Totals
    grid_versions: tuple[str, ...]
    type_code: str = COMMERCIAL_INVOICE
    """BT-3."""
    currency: str = "EUR"
    """BT-5."""
    vat_method: VatMethod = VatMethod.DIFFERENCE
    vat_point: VatPoint | None = None
    """BT-8; said on taxed invoices only, and only when the configuration knows."""
    notes: tuple[Note, ...] = ()
    """BG-1: what the law or a profile wants said, such as the late-payment terms (PMD)."""
    preceding: PrecedingInvoice | None = None
    """BG-3, on a credit note only."""
    decisions: tuple[str, ...] = ()
    """The délibérations that set the prices, when the grids name them."""
    internal: bool = False
    """A credit note kept in our books, for an invoice the buyer rejected: never transmitted."""

    @property
    def is_credit_note(self) -> bool:
        """Whether it takes back (part of) an invoice; its amounts are positive all the same."""
        return self.type_code == CREDIT_NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(InvoiceDraft):
    """An issued invoice: a draft with its number and dates. It never changes again."""

    number: str
    """BT-1."""
    issue_date: date
    """BT-2."""
    due_date: date | None
    """BT-9; none on a credit note."""
    statement_number: str
    """The statement behind the amounts, quoted in a note (BT-22)."""
    attachments: tuple[SupportingDocument, ...] = ()
    """BG-24."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the seller puts on every invoice."""

    seller: Party
    payment: PaymentMeans
    payment_terms: str
    notes: tuple[Note, ...] = ()
    vat_method: VatMethod = VatMethod.DIFFERENCE
    vat_point: VatPoint | None = None


def build_draft(
    member: Member,
    references: BillingReferences,
    terms: Terms,
    rated: Sequence[RatedLine],
    asked: Sequence[str] = (),
) -> InvoiceDraft:
    """Make the invoice of a member and year from its priced lines, one line each.

    ``asked``: the grids that were asked for a price, those that gave none too.

    An invoice with lines outside VAT names neither party's VAT number, even if they have one for
    other activities (BR-O-02).

    Raises:
        ValueError: without any line.
    """
    nets, breakdown = split_gross([(line.total, line.vat) for line in rated], terms.vat_method)
    lines = tuple(
        _line(str(index), line, net)
        for index, (line, net) in enumerate(zip(rated, nets, strict=True), start=1)
    )
    tells_vat_numbers = all(
        group.regime.category is not VatCategory.OUT_OF_SCOPE for group in breakdown
    )
    return InvoiceDraft(
        year=references.year,
        seller=terms.seller if tells_vat_numbers else replace(terms.seller, vat_number=""),
        buyer=Party(
            name=member.name,
            siret=member.siret,
            address=member.address,
            vat_number=member.vat_number if tells_vat_numbers else "",
        ),
        service_code=references.service_code,
        engagement=references.engagement,
        contract=member.convention,
        period=Period(
            min(line.period.start for line in rated), max(line.period.end for line in rated)
        ),
        payment=terms.payment,
        payment_terms=terms.payment_terms,
        lines=lines,
        breakdown=breakdown,
        totals=totals_of(breakdown, Money.sum(line.total for line in rated)),
        grid_versions=tuple(dict.fromkeys((*(line.grid_version for line in rated), *asked))),
        decisions=tuple(dict.fromkeys(line.decision for line in rated if line.decision)),
        vat_method=terms.vat_method,
        vat_point=terms.vat_point if any(group.regime.taxed for group in breakdown) else None,
        notes=terms.notes,
    )


def totals_of(breakdown: Sequence[VatBreakdown], agreed: Money) -> Totals:
    """Document totals (BG-22) of a breakdown, the payable amount being the agreed one."""
    net = Money.sum(group.taxable for group in breakdown)
    vat = Money.sum(group.tax for group in breakdown)
    return Totals(net=net, vat=vat, gross=net + vat, rounding=agreed - net - vat)


def issue(
    draft: InvoiceDraft,
    *,
    number: str,
    issue_date: date,
    due_date: date | None,
    statement_number: str,
    attachments: tuple[SupportingDocument, ...] = (),
) -> Invoice:
    """Give a draft its number and dates; everything else stays as it is."""
    return Invoice(
        **content_of(draft),
        number=number,
        issue_date=issue_date,
        due_date=due_date,
        statement_number=statement_number,
        attachments=attachments,
    )


def content_of(draft: InvoiceDraft) -> dict[str, Any]:
    """What an invoice or a draft says beside number and dates, by field of ``InvoiceDraft``."""
    return {field.name: getattr(draft, field.name) for field in fields(InvoiceDraft)}


def split_gross(
    amounts: Sequence[tuple[Money, VatRegime]], method: VatMethod = VatMethod.DIFFERENCE
) -> tuple[tuple[Money, ...], tuple[VatBreakdown, ...]]:
    """Derive net amounts and VAT from agreed TTC amounts.

    Per regime: HT is the rounded net of the TTC total, VAT is TTC − HT, and the lines' nets are
    rounded so that they add up to HT, each less than a cent from its exact net. The VAT is never
    more than a cent from base × rate (BR-CO-17 allows it); the total is always the agreed one.
    With ``VatMethod.ROUNDING`` the VAT is the rounded base × rate instead.

    Returns:
        The net of each line, in order, and the breakdown (BG-23) in order of first use.
    """
    nets: dict[int, Money] = {}
    breakdown = []
    for regime in dict.fromkeys(regime for _, regime in amounts):
        indexes = [i for i, (_, other) in enumerate(amounts) if other == regime]
        grosses = [amounts[i][0] for i in indexes]
        shares = nets_of_tax(grosses, regime.rate)
        nets.update(zip(indexes, shares, strict=True))
        net = Money.sum(shares)
        match method:
            case VatMethod.DIFFERENCE:
                tax = Money.sum(grosses) - net
            case VatMethod.ROUNDING:
                tax = tax_on(net, regime.rate)
        breakdown.append(VatBreakdown(regime=regime, taxable=net, tax=tax))
    return tuple(nets[i] for i in range(len(amounts))), tuple(breakdown)


def _line(identifier: str, rated: RatedLine, net: Money) -> InvoiceLine:
    attributes = {
        "Palier (To)": rated.tier,
        "Catégorie tarifaire": rated.category if rated.by_category else None,
        GRID: rated.grid_version,
        agreed_price(rated.measure, rated.price_units): rated.unit_price,
    }
    price, base = _net_price(rated)
    return InvoiceLine(
        identifier=identifier,
        name=rated.name,
        description=f"Prix convenu {french(rated.unit_price)} TTC "
        f"{priced(rated.measure, rated.price_units)}. "
        f"{rated.explanation[:1].upper()}{rated.explanation[1:]}.",
        quantity=rated.quantity,
        unit=USER_MONTH if rated.measure is None else rated.measure.code,
        price=price,
        price_base=base,
        net=net,
        vat=rated.vat,
        period=rated.period,
        unit_price_gross=rated.unit_price,
        gross=rated.total,
        item=rated.service if rated.tier is None else f"{rated.service}-{rated.tier}",
        attributes=tuple(
            ItemAttribute(name=name, value=str(value))
            for name, value in attributes.items()
            if value is not None
        ),
        measure=rated.measure,
        price_units=rated.price_units,
    )


def agreed_price(measure: Measure | None, units: int) -> str:
    """BT-160 of the agreed price, which says what it is the price of."""
    return AGREED_PRICE if measure is None else f"Prix TTC {measure.priced(units)} (EUR)"


def _net_price(rated: RatedLine) -> tuple[Decimal, int]:
    """BT-146 and BT-149: the net price of the units of the agreed one, or of twelve times as many.

    At 20 %, twelve times any TTC price has an exact net price, which one alone may not have: its
    sixth decimal, over many units, would be cents.
    """
    if rated.measure is not None:
        alone = unit_price_net(rated.unit_price, rated.vat.rate, 1)
        exact = alone * (100 + rated.vat.rate) == rated.unit_price.cents
        if exact or rated.quantity < MOST_AT_SIX_DECIMALS:
            return alone, rated.price_units
    base = PRICE_BASE_MONTHS * rated.price_units
    return unit_price_net(rated.unit_price, rated.vat.rate, PRICE_BASE_MONTHS), base
