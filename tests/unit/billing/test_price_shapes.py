"""Shapes of price beside users × months: steps make the total, bands have no hole."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import MEMBER, SIRET, draft
from tests.support.catalogue import catalogue_year, example_grid, source, subscribed, unit
from worker.billing.consumption import MonthlyUse, ServiceUse, YearlyConsumption
from worker.billing.credit_note import credit, remainders
from worker.billing.invoice import Invoice, InvoiceDraft, issue
from worker.billing.members import BillingReferences
from worker.billing.money import Money, cost
from worker.billing.period import Month
from worker.billing.quantity import (
    MONTHS,
    Measure,
    french_quantity,
    in_parts,
    parts_of,
    quantity_of,
    read_quantity,
)
from worker.billing.rating import RatedLine, rate
from worker.billing.recomputation import credit_note_differences
from worker.billing.tariff_reading import parse_grid
from worker.errors import TariffError
from worker.validation.rules import check_draft

YEAR = 2025
QUARTER = 2500
"""Of a unit, in parts: less of a cheap one is worth no cent."""
REFERENCES = BillingReferences(siret=SIRET, year=YEAR, service_code="S", engagement="E")
DAYS = st.dates(date(YEAR, 1, 1), date(YEAR, 12, 31))
QUANTITIES = st.integers(1, 10**6).map(in_parts)


def banded(*, graduated: bool, over: str, users: list[int]) -> tuple[RatedLine, ...]:
    """A year of documents, priced by the bands 1–100, 101–1000 and beyond."""
    text = f"""
        version = "essai"
        title = "Essai"
        source = "Essai"
        valid_from = {YEAR}-01-01
        [services.ged]
        label = "Documents"
        shape = "volume_bands"
        apply = "{"graduated" if graduated else "bracket"}"
        volume = "{over}"
        unit = "document"
        vat = {{ category = "S", rate = 20 }}
        bands = [
          {{ from = 1, to = 100, price = 1.00 }},
          {{ from = 101, to = 1000, price = 0.71 }},
          {{ from = 1001, price = 0.33 }},
        ]
    """
    months = tuple(
        MonthlyUse(month=Month(YEAR, number), users=count, source=source("usage", number))
        for number, count in enumerate(users, start=1)
    )
    use = ServiceUse(service="ged", tier=None, category=1, months=months)
    consumption = YearlyConsumption(siret=SIRET, year=YEAR, uses=(use,), findings=())
    rating = rate(consumption, [parse_grid(text.encode(), "essai.toml")])
    assert rating.findings == ()
    return rating.lines


def marginal(volume: int) -> int:
    """Cents of a volume, unit by unit: what a person does with the grid and patience."""
    return sum(100 if rank <= 100 else 71 if rank <= 1000 else 33 for rank in range(1, volume + 1))


VOLUMES = st.lists(st.integers(0, 400), min_size=12, max_size=12)


@settings(max_examples=40)
@given(VOLUMES)
def test_a_graduated_volume_of_the_year_is_priced_unit_by_unit(users: list[int]) -> None:
    """Each unit has the price of its band, whatever the months it came in."""
    lines = banded(graduated=True, over="year", users=users)

    assert Money.sum(line.total for line in lines) == Money(marginal(sum(users)))
    assert sum(line.quantity for line in lines) == sum(users)


@settings(max_examples=40)
@given(VOLUMES)
def test_a_graduated_volume_begins_again_each_month(users: list[int]) -> None:
    """Of the month, the first band is there for each of them."""
    lines = banded(graduated=True, over="month", users=users)

    assert Money.sum(line.total for line in lines) == Money(sum(map(marginal, users)))


@settings(max_examples=40)
@given(VOLUMES)
def test_a_whole_volume_has_the_price_of_the_band_it_reaches(users: list[int]) -> None:
    """By bracket, one price for all of the year's volume; each month is in one line."""
    lines = banded(graduated=False, over="year", users=users)
    volume = sum(users)
    price = 100 if volume <= 100 else 71 if volume <= 1000 else 33

    assert Money.sum(line.total for line in lines) == Money(volume * price)
    assert len(lines) == (1 if volume else 0)


@settings(max_examples=25)
@given(st.lists(st.tuples(DAYS, QUANTITIES), min_size=1, max_size=9))
def test_the_steps_of_a_line_make_its_total(days: list[tuple[date, int | Decimal]]) -> None:
    """Amounts of days, months and bands add up to the line, lines to the invoice, all explained."""
    units = [
        unit(MEMBER, row, day, quantity, f"F-{row}")
        for row, (day, quantity) in enumerate(days, start=2)
    ]
    _, rating = catalogue_year(MEMBER, REFERENCES, *units).priced([example_grid()])
    made = draft(rating.lines)

    for line in rating.lines:
        assert Money.sum(line.amounts) == line.total
        assert line.total == cost(line.unit_price, line.quantity, line.price_units)
        assert line.explanation.count("grille") == 1
    (training,) = [line for line in rating.lines if line.service == "formation"]

    assert training.quantity == sum(quantity for _, quantity in days)
    assert made.totals.payable == Money.sum(line.total for line in rating.lines)
    assert {finding.code for finding in check_draft(made)} <= {"VAT-NUMBER"}


