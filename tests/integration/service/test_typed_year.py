"""A year at the portal with a person who types whatever is printed: never two debts for one.

The portal changes its mind in every way it can: it rejects and replays files, loses answers, shows
late, lets buyers reject and pay in any order, and lets colleagues key invoices by hand.
"""

import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.support.memory_ledger import DepositedFacts, Integrated, Step
from tests.support.memory_portal import Mishap
from tests.support.offices import YEAR, Desk, number, open_desk
from tests.support.stage_portal import read_deposit
from worker.billing.claim import judge
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus, TrackedInvoice
from worker.corrections.resend import (
    Way,
    adopt_nearly_ours,
    declare_absent,
    mark_uncertain,
    refuse_if_found,
    way_to_resend,
)
from worker.corrections.todo import Advice, AdviceCode
from worker.corrections.todo_sentences import sentence
from worker.corrections.unknown import close_unknown
from worker.corrections.waiting import Waiting, waiting
from worker.errors import WorkerError
from worker.portals import BuyerStatus, FluxState
from worker.service.campaign import move_forward
from worker.service.decisions import let_go_on
from worker.storage import claims

S = InvoiceStatus
MEMBERS = 3
SCHEDULES = 4
"""Tried in each run of the tests; sixty were tried when this was written."""
NUMBERS = st.integers(1, MEMBERS + 2).map(number)
NOTES = st.integers(1, 3).map(lambda rank: f"AVOIR-2026-{rank:05d}")
WORDS = st.sampled_from(["MISE_A_DISPOSITION", "SUSPENDUE", "REJETEE", "MISE_EN_PAIEMENT"])
COMMAND = re.compile(r"chorus-worker ([^;,»]+)")
LOOKS_FIRST = {AdviceCode.KEYED, AdviceCode.CHECK_RIVAL}
"""The sentence asks what the document is: it is the same debt, so nothing is closed."""
ENDED = {BuyerStatus.REJECTED, BuyerStatus.CLOSED}


