"""The next grid: every price of one, times a coefficient and rounded, whatever its shape (C6).

The grid is written anew as TOML, complete, and read back before it is believed: what is written is
what will price.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from worker.billing.money import Money, revised
from worker.billing.price_rows import PriceRow, price_rows
from worker.billing.quantity import Measure
from worker.billing.tariff import (
    NO_TIER,
    Band,
    Flat,
    PerUnit,
    PerUserMonth,
    PopulationBand,
    Prices,
    ServiceTariff,
    Shape,
    TariffGrid,
    VolumeBands,
)
from worker.billing.tariff_reading import parse_grid
from worker.billing.vat import VatRegime


class Rounding(StrEnum):
    """To what a new price is rounded, half up."""

    CENT = "cent"
    FIVE_CENTS = "five-cents"
    TEN_CENTS = "ten-cents"
    EURO = "euro"

    @property
    def cents(self) -> int:
        """The step."""
        return {
            Rounding.CENT: 1,
            Rounding.FIVE_CENTS: 5,
            Rounding.TEN_CENTS: 10,
            Rounding.EURO: 100,
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What makes the next grid of one.

    Attributes:
        decision, decided_on: the délibération, when it is taken already.
    """

    coefficient: Decimal
    rounding: Rounding
    version: str
    source: str
    valid_from: date
    decision: str = ""
    decided_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """One price, before and after."""

    row: PriceRow
    category: int | None
    before: Money
    after: Money

    @property
    def percent(self) -> Decimal | None:
        """By how much, to a hundredth of a per cent; None where the price was zero."""
        if not self.before:
            return None
        ratio = Decimal(self.after.cents - self.before.cents) * 100 / self.before.cents
        return ratio.quantize(Decimal("0.01"))


def next_grid(grid: TariffGrid, revision: Revision) -> tuple[TariffGrid, str]:
    """The next grid, and its file. Raises TariffError when it would not be a sound one."""
    revising = _Revising(revision)
    written = replace(
        grid,
        version=revision.version,
        source=revision.source,
        decision=revision.decision,
        decided_on=revision.decided_on,
        valid_from=revision.valid_from,
        valid_to=None,
        services={code: revising.service(one) for code, one in grid.services.items()},
    )
    text = grid_text(written, _comment(grid, revision))
    return parse_grid(text.encode(), f"{revision.version}.toml"), text


def price_changes(before: TariffGrid, after: TariffGrid) -> Iterator[PriceChange]:
    """Every price of two grids of the same services and shapes."""
    for code, tariff in before.services.items():
        for old, new in zip(price_rows(tariff), price_rows(after.services[code]), strict=True):
            for (category, one), (_, other) in zip(old.by_category, new.by_category, strict=True):
                yield PriceChange(row=old, category=category, before=one, after=other)


@dataclass(frozen=True, slots=True)
class _Revising:
    revision: Revision

    def amount(self, amount: Money) -> Money:
        return revised(amount, self.revision.coefficient, self.revision.rounding.cents)

    def prices(self, prices: Prices) -> Prices:
        return replace(prices, amounts=tuple(map(self.amount, prices.amounts)))

    def bands(self, bands: Sequence[Band]) -> tuple[Band, ...]:
        return tuple(replace(one, prices=self.prices(one.prices)) for one in bands)

    def service(self, tariff: ServiceTariff) -> ServiceTariff:
        return replace(tariff, shape=self.shape(tariff.shape))

    def shape(self, shape: Shape) -> Shape:
        match shape:
            case PerUserMonth(components=components):
                return PerUserMonth(
                    components=tuple(
                        replace(
                            part,
                            prices={
                                tier: tuple(map(self.amount, amounts))
                                for tier, amounts in part.prices.items()
                            },
                        )
                        for part in components
                    )
                )
            case Flat() | PerUnit():
                return replace(shape, prices=self.prices(shape.prices))
            case VolumeBands() | PopulationBand():
                return replace(shape, bands=self.bands(shape.bands))


