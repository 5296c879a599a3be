"""Invoices: the agreed TTC total is paid to the cent, and everything on the invoice adds up."""

from dataclasses import FrozenInstanceError, fields, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import EXEMPT, MEMBER, SIRET, STANDARD, YEAR, draft, grid, priced
from tests.support.builders import subscriptions as signed
from tests.support.builders import usage as used
from worker.billing.consumption import consume
from worker.billing.invoice import (
    InvoiceDraft,
    Party,
    PaymentMeans,
    Terms,
    VatBreakdown,
    build_draft,
    issue,
    split_gross,
    totals_of,
)
from worker.billing.members import BillingReferences
from worker.billing.money import Money, cost, round_half_up
from worker.billing.rating import rate
from worker.billing.vat import VatCategory, VatMethod, VatRegime

REGIMES = (
    *(
        VatRegime(category=VatCategory.STANDARD, rate=Decimal(percent))
        for percent in ("20", "10", "5.5", "2.1", "8.5")
    ),
    EXEMPT,
)
amounts = st.lists(
    st.tuples(st.integers(0, 10**6).map(Money), st.sampled_from(REGIMES)), min_size=1, max_size=40
)


@given(amounts)
def test_the_payable_total_is_the_agreed_one(lines: list[tuple[Money, VatRegime]]) -> None:
    """Base and VAT of all regimes make the TTC total to the cent, for any amounts and rates."""
    nets, breakdown = split_gross(lines)
    agreed = Money.sum(gross for gross, _ in lines)

    assert Money.sum(group.taxable + group.tax for group in breakdown) == agreed
    assert Money.sum(nets) == Money.sum(group.taxable for group in breakdown)


@given(amounts)
def test_each_group_is_made_of_its_own_lines(lines: list[tuple[Money, VatRegime]]) -> None:
    """There is one group per regime in order of first use, and its base is the sum of its nets."""
    nets, breakdown = split_gross(lines)
    assert [group.regime for group in breakdown] == list(dict.fromkeys(vat for _, vat in lines))
    for group in breakdown:
        own = [i for i, (_, vat) in enumerate(lines) if vat == group.regime]
        assert group.taxable == Money.sum(nets[i] for i in own)
        assert group.taxable + group.tax == Money.sum(lines[i][0] for i in own)


@given(amounts)
def test_vat_is_within_a_cent_of_base_times_rate(lines: list[tuple[Money, VatRegime]]) -> None:
    """BR-CO-17 on the rounded product: one cent at most, and none without VAT."""
    for group in split_gross(lines)[1]:
        numerator, denominator = (group.regime.rate / 100).as_integer_ratio()
        product = round_half_up(group.taxable.cents * numerator, denominator)
        assert abs(group.tax.cents - product) <= (1 if group.regime.rate else 0)


@given(amounts)
def test_each_line_is_within_a_cent_of_its_exact_net(lines: list[tuple[Money, VatRegime]]) -> None:
    """Nobody who divides a line by 1 + rate finds a cent more of difference."""
    for net, (gross, vat) in zip(split_gross(lines)[0], lines, strict=True):
        assert abs(net.cents - Fraction(gross.cents * 100) / (100 + Fraction(vat.rate))) < 1


@pytest.mark.parametrize(
    "gross,net,vat",
    [
        ([319680], 266400, 53280),
        ([1053], 878, 175),
        ([3], 3, 0),
        ([1], 1, 0),
        ([0], 0, 0),
        ([5, 5, 5, 5, 600_001], 500_018, 100_003),
    ],
)
def test_totals_that_no_base_can_reach(gross: list[int], net: int, vat: int) -> None:
    """At 20 %, 10.53 is 8.78 and 1.75: the cent is taken from the VAT, never from the total."""
    _, (group,) = split_gross([(Money(cents), STANDARD) for cents in gross])

    assert group == VatBreakdown(regime=STANDARD, taxable=Money(net), tax=Money(vat))


def test_the_same_rate_written_twice_is_one_group() -> None:
    """20 and 20.0, from two grids, are not two groups of VAT."""
    twenty = VatRegime(category=VatCategory.STANDARD, rate=Decimal("20.0"))
    nets, breakdown = split_gross([(Money(120), STANDARD), (Money(240), twenty)])

    assert nets == (Money(100), Money(200))
    assert [str(group.tax) for group in breakdown] == ["0.60"]


def test_the_example_of_the_convention() -> None:
    """3 196.80 euros TTC at 20 % are 2 664.00 without tax and 532.80 of VAT."""
    tariff = grid("2023", "2023-01-01..", "stockage 1 To: 10.80", "gfu: 9.60+1.80")
    consumption = consume(
        SIRET,
        YEAR,
        signed("stockage 1 To cat 1 from 2023-01-01", "gfu cat 1 from 2023-01-01"),
        used("stockage 1 To: 12×12", "gfu: 12×12"),
    )
    invoice = draft(rate(consumption, [tariff]).lines)
    assert [str(amount) for amount in (invoice.totals.net, invoice.totals.vat)] == [
        "2664.00",
        "532.80",
    ]
    assert str(invoice.totals.gross) == "3196.80"
    first, second = invoice.lines

    assert (first.identifier, second.identifier) == ("1", "2")
    assert (first.price, first.price_base, first.quantity) == (Decimal(114), 12, 144)
    assert first.price * first.quantity / first.price_base == first.net.euros
    assert second.name == "Stockage, 1 To (catégorie 1)"
    assert second.description.startswith(
        "Prix convenu 10,80\u00a0€ TTC par utilisateur et par mois"
    )
    assert second.description.endswith("1\u202f555,20\u00a0€.")
    assert invoice.grid_versions == ("2023",)


