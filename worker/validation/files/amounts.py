"""The sums of EN 16931 to the cent, the VAT, the currencies and the price of each line.

The official rules are laxer than the standard they run: a base of VAT may be off by a euro (BR-S-08
in UBL), and EXTENDED profiles allow a cent for each line. No official sheet at all is run on Chorus
Pro's native UBL. Here every sum is exact, as the semantic model says (BR-CO-10 to 16).
Beyond those rules, what is found in the files of others is a warning unless a person asks for more
(``--strict``); it blocks the documents that we write.

The official rules tie no line to its price (BT-146) either. A line may be off its price by two
cents and no more, as Peppol has it (PEPPOL-EN16931-R120): a tolerance that grew with the quantity,
or with the decimals left out, would let a price say anything. The lines that we write also give the
agreed price with all taxes (BG-32), from which BT-146 comes to its last decimal.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree
from lxml.etree import _Element

from worker.billing.bindings import PLACES, Place
from worker.billing.standard import AGREED_PRICES
from worker.billing.vat import CREDIT_CENTS, VAT_TOLERANCE
from worker.errors import Finding, Severity
from worker.validation.files.chorus import is_credit_note
from worker.validation.files.xpaths import MAX_DIGITS, ZERO, Group, Rate, TooLong, elements, number
from worker.validation.first_findings import Fault, located, placed
from worker.validation.paths import shorten
from worker.validation.wording import worded

FOREIGN_VAT = Decimal(1)
"""The gap that BR-CO-17 leaves to a VAT, as its publisher runs it."""
PRICE_SLACK = Decimal("0.02")
HALF_DECIMAL = Decimal("0.0000005")
"""Half of the sixth decimal, the last that Chorus Pro takes of a price."""
HUNDRED = Decimal(100)
_AGREED = "starts-with(normalize-space({}), 'Prix TTC p')"
AGREED = Place(
    f"{PLACES['BG-32'].ubl}[{_AGREED.format(PLACES['BT-160'].ubl)}]",
    f"{PLACES['BG-32'].cii}[{_AGREED.format(PLACES['BT-160'].cii)}]",
)
"""The agreed price with all taxes, in a line of ours: of one unit, or of several."""
_CURRENCIES = "//*[@currencyID][not(ancestor::*[local-name() = 'UBLExtensions'])]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What is read of a document.

    Attributes:
        vat_totals: BT-110, in the currency of the invoice.
        ours: whether every line gives the price that the convention sets, as ours do.
        severity: of what no profile allows.
        of_sums: of a sum a cent off for each line.
    """

    root: Group
    lines: list[Group]
    vat_totals: list[_Element]
    ours: bool
    severity: Severity
    of_sums: Severity


def wrong_amounts(
    tree: etree._ElementTree, *, tolerant: bool, strict: bool = True
) -> tuple[Finding, ...]:
    """The sums that are not exact, the lines that their price does not explain: a bounded list.

    Args:
        tree: a UBL or CII document that its schema accepts.
        tolerant: whether its profile allows sums a cent off for each line (BR-FREXT-CO-10,
            BR-FXEXT-CO-10): they are then warnings, but not in a document of ours, which are exact.
        strict: whether what is found in the document of another blocks, and is no mere warning.
    """
    document = _read(Group.of_root(tree.getroot()), tolerant=tolerant, strict=strict)
    return placed(_wrong_or_too_long(document), located)


def _read(root: Group, *, tolerant: bool, strict: bool) -> _Document:
    currency, lines = root.text("BT-5"), root.all("BG-25")
    ours = bool(lines) and all(line.at(AGREED) for line in lines)
    severity = Severity.BLOCKING if ours or strict else Severity.WARNING
    return _Document(
        root=root,
        lines=lines,
        vat_totals=[
            total
            for total in root.at(PLACES["BT-110"])
            if total.get("currencyID", currency) == currency
        ],
        ours=ours,
        severity=severity,
        of_sums=Severity.WARNING if tolerant and not ours else severity,
    )


