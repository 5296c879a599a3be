"""Following invoices at their buyers': the cost is of what changed, and no change is missed."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.offices import Desk, number, open_desk
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, Trouble
from worker.errors import PortalAccessRefused, PortalAnswerError
from worker.portals import BuyerStatus, InvoiceHistory
from worker.portals.choruspro.status_words import (
    buyer_status,
)
from worker.service.demo import STORY
from worker.transmission.statuses import MOST_TRIES, is_due

S = InvoiceStatus
ONE, TWO = number(1), number(2)
RANKS = range(1, 6)


@pytest.fixture(name="held")
def _held(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Five integrated invoices whose news were just read."""
    return at_the_buyers(open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=5))


def at_the_buyers(desk: Desk) -> Desk:
    """The same desk once all is integrated and followed."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert {i.status for i in desk.invoices() if i.number} == {S.INTEGRATED}
    desk.portal.asked.clear()
    return desk


def asked_about(desk: Desk) -> list[str]:
    """The questions about one invoice since the last time."""
    questions = [one for one in desk.portal.asked if not one.startswith(("changed", "issued"))]
    desk.portal.asked.clear()
    return questions


def due(desk: Desk) -> bool:
    """Whether the portal is to be asked."""
    hours = desk.app.configuration.settings.portal.status_hours
    with desk.app.store.reading() as session:
        return is_due(session, desk.clock.now, timedelta(hours=hours))


def test_nothing_new_costs_one_question(held: Desk) -> None:
    """Five invoices wait, nothing changed: one search by period, and nothing about any of them."""
    held.clock.advance(hours=12)

    assert due(held)
    assert held.follow() == []
    assert [one[:7] for one in held.portal.asked] == ["changed"]
    assert not due(held)
    assert held.follow() == []
    assert len(held.portal.asked) == 1


def test_only_what_changed_is_asked_about(held: Desk) -> None:
    """One moved: its history is read once, and not again while it stays."""
    held.clock.advance(hours=1)
    held.portal.decide(TWO, "SUSPENDUE", "il manque le bon de livraison")
    held.clock.advance(hours=11)
    assert [i.number for i in held.follow()] == [TWO]
    assert asked_about(held) == ["history 2"]
    assert (held.one(TWO).status, held.one(ONE).status) == (S.SUSPENDED, S.INTEGRATED)
    assert held.one(TWO).detail == "il manque le bon de livraison"
    held.clock.advance(hours=12)
    held.follow()

    assert asked_about(held) == []


def test_a_change_shown_late_is_seen(held: Desk) -> None:
    """The portal dates a change before our last reading, and shows it only after: the overlap."""
    held.portal.not_indexed.add(ONE)
    held.clock.advance(hours=11)
    held.portal.decide(ONE, "MISE_EN_PAIEMENT")
    held.clock.advance(hours=1)
    held.follow()
    assert held.one(ONE).status is S.INTEGRATED
    held.portal.not_indexed.clear()
    held.clock.advance(hours=12)
    held.follow()

    assert held.one(ONE).status is S.SETTLED


def test_once_a_week_all_is_read_from_the_beginning(held: Desk) -> None:
    """A change that no period showed is found; an invoice shown no more is asked about."""
    held.clock.advance(hours=1)
    held.portal.decide(ONE, "REJETEE", "montant")
    held.portal.not_indexed.update({ONE, TWO})
    for _ in range(6):
        held.clock.advance(days=1)
        held.follow()
    assert asked_about(held) == []
    held.portal.not_indexed.discard(ONE)
    held.clock.advance(days=1)
    held.follow()

    assert sorted(asked_about(held)) == ["history 1", "history 2"]
    assert (held.one(ONE).status, held.one(TWO).status) == (S.REJECTED, S.INTEGRATED)


@pytest.mark.parametrize("ahead", [3, 30])
def test_a_clock_set_back_does_not_silence_us(held: Desk, ahead: int) -> None:
    """A machine that was days or a month ahead sees what changes once its clock is right."""
    held.clock.advance(days=ahead)
    held.follow()
    held.clock.advance(days=1 - ahead)
    held.portal.decide(ONE, "MANDATEE")
    assert due(held)
    held.follow()

    assert held.one(ONE).portal_status == "MANDATEE"


def test_a_stop_in_the_middle_reads_the_same_period_again(held: Desk) -> None:
    """Asked to stop after one invoice: the other changes are not lost."""
    held.clock.advance(hours=1)
    for rank in RANKS:
        held.portal.decide(number(rank), "MISE_EN_PAIEMENT")
    held.clock.advance(hours=11)
    held.follow(lambda: any(i.status is S.SETTLED for i in held.invoices()))
    assert sum(i.status is S.SETTLED for i in held.invoices()) == 1
    held.follow()

    assert {held.one(number(rank)).status for rank in RANKS} == {S.SETTLED}


def test_a_history_that_cannot_be_read_is_tried_a_bounded_number_of_times(held: Desk) -> None:
    """Put off by itself each time, shown, and in the end only its next news are waited for."""
    tries = 0

    def broken(portal_id: str) -> InvoiceHistory:
        nonlocal tries
        tries += 1
        raise PortalAnswerError(f"Réponse illisible pour {portal_id}.")

    held.portal.decide(ONE, "UN_MOT_DE_2029")  # a known one would be believed
    held.clock.advance(hours=12)
    held.portal.history = broken  # type: ignore[method-assign] # a portal that answers nonsense
    held.follow()
    assert "illisible" in held.one(ONE).detail
    held.clock.advance(days=2)  # past the overlap: the news do not show it again
    for _ in range(MOST_TRIES + 5):
        held.follow()
        held.clock.advance(hours=4)

    assert MOST_TRIES <= tries <= MOST_TRIES + 2
    assert held.one(ONE).next_check_at is None


class Slip:
    """A portal whose histories tell another current status than its searches, so many times."""

    def __init__(self, desk: Desk, word: str, times: int) -> None:
        self.word, self.left = word, times
        self._honest = desk.portal.history
        desk.portal.history = self  # type: ignore[method-assign] # a portal that errs

    def __call__(self, portal_id: str) -> InvoiceHistory:
        """The history, its current status wrong while there are slips left."""
        told = self._honest(portal_id)
        self.left -= 1
        if self.left < 0:
            return told
        return replace(told, status=buyer_status(self.word), raw_status=self.word)


def test_histories_that_cannot_be_read_hide_nobodys_news(held: Desk) -> None:
    """Three in a row, for days: the others' changes are learnt, and the search is believed then."""
    unreadable = {held.one(number(rank)).portal_id for rank in (1, 2, 3)}
    ask, asked = held.portal.history, []

    def fail(portal_id: str) -> InvoiceHistory:
        asked.append(portal_id)
        if portal_id in unreadable:
            raise PortalAnswerError("Réponse inexploitable à consulter/historique.")
        return ask(portal_id)

    held.portal.history = fail  # type: ignore[method-assign] # an operation that fails on them
    for rank in RANKS:
        held.portal.decide(number(rank), "REJETEE" if rank == 5 else "MISE_EN_PAIEMENT")
    held.clock.advance(hours=12)
    learnt_after = None
    for beat in range(10 * 24):
        with suppress(PortalAnswerError):
            held.follow()
        if learnt_after is None and held.one(number(5)).status is S.REJECTED:
            learnt_after = beat
        held.clock.advance(hours=1)

    assert learnt_after == 1
    assert {i.status for i in held.invoices() if i.number != number(5)} == {S.SETTLED}
    assert len([one for one in asked if one in unreadable]) <= 3 * MOST_TRIES


