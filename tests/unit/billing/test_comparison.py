"""A year beside the year before: each member once, totals that add up, what is unusual."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.campaign import figures_of
from worker.billing.comparison import (
    CHANGED,
    GONE,
    GROUNDS,
    NEW,
    SMALL,
    ZEROED,
    ComparedMember,
    Comparison,
    Confirmation,
    Group,
    Thresholds,
    YearBefore,
    french_percent,
    group_of,
    percent,
)
from worker.billing.money import ZERO, Money
from worker.errors import Finding, Severity

SIRET, YEAR = "99900007800017", 2025
CENTS = st.integers(min_value=0, max_value=10**9)
AMOUNTS = st.builds(Money, CENTS)
MEMBERS = st.lists(
    st.builds(
        ComparedMember,
        siret=st.just(SIRET),
        name=st.just("Commune fictive"),
        group=st.sampled_from(Group),
        total=AMOUNTS,
        previous=st.none() | AMOUNTS,
    )
)


def euros(text: str) -> Money:
    """An amount."""
    return Money.of(Decimal(text))


def codes(
    total: str,
    before: str | None,
    *,
    known: bool = True,
    limits: Thresholds | None = None,
    is_in_year: bool = True,
) -> list[str]:
    """What is unusual about an amount beside that of the year before; ``known``: others had one."""
    amounts = {} if before is None else {SIRET: euros(before)}
    others = {"99980901500012": euros("100")} if known else {}
    year_before = YearBefore(amounts=amounts | others, thresholds=limits or Thresholds())
    found = year_before.unusual(SIRET, YEAR, euros(total), is_in_year=is_in_year)
    assert all(f"confirm {SIRET} {YEAR}" in finding.remedy for finding in found)
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    "total,before,expected",
    [
        ("120", "100", []),
        ("120.01", "100", [CHANGED]),
        ("80", "100", []),
        ("79.99", "100", [CHANGED]),
        ("148", "100", [CHANGED]),
        ("50", "100", [CHANGED]),
        ("0", "100", [ZEROED]),
        ("0", "0", []),
        ("0", None, []),
        ("100", None, [NEW]),
        ("100", "0", [NEW]),
        ("15", "15", []),
        ("14.99", "14.99", [SMALL]),
        ("5.40", "100", [CHANGED, SMALL]),
        ("5.40", None, [NEW, SMALL]),
        ("100", "-100", [CHANGED]),
    ],
)
def test_an_amount_beyond_a_threshold_is_unusual(
    total: str, before: str | None, expected: list[str]
) -> None:
    """The threshold itself is not beyond it."""
    assert codes(total, before) == expected


def test_nobody_is_new_in_the_first_year_of_an_installation() -> None:
    """Without any amount of the year before, all would be."""
    assert codes("100", None, known=False) == []


def test_a_member_of_which_nothing_is_known_any_more_is_gone() -> None:
    """If it had an amount."""
    assert codes("0", "100", is_in_year=False) == [GONE]
    assert codes("0", None, is_in_year=False) == []


@pytest.mark.parametrize(
    "limits,total,before",
    [
        (Thresholds(change_percent=0), "500", "100"),
        (Thresholds(minimum=ZERO), "1", "1"),
        (Thresholds(zero=False), "0", "100"),
        (Thresholds(new=False), "100", None),
        (Thresholds(gone=False), "0", "100"),
    ],
)
def test_each_threshold_can_be_switched_off(
    limits: Thresholds, total: str, before: str | None
) -> None:
    """By its setting."""
    assert codes(total, before, limits=limits, is_in_year=limits.gone) == []


@given(total=AMOUNTS, before=AMOUNTS)
def test_a_change_is_told_alike_in_both_directions_of_time(total: Money, before: Money) -> None:
    """Whoever changes nothing is never asked, and what is asked names one ground of its kind."""
    year_before = YearBefore(amounts={SIRET: before}, thresholds=Thresholds())
    found = [one.code for one in year_before.unusual(SIRET, YEAR, total)]

    assert set(found) <= GROUNDS
    assert len(found) == len(set(found))
    assert len(set(found) & {CHANGED, NEW, ZEROED}) <= 1
    assert total != before or set(found) <= {SMALL}


@given(members=MEMBERS)
def test_the_totals_of_the_groups_make_the_total(members: Sequence[ComparedMember]) -> None:
    """Members, this year's amounts and last year's: nothing is counted twice or left out."""
    compared = Comparison(year=YEAR, members=tuple(members))
    shares = [compared.share(group) for group in Group]
    everything = compared.share()

    assert sum(share.members for share in shares) == everything.members == len(members)
    assert Money.sum(share.total for share in shares) == everything.total
    assert Money.sum(share.previous for share in shares) == everything.previous
    assert Money.sum(one.difference for one in members) == everything.total - everything.previous
    assert figures_of(compared).total == everything.total


@given(
    said=st.lists(st.sampled_from([*sorted(GROUNDS), "HELD", "USAGE-MISSING"]), max_size=3),
    facts=st.tuples(*[st.booleans()] * 5),
)
def test_a_member_is_in_one_group_and_never_billed_past_a_blocking_finding(
    said: list[str], facts: tuple[bool, ...]
) -> None:
    """A ground alone is to be confirmed; anything else holds back."""
    findings = [Finding(code=code, message="") for code in said]
    names = ("is_billed", "to_bill", "is_in_year", "has_ended", "had_an_amount")
    told = dict(zip(names, facts, strict=True))
    group = group_of(findings, **told)

    assert (group is Group.BILLED) is told["is_billed"]
    if not told["is_billed"] and said:
        expected = Group.TO_CONFIRM if set(said) <= GROUNDS else Group.HELD
        assert group is expected


def test_a_warning_holds_nobody_back() -> None:
    """It is told beside the amount."""
    warning = Finding(code="DIR-SOON", message="", severity=Severity.WARNING)
    facts = {"is_billed": False, "is_in_year": True, "has_ended": False, "had_an_amount": True}

    assert group_of([warning], to_bill=True, **facts) is Group.TO_BILL


@given(total=AMOUNTS, before=CENTS.filter(bool).map(Money))
def test_a_percentage_is_within_half_a_tenth_of_the_exact_one(total: Money, before: Money) -> None:
    """One decimal, half up."""
    exact = Decimal(100 * (total - before).cents) / before.cents

    assert abs(percent(total, before) - exact) <= Decimal("0.05")


def test_a_percentage_is_written_as_in_french() -> None:
    """With its sign, a comma and a space that does not break."""
    assert french_percent(percent(euros("148.24"), euros("100"))) == "+48,2\u00a0%"
    assert french_percent(percent(euros("50"), euros("100"))) == "-50,0\u00a0%"
    assert french_percent(percent(euros("100"), euros("100"))) == "0,0\u00a0%"


CONFIRMED = Confirmation(
    total=Money(15000),
    previous=Money(10000),
    grounds=(CHANGED,),
    reason="vu",
    confirmed_at=datetime(2026, 1, 5, tzinfo=UTC),
    confirmed_by="agent",
)


@pytest.mark.parametrize("grounds", [[CHANGED], []])
def test_a_confirmation_holds_for_its_amounts_and_grounds(grounds: list[str]) -> None:
    """Those that are gone since ask for nothing."""
    found = [Finding(code=code, message="") for code in grounds]

    assert CONFIRMED.answers(euros("150"), euros("100"), found)


@pytest.mark.parametrize(
    "total,before,grounds",
    [
        ("151", "100", [CHANGED]),
        ("150", "99", [CHANGED]),
        ("150", None, [NEW]),
        ("150", "100", [CHANGED, SMALL]),
    ],
)
def test_anything_else_is_to_be_confirmed_again(
    total: str, before: str | None, grounds: list[str]
) -> None:
    """This year's amount, last year's, or a further ground."""
    found = [Finding(code=code, message="") for code in grounds]
    previous = None if before is None else euros(before)

    assert not CONFIRMED.answers(euros(total), previous, found)
