"""From consumption to priced lines that explain their amount. One function per price shape.

The price is that of the grid in force in the month of the service, never "the current price".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from worker.billing.consumption import MonthlyUse, ServiceUse, YearlyConsumption, service_name
from worker.billing.money import Money, count, french, french_integer
from worker.billing.period import MONTH_NAMES, Period
from worker.billing.tariff import PerUserMonth, TariffGrid, grid_in_force
from worker.billing.vat import VatRegime
from worker.errors import Finding

_ELIDED = re.compile(r"[aeiouàâäéèêëîïôöùûüæœ]|h(?:[eéèêiy]|ab|on)", re.IGNORECASE)
"""Beginnings of words before which ``de`` loses its vowel: ``d'hébergement``, ``de hotline``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """One service, tier, category and price, over the months that share them.

    Attributes:
        label: what people read, such as ``Stockage et sauvegarde, 2 To``.
        parts: label and TTC price of each component of ``unit_price``.
        quantity: users × months.
        total: ``unit_price`` × ``quantity``, TTC, exact.
        grid_version: the grid that gave the price.
        explanation: the whole computation in one French sentence.
    """

    service: str
    label: str
    tier: int | None
    category: int
    vat: VatRegime
    months: tuple[MonthlyUse, ...]
    parts: tuple[tuple[str, Money], ...]
    unit_price: Money
    quantity: int
    total: Money
    grid_version: str
    explanation: str

    @property
    def period(self) -> Period:
        """From the first day of the first month to the last day of the last (BG-26)."""
        return Period(self.months[0].month.first_day, self.months[-1].month.last_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The priced lines of a year, and what could not be priced."""

    lines: tuple[RatedLine, ...]
    findings: tuple[Finding, ...]


_Price = tuple[str, VatRegime, tuple[tuple[str, Money], ...], str]
"""What ``per_user_month`` is told of a price: label, VAT, components, version of the grid."""


def rate(consumption: YearlyConsumption, grids: Sequence[TariffGrid]) -> Rating:
    """Price a year of consumption. A month without a price is a finding, not a zero.

    A member that left and came back at the same price has one line for it.
    """
    priced: dict[tuple[ServiceUse, _Price], list[MonthlyUse]] = {}
    findings: list[Finding] = []
    for use in consumption.uses:
        by_grid = groupby(use.months, key=lambda monthly: grid_in_force(grids, monthly.month))
        for grid, months in by_grid:
            run = tuple(months)
            if not any(monthly.users for monthly in run):
                continue  # nothing used, nothing to price: not even a mistyped tier
            price = _price(use, run, grid)
            if isinstance(price, Finding):
                findings.append(price)
            else:
                priced.setdefault((replace(use, months=()), price), []).extend(run)
    lines = tuple(
        per_user_month(use, tuple(sorted(months, key=lambda monthly: monthly.month)), *price)
        for (use, price), months in priced.items()
    )
    return Rating(lines=lines, findings=tuple(findings))


def _price(
    use: ServiceUse, months: tuple[MonthlyUse, ...], grid: TariffGrid | None
) -> _Price | Finding:
    if grid is None:
        return _no_price(use, months, "aucune grille tarifaire n'est en vigueur")
    tariff = grid.services.get(use.service)
    if tariff is None:
        return _no_price(use, months, f"la grille {grid.version} ne connaît pas ce service")
    match tariff.shape:
        case PerUserMonth() as shape:
            parts = shape.parts(use.tier, use.category)
    if parts is None:
        tier = f"palier {use.tier} To, " if use.tier is not None else ""
        return _no_price(
            use,
            months,
            f"la grille {grid.version} n'a pas de prix ({tier}catégorie {use.category})",
        )
    label = tariff.label if use.tier is None else f"{tariff.label}, {use.tier} To"
    return label, tariff.vat, parts, grid.version


def per_user_month(
    use: ServiceUse,
    months: tuple[MonthlyUse, ...],
    label: str,
    vat: VatRegime,
    parts: tuple[tuple[str, Money], ...],
    grid_version: str,
) -> RatedLine:
    """Users × months × price: the sum of the components, TTC, for each user and month."""
    unit_price = Money.sum(price for _, price in parts)
    quantity = sum(monthly.users for monthly in months)
    total = unit_price * quantity
    price = f"{french(unit_price)} TTC"
    if len(parts) > 1:
        shares = (f"{french(amount)} {_of(name)}" for name, amount in parts)
        price += f" ({' + '.join(shares)})"
    return RatedLine(
        service=use.service,
        label=label,
        tier=use.tier,
        category=use.category,
        vat=vat,
        months=months,
        parts=parts,
        unit_price=unit_price,
        quantity=quantity,
        total=total,
        grid_version=grid_version,
        explanation=f"{' ; '.join(_runs(months))}, soit {count(quantity, 'utilisateur')} × mois "
        f"à {price}, grille {grid_version}, soit {french(total)}",
    )


def _of(label: str) -> str:
    """``de part opérateur``, ``d'assistance``."""
    return f"d'{label}" if _ELIDED.match(label) else f"de {label}"


def _runs(months: tuple[MonthlyUse, ...]) -> list[str]:
    """``12 utilisateurs de janvier à juin``: months that follow each other with as many users.

    What is counted is said once: the second run is ``14 de juillet à décembre``.
    """
    runs: list[str] = []
    numbered = enumerate(months)
    for (users, _), group in groupby(
        numbered, key=lambda pair: (pair[1].users, pair[1].month.number - pair[0])
    ):
        names = [MONTH_NAMES[monthly.month.number - 1] for _, monthly in group]
        counted = french_integer(users) if runs else count(users, "utilisateur")
        runs.append(f"{counted} {_span(names[0], names[-1])}")
    return runs


def _span(first: str, last: str) -> str:
    """``en mai``, ``de mai à juin``, ``d'avril à août``."""
    if first == last:
        return f"en {first}"
    of = "d'" if first[0] in "ao" else "de "
    return f"{of}{first} à {last}"


def _no_price(use: ServiceUse, months: tuple[MonthlyUse, ...], reason: str) -> Finding:
    span = _span(months[0].month.french, months[-1].month.french)
    return Finding(
        code="TARIFF-NO-PRICE",
        message=f"pas de prix pour {service_name(use.service, use.tier)} {span} : {reason}",
        remedy="Ajoutez la grille en vigueur dans le dossier des tarifs, "
        "ou corrigez l'abonnement (service, palier, catégorie).",
    )
