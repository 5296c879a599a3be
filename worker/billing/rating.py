"""From consumption to priced lines that explain their amount. One function per price shape.

The price is that of the grid in force in the month of the service, never "the current price".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from worker.billing.consumption import (
    MonthlyUse,
    PopulationRecord,
    ServiceUse,
    SourceRow,
    YearlyConsumption,
    service_name,
)
from worker.billing.money import Money, cost, count, french
from worker.billing.period import Month, Period
from worker.billing.quantity import MONTHS, YEARS, Measure, Quantity, counted, priced, quantity_of
from worker.billing.rating_words import (
    dated_units,
    month_runs,
    month_span,
    month_spans,
    of_label,
    user_runs,
)
from worker.billing.succession import Predecessor
from worker.billing.tariff import (
    Band,
    Flat,
    PerUnit,
    PerUserMonth,
    PopulationBand,
    ServiceTariff,
    Span,
    TariffGrid,
    VolumeBands,
    band_of,
    grid_in_force,
)
from worker.billing.vat import VatRegime
from worker.errors import Finding, Severity

MONTHS_OF_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one month, one day or the whole year counts for in a line.

    Attributes:
        figure: of the row it was read in, when that is not the quantity itself: the users of the
            month, the inhabitants of the member.
        source: the row; None when the subscription alone gives the quantity.
    """

    period: Period
    quantity: Quantity
    figure: int | None = None
    reference: str = ""
    source: SourceRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedLine:
    """One service, tier, category and price, over the time that shares them.

    Attributes:
        label: what people read, such as ``Stockage et sauvegarde, 2 To``.
        months: of a price of a user and month; empty when there are steps.
        parts: label and TTC price of each component of ``unit_price``.
        unit_price: TTC, of ``price_units`` units.
        quantity: users × months, or what ``measure`` says.
        total: ``unit_price`` × ``quantity`` ÷ ``price_units``, TTC, rounded once.
        grid_version: the grid that gave the price.
        explanation: the whole computation in one French sentence.
        measure: what the quantity is of; None for users × months.
        steps: of any other price.
        by_category: whether the price depends on the category.
        decision: the délibération that set the price, when the grid names it.
        origin: the predecessor whose use it is; None for the member's own.
    """

    service: str
    label: str
    tier: int | None
    category: int
    vat: VatRegime
    months: tuple[MonthlyUse, ...]
    parts: tuple[tuple[str, Money], ...]
    unit_price: Money
    quantity: Quantity
    total: Money
    grid_version: str
    explanation: str
    measure: Measure | None = None
    price_units: int = 1
    steps: tuple[Step, ...] = ()
    by_category: bool = True
    decision: str = ""
    origin: Predecessor | None = None

    @property
    def name(self) -> str:
        """What the line is called (BT-153)."""
        category = f" (catégorie {self.category})" if self.by_category else ""
        return f"{self.label}{category}{self._from}"

    @property
    def designation(self) -> str:
        """The same without its category, where this has a column of its own."""
        return f"{self.label}{self._from}"

    @property
    def _from(self) -> str:
        return "" if self.origin is None else f", {self.origin.french}"

    @property
    def period(self) -> Period:
        """From its first day to its last (BG-26)."""
        if self.steps:
            return Period(
                min(step.period.start for step in self.steps),
                max(step.period.end for step in self.steps),
            )
        return Period(self.months[0].month.first_day, self.months[-1].month.last_day)

    @property
    def sources(self) -> Iterator[SourceRow]:
        """The row of each figure."""
        for use in self.months:
            yield use.source
        for step in self.steps:
            if step.source is not None:
                yield step.source

    @property
    def amounts(self) -> tuple[Money, ...]:
        """What each month or step comes to: together the total, the running sum being rounded."""
        quantities = [step.quantity for step in self.steps] or [use.users for use in self.months]
        sums = (
            cost(self.unit_price, quantity, self.price_units)
            for quantity in accumulate(quantities, initial=0)
        )
        return tuple(after - before for before, after in pairwise(sums))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The priced lines of a year, and what could not be priced.

    Attributes:
        grid_versions: the grids that were asked, those that gave no line too.
    """

    lines: tuple[RatedLine, ...]
    findings: tuple[Finding, ...]
    grid_versions: tuple[str, ...] = ()


_Found = Iterator[RatedLine | Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one grid prices of a service's use."""

    use: ServiceUse
    grid: TariffGrid
    tariff: ServiceTariff

    def line(
        self,
        price: Money,
        steps: Iterable[Step],
        words: str,
        *,
        measure: Measure,
        by_category: bool,
        units: int = 1,
        band: Band | None = None,
    ) -> RatedLine:
        """A line at one price; ``words`` tell the computation but for grid and amount."""
        taken = tuple(steps)
        quantity = quantity_of(sum(step.quantity for step in taken))
        total = cost(price, quantity, units)
        label = self.tariff.label
        return RatedLine(
            service=self.use.service,
            label=label if band is None else f"{label}, tranche {band.french}",
            tier=None,
            category=self.use.category,
            vat=self.tariff.vat,
            months=(),
            parts=((label, price),),
            unit_price=price,
            quantity=quantity,
            total=total,
            grid_version=self.grid.version,
            explanation=f"{words}, grille {self.grid.version}, soit {french(total)}",
            measure=measure,
            price_units=units,
            steps=taken,
            by_category=by_category,
            decision=self.grid.french_decision,
        )

    def no_price(self, reason: str) -> Finding:
        """Of the whole part."""
        return _no_price(self.use, f"la grille {self.grid.version} {reason}")

    def no_category(self) -> Finding:
        """The grid has prices by category, and not this one."""
        return self.no_price(f"n'a pas de prix (catégorie {self.use.category})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Year:
    """What a price may depend on beyond the part that it prices."""

    consumption: YearlyConsumption
    grids: Sequence[TariffGrid]
    population: PopulationRecord | None

    def volumes(self, part: _Part) -> Mapping[Month, tuple[int, int]]:
        """The volume of a service since January, before and after each month of it."""
        figures = sorted((one.month, one.users) for use in self._uses(part) for one in use.months)
        sums = list(accumulate((users for _, users in figures), initial=0))
        return {month: ends for (month, _), ends in zip(figures, pairwise(sums), strict=True)}

    def first_whole(self, part: _Part) -> Month:
        """The first month of the service at a whole price of the year: it alone is priced.

        A member and its successor share a year: who is billed for that month is billed the price.
        """
        return min(
            month
            for use in self._uses(part)
            for month in (*use.subscribed, *use.elsewhere)
            if _is_whole(_tariff(grid_in_force(self.grids, month), use))
        )

    def _uses(self, part: _Part) -> Iterator[ServiceUse]:
        """Those of the same service, in any category."""
        for use in self.consumption.uses:
            if (use.service, use.tier) == (part.use.service, part.use.tier):
                yield use


def _is_whole(tariff: ServiceTariff | None) -> bool:
    """Whether a subscribed month owes the price of the whole year."""
    match None if tariff is None else tariff.shape:
        case (
            Flat(per=Span.YEAR, prorated=prorated)
            | PopulationBand(per=Span.YEAR, prorated=prorated)
        ):
            return not prorated
        case _:
            return False


def rate(
    consumption: YearlyConsumption,
    grids: Sequence[TariffGrid],
    population: PopulationRecord | None = None,
) -> Rating:
    """Price a year of consumption. A month without a price is a finding, not a zero.

    A member that left and came back at the same price has one line for it.

    Args:
        consumption: of one member.
        grids: every one that may be in force.
        population: the member's, of that year, when it is known.
    """
    year = _Year(consumption=consumption, grids=grids, population=population)
    lines: list[RatedLine] = []
    findings: list[Finding] = []
    asked: dict[str, None] = {}
    for use in consumption.uses:
        parts: dict[str, _Part] = {}
        for grid, share in _by_grid(use, grids):
            tariff = _tariff(grid, use)
            if grid is None or tariff is None:
                findings.append(_no_tariff(share, grid))
            elif _counts(share):
                known = parts.get(grid.version)
                together = share if known is None else _joined(known.use, share)
                parts[grid.version] = _Part(use=together, grid=grid, tariff=tariff)
                asked[grid.version] = None
        for part in parts.values():
            for found in _rated(part, year):
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    lines.append(replace(found, origin=use.origin) if use.origin else found)
    return Rating(lines=tuple(lines), findings=tuple(findings), grid_versions=tuple(asked))


def _tariff(grid: TariffGrid | None, use: ServiceUse) -> ServiceTariff | None:
    return None if grid is None else grid.services.get(use.service)


def _by_grid(
    use: ServiceUse, grids: Sequence[TariffGrid]
) -> Iterator[tuple[TariffGrid | None, ServiceUse]]:
    """A use cut where the grid changes."""
    for grid, group in groupby(_all_months(use), key=lambda month: grid_in_force(grids, month)):
        inside = frozenset(group)
        yield (
            grid,
            replace(
                use,
                months=tuple(one for one in use.months if one.month in inside),
                subscribed=tuple(month for month in use.subscribed if month in inside),
                units=tuple(one for one in use.units if Month.of(one.day) in inside),
            ),
        )


def _counts(part: ServiceUse) -> bool:
    """Whether anything is to be priced: months of no users cost nothing, not even in a wrong tier.

    That holds where the service is priced by its users, which only its grid tells.
    """
    return bool(part.subscribed or part.units) or any(one.users for one in part.months)


def _all_months(use: ServiceUse) -> list[Month]:
    """Every month in which there is something, in order."""
    return sorted(
        {
            *(one.month for one in use.months),
            *use.subscribed,
            *(Month.of(one.day) for one in use.units),
        }
    )


def _joined(one: ServiceUse, other: ServiceUse) -> ServiceUse:
    """Two parts of a use that follow each other."""
    return replace(
        one,
        months=one.months + other.months,
        subscribed=one.subscribed + other.subscribed,
        units=one.units + other.units,
    )


def _rated(part: _Part, year: _Year) -> _Found:
    """The lines of a part, by the shape of its price."""
    shape = part.tariff.shape
    if part.use.tier is not None and not isinstance(shape, PerUserMonth):
        yield part.no_price(f"n'a pas de prix par palier (palier {part.use.tier} To)")
        return
    match shape:
        case PerUserMonth():
            yield _users_and_months(part, shape)
        case Flat():
            price = shape.prices.of(part.use.category)
            yield from (
                [part.no_category()]
                if price is None
                else flat(part, price, shape, year, by_category=shape.prices.by_category)
            )
        case PerUnit():
            yield from [per_unit(part, shape)] if part.use.units else []
        case VolumeBands():
            yield from volume_bands(part, shape, year)
        case PopulationBand():
            yield from population_band(part, shape, year)


def _users_and_months(part: _Part, shape: PerUserMonth) -> RatedLine | Finding:
    use, tariff, version = part.use, part.tariff, part.grid.version
    parts = shape.parts(use.tier, use.category)
    if parts is None:
        tier = f"palier {use.tier} To, " if use.tier is not None else ""
        return part.no_price(f"n'a pas de prix ({tier}catégorie {use.category})")
    label = tariff.label if use.tier is None else f"{tariff.label}, {use.tier} To"
    decision = part.grid.french_decision
    return per_user_month(use, use.months, label, tariff.vat, parts, version, decision)


def per_user_month(
    use: ServiceUse,
    months: tuple[MonthlyUse, ...],
    label: str,
    vat: VatRegime,
    parts: tuple[tuple[str, Money], ...],
    grid_version: str,
    decision: str = "",
) -> RatedLine:
    """Users × months × price: the sum of the components, TTC, for each user and month."""
    unit_price = Money.sum(price for _, price in parts)
    quantity = sum(monthly.users for monthly in months)
    total = unit_price * quantity
    price = f"{french(unit_price)} TTC"
    if len(parts) > 1:
        shares = (f"{french(amount)} {of_label(name)}" for name, amount in parts)
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
        explanation=f"{' ; '.join(user_runs(months))}, soit {counted(quantity, None)} "
        f"à {price}, grille {grid_version}, soit {french(total)}",
        decision=decision,
    )


