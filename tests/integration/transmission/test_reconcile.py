"""Uncertain deposits: when they are looked for, and what may be concluded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import Desk, number, open_desk
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus, Trouble
from worker.corrections.resend import adopt_nearly_ours, mark_uncertain, refuse_if_found
from worker.corrections.unknown import close_unknown
from worker.errors import PortalAccessRefused, PortalAnswerError, PortalDown, Refused
from worker.portals import (
    FluxState,
    FoundInvoice,
    IntegrationReport,
    ReportError,
)
from worker.service.demo import SELLER, STORY
from worker.storage import (
    directory,
)
from worker.storage.directory import (
    LONG_AGO,
)

S = InvoiceStatus
ONE, TWO = number(1), number(2)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)


@pytest.fixture(name="pair")
def _pair(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """The first invoice uncertain and lost, the second integrated."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "pair", issued=2)
    desk.portal.mishaps.append(Mishap.REQUEST_LOST)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert [i.status for i in desk.invoices()] == [S.UNKNOWN, S.INTEGRATED]
    return desk


def lose(desk: Desk, mishap: Mishap) -> None:
    """Deposit the first invoice, without an answer."""
    desk.portal.mishaps.append(mishap)
    desk.deposit()
    assert desk.one(ONE).status is S.UNKNOWN


def searches(desk: Desk) -> list[str]:
    """What was searched since the last time this was asked."""
    found = [text for text in desk.portal.asked if text.startswith("search")]
    desk.portal.asked.clear()
    return found


def verdicts(desk: Desk) -> list[str]:
    """What was concluded, in order."""
    return [payload["verdict"] for _, payload in desk.events(EventTag.DEPOSIT_RECONCILED)]


def test_searches_happen_only_when_due_and_counted_from_the_attempt(desk: Desk) -> None:
    """At 15 minutes, 1 hour and 4 hours; absence is not concluded before the last."""
    start = desk.clock.now
    lose(desk, Mishap.REQUEST_LOST)
    for minutes, looked in ((14, False), (15, True), (16, False), (59, False), (60, True)):
        desk.clock.now = start + timedelta(minutes=minutes)
        assert bool(desk.reconcile()) == looked
        assert desk.one(ONE).status is S.UNKNOWN
    assert len(searches(desk)) == 2
    desk.clock.now = start + timedelta(minutes=239)
    assert desk.reconcile() == []
    desk.clock.advance(minutes=1)
    (absent,) = desk.reconcile()
    assert (absent.status, absent.detail, absent.checks) == (S.ISSUED, "", 0)
    assert verdicts(desk) == ["absent"]
    (attempt,) = desk.attempts(ONE)

    assert attempt.closed_at == desk.clock.now
    assert "mêmes octets" in attempt.detail


def test_an_internal_credit_note_is_no_witness(desk: Desk) -> None:
    """The portal never saw it: not finding it says nothing about the portal's search."""
    desk.issue()
    desk.credit(TWO)
    lose(desk, Mishap.REQUEST_LOST)
    for hours in (1, 3, 1):
        desk.clock.advance(hours=hours)
        desk.reconcile()

    assert verdicts(desk) == ["absent"]


def test_a_found_invoice_is_adopted(desk: Desk) -> None:
    """With its flux number, the day of its attempt, and no second deposit."""
    start = desk.clock.now
    lose(desk, Mishap.ANSWER_LOST)
    desk.clock.advance(minutes=15)
    (found,) = desk.reconcile()

    assert (found.status, found.flux_number) == (S.DEPOSITED, desk.portal.fluxes[0].number)
    assert found.deposited_at == start
    assert verdicts(desk) == ["found"]
    assert desk.deposit() == []


def test_absence_needs_a_search_that_can_find(pair: Desk) -> None:
    """The witness is not found either: the search proves nothing, until it works again."""
    pair.portal.not_indexed.add(TWO)
    for _ in range(8):
        pair.clock.advance(hours=4)
        (looked,) = pair.reconcile()
        assert looked.status is S.UNKNOWN
    pair.portal.not_indexed.clear()
    pair.clock.advance(hours=4)
    (looked,) = pair.reconcile()

    assert looked.status is S.ISSUED
    assert f"search {TWO}" in searches(pair)


