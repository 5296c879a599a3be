"""Deposits: each outcome, crashes on both sides of the call, and never two copies."""

import os
import platform
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.offices import Desk, number, open_desk
from worker.audit import EventTag
from worker.bootstrap import open_office
from worker.deposit import Depositor, deposit_due, deposit_one, recover_interrupted
from worker.errors import DepositsRefused, IntegrityError, PortalAccessRefused, PortalDown
from worker.lifecycle import InvoiceStatus
from worker.lots import ALONE, LotLimits
from worker.portals import DepositAnswer, DepositOutcome
from worker.portals.choruspro_deposit import unfit
from worker.portals.memory import Condition, Mishap
from worker.storage import deposits, invoices

S = InvoiceStatus
ONE = number(1)


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)


@pytest.fixture(name="busy")
def _busy(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "busy", issued=5)


def crash(_content: bytes) -> None:
    """As a watch of the portal."""
    raise Crash


def wait_for_all_searches(desk: Desk) -> None:
    """Reconcile until the whole window is over."""
    for minutes in (15, 60, 240):
        desk.clock.advance(minutes=minutes)
        desk.reconcile()


ANSWERS = {
    outcome: DepositAnswer(
        outcome=outcome,
        detail="dit le portail",
        flux_number="CPP42" if outcome is DepositOutcome.ACCEPTED else "",
        http_status=418,
        raw="{}",
        retry_after=120 if outcome is DepositOutcome.THROTTLED else None,
    )
    for outcome in DepositOutcome
}


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
    answer = deposit_one(desk.office.depositor(desk.portal), desk.one(ONE))
    assert answer == ANSWERS[outcome]

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
    assert (attempt.outcome, attempt.http_status) == (outcome.value, 418)
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
    assert desk.office.store.archive.get(attempt.document_sha256) == content
    assert attempt.file_name == f"{ONE}_{attempt.document_sha256[:8]}.pdf"
    assert len(attempt.file_name) <= 50


def test_a_second_open_attempt_is_impossible(desk: Desk) -> None:
    """Even from inside a call, nobody else can deposit the same invoice."""
    again: list[DepositAnswer | None] = []

    def watch(_content: bytes) -> None:
        desk.portal.watch = lambda _: None
        other = desk.second()
        again.append(deposit_one(other.office.depositor(desk.portal), stale))
        assert other.deposit() == []

    stale = desk.one(ONE)
    desk.portal.watch = watch
    desk.deposit()
    assert again == [None]
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
    wait_for_all_searches(desk)
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
    wait_for_all_searches(desk)
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
    wait_for_all_searches(desk)
    refused = desk.one(ONE)
    assert refused.status is S.REFUSED
    assert "Doublon" in refused.detail
    assert desk.deposit() == []


def test_a_throttled_deposit_waits_as_long_as_asked(busy: Desk) -> None:
    """The campaign stops at once, and the invoice is not due before the portal's time."""
    busy.portal.answers.append(ANSWERS[DepositOutcome.THROTTLED])
    with pytest.raises(PortalDown, match="normalement"):
        busy.deposit()
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    busy.clock.advance(seconds=119)
    assert {r.invoice.number for r in busy.deposit()} == {number(n) for n in range(2, 6)}
    busy.clock.advance(seconds=1)
    assert [r.invoice.number for r in busy.deposit()] == [ONE]


@pytest.mark.parametrize("mishap", [Mishap.NOT_SENT, Mishap.REQUEST_LOST, Mishap.ANSWER_LOST])
def test_three_calls_in_vain_stop_the_campaign(busy: Desk, mishap: Mishap) -> None:
    """The fourth invoice is not even tried."""
    busy.portal.mishaps.extend([mishap] * 5)
    with pytest.raises(PortalDown) as caught:
        busy.deposit()
    assert "relancez" in caught.value.remedy
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 3
    assert busy.one(number(4)).status is S.ISSUED


