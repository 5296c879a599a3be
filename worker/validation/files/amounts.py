"""The sums of EN 16931 to the cent, the VAT, the currencies and the price of each line.

The official rules are laxer than the standard they run: a base of VAT may be off by a euro (BR-S-08
in UBL), and EXTENDED profiles allow a cent for each line. No official sheet at all is run on Chorus
Pro's native UBL. Here every sum is exact, as the semantic model says (BR-CO-10 to 16).
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element

from worker.errors import Finding, Severity
from worker.validation.arithmetic import CREDIT_CENTS, VAT_TOLERANCE
from worker.validation.bounds import Fault, placed
from worker.validation.files.chorus import is_credit_note
from worker.validation.files.prices import HUNDRED, are_ours, wrong_prices
from worker.validation.files.xpaths import (
    MAX_DIGITS,
    ZERO,
    Change,
    Places,
    Rate,
    TooLong,
    elements,
    is_charge,
    number,
    places_of,
    rate_of,
    signed,
    text,
)
from worker.validation.paths import shorten

FOREIGN_VAT = Decimal(1)
"""The gap that BR-CO-17 leaves to a VAT, as its publisher runs it."""
_CURRENCIES = "//*[@currencyID][not(ancestor::*[local-name() = 'UBLExtensions'])]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What is read of a document.

    Attributes:
        severity: of a sum a cent off for each line.
        ours: whether every line gives the price that the convention sets, as ours do.
    """

    root: _Element
    places: Places
    lines: list[_Element]
    severity: Severity
    ours: bool


def wrong_amounts(tree: etree._ElementTree, *, tolerant: bool) -> tuple[Finding, ...]:
    """The sums that are not exact, the lines that their price does not explain: a bounded list.

    Args:
        tree: a UBL or CII document that its schema accepts.
        tolerant: whether its profile allows sums a cent off for each line (BR-FREXT-CO-10,
            BR-FXEXT-CO-10): they are then warnings, but not in a document of ours, which are exact.
    """
    return placed(_wrong_or_too_long(tree, tolerant=tolerant))


def _wrong_or_too_long(tree: etree._ElementTree, *, tolerant: bool) -> Iterator[Fault]:
    try:
        yield from _wrong(tree, tolerant=tolerant)
    except TooLong as found:
        finding = Finding(
            code="AMOUNT-LENGTH",
            message=f"Un nombre a plus de {MAX_DIGITS} caractères : « "
            f"{shorten(found.element.text or '')} ».",
            remedy="Corrigez ce montant, ce prix ou cette quantité.",
            value=shorten(found.element.text or ""),
        )
        yield finding, found.element


def _wrong(tree: etree._ElementTree, *, tolerant: bool) -> Iterator[Fault]:
    root = tree.getroot()
    places = places_of(root)
    yield from _currencies(root, places)
    lines = elements(root, places.lines)
    if not lines:
        return  # a profile without lines, whose own rules look at its totals
    ours = are_ours(lines, places)
    severity = Severity.WARNING if tolerant and not ours else Severity.BLOCKING
    document = _Document(root=root, places=places, lines=lines, severity=severity, ours=ours)
    yield from _totals(document)
    yield from _bases(document)
    yield from _taxes(document)
    yield from wrong_prices(lines, places)


def _currencies(root: _Element, places: Places) -> Iterator[Fault]:
    """Every amount is in BT-5; a total of VAT may be in BT-6 (BT-111)."""
    currency, other = text(root, places.currency), text(root, places.tax_currency)
    totals = set(elements(root, places.taxes))
    for amount in elements(root, _CURRENCIES):
        stated = amount.get("currencyID", "")
        if stated == currency or (other and stated == other and amount in totals):
            continue
        finding = Finding(
            code="AMOUNT-CURRENCY",
            message=f"Un montant est en « {shorten(stated)} », la facture en « "
            f"{shorten(currency)} » (BT-5).",
            remedy="Écrivez tous les montants dans la devise de la facture ; seul le total de TVA "
            "en devise de comptabilité (BT-111) a la sienne (BT-6).",
            value=shorten(stated),
        )
        yield finding, amount


def _totals(document: _Document) -> Iterator[Fault]:
    root, places, severity = document.root, document.places, document.severity
    of_lines = sum((number(line, places.net) or ZERO for line in document.lines), ZERO)
    given, added = _changes(document)
    tax = _tax_total(root, places)
    for at in elements(root, places.total):
        label = "Le total des lignes (BT-106)"
        stated = number(at, places.lines_total)
        lines = yield from _sum("AMOUNT-LINES", label, stated, of_lines, severity, at)
        label, stated = "Le total des remises (BT-107)", number(at, places.allowances) or ZERO
        allowances = yield from _sum("AMOUNT-ALLOWANCES", label, stated, given, severity, at)
        label, stated = "Le total des frais (BT-108)", number(at, places.charges) or ZERO
        charges = yield from _sum("AMOUNT-CHARGES", label, stated, added, severity, at)
        label, stated = "Le total HT (BT-109)", number(at, places.net_total)
        computed = lines - allowances + charges
        net = yield from _sum("AMOUNT-NET", label, stated, computed, severity, at)
        label, stated = "Le total TTC (BT-112)", number(at, places.gross_total)
        gross = yield from _sum("AMOUNT-GROSS", label, stated, net + tax, severity, at)
        label, stated = "Le net à payer (BT-115)", number(at, places.payable)
        paid, rounding = number(at, places.paid) or ZERO, number(at, places.rounding) or ZERO
        # No profile allows anything here (BR-CO-16).
        yield from _sum(
            "AMOUNT-PAYABLE", label, stated, gross - paid + rounding, Severity.BLOCKING, at
        )


