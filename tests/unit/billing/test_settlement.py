"""What is due, credited, paid and left: laws of the sums, and of the days."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.billing.money import ZERO, Money
from worker.billing.settlement import Payment, Settlement, Standing, standing, total_left

DUE = date(2026, 2, 4)
RECORDED = datetime(2026, 3, 1, 9, tzinfo=UTC)
cents = st.integers(0, 10**9).map(Money)
days = st.dates(date(2026, 1, 5), date(2027, 12, 31))


@st.composite
def settlements(draw: st.DrawFn) -> Settlement:
    """A payment, cancelled or not."""
    cancelled = draw(st.booleans())
    return Settlement(
        id=draw(st.integers(1, 10**6)),
        invoice=1,
        on=draw(days),
        amount=draw(cents),
        reference=draw(st.sampled_from(["", "VIR 1"])),
        recorded_at=RECORDED,
        recorded_by="régie@serveur:1",
        cancelled_at=RECORDED if cancelled else None,
        reason="autre facture" if cancelled else "",
    )


@given(cents, cents, st.lists(settlements(), unique_by=lambda one: one.id))
def test_due_less_credited_less_paid_is_left(
    due: Money, credited: Money, found: list[Settlement]
) -> None:
    """To the cent, whatever was paid, credited or cancelled, in whatever order it came."""
    stands = standing(due, found, credited=credited, due_date=DUE)

    assert stands.due - stands.paid - stands.credited == stands.left
    assert stands.paid == Money.sum(one.amount for one in found if one.counts)
    assert stands == standing(due, found[::-1], credited=credited, due_date=DUE)


@given(cents, st.lists(settlements(), unique_by=lambda one: one.id), days)
def test_what_bears_interest_falls_the_day_after_a_payment(
    due: Money, found: list[Settlement], day: date
) -> None:
    """The day of a payment still bears it, and on the last day all payments have counted."""
    stands = standing(due, found, due_date=DUE)
    paid_then = Money.sum(one.amount for one in found if one.counts and one.on == day)

    assert stands.left_during(day) - stands.left_during(day + timedelta(days=1)) == paid_then
    assert stands.left_during(date.max) == stands.left


@given(st.lists(st.builds(Standing, due=cents, credited=cents)))
def test_too_much_paid_of_one_pays_no_other(found: list[Standing]) -> None:
    """The total of what is left adds up what is above zero."""
    total = total_left(found)

    assert total >= ZERO
    assert total == Money.sum(one.left for one in found if one.left > ZERO)


def test_nothing_is_late_on_its_due_date_and_a_day_is_counted_on_the_next() -> None:
    """The age is in whole days; what is paid, credited or without due date has none."""
    unpaid = Standing(due=Money(100), due_date=DUE)
    credited = Standing(due=Money(100), credited=Money(100), due_date=DUE)

    assert unpaid.days_late(DUE) == 0
    assert unpaid.days_late(DUE + timedelta(days=1)) == 1
    assert credited.days_late(DUE + timedelta(days=99)) == 0
    assert Standing(due=Money(100)).days_late(DUE) == 0


def test_what_was_only_credited_is_not_paid() -> None:
    """An invoice is settled by money; credit notes that cover it cancel it."""
    assert not Standing(due=Money(100), credited=Money(100)).is_paid


def test_a_payment_is_known_by_its_day_amount_and_reference() -> None:
    """A cancelled one is no longer this payment: it may be recorded again."""
    payment = Payment(number="BSN-2026-00001", on=DUE, amount=Money(100), reference="VIR 1")
    known = Settlement(
        id=1,
        invoice=1,
        on=DUE,
        amount=Money(100),
        reference="VIR 1",
        recorded_at=RECORDED,
        recorded_by="régie@serveur:1",
        cancelled_at=None,
        reason="",
    )
    other = Payment(number="BSN-2026-00001", on=DUE, amount=Money(100), reference="VIR 2")

    assert known.is_same(payment)
    assert not known.is_same(other)
