"""Two workers, and processes that died: an open attempt has one owner, and is taken over."""

import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Barrier, Thread

import pytest

from chaos import pace
from tests.support.offices import Desk, number, open_desk
from tests.support.stage_portal import ANSWERS
from worker.app import App
from worker.billing.standard import DepositSyntax
from worker.billing.status import InvoiceStatus, Trouble
from worker.errors import PortalAccessRefused, PortalDown
from worker.portals import DepositOutcome
from worker.storage import (
    attempts,
    invoices,
)
from worker.transmission.deposit import deposit_due, recover_interrupted

S = InvoiceStatus
ONE = number(1)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)


@pytest.fixture(name="busy")
def _busy(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "busy", issued=5)


def test_two_depositors_at_once_never_deposit_one_invoice_twice(busy: Desk) -> None:
    """Each invoice is deposited by one of the two."""
    start, done, errors = Barrier(2, timeout=pace.limit(10)), [], []

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


def open_attempt_of(desk: Desk, actor: str) -> None:
    """An attempt that some process left open just now."""
    with desk.app.transaction() as session:
        invoice = invoices.by_id(session, desk.one(ONE).id)
        invoices.move(session, invoice, S.SENDING)
        attempts.open_attempt(
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
    assert desk.one(ONE).trouble is Trouble.INTERRUPTED


def test_an_attempt_of_a_clock_that_was_ahead_is_taken_over(desk: Desk) -> None:
    """Begun a month from now, elsewhere: it is not left alone, nor searched for, for a month."""
    desk.clock.advance(days=30)
    open_attempt_of(desk, "agent@another-host:4242")
    desk.clock.advance(days=-30)
    assert desk.recover() == 1
    desk.search_to_the_end()

    assert desk.one(ONE).status is S.ISSUED


def impatient(desk: Desk) -> App:
    """As a process that believes the first one dead."""
    return desk.second().app


@pytest.mark.parametrize("outcome", DepositOutcome)
@pytest.mark.parametrize("taken_over", ["unknown", "absent", "found"])
def test_a_call_that_outlives_its_own_recovery_does_no_harm(
    desk: Desk, outcome: DepositOutcome, taken_over: str
) -> None:
    """We were taken for dead meanwhile: whatever we hear at last, one copy lives in the end."""
    desk.portal.watch = partial(recovered_meanwhile, desk, outcome, taken_over)
    seen: list[object] = []
    run_quietly(lambda: deposit_due(desk.app, desk.portal, seen.append))
    expected = {"unknown": None, "absent": S.ISSUED, "found": S.DEPOSITED}[taken_over]
    assert expected in (None, desk.one(ONE).status)

    bring_to_an_end(desk, may_be_refused=outcome is DepositOutcome.REFUSED)

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.integrated()) == 1


def recovered_meanwhile(
    desk: Desk, outcome: DepositOutcome, taken_over: str, content: bytes
) -> None:
    """During our call, another process takes the attempt over; then the portal answers us."""
    desk.portal.watch = lambda _: None
    answers = dict(ANSWERS)
    if taken_over == "found" or outcome is DepositOutcome.ACCEPTED:
        answers[DepositOutcome.ACCEPTED] = super(type(desk.portal), desk.portal).deposit(
            file_name="x.pdf", syntax=DepositSyntax.FACTURX, content=content
        )
    if taken_over == "absent":
        desk.portal.not_indexed.add(ONE)
    desk.clock.advance(minutes=10)
    recover_interrupted(impatient(desk))
    if taken_over != "unknown":
        desk.search_to_the_end()
    desk.portal.answers.append(answers[outcome])


def bring_to_an_end(desk: Desk, *, may_be_refused: bool) -> None:
    """A day and a half of heartbeats: more than an uncertain deposit is looked for."""
    desk.portal.not_indexed.clear()
    for _ in range(6):
        desk.clock.advance(hours=6)
        desk.recover()
        desk.reconcile()
        desk.deposit()
        desk.follow()
        if desk.one(ONE).status is S.REFUSED:
            assert may_be_refused
            desk.resend(ONE)


def run_quietly(work: Callable[[], None]) -> None:
    """A campaign that may stop politely."""
    try:
        work()
    except (PortalDown, PortalAccessRefused) as error:
        assert error.remedy  # noqa: PT017 - both ends are fine here