def test_a_search_that_says_more_than_a_put_off_history_is_believed_at_once(held: Desk) -> None:
    """Put off for a word nobody knows, it is suspended since: its history need not know yet."""
    held.portal.decide(ONE, "UN_MOT_DE_2029")
    held.clock.advance(hours=12)
    held.follow()
    assert held.one(ONE).next_check_at is not None
    ask, portal_id = held.portal.history, held.one(ONE).portal_id
    before = ask(portal_id) if portal_id is not None else None
    held.portal.history = lambda _: before  # type: ignore[method-assign, assignment, return-value] # it lags
    held.portal.decide(ONE, "SUSPENDUE")
    held.clock.advance(hours=12)
    held.follow()

    assert held.one(ONE).status is S.SUSPENDED


def test_a_status_nobody_knows_is_shown_and_asked_about_again(held: Desk) -> None:
    """It may be a slip of the portal: the invoice does not stay behind what its buyer said."""
    held.portal.decide(ONE, "SUSPENDUE", "il manque le bon")
    held.clock.advance(hours=12)
    Slip(held, "UN_MOT_DE_2030", times=1)
    held.portal.amend = lambda found: replace(
        found, status=BuyerStatus.UNRECOGNISED, raw_status="UN_MOT_DE_2030"
    )
    held.follow()
    assert (held.one(ONE).status, held.one(ONE).portal_status) == (S.INTEGRATED, "UN_MOT_DE_2030")
    held.clock.advance(hours=4)
    assert due(held)
    held.follow()

    assert (held.one(ONE).status, held.one(ONE).portal_status) == (S.SUSPENDED, "SUSPENDUE")
    assert not due(held)