def _wrong_or_too_long(document: _Document) -> Iterator[Fault]:
    try:
        yield from _wrong(document)
    except TooLong as found:
        written = shorten(found.element.text or "")
        finding = worded(
            "AMOUNT-LENGTH", severity=document.severity, value=written, limit=MAX_DIGITS
        )
        yield finding, found.element


def _wrong(document: _Document) -> Iterator[Fault]:
    yield from _currencies(document)
    if not document.lines:
        return  # a profile without lines, whose own rules look at its totals
    yield from _totals(document)
    yield from _bases(document)
    yield from _taxes(document)
    for line in document.lines:
        yield from _price(line, document.severity)
        yield from _agreed_price(line)


def _currencies(document: _Document) -> Iterator[Fault]:
    """Every amount is in BT-5; a total of VAT may be in BT-6 (BT-111)."""
    root, currency = document.root, document.root.text("BT-5")
    other, totals = root.text("BT-6"), set(root.at(PLACES["BT-110"]))
    for amount in elements(root.element, _CURRENCIES):
        stated = amount.get("currencyID", "")
        if stated == currency or (other and stated == other and amount in totals):
            continue
        finding = worded(
            "AMOUNT-CURRENCY",
            severity=document.severity,
            value=shorten(stated),
            currency=shorten(currency),
        )
        yield finding, amount


def _totals(document: _Document) -> Iterator[Fault]:
    root, severity = document.root, document.of_sums
    of_lines = _sum_of(document.lines, "BT-131")
    given = _sum_of(root.all("BG-20"), "BT-92")
    added = _sum_of(root.all("BG-21"), "BT-99")
    for at in root.all("BG-22"):
        label, stated = "Le total des lignes (BT-106)", at.number("BT-106")
        lines = yield from _sum("AMOUNT-LINES", label, stated, of_lines, severity, at)
        label, stated = "Le total des remises (BT-107)", at.amount("BT-107")
        allowances = yield from _sum("AMOUNT-ALLOWANCES", label, stated, given, severity, at)
        label, stated = "Le total des frais (BT-108)", at.amount("BT-108")
        charges = yield from _sum("AMOUNT-CHARGES", label, stated, added, severity, at)
        label, stated = "Le total HT (BT-109)", at.number("BT-109")
        computed = lines - allowances + charges
        net = yield from _sum("AMOUNT-NET", label, stated, computed, severity, at)
        label, stated = "Le total TTC (BT-112)", at.number("BT-112")
        computed = net + _vat(document)
        gross = yield from _sum("AMOUNT-GROSS", label, stated, computed, severity, at)
        label, stated = "Le net à payer (BT-115)", at.number("BT-115")
        computed = gross - at.amount("BT-113") + at.amount("BT-114")
        # No profile allows anything here (BR-CO-16).
        yield from _sum("AMOUNT-PAYABLE", label, stated, computed, document.severity, at)


def _sum_of(groups: list[Group], term: str) -> Decimal:
    return sum((group.amount(term) for group in groups), ZERO)


def _vat(document: _Document) -> Decimal:
    return sum((number(total) or ZERO for total in document.vat_totals), ZERO)


def _bases(document: _Document) -> Iterator[Fault]:
    root = document.root
    computed: dict[Rate, Decimal] = defaultdict(Decimal)
    for group in document.lines:
        computed[group.rate("BT-151", "BT-152")] += group.amount("BT-131")
    for group in root.all("BG-20"):
        computed[group.rate("BT-95", "BT-96")] -= group.amount("BT-92")
    for group in root.all("BG-21"):
        computed[group.rate("BT-102", "BT-103")] += group.amount("BT-99")
    stated: dict[Rate, Decimal] = defaultdict(Decimal)
    first: dict[Rate, Group] = {}
    for group in root.all("BG-23"):
        key = group.rate("BT-118", "BT-119")
        stated[key] += group.amount("BT-116")
        first.setdefault(key, group)
    for key, base in stated.items():
        label = f"La base de TVA de catégorie {key[0]} (BT-116)"
        expected = computed.get(key, ZERO)
        yield from _sum("AMOUNT-BASE", label, base, expected, document.of_sums, first[key])


