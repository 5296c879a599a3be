"""An invoice computed again from what it rested on gives itself, and nothing else does."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import MEMBER, SIRET, YEAR, grid, subscriptions, usage
from tests.support.member_years import ISSUED_ON, BilledYear, billed, billed_years
from worker.billing.credit_note import credit, remainders
from worker.billing.invoice import Invoice, InvoiceDraft, InvoiceLine, issue
from worker.billing.member_year import MemberYear
from worker.billing.members import BillingReferences
from worker.billing.money import Money
from worker.billing.recomputation import (
    Difference,
    credit_note_differences,
    invoice_differences,
)
from worker.billing.tariff import TariffGrid


def group(used: str, *grids: TariffGrid) -> BilledYear:
    """The billed year of a member of the group, all year, without references."""
    known = MemberYear(
        member=MEMBER,
        year=YEAR,
        references=BillingReferences(siret=SIRET, year=YEAR),
        subscriptions=subscriptions("gfu cat 1 from 2025-01-01"),
        usage=usage(f"gfu: {used}"),
        hold=None,
    )
    return billed(known, grids or (grid("A", "2025-01-01..", "gfu: 10.00"),))


def differences(year: BilledYear, **known: Any) -> tuple[Difference, ...]:  # noqa: ANN401 - fields of the year
    """What differs when the member's year is another than the one that was billed."""
    return invoice_differences(
        replace(year.known, **known), year.used_grids, year.invoice, year.statement
    )


@given(billed_years())
def test_an_untouched_year_gives_its_invoice_again(year: BilledYear) -> None:
    """Of the grids, those that priced it are enough; the order of the rows changes nothing."""
    again = differences(
        year, usage=year.known.usage[::-1], subscriptions=year.known.subscriptions[::-1]
    )

    assert again == ()


def test_months_without_users_need_no_grid() -> None:
    """The grid of these months priced nothing, and so is not among those that are kept."""
    old = grid("A", "2025-01-01..2025-06-30", "gfu: 10.00")
    new = grid("B", "2025-07-01..", "gfu: 12.00")
    year = group("0×6 3×6", old, new)

    again = differences(year)

    assert [one.version for one in year.used_grids] == ["B"]
    assert again == ()


@settings(max_examples=40)
@given(billed_years(), st.data())
def test_another_figure_of_a_month_is_told_on_its_line(
    year: BilledYear, data: st.DataObject
) -> None:
    """Whatever row has other users, its line says which month, and both figures."""
    row = data.draw(st.sampled_from(year.known.usage))
    users = data.draw(st.integers(0, 300).filter(lambda users: users != row.users))
    altered = tuple(replace(one, users=users) if one is row else one for one in year.known.usage)
    found = differences(year, usage=altered)
    told = [one for one in found if one.what == row.month.french and one.computed != "rien"]

    assert found
    assert [one.computed.split()[0] for one in told] in ([str(users)], [])


@settings(max_examples=40)
@given(billed_years(), st.data())
def test_another_category_of_a_subscription_is_told(year: BilledYear, data: st.DataObject) -> None:
    """Unless none of its months has a row: then nothing of it is billed."""
    signed = data.draw(st.sampled_from(year.known.subscriptions))
    altered = tuple(
        replace(one, category=one.category % 3 + 1) if one is signed else one
        for one in year.known.subscriptions
    )
    found = differences(year, subscriptions=altered)
    billed_months = {
        use.month
        for line in year.statement.lines
        if (line.service, line.tier) == (signed.service, signed.tier)
        for use in line.months
    }

    assert bool(found) == any(signed.covers(month) for month in billed_months)


@settings(max_examples=40)
@given(billed_years(), st.data())
def test_another_amount_in_a_line_is_told(year: BilledYear, data: st.DataObject) -> None:
    """A frozen line that was altered is named, whatever value of it."""
    line = data.draw(st.sampled_from(year.invoice.lines))
    altered = data.draw(
        st.sampled_from(
            [
                replace(line, quantity=line.quantity + 1),
                replace(line, gross=line.gross + Money(1)),
                replace(line, net=line.net + Money(1)),
                replace(line, unit_price_gross=line.unit_price_gross + Money(1)),
                replace(line, price=line.price + 1),
                replace(line, item="autre"),
                replace(line, attributes=line.attributes[1:]),
            ]
        )
    )
    found = invoice_differences(
        year.known, year.used_grids, _with(year.invoice, line, altered), year.statement
    )

    assert {one.line for one in found} == {line.identifier}


def _with(invoice: Invoice, line: InvoiceLine, altered: InvoiceLine) -> Invoice:
    return replace(invoice, lines=tuple(altered if one is line else one for one in invoice.lines))


def test_a_month_without_users_under_a_grid_that_priced_nothing_is_no_difference() -> None:
    """Which grid would have priced it is not kept: its row alone is compared."""
    year = group(
        "3×6 0×6",
        grid("A", "2025-01-01..", "gfu: 10.00"),
        grid("B", "2025-07-01..", "gfu: 12.00"),
    )

    assert year.invoice.grid_versions == ("A",)
    assert differences(year) == ()


def test_a_month_without_users_whose_row_has_users_is_told() -> None:
    """It priced nothing when it was issued, and would now."""
    year = group("3×6 0×6")
    found = differences(year, usage=usage("gfu: 3×6 0×5 1"))

    assert "décembre 2025" in {one.what for one in found}


def test_a_row_that_is_gone_is_told() -> None:
    """The missing month is named, and the line that had it."""
    year = group("3×12")
    found = differences(year, usage=year.known.usage[:-1])

    assert "décembre 2025" in found[0].what
    assert ("1", "quantité", "36", "33") in {
        (one.line, one.what, one.told, one.computed) for one in found
    }


def test_other_references_are_told() -> None:
    """They are of the whole invoice, not of a line."""
    year = group("3×12")
    (found,) = differences(year, references=replace(year.known.references, engagement="EJ-8"))

    assert (found.line, found.what, found.told, found.computed) == (
        "",
        "engagement",
        "aucun",
        "EJ-8",
    )


@settings(max_examples=40)
@given(billed_years(), st.data())
def test_credit_notes_follow_from_the_lines_of_their_invoice(
    year: BilledYear, data: st.DataObject
) -> None:
    """Some units, then all that is left: both are given again, and a cent more is told."""
    line = data.draw(st.sampled_from(year.invoice.lines))
    some = {line.identifier: data.draw(st.integers(1, int(line.quantity)))}
    first = _numbered(credit(year.invoice, (), "essai", some, internal=False), 1)
    notes: list[tuple[Invoice, tuple[Invoice, ...]]] = [(first, ())]
    if any(rest.quantity for rest in remainders(year.invoice, (first,))):
        last = _numbered(credit(year.invoice, (first,), "essai", internal=False), 2)
        notes.append((last, (first,)))
    found = [credit_note_differences(note, year.invoice, earlier) for note, earlier in notes]
    dearer = replace(first.lines[0], net=first.lines[0].net + Money(1))
    altered = replace(first, lines=(dearer, *first.lines[1:]))

    assert found == [()] * len(notes)
    assert [one.line for one in credit_note_differences(altered, year.invoice, ())] == [
        line.identifier
    ]


def _numbered(draft: InvoiceDraft, rank: int) -> Invoice:
    return issue(
        draft,
        number=f"AVOIR-2026-{rank:05d}",
        issue_date=ISSUED_ON,
        due_date=None,
        statement_number="ETAT-2026-00001",
    )
