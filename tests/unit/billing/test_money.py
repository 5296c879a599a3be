"""Money: exact cents, one rounding, and nets that always make the agreed total."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.money import (
    ZERO,
    Money,
    french,
    french_integer,
    nets_of_tax,
    round_half_up,
    unit_price_net,
)

RATES = tuple(map(Decimal, ("20", "10", "5.5", "2.1", "8.5", "0")))
cents = st.integers(0, 10**6)
rates = st.sampled_from(RATES)


def net_of_tax(gross: Money, rate: Decimal) -> Money:
    """HT of one agreed TTC amount."""
    (net,) = nets_of_tax((gross,), rate)
    return net


@pytest.mark.parametrize(
    "euros,expected", [("3196.80", 319680), ("0.01", 1), ("-12.5", -1250), ("1E+3", 100000)]
)
def test_euros_become_cents_exactly(euros: str, expected: int) -> None:
    """An amount of whole cents is kept to the cent, however it is written."""
    assert Money.of(Decimal(euros)) == Money(expected)


@pytest.mark.parametrize(
    "euros", ["0.001", "10.805", "1.0000000000000000000000000000000000001", "NaN"]
)
def test_a_fraction_of_a_cent_is_refused(euros: str) -> None:
    """No digit is lost in silence, even past the precision of decimal arithmetic."""
    with pytest.raises(ValueError, match=r"cent|NaN"):
        Money.of(Decimal(euros))


@pytest.mark.parametrize("wrong", [1.0, True, Decimal(1), "1"])
def test_cents_are_integers_and_nothing_else(wrong: object) -> None:
    """A float, a bool, a decimal or a text is no amount and no quantity."""
    with pytest.raises(TypeError):
        Money(wrong)  # type: ignore[arg-type] # what the test is about
    with pytest.raises(TypeError):
        Money(100) * wrong  # type: ignore[operator] # what the test is about


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_amounts_add_like_their_cents(one: int, other: int) -> None:
    """Sum, difference, opposite and order are those of the cents."""
    assert Money(one) + Money(other) == Money(one + other)
    assert Money(one) - Money(other) == Money(one) + -Money(other)
    assert Money.sum([Money(one), Money(other)]) == Money(other) + Money(one)
    assert (Money(one) < Money(other)) == (one < other)


@given(st.integers(-(10**12), 10**12))
def test_the_plain_form_reads_back(amount: int) -> None:
    """What is written for machines has two decimals and gives the same amount."""
    text = str(Money(amount))

    assert text[-3] == "."
    assert Money.of(Decimal(text)) == Money(amount)


def test_a_sum_of_nothing_is_zero() -> None:
    """No amount at all makes zero, which is the only amount that is false."""
    assert Money.sum([]) == ZERO
    assert not ZERO
    assert Money(-1)


def test_equal_amounts_are_one_key() -> None:
    """Two ways to the same amount fall together in a set."""
    assert len({Money(1080), Money.of(Decimal("10.8")), Money(540) * 2}) == 1


@pytest.mark.parametrize(
    "amount,text",
    [
        (319680, "3\u202f196,80\u00a0€"),
        (5, "0,05\u00a0€"),
        (-5, "-0,05\u00a0€"),
        (123456789012, "1\u202f234\u202f567\u202f890,12\u00a0€"),
    ],
)
def test_people_read_french_amounts(amount: int, text: str) -> None:
    """Comma, narrow no-break spaces between thousands, a no-break space before the sign."""
    assert french(Money(amount)) == text


def test_people_read_french_numbers() -> None:
    """Thousands are set apart by a narrow no-break space."""
    assert (french_integer(999), french_integer(1234567)) == ("999", "1\u202f234\u202f567")


@pytest.mark.parametrize(
    "numerator,denominator,rounded",
    [(1, 2, 1), (3, 2, 2), (5, 2, 3), (-1, 2, -1), (-5, 2, -3), (49, 100, 0), (-49, 100, 0)],
)
def test_a_half_goes_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    """Halves are never rounded to even, and a negative amount mirrors the positive one."""
    assert round_half_up(numerator, denominator) == rounded


@given(st.integers(), st.integers(1, 10**6))
def test_rounding_is_the_nearest_integer(numerator: int, denominator: int) -> None:
    """No integer is nearer, and the opposite rounds to the opposite."""
    rounded = round_half_up(numerator, denominator)

    assert abs(rounded - Fraction(numerator, denominator)) <= Fraction(1, 2)
    assert round_half_up(-numerator, denominator) == -rounded


@pytest.mark.parametrize(
    "gross,rate,net",
    [
        (319680, "20", 266400),
        (1053, "20", 878),
        (3, "20", 3),
        (5, "10", 5),
        (106, "5.5", 100),
        (1080, "0", 1080),
        (-1053, "20", -878),
    ],
)
def test_net_of_an_agreed_amount(gross: int, rate: str, net: int) -> None:
    """HT is T × 100 / (100 + rate), a half going up; 10.53 at 20 % is 8.775, so 8.78."""
    assert net_of_tax(Money(gross), Decimal(rate)) == Money(net)


@given(cents, rates)
def test_net_is_the_nearest_cent(gross: int, rate: Decimal) -> None:
    """No cent is nearer to the exact net of an agreed amount."""
    exact = Fraction(gross * 100) / (100 + Fraction(rate))

    assert abs(net_of_tax(Money(gross), rate).cents - exact) <= Fraction(1, 2)


@given(st.lists(cents, max_size=40), rates)
def test_nets_make_the_net_of_the_total(grosses: list[int], rate: Decimal) -> None:
    """The nets add up to the net of the total, each less than a cent from its own exact net."""
    nets = nets_of_tax([Money(gross) for gross in grosses], rate)
    assert Money.sum(nets) == net_of_tax(Money(sum(grosses)), rate)
    for gross, net in zip(grosses, nets, strict=True):
        assert abs(net.cents - Fraction(gross * 100) / (100 + Fraction(rate))) < 1
        assert 0 <= net.cents <= gross


def test_a_large_line_takes_no_more_than_its_cent() -> None:
    """Sharing the rounded total in proportion would put this first line 1.17 cents off."""
    grosses = [Money(amount) for amount in (600_001, 5, 5, 5, 5)]

    assert [net.cents for net in nets_of_tax(grosses, Decimal(20))] == [500_001, 5, 4, 4, 4]


def test_equal_losses_go_to_the_earlier_amount() -> None:
    """Of amounts that lost as much, the first ones get the cents that are left."""
    nets = nets_of_tax([Money(100)] * 3, Decimal(20))

    assert [net.cents for net in nets] == [84, 83, 83]


@given(st.lists(cents, min_size=1, max_size=10), rates)
def test_a_credit_mirrors_its_invoice(grosses: list[int], rate: Decimal) -> None:
    """The nets of the opposite amounts add up to the opposite total."""
    nets = nets_of_tax([Money(-gross) for gross in grosses], rate)

    assert Money.sum(nets) == -net_of_tax(Money(sum(grosses)), rate)


@pytest.mark.parametrize(
    "gross,rate,price",
    [
        (2220, "20", "222"),
        (1142, "20", "114.2"),
        (1142, "5.5", "129.895735"),
        (1, "10", "0.109091"),
    ],
)
def test_the_net_price_of_twelve_months(gross: int, rate: str, price: str) -> None:
    """At 20 % it is exactly ten times the TTC price; at other rates it has six decimals."""
    assert unit_price_net(Money(gross), Decimal(rate), 12) == Decimal(price)


def test_half_a_millionth_goes_up() -> None:
    """The last decimal of a unit price is rounded as amounts are: 0.0078125 is 0.007813."""
    assert unit_price_net(Money(1), Decimal(28), 1) == Decimal("0.007813")


@given(cents, rates, st.sampled_from([1, 12]))
def test_the_net_price_is_right_to_the_sixth_decimal(gross: int, rate: Decimal, units: int) -> None:
    """Half a millionth of a euro at most is lost, and never a seventh decimal written."""
    price = unit_price_net(Money(gross), rate, units)
    exact = Fraction(gross * units) / (100 + Fraction(rate))

    assert abs(Fraction(price) - exact) <= Fraction(1, 2 * 10**6)
    assert price == price.quantize(Decimal("0.000001"))
