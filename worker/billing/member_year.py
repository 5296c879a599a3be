"""All that is known of a member's year before it is billed: read once, computed from once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.billing.comparison import Confirmation
from worker.billing.consumption import (
    OutsideUse,
    PopulationRecord,
    UnitRecord,
    UsageRecord,
    YearlyConsumption,
    consume,
)
from worker.billing.members import BillingReferences, Member, Nature, Subscription
from worker.billing.rating import Rating, rate
from worker.billing.tariff import TariffGrid, bases

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

    uses: tuple[OutsideUse, ...]
    reason: str
    accepted_at: datetime
    accepted_by: str


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

    @property
    def is_in_year(self) -> bool:
        """Whether it is subscribed to something in the year, or used something."""
        return bool(self.usage or self.units) or any(
            one.start.year <= self.year and (one.end is None or one.end.year >= self.year)
            for one in self.subscriptions
        )

    def priced(self, grids: Sequence[TariffGrid]) -> tuple[YearlyConsumption, Rating]:
        """What was consumed, and its prices. Pure."""
        consumption = consume(
            self.member.siret,
            self.year,
            self.subscriptions,
            self.usage,
            self.units,
            bases(grids),
            () if self.acceptance is None else self.acceptance.uses,
        )
        return consumption, rate(consumption, grids, self.population)
