"""VAT regimes: what a tariff may say, and nothing that a tax office would not read."""

from decimal import Decimal

import pytest

from worker.billing.vat import VatCategory, VatRegime

S, E, O = VatCategory.STANDARD, VatCategory.EXEMPT, VatCategory.OUT_OF_SCOPE  # noqa: E741 - code O


@pytest.mark.parametrize("rate", ["20", "10", "5.5", "2.1", "8.5"])
def test_a_taxed_regime_has_a_rate_and_no_reason(rate: str) -> None:
    """Every French rate goes with category S."""
    assert VatRegime(category=S, rate=Decimal(rate)).rate == Decimal(rate)


@pytest.mark.parametrize("category", [E, O])
def test_an_untaxed_regime_has_a_reason_and_no_rate(category: VatCategory) -> None:
    """Exempt and out of scope, the rate is zero and the reason is kept for the invoice."""
    regime = VatRegime(category=category, reason="CGI 261")

    assert (regime.rate, regime.reason) == (Decimal(0), "CGI 261")


@pytest.mark.parametrize("category", [E, O])
@pytest.mark.parametrize("rate", ["20", "-1", "-0.01", "NaN", "Infinity"])
def test_an_untaxed_regime_refuses_any_rate(category: VatCategory, rate: str) -> None:
    """A rate below zero would make the net exceed the agreed amount: it is refused too."""
    with pytest.raises(ValueError, match="does not go with"):
        VatRegime(category=category, rate=Decimal(rate), reason="CGI 261")


@pytest.mark.parametrize("rate", ["0", "-20", "100.01", "1E+9", "NaN", "sNaN", "Infinity"])
def test_a_taxed_regime_refuses_what_is_no_rate(rate: str) -> None:
    """A rate is a number of percent above zero, and no more than a hundred."""
    with pytest.raises(ValueError, match="does not go with"):
        VatRegime(category=S, rate=Decimal(rate))


def test_a_reason_goes_with_no_vat_only() -> None:
    """A reason is neither forgotten nor blank without VAT, nor given with VAT."""
    for category, rate, reason in ((E, 0, ""), (O, 0, " "), (S, 20, "CGI 261")):
        with pytest.raises(ValueError, match="reason"):
            VatRegime(category=category, rate=Decimal(rate), reason=reason)


def test_the_same_regime_written_twice_is_one_group() -> None:
    """20 and 20.0 are one rate: two grids may write it both ways on one invoice."""
    one, other = (VatRegime(category=S, rate=Decimal(rate)) for rate in ("20", "20.0"))

    assert len({one, other}) == 1
