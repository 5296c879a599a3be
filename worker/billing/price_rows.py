"""The prices of a grid as rows, whatever their shape: what is shown, compared and written again."""

from collections.abc import Iterator
from dataclasses import dataclass

from worker.billing.money import Money
from worker.billing.quantity import MONTHS, YEARS, priced
from worker.billing.tariff import (
    NO_TIER,
    Band,
    Flat,
    PerUnit,
    PerUserMonth,
    PopulationBand,
    Prices,
    ServiceTariff,
    Span,
    VolumeBands,
)

MONTHS_OF_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """The prices of one thing, by category or one for all.

    Attributes:
        component: code of the part of the price; empty where the price is in one piece.
        label: what it is the price of, in French; empty for the service itself.
        per: what a price is for, in French: ``par utilisateur et par mois``.
    """

    service: str
    component: str
    label: str
    tier: int | None
    band: Band | None
    per: str
    prices: Prices

    @property
    def by_category(self) -> Iterator[tuple[int | None, Money]]:
        """Each price with its category; None for all categories."""
        for category, amount in enumerate(self.prices.amounts, start=1):
            yield category if self.prices.by_category else None, amount


def price_rows(tariff: ServiceTariff) -> tuple[PriceRow, ...]:
    """Every price of a service, in the order of its file."""
    match tariff.shape:
        case PerUserMonth(components=components):
            return tuple(
                PriceRow(
                    service=tariff.code,
                    component=part.code,
                    label=part.label,
                    tier=None if tier == NO_TIER else tier,
                    band=None,
                    per=priced(None),
                    prices=Prices(amounts=amounts, by_category=True),
                )
                for part in components
                for tier, amounts in part.prices.items()
            )
        case Flat() as shape:
            return (_row(tariff, shape.prices, french_span(shape)),)
        case PerUnit() as shape:
            return (_row(tariff, shape.prices, priced(shape.measure)),)
        case VolumeBands() as shape:
            per = priced(shape.measure)
            return tuple(_row(tariff, one.prices, per, one) for one in shape.bands)
        case PopulationBand() as shape:
            per = french_span(shape)
            return tuple(_row(tariff, one.prices, per, one) for one in shape.bands)


def french_span(shape: Flat | PopulationBand) -> str:
    """What a fixed price is for: ``par mois``, ``pour 12 mois``, ``par an, non réparti``."""
    match shape.per:
        case Span.MONTH:
            return priced(MONTHS)
        case Span.YEAR if shape.prorated:
            return priced(MONTHS, MONTHS_OF_YEAR)
        case Span.YEAR:
            return f"{priced(YEARS)}, quel que soit le nombre de mois"


def french_shape(tariff: ServiceTariff) -> str:
    """How the quantity of a service is found, in French."""
    match tariff.shape:
        case PerUserMonth():
            return "selon les utilisateurs de chaque mois"
        case Flat():
            return "forfait, sans relevé"
        case PerUnit():
            return "selon les unités datées"
        case VolumeBands(graduated=graduated, over=over):
            of = "du mois" if over is Span.MONTH else "de l'année"
            way = "chaque tranche à son prix" if graduated else "le tout au prix de la tranche"
            return f"selon le volume {of}, {way}"
        case PopulationBand():
            return "forfait selon la population de l'année, sans relevé"


def _row(tariff: ServiceTariff, prices: Prices, per: str, band: Band | None = None) -> PriceRow:
    return PriceRow(
        service=tariff.code,
        component="",
        label="" if band is None else f"tranche {band.french}",
        tier=None,
        band=band,
        per=per,
        prices=prices,
    )
