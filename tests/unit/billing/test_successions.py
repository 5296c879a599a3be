"""Successions: each month and row is billed once, to one member, whatever the mergers (C9)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import FILE, MEMBER, YEAR, grid, subscriptions, usage
from tests.support.catalogue import catalogue_year, example_grid, unit
from worker.billing.consumption import OutsideUse, SourceRow, UsageRecord
from worker.billing.invoice import InvoiceDraft, Party, PaymentMeans, Terms, build_draft
from worker.billing.member_year import MemberYear, TakenOver
from worker.billing.members import BillingReferences, Subscription
from worker.billing.money import Money
from worker.billing.period import Month, months_of
from worker.billing.rating import RatedLine
from worker.billing.statement import Statement
from worker.billing.succession import (
    Predecessor,
    Succession,
    Successions,
    billed_for,
    followed,
    months_billed,
    months_elsewhere,
    predecessors,
    successors,
)
from worker.storage.snapshots import dump, load

A, B, C, D = (f"9990000{rank}00000" for rank in range(4))
SIRETS = (A, B, C, D)
NOW = datetime(YEAR, 6, 1, tzinfo=UTC)
GRID = grid("2025", "2025-01-01..2025-12-31", "gfu: 9.60 4.80", "stockage 1 To: 10.80 10.26")
KEYS = (("gfu", None), ("stockage", 1))


def succession(old: str, new: str, begins: date) -> Succession:
    """One by the word of the test."""
    return Succession(
        siret=old,
        successor=new,
        effective_on=begins,
        reason="essai",
        recorded_at=NOW,
        recorded_by="essai",
    )


def known_by(*given: tuple[str, str, str]) -> Successions:
    """Successions from ``old, new, day``."""
    return {old: succession(old, new, date.fromisoformat(day)) for old, new, day in given}


def year_of(
    siret: str,
    known: Successions,
    signed: Sequence[Subscription],
    rows: Sequence[UsageRecord],
) -> MemberYear:
    """What a member is billed for, as the books give it."""
    return MemberYear(
        member=replace(MEMBER, siret=siret),
        year=YEAR,
        references=BillingReferences(siret=siret, year=YEAR),
        subscriptions=tuple(one for one in signed if one.siret == siret),
        usage=tuple(row for row in rows if row.siret == siret),
        hold=None,
        elsewhere=months_elsewhere(siret, siret, YEAR, known),
        taken_over=tuple(
            TakenOver(
                origin=Predecessor(siret=one, name=f"Commune {one}"),
                elsewhere=months_elsewhere(one, siret, YEAR, known),
                subscriptions=tuple(signature for signature in signed if signature.siret == one),
                usage=tuple(row for row in rows if row.siret == one),
            )
            for one in predecessors(siret, known)
            if months_billed(one, siret, YEAR, known)
        ),
    )


DAYS = st.dates(date(YEAR - 1, 11, 20), date(YEAR + 1, 1, 10))
SPANS = st.lists(DAYS, min_size=1, max_size=2).map(sorted)
FIRST_DAYS = st.integers(1, 12).map(lambda number: date(YEAR, number, 1))


@st.composite
def families(draw: st.DrawFn) -> Successions:
    """Chains and mergers of four members, without circle: each ends in one that comes later."""
    known: dict[str, Succession] = {}
    for rank, old in enumerate(SIRETS[:-1]):
        new = draw(st.sampled_from((None, *SIRETS[rank + 1 :])))
        if new is not None:
            known[old] = succession(old, new, draw(st.one_of(FIRST_DAYS, DAYS)))
    return known


@st.composite
def filed(draw: st.DrawFn) -> tuple[tuple[Subscription, ...], tuple[UsageRecord, ...]]:
    """What any of the four may have under its SIRET: spans with or without use, use outside."""
    signed: list[Subscription] = []
    rows: list[UsageRecord] = []
    for siret in SIRETS:
        for service, tier in KEYS:
            for days in draw(st.lists(SPANS, max_size=1)):
                start, end = days[0], days[-1] if len(days) == 2 else None
                signed.append(
                    Subscription(
                        siret=siret,
                        service=service,
                        tier=tier,
                        category=draw(st.integers(1, 2)),
                        start=start,
                        end=end,
                    )
                )
            for month, users in zip(
                months_of(YEAR), draw(st.binary(min_size=12, max_size=12)), strict=True
            ):
                if users % 4:
                    rows.append(
                        UsageRecord(
                            siret=siret,
                            service=service,
                            tier=tier,
                            month=month,
                            users=users,
                            source=SourceRow(file_sha256=FILE, row=len(rows) + 2),
                        )
                    )
    return tuple(signed), tuple(rows)


@given(families(), filed())
def test_each_row_is_priced_once_in_one_year(
    known: Successions, books: tuple[tuple[Subscription, ...], tuple[UsageRecord, ...]]
) -> None:
    """Covered by a subscription, or outside, or refused: but by one member; users are preserved."""
    signed, rows = books
    years = [year_of(siret, known, signed, rows) for siret in SIRETS]
    alone = [year_of(siret, {}, signed, rows) for siret in SIRETS]

    assert priced_rows(years) == priced_rows(alone)
    assert max(priced_rows(years).values(), default=1) == 1
    assert quantities(years) == quantities(alone)
    assert outside(years) == outside(alone)
    assert Counter(codes(years)).keys() == Counter(codes(alone)).keys()
    assert amount(years) == amount(alone)


def priced_rows(years: Sequence[MemberYear]) -> Counter[int]:
    """How many times the row of each rank, with users, is in a priced line."""
    return Counter(use.source.row for line in lines(years) for use in line.months if use.users)


def lines(years: Sequence[MemberYear]) -> list[RatedLine]:
    """The priced lines of all."""
    return [line for year in years for line in year.priced((GRID,))[1].lines]


def quantities(years: Sequence[MemberYear]) -> int:
    """Users × months of all."""
    return sum(int(line.quantity) for line in lines(years))


def amount(years: Sequence[MemberYear]) -> Money:
    """What all owe together."""
    return Money.sum(line.total for line in lines(years))


def outside(years: Sequence[MemberYear]) -> list[tuple[object, ...]]:
    """The users that no subscription covers, of all, by whom they were filed under."""
    return sorted(
        (one.origin.siret if one.origin else year.member.siret, one.service, one.month, one.users)
        for year in years
        for one in year.consumed().outside
        if isinstance(one, OutsideUse)
    )


def codes(years: Sequence[MemberYear]) -> list[str]:
    """Of the findings of all."""
    return [finding.code for year in years for finding in year.consumed().findings]


@given(families(), st.sampled_from(SIRETS), st.integers(1, 12))
def test_a_month_is_billed_to_one_member(known: Successions, siret: str, number: int) -> None:
    """Of all that may succeed, one; and the months of a year are shared without rest."""
    month = Month(YEAR, number)
    takers = [to for to in SIRETS if month in months_billed(siret, to, YEAR, known)]

    assert takers == [billed_for(siret, month, known)]
    assert takers[0] in {siret, *successors(siret, known)}


@pytest.mark.parametrize(
    "day,first", [("2025-03-01", 3), ("2025-03-02", 4), ("2025-02-28", 3), ("2024-12-02", 1)]
)
def test_a_begun_month_stays_with_the_one_that_ends(day: str, first: int) -> None:
    """On the first of a month, it is the successor's."""
    assert succession(A, C, date.fromisoformat(day)).first_month == Month(YEAR, first)


