"""Members: SIRET keys, and the months a subscription covers."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import OTHER_SIRET, SIRET, subscriptions
from worker.billing.identifiers import is_valid_siret
from worker.billing.period import Month


@pytest.mark.parametrize("siret", [SIRET, OTHER_SIRET, "35600000049837"])
def test_a_siret_has_its_key(siret: str) -> None:
    """The Luhn key, or for La Poste a sum of digits divisible by five, makes a SIRET."""
    assert is_valid_siret(siret)


@pytest.mark.parametrize(
    "text",
    ["", SIRET[:13], SIRET + "0", f" {SIRET[:13]}", SIRET[:9], "٩" * 14, "9" * 13 + "²", "A" * 14],
)
def test_what_is_no_siret_is_refused(text: str) -> None:
    """Length and plain digits are checked before the key."""
    assert not is_valid_siret(text)


@given(st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_never_passes(place: int, shift: int) -> None:
    """The key shows any single digit mistyped."""
    digit = (int(SIRET[place]) + shift) % 10

    assert not is_valid_siret(f"{SIRET[:place]}{digit}{SIRET[place + 1 :]}")


@pytest.mark.parametrize(
    "dates,covered",
    [
        ("from 2022-11-14", range(1, 13)),
        ("from 2025-03-31", range(3, 13)),
        ("from 2025-04-01", range(4, 13)),
        ("from 2022-11-14 to 2025-06-01", range(1, 7)),
        ("from 2022-11-14 to 2025-05-31", range(1, 6)),
        ("from 2025-02-28 to 2025-02-28", range(2, 3)),
        ("from 2022-11-14 to 2024-12-31", ()),
        ("from 2022-11-14 to 2025-01-01", range(1, 2)),
        ("from 2025-12-31", range(12, 13)),
        ("from 2026-01-01", ()),
    ],
)
def test_a_begun_month_is_a_month_of_use(dates: str, covered: range) -> None:
    """One day inside, the first or the last, is enough for the month, and none is not."""
    (subscription,) = subscriptions(f"gfu cat 1 {dates}")
    months = [n for n in range(1, 13) if subscription.covers(Month(2025, n))]

    assert months == list(covered)


def test_leap_day_is_inside_february() -> None:
    """A subscription that begins on 29 February covers that month."""
    (subscription,) = subscriptions("gfu cat 1 from 2024-02-29 to 2024-02-29")

    assert subscription.start == date(2024, 2, 29)
    assert [n for n in range(1, 13) if subscription.covers(Month(2024, n))] == [2]
