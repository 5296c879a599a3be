"""Interest on late payment (C8): the texts, by hand, and the laws of the sums."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worker.billing.late_interest import (
    LUMP_SUM,
    HalfYear,
    InterestRule,
    Rate,
    interest,
)
from worker.billing.money import ZERO, Money
from worker.billing.settlement import Settlement, Standing, standing
from worker.errors import ConfigurationError

DAY = timedelta(days=1)
DUE = date(2026, 2, 4)
RATES = {
    HalfYear(year, half): Rate(percent=Decimal(percent), source="arrêté d'essai")
    for year, half, percent in [
        (2023, 2, "4.22"),
        (2024, 1, "5.07"),
        (2024, 2, "4.92"),
        (2025, 1, "3.71"),
        (2025, 2, "2.76"),
        (2026, 1, "2.62"),
        (2026, 2, "2.50"),
        (2027, 1, "2.40"),
    ]
}
rules = st.sampled_from(InterestRule)
late_days = st.dates(DUE, date(2027, 6, 30))


def paid(on: date, cents: int) -> Settlement:
    """A payment that counts."""
    return Settlement(
        id=1,
        invoice=1,
        on=on,
        amount=Money(cents),
        reference="",
        recorded_at=datetime(2026, 3, 1, tzinfo=UTC),
        recorded_by="régie@serveur:1",
        cancelled_at=None,
        reason="",
    )


standings = st.builds(
    standing,
    st.integers(1, 10**9).map(Money),
    st.lists(st.builds(paid, late_days, st.integers(1, 10**9)), max_size=4),
    credited=st.integers(0, 10**8).map(Money),
    due_date=st.just(DUE),
)


def test_legal_interest_by_hand_over_two_half_years() -> None:
    """10,000 euros, due on 31 May 2026, paid on 31 July: 30 days at 2.62 %, 31 at 2.50 %."""
    late = standing(
        Money(10_000_00), [paid(date(2026, 7, 31), 10_000_00)], due_date=date(2026, 5, 31)
    )

    found = interest(late, until=date(2026, 12, 31), rule=InterestRule.LEGAL, rates=RATES)

    assert [(one.days, one.percent) for one in found.stretches] == [
        (30, Decimal("2.62")),
        (31, Decimal("2.50")),
    ]
    exact = Fraction(10_000_00) * (30 * Fraction("2.62") + 31 * Fraction("2.50")) / 36500

    assert found.exact == exact
    assert (found.amount, found.lump_sum) == (Money(4277), ZERO)


def test_public_contract_interest_keeps_the_rate_of_its_first_half_year() -> None:
    """ECB's rate of the half-year in which it began, eight points above, and 40 euros once."""
    late = standing(Money(10_000_00), [], due_date=date(2026, 5, 31))

    found = interest(late, until=date(2026, 7, 31), rule=InterestRule.PUBLIC_CONTRACT, rates=RATES)

    assert {one.percent for one in found.stretches} == {Decimal("10.62")}
    assert found.days == 61
    assert found.total == found.amount + LUMP_SUM


def test_a_leap_year_has_366_days() -> None:
    """A whole leap half-year bears 182/366 of the rate, not 182/365."""
    late = standing(Money(10_000_00), [], due_date=date(2023, 12, 31))

    found = interest(late, until=date(2024, 6, 30), rule=InterestRule.LEGAL, rates=RATES)

    assert found.exact == Fraction(10_000_00) * Fraction("5.07") * 182 / 36600


def test_a_payment_in_time_bears_nothing() -> None:
    """Neither interest nor lump sum, paid on the due date itself."""
    early = standing(Money(100_00), [paid(DUE, 100_00)], due_date=DUE)

    found = interest(early, until=date(2026, 6, 30), rule=InterestRule.PUBLIC_CONTRACT, rates=RATES)

    assert (found.stretches, found.total) == ((), ZERO)


@pytest.mark.parametrize("rule", InterestRule)
def test_a_missing_rate_is_named(rule: InterestRule) -> None:
    """Nothing is computed with another half-year's."""
    late = standing(Money(100_00), [], due_date=date(2027, 7, 1))

    with pytest.raises(ConfigurationError, match="2d semestre 2027") as raised:
        interest(late, until=date(2027, 12, 31), rule=rule, rates=RATES)

    assert f'{rule.value}."2027-2"' in raised.value.remedy


@given(standings, late_days, late_days, rules)
def test_interest_adds_up_over_periods(
    late: Standing, first: date, until: date, rule: InterestRule
) -> None:
    """Up to a day, and from the next one on, together make the whole, exactly."""
    assume(first < until)
    whole = interest(late, until=until, rule=rule, rates=RATES)
    before = interest(late, until=first, rule=rule, rates=RATES)
    after = interest(late, until=until, rule=rule, rates=RATES, since=first + DAY)

    assert before.exact + after.exact == whole.exact
    assert before.days + after.days == whole.days


@settings(max_examples=40)
@given(standings, late_days, rules)
def test_interest_is_the_sum_of_its_days(late: Standing, until: date, rule: InterestRule) -> None:
    """Each day bears what was owed on it at its own rate; stretches neither overlap nor skip."""
    found = interest(late, until=until, rule=rule, rates=RATES)
    by_hand = Fraction()
    day = DUE + DAY
    while day <= until:
        owed = max(late.left_during(day), ZERO)
        of = day if rule is InterestRule.LEGAL else DUE + DAY
        percent = RATES[HalfYear.of(of)].percent + (8 if rule is not InterestRule.LEGAL else 0)
        by_hand += Fraction(owed.cents) * Fraction(percent) / 36500
        day += DAY

    assert found.exact == by_hand
    assert all(
        one.last < other.first
        for one, other in zip(found.stretches, found.stretches[1:], strict=False)
    )


@given(standings, late_days, rules, st.integers(1, 10**6))
def test_a_payment_never_raises_the_interest(
    late: Standing, until: date, rule: InterestRule, more: int
) -> None:
    """Whatever its day, money that comes lowers what is due for the delay, or leaves it."""
    sooner = standing(
        late.due, [*late.payments, paid(DUE, more)], credited=late.credited, due_date=DUE
    )

    assert (
        interest(sooner, until=until, rule=rule, rates=RATES).exact
        <= interest(late, until=until, rule=rule, rates=RATES).exact
    )
