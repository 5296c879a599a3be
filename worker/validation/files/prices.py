"""The price of each line: it explains the line's amount, and comes from what was agreed.

The official rules tie no line to its price (BT-146). A line may be off its price by two cents and
no more, as Peppol has it (PEPPOL-EN16931-R120): a tolerance that grew with the quantity, or with
the decimals left out, would let a price say anything. The lines that we write also give the agreed
price with all taxes (BG-32), from which BT-146 comes to its last decimal.
"""

from collections.abc import Iterator
from decimal import Decimal

from lxml.etree import _Element

from worker.billing.invoice import AGREED_PRICE
from worker.errors import Finding
from worker.validation.bounds import Fault
from worker.validation.files.xpaths import ZERO, Places, elements, number, rate_of, signed, text
from worker.validation.paths import shorten

PRICE_SLACK = Decimal("0.02")
HALF_DECIMAL = Decimal("0.0000005")
"""Half of the sixth decimal, the last that Chorus Pro takes of a price."""
HUNDRED = Decimal(100)


def are_ours(lines: list[_Element], places: Places) -> bool:
    """Whether each line gives the agreed price, as every line that we write does."""
    return bool(lines) and all(elements(line, places.agreed) for line in lines)


def wrong_prices(lines: list[_Element], places: Places) -> Iterator[Fault]:
    """Every line that its price does not explain, or whose price is not the agreed one.

    Raises:
        TooLong: when a number has more digits than any amount.
    """
    for line in lines:
        yield from _price(line, places)
        yield from _agreed_price(line, places)


def _price(line: _Element, places: Places) -> Iterator[Fault]:
    numbers = [number(line, path) for path in (places.quantity, places.net, places.price)]
    if any(one is None for one in numbers):
        return  # what is missing or unreadable is the schema's business
    quantity, net, price = (one for one in numbers if one is not None)
    stated_base = number(line, places.base)
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
    agreed, price = number(line, places.agreed), number(line, places.price)
    base = number(line, places.base)
    if not elements(line, places.agreed) or price is None or base is None:
        return
    _, rate = rate_of(line, places.category, places.rate)
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
        for path in (places.quantity, places.base)
        for element in elements(line, path)
        if element.get("unitCode")
    }
    return len(units) <= 1