def test_a_status_that_stays_unknown_is_asked_about_a_bounded_number_of_times(held: Desk) -> None:
    """A new word of the portal is shown as it is; in the end only its next news are waited for."""
    slip = Slip(held, "UN_MOT_DE_2030", times=1000)
    held.portal.decide(ONE, "UN_MOT_DE_2030")
    for _ in range(MOST_TRIES + 5):
        held.clock.advance(hours=4)
        held.follow()

    assert 1000 - slip.left <= MOST_TRIES + 1
    assert held.one(ONE).next_check_at is None


def test_what_we_believe_is_held_against_what_the_portal_shows_once_a_week(held: Desk) -> None:
    """A history that told a wrong status, which its search did not, is asked for again."""
    held.portal.decide(ONE, "SUSPENDUE", "il manque le bon")
    held.clock.advance(hours=12)
    Slip(held, "MANDATEE", times=1)
    held.follow()
    assert held.one(ONE).status is S.INTEGRATED
    held.clock.advance(days=7)
    held.follow()

    assert held.one(ONE).status is S.SUSPENDED


@pytest.mark.parametrize("word", ["UN_MOT_DE_2030", ""])
def test_an_unknown_word_in_a_history_hides_nothing_of_the_search(held: Desk, word: str) -> None:
    """The search calls it suspended, its history says what nobody knows: a person is told."""
    held.portal.decide(ONE, "SUSPENDUE", "il manque le bon de livraison")
    held.clock.advance(hours=12)
    Slip(held, word, times=1)
    held.follow()

    assert (held.one(ONE).status, held.one(ONE).portal_status) == (S.SUSPENDED, "SUSPENDUE")
    assert held.one(ONE).detail == "il manque le bon de livraison"


def test_a_history_behind_the_search_is_asked_for_again(held: Desk) -> None:
    """What the search said stays news until the history says it too."""
    held.portal.decide(ONE, "REJETEE", "montant")
    held.clock.advance(hours=12)
    Slip(held, "MISE_A_DISPOSITION", times=1)
    held.follow()
    assert held.one(ONE).status is S.INTEGRATED
    held.clock.advance(hours=12)
    held.follow()
    assert (held.one(ONE).status, held.one(ONE).detail) == (S.REJECTED, "montant")
    asked_about(held)
    held.clock.advance(hours=12)
    held.follow()

    assert asked_about(held) == []


def test_a_word_that_nobody_translated_is_work_for_a_person_until_it_changes(held: Desk) -> None:
    """It is shown as it came, with the command that reads it again; then it is forgotten."""
    held.portal.decide(ONE, "UN_MOT_DE_2030")
    held.clock.advance(hours=12)
    held.follow()
    unknown = held.one(ONE)
    assert (unknown.status, unknown.portal_status) == (S.INTEGRATED, "UN_MOT_DE_2030")
    assert (unknown.trouble, unknown.detail) == (Trouble.UNKNOWN_WORD, "UN_MOT_DE_2030")
    assert f"chorus-worker documents portal {ONE}" in held.advice(ONE)
    held.portal.decide(ONE, "MANDATEE")
    held.clock.advance(hours=12)
    held.follow()

    assert (held.advice(ONE), held.one(ONE).detail) == ("", "")


def test_a_status_that_comes_back_without_a_date_is_seen(held: Desk) -> None:
    """Suspended, accepted, suspended again, and the portal dates none of it: each is news."""
    held.portal.amend = lambda found: replace(found, status_at=None)
    for word, status in (
        ("SUSPENDUE", S.SUSPENDED),
        ("MISE_A_DISPOSITION", S.INTEGRATED),
        ("SUSPENDUE", S.SUSPENDED),
    ):
        held.portal.decide(ONE, word)
        held.clock.advance(hours=12)
        held.follow()
        assert held.one(ONE).status is status


