"""All that is known of a member's year before it is billed: read once, computed from once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import TypeVar

from worker.billing.comparison import Confirmation
from worker.billing.consumption import (
    Bases,
    Outside,
    PopulationRecord,
    Scope,
    UnitRecord,
    UsageRecord,
    YearlyConsumption,
    by_usage,
    consume,
)
from worker.billing.members import BillingReferences, Member, Nature, Subscription
from worker.billing.period import Month, months_of
from worker.billing.rating import Rating, rate
from worker.billing.succession import Predecessor
from worker.billing.tariff import TariffGrid, bases
from worker.errors import Finding

NEVER_BILLED = "NEVER-BILLED"
"""Code of the finding of a member that a person leaves without invoice for a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a member is held back for a year, and since when; or never billed for it."""

    reason: str
    placed_at: datetime
    never_billed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person's word that users outside any subscription are not billed: these figures alone."""

    uses: tuple[Outside, ...]
    reason: str
    accepted_at: datetime
    accepted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What a member is billed for in the place of another, as it was filed under this one.

    Attributes:
        elsewhere: the months of the year that the member is not billed for.
        population: of the other, in force in the year; None where it is not known.
    """

    origin: Predecessor
    elsewhere: frozenset[Month]
    subscriptions: tuple[Subscription, ...]
    usage: tuple[UsageRecord, ...]
    units: tuple[UnitRecord, ...] = ()
    population: PopulationRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberYear:
    """A member, and what its invoice of a year rests on. Equal values give the same invoice.

    Attributes:
        year: of the services.
        references: code service and numéro d'engagement, empty when none were given.
        subscriptions: all of the member, whatever their dates.
        usage: the current rows of the year.
        hold: the one in force, if there is one.
        confirmation: what a person last confirmed of its amount, if anything.
        units: the current dated units of the year.
        population: its inhabitants in force in the year, when they are known.
        acceptance: what a person last accepted outside its subscriptions, if anything.
        nature: of the member, as it is now: it decides of the circuit, not of the invoice.
        elsewhere: the months of the year in which its successor is billed for its rows.
        taken_over: its predecessors that it is billed for in the year, by SIRET.
        references_from: in want of its own, the predecessors that have some: theirs are taken,
            unless they differ.
    """

    member: Member
    year: int
    references: BillingReferences
    subscriptions: tuple[Subscription, ...]
    usage: tuple[UsageRecord, ...]
    hold: Hold | None
    confirmation: Confirmation | None = None
    units: tuple[UnitRecord, ...] = ()
    population: PopulationRecord | None = None
    acceptance: Acceptance | None = None
    nature: Nature = Nature.PUBLIC
    elsewhere: frozenset[Month] = frozenset()
    taken_over: tuple[TakenOver, ...] = ()
    references_from: tuple[Predecessor, ...] = ()

    @property
    def is_in_year(self) -> bool:
        """Whether it is billed for anything subscribed or used in the year, if only for nothing."""
        return _has_any(self, self.year) or any(_has_any(one, self.year) for one in self.taken_over)

    def consumed(self, basis: Bases = by_usage) -> YearlyConsumption:
        """What was consumed, its predecessors' part too. Pure."""
        return _together(tuple(one for one, _ in self._parts(basis)))

    def priced(self, grids: Sequence[TariffGrid]) -> tuple[YearlyConsumption, Rating]:
        """What was consumed, and its prices; each predecessor's part by itself. Pure."""
        parts = tuple(self._parts(bases(grids)))
        ratings = [
            _told_of(rate(consumption, grids, population), origin)
            for (consumption, population), origin in zip(parts, self._origins, strict=True)
        ]
        rating = Rating(
            lines=tuple(chain.from_iterable(one.lines for one in ratings)),
            findings=tuple(chain.from_iterable(one.findings for one in ratings)),
            grid_versions=tuple(
                dict.fromkeys(chain.from_iterable(one.grid_versions for one in ratings))
            ),
        )
        return _together(tuple(one for one, _ in parts)), rating

    @property
    def _origins(self) -> tuple[Predecessor | None, ...]:
        return (None, *(one.origin for one in self.taken_over))

    def _parts(self, basis: Bases) -> Iterator[tuple[YearlyConsumption, PopulationRecord | None]]:
        """Its own part and each predecessor's, with the inhabitants that prices go by."""
        siret = self.member.siret
        accepted = () if self.acceptance is None else self.acceptance.uses
        own = consume(
            siret,
            self.year,
            self.subscriptions,
            self.usage,
            self.units,
            basis,
            accepted,
            Scope(elsewhere=self.elsewhere),
        )
        yield own, self.population
        for one in self.taken_over:
            theirs = consume(
                one.origin.siret,
                self.year,
                one.subscriptions,
                one.usage,
                one.units,
                basis,
                accepted,
                Scope(elsewhere=one.elsewhere, origin=one.origin, billed_to=siret),
            )
            yield _told_of(theirs, one.origin), one.population or self.population


def _has_any(part: MemberYear | TakenOver, year: int) -> bool:
    """Whether anything is subscribed or recorded in the months that are billed."""
    billed = [month for month in months_of(year) if month not in part.elsewhere]
    return (
        any(row.month in billed for row in part.usage)
        or any(Month.of(unit.day) in billed for unit in part.units)
        or any(one.covers(month) for one in part.subscriptions for month in billed)
    )


_Found = TypeVar("_Found", YearlyConsumption, Rating)


def _told_of(found: _Found, origin: Predecessor | None) -> _Found:
    """The same, its findings naming the predecessor that they are about."""
    if origin is None:
        return found
    findings = tuple(_about(one, origin) for one in found.findings)
    return replace(found, findings=findings)


def _about(finding: Finding, origin: Predecessor) -> Finding:
    return replace(finding, message=f"{finding.message}, {origin.french}")


def _together(parts: Sequence[YearlyConsumption]) -> YearlyConsumption:
    """The member's own part, which comes first, and those of its predecessors as one."""
    return replace(
        parts[0],
        uses=tuple(chain.from_iterable(one.uses for one in parts)),
        findings=tuple(chain.from_iterable(one.findings for one in parts)),
        outside=tuple(chain.from_iterable(one.outside for one in parts)),
    )