def test_a_draft_says_who_owes_what_to_whom() -> None:
    """Buyer, references and convention are those of the member and of the year."""
    invoice = draft(priced(1000))

    assert (invoice.buyer.siret, invoice.buyer.name) == (MEMBER.siret, MEMBER.name)
    assert (invoice.service_code, invoice.engagement) == ("SERVICE-1", "EJ-2025-7")
    assert (invoice.contract, invoice.type_code, invoice.currency) == ("CONV-2023-01", "380", "EUR")
    assert (invoice.seller.siret, invoice.year) == ("99900002900010", YEAR)


def test_the_period_spans_its_lines() -> None:
    """The invoice runs from the first day of its first line to the last of its last."""
    consumption = consume(
        SIRET,
        YEAR,
        signed("gfu cat 1 from 2025-03-10 to 2025-05-02", "gfu cat 2 from 2025-10-31"),
        used("gfu: .×2 1×3 .×4 1×3"),
    )
    lines = rate(consumption, [grid("A", "2025-01-01..", "gfu: 10 9")]).lines
    period = draft(lines).period

    assert (period.start, period.end) == (date(2025, 3, 1), date(2025, 12, 31))
    assert (draft(lines[:1]).period.end, len(lines)) == (date(2025, 5, 31), 2)


def test_the_grids_are_named_once_each() -> None:
    """An invoice names every grid it was priced with, in order of use."""
    lines = priced(100, grid_version="B") + priced(5, 5) + priced(7, grid_version="B")

    assert draft(lines).grid_versions == ("B", "2025")


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=8), st.integers(1, 400))
def test_a_draft_adds_up(prices: list[int], users: int) -> None:
    """Lines, breakdown and totals of a draft agree, and its total is that of the rated lines."""
    rated = priced(*prices, users=users)
    invoice = draft(rated)

    assert invoice.totals.gross == Money.sum(line.total for line in rated)
    assert invoice.totals.gross == invoice.totals.net + invoice.totals.vat
    assert invoice.totals.net == Money.sum(line.net for line in invoice.lines)
    assert invoice.totals.vat == Money.sum(group.tax for group in invoice.breakdown)
    assert [line.gross for line in invoice.lines] == [
        cost(line.unit_price_gross, line.quantity) for line in invoice.lines
    ]


@given(amounts)
def test_rounding_pays_the_agreed_total_too(lines: list[tuple[Money, VatRegime]]) -> None:
    """With BT-114 the VAT is base × rate, and the payable amount is still the agreed one."""
    agreed = Money.sum(gross for gross, _ in lines)
    _, breakdown = split_gross(lines, VatMethod.ROUNDING)
    totals = totals_of(breakdown, agreed)
    assert totals.payable == agreed
    assert totals.net + totals.vat == totals.gross
    assert abs(totals.rounding.cents) <= len(breakdown)
    for group in breakdown:
        exact = Fraction(group.regime.rate) * group.taxable.cents / 100
        assert group.tax.cents == round_half_up(exact.numerator, exact.denominator)


def test_rounding_makes_up_for_the_cent_no_vat_reaches() -> None:
    """10.53 € at 20 %: 8.78 + 1.76 is 10.54, and BT-114 takes the cent back."""
    _, breakdown = split_gross([(Money(1053), STANDARD)], VatMethod.ROUNDING)
    totals = totals_of(breakdown, Money(1053))

    assert (str(totals.net), str(totals.vat), str(totals.gross)) == ("8.78", "1.76", "10.54")
    assert (str(totals.rounding), str(totals.payable)) == ("-0.01", "10.53")


def test_an_invoice_outside_vat_names_no_vat_number() -> None:
    """Parties that have a VAT number for other activities keep it off such an invoice (BR-O-02)."""
    outside = VatRegime(category=VatCategory.OUT_OF_SCOPE, reason="art. 256 B du CGI")
    terms = Terms(
        seller=Party(name="Syndicat fictif", siret=SIRET, address=MEMBER.address, vat_number="FR1"),
        payment=PaymentMeans(iban="FR1420041010050500013M02606", account_name="Compte fictif"),
        payment_terms="Paiement à 30 jours.",
    )
    references = BillingReferences(siret=SIRET, year=YEAR)
    made = build_draft(
        replace(MEMBER, vat_number="FR2"), references, terms, priced(1000, vat=outside)
    )

    assert (made.seller.vat_number, made.buyer.vat_number) == ("", "")


def test_an_invoice_without_lines_is_refused() -> None:
    """Nothing consumed is not an invoice of zero euros."""
    with pytest.raises(ValueError, match="empty"):
        draft(())


def test_issuing_adds_numbers_and_changes_nothing_else() -> None:
    """An issued invoice is its draft, with a number, two dates and its statement."""
    content = draft(priced(1053, 2220))
    invoice = issue(
        content,
        number="BSN-2026-00001",
        issue_date=date(2026, 1, 12),
        due_date=date(2026, 2, 11),
        statement_number="EDP-2026-00001",
    )
    for field in fields(InvoiceDraft):
        assert getattr(invoice, field.name) == getattr(content, field.name)
    assert (invoice.number, invoice.statement_number) == ("BSN-2026-00001", "EDP-2026-00001")
    assert (invoice.issue_date, invoice.due_date) == (date(2026, 1, 12), date(2026, 2, 11))
    with pytest.raises(FrozenInstanceError):
        invoice.number = "BSN-2026-00002"  # type: ignore[misc] # what the test is about


def test_equal_invoices_are_equal_values() -> None:
    """The same input gives the same draft, hash included, and any change shows."""
    assert draft(priced(100)) == draft(priced(100))
    assert hash(draft(priced(100))) == hash(draft(priced(100)))
    assert draft(priced(100)) != draft(priced(101))
    assert replace(draft(priced(100)), engagement="X") != draft(priced(100))