def _changes(document: _Document) -> tuple[Decimal, Decimal]:
    """The allowances and the charges of the whole document (BG-20, BG-21, BG-X-42)."""
    given = added = ZERO
    for change, places in _all_changes(document):
        amount = number(change, places.amount) or ZERO
        if is_charge(change, places):
            added += amount
        else:
            given += amount
    return given, added


def _all_changes(document: _Document) -> Iterator[tuple[_Element, Change]]:
    for places in document.places.changes:
        for change in elements(document.root, places.place):
            yield change, places


def _tax_total(root: _Element, places: Places) -> Decimal:
    """BT-110: the total of VAT in the currency of the invoice."""
    return sum(
        (number(total, ".") or ZERO for total in _own_tax_totals(root, places)),
        ZERO,
    )


def _own_tax_totals(root: _Element, places: Places) -> list[_Element]:
    currency = text(root, places.currency)
    return [
        total
        for total in elements(root, places.taxes)
        if total.get("currencyID", currency) == currency
    ]


def _bases(document: _Document) -> Iterator[Fault]:
    root, places = document.root, document.places
    computed: dict[Rate, Decimal] = {}
    for line in document.lines:
        key = rate_of(line, places.category, places.rate)
        computed[key] = computed.get(key, ZERO) + (number(line, places.net) or ZERO)
    for change, where in _all_changes(document):
        key = rate_of(change, where.category, where.rate)
        computed[key] = computed.get(key, ZERO) + signed(change, where)
    stated: dict[Rate, Decimal] = {}
    first: dict[Rate, _Element] = {}
    for group in elements(root, places.groups):
        key = rate_of(group, places.group_category, places.group_rate)
        stated[key] = stated.get(key, ZERO) + (number(group, places.group_base) or ZERO)
        first.setdefault(key, group)
    for key, base in stated.items():
        label = f"La base de TVA de catégorie {key[0]} (BT-116)"
        expected = computed.get(key, ZERO)
        yield from _sum("AMOUNT-BASE", label, base, expected, document.severity, first[key])


def _taxes(document: _Document) -> Iterator[Fault]:
    """BT-110 is the sum of BT-117, each of which is BT-116 × rate, nearly (BR-CO-14, BR-CO-17)."""
    root, places = document.root, document.places
    groups = elements(root, places.groups)
    totals = _own_tax_totals(root, places)
    if totals and groups:
        added = sum((number(group, places.group_tax) or ZERO for group in groups), ZERO)
        stated = _tax_total(root, places)
        label = "Le total de TVA (BT-110)"
        yield from _sum("AMOUNT-VAT", label, stated, added, document.severity, totals[0])
    of_rate = Counter(rate_of(line, places.category, places.rate) for line in document.lines)
    for group in groups:
        base, tax = number(group, places.group_base), number(group, places.group_tax)
        if base is None or tax is None:
            continue
        key = rate_of(group, places.group_category, places.group_rate)
        exact = base * key[1] / HUNDRED
        if abs(tax - exact) > _slack(document, of_rate[key]):
            finding = Finding(
                code="AMOUNT-VAT-RATE",
                message=f"La TVA de catégorie {key[0]} (BT-117) est de {tax}, mais {base} × "
                f"{key[1]} % donne {exact:.2f}.",
                remedy="Corrigez la TVA, sa base (BT-116) ou son taux (BT-119).",
                severity=document.severity,
                value=str(tax),
            )
            yield finding, group


def _slack(document: _Document, lines: int) -> Decimal:
    """How far a VAT on some lines may be from its base × rate.

    Ours is what is left of an agreed total: a cent, and on a credit note that takes parts of
    amounts back, two for each line (validation/arithmetic.py).
    """
    if not document.ours:
        return FOREIGN_VAT
    if not is_credit_note(document.root):
        return VAT_TOLERANCE
    return VAT_TOLERANCE * CREDIT_CENTS * lines


def _sum(
    code: str,
    label: str,
    stated: Decimal | None,
    computed: Decimal,
    severity: Severity,
    at: _Element,
) -> Generator[Fault, None, Decimal]:
    """Yield the fault of a sum that is not exact; give it as stated, or computed when absent."""
    if stated is None or stated == computed:
        return computed
    finding = Finding(
        code=code,
        message=f"{label} est de {stated}, mais le calcul donne {computed}.",
        remedy="Corrigez ce montant, ou ceux qui le composent.",
        severity=severity,
        value=str(stated),
    )
    yield finding, at
    return stated