def other_buyer(found: FoundInvoice) -> FoundInvoice:
    """Somebody else's."""
    return replace(found, recipient="99980901600015")


def other_amount(found: FoundInvoice) -> FoundInvoice:
    """Two cents more: beyond any rounding."""
    return replace(found, gross=Money(2 + (found.gross or Money(0)).cents))


def test_a_clash_of_numbers_is_for_a_person_and_never_sent_again(desk: Desk) -> None:
    """The same number at the portal, for another buyer: it says what, and to renumber."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = other_buyer
    desk.clock.advance(minutes=15)
    (clash,) = desk.reconcile()
    assert clash.status is S.REFUSED
    assert clash.trouble is Trouble.NUMBER_TAKEN
    assert clash.french_detail.replace("\u202f", " ").replace("\xa0", " ") == (
        f"le numéro {ONE} est déjà pris sur le portail par une autre facture "
        "(99980901600015, 3 196,80 €, du 05/01/2026)"
    )
    assert "resend" not in desk.advice(ONE)
    assert verdicts(desk) == ["clash"]
    assert desk.attempts(ONE)[0].closed_at is not None
    desk.clock.advance(days=400)

    assert (desk.deposit(), desk.reconcile()) == ([], [])


def test_a_clash_of_numbers_is_left_by_the_advised_command(desk: Desk) -> None:
    """Sent again it would clash again: it is cancelled, and billed under another number."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = other_buyer
    desk.clock.advance(minutes=15)
    desk.reconcile()
    advice = desk.advice(ONE)

    assert f"chorus-worker credit {ONE} --reason" in advice
    assert desk.credit(ONE).is_internal
    assert desk.one(ONE).status is S.CANCELLED


def test_a_number_taken_by_another_member_is_not_billed_again(desk: Desk) -> None:
    """An invoice of ours that the books do not know: a restored backup, hands at the portal."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: replace(found, recipient=STORY[1].siret)
    desk.clock.advance(minutes=15)
    desk.reconcile()

    with pytest.raises(Refused, match="nos livres ne connaissent pas"):
        desk.credit(ONE)
    close_unknown(desk.app, ONE, "vue avec le membre")
    with pytest.raises(Refused, match="à un autre de nos membres"):
        desk.credit(ONE)


Form = Callable[[FoundInvoice], FoundInvoice]
NEARLY: dict[str, Form] = {
    "an amount beyond a rounding": other_amount,
    "another establishment of the buyer": lambda found: replace(
        found, recipient=f"{found.recipient[:9]}99999"
    ),
    "another day of the year": lambda found: replace(found, issue_date=date(2026, 3, 1)),
    "a number without its signs": lambda found: replace(
        found, number=found.number.replace("-", "")
    ),
    "a number in lower case": lambda found: replace(found, number=found.number.lower()),
    "a number without its zeros": lambda found: replace(
        found, number=found.number.replace("0000", "")
    ),
}


def of_another_file(found: FoundInvoice) -> FoundInvoice:
    """Under a flux number that is none of ours."""
    return replace(found, flux_number="CPPFD0000000999")


@pytest.fixture(name="nearly", params=NEARLY)
def _nearly(request: pytest.FixtureRequest, desk: Desk) -> Desk:
    """The portal shows, under our number, what differs in one fact."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: NEARLY[request.param](of_another_file(found))
    desk.clock.advance(minutes=15)
    desk.reconcile()
    return desk


def test_what_is_nearly_ours_is_never_sent_again_by_itself(nearly: Desk) -> None:
    """It is uncertain, told with both values, and neither refused nor absent, however long."""
    for _ in range(8):
        nearly.clock.advance(days=1)
        nearly.reconcile()
        nearly.deposit()
    doubtful = nearly.one(ONE)

    assert (doubtful.status, doubtful.trouble) == (S.UNKNOWN, Trouble.NEARLY_OURS)
    assert "au lieu de" in doubtful.detail
    assert f"reconcile --adopt {ONE}" in nearly.advice(ONE)
    assert len(nearly.portal.fluxes) == 1


