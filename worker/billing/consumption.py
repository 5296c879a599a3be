"""From usage rows and dated units to what a member consumed in a year (convention C1, C9).

Pure: the same rows give the same consumption. What does not fit is a finding, never a guess.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from worker.billing.members import Subscription
from worker.billing.money import count
from worker.billing.period import Month, french_date, months_of
from worker.billing.quantity import Quantity, french_quantity
from worker.billing.succession import Predecessor
from worker.billing.tariff import Basis
from worker.errors import Finding

USAGE_OUTSIDE = "USAGE-OUTSIDE"
UNIT_OUTSIDE = "UNIT-OUTSIDE"
Bases = Callable[[str, Month], Basis]
"""What the quantity of a service is taken from in a month (``tariff.bases``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """Where a record was read: the SHA-256 of the file and the row, 1 being the header's row."""

    file_sha256: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """One row: so many users of a service, in a tier, for a member and a month."""

    siret: str
    service: str
    tier: int | None
    month: Month
    users: int
    source: SourceRow
    file: str = field(default="", compare=False)
    """Its name and sheet, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord:
    """One row: units of a service on a day, such as half a day of training; 0 cancels a former one.

    ``reference`` tells two rows of a day apart: a session, an order.
    """

    siret: str
    service: str
    day: date
    quantity: Quantity
    reference: str
    source: SourceRow
    file: str = field(default="", compare=False)
    """Its name and sheet, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationRecord:
    """One row: the inhabitants of a member, in force in a year."""

    siret: str
    year: int
    inhabitants: int
    source: SourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyUse:
    """Users of one month, and where the figure was read."""

    month: Month
    users: int
    source: SourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUse:
    """A year's use of one service in one tier and category, in order of time.

    Attributes:
        months: those that are priced by their users.
        subscribed: those that are priced by the subscription alone, or by dated units.
        units: the dated units.
        elsewhere: subscribed months that another member is billed for.
        origin: the predecessor that it was filed under; None for the member's own.
    """

    service: str
    tier: int | None
    category: int
    months: tuple[MonthlyUse, ...]
    subscribed: tuple[Month, ...] = ()
    units: tuple[UnitRecord, ...] = ()
    elsewhere: tuple[Month, ...] = ()
    origin: Predecessor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideUse:
    """Users of a month that no subscription covers: never billed (C9)."""

    service: str
    tier: int | None
    month: Month
    users: int
    origin: Predecessor | None = None
    """The predecessor that they were filed under; None for the member's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideUnit:
    """Dated units that no subscription covers: never billed either."""

    service: str
    day: date
    quantity: Quantity
    reference: str
    origin: Predecessor | None = None

    @property
    def french(self) -> str:
        """``0,5 le 12/03/2025 (FORM-12)``."""
        return f"{french_quantity(self.quantity)} le {french_date(self.day)} ({self.reference})"


Outside = OutsideUse | OutsideUnit
"""What no subscription covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyConsumption:
    """What a member consumed in a calendar year, and what is wrong with it.

    Attributes:
        outside: what no subscription covers; what nobody accepted is a finding too.
    """

    siret: str
    year: int
    uses: tuple[ServiceUse, ...]
    findings: tuple[Finding, ...]
    outside: tuple[Outside, ...] = ()


def by_usage(_service: str, _month: Month) -> Basis:
    """Every service by its users, as in the first annex of the convention."""
    return Basis.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which part of what is filed under a SIRET is billed, and to whom.

    Attributes:
        elsewhere: months that another member is billed for.
        origin: who it was filed under, when a successor is billed for it.
        billed_to: SIRET of that successor.
    """

    elsewhere: Collection[Month] = ()
    origin: Predecessor | None = None
    billed_to: str = ""


WHOLE = Scope()
"""All of it, to the member itself."""
_Key = tuple[str, int | None, Month]


@dataclass(slots=True, kw_only=True)
class _Recorded:
    """A member's rows of a year.

    Attributes:
        dated: the units that are in no line yet.
        covered: what a subscription took.
    """

    rows: dict[_Key, UsageRecord]
    basis: Bases
    origin: Predecessor | None
    dated: dict[tuple[str, Month], list[UnitRecord]] = field(default_factory=dict)
    covered: set[_Key] = field(default_factory=set)

    def outside(self) -> Iterator[tuple[UsageRecord, OutsideUse]]:
        """The rows with users that no subscription took, once all of them did."""
        for key, row in self.rows.items():
            if row.users and key not in self.covered:
                service, tier, month = key
                yield (
                    row,
                    OutsideUse(
                        service=service,
                        tier=tier,
                        month=month,
                        users=row.users,
                        origin=self.origin,
                    ),
                )

    def units_outside(self) -> Iterator[tuple[UnitRecord, OutsideUnit]]:
        """The units that no subscription took, once all of them did."""
        for (service, month), units in self.dated.items():
            if (service, None, month) in self.covered:
                continue
            for unit in units:
                yield (
                    unit,
                    OutsideUnit(
                        service=service,
                        day=unit.day,
                        quantity=unit.quantity,
                        reference=unit.reference,
                        origin=self.origin,
                    ),
                )

    def lacks(self, key: _Key) -> bool:
        """Whether a row is needed, and is not there."""
        return key not in self.rows and self.basis(key[0], key[2]) is Basis.USAGE


@dataclass(slots=True)
class _Used:
    """What one subscription, or several of one service, tier and category, come to."""

    months: list[MonthlyUse] = field(default_factory=list)
    subscribed: list[Month] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    elsewhere: set[Month] = field(default_factory=set)

    def take(self, key: _Key, known: _Recorded) -> None:
        """Take a subscribed month in, which lacks nothing."""
        service, tier, month = key
        match known.basis(service, month):
            case Basis.USAGE:
                row = known.rows[key]
                self.months.append(MonthlyUse(month=month, users=row.users, source=row.source))
            case Basis.SUBSCRIPTION:
                self.subscribed.append(month)
            case Basis.UNKNOWN:
                if (known_row := known.rows.get(key)) is None:
                    self.subscribed.append(month)
                else:
                    self.months.append(
                        MonthlyUse(month=month, users=known_row.users, source=known_row.source)
                    )
            case Basis.UNITS:
                self.subscribed.append(month)
                if tier is None:  # units are of no tier: with one, they are told as outside
                    self.units.extend(known.dated.pop((service, month), ()))


def consume(
    siret: str,
    year: int,
    subscriptions: Iterable[Subscription],
    usage: Iterable[UsageRecord],
    units: Iterable[UnitRecord] = (),
    basis: Bases = by_usage,
    accepted: Collection[Outside] = (),
    scope: Scope = WHOLE,
) -> YearlyConsumption:
    """Aggregate a member's rows of a year under its subscriptions.

    A subscribed month that is priced by its users needs a row, even for zero users: a missing
    month would bill too little. Users and units outside any subscription are a finding, not a
    line (C9); so are those that the shape of the price does not count. ``accepted``: what a
    person knows to be outside, for these very figures; it is no finding. ``scope``: of a member
    that ended or that took the place of another, which months of these rows are billed.
    """
    known = _Recorded(
        rows={
            (row.service, row.tier, row.month): row
            for row in sorted(usage, key=lambda row: (row.service, row.tier or 0, row.month))
            if row.siret == siret and row.month.year == year and row.month not in scope.elsewhere
        },
        basis=basis,
        origin=scope.origin,
    )
    for unit in sorted(units, key=lambda one: (one.service, one.day, one.reference)):
        if unit.siret == siret and unit.day.year == year and unit.quantity:
            month = Month.of(unit.day)
            if month not in scope.elsewhere:
                known.dated.setdefault((unit.service, month), []).append(unit)
    findings: list[Finding] = []
    uses: dict[tuple[str, int | None, int], _Used] = {}
    own = (subscription for subscription in subscriptions if subscription.siret == siret)
    for subscription in sorted(
        own, key=lambda one: (one.service, one.tier or 0, one.start, one.category)
    ):
        missing = []
        for month in filter(subscription.covers, months_of(year)):
            key = (subscription.service, subscription.tier, month)
            if month in scope.elsewhere:
                use = uses.setdefault((*key[:2], subscription.category), _Used())
                use.elsewhere.add(month)
            elif known.lacks(key):
                missing.append(month)
            elif key in known.covered:
                findings.append(_overlap(subscription, month))
            else:
                known.covered.add(key)
                used = uses.setdefault((*key[:2], subscription.category), _Used())
                used.take(key, known)
        if missing:
            findings.append(_gap(subscription, missing))
    outside, units_outside = tuple(known.outside()), tuple(known.units_outside())
    to = scope.billed_to or siret
    findings.extend(_not_accepted((row for row, use in outside if use not in accepted), to))
    findings.extend(_other_shapes(known))
    findings.extend(
        _unit_outside(unit, told, to) for unit, told in units_outside if told not in accepted
    )
    return YearlyConsumption(
        siret=siret,
        year=year,
        uses=tuple(
            ServiceUse(
                service=service,
                tier=tier,
                category=category,
                months=tuple(sorted(used.months, key=lambda use: use.month)),
                subscribed=tuple(sorted(used.subscribed)),
                units=tuple(sorted(used.units, key=lambda one: (one.day, one.reference))),
                elsewhere=tuple(sorted(used.elsewhere)),
                origin=scope.origin,
            )
            for (service, tier, category), used in uses.items()
        ),
        findings=tuple(findings),
        outside=(*(use for _, use in outside), *(told for _, told in units_outside)),
    )


def _other_shapes(known: _Recorded) -> Iterator[Finding]:
    """What a subscription covers and no line counts.

    Users of a service at a flat price are information.
    """
    for key, row in known.rows.items():
        if key not in known.covered:
            continue
        if row.users and known.basis(row.service, row.month) is Basis.UNITS:
            yield _other_shape(
                f"{count(row.users, 'utilisateur')} en {row.month.french}",
                service_name(row.service, row.tier),
                "à l'unité : importez ses unités (« import units »)",
                _place(row.file, row.source),
            )
    for (service, month), units in known.dated.items():
        for unit in units:
            if (service, None, month) in known.covered:
                told = f"{french_quantity(unit.quantity)} le {french_date(unit.day)}"
                way = "sans unités datées : importez sa consommation, ou corrigez la grille"
                yield _other_shape(told, service, way, _place(unit.file, unit.source))


def service_name(service: str, tier: int | None) -> str:
    """A service for people: ``stockage 2 To``."""
    return service if tier is None else f"{service} {tier} To"


def french_outside(outside: Iterable[Outside]) -> str:
    """What no subscription covers and is not billed, in one sentence; empty when there is none."""
    months: dict[tuple[str, int | None, int, Predecessor | None], list[Month]] = {}
    units: dict[tuple[str, Predecessor | None], list[str]] = {}
    for use in outside:
        match use:
            case OutsideUse():
                key = (use.service, use.tier, use.users, use.origin)
                months.setdefault(key, []).append(use.month)
            case OutsideUnit():
                units.setdefault((use.service, use.origin), []).append(use.french)
    told = [
        f"{service_name(service, tier)}, {count(users, 'utilisateur')} ({_spans(found)})"
        + (f", {origin.french}" if origin else "")
        for (service, tier, users, origin), found in months.items()
    ]
    told += [
        f"{service}, {', '.join(dated)}" + (f", {origin.french}" if origin else "")
        for (service, origin), dated in units.items()
    ]
    return f"Hors abonnement, et donc non facturé : {' ; '.join(told)}." if told else ""


def _gap(subscription: Subscription, missing: list[Month]) -> Finding:
    name = service_name(subscription.service, subscription.tier)
    return Finding(
        code="USAGE-GAP",
        message=f"aucune consommation enregistrée pour {name} : {_spans(missing)}",
        remedy="Importez ces mois (0 utilisateur si le service n'a pas servi), "
        "ou corrigez les dates de l'abonnement.",
    )


def _spans(months: list[Month]) -> str:
    """``janvier 2025 à mars 2025, mai 2025``: months in order, runs joined."""
    runs: list[list[Month]] = []
    for month in months:
        if runs and month.first_day - runs[-1][-1].last_day == timedelta(days=1):
            runs[-1].append(month)
        else:
            runs.append([month])
    return ", ".join(
        run[0].french if len(run) == 1 else f"{run[0].french} à {run[-1].french}" for run in runs
    )


def _not_accepted(found: Iterable[UsageRecord], billed_to: str) -> Iterator[Finding]:
    """One finding for each service and tier."""
    rows: dict[tuple[str, int | None], list[UsageRecord]] = {}
    for row in found:
        rows.setdefault((row.service, row.tier), []).append(row)
    return (_outside(one, billed_to) for one in rows.values())


def _outside(rows: Sequence[UsageRecord], billed_to: str) -> Finding:
    """The months of a service and tier that no subscription covers: one answer is asked."""
    first, name = rows[0], service_name(rows[0].service, rows[0].tier)
    these, figure = "ce mois", "le chiffre est juste et n'est"
    if len(rows) == 1:
        told = f"{count(first.users, 'utilisateur')} de {name} en {first.month.french}"
    else:
        these, figure = "ces mois", "les chiffres sont justes et ne sont"
        months: dict[int, list[Month]] = {}
        for row in rows:
            months.setdefault(row.users, []).append(row.month)
        told = f"{name} : " + " ; ".join(
            f"{count(users, 'utilisateur')} ({_spans(found)})" for users, found in months.items()
        )
    return Finding(
        code=USAGE_OUTSIDE,
        message=f"{told}, hors abonnement",
        remedy=f"Corrigez l'abonnement (début, fin, palier) ou la consommation de {these} ; si "
        f"{figure} pas à facturer, tapez : chorus-worker accept {billed_to} "
        f'{first.month.year} --outside --reason "…"',
        where=_places(rows),
    )


def _places(rows: Iterable[UsageRecord]) -> str:
    """Files and lines, each once."""
    lines: dict[str, list[str]] = {}
    for row in rows:
        known = lines.setdefault(row.file, [])
        if (line := str(row.source.row)) not in known:
            known.append(line)
    return " ; ".join(
        ", ".join(filter(None, (file, f"ligne{'s' * (len(known) > 1)} {', '.join(known)}")))
        for file, known in lines.items()
    )


def _place(file: str, source: SourceRow) -> str:
    return ", ".join(filter(None, (file, f"ligne {source.row}")))


def _unit_outside(unit: UnitRecord, told: OutsideUnit, billed_to: str) -> Finding:
    return Finding(
        code=UNIT_OUTSIDE,
        message=f"{unit.service} : {told.french}, hors abonnement",
        remedy=f"Importez l'abonnement à {unit.service} qui couvre ce jour, sans palier ; ou "
        "corrigez ces unités (0 les annule) ; si "
        f"elles sont justes et ne sont pas à facturer, tapez : chorus-worker accept {billed_to} "
        f'{unit.day.year} --outside --reason "…"',
        where=_place(unit.file, unit.source),
    )


def _other_shape(told: str, name: str, way: str, where: str) -> Finding:
    """The shape of the price does not count what was recorded."""
    return Finding(
        code="USAGE-SHAPE",
        message=f"{told} : {name} se facture {way}",
        remedy="Importez ce que la grille compte, et mettez 0 dans ce qu'elle ne compte pas.",
        where=where,
    )


def _overlap(subscription: Subscription, month: Month) -> Finding:
    name = service_name(subscription.service, subscription.tier)
    return Finding(
        code="SUBSCRIPTION-OVERLAP",
        message=f"deux abonnements à {name} couvrent {month.french}",
        remedy="Corrigez les dates pour que chaque mois relève d'un seul abonnement.",
    )