def _comment(grid: TariffGrid, revision: Revision) -> str:
    return (
        f"Prix de la grille {grid.version} × {revision.coefficient:f}, arrondis à "
        f"{revision.rounding.cents} centime(s), par « tariff new ». "
        "Relisez-la avant qu'elle ne serve : une grille qui a servi ne change plus."
    )


def grid_text(grid: TariffGrid, comment: str) -> str:
    """A grid as the TOML file that gives it."""
    lines = [
        f"# {comment}",
        "",
        f"version = {_text(grid.version)}",
        f"title = {_text(grid.title)}",
        f"source = {_text(grid.source)}",
    ]
    if grid.decision:
        lines.append(f"decision = {_text(grid.decision)}")
    if grid.decided_on is not None:
        lines.append(f"decided_on = {grid.decided_on.isoformat()}")
    lines.append(f"valid_from = {grid.valid_from.isoformat()}")
    if grid.valid_to is not None:
        lines.append(f"valid_to = {grid.valid_to.isoformat()}")
    for tariff in grid.services.values():
        lines += ["", f"[services.{_text(tariff.code)}]", f"label = {_text(tariff.label)}"]
        lines += [f"vat = {_vat(tariff.vat)}", *_shape(tariff)]
    return "\n".join((*lines, ""))


def _shape(tariff: ServiceTariff) -> Iterator[str]:
    match tariff.shape:
        case PerUserMonth(components=components):
            yield 'shape = "per_user_month"'
            for part in components:
                yield ""
                yield f"[[services.{_text(tariff.code)}.components]]"
                yield f"code = {_text(part.code)}"
                yield f"label = {_text(part.label)}"
                if NO_TIER in part.prices:
                    yield f"prices = {_amounts(part.prices[NO_TIER])}"
                else:
                    rows = (f"{tier} = {_amounts(one)}" for tier, one in part.prices.items())
                    yield f"tiers = {{ {', '.join(rows)} }}"
        case Flat(prices=prices) as shape:
            yield 'shape = "flat"'
            yield from _span(shape)
            yield _prices(prices)
        case PerUnit(prices=prices, measure=measure):
            yield 'shape = "per_unit"'
            yield from _measure(measure)
            yield _prices(prices)
        case VolumeBands(bands=bands, graduated=graduated, over=over, measure=measure):
            yield 'shape = "volume_bands"'
            yield f"apply = {_text('graduated' if graduated else 'bracket')}"
            yield f"volume = {_text(over)}"
            yield from _measure(measure)
            yield from _bands(bands)
        case PopulationBand(bands=bands) as shape:
            yield 'shape = "population_band"'
            yield from _span(shape)
            yield from _bands(bands)


def _span(shape: Flat | PopulationBand) -> Iterator[str]:
    yield f"per = {_text(shape.per)}"
    if not shape.prorated:
        yield "prorated = false"


def _measure(measure: Measure) -> Iterator[str]:
    yield f"unit = {_text(measure.one)}"
    yield f"units = {_text(measure.many)}"


def _bands(bands: Sequence[Band]) -> Iterator[str]:
    yield "bands = ["
    for band in bands:
        end = "" if band.last is None else f"to = {band.last}, "
        yield f"  {{ from = {band.first}, {end}{_prices(band.prices)} }},"
    yield "]"


def _prices(prices: Prices) -> str:
    if prices.by_category:
        return f"prices = {_amounts(prices.amounts)}"
    return f"price = {prices.amounts[0]}"


def _amounts(amounts: Sequence[Money]) -> str:
    return f"[{', '.join(map(str, amounts))}]"


def _vat(regime: VatRegime) -> str:
    keys = [f"category = {_text(regime.category)}"]
    if regime.taxed:
        keys.append(f"rate = {regime.rate:f}")
    if regime.reason:
        keys.append(f"reason = {_text(regime.reason)}")
    if regime.reason_code:
        keys.append(f"reason_code = {_text(regime.reason_code)}")
    return f"{{ {', '.join(keys)} }}"


def _text(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
