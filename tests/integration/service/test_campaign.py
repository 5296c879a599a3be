"""A whole year moved forward in one call, and again after anything stopped it."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import PARKED, YEAR, Desk, number, open_desk
from tests.support.stage_portal import OURSELVES
from worker.app import App
from worker.billing.journal import EventTag, JournalHead
from worker.billing.status import InvoiceStatus
from worker.errors import (
    PortalAccessRefused,
    PortalAnswerError,
    PortalDown,
    Refused,
    SellerUnfit,
)
from worker.issuing.batch import MemberResult
from worker.portals import Portal
from worker.service.campaign import Progress, Step, Tell, deposit, move_forward, reconcile
from worker.service.demo import SELLER
from worker.storage import journal

S = InvoiceStatus
RUNS = (EventTag.RUN_STARTED, EventTag.RUN_ENDED)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="issued")
def _issued(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "issued", issued=5)


def counts(**seen: int) -> dict[str, int]:
    """What the end of a run says."""
    return {result.value: seen.get(result.value, 0) for result in MemberResult}


def forward(desk: Desk) -> list[tuple[Step, str, S]]:
    """One pass of the waiting half, and what it told."""
    told: list[Progress] = []
    move_forward(desk.app, desk.portal, told.append)
    return [(p.step, p.invoice.number, p.invoice.status) for p in told if p.invoice]


def test_a_year_is_issued_then_deposited_then_followed(desk: Desk) -> None:
    """Everything is told as it happens, and the journal holds the start, the end and the counts."""
    told: list[Progress] = []
    head = desk.run(told.append)

    assert Counter(p.step for p in told) == {Step.ISSUE: 12, Step.DEPOSIT: 11}
    assert [p.invoice.status for p in told if p.invoice] == [S.DEPOSITED] * 11
    assert desk.events(*RUNS) == [
        (str(YEAR), {}),
        (str(YEAR), counts(issued=11, parked=1)),
    ]
    with desk.app.store.reading() as session:
        assert journal.head(session) == head
    assert isinstance(head, JournalHead)
    desk.clock.advance(minutes=1)

    assert {status for _, _, status in forward(desk)} == {S.INTEGRATED}


def test_without_a_portal_the_year_is_issued_and_nothing_deposited(desk: Desk) -> None:
    """The Hélios channel: nobody is asked, and all twelve are issued."""
    desk.run(deposits=False)

    assert [i.status for i in desk.invoices()] == [S.ISSUED] * 12
    assert (desk.portal.asked, desk.portal.fluxes) == ([], [])


@pytest.mark.parametrize(
    "condition,error", [(Condition.DOWN, PortalDown), (Condition.CLOSED_TO_US, PortalAccessRefused)]
)
def test_a_portal_that_is_not_there_stops_before_anything(
    desk: Desk, condition: Condition, error: type[Exception]
) -> None:
    """Not even the journal says that a run began."""
    desk.portal.condition = condition
    with pytest.raises(error):
        desk.run()

    assert desk.invoices() == ()
    assert desk.events(*RUNS) == []


@pytest.mark.parametrize(
    "facts,code",
    [
        ({"active": False}, "DIR-SELLER-INACTIVE"),
        (None, "DIR-SELLER-UNKNOWN"),
        ({"password_expires": date(2026, 1, 4)}, "DIR-PASSWORD-EXPIRED"),
    ],
)
def test_a_seller_that_would_be_refused_stops_before_anything(
    desk: Desk, facts: dict[str, object] | None, code: str
) -> None:
    """Nothing is issued nor journalled; once corrected at the portal, the same command goes on."""
    if facts is None:
        desk.portal.forget(SELLER)
    else:
        desk.portal.change(SELLER, **facts)
    with pytest.raises(SellerUnfit) as caught:
        desk.run()
    assert [finding.code for finding in caught.value.findings] == [code]
    assert (desk.invoices(), desk.events(*RUNS)) == ((), [])
    desk.portal.know(OURSELVES)
    desk.run()

    assert len(desk.portal.fluxes) == 11


def test_a_password_that_expires_soon_is_told_and_stops_nobody(desk: Desk) -> None:
    """The warning comes first, then the batch as usual."""
    desk.portal.change(SELLER, password_expires=date(2026, 1, 20))
    told: list[Progress] = []
    desk.run(told.append)

    assert [(p.step, [f.code for f in p.findings]) for p in told if p.findings] == [
        (Step.VET, ["DIR-PASSWORD-EXPIRES"])
    ]
    assert told[0].findings
    assert Counter(p.step for p in told)[Step.DEPOSIT] == 11


def test_a_run_that_stops_midway_says_so_and_goes_on_next_time(desk: Desk) -> None:
    """The portal disappears after three members: three are kept and counted, then the rest."""
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 3:
            desk.portal.condition = Condition.DOWN

    with pytest.raises(PortalDown):
        desk.run(tell)
    assert desk.events(*RUNS)[1] == (str(YEAR), counts(issued=3))
    desk.portal.condition = Condition.UP
    desk.run()

    assert desk.events(*RUNS)[3] == (str(YEAR), counts(already=3, issued=8, parked=1))
    assert len(desk.portal.integrated()) == 11


def test_a_year_not_finished_is_refused_before_anything_begins(desk: Desk) -> None:
    """Nothing is billed, and no run is journalled."""
    with pytest.raises(Refused, match="n'est pas terminée"):
        desk.run(year=YEAR + 1)

    assert (desk.events(*RUNS), desk.invoices()) == ([], ())


def test_stop_ends_the_run_between_two_things(issued: Desk) -> None:
    """The invoice under way is deposited to its end, the others wait."""
    told: list[Progress] = []
    move_forward(issued.app, issued.portal, told.append, lambda: len(told) == 2)

    assert [i.status for i in issued.invoices()] == [S.DEPOSITED] * 2 + [S.ISSUED] * 3


def test_one_pass_after_another_brings_everything_to_its_end(issued: Desk) -> None:
    """Lost answers, a refusal and a bad connection: only the refused one waits for a person."""
    issued.portal.mishaps.extend(
        [Mishap.ANSWER_LOST, Mishap.REFUSED, Mishap.NOT_SENT, Mishap.REQUEST_LOST]
    )
    for _ in range(6):
        forward(issued)
        issued.clock.advance(hours=4)

    assert {i.number: i.status for i in issued.invoices()} == {
        number(rank): S.REFUSED if rank == 2 else S.INTEGRATED for rank in range(1, 6)
    }
    assert len(issued.portal.fluxes) == len(issued.portal.integrated()) == 4


class Crash(BaseException):
    """The process dies here."""


def die_after_the_first_call(desk: Desk) -> None:
    """The portal has it, and we never knew."""

    def crash(_content: bytes) -> None:
        raise Crash

    desk.portal.watch_after = crash
    with pytest.raises(Crash):
        desk.deposit()
    desk.portal.watch_after = lambda _: None
    assert desk.one(number(1)).status is S.SENDING


def test_what_no_search_can_tell_about_stops_nobody_else(issued: Desk) -> None:
    """Three uncertain deposits with nonsense for an answer: the others are deposited, followed."""
    issued.portal.mishaps.extend([Mishap.ANSWER_LOST] * 3)
    with pytest.raises(PortalDown):
        issued.deposit()
    issued.portal.answers_nonsense_about.update(number(rank) for rank in (1, 2, 3))
    for minutes in (15, 15, 15):
        issued.clock.advance(minutes=minutes)
        with pytest.raises(PortalAnswerError):
            forward(issued)
    assert Counter(i.status for i in issued.invoices()) == {S.UNKNOWN: 3, S.INTEGRATED: 2}
    issued.portal.answers_nonsense_about.clear()
    for _ in range(2):
        issued.clock.advance(hours=1)
        forward(issued)

    assert {i.status for i in issued.invoices()} == {S.INTEGRATED}


@pytest.mark.parametrize("step", [deposit, reconcile])
def test_either_command_alone_takes_over_what_was_interrupted(
    issued: Desk, step: Callable[[App, Portal, Tell], None]
) -> None:
    """Whoever types ``deposit`` or ``reconcile`` need not know about the other."""
    die_after_the_first_call(issued)
    step(issued.app, issued.portal, lambda _: None)

    assert issued.one(number(1)).status is S.UNKNOWN
    assert len(issued.attempts(number(1))) == 1


def test_an_interrupted_deposit_is_taken_over_first(issued: Desk) -> None:
    """Before anything new is sent, what died midway is known to be uncertain."""
    die_after_the_first_call(issued)
    assert (Step.DEPOSIT, number(1), S.UNKNOWN) not in forward(issued)
    assert [i.status for i in issued.invoices()] == [S.UNKNOWN] + [S.DEPOSITED] * 4
    issued.clock.advance(minutes=15)

    assert forward(issued)[0] == (Step.RECONCILE, number(1), S.DEPOSITED)
    assert len(issued.portal.fluxes) == 5
    assert PARKED not in {i.siret for i in issued.invoices()}