def test_a_call_that_works_resets_the_count(busy: Desk) -> None:
    """Two failures, a success, two failures: the campaign goes to its end."""
    busy.portal.mishaps.extend([Mishap.NOT_SENT, Mishap.NOT_SENT, Mishap.REFUSED])
    busy.portal.mishaps.extend([Mishap.NOT_SENT, Mishap.NOT_SENT])
    assert len(busy.deposit()) == 5
    assert [i.status for i in busy.invoices()] == [
        S.ISSUED,
        S.ISSUED,
        S.REFUSED,
        S.ISSUED,
        S.ISSUED,
    ]


def test_refused_rights_stop_the_campaign_and_leave_nothing_uncertain(busy: Desk) -> None:
    """Found at sign-in, or by the deposit itself."""
    busy.portal.mishaps.append(Mishap.UNAUTHORISED)
    with pytest.raises(PortalAccessRefused):
        busy.deposit()
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    busy.portal.condition = Condition.CLOSED_TO_US
    with pytest.raises(PortalAccessRefused):
        busy.deposit()
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    assert {i.status for i in busy.invoices()} == {S.ISSUED}


def refused(reason: str) -> DepositAnswer:
    """An answer of the portal to the deposit itself."""
    return DepositAnswer(outcome=DepositOutcome.REFUSED, detail=reason)


def test_refusals_for_one_reason_stop_the_campaign(busy: Desk) -> None:
    """What is wrong is common to all: three are refused, the others wait for the correction."""
    busy.portal.answers += [refused("habilitation absente")] * 11
    with pytest.raises(DepositsRefused, match="habilitation absente"):
        busy.deposit()
    found = Counter(invoice.status for invoice in busy.invoices() if invoice.number)
    assert (found[S.REFUSED], found[S.ISSUED]) == (3, found.total() - 3)
    busy.portal.answers.clear()
    busy.deposit()
    assert all(i.status is not S.ISSUED for i in busy.invoices())


def test_refusals_for_several_reasons_stop_nobody(busy: Desk) -> None:
    """Each file has its own fault: the campaign goes on to the end."""
    busy.portal.answers += [refused(f"fichier {rank}") for rank in range(11)]
    busy.deposit()
    assert all(i.status is S.REFUSED for i in busy.invoices() if i.number)


def test_two_depositors_at_once_never_deposit_one_invoice_twice(busy: Desk) -> None:
    """Each invoice is deposited by one of the two."""
    start, done, errors = Barrier(2), [], []

    def work() -> None:
        here = busy.second()
        start.wait()
        try:
            done.extend(here.deposit())
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            errors.append(error)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(r.invoice.number for r in done) == [number(n) for n in range(1, 6)]
    assert len(busy.portal.fluxes) == 5
    assert {i.status for i in busy.invoices()} == {S.DEPOSITED}


