"""Random members: a year of subscriptions, usage and grids, billed as the batch bills it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice

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

# Made once, and few draws for each member: a hundred thousand are tried.
_SERVICES = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)
_USERS = st.binary(min_size=12, max_size=12)
_SPANS = st.lists(st.integers(1, 13), min_size=2, max_size=4, unique=True)
_CATEGORY = st.integers(1, CATEGORIES)
_STARTS = st.lists(st.integers(2, 12), max_size=2, unique=True)
_VAT = st.sampled_from((STANDARD, EXEMPT, REDUCED))
_PRICES = st.binary(min_size=96, max_size=96)
_METHOD = st.sampled_from(VatMethod)


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
    grids = _grids(draw)
    subscriptions: list[Subscription] = []
    usage: list[UsageRecord] = []
    for service, tier in draw(_SERVICES):
        users = draw(_USERS)
        mine = _subscriptions(draw, service, tier)
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
    return billed(known, grids, draw(_METHOD))


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


def _subscriptions(draw: st.DrawFn, service: str, tier: int | None) -> list[Subscription]:
    """One or two, one after the other, perhaps with a hole, perhaps of another category."""
    months = sorted(draw(_SPANS))
    spans = [months[:2], months[2:]] if len(months) == 4 else [months[:2]]
    return [
        Subscription(
            siret=SIRET,
            service=service,
            tier=tier,
            category=draw(_CATEGORY),
            start=Month(YEAR, first).first_day,
            end=Month(YEAR, last - 1).last_day if last < 13 else None,
        )
        for first, last in spans
    ]


def _grids(draw: st.DrawFn) -> tuple[TariffGrid, ...]:
    """One to three, each from its month on; the older ones end, or are left open."""
    starts = sorted(draw(_STARTS))
    vat = draw(_VAT)
    grids = []
    for index, (start, following) in enumerate(
        zip([1, *starts], [*starts, None], strict=True), start=1
    ):
        drawn = draw(_PRICES)
        ends = following is not None and drawn[0] % 2
        grids.append(
            TariffGrid(
                version=f"{YEAR}-{index}",
                title="Grille fictive",
                source=_label(drawn[1]),
                valid_from=Month(YEAR, start).first_day,
                valid_to=Month(YEAR, following).first_day - timedelta(days=1)
                if following is not None and ends
                else None,
                services={
                    "gfu": _service("gfu", [NO_TIER], vat, drawn[2:]),
                    "stockage": _service("stockage", [1, 2, 5], STANDARD, drawn[32:]),
                },
                sha256=f"{index:064d}",
            )
        )
    return tuple(grids)


def _service(code: str, tiers: list[int], vat: VatRegime, drawn: bytes) -> ServiceTariff:
    """A tariff of one to three components, from bytes: one draw for all prices of a grid."""
    size = 2 * CATEGORIES * len(tiers)
    return ServiceTariff(
        code=code,
        label=_label(drawn[0]),
        vat=vat,
        shape=PerUserMonth(
            components=tuple(
                PriceComponent(
                    code=f"part{rank}",
                    label=_label(drawn[2 + rank]),
                    prices=_prices(tiers, drawn[5 + rank * size :]),
                )
                for rank in range(1 + drawn[1] % 3)
            )
        ),
    )


def _prices(tiers: list[int], drawn: bytes) -> dict[int, tuple[Money, ...]]:
    places = iter(range(0, 2 * CATEGORIES * len(tiers), 2))
    return {
        tier: tuple(
            Money(int.from_bytes(drawn[place : place + 2]) % 5000)
            for place in islice(places, CATEGORIES)
        )
        for tier in tiers
    }


def _label(drawn: int) -> str:
    return LABELS[drawn % len(LABELS)]


def _record(service: str, tier: int | None, month: Month, users: int, *, row: int) -> UsageRecord:
    return UsageRecord(
        siret=SIRET,
        service=service,
        tier=tier,
        month=month,
        users=users,
        source=SourceRow(file_sha256=FILE, row=row),
    )