@pytest.mark.parametrize("month,to", [(2, A), (3, C), (6, C), (7, D), (12, D)])
def test_a_chain_is_followed_month_by_month(month: int, to: str) -> None:
    """A ended in C in March, and C in D in July."""
    known = known_by((A, C, "2025-03-01"), (C, D, "2025-07-01"))

    assert billed_for(A, Month(YEAR, month), known) == to


def merged() -> MemberYear:
    """C with its own stockage, and those of A from April on and of B from January on."""
    known = known_by((A, C, "2025-03-15"), (B, C, "2025-01-01"))
    one = "stockage 1 To cat 1 from 2024-01-01"
    signed = [signature for siret in (A, B, C) for signature in subscriptions(one, siret=siret)]
    rows = [
        row
        for siret, users in ((A, 5), (B, 7), (C, 11))
        for row in usage(f"stockage 1 To: {users}×12", siret=siret)
    ]
    return year_of(C, known, signed, rows)


def drafted(year: MemberYear) -> InvoiceDraft:
    """Its invoice."""
    terms = Terms(
        seller=Party(name="Syndicat fictif", siret=D, address=MEMBER.address),
        payment=PaymentMeans(iban="FR1420041010050500013M02606", account_name="Compte fictif"),
        payment_terms="Paiement à 30 jours.",
    )
    return build_draft(year.member, year.references, terms, year.priced((GRID,))[1].lines)


