"""Deposits: each outcome, crashes on both sides of the call, and never two copies."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.memory_portal import Mishap
from tests.support.offices import Desk, number, open_desk
from tests.support.stage_portal import ANSWERS
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.portals import DepositAnswer, DepositOutcome
from worker.portals.choruspro.deposit import unfit
from worker.service.bootstrap import open_verified
from worker.transmission.deposit import DepositResult, deposit_together

S = InvoiceStatus
ONE = number(1)


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)


def crash(_content: bytes) -> None:
    """As a watch of the portal."""
    raise Crash


@pytest.mark.parametrize(
    "outcome,status,minutes",
    [
        (DepositOutcome.ACCEPTED, S.DEPOSITED, 1),
        (DepositOutcome.REFUSED, S.REFUSED, None),
        (DepositOutcome.NOT_SENT, S.ISSUED, None),
        (DepositOutcome.UNAUTHORISED, S.ISSUED, None),
        (DepositOutcome.THROTTLED, S.ISSUED, 2),
        (DepositOutcome.UNKNOWN, S.UNKNOWN, 15),
    ],
)
def test_each_outcome_is_recorded_whole(
    desk: Desk, outcome: DepositOutcome, status: S, minutes: int | None
) -> None:
    """The state, when it is looked at again, the attempt as evidence, and the journal."""
    desk.portal.answers.append(ANSWERS[outcome])
    (result,) = deposit_together(desk.app, desk.portal, [desk.one(ONE)])
    assert result.answer == ANSWERS[outcome]

    invoice = desk.one(ONE)
    accepted = outcome is DepositOutcome.ACCEPTED
    assert invoice.status is status
    assert invoice.next_check_at == (
        None if minutes is None else desk.clock.now + timedelta(minutes=minutes)
    )
    assert invoice.flux_number == ("CPP42" if accepted else "")
    assert invoice.deposited_at == (desk.clock.now if accepted else None)
    assert invoice.detail == ("" if accepted else "dit le portail")
    (attempt,) = desk.attempts(ONE)
    assert (attempt.outcome, attempt.http_status) == (
        outcome.value,
        ANSWERS[outcome].http_status,
    )
    assert (attempt.closed_at is None) == (outcome is DepositOutcome.UNKNOWN)
    assert attempt.answered_at == desk.clock.now
    (intended,) = desk.events(EventTag.DEPOSIT_INTENDED)
    (answered,) = desk.events(EventTag.DEPOSIT_ANSWERED)

    assert intended[0] == answered[0] == ONE
    assert intended[1]["attempt"] == answered[1]["attempt"] == attempt.id
    assert answered[1]["outcome"] == outcome.value


def test_outcomes_of_the_table_are_all_of_them(desk: Desk) -> None:
    """An eighth outcome would need its row above."""
    assert len(ANSWERS) == len(DepositOutcome) == 6
    assert desk.one(ONE).status is S.ISSUED


def test_the_intent_is_in_the_database_before_the_call(desk: Desk) -> None:
    """Somebody who looks while the portal is being called sees the open attempt and its bytes."""
    seen = []

    def watch(content: bytes) -> None:
        (attempt,) = desk.second().attempts(ONE)
        seen.append((content, attempt, desk.second().one(ONE).status))

    desk.portal.watch = watch
    desk.deposit()

    ((content, attempt, status),) = seen

    assert status is S.SENDING
    assert (attempt.closed_at, attempt.outcome) == (None, "")
    assert desk.app.store.archive.get(attempt.document_sha256) == content
    assert attempt.file_name == f"{ONE}_{attempt.document_sha256[:8]}.pdf"
    assert len(attempt.file_name) <= 50


def test_a_second_open_attempt_is_impossible(desk: Desk) -> None:
    """Even from inside a call, nobody else can deposit the same invoice."""
    again: list[tuple[DepositResult, ...]] = []

    def watch(_content: bytes) -> None:
        desk.portal.watch = lambda _: None
        other = desk.second()
        again.append(deposit_together(other.app, desk.portal, [stale]))
        assert other.deposit() == []

    stale = desk.one(ONE)
    desk.portal.watch = watch
    desk.deposit()

    assert again == [()]
    assert (len(desk.portal.fluxes), len(desk.attempts(ONE))) == (1, 1)


def test_a_crash_after_the_portal_recorded_it_is_found_and_not_sent_again(desk: Desk) -> None:
    """Taken over as unknown, found by search, followed to its integration: one flux in all."""
    desk.portal.watch_after = crash
    with pytest.raises(Crash):
        desk.deposit()
    assert desk.one(ONE).status is S.SENDING
    assert desk.attempts(ONE)[0].closed_at is None

    assert desk.recover() == 1
    assert (desk.one(ONE).status, desk.recover()) == (S.UNKNOWN, 0)
    assert (desk.deposit(), desk.reconcile()) == ([], [])
    desk.clock.advance(minutes=15)
    (found,) = desk.reconcile()

    assert (found.status, found.flux_number) == (S.DEPOSITED, desk.portal.fluxes[0].number)
    assert desk.attempts(ONE)[0].closed_at == desk.clock.now
    (integrated,) = desk.follow()

    assert integrated.status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 1


def test_a_crash_before_the_portal_saw_it_is_proven_absent_and_sent_again(desk: Desk) -> None:
    """Only after the whole window, and the very same bytes under the same name."""
    sent: list[bytes] = []

    def watch(content: bytes) -> None:
        sent.append(content)
        if len(sent) == 1:
            raise Crash

    desk.portal.watch = watch
    with pytest.raises(Crash):
        desk.deposit()
    desk.recover()
    desk.search_to_the_end()
    assert desk.one(ONE).status is S.ISSUED

    desk.deposit()

    assert desk.one(ONE).status is S.DEPOSITED
    first, second = desk.attempts(ONE)

    assert (first.document_sha256, first.file_name) == (second.document_sha256, second.file_name)
    assert sent[0] == sent[1]
    assert len(desk.portal.integrated()) == 1
    assert [payload["verdict"] for _, payload in desk.events(EventTag.DEPOSIT_RECONCILED)] == [
        "absent"
    ]


@pytest.mark.parametrize("mishap", [Mishap.ANSWER_LOST, Mishap.REQUEST_LOST])
def test_no_answer_is_never_followed_by_a_second_deposit(desk: Desk, mishap: Mishap) -> None:
    """Lost or not, it is looked for before anything: never two copies, always one."""
    desk.portal.mishaps.append(mishap)
    desk.deposit()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.clock.advance(days=30)
    assert desk.deposit() == []
    for _ in range(3):
        desk.reconcile()
        desk.clock.advance(hours=5)
    desk.deposit()
    desk.clock.advance(hours=1)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 1


def refused_as_a_copy(desk: Desk) -> None:
    """The next deposit is refused by the call itself."""
    detail = "Chorus Pro refuse le fichier : Doublon (code 20009)."
    desk.portal.answers.append(DepositAnswer(outcome=DepositOutcome.REFUSED, detail=detail))


def test_a_copy_refused_by_the_call_itself_is_looked_for(desk: Desk) -> None:
    """The first copy was recorded without an answer, and is found late: it is never refused."""
    desk.portal.not_indexed.add(ONE)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    desk.search_to_the_end()
    refused_as_a_copy(desk)
    desk.deposit()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.not_indexed.clear()
    desk.clock.advance(minutes=15)
    desk.reconcile()
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 1


def test_a_copy_refused_by_the_call_itself_and_never_found_ends_with_a_person(desk: Desk) -> None:
    """Sending again would be refused again: nothing is tried for ever."""
    refused_as_a_copy(desk)
    desk.deposit()
    desk.search_to_the_end()
    refused = desk.one(ONE)

    assert refused.status is S.REFUSED
    assert "Doublon" in refused.detail
    assert desk.deposit() == []


@pytest.mark.parametrize("lot", [1, 3])
def test_every_number_that_may_be_configured_makes_a_name_that_the_portal_takes(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, lot: int
) -> None:
    """Signs of a number that no file name has are replaced, alone and in a lot."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "signs")
    text = desk.config.read_text("utf-8")
    signs = text.replace('invoice = "BSN-{annee}-"', 'invoice = "B+S/N_{annee}-"')
    desk.config.write_text(signs, "utf-8")
    desk.app = open_verified(desk.config, desk.clock)
    desk.told(lot_invoices=lot)
    desk.issue()
    desk.deposit()
    assert desk.attempts("B+S/N_2026-00001")
    for flux in desk.portal.fluxes:
        assert unfit(flux.file_name) is None, flux.file_name


def test_altered_bytes_are_never_deposited(desk: Desk) -> None:
    """The archive was touched: nothing is sent, no intent is left open."""
    (document, _) = desk.documents(ONE)
    path = desk.app.store.archive.folder / document.sha256[:2] / document.sha256
    path.chmod(0o600)
    path.write_bytes(b"{}")
    desk.deposit()

    assert desk.portal.fluxes == []
    assert (desk.one(ONE).status, desk.attempts(ONE)) == (S.ISSUED, ())