def test_an_acknowledgement_closed_to_us_hides_nobodys_news(held: Desk) -> None:
    """This operation alone is forbidden: tried a bounded number of times, it stops nothing."""
    tries = 0

    def closed(portal_id: str) -> None:
        nonlocal tries
        tries += 1
        raise PortalAccessRefused(f"Accès interdit à traiterRejet pour {portal_id} (HTTP 403).")

    held.portal.acknowledge_rejection = closed  # type: ignore[method-assign] # forbidden
    held.portal.decide(ONE, "REJETEE", "montant")
    held.clock.advance(hours=12)
    held.follow()
    held.credit(ONE)
    held.portal.decide(TWO, "MISE_EN_PAIEMENT")
    for _ in range(MOST_TRIES + 3):
        held.clock.advance(hours=12)
        held.follow()

    assert (held.one(TWO).status, tries) == (S.SETTLED, MOST_TRIES)


def test_what_is_not_on_the_list_of_rejections_is_not_acknowledged(held: Desk) -> None:
    """The portal refuses it for an invoice to recycle: it is not asked."""
    held.portal.decide(ONE, "A_RECYCLER", "mauvais destinataire")
    held.clock.advance(hours=12)
    held.follow()
    assert held.one(ONE).status is S.REJECTED
    held.credit(ONE)

    assert not due(held)
    assert held.one(ONE).next_check_at is None


def test_a_silent_buyer_that_changes_its_mind_is_heard_for_a_while(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Nothing else is pending any more, and an approved invoice that comes back is still seen."""
    desk = at_the_buyers(open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=12))
    silent = next(i.number for i in desk.invoices() if i.siret == STORY[-1].siret)
    for invoice in desk.invoices():
        if invoice.number:
            word = "MANDATEE" if invoice.number == silent else "MISE_EN_PAIEMENT"
            desk.portal.decide(invoice.number, word)
    desk.clock.advance(hours=12)
    desk.follow()
    assert {i.status for i in desk.invoices() if i.number} == {S.SETTLED}
    desk.portal.decide(silent, "REJETEE", "mandat rejeté par le comptable")
    desk.clock.advance(hours=12)
    assert due(desk)
    desk.follow()
    assert desk.one(silent).status is S.REJECTED
    desk.credit(silent)
    desk.follow()
    desk.clock.advance(days=100)
    desk.portal.asked.clear()
    desk.follow()

    assert [one[:6] for one in desk.portal.asked] == ["issued"]


def test_a_rejection_dealt_with_is_acknowledged_once(held: Desk) -> None:
    """After its internal credit note, the invoice leaves the portal's list of things to do."""
    held.portal.decide(ONE, "REJETEE", "mauvais service")
    held.clock.advance(hours=12)
    held.follow()
    assert held.one(ONE).status is S.REJECTED
    held.credit(ONE)
    assert held.one(ONE).status is S.CANCELLED
    assert due(held)
    held.follow()
    (found,) = held.portal.find(invoice_number=ONE)
    assert found.acknowledged
    held.clock.advance(days=30)
    held.follow()

    assert [subject for subject, _ in held.events(EventTag.REJECTION_ACKNOWLEDGED)] == [ONE]


WORDS = st.sampled_from(
    ["MISE_A_DISPOSITION", "SUSPENDUE", "REJETEE", "MANDATEE", "SERVICE_FAIT", "UN_MOT_DE_2030"]
)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(RANKS), WORDS, st.integers(1, 30)), max_size=12))
def test_what_we_show_is_what_the_portal_last_said(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, str, int]]
) -> None:
    """Whatever changes when and in what order, after a reading each invoice shows its last word."""
    folder = tmp_path_factory.mktemp("news")
    held = at_the_buyers(open_desk(tmp_path_factory.getbasetemp(), folder, issued=5))
    last = dict.fromkeys(RANKS, "deposited")
    for rank, word, hours in changes:
        held.portal.decide(number(rank), word)
        last[rank] = word
        held.clock.advance(hours=hours)
        held.follow()
    held.clock.advance(hours=12)
    held.follow()

    assert {rank: held.one(number(rank)).portal_status for rank in RANKS} == last
