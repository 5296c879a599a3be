"""Plays a plan in a folder: commands, kills, a failing portal; then a healthy end, and the laws."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from chaos import books
from chaos.clerk import Clerk
from chaos.commands import Command, Hanging, Running, start
from chaos.happenings import Happening, Typing
from chaos.installation import Installation, Secrets
from chaos.invariants import (
    PORTAL_KINDS,
    Both,
    at_any_time,
    at_the_end,
    changed,
    intended,
    of_our_books,
)
from chaos.killing import AtInstant, AtPlace, Kill
from chaos.laws import Breach, Law
from chaos.ledger import read_ledger
from chaos.plan import WELL, Action, Plan, Step
from chaos.portal import PortalProcess
from chaos.surroundings import Surroundings
from chaos.typist import Typist, Words, figures, to_reject, told
from chaos.year import doubled, untold, waits_in_silence

SETTINGS = {
    "CHORUS_WORKER_PORTAL__RECONCILE_MINUTES": "[15, 60, 240, 1440, 2880]",
    "CHORUS_WORKER_PORTAL__REPORT_MINUTES": "[1, 2, 4, 8, 15, 60, 240]",
    "CHORUS_WORKER_PORTAL__CONNECT_TIMEOUT_SECONDS": "2",
}
"""The waits of a real installation, where the demonstration has none."""
MOVERS = {
    Action.RECONCILE: {"sending", "unknown"},
    Action.DEPOSIT: {"issued"},
    Action.FOLLOW: {"deposited"},
}
"""Which command moves an invoice on, in the order in which the worker takes them."""
DONE, TO_LOOK_AT, WRONG, UNREACHABLE, REFUSED = range(5)
PASSES = 40
"""Of the healthy end: each uncertain deposit is looked for five times, each report a few."""
COPIED_MEANWHILE = 0.5
"""Share of the backups that are made while nothing runs; the others while a command does."""
PATIENT = 4
"""Passes that come as soon as something is due; the others hours apart."""
WEEK = timedelta(days=8)
"""After which the news are read from the beginning."""
AGED = timedelta(days=33)
"""After which whatever is to be told is told: the longest age is a month."""
RESTS = 12
"""Heartbeats at the end of a round that goes on for months, a person typing between them."""
SILENT = timedelta(days=4)
"""How long the portal may answer no search before a person must have been told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a round."""

    number: int
    breaches: tuple[Breach, ...]
    kills: int = 0
    faults: int = 0
    invoices: int = 0
    passages: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One round under way.

    Attributes:
        surroundings: what happens around, in a round that goes on for months.
        typist: who types whatever is printed there.
        offset: from the real time to the round's.
        silent_since: from when on the portal answers no search; None while it does.
        sealed: every document and amount seen so far.
        counting: whether the passages of the named places are counted.
    """

    plan: Plan
    number: int
    installation: Installation
    clerk: Clerk
    secrets: Secrets
    portal: PortalProcess
    surroundings: Surroundings
    typist: Typist
    nowhere: str
    offset: timedelta
    counting: bool = False
    kills: int = 0
    faults: int = 0
    commands: int = 0
    is_well: bool = False
    silent_since: datetime | None = None
    waiting: dict[str, Any] = field(default_factory=dict)
    sealed: dict[str, str] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    passages: Counter[str] = field(default_factory=Counter)

    def play(self) -> Told:
        """All of it, or up to the first law that is broken."""
        self.portal.start(self.offset)
        try:
            for rank, step in enumerate(self.plan.steps):
                if rank == self.plan.demanding:
                    self._demand()
                self._step(step)
                self._look()
                if self.breaches:
                    break
            else:
                self._heal()
                if self.plan.is_a_year:
                    self._rest()
                else:
                    self._finish()
        except Hanging as error:
            self._break(Law.CLEAN, str(error))
        finally:
            self.portal.kill()
        if not self.breaches:
            self.breaches += self._end_of_a_year() if self.plan.is_a_year else self._end_of_all()
        return Told(
            number=self.number,
            kills=self.kills,
            faults=self.faults + read_ledger(self.installation.ledger).faults,
            invoices=len(self._invoices()),
            breaches=tuple(dict.fromkeys(self.breaches)),
            passages=self.passages,
        )

    def _end_of_all(self) -> list[Breach]:
        found = at_the_end(self.installation, self.secrets, self.sealed, ahead=self.plan.ahead)
        return list(found)

    def _end_of_a_year(self) -> list[Breach]:
        both = self._both()
        return [
            *of_our_books(self.installation, self.secrets, self.sealed, both),
            *untold(self.installation, both, told(self.waiting), figures(self.waiting)),
        ]

    def _both(self) -> Both:
        return Both.read(self.installation, ahead=self.plan.ahead, copies=self.surroundings.copies)

    def _step(self, step: Step) -> None:
        self._wait(step.pause)
        meanwhile = self._happen_before(step)
        if step.buyer is not None:
            self._buy(step.buyer, step.pick)
        if step.fault is not None:
            self.portal.add_fault(step.fault)
        url = self.nowhere if step.unreachable else self.portal.url
        self.faults += step.unreachable
        if step.action is Action.COMPLETE:
            self._run("follow")  # whoever completes has read that it is suspended
        if isinstance(step.portal_dies, AtPlace):
            self.portal.condemn(step.portal_dies)
        words = self.clerk.words(step.action, step.pick)
        under_way = [self._start(words, step.kill, url, step.skew)]
        if step.beside is not None:
            words = self.clerk.words(step.beside, step.pick)
            under_way.append(self._start(words, step.kill_beside, url, step.skew))
        for happening in meanwhile:
            self._happen(happening, step.pick)
        if step.portal_dies is not None:
            self._mourn(step.portal_dies, under_way)
        for running in under_way:
            self._end(running)
        if self.plan.is_a_year:
            self._after(step)

    def _happen_before(self, step: Step) -> list[Happening]:
        """What happens before a step; the others, which happen while it runs."""
        meanwhile = [Happening.BACK_UP] if step.pick > COPIED_MEANWHILE else []
        for happening in step.happenings:
            if happening not in meanwhile:
                self._happen(happening, step.pick)
        return [happening for happening in step.happenings if happening in meanwhile]

    def _after(self, step: Step) -> None:
        """A person types; and after days of silence was told of it."""
        if step.typing is not Typing.NOT:
            self._type(step.typing, has_beaten=step.action is Action.SERVE and step.kill is None)
        if self.silent_since is not None and self._now() - self.silent_since > SILENT:
            self._listen(step)

    def _happen(self, happening: Happening, pick: float) -> None:
        """Something happens around; data that is put back, or of another machine, seals anew."""
        self.faults += 1
        self._note(f"happens: {happening.value}")
        if self.surroundings.happen(happening, pick, self._now().date()):
            self.sealed = {}
        match happening:
            case Happening.CLOSE:
                self.portal.kill()
                self.portal.start(self.offset)
            case Happening.SILENCE:
                self.silent_since = self._now()
            case Happening.SPEAK:
                self.silent_since = None
            case _:
                pass

    def _note(self, text: str) -> None:
        """A line among the logs, between two commands."""
        with (self.installation.logs / "autour.txt").open("a", encoding="utf-8") as file:
            file.write(f"{self._now():%Y-%m-%d %H:%M:%S}Z before {self.commands + 1:02d}: {text}\n")

    def _listen(self, step: Step) -> None:
        """A portal that answers no search for days is told to a person, once it was asked."""
        held = any(one.status in books.HELD for one in self._invoices())
        if step.action is Action.SERVE and step.kill is None and held:
            self._see()
            if not (self.waiting.get("reading") or self.waiting.get("service")):
                self._break(Law.TOLD, "the portal answers no search for days: nobody is told")

    def _see(self) -> None:
        """What ``status`` says that waits for a person."""
        log = self._run("status", "--todo", "--json").read_text("utf-8")
        self.waiting = {}
        if "{" in log:
            self.waiting = json.loads(log[log.index("{") : log.rindex("}") + 1])
            del self.waiting["ok"]

    def _type(self, typing: Typing, *, has_beaten: bool) -> list[Words]:
        """A person types what it noted before, then what is printed; or notes that for later."""
        noted, self.typist.noted = self.typist.noted, []
        self._see()
        if has_beaten and self.silent_since is None:
            self.breaches += waits_in_silence(self.installation, told(self.waiting), self._now())
        if self.waiting.get("beyond_the_books") and self.surroundings.copies.are_elsewhere():
            # As the advice says first: the most recent books.
            self._happen(Happening.JOIN, 0)
            self._see()
        for invoice in to_reject(self.waiting, read_ledger(self.installation.ledger)):
            self._note(f"happens: {invoice.number} ({invoice.id}) is rejected as asked")
            self.portal.act(invoice, "reject")
        self.typist.demanding = self.clerk.demanding
        portal = read_ledger(self.installation.ledger)
        asked = self.typist.asked(self.waiting, portal, self._now())
        if typing is Typing.LATER:
            self.typist.noted = asked
            asked = []
        typed = [*noted, *asked]
        for words in typed:
            for _ in range(2 if typing is Typing.TWICE else 1):
                self._run(*words)
                self._look()
        return typed

    def _rest(self) -> None:
        """The portal is well, and a person types what is printed between the heartbeats."""
        self.silent_since = None
        before: list[Words] = []
        for rank in range(RESTS):
            self._look()
            if self.breaches:
                return
            self._run("serve", "--once")
            typed = self._type(Typing.NOW, has_beaten=True)
            due = books.next_look(self.installation.database)
            if rank and due is None and typed in ([], before):
                break
            before = typed
            day = timedelta(days=1)
            self._wait(max((due or self._now()) - self._now() + timedelta(seconds=1), day))
        # What the first heartbeat learns has an age of its own: an uncertainty is told after three.
        for pause in (AGED, timedelta(days=1), SILENT):
            self._wait(pause)
            self._run("serve", "--once")
        self._run("journal", "verify")
        self._see()

    def _mourn(self, death: AtPlace | AtInstant, under_way: Sequence[Running]) -> None:
        """Bring the portal back as soon as it has died, or has not."""
        if isinstance(death, AtInstant):
            time.sleep(death.seconds)
            self.portal.kill()
        while not self.portal.is_dead() and any(one.is_under_way() for one in under_way):
            time.sleep(0.002)
        self.faults += self.portal.is_dead()
        self.portal.kill()
        self.portal.start(self.offset)

    def _demand(self) -> None:
        """A structure begins to demand an engagement."""
        self.clerk.demanding = True
        self.portal.directory = self.installation.directory(demanding=True)
        self.portal.kill()
        self.portal.start(self.offset)
        self.faults += 1

    def _buy(self, action: str, pick: float) -> None:
        """A buyer does something with an invoice it has; credit notes are left alone."""
        held = read_ledger(self.installation.ledger).invoices
        invoices = [one for one in held if one.kind == PORTAL_KINDS["invoice"]]
        if invoices:
            self.portal.act(invoices[int(pick * len(invoices))], action)

    def _heal(self) -> None:
        """The portal is well, and whoever had not given their references does."""
        self.portal.kill()
        self.portal.illness = WELL
        self.portal.start(self.offset)
        self.portal.clear_faults()
        self.is_well = True
        if self.plan.is_a_year:
            self._run("import", "references", str(self.installation.complement))
            return
        self._run("run", str(self.plan.year))
        self._look()
        self._bystanders()
        self._run("import", "references", str(self.installation.complement))
        self._run("run", str(self.plan.year))

    def _finish(self) -> None:
        """Time passes, the usual commands run, and a person does what is told, to the end."""
        for rank in range(PASSES):
            self._look()
            if self.breaches:
                return
            # A person looks when something was refused, and now and then.
            refused = any(invoice.status == "refused" for invoice in self._invoices())
            asked = self.clerk.asked(self._listed()) if refused or rank % 4 == 3 else []
            for words in asked:
                self._run(*words)
            for action, statuses in MOVERS.items():
                if any(one.status in statuses for one in self._invoices()):
                    self._run(action.value)
            due = books.next_look(self.installation.database)
            if due is None and not asked:
                break
            least = timedelta(seconds=1) if rank < PATIENT else timedelta(hours=6)
            self._wait(max((due or self._now()) - self._now() + timedelta(seconds=1), least))
        self._wait(WEEK)
        self._run("follow")
        self._run("run", str(self.plan.year))
        self._run("journal", "verify")
        self._add_up()

    def _listed(self) -> list[dict[str, Any]]:
        """What ``status`` tells a script of each invoice."""
        log = self._run("status", str(self.plan.year), "--json").read_text("utf-8")
        listed: list[dict[str, Any]] = json.loads(log[log.index("{") : log.rindex("}") + 1])[
            "invoices"
        ]
        return listed

    def _add_up(self) -> None:
        """The program's list has every invoice, with the amount of our books."""
        told = {
            invoice["number"]: abs(Decimal(invoice["total_ttc"]) * 100)
            for invoice in self._listed()
            if invoice["number"]
        }
        booked = {invoice.number: Decimal(invoice.total) for invoice in self._invoices()}
        if told != booked:
            self._break(Law.SUMS, f"status tells {told} cents, the books {booked}")

    def _bystanders(self) -> None:
        """Whoever is not parked has been billed by an undisturbed run, whoever is parked."""
        unbilled = set(books.members_without_invoice(self.installation.database))
        for siret in unbilled - set(books.parked(self.installation.database)):
            self._break(Law.APART, f"{siret} is neither billed nor parked by an undisturbed run")

    def _invoices(self) -> tuple[books.BookedInvoice, ...]:
        return books.invoices(self.installation.database)

    def _run(self, *words: str) -> Path:
        running = self._start(words, None, self.portal.url)
        self._end(running)
        return running.command.log

    def _start(
        self,
        words: tuple[str, ...],
        kill: Kill | None,
        url: str,
        skew: timedelta = timedelta(0),
    ) -> Running:
        self.commands += 1
        well = self.is_well or self.plan.illness == WELL
        name = f"{self.commands:02d}-{words[0]}"
        log = self.installation.logs / f"{name}.txt"
        now = self._now() + skew
        log.write_text(f"{now:%Y-%m-%d %H:%M:%S}Z {' '.join(words)} [{kill}]\n", "utf-8")
        return start(
            Command(
                words=(*words, "--config", str(self.installation.config)),
                offset=self.offset + skew,
                environment=SETTINGS
                | {
                    "CHORUS_WORKER_PORTAL__LOCAL_URL": url,
                    # Short where answers are late on purpose; a busy machine is no fault.
                    "CHORUS_WORKER_PORTAL__READ_TIMEOUT_SECONDS": "60" if well else "1",
                    "CHORUS_WORKER_PORTAL__LOT_INVOICES": str(self.plan.lots),
                    "TZ": self.plan.zone,
                },
                log=log,
                kill=kill,
                counts=log.with_suffix(".json") if self.counting else None,
            )
        )

    def _end(self, running: Running) -> None:
        code, command = running.ended(), running.command
        how = "killed" if code is None else f"code {code}"
        with command.log.open("a", encoding="utf-8") as log:
            log.write(f"[{how}, {time.monotonic() - running.started:.2f} s]\n")
        self.kills += code is None
        if code is not None and code not in self._foreseen(command.words[0]):
            self._break(Law.CLEAN, f"{command.log.name} ended with {code}")
        said = command.log.read_text("utf-8", "replace")
        if command.words[0] not in {"status", "serve"}:
            self.typist.hear(said.partition("\n")[2])
        if "Traceback" in said:
            self._break(Law.CLEAN, f"a traceback in {command.log.name}")
        if command.counts is not None and command.counts.exists():
            self.passages.update(json.loads(command.counts.read_text("utf-8")))

    def _foreseen(self, command: str) -> set[int]:
        """The exit codes that a command may end with here."""
        if self.plan.is_a_year:
            return {DONE, TO_LOOK_AT, WRONG, UNREACHABLE, REFUSED}
        codes = {DONE, TO_LOOK_AT}
        if command == Action.IMPORT:
            codes.add(WRONG)  # a member was billed meanwhile, or none is left to give references
        clock_was_wrong = any(step.skew for step in self.plan.steps)
        if clock_was_wrong or command in {Action.RESEND, Action.CREDIT, Action.COMPLETE}:
            codes.add(REFUSED)
        return codes if self.is_well else codes | {WRONG, UNREACHABLE}

    def _look(self) -> None:
        both = self._both()
        if self.plan.is_a_year:
            self.breaches += intended(both)
            self.breaches += doubled(both, self.surroundings.keyed)
        else:
            self.breaches += at_any_time(both)
        now = books.seals(self.installation.database)
        self.breaches += changed(self.sealed, now)
        self.sealed |= now

    def _wait(self, pause: timedelta) -> None:
        self.offset += pause
        self.portal.move_clock(self.offset)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def _break(self, law: Law, text: str) -> None:
        self.breaches.append(Breach(law, text))