def _taxes(document: _Document) -> Iterator[Fault]:
    """BT-110 is the sum of BT-117, each of which is BT-116 × rate, nearly (BR-CO-14, BR-CO-17)."""
    groups, totals = document.root.all("BG-23"), document.vat_totals
    if totals and groups:
        added, stated = _sum_of(groups, "BT-117"), _vat(document)
        label, at = "Le total de TVA (BT-110)", Group(totals[0], document.root.cii)
        yield from _sum("AMOUNT-VAT", label, stated, added, document.of_sums, at)
    of_rate = Counter(line.rate("BT-151", "BT-152") for line in document.lines)
    for group in groups:
        base, tax = group.number("BT-116"), group.number("BT-117")
        if base is None or tax is None:
            continue
        key = group.rate("BT-118", "BT-119")
        exact = base * key[1] / HUNDRED
        if abs(tax - exact) > _slack(document, of_rate[key]):
            finding = worded(
                "AMOUNT-VAT-RATE",
                severity=document.of_sums,
                value=str(tax),
                category=key[0],
                base=base,
                rate=key[1],
                exact=exact,
            )
            yield finding, group.element


def _slack(document: _Document, lines: int) -> Decimal:
    """How far a VAT on some lines may be from its base × rate.

    Ours is what is left of an agreed total: a cent, and on a credit note that takes parts of
    amounts back, two for each line (billing/vat.py).
    """
    if not document.ours:
        return FOREIGN_VAT
    if not is_credit_note(document.root):
        return VAT_TOLERANCE
    return VAT_TOLERANCE * CREDIT_CENTS * lines


def _price(line: Group, severity: Severity) -> Iterator[Fault]:
    quantity, net, price = map(line.number, ("BT-129", "BT-131", "BT-146"))
    if quantity is None or net is None or price is None:
        return  # what is missing or unreadable is the schema's business
    stated_base = line.number("BT-149")
    base = Decimal(1) if stated_base is None else stated_base
    if base <= 0 or not _same_unit(line):
        finding = worded("AMOUNT-PRICE", "base", severity=severity, value=str(price), base=base)
        yield finding, line.element
        return
    changes = _sum_of(line.all("BG-28"), "BT-141") - _sum_of(line.all("BG-27"), "BT-136")
    computed = quantity * price / base + changes
    if abs(computed - net) > PRICE_SLACK:
        finding = worded(
            "AMOUNT-PRICE",
            "gap",
            severity=severity,
            value=str(price),
            quantity=quantity,
            base=base,
            computed=computed,
            net=net,
        )
        yield finding, line.element


def _agreed_price(line: Group) -> Iterator[Fault]:
    """Our own lines give the agreed price with all taxes: BT-146 is that, rounded."""
    price, base = line.number("BT-146"), line.number("BT-149")
    if price is None or base is None:
        return
    _, rate = line.rate("BT-151", "BT-152")
    with_tax = HUNDRED + rate
    for agreed in (Group(element, line.cii) for element in line.at(AGREED)):
        name, gross = agreed.text("BT-160"), agreed.number("BT-161")
        units = _priced_units(name)
        exact = None if gross is None or not units else gross * base * HUNDRED / units
        if exact is None or abs(price * with_tax - exact) > HALF_DECIMAL * with_tax:
            finding = worded(
                "AMOUNT-AGREED",
                value=shorten(agreed.text("BT-161")),
                price=price,
                base=base,
                rate=rate,
                property=shorten(name),
            )
            yield finding, line.element


def _priced_units(name: str) -> int:
    """How many units an agreed price is of, by its name; zero when it does not say."""
    found = AGREED_PRICES.fullmatch(name)
    return int(found["units"] or 1) if found else 0


def _same_unit(line: Group) -> bool:
    """A price for another unit than the quantity's cannot be compared."""
    units = {
        quantity.element.get("unitCode")
        for quantity in (*line.all("BT-129"), *line.all("BT-149"))
        if quantity.element.get("unitCode")
    }
    return len(units) <= 1


def _sum(
    code: str,
    label: str,
    stated: Decimal | None,
    computed: Decimal,
    severity: Severity,
    at: Group,
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
    yield finding, at.element
    return stated
