"""Random members: a year of subscriptions, usage and grids, billed as the batch bills it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.support.builders import EXEMPT, FILE, MEMBER, OTHER_SIRET, SIRET, STANDARD, YEAR
from worker.billing.consumption import SourceRow, UsageRecord, consume
from worker.billing.invoice import Invoice, Party, PaymentMeans, Terms, build_draft, issue
from worker.billing.member_year import MemberYear
from worker.billing.members import BillingReferences, Subscription
from worker.billing.money import Money
from worker.billing.period import Month, months_of
from worker.billing.rating import rate
from worker.billing.statement import Statement
from worker.billing.tariff import NO_TIER, PerUserMonth, PriceComponent, ServiceTariff, TariffGrid
from worker.billing.vat import VatCategory, VatMethod, VatRegime

ISSUED_ON = date(YEAR + 1, 1, 5)
CATEGORIES = 3
KEYS = (("gfu", None), ("stockage", 1), ("stockage", 2), ("stockage", 5))
REDUCED = VatRegime(category=VatCategory.STANDARD, rate=Decimal("5.5"))
LABELS = (
    "GFU",
    "Stockage et sauvegarde",
    "janvier 2025  12  [1] ligne 2",
    "= 100,00 € TTC",
    "<script>alert(1)</script>",
    "+ 1,00 €",
    "Groupement fermé d'utilisateurs sur fibre, à très haut débit, avec assistance " * 2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledYear:
    """A member's year and what was issued for it; ``grids``: all of the tariff folder."""

    known: MemberYear
    grids: tuple[TariffGrid, ...]
    invoice: Invoice
    statement: Statement

    @property
    def used_grids(self) -> tuple[TariffGrid, ...]:
        """Those that are frozen with the invoice."""
        return tuple(one for one in self.grids if one.version in self.invoice.grid_versions)


@st.composite
def billed_years(draw: st.DrawFn) -> BilledYear:
    """A member whose year has at least one user, and nothing wrong."""
    grids = tuple(draw(_grids()))
    subscriptions: list[Subscription] = []
    usage: list[UsageRecord] = []
    for service, tier in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)):
        users = draw(st.binary(min_size=12, max_size=12))
        mine = list(draw(_subscriptions(service, tier)))
        subscriptions += mine
        usage += [
            _record(service, tier, month, users[month.number - 1], row=len(usage) + 2 + index)
            for index, month in enumerate(
                month for month in months_of(YEAR) if any(one.covers(month) for one in mine)
            )
        ]
    if not any(row.users for row in usage):
        row = usage[0]
        usage[0] = _record(row.service, row.tier, row.month, 1, row=row.source.row)
    known = MemberYear(
        member=MEMBER,
        year=YEAR,
        references=BillingReferences(siret=SIRET, year=YEAR, engagement="EJ-2025-7"),
        subscriptions=tuple(subscriptions),
        usage=tuple(usage),
        hold=None,
    )
    return billed(known, grids, draw(st.sampled_from(VatMethod)))


def billed(
    known: MemberYear, grids: tuple[TariffGrid, ...], method: VatMethod = VatMethod.DIFFERENCE
) -> BilledYear:
    """Bill it."""
    consumption = consume(SIRET, YEAR, known.subscriptions, known.usage)
    rating = rate(consumption, grids)
    assert (consumption.findings, rating.findings) == ((), ())
    terms = Terms(
        seller=Party(name="Syndicat fictif", siret=OTHER_SIRET, address=MEMBER.address),
        payment=PaymentMeans(iban="FR1420041010050500013M02606", account_name="Compte fictif"),
        payment_terms="Paiement à 30 jours.",
        vat_method=method,
    )
    statement = Statement(
        number="ETAT-2026-00001",
        year=YEAR,
        member=known.member,
        lines=rating.lines,
        issue_date=ISSUED_ON,
    )
    invoice = issue(
        build_draft(known.member, known.references, terms, rating.lines),
        number="BSN-2026-00001",
        issue_date=ISSUED_ON,
        due_date=ISSUED_ON + timedelta(days=30),
        statement_number=statement.number,
    )
    return BilledYear(known=known, grids=grids, invoice=invoice, statement=statement)


@st.composite
def _subscriptions(draw: st.DrawFn, service: str, tier: int | None) -> Iterator[Subscription]:
    """One or two, one after the other, perhaps with a hole, perhaps of another category."""
    months = sorted(draw(st.lists(st.integers(1, 13), min_size=2, max_size=4, unique=True)))
    spans = [months[:2], months[2:]] if len(months) == 4 else [months[:2]]
    return iter(
        [
            Subscription(
                siret=SIRET,
                service=service,
                tier=tier,
                category=draw(st.integers(1, CATEGORIES)),
                start=Month(YEAR, first).first_day,
                end=Month(YEAR, last - 1).last_day if last < 13 or draw(st.booleans()) else None,
            )
            for first, last in spans
        ]
    )


@st.composite
def _grids(draw: st.DrawFn) -> Iterator[TariffGrid]:
    """One to three, each from its month on; the older ones end, or are left open."""
    starts = sorted(draw(st.lists(st.integers(2, 12), max_size=2, unique=True)))
    vat = draw(st.sampled_from(({"gfu": STANDARD}, {"gfu": EXEMPT}, {"gfu": REDUCED})))
    return iter(
        [
            TariffGrid(
                version=f"{YEAR}-{index}",
                title="Grille fictive",
                source=draw(st.sampled_from(LABELS)),
                valid_from=Month(YEAR, start).first_day,
                valid_to=None
                if following is None or draw(st.booleans())
                else Month(YEAR, following).first_day - timedelta(days=1),
                services=dict(draw(_services(vat))),
                sha256=f"{index:064d}",
            )
            for index, (start, following) in enumerate(
                zip([1, *starts], [*starts, None], strict=True), start=1
            )
        ]
    )


@st.composite
def _services(draw: st.DrawFn, vat: Mapping[str, VatRegime]) -> Iterator[tuple[str, ServiceTariff]]:
    tariffs = []
    for service in ("gfu", "stockage"):
        tiers = [NO_TIER] if service == "gfu" else [1, 2, 5]
        names = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=3))
        components = tuple(
            PriceComponent(
                code=f"part{rank}",
                label=name,
                prices=dict(zip(tiers, draw(_prices(len(tiers))), strict=True)),
            )
            for rank, name in enumerate(names)
        )
        tariff = ServiceTariff(
            code=service,
            label=draw(st.sampled_from(LABELS)),
            vat=vat.get(service, STANDARD),
            shape=PerUserMonth(components=components),
        )
        tariffs.append((service, tariff))
    return iter(tariffs)


def _prices(tiers: int) -> st.SearchStrategy[list[tuple[Money, ...]]]:
    """A price for each category, tier by tier. Drawn as bytes: one draw for all of them."""
    size = 2 * CATEGORIES * tiers
    return st.binary(min_size=size, max_size=size).map(
        lambda drawn: [
            tuple(
                Money(int.from_bytes(drawn[place : place + 2]) % 5000)
                for place in range(start, start + 2 * CATEGORIES, 2)
            )
            for start in range(0, size, 2 * CATEGORIES)
        ]
    )


def _record(service: str, tier: int | None, month: Month, users: int, *, row: int) -> UsageRecord:
    return UsageRecord(
        siret=SIRET,
        service=service,
        tier=tier,
        month=month,
        users=users,
        source=SourceRow(file_sha256=FILE, row=row),
    )