class Year(RuleBasedStateMachine):
    """A few members, their portal, and who sits before the program."""

    session_folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.desk: Desk = open_desk(self.session_folder, self.folder, issued=MEMBERS)
        self.members = {i.siret: i for i in self.desk.invoices() if i.number}
        self.keyed = 0

    def teardown(self) -> None:
        """In the end, each member owes by the portal what it owes by the books, or it is told."""
        try:
            self.come_to_an_end()
        finally:
            shutil.rmtree(self.folder)

    # What happens at the portal.

    @rule(mishaps=st.lists(st.sampled_from(Mishap), min_size=1, max_size=2))
    def something_happens_to_deposits(self, mishaps: list[Mishap]) -> None:
        """The next ones are lost, refused, or answered otherwise."""
        self.desk.portal.mishaps.extend(mishaps)

    @rule(name=NUMBERS)
    def a_buyer_refuses_files(self, name: str) -> None:
        """Or takes them again."""
        for one in self.desk.invoices():
            if one.number == name:
                self.desk.portal.refused_recipients ^= {one.siret}

    @rule(at_once=st.booleans(), shown=st.booleans())
    def the_portal_is_slow(self, *, at_once: bool, shown: bool) -> None:
        """To integrate, or to show."""
        portal = self.desk.portal
        portal.integrates_at_once, portal.indexes_at_once = at_once, shown
        if at_once:
            portal.integrate()
        if shown:
            portal.index()

    @rule(name=st.one_of(NUMBERS, NOTES))
    def a_rejected_file_is_replayed(self, name: str) -> None:
        """Whatever its report said."""
        portal = self.desk.portal
        if any(held.facts.number == name for held in portal.invoices.values()):
            return
        for flux in portal.fluxes:
            if flux.report.state is FluxState.REJECTED and not flux.file_name.endswith(".gz"):
                facts = read_deposit(flux.content)
                if facts.number == name:
                    portal._integrate(flux, flux.content, facts)  # noqa: SLF001 - as it decides
                    return

    @rule(name=st.one_of(NUMBERS, NOTES), word=WORDS)
    def a_buyer_decides(self, name: str, word: str) -> None:
        """In any order."""
        if name in {held.facts.number for held in self.desk.portal.invoices.values()}:
            self.desk.portal.decide(name, word)

    @rule(name=NUMBERS)
    def a_colleague_keys_it_by_hand(self, name: str) -> None:
        """Under a number of no series of ours."""
        for one in self.desk.invoices():
            if one.number == name and self.keyed < 2:
                self.keyed += 1
                self.key_in(one, f"MAIN-{self.keyed}")

    def key_in(self, like: TrackedInvoice, typed: str) -> None:
        """On the portal's own pages."""
        portal = self.desk.portal
        portal_id = str(len(portal.invoices) + 1)
        portal.invoices[portal_id] = Integrated(
            portal_id=portal_id,
            flux_number="",
            facts=DepositedFacts(
                number=typed,
                issue_date=self.desk.clock.now.date(),
                recipient=like.siret,
                gross=like.total - like.rounding,
            ),
            content=b"",
            found=True,
            history=[Step(BuyerStatus.IN_PROGRESS, "MISE_A_DISPOSITION", self.desk.clock())],
        )

    # What the program and the person do.

    @rule(hours=st.sampled_from([1, 12, 24, 24 * 7, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        """And the unattended worker beats."""
        self.desk.clock.advance(hours=hours)
        self.beat()

    @rule()
    def beat(self) -> None:
        """Once."""
        try:
            move_forward(self.desk.app, self.desk.portal, lambda _: None)
        except WorkerError as error:
            assert error.exit_code in {1, 2, 3}  # noqa: PT017 - it may also go well

    @rule(name=st.one_of(NUMBERS, NOTES))
    def a_person_credits(self, name: str) -> None:
        """Of their own will."""
        self.type_in(("credit", name, "--reason", "x"))

    @rule(pick=st.integers(0, 9), whole=st.booleans())
    def a_person_types_what_is_printed(self, pick: int, *, whole: bool) -> None:
        """The command of one advice, or every command of its sentence."""
        advice = self.printed()
        if not advice:
            return
        chosen = advice[pick % len(advice)]
        words = [chosen.command] if chosen.command else []
        if whole or not words:
            found = COMMAND.findall(sentence(chosen))
            words = [tuple(shlex.split(text.replace("…", "x"))) for text in found]
        for command in words:
            if not (chosen.code in LOOKS_FIRST and "--close" in command):
                self.type_in(command)

    @rule()
    def a_person_runs_the_year(self) -> None:
        """As every second sentence says."""
        self.type_in(("run", str(YEAR)))

    @rule(rank=st.integers(0, MEMBERS - 1))
    def a_person_lets_a_member_go_on(self, rank: int) -> None:
        """After a credit note, say."""
        self.type_in(("unpark", sorted(self.members)[rank], str(YEAR), "--reason", "x"))

    def printed(self) -> list[Advice]:
        """All that ``status --todo`` says."""
        left = self.left()
        return [advice for _, advice in left.invoices] + [
            advice for one in left.at_odds for advice in one.advice
        ]

    def left(self) -> Waiting:
        """What waits for a person."""
        with self.desk.app.reading() as session:
            return waiting(self.desk.app, session)

    def type_in(self, words: Sequence[str]) -> None:
        """One command; an error is one that the program foresees."""
        try:
            self._type(tuple(words))
        except WorkerError:
            return

    def _type(self, words: tuple[str, ...]) -> None:
        desk, portal = self.desk, self.desk.portal
        match words:
            case ("credit", name, *rest):
                desk.credit(name, internal="--internal" in rest)
            case ("resend", name, *rest):
                self._resend(name, absent="--absent" in rest)
            case ("reconcile", "--adopt", name, *_):
                adopt_nearly_ours(desk.app, portal, name, "x")
            case ("reconcile", "--close", name, *_):
                close_unknown(desk.app, name, "x")
            case ("unpark", siret, year, *_):
                let_go_on(desk.app, nullcontext(portal), siret, int(year), "x")
            case ("run", *_):
                desk.run()
            case ("deposit" | "follow" | "reconcile", *_):
                pass
            case _:
                return
        move_forward(desk.app, portal, lambda _: None)

    def _resend(self, name: str, *, absent: bool) -> None:
        desk = self.desk
        invoice = desk.one(name)
        match way_to_resend(invoice, desk.clock(), absent=absent):
            case Way.SEARCHED:
                mark_uncertain(desk.app, name, "x")
            case Way.DECLARED_ABSENT:
                refuse_if_found(desk.app, desk.portal, invoice)
                declare_absent(desk.app, name, "x")
            case Way.CORRECTED:
                desk.resend(name)

    # What must hold.

    @invariant()
    def a_member_never_owes_twice(self) -> None:
        """At the portal itself, credit notes deducted; what a colleague keys is told instead."""
        for siret, invoice in self.members.items():
            assert self.net(siret) <= Money(invoice.total.cents + 1), siret

    def net(self, siret: str) -> Money:
        """What a member owes by what the program handed over."""
        cents = 0
        for held in self.desk.portal.invoices.values():
            facts = held.facts
            if facts.recipient != siret or held.history[-1].status in ENDED:
                continue
            if facts.number.startswith("AVOIR"):
                cents -= facts.gross.cents
            elif not facts.number.startswith("MAIN"):
                cents += facts.gross.cents
        return Money(cents)

    def come_to_an_end(self) -> None:
        """All is well and shown, time passes, and what is printed is typed."""
        portal = self.desk.portal
        portal.mishaps.clear()
        portal.refused_recipients.clear()
        portal.integrates_at_once = portal.indexes_at_once = True
        for _ in range(8):
            portal.integrate()
            portal.index()
            self.desk.clock.advance(hours=36)
            self.beat()
        self.a_member_never_owes_twice()
        left = self.left()
        told = {one.claim.siret for one in left.at_odds} | {i.siret for i, _ in left.invoices}
        told |= {document.recipient for document in left.beyond}
        with self.desk.app.reading() as session:
            judged = {
                claim.siret: judge(claim, self.desk.clock()) for claim in claims.claims(session)
            }
        for siret in self.members:
            owed = judged[siret].owed
            assert siret in told or abs((owed - self.net(siret)).cents) <= 1, siret
        assert self.desk.is_sound()


def test_a_person_who_types_what_is_printed_makes_nobody_owe_twice(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever the portal does, in any order, and whatever the person types."""
    Year.session_folder = tmp_path_factory.getbasetemp()
    run_state_machine_as_test(
        Year,
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