@pytest.mark.parametrize("lots", [ALONE, LotLimits(invoices=3)])
def test_every_number_that_may_be_configured_makes_a_name_that_the_portal_takes(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, lots: LotLimits
) -> None:
    """Signs of a number that no file name has are replaced, alone and in a lot."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "signs")
    text = desk.config.read_text("utf-8")
    signs = text.replace('invoice = "BSN-{annee}-"', 'invoice = "B+S/N_{annee}-"')
    desk.config.write_text(signs, "utf-8")
    desk.office, desk.lots = open_office(desk.config, desk.clock), lots
    desk.issue()
    desk.deposit()
    assert desk.attempts("B+S/N_2026-00001")
    for flux in desk.portal.fluxes:
        assert unfit(flux.file_name, flux.kind, flux.content) is None, flux.file_name


def test_altered_bytes_are_never_deposited(desk: Desk) -> None:
    """The archive was touched: nothing is sent, no intent is left open."""
    (document, _) = desk.documents(ONE)
    path = desk.office.store.archive.folder / document.sha256[:2] / document.sha256
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(IntegrityError):
        desk.deposit()
    assert desk.portal.fluxes == []
    assert (desk.one(ONE).status, desk.attempts(ONE)) == (S.ISSUED, ())


def open_attempt_of(desk: Desk, actor: str) -> None:
    """An attempt that some process left open just now."""
    with desk.office.store.transaction() as session:
        invoice = invoices.by_id(session, desk.one(ONE).id)
        invoices.move(session, invoice, S.SENDING, desk.clock.now)
        deposits.open_attempt(
            session,
            invoice_id=invoice.id,
            document_sha256="0" * 64,
            file_name="x.pdf",
            actor=actor,
            at=desk.clock.now,
        )


@pytest.mark.parametrize(
    "actor,lives",
    [
        (f"agent@{platform.node()}:{os.getpid()}", False),
        (f"agent@{platform.node()}:{os.getppid()}", True),
        (f"agent@{platform.node()}:{2**22 + 1}", False),
        ("agent@another-host:4242", True),
        ("agent", True),
    ],
    ids=["ourselves", "living", "dead", "elsewhere", "nameless"],
)
def test_an_open_attempt_is_left_to_a_process_that_may_live(
    desk: Desk, actor: str, *, lives: bool
) -> None:
    """Another living process, or one we cannot see, keeps it until no call can still be running."""
    open_attempt_of(desk, actor)
    assert desk.recover() == (0 if lives else 1)
    desk.clock.advance(minutes=10)
    assert desk.recover() == (1 if lives else 0)
    assert desk.one(ONE).status is S.UNKNOWN
    assert "interrompu" in desk.one(ONE).detail


def test_an_attempt_of_a_clock_that_was_ahead_is_taken_over(desk: Desk) -> None:
    """Begun a month from now, elsewhere: it is not left alone, nor searched for, for a month."""
    desk.clock.advance(days=30)
    open_attempt_of(desk, "agent@another-host:4242")
    desk.clock.advance(days=-30)
    assert desk.recover() == 1
    wait_for_all_searches(desk)
    assert desk.one(ONE).status is S.ISSUED


def impatient(desk: Desk) -> Depositor:
    """As a process that believes the first one dead."""
    return desk.second().office.depositor(desk.portal)


@pytest.mark.parametrize("outcome", DepositOutcome)
@pytest.mark.parametrize("taken_over", ["unknown", "absent", "found"])
def test_a_call_that_outlives_its_own_recovery_does_no_harm(
    desk: Desk, outcome: DepositOutcome, taken_over: str
) -> None:
    """We were taken for dead meanwhile: whatever we hear at last, one copy lives in the end."""

    def watch(content: bytes) -> None:
        desk.portal.watch = lambda _: None
        if taken_over == "found" or outcome is DepositOutcome.ACCEPTED:
            kind = desk.documents(ONE)[0].kind
            answer = super(type(desk.portal), desk.portal).deposit(
                file_name="x.pdf", kind=kind, content=content
            )
            answers[DepositOutcome.ACCEPTED] = answer
        if taken_over == "absent":
            desk.portal.not_indexed.add(ONE)
        desk.clock.advance(minutes=10)
        recover_interrupted(impatient(desk))
        if taken_over != "unknown":
            wait_for_all_searches(desk)
        desk.portal.answers.append(answers[outcome])

    answers = dict(ANSWERS)
    desk.portal.watch = watch
    seen: list[object] = []
    run_quietly(lambda: deposit_due(desk.office.depositor(desk.portal), seen.append))
    expected = {"unknown": None, "absent": S.ISSUED, "found": S.DEPOSITED}[taken_over]
    assert expected in (None, desk.one(ONE).status)

    desk.portal.not_indexed.clear()
    for _ in range(12):
        desk.clock.advance(hours=6)
        desk.recover()
        desk.reconcile()
        desk.deposit()
        desk.follow()
        if desk.one(ONE).status is S.REFUSED:
            assert outcome is DepositOutcome.REFUSED
            desk.resend(ONE)
    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.integrated()) == 1


def run_quietly(work: Callable[[], None]) -> None:
    """A campaign that may stop politely."""
    try:
        work()
    except (PortalDown, PortalAccessRefused) as error:
        assert error.remedy  # noqa: PT017 - both ends are fine here