def test_what_is_nearly_ours_is_not_called_absent_by_a_person(nearly: Desk) -> None:
    """The search that comes first shows it."""
    nearly.clock.advance(days=4)

    with pytest.raises(Refused, match="presque identique"):
        refuse_if_found(nearly.app, nearly.portal, nearly.one(ONE))


def test_what_is_nearly_ours_is_adopted_by_the_advised_command(nearly: Desk) -> None:
    """A person compared both: nothing is sent, and what differed is in the journal."""
    adopt_nearly_ours(nearly.app, nearly.portal, ONE, "arrondi du portail")
    payload = nearly.events(EventTag.RESEND_REQUESTED)[-1][1]

    assert nearly.one(ONE).status is S.DEPOSITED
    assert "au lieu de" in payload["adopted"][0]
    assert len(nearly.portal.fluxes) == 1


SAME: dict[str, Form] = {
    "the buyer by its SIREN": lambda found: replace(found, recipient=found.recipient[:9]),
    "the buyer filled with zeros": lambda found: replace(found, recipient=f"0000{found.recipient}"),
    "the buyer in blocks": lambda found: replace(
        found, recipient=f"{found.recipient[:9]} {found.recipient[9:]}    "
    ),
    "an amount rounded up": lambda found: replace(
        found, gross=Money(1 + (found.gross or Money(0)).cents)
    ),
    "the day before, by a midnight in UTC": lambda found: replace(
        found, issue_date=(found.issue_date or date.max) - timedelta(days=1)
    ),
    "the supplier by its SIREN": lambda found: replace(found, supplier=SELLER[:9]),
}


@pytest.mark.parametrize("form", SAME)
def test_forms_of_our_own_facts_are_ours(desk: Desk, form: str) -> None:
    """What portals print otherwise is adopted, without a second deposit."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: SAME[form](of_another_file(found))
    desk.clock.advance(minutes=15)
    desk.reconcile()

    assert desk.one(ONE).status is S.DEPOSITED
    assert len(desk.portal.fluxes) == 1


@pytest.mark.parametrize(
    "left_out", [{"gross": None}, {"recipient": ""}], ids=["no amount", "no buyer"]
)
def test_what_a_search_leaves_out_is_read_in_the_invoice_itself(
    desk: Desk, left_out: dict[str, object]
) -> None:
    """An amount that no search gives does not keep our invoice uncertain for ever."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: replace(found, **left_out)  # type: ignore[arg-type] # its fields
    desk.clock.advance(minutes=15)

    assert [i.status for i in desk.reconcile()] == [S.DEPOSITED]


def test_the_same_number_of_another_year_is_no_clash(desk: Desk) -> None:
    """Uniqueness is by year of issue: last year's invoice neither proves nor disproves ours."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: replace(
        found, issue_date=found.issue_date and found.issue_date.replace(year=2025)
    )
    desk.search_to_the_end()

    assert verdicts(desk) == ["absent"]


@pytest.mark.parametrize(
    "supplier,verdict",
    [("99999999900012", "absent"), (f"{SELLER[:9]}99999", "clash"), ("", "clash")],
    ids=["another body", "another establishment of ours", "unsaid"],
)
def test_the_same_number_of_another_seller_is_no_clash(
    desk: Desk, supplier: str, verdict: str
) -> None:
    """Our account may act for several bodies: uniqueness is by SIREN, and theirs is not ours."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = lambda found: replace(other_buyer(found), supplier=supplier)
    desk.search_to_the_end()

    assert verdicts(desk) == [verdict]


