"""Credit notes give back what was invoiced: exactly, never more, whatever the order."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.samples import (
    STANDARD,
    SUPER_REDUCED,
    credit_of,
    exempt,
    invoice_of,
    line,
    two_lines,
    two_rates,
)
from tests.support.builders import draft, priced
from worker.billing.credit_note import NothingToCredit, credit, credited_total, remainders
from worker.billing.invoice import Invoice, issue, split_gross, totals_of
from worker.billing.money import Money
from worker.billing.standard import CREDIT_NOTE
from worker.billing.vat import VatMethod, VatRegime
from worker.formats import EN16931_UBL, FACTURX_DIRECT, cii, ubl
from worker.validation.files.amounts import wrong_amounts
from worker.validation.rules import check_draft
from worker.validation.xml import parse_xml


def issued(
    units: list[tuple[int, int, VatRegime]], method: VatMethod = VatMethod.DIFFERENCE
) -> Invoice:
    """An invoice of lines (price in cents, users, regime)."""
    rated = [line for price, users, vat in units for line in priced(price, users=users, vat=vat)]
    made = draft(rated)
    nets, breakdown = split_gross([(line.total, line.vat) for line in rated], method)
    made = replace(
        made,
        seller=replace(made.seller, vat_number="FR42999000029"),
        lines=tuple(replace(line, net=net) for line, net in zip(made.lines, nets, strict=True)),
        breakdown=breakdown,
        totals=totals_of(breakdown, Money.sum(line.total for line in rated)),
        vat_method=method,
    )
    return issue(
        made,
        number="F-1",
        issue_date=date(2026, 1, 15),
        due_date=date(2026, 2, 14),
        statement_number="E-1",
    )


ARITHMETIC = frozenset(
    {"TOTAL-NET", "TOTAL-VAT", "TOTAL-GROSS", "TOTAL-AGREED", "LINE-AMOUNT", "VAT-BREAKDOWN"}
)

LINES = st.lists(
    st.tuples(
        st.integers(1, 50_000), st.integers(1, 500), st.sampled_from([STANDARD, SUPER_REDUCED])
    ),
    min_size=1,
    max_size=12,
)


@st.composite
def partly_credited(draw: st.DrawFn) -> tuple[Invoice, list[Invoice]]:
    """An invoice with any number of partial credits, then one of all that is left."""
    invoice = issued(draw(LINES), draw(st.sampled_from(VatMethod)))
    notes: list[Invoice] = []
    for _ in range(draw(st.integers(0, 20))):
        left = {item.line.identifier: item.quantity for item in remainders(invoice, notes)}
        chosen = draw(st.sets(st.sampled_from([key for key, units in left.items() if units])))
        quantities = {key: draw(st.integers(1, int(left[key]))) for key in sorted(chosen)}
        if not quantities or sum(quantities.values()) == sum(left.values()):
            break
        notes.append(credit_of(invoice, quantities, number=f"A-{len(notes)}", earlier=notes))
    notes.append(credit_of(invoice, number="A-9", earlier=notes))
    return invoice, notes


@given(partly_credited())
def test_credits_to_the_end_add_up_to_the_invoice(case: tuple[Invoice, list[Invoice]]) -> None:
    """Once all is credited, HT, VAT and TTC given back are those of the invoice, to the cent."""
    invoice, notes = case
    assert credited_total(notes) == invoice.totals.payable
    for name in ("net", "vat", "gross", "rounding"):
        given_back = Money.sum(getattr(note.totals, name) for note in notes)
        assert given_back == getattr(invoice.totals, name), name
    for sold in invoice.lines:
        same = [c for note in notes for c in note.lines if c.identifier == sold.identifier]
        assert Money.sum(c.net for c in same) == sold.net
        assert sum(c.quantity for c in same) == sold.quantity
    with pytest.raises(NothingToCredit):
        credit(invoice, notes, "encore", internal=False)


@given(partly_credited())
def test_no_credit_gives_back_more_than_what_is_left(
    case: tuple[Invoice, list[Invoice]],
) -> None:
    """At every step, each line keeps a quantity and a net that are not negative."""
    invoice, notes = case
    for step in range(len(notes) + 1):
        assert credited_total(notes[:step]) <= invoice.totals.payable
        for item in remainders(invoice, notes[:step]):
            assert item.quantity >= 0
            assert Money(0) <= item.net <= item.line.net


@given(partly_credited())
def test_a_credit_note_breaks_no_rule_of_arithmetic(case: tuple[Invoice, list[Invoice]]) -> None:
    """Lines, base, VAT and total of each credit note add up as EN 16931 wants."""
    _, notes = case
    for note in notes:
        assert {finding.code for finding in check_draft(note)} & ARITHMETIC == set()


@given(partly_credited())
@settings(max_examples=30)
def test_a_credit_note_is_written_with_amounts_that_hold(
    case: tuple[Invoice, list[Invoice]],
) -> None:
    """Whatever was credited before, its sums are exact and each line comes from its price."""
    _, notes = case
    for note in notes:
        for written in (
            cii.invoice_xml(note, FACTURX_DIRECT),
            ubl.invoice_xml(note, EN16931_UBL),
        ):
            assert list(wrong_amounts(parse_xml(written), tolerant=False)) == []


@pytest.mark.parametrize("method", VatMethod)
@pytest.mark.parametrize("price", [820, 833, 1168, 1])
def test_credits_of_one_unit_never_drift(price: int, method: VatMethod) -> None:
    """However many small credits come first, the rest can be credited, and each one is right."""
    invoice = issued([(price, 60, STANDARD), (1234, 1, STANDARD)], method)
    notes: list[Invoice] = []
    for _ in range(min(60, int(invoice.lines[0].quantity)) - 1):
        notes.append(credit_of(invoice, {"1": 1}, number=f"A-{len(notes)}", earlier=notes))
    notes.append(credit_of(invoice, number="A-99", earlier=notes))
    for note in notes:
        assert {finding.code for finding in check_draft(note)} & ARITHMETIC == set()

    assert credited_total(notes) == invoice.totals.payable
    assert Money.sum(note.totals.net for note in notes) == invoice.totals.net


def test_a_whole_credit_note_mirrors_its_invoice() -> None:
    """Without earlier credits, the lines and amounts are those of the invoice, unchanged."""
    invoice, _ = two_rates()
    note = credit_of(invoice)

    assert [replace(line, description="") for line in note.lines] == [
        replace(line, description="") for line in invoice.lines
    ]
    assert note.breakdown == invoice.breakdown
    assert note.totals == invoice.totals


def test_a_credit_note_names_its_invoice_and_why() -> None:
    """Type 381, the invoice's number and date, no means of payment, and the reason first."""
    invoice, _ = two_lines()
    note = credit_of(invoice, {"1": 12}, internal=True)

    assert (note.type_code, note.payment, note.due_date) == (CREDIT_NOTE, None, None)
    assert note.preceding is not None
    assert (note.preceding.number, note.preceding.issue_date) == ("F2025-00001", date(2026, 1, 15))
    assert note.internal
    assert note.notes[0].text == (
        "Avoir sur la facture n° F2025-00001 du 15/01/2026. "
        "Motif : erreur sur le nombre d'utilisateurs."
    )
    assert [line.identifier for line in note.lines] == ["1"]
    assert str(note.totals.payable) == "129.60"
    assert "12 utilisateurs × mois crédités sur 144 facturés" in note.lines[0].description


