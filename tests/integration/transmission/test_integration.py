"""What became of deposits: reports asked for until they say, then what the searches show."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import Desk, in_the_buyers_hands, number, open_desk, open_waiting_desk
from tests.support.stage_portal import report
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, Trouble
from worker.corrections.todo import is_stuck
from worker.errors import PortalDown
from worker.portals import FluxState

S = InvoiceStatus
ONE, TWO = number(1), number(2)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_waiting_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="held")
def _held(desk: Desk) -> Desk:
    return in_the_buyers_hands(desk)


def test_a_pending_report_is_asked_again_later_and_later(desk: Desk) -> None:
    """After 1, 2, 4… minutes as configured, the last wait repeating; nothing else changes."""
    waits = []
    for _ in range(9):
        before = desk.clock.now
        desk.follow()
        invoice = desk.one(ONE)
        assert (invoice.status, invoice.detail) == (S.DEPOSITED, "")
        assert invoice.next_check_at is not None
        waits.append((invoice.next_check_at - before) // timedelta(minutes=1))
        assert desk.follow() == []
        desk.clock.now = invoice.next_check_at

    assert waits == [2, 4, 8, 15, 60, 240, 240, 240, 240]
    assert bool(desk.advice(ONE)) is (sum(waits) > 24 * 60)


def test_an_integrated_report_gives_the_portals_identifier_and_the_history(desk: Desk) -> None:
    """Observed once each, journalled once; from then on the news tell what changes."""
    desk.portal.integrate()
    assert [i.number for i in desk.follow()] == [ONE, TWO]
    invoice = desk.one(ONE)

    assert (invoice.status, invoice.portal_id, invoice.portal_status) == (
        S.INTEGRATED,
        "1",
        "deposited",
    )
    assert invoice.next_check_at is None
    assert [(o.source, o.raw_status) for o in desk.observations(ONE)] == [
        ("report", "integrated"),
        ("search", "deposited"),
    ]
    assert [subject for subject, _ in desk.events(EventTag.REPORT_RECEIVED)] == [ONE, TWO]
    assert desk.events(EventTag.STATUS_CHANGED) == []


def test_a_portal_down_in_the_middle_keeps_what_was_learnt(desk: Desk) -> None:
    """The first is integrated, the second is asked again another time."""
    desk.portal.integrate()

    def stop() -> bool:
        if desk.one(ONE).status is S.INTEGRATED:
            desk.portal.condition = Condition.DOWN
        return False

    with pytest.raises(PortalDown):
        desk.follow(stop)
    assert [i.status for i in desk.invoices()] == [S.INTEGRATED, S.DEPOSITED]
    desk.portal.condition = Condition.UP

    assert TWO in [i.number for i in desk.follow()]


def test_an_unknown_state_is_shown_and_waited_for(desk: Desk) -> None:
    """A word this program does not know decides nothing, and is not hidden."""
    desk.portal.tell(ONE, report(FluxState.UNRECOGNISED, "IN_NOUVEAU_2027"))
    desk.follow()
    invoice = desk.one(ONE)
    assert invoice.status is S.DEPOSITED
    assert (invoice.trouble, invoice.detail) == (Trouble.UNKNOWN_WORD, "IN_NOUVEAU_2027")
    assert desk.observations(ONE)[0].raw_status == "IN_NOUVEAU_2027"
    desk.clock.advance(hours=25)

    assert "Suivi des flux" in desk.advice(ONE)


def test_an_incident_is_shown_until_it_is_over(desk: Desk) -> None:
    """A person is told to watch it; the portal may restart it by itself, and nothing is resent."""
    desk.portal.tell(ONE, report(FluxState.INCIDENT, "IN_INCIDENTE"))
    desk.follow()
    assert desk.one(ONE).trouble is Trouble.INCIDENT
    assert desk.advice(ONE)
    desk.portal.tell(ONE, report(FluxState.PENDING, "IN_EN_COURS_TRAITEMENT_CPP"))
    desk.clock.advance(minutes=5)
    desk.follow()
    assert desk.one(ONE).trouble is Trouble.NONE
    desk.portal.integrate()
    desk.clock.advance(hours=1)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.attempts(ONE)) == 1


def test_a_partial_report_about_others_decides_nothing(desk: Desk) -> None:
    """Neither found nor named: it may not be indexed yet."""
    desk.portal.tell(ONE, report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL", "refus", of="AUTRE-1"))
    desk.follow()

    assert desk.one(ONE).status is S.DEPOSITED


def test_an_integrated_invoice_that_search_does_not_show_yet_stays_deposited(desk: Desk) -> None:
    """It is looked for again, and found later; a person is told after a day."""
    desk.portal.integrate()
    desk.portal.not_indexed.add(ONE)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.DEPOSITED, S.INTEGRATED]
    desk.clock.advance(days=2)
    desk.follow()
    assert desk.advice(ONE)
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED


@pytest.mark.parametrize("missing", ["gross", "recipient"])
def test_what_the_searches_leave_out_is_read_in_the_invoice_itself(
    desk: Desk, missing: str
) -> None:
    """Shown without its amount or its buyer, it is ours all the same, and integrated."""
    empty: dict[str, object] = {"gross": None, "recipient": ""}
    desk.portal.amend = lambda found: replace(found, **{missing: empty[missing]})  # type: ignore[arg-type]
    desk.portal.integrate()
    desk.follow()

    assert [i.status for i in desk.invoices()] == [S.INTEGRATED, S.INTEGRATED]


def test_a_search_that_is_unusable_about_one_invoice_of_a_lot_stops_only_that_one(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Their file was turned away: the others go again, each alone."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "lot", issued=5)
    desk.told(lot_invoices=5)
    desk.portal.integrates_at_once = False
    desk.deposit()
    turned_away = report(FluxState.REJECTED, "IN_REJETE")
    desk.portal.fluxes[0].report = replace(turned_away, flux_number=desk.portal.fluxes[0].number)
    desk.portal.answers_nonsense_about.add(TWO)
    desk.clock.advance(minutes=1)
    desk.follow()
    assert {i.number for i in desk.invoices() if i.status is S.ISSUED} == {
        number(rank) for rank in (1, 3, 4, 5)
    }
    assert desk.one(TWO).status is S.DEPOSITED
    desk.portal.answers_nonsense_about.clear()
    desk.clock.advance(hours=4)
    desk.follow()

    assert desk.one(TWO).status is S.ISSUED


def test_an_unusable_answer_about_one_invoice_puts_only_that_one_off(held: Desk) -> None:
    """The portal no longer shows one of our invoices: seen within a week, the other is followed."""
    held.clock.advance(days=7)
    del held.portal.invoices["1"]
    held.portal.decide(TWO, "MISE_EN_PAIEMENT")
    held.follow()
    one = held.one(ONE)

    assert (one.status, held.one(TWO).status) == (S.INTEGRATED, S.SETTLED)
    assert "ne connaît pas" in one.detail
    assert one.next_check_at == held.clock.now + timedelta(hours=4)


def test_only_what_is_due_is_asked_and_stop_is_obeyed(desk: Desk) -> None:
    """Nothing before its time; nothing more once asked to stop."""
    desk.portal.asked.clear()
    desk.follow(lambda: True)
    assert desk.portal.asked == []
    desk.follow()
    asked = len(desk.portal.asked)
    desk.follow()

    assert asked > 0
    assert len(desk.portal.asked) == asked


def test_a_second_delivery_is_not_called_integrated_by_the_first(desk: Desk) -> None:
    """The first was called so and never shown; the second has no verdict, and a person is told."""
    desk.portal.tell(ONE, report(FluxState.PARTIAL, "IN_INTEGRE_PARTIEL"))
    desk.follow()
    desk.clock.advance(days=8)
    desk.give_up(ONE)
    desk.resend(ONE)
    desk.deposit()
    assert desk.one(ONE).portal_status == ""
    desk.clock.advance(hours=25)

    assert is_stuck(desk.one(ONE), desk.clock.now)
    assert desk.one(ONE).flux_number in desk.advice(ONE)


def test_what_was_adopted_without_its_flux_is_followed_without_a_report(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The search left the field out: two such invoices are each found by number, and integrated."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "fluxless", issued=2)
    desk.portal.mishaps.extend([Mishap.ANSWER_LOST] * 2)
    desk.deposit()
    desk.portal.amend = lambda found: replace(found, flux_number="")
    desk.clock.advance(minutes=15)
    desk.reconcile()
    assert [(i.status, i.flux_number) for i in desk.invoices()] == [(S.DEPOSITED, "")] * 2
    desk.portal.not_indexed.add(TWO)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.INTEGRATED, S.DEPOSITED]
    desk.portal.not_indexed.clear()
    desk.clock.advance(hours=4)
    desk.follow()

    assert [i.status for i in desk.invoices()] == [S.INTEGRATED] * 2
    assert not any(question == "report " for question in desk.portal.asked)


def test_a_deposit_of_a_clock_that_was_ahead_is_followed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Its next look is a month away: nobody waits for it, and a person may look for it."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "ahead", issued=1)
    desk.portal.integrates_at_once = False
    desk.clock.advance(days=30)
    desk.deposit()
    desk.clock.advance(days=-30)
    assert is_stuck(desk.one(ONE), desk.clock.now)
    desk.portal.integrate()
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