def flat(
    part: _Part,
    price: Money,
    shape: Flat | PopulationBand,
    year: _Year,
    *,
    by_category: bool,
    figure: PopulationRecord | None = None,
    because: str = "",
) -> Iterator[RatedLine]:
    """A fixed price: of each subscribed month, a twelfth of a year's for each, or a year's whole.

    ``figure`` and ``because``: the inhabitants that the price goes by, and the words for them.
    """
    months = part.use.subscribed
    source = None if figure is None else figure.source
    inhabitants = None if figure is None else figure.inhabitants
    spans = month_spans(months)
    if shape.per is Span.YEAR and not shape.prorated:
        if year.first_whole(part) not in months:
            return  # another grid, category or member has priced the year
        whole = Step(
            period=Period(months[0].first_day, months[-1].last_day),
            quantity=1,
            figure=inhabitants,
            source=source,
        )
        words = (
            f"{because}abonnement {spans}, prix entier de l'année {french(price)} TTC, quel que "
            "soit le nombre de mois"
        )
        yield part.line(price, [whole], words, measure=YEARS, by_category=by_category)
        return
    units = MONTHS_OF_YEAR if shape.per is Span.YEAR else 1
    steps = [
        Step(
            period=Period(month.first_day, month.last_day),
            quantity=1,
            figure=inhabitants,
            source=source,
        )
        for month in months
    ]
    words = (
        f"{because}{count(len(months), 'mois', 'mois')} d'abonnement ({spans}) à "
        f"{french(price)} TTC {priced(MONTHS, units)}"
    )
    yield part.line(price, steps, words, measure=MONTHS, units=units, by_category=by_category)