@pytest.mark.parametrize(
    "amend,status",
    [
        (lambda found: replace(found, issue_date=None), S.DEPOSITED),
        (lambda found: replace(found, gross=None), S.UNKNOWN),
        (lambda found: replace(found, recipient=""), S.UNKNOWN),
    ],
    ids=["no date", "no amount", "no buyer"],
)
def test_a_fact_the_portal_leaves_out_is_no_clash(
    desk: Desk, amend: Callable[[FoundInvoice], FoundInvoice], status: S
) -> None:
    """Our own invoice, poorly described, is neither called refused nor sent again."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.portal.amend = amend
    held = desk.portal.held
    desk.portal.held = lambda portal_id: replace(  # type: ignore[method-assign] # it says no more
        held(portal_id), gross=None, recipient=""
    )
    for minutes in (15, 60, 240, 1440, 2880):
        desk.clock.advance(minutes=minutes)
        desk.reconcile()
    assert desk.one(ONE).status is status
    desk.portal.amend = lambda found: found
    desk.clock.advance(days=1)
    desk.reconcile()

    assert (desk.one(ONE).status, len(desk.portal.fluxes)) == (S.DEPOSITED, 1)


@pytest.mark.parametrize(
    "condition,error", [(Condition.DOWN, PortalDown), (Condition.CLOSED_TO_US, PortalAccessRefused)]
)
def test_a_portal_that_cannot_be_asked_decides_nothing(
    desk: Desk, condition: Condition, error: type[Exception]
) -> None:
    """Any number of searches that failed bring absence no nearer."""
    lose(desk, Mishap.REQUEST_LOST)
    before = desk.one(ONE)
    desk.portal.condition = condition
    desk.clock.advance(days=3)
    for _ in range(6):
        with pytest.raises(error):
            desk.reconcile()
    assert desk.one(ONE) == before
    desk.portal.condition = Condition.UP

    assert [i.status for i in desk.reconcile()] == [S.UNKNOWN]


def raise_for(*numbers: str) -> Callable[[FoundInvoice], FoundInvoice]:
    """A portal whose answer about these invoices cannot be used."""

    def amend(found: FoundInvoice) -> FoundInvoice:
        if found.number in numbers:
            raise PortalAnswerError("Réponse incohérente.")
        return found

    return amend


def test_an_unusable_answer_about_one_invoice_puts_only_that_one_off(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The others are found; it is neither absent nor lost, and found when the answer is right."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    for _ in range(2):
        desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.portal.amend = raise_for(ONE)
    for minutes in (15, 60, 240, 1440):
        desk.clock.advance(minutes=minutes)
        desk.reconcile()
    assert [i.status for i in desk.invoices()] == [S.UNKNOWN, S.DEPOSITED]
    desk.portal.amend = raise_for()
    desk.clock.advance(minutes=1)
    desk.reconcile()

    assert desk.one(ONE).status is S.DEPOSITED


def test_three_unusable_answers_in_a_row_are_the_portals_fault(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The command stops, and the next one begins with those not yet asked."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=5)
    for _ in range(5):
        desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    with pytest.raises(PortalDown):
        desk.deposit()
    desk.deposit()
    desk.portal.amend = raise_for(*(number(rank) for rank in range(1, 6)))
    desk.clock.advance(minutes=15)
    with pytest.raises(PortalAnswerError):
        desk.reconcile()
    assert searches(desk) == [f"search {number(rank)}" for rank in (1, 2, 3)]
    desk.reconcile()

    assert searches(desk) == [f"search {number(rank)}" for rank in (4, 5)]


@pytest.fixture(name="copied")
def _copied(pair: Desk) -> Desk:
    """The first of two was refused as a copy of what no search finds, and the window is over."""
    pair.clock.advance(hours=4)
    for _ in range(3):
        pair.reconcile()
        pair.clock.advance(minutes=1)
    pair.portal.integrates_at_once = False
    pair.deposit()
    pair.portal.tell(
        ONE,
        IntegrationReport(
            flux_number="",
            state=FluxState.REJECTED,
            raw_state="IN_REJETE",
            errors=(ReportError(text="DOUBLON", invoice_number=ONE),),
        ),
    )
    pair.clock.advance(minutes=1)
    pair.follow()
    assert pair.one(ONE).status is S.UNKNOWN
    for _ in range(4):
        pair.clock.advance(days=1)
        pair.reconcile()
        assert pair.deposit() == []
    return pair


def test_refused_as_a_copy_that_cannot_be_found_ends_with_a_person(copied: Desk) -> None:
    """Sending again would be refused again: after the window, it is refused, with what was said."""
    refused = copied.one(ONE)

    assert refused.status is S.REFUSED
    assert refused.trouble is Trouble.DUPLICATE_REFUSED
    assert "DOUBLON" in refused.detail
    assert verdicts(copied) == ["absent", "refused"]


def test_what_the_directory_said_of_a_refused_one_is_asked_again(copied: Desk) -> None:
    """What refused the first may be what its directory demands."""
    with copied.app.reading() as session:
        entries = [directory.cached_entry(session, i.siret) for i in copied.invoices()]

    assert [entry is not None and entry[0] == LONG_AGO for entry in entries] == [True, False]


def test_the_searches_for_a_deposit_given_up_late_are_not_all_over_at_once(desk: Desk) -> None:
    """Given up two days after: its waits are counted from then, not from a deposit long past."""
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=48)
    mark_uncertain(desk.app, ONE, "sans suite")
    for _ in range(5):
        desk.reconcile()
        desk.clock.advance(minutes=5)
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.integrate()
    desk.clock.advance(hours=4)
    desk.reconcile()

    assert desk.one(ONE).status is S.DEPOSITED


def test_what_a_clock_that_was_ahead_left_uncertain_is_looked_for_as_long(desk: Desk) -> None:
    """Not silent for a month, and not absent within minutes: each wait is counted from now."""
    desk.clock.advance(days=30)
    lose(desk, Mishap.REQUEST_LOST)
    desk.clock.advance(days=-30)
    desk.reconcile()
    for minutes in (1, 58, 1, 239, 1):
        assert desk.one(ONE).status is S.UNKNOWN
        desk.clock.advance(minutes=minutes)
        desk.reconcile()

    assert len(searches(desk)) == 3
    assert verdicts(desk) == ["absent"]


def test_what_was_found_once_and_given_up_is_looked_for_as_long_and_never_sent_by_itself(
    desk: Desk,
) -> None:
    """Its answer was lost, a search found it, then no search shows it: a person decides."""
    lose(desk, Mishap.ANSWER_LOST)
    desk.clock.advance(minutes=15)
    desk.reconcile()
    assert verdicts(desk) == ["found"]
    desk.clock.advance(hours=25)
    desk.portal.not_indexed.add(ONE)
    mark_uncertain(desk.app, ONE, "sans suite")
    assert [i.number for i in desk.reconcile()] == [ONE]
    for minutes in (59, 179):
        desk.clock.advance(minutes=minutes)
        assert desk.reconcile() == []
        desk.clock.advance(minutes=1)
        assert [i.number for i in desk.reconcile()] == [ONE]

    assert desk.one(ONE).status is S.REFUSED
    assert verdicts(desk) == ["found", "refused"]
    assert desk.deposit() == []


def test_a_search_of_before_the_next_deposit_concludes_nothing_about_it(desk: Desk) -> None:
    """Two workers search: one sends again, without an answer, before the other has concluded."""
    lose(desk, Mishap.REQUEST_LOST)
    for minutes in (15, 45):
        desk.clock.advance(minutes=minutes)
        desk.reconcile()
    desk.clock.advance(hours=3)
    other_worker_meanwhile(desk)
    desk.reconcile()

    assert desk.one(ONE).status is S.UNKNOWN
    assert [attempt.closed_at is None for attempt in desk.attempts(ONE)] == [False, True]
    assert verdicts(desk) == ["absent"]
    assert desk.deposit() == []


def other_worker_meanwhile(desk: Desk) -> None:
    """While our next search is answered, another worker does its whole round."""
    search, other = desk.portal.find, desk.second()

    def answer_late(
        *, invoice_number: str | None = None, flux_number: str | None = None
    ) -> tuple[FoundInvoice, ...]:
        found = search(invoice_number=invoice_number, flux_number=flux_number)
        desk.portal.find = search  # type: ignore[method-assign] # as before
        other.reconcile()
        desk.clock.advance(seconds=20)
        lose(other, Mishap.ANSWER_LOST)
        return found

    desk.portal.find = answer_late  # type: ignore[method-assign] # a slow portal