def issued() -> Invoice:
    """The whole bouquet."""
    units = (
        unit(MEMBER, 2, date(YEAR, 3, 1), Decimal("2.3333"), "F-1"),
        unit(MEMBER, 3, date(YEAR, 4, 1), Decimal("0.5"), "F-2"),
    )
    _, rating = catalogue_year(MEMBER, REFERENCES, *units).priced([example_grid()])
    day = date(YEAR + 1, 1, 5)
    return issue(
        draft(rating.lines),
        number="BSN-1",
        issue_date=day,
        due_date=day + timedelta(days=30),
        statement_number="E-1",
    )


@settings(max_examples=25)
@given(st.data())
def test_credits_of_any_line_add_up_to_it(data: st.DataObject) -> None:
    """Parts of each line, in any order, then all that is left: the invoice, to the cent."""
    invoice, notes = issued(), list[Invoice]()
    for rank in range(data.draw(st.integers(0, 4))):
        line = data.draw(st.sampled_from(invoice.lines))
        left = next(one.quantity for one in remainders(invoice, notes) if one.line == line)
        step = parts_of(1) if line.measure is None else QUARTER
        if parts_of(quantity_of(left)) < 2 * step:
            continue
        most = parts_of(quantity_of(left)) // step - 1
        some = in_parts(data.draw(st.integers(1, most)) * step)
        note = credit(invoice, notes, "essai", {line.identifier: some}, internal=False)
        notes.append(numbered(note, rank))
        assert credit_note_differences(notes[-1], invoice, notes[:-1]) == ()
        assert {finding.code for finding in check_draft(note)} <= {"VAT-NUMBER"}
    notes.append(numbered(credit(invoice, notes, "essai", internal=False), 9))

    assert Money.sum(note.totals.payable for note in notes) == invoice.totals.payable
    assert Money.sum(note.totals.net for note in notes) == invoice.totals.net


def numbered(note: InvoiceDraft, rank: int) -> Invoice:
    """An issued credit note."""
    return issue(
        note,
        number=f"A-{rank}",
        issue_date=date(YEAR + 1, 2, 1),
        due_date=None,
        statement_number="E-1",
    )


@given(st.integers(0, 10**12))
def test_a_quantity_is_written_one_way(parts: int) -> None:
    """Whole ones are integers, others decimals; both are read back from what is printed."""
    quantity = in_parts(parts)

    assert parts_of(quantity) == parts
    assert isinstance(quantity, int) == (parts % 10_000 == 0)
    if parts < 10**13 // 10:
        assert quantity_of(Decimal(str(quantity))) == quantity


@pytest.mark.parametrize(
    "text, said",
    [("2", "2 jours"), ("1,5", "1,5 jour"), ("0.25", "0,25 jour"), ("1250", "1 250 jours")],
)
def test_a_french_plural_begins_at_two(text: str, said: str) -> None:
    """One and a half is singular in French."""
    quantity = read_quantity(text)
    assert quantity is not None
    days = Measure(code="DAY", one="jour", many="jours")

    assert days.counted(quantity).replace("\u202f", " ") == said
    assert french_quantity(quantity).replace("\u202f", " ") == said.split(" jour", maxsplit=1)[0]


def test_the_whole_price_of_a_year_is_billed_once() -> None:
    """A member that changes category in the year owes the price of the year one time."""
    known = catalogue_year(MEMBER, REFERENCES)
    twice = (
        subscribed(MEMBER, "achats", 3, 6),
        subscribed(MEMBER, "achats", 7, 12, category=2),
    )
    alone = type(known)(
        member=MEMBER, year=YEAR, references=REFERENCES, subscriptions=twice, usage=(), hold=None
    )
    _, rating = alone.priced([example_grid()])

    assert [line.total for line in rating.lines] == [Money(25000)]


def test_a_flat_service_needs_no_usage() -> None:
    """No row of use is missed for what the subscription alone prices, nor any month left out."""
    known = catalogue_year(MEMBER, REFERENCES)
    consumption, rating = known.priced([example_grid()])
    (monthly,) = [line for line in rating.lines if line.service == "collaboratif"]

    assert consumption.findings == ()
    assert (monthly.measure, monthly.quantity, monthly.category) == (MONTHS, 4, 2)


@pytest.mark.parametrize(
    "bands, words",
    [
        ("{ from = 1, to = 9, price = 1 }", "à partir de 10"),
        ("{ from = 1, to = 9, price = 1 }, { from = 11, price = 1 }", "trou"),
        ("{ from = 1, to = 9, price = 1 }, { from = 9, price = 1 }", "recouvrement"),
        ("{ from = 1, price = 1 }, { from = 9, price = 1 }", "couvre déjà"),
        ("{ from = 2, price = 1 }", "trou"),
        ("{ from = 9, to = 1, price = 1 }, { from = 2, price = 1 }", "avant de commencer"),
    ],
)
def test_bands_with_a_hole_or_an_overlap_are_told(bands: str, words: str) -> None:
    """Every volume has one band: what has none, or two, is a mistake of the file."""
    text = f"""
        version = "essai"
        title = "Essai"
        source = "Essai"
        valid_from = 2025-01-01
        [services.ged]
        label = "Documents"
        shape = "volume_bands"
        apply = "graduated"
        volume = "year"
        unit = "document"
        vat = {{ category = "S", rate = 20 }}
        bands = [{bands}]
    """
    with pytest.raises(TariffError) as caught:
        parse_grid(text.encode(), "essai.toml")

    assert any(words in finding.message for finding in caught.value.findings)
