"""The clock is a witness to be checked before any number: of an invoice or of a credit note."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.offices import Desk, counters, in_the_buyers_hands, number, numbers, open_desk
from worker.billing.period import paris_day
from worker.errors import Refused
from worker.issuing.numbering import MOST_APART, series, take_number
from worker.settings.keys import Numbering

ONE, TWO = number(1), number(2)
SERIES = [name for name in Numbering.model_fields if name != "width"]
ACTS: dict[str, Callable[[Desk], object]] = {
    "invoices": lambda desk: desk.issue(),
    "credit notes": lambda desk: desk.credit(TWO),
}
"""Everything that takes a number."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices in their buyers' hands, of which one was credited a day later."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    desk.deposit()
    desk.clock.advance(minutes=1)
    in_the_buyers_hands(desk)
    desk.credit(ONE)
    return desk


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("wrong", [timedelta(days=366), timedelta(days=-20), 1.01 * MOST_APART])
def test_no_number_is_taken_far_from_the_clock_of_the_portal(
    desk: Desk, act: Callable[[Desk], object], wrong: timedelta
) -> None:
    """Whatever the year our clock shows, ahead or behind: one sentence with both instants."""
    right, before = desk.clock(), counters(desk)
    desk.portal.clock = lambda: right
    desk.clock.now += wrong
    with pytest.raises(Refused, match="celle du portail"):
        act(desk)

    assert counters(desk) == before


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_day_of_difference_or_a_portal_without_clock_hinders_nothing(
    desk: Desk, act: Callable[[Desk], object]
) -> None:
    """A zone that was set wrong is no reason to stop a campaign."""
    right = desk.clock()
    desk.portal.clock = lambda: right - MOST_APART
    act(desk)
    desk.portal.clock = lambda: None  # type: ignore[assignment,return-value]

    assert desk.invoices()


@pytest.mark.parametrize("days", [3, 40, 400])
@pytest.mark.parametrize("prefix", SERIES)
def test_no_document_is_dated_before_the_last_one(desk: Desk, prefix: str, days: int) -> None:
    """Every series that may be set, of whatever year: nothing is taken before it."""
    numbering = desk.app.settings.numbering
    text = getattr(numbering, prefix)
    with desk.app.transaction(commit=False) as tx:
        assert take_number(tx, numbering, text, None).startswith(series(text, 2026))
    before = counters(desk)
    desk.clock.advance(days=-days)
    with (
        desk.app.transaction() as tx,
        pytest.raises(Refused, match=r"dernière pièce émise est du 0[56]/01/2026"),
    ):
        take_number(tx, numbering, text, None)

    assert counters(desk) == before


def test_a_clock_set_right_lets_the_batch_go_on(desk: Desk) -> None:
    """Nothing of the refusal stays: the next number follows the last one."""
    desk.clock.advance(days=-20)
    with pytest.raises(Refused):
        desk.issue()
    desk.clock.advance(days=20)

    assert numbers(desk.issue())[0] == number(3)
    assert paris_day(desk.clock()) == desk.one(number(3)).issue_date
