"""Laws of the waiting half, under any schedule of mishaps, crashes, clock jumps and resends."""

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.contract.second_portal import Behaviour
from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import YEAR, Desk, light_render, number, open_desk
from tests.support.second_stage import SecondStage, facturx_render
from worker.audit.verification import verify_books
from worker.billing.document import Document, Unprintable
from worker.billing.invoice import Invoice
from worker.billing.journal import verify
from worker.billing.statement import Statement
from worker.billing.status import InvoiceStatus
from worker.errors import (
    PortalAccessRefused,
    PortalDown,
    PortalError,
    Refused,
    StorageUnavailable,
)
from worker.issuing.batch import MemberResult, issue_year
from worker.service.campaign import move_forward
from worker.storage import journal

S = InvoiceStatus
MEMBERS = 4
SCHEDULES, SCHEDULES_BY_HTTP = (7, 20), (3, 15)
"""How many are tried in each run of the tests, of how many steps; three hundred were tried when
this was written."""
MISHAPS = st.lists(st.sampled_from(Mishap), max_size=3)
BUYERS_WORDS = st.sampled_from(
    ["MISE_A_DISPOSITION", "SUSPENDUE", "REJETEE", "A_RECYCLER", "MANDATEE", "UN_MOT_DE_2030"]
)
NUMBERS = st.integers(1, MEMBERS).map(number)


SWITCHES = (
    Behaviour.LOST_BEFORE,
    Behaviour.LOST_AFTER,
    Behaviour.TRUNCATED,
    Behaviour.HTTP_500_AFTER,
    Behaviour.HTTP_429,
    Behaviour.FORBIDDEN,
    Behaviour.REFUSED_413,
    Behaviour.REFUSED_CODE,
    Behaviour.REFUSED_20010,
    Behaviour.FLUX_MISSING,
    Behaviour.FLUX_ODD,
    Behaviour.RECORDED_400,
    Behaviour.RECORDED_413,
)
"""What may happen to one deposit at the second portal."""
WAYS = (
    Behaviour.UNIQUENESS_OFF,
    Behaviour.DUPLICATE_MUTE,
    Behaviour.DUPLICATE_20010,
    Behaviour.REPORT_500,
    Behaviour.REPORT_UNKNOWN,
    Behaviour.REPORT_WORD,
    Behaviour.INDEX_HOURS,
    Behaviour.BUYER_SIREN,
    Behaviour.NULLS,
    Behaviour.AMOUNT_CENT,
    Behaviour.AMOUNT_TEXT,
    Behaviour.DATE_EPOCH,
    Behaviour.DATE_PARIS_UTC,
    Behaviour.NUMBER_NO_HYPHEN,
    Behaviour.NUMBER_NO_ZERO,
    Behaviour.REPLAYED,
)
"""How the second portal may be until it is healthy."""


class Crash(BaseException):
    """The process dies here."""


