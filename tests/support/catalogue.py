"""A member that subscribed to the eight services of the bouquet, priced by the example grid."""

from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

from worker.billing.consumption import PopulationRecord, SourceRow, UnitRecord, UsageRecord
from worker.billing.member_year import MemberYear
from worker.billing.members import BillingReferences, Member, Subscription
from worker.billing.period import Month
from worker.billing.quantity import Quantity, quantity_of
from worker.billing.tariff import TariffGrid
from worker.billing.tariff_reading import parse_grid

EXAMPLE = Path(__file__).parents[2] / "config" / "catalogue.toml"
YEAR = 2025


@cache
def example_grid() -> TariffGrid:
    """The grid of config/catalogue.toml."""
    return parse_grid(EXAMPLE.read_bytes(), EXAMPLE.name)


def source(kind: str, row: int) -> SourceRow:
    """A row of a file of a kind."""
    return SourceRow(file_sha256=sha256(kind.encode()).hexdigest(), row=row)


def unit(member: Member, row: int, day: date, quantity: Quantity, reference: str) -> UnitRecord:
    """A training day, or a part of one."""
    return UnitRecord(
        siret=member.siret,
        service="formation",
        day=day,
        quantity=quantity_of(quantity),
        reference=reference,
        source=source("units", row),
    )


def subscribed(
    member: Member, service: str, first: int, last: int = 12, **more: int
) -> Subscription:
    """A subscription over some months of the year."""
    return Subscription(
        siret=member.siret,
        service=service,
        tier=more.get("tier"),
        category=more.get("category", 1),
        start=Month(YEAR, first).first_day,
        end=Month(YEAR, last).last_day,
    )


def catalogue_year(member: Member, references: BillingReferences, *units: UnitRecord) -> MemberYear:
    """The year of a member with every service."""
    used = [("stockage", 1, [4] * 12), ("ged", None, [500] * 11 + [0])]
    used += [("citoyens", None, [99, 100] + [120] * 10)]
    rows = [
        (service, tier, month, users)
        for service, tier, figures in used
        for month, users in enumerate(figures, start=1)
    ]
    return MemberYear(
        member=member,
        year=YEAR,
        references=references,
        subscriptions=(
            subscribed(member, "stockage", 1, tier=1, category=3),
            subscribed(member, "achats", 3),
            subscribed(member, "formation", 1),
            subscribed(member, "collaboratif", 2, 5, category=2),
            subscribed(member, "sig", 6),
            subscribed(member, "ged", 1),
            subscribed(member, "citoyens", 1),
            subscribed(member, "consultation", 1, 9),
        ),
        usage=tuple(
            UsageRecord(
                siret=member.siret,
                service=service,
                tier=tier,
                month=Month(YEAR, month),
                users=users,
                source=source("usage", row),
            )
            for row, (service, tier, month, users) in enumerate(rows, start=2)
        ),
        hold=None,
        units=units,
        population=PopulationRecord(
            siret=member.siret, year=YEAR, inhabitants=3421, source=source("population", 2)
        ),
    )