def test_each_predecessor_has_its_own_lines() -> None:
    """Named after it; the member's own come first, and say nothing of it."""
    draft = drafted(merged())

    assert [(line.name, line.quantity) for line in draft.lines] == [
        ("Stockage, 1 To (catégorie 1)", 132),
        (f"Stockage, 1 To (catégorie 1), repris de Commune {A} (SIRET {A})", 45),
        (f"Stockage, 1 To (catégorie 1), repris de Commune {B} (SIRET {B})", 84),
    ]


def test_what_is_wrong_names_the_predecessor() -> None:
    """And the member that is billed is the one to accept use outside the subscriptions."""
    known = known_by((A, C, "2025-01-01"))
    found = year_of(C, known, (), usage("gfu: 3", siret=A)).consumed().findings

    assert [one.code for one in found] == ["USAGE-OUTSIDE"]
    assert f"repris de Commune {A}" in found[0].message
    assert f"accept {C} {YEAR} --outside" in found[0].remedy


def test_a_line_without_predecessor_is_written_as_it_was() -> None:
    """The frozen content of one's own use has no word more; with one, it comes back as it was."""
    year = merged()
    statement = Statement(
        number="ETAT-2026-00001",
        year=YEAR,
        member=year.member,
        lines=year.priced((GRID,))[1].lines,
        issue_date=date(YEAR + 1, 1, 5),
    )
    own = replace(statement, lines=statement.lines[:1])

    assert "origin" not in dump(Statement, own)
    assert load(Statement, dump(Statement, statement)) == statement


@pytest.mark.parametrize("begins", range(1, 13))
def test_every_shape_of_price_is_billed_once(begins: int) -> None:
    """A whole year's price to the one that has its first month; twelfths, to a cent of rounding."""
    member = replace(MEMBER, siret=A)
    days = [date(YEAR, number, 5) for number in range(1, 13)]
    units = [unit(member, row, day, Decimal(1), f"S{row}") for row, day in enumerate(days, 2)]
    alone = catalogue_year(member, BillingReferences(siret=A, year=YEAR), *units)
    known = known_by((A, C, f"{YEAR}-{begins:02d}-01"))
    left = replace(alone, elsewhere=months_elsewhere(A, A, YEAR, known))
    taken = replace(
        year_of(C, {}, (), ()),
        taken_over=(
            TakenOver(
                origin=Predecessor(siret=A, name="A"),
                elsewhere=months_elsewhere(A, C, YEAR, known),
                subscriptions=alone.subscriptions,
                usage=alone.usage,
                units=alone.units,
                population=alone.population,
            ),
        ),
    )

    shared, whole = by_service(left, taken), by_service(alone)

    assert shared.keys() == whole.keys()
    assert all(abs((shared[one] - whole[one]).cents) <= 1 for one in whole)


def by_service(*years: MemberYear) -> dict[str, Money]:
    """What all owe for each service, but for the one whose bands are of the year."""
    found: dict[str, Money] = {}
    for year in years:
        for line in year.priced((example_grid(),))[1].lines:
            if line.service != "ged":
                found[line.service] = found.get(line.service, Money(0)) + line.total
    return found


REFERENCES: Mapping[str, BillingReferences] = {
    "none": BillingReferences(siret=C, year=YEAR),
    "own": BillingReferences(siret=C, year=YEAR, engagement="EJ-C"),
    "a": BillingReferences(siret=A, year=YEAR, engagement="EJ-A"),
    "same": BillingReferences(siret=B, year=YEAR, engagement="EJ-A"),
    "b": BillingReferences(siret=B, year=YEAR, service_code="SC-B"),
}


@pytest.mark.parametrize(
    "own,theirs,engagement,named",
    [
        ("own", ["a"], "EJ-C", []),
        ("none", ["a"], "EJ-A", [A]),
        ("none", ["a", "same"], "EJ-A", [A, B]),
        ("none", ["a", "b"], "", [A, B]),
        ("none", ["none"], "", []),
    ],
)
def test_references_follow_where_the_successor_has_none(
    own: str, theirs: list[str], engagement: str, named: list[str]
) -> None:
    """Under its own SIRET, and none of two that differ."""
    given_by = [
        (Predecessor(siret=one.siret, name=one.siret), one)
        for one in map(REFERENCES.get, theirs)
        if one
    ]
    found, origins = followed(REFERENCES[own], given_by)

    assert (found.siret, found.engagement) == (C, engagement)
    assert [one.siret for one in origins] == named