class Campaign(RuleBasedStateMachine):
    """A few members, a portal that may do anything to us, and people who resend."""

    session_folder: ClassVar[Path]
    render = staticmethod(light_render)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.desk = self.open_desk()
        self.desk.portal.watch = self.before_call
        self.crash_after = self.crash_before = False
        self.desk.portal.watch_after = self.after_call
        self.sealed: dict[tuple[str, int], tuple[str, ...]] = {}
        self.corrections = 0

    def open_desk(self) -> Desk:
        """Two invoices are issued."""
        return open_desk(self.session_folder, self.folder, issued=2)

    def teardown(self) -> None:
        """With a healthy portal and time enough, nothing is stuck."""
        try:
            self.come_to_an_end()
        finally:
            shutil.rmtree(self.folder)

    def before_call(self, content: bytes) -> None:
        """I5: what is being sent is recorded as an open attempt, the only one."""
        sha256 = hashlib.sha256(content).hexdigest()
        sending = [i for i in self.desk.invoices() if i.status is S.SENDING]
        attempts = [a for i in sending for a in self.desk.attempts(i.number) if a.closed_at is None]
        assert sha256 in [attempt.lot_sha256 or attempt.document_sha256 for attempt in attempts]
        if self.crash_before:
            self.crash_before = False
            raise Crash

    def after_call(self, _content: bytes) -> None:
        """The portal did its part."""
        if self.crash_after:
            self.crash_after = False
            raise Crash

    @rule(fault=st.sampled_from(["", "", "unprintable", "full"]))
    def issue(self, fault: str) -> None:
        """One member more, unless something is wrong with it."""

        def render(invoice: Invoice, statement: Statement | None) -> Sequence[Document]:
            match fault:
                case "unprintable":
                    raise Unprintable("U+0000", "\x00")
                case "full":
                    raise StorageUnavailable("Disque plein.")
                case _:
                    return self.render(invoice, statement)

        self.desk.render = render
        if len([i for i in self.desk.invoices() if i.number]) == MEMBERS:
            return
        try:
            for outcome in issue_year(self.desk.app, self.desk.portal, self.desk.rendering, YEAR):
                if outcome.result in {MemberResult.ISSUED, MemberResult.PARKED}:
                    break
        except (PortalDown, StorageUnavailable) as error:
            assert error.exit_code == 3  # noqa: PT017 - it may also go well
        except PortalError:
            assert self.is_excused()
        finally:
            self.desk.render = self.render

    @rule(
        mishaps=MISHAPS,
        crash=st.sampled_from(["", "", "before", "after"]),
        lot=st.sampled_from([1, 2, MEMBERS]),
    )
    def deposit(self, mishaps: list[Mishap], crash: str, lot: int) -> None:
        """A campaign, perhaps cut short by the portal or by the death of its process."""
        self.desk.portal.mishaps.extend(mishaps)
        self.hand_over(crash, lot)

    def hand_over(self, crash: str, lot: int) -> None:
        """Deposit what is due; what the portal was told of the next deposits is over then."""
        self.desk.told(lot_invoices=lot)
        self.crash_before, self.crash_after = crash == "before", crash == "after"
        try:
            self.desk.deposit()
        except (PortalError, PortalAccessRefused, Crash):
            pass
        finally:
            self.crash_before = self.crash_after = False
            self.desk.portal.mishaps.clear()

    @rule()
    def forward(self) -> None:
        """What the worker does at every heartbeat."""
        try:
            move_forward(self.desk.app, self.desk.portal, lambda _: None)
        except PortalError:
            assert self.is_excused()

    def is_excused(self) -> bool:
        """Whether the portal may fail to answer now."""
        return self.desk.portal.condition is Condition.DOWN

    @rule(minutes=st.sampled_from([-30, 1, 15, 60, 240, 1440]))
    def time_passes(self, minutes: int) -> None:
        """Or the clock is set back."""
        self.desk.clock.advance(minutes=minutes)

    @rule(condition=st.sampled_from([Condition.UP, Condition.UP, Condition.DOWN]))
    def portal_changes(self, condition: Condition) -> None:
        """It comes and goes."""
        self.desk.portal.condition = condition

    @rule(at_once=st.booleans())
    def integration(self, *, at_once: bool) -> None:
        """Verdicts come at once, or wait for their hour."""
        self.desk.portal.integrates_at_once = at_once
        self.desk.portal.integrate()

    @rule(name=NUMBERS)
    def index_lags(self, name: str) -> None:
        """A search does not show this invoice, or shows it again."""
        self.desk.portal.not_indexed ^= {name}

    @rule(name=NUMBERS)
    def buyer_is_strict(self, name: str) -> None:
        """The buyer of this invoice refuses what comes, or accepts again."""
        for invoice in self.desk.invoices():
            if invoice.number == name:
                self.desk.portal.refused_recipients ^= {invoice.siret}

    @rule(name=NUMBERS, word=BUYERS_WORDS)
    def buyer_decides(self, name: str, word: str) -> None:
        """In any order, on what the portal holds."""
        if name in {facts.number for facts in self.desk.portal.integrated()}:
            self.desk.portal.decide(name, word)

    @rule(name=NUMBERS, corrected=st.booleans())
    def resend(self, name: str, *, corrected: bool) -> None:
        """A person sends again whatever is refused; any other state says no."""
        known = {i.number: i.status for i in self.desk.invoices()}
        if name not in known:
            return
        self.corrections += 1
        references = {"engagement": f"C-{self.corrections}"} if corrected else {}
        try:
            self.desk.resend(name, **references)
        except Refused:
            assert known[name] is not S.REFUSED
        except PortalError:
            assert self.is_excused()
        else:
            assert known[name] is S.REFUSED

    @invariant()
    def at_most_one_integrated_invoice_for_each_member(self) -> None:
        """I1, at the portal itself."""
        held = Counter(facts.recipient for facts in self.desk.portal.integrated())
        assert set(held.values()) <= {1}

    @invariant()
    def numbers_are_contiguous(self) -> None:
        """I2."""
        issued = [i.number for i in self.desk.invoices() if i.number]
        assert issued == [number(rank) for rank in range(1, len(issued) + 1)]

    @invariant()
    def sealed_bytes_never_change(self) -> None:
        """I3: neither the recorded hashes, nor the bytes they name."""
        archive = self.desk.archived()
        assert all(hashlib.sha256(kept).hexdigest() == name for name, kept in archive.items())
        for invoice in self.desk.invoices():
            if invoice.number:
                for version in range(1, invoice.version + 1):
                    documents = self.desk.documents(invoice.number, version)
                    now = tuple(document.sha256 for document in documents)
                    assert now
                    assert set(now) <= set(archive)
                    assert self.sealed.setdefault((invoice.number, version), now) == now

    @invariant()
    def what_we_call_integrated_is_at_the_portal(self) -> None:
        """And only there: our books never claim more than the portal holds."""
        held = {facts.number for facts in self.desk.portal.integrated()}
        ours = {i.number for i in self.desk.invoices() if i.status is S.INTEGRATED}
        assert ours <= held

    def come_to_an_end(self) -> None:
        """Everybody is integrated within a few days."""
        portal = self.desk.portal
        portal.condition, portal.integrates_at_once = Condition.UP, True
        portal.not_indexed.clear()
        portal.refused_recipients.clear()
        portal.integrate()
        for facts in portal.integrated():
            portal.decide(facts.number, "MISE_A_DISPOSITION")
        for _ in range(MEMBERS):
            self.issue("")
        for _ in range(40):
            self.desk.clock.advance(hours=6)
            self.forward()
            waiting = [i for i in self.desk.invoices() if i.number and i.status is not S.INTEGRATED]
            for invoice in waiting:
                if invoice.status is S.REFUSED:
                    self.resend(invoice.number, corrected=False)
            if not waiting:
                break
        self.at_most_one_integrated_invoice_for_each_member()
        states = {i.number: i.status for i in self.desk.invoices() if i.number}
        assert states == {number(rank): S.INTEGRATED for rank in range(1, MEMBERS + 1)}
        self.the_books_agree()

    def the_books_agree(self) -> None:
        """I4 and I6: the portal's amounts are ours to the cent, and our books verify."""
        theirs = {facts.number: facts.gross for facts in self.desk.portal.integrated()}
        issued = [invoice for invoice in self.desk.invoices() if invoice.number]
        assert theirs == {invoice.number: invoice.total - invoice.rounding for invoice in issued}
        store = self.desk.app.store
        with store.reading() as session:
            assert list(verify(journal.events(session), journal.head(session))) == []
        assert list(verify_books(store)) == []


