"""Members held back: by a person or by a credit note, until a person lets them be billed again."""

from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, in_the_buyers_hands, number, open_desk
from worker.billing.status import InvoiceStatus
from worker.corrections.todo import AdviceCode, todo
from worker.corrections.todo_sentences import sentence
from worker.errors import Refused, WrongUse
from worker.imports import ImportKind
from worker.issuing.batch import MemberResult
from worker.issuing.holds import place_hold
from worker.service.demo import STORY
from worker.storage import holds, imported

S = InvoiceStatus
ONE, TWO = number(1), number(2)
NOTE = "AVOIR-2026-00001"
SIRET = STORY[0].siret


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices issued, and not deposited yet."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


@pytest.fixture(name="held_by_buyer")
def _held_by_buyer(desk: Desk) -> Desk:
    """Both invoices are integrated."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    return in_the_buyers_hands(desk)


def test_a_cancelled_invoice_is_not_billed_again_by_itself(desk: Desk) -> None:
    """The next run holds the member back, and says what to type; only then is it billed anew."""
    desk.credit(ONE)
    outcome = next(o for o in desk.issue() if o.member.siret == SIRET)
    assert outcome.result is MemberResult.PARKED
    assert outcome.findings[0].code == "HELD"
    assert f"la facture {ONE} a été annulée par l'avoir {NOTE}" in outcome.findings[0].message
    assert f"chorus-worker unpark {SIRET} {YEAR}" in outcome.findings[0].remedy
    desk.lift_hold(SIRET)
    again = next(o for o in desk.issue() if o.member.siret == SIRET)

    assert (again.result, again.number) == (MemberResult.ISSUED, number(12))
    assert desk.is_sound()


def test_a_wrong_figure_is_corrected_once_its_invoice_is_cancelled(desk: Desk) -> None:
    """Credit, unpark, import, run: the credit note bills nothing, and stops no import."""
    before = desk.one(ONE).total
    desk.credit(ONE)
    desk.lift_hold(SIRET)
    (waiting,) = [i for i in desk.invoices() if i.siret == SIRET and i.status is S.PARKED]
    advice = todo(waiting, desk.clock())
    assert advice is not None
    assert advice.code is AdviceCode.CORRECT
    assert f"chorus-worker run {YEAR}" in sentence(advice)
    assert "unpark" not in sentence(advice)
    with desk.app.store.reading() as session:
        usage = next(iter(imported.usage_of(session, SIRET, YEAR)))
    desk.write(
        ImportKind.USAGE,
        "siret;service;palier;mois;utilisateurs",
        f"{SIRET};{usage.service};{usage.tier or ''};{usage.month};{usage.users + 1}",
    )
    again = next(o for o in desk.issue() if o.member.siret == SIRET)

    assert again.result is MemberResult.ISSUED
    assert desk.one(again.number or "").total > before
    assert desk.is_sound()


def test_nobody_is_billed_again_before_the_buyer_has_the_credit_note(held_by_buyer: Desk) -> None:
    """Until then it holds the old invoice: a new one would make it pay twice."""
    desk = held_by_buyer
    desk.credit(ONE)
    with pytest.raises(Refused, match="deux fois") as caught:
        desk.lift_hold(SIRET)
    assert NOTE in caught.value.message
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert desk.one(NOTE).status is S.INTEGRATED
    desk.lift_hold(SIRET)

    assert any(o.number == number(12) for o in desk.issue())


def test_a_hold_is_lifted_before_its_year_is_over_without_a_trace(desk: Desk) -> None:
    """Nobody can bill 2026 in 2026: nothing may be left for a person to do."""
    year = desk.clock().year
    with desk.app.transaction() as tx:
        place_hold(tx, SIRET, year, "litige")
    assert [i.status for i in desk.invoices() if i.year == year] == [S.PARKED]
    desk.lift_hold(SIRET, year)

    assert [i for i in desk.invoices() if i.year == year] == []
    assert desk.is_sound()


def test_a_hold_that_is_already_there_does_not_stop_a_credit_note(desk: Desk) -> None:
    """However it came there, the invoice is cancelled and its member stays held."""
    with desk.app.transaction() as tx:
        holds.place(tx, SIRET, YEAR, "litige", desk.clock())
    desk.credit(ONE)
    assert desk.one(ONE).status is S.CANCELLED
    with desk.app.reading() as session:
        hold = holds.in_force(session, SIRET, YEAR)

    assert hold is not None
    assert "litige" in hold.reason


def test_a_person_holds_a_member_back_and_lets_it_go(desk: Desk) -> None:
    """A held member is parked at once, whatever is imported; unheld, it is billed."""
    third = STORY[2].siret
    with desk.app.transaction() as tx:
        place_hold(tx, third, YEAR, "litige")
    (parked,) = [i for i in desk.invoices() if i.siret == third]
    assert parked.status is S.PARKED
    assert "litige" in parked.findings[0].message
    assert third not in {o.member.siret for o in desk.issue() if o.result is MemberResult.ISSUED}
    with pytest.raises(Refused, match="déjà retenu"), desk.app.transaction() as tx:
        place_hold(tx, third, YEAR, "encore")
    desk.lift_hold(third)
    assert third in {o.member.siret for o in desk.issue() if o.result is MemberResult.ISSUED}
    with pytest.raises(Refused, match="n'est pas retenu"):
        desk.lift_hold(third)


def test_an_issued_member_is_not_held_back_but_credited(desk: Desk) -> None:
    """Holding comes too late once a number is spent: the command to type is given."""
    with pytest.raises(Refused, match=ONE) as caught, desk.app.transaction() as tx:
        place_hold(tx, SIRET, YEAR, "trop tard")
    assert f"credit {ONE}" in caught.value.remedy
    with pytest.raises(WrongUse), desk.app.transaction() as tx:
        place_hold(tx, "00000000000000", YEAR, "qui ?")
