"""Consumption: each subscribed month once, nothing outside, and every oddity said (C1, C9)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import OTHER_SIRET, SIRET, YEAR, subscriptions, usage
from worker.billing.consumption import (
    OutsideUse,
    SourceRow,
    UsageRecord,
    YearlyConsumption,
    consume,
    french_outside,
)
from worker.billing.members import Subscription
from worker.billing.period import Month
from worker.billing.tariff import Basis
from worker.errors import Severity


def consumed(signed: str, used: str) -> YearlyConsumption:
    """The year of a member; subscriptions and rows are separated by semicolons."""
    return consume(SIRET, YEAR, subscriptions(*_lines(signed)), usage(*_lines(used)))


def written(consumption: YearlyConsumption) -> list[str]:
    """Each use as ``service tier category: month=users …``."""
    return [
        f"{use.service} {use.tier} {use.category}: "
        + " ".join(f"{one.month.number}={one.users}" for one in use.months)
        for use in consumption.uses
    ]


def codes(consumption: YearlyConsumption) -> list[str]:
    """The codes of the findings, in order."""
    return [finding.code for finding in consumption.findings]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";") if line.strip()]


def test_a_full_year_is_twelve_months() -> None:
    """Every subscribed month is there, in order, with the row it was read from."""
    found = consumed("gfu cat 1 from 2022-11-14", "gfu: 12×6 8×6")
    (use,) = found.uses

    assert [one.users for one in use.months] == [12] * 6 + [8] * 6
    assert [one.source.row for one in use.months] == list(range(2, 14))
    assert found.findings == ()


def test_only_the_asked_year_counts() -> None:
    """A row of the year before or after changes nothing."""
    signed = subscriptions("gfu cat 1 from 2020-01-01")
    rows = usage("gfu: 1×12") + usage("gfu: 99×12", year=2024) + usage("gfu: 99×12", year=2026)

    assert consume(SIRET, YEAR, signed, rows) == consume(SIRET, YEAR, signed, usage("gfu: 1×12"))


def test_another_member_is_never_billed_here() -> None:
    """Rows and subscriptions of somebody else are left aside, even when they are handed over."""
    signed = subscriptions("gfu cat 1 from 2025-01-01")
    others = subscriptions("gfu cat 2 from 2024-01-01", siret=OTHER_SIRET)
    rows = usage("gfu: 5×12") + usage("gfu: 7×12", siret=OTHER_SIRET)
    found = consume(SIRET, YEAR, others + signed, rows)

    assert written(found) == ["gfu None 1: " + " ".join(f"{n}=5" for n in range(1, 13))]
    assert found.findings == ()


@pytest.mark.parametrize(
    "signed,used,expected",
    [
        ("gfu cat 1 from 2025-03-31 to 2025-05-01", "gfu: .×2 4×3", ["gfu None 1: 3=4 4=4 5=4"]),
        ("gfu cat 1 from 2025-12-31", "gfu: .×11 4", ["gfu None 1: 12=4"]),
        (
            "stockage 1 To cat 3 from 2024-01-01 to 2025-06-30;stockage 2 To cat 3 from 2025-07-01",
            "stockage 1 To: 5×6; stockage 2 To: .×6 5×6",
            [
                "stockage 1 3: 1=5 2=5 3=5 4=5 5=5 6=5",
                "stockage 2 3: 7=5 8=5 9=5 10=5 11=5 12=5",
            ],
        ),
        (
            "gfu cat 2 from 2024-01-01 to 2025-02-28; gfu cat 2 from 2025-11-01",
            "gfu: 3×2 .×8 4×2",
            ["gfu None 2: 1=3 2=3 11=4 12=4"],
        ),
        (
            "gfu cat 2 from 2024-01-01 to 2025-02-28; gfu cat 5 from 2025-11-01",
            "gfu: 3×2 .×8 4×2",
            ["gfu None 2: 1=3 2=3", "gfu None 5: 11=4 12=4"],
        ),
    ],
    ids=["edges", "one day", "tier change", "back in the same category", "back in another"],
)
def test_months_follow_the_subscriptions(signed: str, used: str, expected: list[str]) -> None:
    """A month is billed under the subscription that covers it, in its tier and category."""
    found = consumed(signed, used)

    assert written(found) == expected
    assert found.findings == ()


def test_a_month_without_a_row_is_a_gap() -> None:
    """A missing month would bill too little: it is named, with what to do, and blocks."""
    found = consumed("gfu cat 1 from 2025-01-01", "gfu: 1 . 1 . 1×8")
    (gap,) = found.findings

    assert (gap.code, gap.severity) == ("USAGE-GAP", Severity.BLOCKING)
    assert gap.message == "aucune consommation enregistrée pour gfu : février 2025, avril 2025"
    assert "0 utilisateur" in gap.remedy


def test_no_user_is_an_answer() -> None:
    """A row of zero users is a month of use, not a gap."""
    found = consumed("gfu cat 1 from 2025-01-01", "gfu: 0×12")

    assert found.findings == ()
    assert sum(one.users for one in found.uses[0].months) == 0


def test_users_outside_a_subscription_are_not_billed() -> None:
    """They are a finding that says where the figure was read; zero users outside is nothing."""
    found = consumed("gfu cat 1 from 2025-02-01 to 2025-02-28", "gfu: 0 2 7 0×9")
    assert written(found) == ["gfu None 1: 2=2"]
    (outside,) = found.findings

    assert outside.code == "USAGE-OUTSIDE"
    assert outside.message.startswith("7 ")
    assert "mars 2025" in outside.message
    assert outside.where == "usage.csv, ligne 4"


def test_a_service_that_the_grid_has_not_is_no_gap() -> None:
    """It needs a price, or the right name: importing months would not help."""
    found = consume(
        SIRET,
        YEAR,
        subscriptions("gfu cat 1 from 2025-12-01"),
        (),
        basis=lambda _service, _month: Basis.UNKNOWN,
    )

    assert found.findings == ()
    assert [one.number for one in found.uses[0].subscribed] == [12]


def test_months_outside_are_one_finding_with_each_place() -> None:
    """One answer is asked for a service and tier: its months, figures and lines are together."""
    found = consumed("gfu cat 1 from 2025-12-01", "gfu: 4 4 . 4 5 .×6 1")
    (outside,) = found.findings

    assert outside.message == (
        "gfu : 4 utilisateurs (janvier 2025 à février 2025, avril 2025) ; "
        "5 utilisateurs (mai 2025), hors abonnement"
    )
    assert outside.where == "usage.csv, lignes 2, 3, 4, 5"
    assert "ces mois" in outside.remedy


def test_the_wrong_tier_is_both_a_gap_and_outside() -> None:
    """Rows of a tier that was not subscribed never stand in for those that are missing."""
    found = consumed("stockage 1 To cat 1 from 2025-12-01", "stockage 2 To: .×11 5")

    assert codes(found) == ["USAGE-GAP", "USAGE-OUTSIDE"]
    assert found.uses == ()


def test_overlapping_subscriptions_bill_a_month_once() -> None:
    """The month that two subscriptions share is billed under the first, and blocks."""
    found = consumed(
        "gfu cat 1 from 2025-01-01 to 2025-06-15; gfu cat 2 from 2025-06-16", "gfu: 1×12"
    )
    assert sum(len(use.months) for use in found.uses) == 12
    (overlap,) = found.findings

    assert (overlap.code, overlap.severity) == ("SUBSCRIPTION-OVERLAP", Severity.BLOCKING)
    assert overlap.message == "deux abonnements à gfu couvrent juin 2025"


def test_a_tier_changed_inside_a_month_is_two_services() -> None:
    """Two tiers in one month each need their row: it is for the syndicat to say who used what."""
    found = consumed(
        "stockage 1 To cat 1 from 2025-01-01 to 2025-01-15; "
        "stockage 2 To cat 1 from 2025-01-16 to 2025-01-31",
        "stockage 1 To: 0; stockage 2 To: 5",
    )

    assert written(found) == ["stockage 1 1: 1=0", "stockage 2 1: 1=5"]
    assert found.findings == ()


def test_nothing_subscribed_and_nothing_used_is_nothing() -> None:
    """A member without a year has no use and no finding."""
    found = consumed("", "")

    assert (found.uses, found.findings, found.year) == ((), (), YEAR)


SIGNED = subscriptions(
    "stockage 1 To cat 3 from 2024-01-01 to 2025-06-30",
    "stockage 2 To cat 3 from 2025-07-01",
    "gfu cat 4 from 2025-01-01",
    "gfu cat 2 from 2025-01-01",
)
USED = usage(
    "stockage 1 To: 5×8", "stockage 2 To: .×5 6×6", "gfu: 1×12", "archive: 4 4", "archive 1 To: 9"
)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(chance: random.Random) -> None:
    """Uses and findings are the same whatever order a database hands the rows over in."""
    signed, rows = list(SIGNED), list(USED)
    chance.shuffle(signed)
    chance.shuffle(rows)

    assert consume(SIRET, YEAR, signed, rows) == consume(SIRET, YEAR, SIGNED, USED)


@given(
    st.lists(st.sampled_from([".", "0", "1", "250"]), min_size=12, max_size=12),
    st.lists(
        st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)).filter(
            lambda dates: dates[0] <= dates[1]
        ),
        max_size=4,
    ),
)
def test_every_user_is_billed_once_or_named(
    months: list[str], signed: list[tuple[int, int, int]]
) -> None:
    """For any subscriptions, what is billed and what is outside add up to what was recorded."""
    rows = usage(f"gfu: {' '.join(months)}") if set(months) != {"."} else ()
    found = consume(SIRET, YEAR, [_span(*dates) for dates in signed], rows)
    billed = [one for use in found.uses for one in use.months]
    assert len({one.month for one in billed}) == len(billed)
    outside = sum(use.users for use in found.outside if isinstance(use, OutsideUse))

    assert ("USAGE-OUTSIDE" in codes(found)) == bool(outside)

    assert sum(one.users for one in billed) + outside == sum(row.users for row in rows)


def _span(first: int, last: int, category: int) -> Subscription:
    return subscriptions(f"gfu cat {category} from 2025-{first:02d}-10 to 2025-{last:02d}-20")[0]


def test_missing_months_that_follow_each_other_are_told_as_one_span() -> None:
    """A person reads « janvier 2025 à mars 2025 », not a list of every month."""
    signed = subscriptions("gfu cat 1 from 2025-01-01")
    found = consume(SIRET, YEAR, signed, usage("gfu: . . . 5 . 5×7"))

    assert [finding.message for finding in found.findings] == [
        "aucune consommation enregistrée pour gfu : janvier 2025 à mars 2025, mai 2025"
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.integers(0, 3), st.booleans()),
        max_size=12,
        unique_by=lambda one: one[0],
    )
)
def test_an_accepted_figure_is_outside_and_no_finding(rows: list[tuple[int, int, bool]]) -> None:
    """Every figure outside is accepted, or in the one finding; none is ever a use."""
    used = [
        UsageRecord(
            siret=SIRET,
            service="gfu",
            tier=None,
            month=Month(YEAR, month),
            users=users,
            source=SourceRow(file_sha256="0" * 64, row=month + 1),
        )
        for month, users, _ in rows
    ]
    accepted = [
        OutsideUse(service="gfu", tier=None, month=Month(YEAR, month), users=users)
        for month, users, taken in rows
        if taken
    ]
    found = consume(SIRET, YEAR, (), used, accepted=accepted)
    with_users = sum(users > 0 for _, users, _ in rows)

    assert found.uses == ()
    assert len(found.outside) == with_users
    left = [
        row.source.row
        for row, (_, users, taken) in zip(used, rows, strict=True)
        if users and not taken
    ]
    places = found.findings[0].where.split(" ", 1)[1] if found.findings else ""

    assert places == ", ".join(map(str, sorted(left)))


def test_what_is_outside_is_one_sentence() -> None:
    """Figures that are alike share their months."""
    uses = [
        OutsideUse(service="gfu", tier=None, month=Month(YEAR, month), users=users)
        for month, users in ((1, 4), (2, 4), (3, 1))
    ]

    assert french_outside(()) == ""
    assert french_outside(uses).replace("\u00a0", " ") == (
        "Hors abonnement, et donc non facturé : gfu, 4 utilisateurs (janvier 2025 à février 2025) ;"
        " gfu, 1 utilisateur (mars 2025)."
    )
