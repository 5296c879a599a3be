"""The arithmetic and the VAT of an invoice: EN 16931's own rules, tightened to the agreed total.

Part of ``rules``, whose table gives codes and sources.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

from stdnum.exceptions import ValidationError
from stdnum.fr import tva

from worker.billing.invoice import InvoiceDraft, Party
from worker.billing.money import Money, cost, french, tax_on
from worker.billing.period import Period, french_date
from worker.billing.vat import CREDIT_CENTS, VAT_TOLERANCE, VatCategory, VatMethod, VatRegime
from worker.errors import Finding
from worker.validation.wording import worded

Rule = Callable[[InvoiceDraft], Iterable[Finding]]

MAX_QUANTITY = 10**10
MAX_PRICE_DECIMALS = 6
FRENCH_RATES = frozenset(
    Decimal(rate)
    for rate in (
        *("20", "13", "10", "9.6", "9.2", "8.5", "7"),
        *("5.5", "2.1", "1.75", "1.05", "0.9", "19.6", "20.6"),
    )
)
"""VAT rates of France, overseas and past ones included (BR-FR-16)."""
DEFECT = "C'est un défaut du programme : n'émettez pas cette facture et signalez-le."


def parties(draft: InvoiceDraft) -> tuple[tuple[Party, str], tuple[Party, str]]:
    """Seller and buyer, each with the words that name it in a message."""
    return (draft.seller, "du vendeur"), (draft.buyer, "de l'acheteur")


def _vat_number(draft: InvoiceDraft) -> Iterator[Finding]:
    categories = {line.vat.category for line in draft.lines}
    if VatCategory.STANDARD in categories and not draft.seller.vat_number:
        yield worded("VAT-NUMBER", "missing")
    for party, of in parties(draft):
        if party.vat_number and not _is_vat_number_of(party):
            yield worded("VAT-NUMBER", "wrong", value=party.vat_number, of=of)


def _out_of_scope(draft: InvoiceDraft) -> Iterator[Finding]:
    categories = {line.vat.category for line in draft.lines}
    if VatCategory.OUT_OF_SCOPE not in categories:
        return
    if len(categories) > 1:
        yield worded("VAT-OUT-OF-SCOPE", "mixed")
    for party, of in parties(draft):
        if party.vat_number:
            yield worded("VAT-OUT-OF-SCOPE", "number", value=party.vat_number, of=of)


def _vat_rates(draft: InvoiceDraft) -> Iterator[Finding]:
    for regime in dict.fromkeys(line.vat for line in draft.lines):
        if regime.taxed and regime.rate not in FRENCH_RATES:
            yield worded("VAT-RATE", value=f"{regime.rate.normalize():f}")


def _vat_reasons(draft: InvoiceDraft) -> Iterator[Finding]:
    """One breakdown for all exempt lines (BR-E-01) has room for one reason."""
    exempt = {line.vat for line in draft.lines if line.vat.category is VatCategory.EXEMPT}
    if len(exempt) > 1:
        reasons = sorted(regime.reason for regime in exempt)
        yield worded("VAT-REASONS", reasons=" ; ".join(reasons))


def _vat_breakdown(draft: InvoiceDraft) -> Iterator[Finding]:
    used = {line.vat for line in draft.lines}
    groups = [group.regime for group in draft.breakdown]
    if len(groups) != len(set(groups)) or set(groups) != used:
        yield worded("VAT-BREAKDOWN", "groups")
    for group in draft.breakdown:
        lines = Money.sum(line.net for line in draft.lines if line.vat == group.regime)
        label = _regime(group.regime)
        yield from _equal("VAT-BREAKDOWN", f"La base de TVA {label}", group.taxable, lines)
        count = sum(line.vat == group.regime for line in draft.lines)
        tolerance = VAT_TOLERANCE * (CREDIT_CENTS * count if draft.is_credit_note else 1)
        exact = group.taxable.euros * group.regime.rate / 100
        if abs(group.tax.euros - exact) > tolerance:
            yield worded(
                "VAT-BREAKDOWN",
                "tax",
                regime=label,
                tax=french(group.tax),
                exact=exact.quantize(VAT_TOLERANCE),
            )
        if draft.vat_method is VatMethod.ROUNDING and not draft.is_credit_note:
            computed = tax_on(group.taxable, group.regime.rate)
            yield from _equal("VAT-BREAKDOWN", f"La TVA {label}", group.tax, computed)


def _lines(draft: InvoiceDraft) -> Iterator[Finding]:
    if not draft.lines:
        yield worded("LINE-NONE")
    for line in draft.lines:
        of = f"de la ligne {line.identifier}"
        if not 0 < line.quantity < MAX_QUANTITY:
            yield worded("LINE-QUANTITY", value=str(line.quantity), of=of)
        exponent = line.price.as_tuple().exponent
        if (
            not isinstance(exponent, int)
            or exponent < -MAX_PRICE_DECIMALS
            or line.price < 0
            or line.price_base <= 0
        ):
            yield worded("LINE-PRICE", value=str(line.price), of=of)
        # Of a credit, the running total is rounded: its own amount may be a cent beside.
        exact = Fraction(line.unit_price_gross.cents) * Fraction(line.quantity) / line.price_units
        if abs(line.gross.cents - exact) >= 1:
            computed = cost(line.unit_price_gross, line.quantity, line.price_units)
            yield from _equal("LINE-AMOUNT", f"Le montant TTC {of}", line.gross, computed)


def _totals(draft: InvoiceDraft) -> Iterator[Finding]:
    totals = draft.totals
    for code, label, stated, computed in (
        ("TOTAL-NET", "Le total HT", totals.net, Money.sum(line.net for line in draft.lines)),
        ("TOTAL-VAT", "Le total de TVA", totals.vat, Money.sum(g.tax for g in draft.breakdown)),
        ("TOTAL-GROSS", "Le total TTC", totals.gross, totals.net + totals.vat),
        ("TOTAL-AGREED", "Le net à payer", totals.payable, Money.sum(x.gross for x in draft.lines)),
    ):
        yield from _equal(code, label, stated, computed)
    if totals.rounding and draft.vat_method is VatMethod.DIFFERENCE:
        yield from _equal("TOTAL-ROUNDING", "L'arrondi (BT-114)", totals.rounding, Money(0))
    if totals.payable <= Money(0):
        yield worded("TOTAL-PAYABLE", gross=french(totals.gross))


def _periods(draft: InvoiceDraft) -> Iterator[Finding]:
    year = Period(date(draft.year, 1, 1), date(draft.year, 12, 31))
    if not _inside(draft.period, year):
        yield worded("PERIOD-YEAR", period=_span(draft.period), year=draft.year)
    for line in draft.lines:
        if not _inside(line.period, draft.period):
            yield worded(
                "PERIOD-LINE",
                line=line.identifier,
                period=_span(line.period),
                outer=_span(draft.period),
            )


RULES: tuple[Rule, ...] = (
    _vat_number,
    _out_of_scope,
    _vat_rates,
    _vat_reasons,
    _vat_breakdown,
    _lines,
    _totals,
    _periods,
)


def _is_vat_number_of(party: Party) -> bool:
    """A foreign number is the business of its own country; ours must hold our SIREN."""
    number = party.vat_number
    if not number.startswith("FR"):
        return len(number) > 4 and number[:2].isalpha() and number.isalnum()
    try:
        compact = tva.validate(number)
    except ValidationError:
        return False
    return number == f"FR{compact}" and compact[2:] == party.siret[:9]


def _equal(code: str, label: str, stated: Money, computed: Money) -> Iterator[Finding]:
    if stated != computed:
        yield Finding(
            code=code,
            message=f"{label} est de {french(stated)}, mais le calcul donne {french(computed)}.",
            remedy=DEFECT,
            value=str(stated),
        )


def _inside(inner: Period, outer: Period) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _span(period: Period) -> str:
    return f"{french_date(period.start)} – {french_date(period.end)}"


def _regime(regime: VatRegime) -> str:
    return f"de catégorie {regime.category} à {regime.rate.normalize():f} %".replace(".", ",")
