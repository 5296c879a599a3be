"""From monthly usage rows to what a member consumed in a year (convention C1, C9).

Pure: the same rows give the same consumption. What does not fit is a finding, never a guess.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from worker.billing.members import Subscription
from worker.billing.money import count
from worker.billing.period import Month, months_of
from worker.errors import Finding


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
class MonthlyUse:
    """Users of one month, and where the figure was read."""

    month: Month
    users: int
    source: SourceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUse:
    """A year's use of one service in one tier and category, months in order."""

    service: str
    tier: int | None
    category: int
    months: tuple[MonthlyUse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class YearlyConsumption:
    """What a member consumed in a calendar year, and what is wrong with it."""

    siret: str
    year: int
    uses: tuple[ServiceUse, ...]
    findings: tuple[Finding, ...]


def consume(
    siret: str,
    year: int,
    subscriptions: Iterable[Subscription],
    usage: Iterable[UsageRecord],
) -> YearlyConsumption:
    """Aggregate a member's rows of a year under its subscriptions.

    A subscribed month needs a row, even for zero users: a missing month would bill too little.
    Users outside any subscription are a finding, not a line (C9).
    """
    rows = {
        (row.service, row.tier, row.month): row
        for row in sorted(usage, key=lambda row: (row.service, row.tier or 0, row.month))
        if row.siret == siret and row.month.year == year
    }
    findings: list[Finding] = []
    used: set[tuple[str, int | None, Month]] = set()
    uses: dict[tuple[str, int | None, int], list[MonthlyUse]] = {}
    own = (subscription for subscription in subscriptions if subscription.siret == siret)
    for subscription in sorted(
        own, key=lambda one: (one.service, one.tier or 0, one.start, one.category)
    ):
        missing = []
        for month in filter(subscription.covers, months_of(year)):
            key = (subscription.service, subscription.tier, month)
            row = rows.get(key)
            if row is None:
                missing.append(month)
            elif key in used:
                findings.append(_overlap(subscription, month))
            else:
                used.add(key)
                uses.setdefault((*key[:2], subscription.category), []).append(
                    MonthlyUse(month=month, users=row.users, source=row.source)
                )
        if missing:
            findings.append(_gap(subscription, missing))
    findings.extend(_outside(row) for key, row in rows.items() if key not in used and row.users > 0)
    return YearlyConsumption(
        siret=siret,
        year=year,
        uses=tuple(
            ServiceUse(
                service=service,
                tier=tier,
                category=category,
                months=tuple(sorted(months, key=lambda use: use.month)),
            )
            for (service, tier, category), months in uses.items()
        ),
        findings=tuple(findings),
    )


def service_name(service: str, tier: int | None) -> str:
    """A service for people: ``stockage 2 To``."""
    return service if tier is None else f"{service} {tier} To"


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


def _outside(row: UsageRecord) -> Finding:
    name = service_name(row.service, row.tier)
    return Finding(
        code="USAGE-OUTSIDE",
        message=f"{count(row.users, 'utilisateur')} de {name} en {row.month.french}, "
        "hors abonnement",
        remedy="Corrigez l'abonnement (début, fin, palier) ou la consommation de ce mois.",
        where=", ".join(filter(None, (row.file, f"ligne {row.source.row}"))),
    )


def _overlap(subscription: Subscription, month: Month) -> Finding:
    name = service_name(subscription.service, subscription.tier)
    return Finding(
        code="SUBSCRIPTION-OVERLAP",
        message=f"deux abonnements à {name} couvrent {month.french}",
        remedy="Corrigez les dates pour que chaque mois relève d'un seul abonnement.",
    )
