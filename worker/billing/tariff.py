"""Tariff grids: dated, versioned, immutable once used (convention C5, C6).

A grid is a TOML file of ``config/tariffs/`` (tariff_reading.py). A new service or a new year's
prices is a new file there. A new *shape* of price is a new class here and a function in rating.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from worker.billing.money import Money, french_integer
from worker.billing.period import Month, french_date, months_of
from worker.billing.quantity import Measure
from worker.billing.vat import VatRegime
from worker.errors import Finding, Severity, TariffError, WorkerError

NO_TIER = 0
"""Key of the prices of a service without tiers, in the file and in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """A part of a price, such as the operator's share of the GFU.

    ``prices[tier][category - 1]`` is TTC, per user and month; tier is in To, or ``NO_TIER``.
    """

    code: str
    label: str
    prices: Mapping[int, tuple[Money, ...]]


class Basis(StrEnum):
    """What the quantity of a service is taken from, by the shape of its price."""

    USAGE = "usage"
    """The users of each month, one row a month."""
    UNITS = "units"
    """Dated units."""
    SUBSCRIPTION = "subscription"
    """The subscribed months alone."""
    UNKNOWN = "unknown"
    """The grid in force has no such service: no row is missing, a price is."""


class Span(StrEnum):
    """What a price, or a volume, is of."""

    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """TTC prices of one thing, by category or one for all.

    ``amounts[category - 1]``; a single amount when not ``by_category``.
    """

    amounts: tuple[Money, ...]
    by_category: bool

    def of(self, category: int) -> Money | None:
        """The price of a category, or None when the grid has none."""
        if not self.by_category:
            return self.amounts[0]
        return self.amounts[category - 1] if 1 <= category <= len(self.amounts) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUserMonth:
    """The shape "users × months × price", by category and, for some services, by tier."""

    components: tuple[PriceComponent, ...]

    def parts(self, tier: int | None, category: int) -> tuple[tuple[str, Money], ...] | None:
        """Label and TTC price of each component, or None when the grid has no such price."""
        found = []
        for part in self.components:
            by_category = part.prices.get(NO_TIER if tier is None else tier, ())
            if not 1 <= category <= len(by_category):
                return None
            found.append((part.label, by_category[category - 1]))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """A fixed price of each subscribed month, or of the year.

    Attributes:
        per: what the price is of.
        prorated: of a year: a twelfth for each subscribed month, else the whole price for any.
    """

    prices: Prices
    per: Span
    prorated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUnit:
    """A price of each dated unit, such as a day of training."""

    prices: Prices
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A band of a volume or of a population: from ``first`` to ``last``, None for no end."""

    first: int
    last: int | None
    prices: Prices

    @property
    def french(self) -> str:
        """``de 1 à 100``, ``à partir de 101``."""
        if self.last is None:
            return f"à partir de {french_integer(self.first)}"
        return f"de {french_integer(self.first)} à {french_integer(self.last)}"

    def share(self, before: int, after: int) -> int:
        """How many of a volume that grows from ``before`` to ``after`` fall into it."""
        last = after if self.last is None else min(after, self.last)
        return max(0, last - max(before, self.first - 1))


def band_of(bands: Sequence[Band], number: int) -> Band | None:
    """The band that holds a number, if there is one."""
    return next(
        (one for one in bands if one.first <= number and (one.last is None or number <= one.last)),
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeBands:
    """A price by volume, the sum of the usage figures.

    Attributes:
        bands: from 1 on, without hole.
        graduated: each part of the volume at the price of its band; else the whole volume at the
            price of the band that it reaches.
        over: what the volume is of: each month by itself, or the year.
    """

    bands: tuple[Band, ...]
    graduated: bool
    over: Span
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationBand:
    """A fixed price, as of ``Flat``, by the band of the member's inhabitants of the year."""

    bands: tuple[Band, ...]
    per: Span
    prorated: bool = True


Shape = PerUserMonth | Flat | PerUnit | VolumeBands | PopulationBand