def per_unit(part: _Part, shape: PerUnit) -> RatedLine | Finding:
    """Dated units × price."""
    price, units = shape.prices.of(part.use.category), part.use.units
    if price is None:
        return part.no_category()
    steps = [
        Step(
            period=Period(unit.day, unit.day),
            quantity=unit.quantity,
            reference=unit.reference,
            source=unit.source,
        )
        for unit in units
    ]
    quantity = quantity_of(sum(unit.quantity for unit in units))
    words = (
        f"{dated_units(units, shape.measure)}, soit {shape.measure.counted(quantity)} à "
        f"{french(price)} TTC {priced(shape.measure)}"
    )
    by_category = shape.prices.by_category
    return part.line(price, steps, words, measure=shape.measure, by_category=by_category)


def volume_bands(part: _Part, shape: VolumeBands, year: _Year) -> _Found:
    """One line for each band that the volume reaches, each at the price of its band."""
    volumes = year.volumes(part)
    for band in shape.bands:
        steps = [
            Step(
                period=Period(use.month.first_day, use.month.last_day),
                quantity=quantity,
                figure=use.users,
                source=use.source,
            )
            for use in part.use.months
            if (quantity := _in_band(band, use, shape, volumes))
        ]
        price = band.prices.of(part.use.category)
        if not steps:
            continue
        if price is None:
            yield part.no_category()
            return
        quantity = sum(int(step.quantity) for step in steps)
        of = "de l'année" if shape.over is Span.YEAR else "du mois"
        way = f"part du volume {of}" if shape.graduated else f"volume {of} tout entier"
        words = (
            f"{way}, tranche {band.french} : {' ; '.join(month_runs(steps, shape.measure))}, soit "
            f"{shape.measure.counted(quantity)} à {french(price)} TTC {priced(shape.measure)}"
        )
        by_category = band.prices.by_category
        yield part.line(
            price, steps, words, measure=shape.measure, by_category=by_category, band=band
        )


