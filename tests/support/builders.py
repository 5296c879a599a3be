"""Test inputs of the computing half in the domain's own notation.

::

    usage("stockage 1 To: 12×6 8×6")      users month by month from January, "." for no row
    subscriptions("stockage 1 To cat 1 from 2025-02-15 to 2025-06-30")
    grid("2025", "2025-01-01..2025-12-31", "stockage 1 To: 10.80 10.26", "gfu: 9.60+1.80")

A price is that of a user and month, TTC, one per category; ``+`` joins its components.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from worker.billing.consumption import MonthlyUse, ServiceUse, SourceRow, UsageRecord
from worker.billing.invoice import InvoiceDraft, Party, PaymentMeans, Terms, build_draft
from worker.billing.members import Address, BillingReferences, Member, Subscription
from worker.billing.money import Money
from worker.billing.period import Month
from worker.billing.rating import RatedLine, per_user_month
from worker.billing.tariff import NO_TIER, PerUserMonth, PriceComponent, ServiceTariff, TariffGrid
from worker.billing.vat import VatCategory, VatRegime

YEAR = 2025
SIRET = "99900001100018"
OTHER_SIRET = "99900002900010"
FILE = "a" * 64
STANDARD = VatRegime(category=VatCategory.STANDARD, rate=Decimal(20))
EXEMPT = VatRegime(category=VatCategory.EXEMPT, reason="Exonération fictive")
MEMBER = Member(
    siret=SIRET,
    name="Commune fictive",
    address=Address(line1="1 rue de l'Exemple", postcode="82000", city="Exempleville"),
    convention="CONV-2023-01",
)

_SERVICE = r"(?P<service>\w+)(?: (?P<tier>\d+) To)?"
_LINE = re.compile(rf"{_SERVICE}: (?P<values>.+)")
_SUBSCRIPTION = re.compile(
    rf"{_SERVICE} cat (?P<category>\d+) from (?P<start>\S+)(?: to (?P<end>\S+))?"
)


def usage(
    *lines: str, siret: str = SIRET, year: int = YEAR, file: str = FILE
) -> tuple[UsageRecord, ...]:
    """Usage rows of a year; each "." is a month without a row. Rows are numbered from 2."""
    cells = (
        (service, tier, Month(year, number), users)
        for service, tier, values in map(_read, lines)
        for number, users in enumerate(_repeated(values), start=1)
        if users != "."
    )
    return tuple(
        UsageRecord(
            siret=siret,
            service=service,
            tier=tier,
            month=month,
            users=int(users),
            source=SourceRow(file_sha256=file, row=row),
            file="usage.csv",
        )
        for row, (service, tier, month, users) in enumerate(cells, start=2)
    )


def subscriptions(*lines: str, siret: str = SIRET) -> tuple[Subscription, ...]:
    """What a member signed for; without "to", it has no end."""
    found = []
    for line in lines:
        match = _SUBSCRIPTION.fullmatch(line)
        assert match, line
        found.append(
            Subscription(
                siret=siret,
                service=match["service"],
                tier=_tier(match["tier"]),
                category=int(match["category"]),
                start=date.fromisoformat(match["start"]),
                end=date.fromisoformat(match["end"]) if match["end"] else None,
            )
        )
    return tuple(found)


def grid(version: str, validity: str, *lines: str, vat: VatRegime = STANDARD) -> TariffGrid:
    """A grid; ``validity`` is ``first day..last day``, the last being empty when open."""
    first, last = validity.split("..")
    by_service: dict[str, dict[int, list[list[Money]]]] = {}
    for line in lines:
        service, tier, values = _read(line)
        by_category = [[Money.of(Decimal(p)) for p in value.split("+")] for value in values]
        by_service.setdefault(service, {})[NO_TIER if tier is None else tier] = by_category
    return TariffGrid(
        version=version,
        title=f"Grille {version}",
        source="Décision fictive",
        valid_from=date.fromisoformat(first),
        valid_to=date.fromisoformat(last) if last else None,
        services={code: _tariff(code, rows, vat) for code, rows in by_service.items()},
        sha256=f"{version:0>64}",
    )


def priced(
    *cents: int, vat: VatRegime = STANDARD, users: int = 1, grid_version: str = "2025"
) -> tuple[RatedLine, ...]:
    """One line for each TTC amount: a single month at that price for each user."""
    return tuple(
        per_user_month(
            ServiceUse(service="gfu", tier=None, category=1, months=()),
            (
                MonthlyUse(
                    month=Month(YEAR, 3), users=users, source=SourceRow(file_sha256=FILE, row=2)
                ),
            ),
            "GFU",
            vat,
            (("part opérateur", Money(amount)),),
            grid_version,
        )
        for amount in cents
    )


def draft(rated: Sequence[RatedLine]) -> InvoiceDraft:
    """The invoice of the fictitious member for these lines."""
    terms = Terms(
        seller=Party(name="Syndicat fictif", siret=OTHER_SIRET, address=MEMBER.address),
        payment=PaymentMeans(iban="FR1420041010050500013M02606", account_name="Compte fictif"),
        payment_terms="Paiement à 30 jours.",
    )
    references = BillingReferences(
        siret=SIRET, year=YEAR, service_code="SERVICE-1", engagement="EJ-2025-7"
    )
    return build_draft(MEMBER, references, terms, rated)


def _tariff(code: str, rows: dict[int, list[list[Money]]], vat: VatRegime) -> ServiceTariff:
    count = len(next(iter(rows.values()))[0])
    return ServiceTariff(
        code=code,
        label=code.capitalize(),
        vat=vat,
        shape=PerUserMonth(
            components=tuple(
                PriceComponent(
                    code=f"part{index}",
                    label=f"part {index}",
                    prices={
                        tier: tuple(parts[index - 1] for parts in by_category)
                        for tier, by_category in rows.items()
                    },
                )
                for index in range(1, count + 1)
            )
        ),
    )


def _read(line: str) -> tuple[str, int | None, list[str]]:
    match = _LINE.fullmatch(line)
    assert match, line
    return match["service"], _tier(match["tier"]), match["values"].split()


def _tier(text: str | None) -> int | None:
    return int(text) if text else None


def _repeated(values: Sequence[str]) -> Iterator[str]:
    for value in values:
        users, _, times = value.partition("×")
        yield from [users] * int(times or 1)