@pytest.mark.parametrize(
    "users, credited, said",
    [
        (12, 1, "1 utilisateur × mois crédité sur 144 facturés"),
        (12, 2, "2 utilisateurs × mois crédités sur 144 facturés"),
        (0, 1, "1 utilisateur × mois crédité sur 1 facturé"),
    ],
)
def test_one_unit_is_credited_in_the_singular(users: int, credited: int, said: str) -> None:
    """What is credited and what was invoiced each have their own number."""
    invoice, _ = invoice_of(line(users=(users,) * 12 if users else (1,)))
    description = credit_of(invoice, {"1": credited}).lines[0].description

    assert description.startswith(f"{said}, au prix convenu de ")


@pytest.mark.parametrize(
    "quantities, said",
    [
        ({"3": 1}, "pas de ligne 3"),
        ({"1": 145}, "il en reste 144"),
        ({"1": 0}, "il en reste 144"),
        ({"1": -1}, "il en reste 144"),
        ({}, "rien à créditer"),
    ],
)
def test_more_than_what_is_left_is_refused(quantities: dict[str, int], said: str) -> None:
    """An unknown line, too many units, none or a negative number give no credit note."""
    with pytest.raises(NothingToCredit, match=said):
        credit(exempt()[0], (), "essai", quantities, internal=False)
