"""The sums of EN 16931 to the cent, the VAT, the currencies and the price of each line.

The official rules are laxer than the standard they run: a base of VAT may be off by a euro (BR-S-08
in UBL), and EXTENDED profiles allow a cent for each line. No official sheet at all is run on Chorus
Pro's native UBL. Here every sum is exact, as the semantic model says (BR-CO-10 to 16).

The official rules tie no line to its price (BT-146) either. A line may be off its price by two
cents and no more, as Peppol has it (PEPPOL-EN16931-R120): a tolerance that grew with the quantity,
or with the decimals left out, would let a price say anything. The lines that we write also give the
agreed price with all taxes (BG-32), from which BT-146 comes to its last decimal.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element

from worker.billing.invoice import AGREED_PRICE
from worker.errors import Finding, Severity
from worker.validation.arithmetic import CREDIT_CENTS, VAT_TOLERANCE
from worker.validation.files.chorus import is_credit_note
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
from worker.validation.first_findings import Fault, placed
from worker.validation.paths import shorten

FOREIGN_VAT = Decimal(1)
"""The gap that BR-CO-17 leaves to a VAT, as its publisher runs it."""
PRICE_SLACK = Decimal("0.02")
HALF_DECIMAL = Decimal("0.0000005")
"""Half of the sixth decimal, the last that Chorus Pro takes of a price."""
HUNDRED = Decimal(100)
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
    lines = elements(root, places["BG-25"])
    if not lines:
        return  # a profile without lines, whose own rules look at its totals
    ours = _are_ours(lines, places)
    severity = Severity.WARNING if tolerant and not ours else Severity.BLOCKING
    document = _Document(root=root, places=places, lines=lines, severity=severity, ours=ours)
    yield from _totals(document)
    yield from _bases(document)
    yield from _taxes(document)
    for line in lines:
        yield from _price(line, places)
        yield from _agreed_price(line, places)


def _currencies(root: _Element, places: Places) -> Iterator[Fault]:
    """Every amount is in BT-5; a total of VAT may be in BT-6 (BT-111)."""
    currency, other = text(root, places["BT-5"]), text(root, places["BT-6"])
    totals = set(elements(root, places["BT-110"]))
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
    of_lines = sum((number(line, places["BT-131"]) or ZERO for line in document.lines), ZERO)
    given, added = _changes(document)
    tax = _tax_total(root, places)
    for at in elements(root, places["BG-22"]):
        label = "Le total des lignes (BT-106)"
        stated = number(at, places["BT-106"])
        lines = yield from _sum("AMOUNT-LINES", label, stated, of_lines, severity, at)
        label, stated = "Le total des remises (BT-107)", number(at, places["BT-107"]) or ZERO
        allowances = yield from _sum("AMOUNT-ALLOWANCES", label, stated, given, severity, at)
        label, stated = "Le total des frais (BT-108)", number(at, places["BT-108"]) or ZERO
        charges = yield from _sum("AMOUNT-CHARGES", label, stated, added, severity, at)
        label, stated = "Le total HT (BT-109)", number(at, places["BT-109"])
        computed = lines - allowances + charges
        net = yield from _sum("AMOUNT-NET", label, stated, computed, severity, at)
        label, stated = "Le total TTC (BT-112)", number(at, places["BT-112"])
        gross = yield from _sum("AMOUNT-GROSS", label, stated, net + tax, severity, at)
        label, stated = "Le net à payer (BT-115)", number(at, places["BT-115"])
        paid, rounding = number(at, places["BT-113"]) or ZERO, number(at, places["BT-114"]) or ZERO
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
    currency = text(root, places["BT-5"])
    return [
        total
        for total in elements(root, places["BT-110"])
        if total.get("currencyID", currency) == currency
    ]


def _bases(document: _Document) -> Iterator[Fault]:
    root, places = document.root, document.places
    computed: dict[Rate, Decimal] = {}
    for line in document.lines:
        key = rate_of(line, places["BT-151"], places["BT-152"])
        computed[key] = computed.get(key, ZERO) + (number(line, places["BT-131"]) or ZERO)
    for change, where in _all_changes(document):
        key = rate_of(change, where.category, where.rate)
        computed[key] = computed.get(key, ZERO) + signed(change, where)
    stated: dict[Rate, Decimal] = {}
    first: dict[Rate, _Element] = {}
    for group in elements(root, places["BG-23"]):
        key = rate_of(group, places["BT-118"], places["BT-119"])
        stated[key] = stated.get(key, ZERO) + (number(group, places["BT-116"]) or ZERO)
        first.setdefault(key, group)
    for key, base in stated.items():
        label = f"La base de TVA de catégorie {key[0]} (BT-116)"
        expected = computed.get(key, ZERO)
        yield from _sum("AMOUNT-BASE", label, base, expected, document.severity, first[key])


def _taxes(document: _Document) -> Iterator[Fault]:
    """BT-110 is the sum of BT-117, each of which is BT-116 × rate, nearly (BR-CO-14, BR-CO-17)."""
    root, places = document.root, document.places
    groups = elements(root, places["BG-23"])
    totals = _own_tax_totals(root, places)
    if totals and groups:
        added = sum((number(group, places["BT-117"]) or ZERO for group in groups), ZERO)
        stated = _tax_total(root, places)
        label = "Le total de TVA (BT-110)"
        yield from _sum("AMOUNT-VAT", label, stated, added, document.severity, totals[0])
    of_rate = Counter(rate_of(line, places["BT-151"], places["BT-152"]) for line in document.lines)
    for group in groups:
        base, tax = number(group, places["BT-116"]), number(group, places["BT-117"])
        if base is None or tax is None:
            continue
        key = rate_of(group, places["BT-118"], places["BT-119"])
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


def _are_ours(lines: list[_Element], places: Places) -> bool:
    """Whether each line gives the agreed price, as every line that we write does."""
    return bool(lines) and all(elements(line, places.agreed) for line in lines)


def _price(line: _Element, places: Places) -> Iterator[Fault]:
    numbers = [number(line, places[term]) for term in ("BT-129", "BT-131", "BT-146")]
    if any(one is None for one in numbers):
        return  # what is missing or unreadable is the schema's business
    quantity, net, price = (one for one in numbers if one is not None)
    stated_base = number(line, places["BT-149"])
    base = Decimal(1) if stated_base is None else stated_base
    if base <= 0 or not _same_unit(line, places):
        why = (
            f"sa base de prix ({base}) ne convient pas : elle est nulle, négative, ou d'une autre "
            "unité que la quantité"
        )
        yield _price_finding(price, why), line
        return
    changes = elements(line, places.line_change.place)
    computed = quantity * price / base + sum(
        (signed(change, places.line_change) for change in changes), ZERO
    )
    if abs(computed - net) > PRICE_SLACK:
        why = f"{quantity} × {price} ÷ {base} donne {computed:.2f}, et non {net}"
        yield _price_finding(price, why), line


def _agreed_price(line: _Element, places: Places) -> Iterator[Fault]:
    """Our own lines give the agreed price of a unit with all taxes: BT-146 is that, rounded."""
    agreed, price = number(line, places.agreed), number(line, places["BT-146"])
    base = number(line, places["BT-149"])
    if not elements(line, places.agreed) or price is None or base is None:
        return
    _, rate = rate_of(line, places["BT-151"], places["BT-152"])
    with_tax = HUNDRED + rate
    exact = None if agreed is None else agreed * base * HUNDRED
    if exact is None or abs(price * with_tax - exact) > HALF_DECIMAL * with_tax:
        finding = Finding(
            code="AMOUNT-AGREED",
            message=f"Le prix net de la ligne ({price} pour {base}) ne vient pas du prix convenu "
            f"TTC qu'elle porte, à {rate} % de TVA.",
            remedy="Corrigez le prix net (BT-146), sa base (BT-149), le taux (BT-152) ou le prix "
            f"convenu (BT-161 de « {AGREED_PRICE} »).",
            value=shorten(text(line, places.agreed)),
        )
        yield finding, line


def _price_finding(price: Decimal, why: str) -> Finding:
    return Finding(
        code="AMOUNT-PRICE",
        message=f"Le montant net de la ligne ne vient pas de sa quantité et de son prix : {why}.",
        remedy="Corrigez le prix net (BT-146), sa base (BT-149), la quantité (BT-129) ou "
        "le montant (BT-131).",
        value=str(price),
    )


def _same_unit(line: _Element, places: Places) -> bool:
    """A price for another unit than the quantity's cannot be compared."""
    units = {
        element.get("unitCode")
        for path in (places["BT-129"], places["BT-149"])
        for element in elements(line, path)
        if element.get("unitCode")
    }
    return len(units) <= 1


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