def basis_of(shape: Shape) -> Basis:
    """What the quantity of a shape is taken from."""
    match shape:
        case PerUserMonth() | VolumeBands():
            return Basis.USAGE
        case Flat() | PopulationBand():
            return Basis.SUBSCRIPTION
        case PerUnit():
            return Basis.UNITS


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTariff:
    """How one service is priced and taxed."""

    code: str
    label: str
    vat: VatRegime
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffGrid:
    """All prices valid for a period.

    Attributes:
        version: its name, printed on what it priced.
        source: the decision or contract it comes from.
        decision: the délibération that set the prices, printed on what they priced; or empty.
        decided_on: its day.
        valid_from: first day it may price.
        valid_to: last day, None when open. A later grid takes over from its own first day.
        sha256: of the file's bytes, kept with what it priced.
    """

    version: str
    title: str
    source: str
    valid_from: date
    valid_to: date | None
    services: Mapping[str, ServiceTariff]
    sha256: str
    decision: str = ""
    decided_on: date | None = None

    def covers(self, month: Month) -> bool:
        """A month is priced by the grid in force on its first day."""
        day = month.first_day
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    @property
    def french_validity(self) -> str:
        """``du 01/01/2023 au 13/11/2026``."""
        end = f" au {french_date(self.valid_to)}" if self.valid_to else ", sans date de fin"
        return f"du {french_date(self.valid_from)}{end}"

    @property
    def french_decision(self) -> str:
        """``Délibération n° 2025-42 du 12/06/2025``; empty when the grid names none."""
        day = f" du {french_date(self.decided_on)}" if self.decided_on else ""
        return f"{self.decision}{day}" if self.decision else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableGrid:
    """A file of the tariff folder that prices nothing: damaged, or taken for another.

    Attributes:
        name: of the file.
        error: why, and what to do.
        valid_from: None when its days cannot be read: it may then be in force on any.
        valid_to: None when open, or not known.
    """

    name: str
    error: WorkerError
    valid_from: date | None = None
    valid_to: date | None = None

    def may_price(self, month: Month, sound: TariffGrid | None) -> bool:
        """Whether it might be in force in a month, in the place of a sound grid or of none."""
        day = month.first_day
        if self.valid_to is not None and self.valid_to < day:
            return False
        return self.valid_from is None or (
            self.valid_from <= day and (sound is None or sound.valid_from <= self.valid_from)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffFolder:
    """All that the tariff folder holds.

    Attributes:
        grids: the sound ones.
        texts: their content by version.
        unusable: the other files.
    """

    grids: tuple[TariffGrid, ...]
    texts: Mapping[str, str]
    unusable: tuple[UnusableGrid, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """One for each file that is not usable."""
        return tuple(
            Finding(
                code="TARIFF-UNUSABLE",
                severity=Severity.WARNING,
                message=one.error.message.rstrip("."),
                remedy=one.error.remedy,
                where=one.name,
            )
            for one in self.unusable
        )

    def require(self, year: int) -> None:
        """Raise TariffError when a file that is not usable might set a price of a year."""
        among = [
            one
            for one in self.unusable
            if any(
                one.may_price(month, grid_in_force(self.grids, month)) for month in months_of(year)
            )
        ]
        if not among:
            return
        unread = [one.name for one in among if one.valid_from is None]
        period = f" ; ses dates de validité n'ont pas pu être lues ({', '.join(unread)})"
        raise TariffError(
            f"{' '.join(dict.fromkeys(one.error.message for one in among))} Les prix de {year} en "
            f"dépendent peut-être{period if unread else ''} : rien n'a été calculé.",
            " ".join(dict.fromkeys(one.error.remedy for one in among)),
            findings=[finding for one in among for finding in one.error.findings],
        )


def grid_in_force(grids: Iterable[TariffGrid], month: Month) -> TariffGrid | None:
    """The grid that prices a month: of those that cover it, the one that began last."""
    covering = [grid for grid in grids if grid.covers(month)]
    return max(covering, key=lambda grid: grid.valid_from, default=None)


def grid_holes(grids: Sequence[TariffGrid], year: int | None = None) -> tuple[Finding, ...]:
    """What one grid leaves out that the one before it has: days, and services.

    Before the first grid and after the last one, nothing is expected. With a year, only what the
    grids that begin in it, or just after a hole in it, leave out.
    """
    ordered = sorted(grids, key=lambda grid: grid.valid_from)
    found = []
    for before, after in pairwise(ordered):
        since = after.valid_from if before.valid_to is None else before.valid_to
        if year is not None and not since.year <= year <= after.valid_from.year:
            continue
        eve = after.valid_from - timedelta(days=1)
        if before.valid_to is not None and before.valid_to < eve:
            first = before.valid_to + timedelta(days=1)
            message = (
                f"aucune grille n'est en vigueur du {french_date(first)} au {french_date(eve)}, "
                f"entre les grilles {before.version} et {after.version}"
            )
            found.append(_hole("TARIFF-HOLE", message, after))
        gone = [code for code in before.services if code not in after.services]
        if gone:
            message = (
                f"la grille {after.version} n'a plus {', '.join(gone)}, que la grille "
                f"{before.version} avait : ces mois n'auraient pas de prix"
            )
            found.append(_hole("TARIFF-SERVICE-GONE", message, after))
    return tuple(found)


def _hole(code: str, message: str, grid: TariffGrid) -> Finding:
    return Finding(
        code=code,
        severity=Severity.WARNING,
        message=message,
        remedy="Une grille est complète : reprenez-y chaque service, et ses dates sans trou.",
        where=grid.version,
    )


def bases(grids: Sequence[TariffGrid]) -> Callable[[str, Month], Basis]:
    """What the quantity of a service is taken from in a month; usage where no grid is in force."""

    def basis(service: str, month: Month) -> Basis:
        grid = grid_in_force(grids, month)
        if grid is None:
            return Basis.USAGE
        tariff = grid.services.get(service)
        return Basis.UNKNOWN if tariff is None else basis_of(tariff.shape)

    return basis


def months_by_version(grids: Sequence[TariffGrid], year: int) -> dict[str, tuple[Month, ...]]:
    """The months of a year by the version of the grid that prices them; "" for no grid."""
    months: dict[str, tuple[Month, ...]] = {}
    for month in months_of(year):
        grid = grid_in_force(grids, month)
        version = "" if grid is None else grid.version
        months[version] = (*months.get(version, ()), month)
    return months