class SecondCampaign(Campaign):
    """The same on the portal that another hand wrote, over HTTP, with its own switches."""

    render = staticmethod(facturx_render)
    portal: SecondStage

    def open_desk(self) -> Desk:
        """Two invoices are issued, which this portal can read."""
        desk = open_desk(self.session_folder, self.folder)
        self.portal = SecondStage(desk.clock)
        desk.portal = self.portal
        desk.render = self.render
        batch = issue_year(desk.app, desk.portal, desk.rendering, YEAR)
        for _ in zip(range(2), batch, strict=False):
            pass
        return desk

    def teardown(self) -> None:
        """The portal ends too."""
        with closing(self.portal):
            super().teardown()

    @rule(
        mishaps=st.lists(st.sampled_from(SWITCHES), max_size=3),
        crash=st.sampled_from(["", "", "before", "after"]),
        lot=st.sampled_from([1, 2, MEMBERS]),
    )
    def deposit(self, mishaps: list[Behaviour], crash: str, lot: int) -> None:
        """A campaign, perhaps cut short by the portal or by the death of its process."""
        self.portal.next_deposits[:] = mishaps
        self.hand_over(crash, lot)
        self.portal.next_deposits.clear()

    def is_excused(self) -> bool:
        """No answer about any invoice may be usable, too."""
        return bool(self.portal.ways) or super().is_excused()

    @rule(way=st.sampled_from(WAYS))
    def portal_takes_a_way(self, way: Behaviour) -> None:
        """Or loses it."""
        self.portal.ways ^= {way}

    def come_to_an_end(self) -> None:
        """Its ways are over first, and the client asks a portal that was away again."""
        self.portal.ways.clear()
        self.desk.clock.advance(hours=1)
        super().come_to_an_end()


@pytest.mark.parametrize(
    "campaign,schedules", [(Campaign, SCHEDULES), (SecondCampaign, SCHEDULES_BY_HTTP)]
)
def test_one_copy_of_each_invoice_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, campaign: type[Campaign], schedules: tuple[int, int]
) -> None:
    """Never two, never none, no gap in numbers, no changed byte, no call without its intent."""
    Campaign.session_folder = tmp_path_factory.getbasetemp()
    run_state_machine_as_test(
        campaign,
        settings=settings(
            max_examples=schedules[0],
            stateful_step_count=schedules[1],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