def _in_band(
    band: Band, use: MonthlyUse, shape: VolumeBands, volumes: Mapping[Month, tuple[int, int]]
) -> int:
    """How much of a month's figure has the price of a band."""
    before, after = volumes[use.month] if shape.over is Span.YEAR else (0, use.users)
    if shape.graduated:
        return band.share(before, after)
    reached = max(end for _, end in volumes.values()) if shape.over is Span.YEAR else after
    return use.users if band_of((band,), reached) else 0


def population_band(part: _Part, shape: PopulationBand, year: _Year) -> _Found:
    """The fixed price of the band that the member's inhabitants are in."""
    known = year.population
    if known is None:
        yield Finding(
            code="POPULATION-MISSING",
            message=f"le prix de {part.use.service} dépend de la population, et celle de "
            f"{year.consumption.year} n'est pas connue",
            remedy="Importez-la : chorus-worker import population FICHIER",
        )
        return
    band = band_of(shape.bands, known.inhabitants)
    price = None if band is None else band.prices.of(part.use.category)
    if band is None or price is None:
        yield part.no_category()
        return
    because = f"{count(known.inhabitants, 'habitant')} en {known.year}, tranche {band.french} ; "
    yield from flat(
        part,
        price,
        shape,
        year,
        by_category=band.prices.by_category,
        figure=known,
        because=because,
    )


def _no_tariff(use: ServiceUse, grid: TariffGrid | None) -> Finding:
    """No grid, or one without the service: rows of no users are an answer, and not a price."""
    reason = (
        "aucune grille tarifaire n'est en vigueur"
        if grid is None
        else f"la grille {grid.version} ne connaît pas ce service"
    )
    if _counts(use):
        return _no_price(use, reason)
    return Finding(
        code="TARIFF-NO-SERVICE",
        severity=Severity.WARNING,
        message=f"0 utilisateur pour {_named(use)}, et {reason} : rien n'en est facturé",
        remedy="Rien à faire si cet abonnement est une erreur ; sinon, ajoutez le service à la "
        "grille : un forfait est dû même sans utilisateur.",
    )


def _named(use: ServiceUse) -> str:
    """The service and the months."""
    months = _all_months(use)
    span = month_span(months[0].french, months[-1].french)
    return f"{service_name(use.service, use.tier)} {span}"


def _no_price(use: ServiceUse, reason: str) -> Finding:
    return Finding(
        code="TARIFF-NO-PRICE",
        message=f"pas de prix pour {_named(use)} : {reason}",
        remedy="Ajoutez la grille en vigueur dans le dossier des tarifs, "
        "ou corrigez l'abonnement (service, palier, catégorie).",
    )
