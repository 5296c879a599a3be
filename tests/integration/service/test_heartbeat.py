"""The unattended worker: what is due when, a heartbeat that survives, a process that stops."""

import json
import os
import re
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread

import pytest

from chaos import pace
from tests.e2e.program import started
from tests.support.memory_portal import Condition as PortalIs
from tests.support.offices import YEAR, Desk, number, open_desk
from tests.support.processes import signal_thread
from tests.support.scripted_server import reply, serving
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.errors import SellerUnfit, TariffError, WorkerError
from worker.imports import ImportKind
from worker.service.bootstrap import open_verified
from worker.service.demo import COMPLEMENT, SELLER
from worker.service.heartbeat import Heartbeat, anything_waiting, beat, due_year
from worker.service.local_portal import STRUCTURES
from worker.settings.keys import PortalSettings
from worker.storage.tables import InvoiceRow

S = InvoiceStatus
HANGS = 60
"""Seconds that nothing here takes on an idle machine."""
THREADS = 3
"""Of the service at rest: the main one, the scheduler's, the heartbeat's."""
END = b"the test is over"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk")


@pytest.fixture(name="issued")
def _issued(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Eleven issued, one parked."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "issued", issued=12)


class Manager:
    """A service manager that listens, in a thread: a full socket would hold the speaker up."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self._heard = Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while (message := self._socket.recv(4096)) != END:
            with self._heard:
                self.said.append(message.decode())
                self._heard.notify_all()

    def wait_for(self, beginning: str) -> None:
        """Until something that begins like this was said."""

        def said() -> bool:
            return any(message.startswith(beginning) for message in self.said)

        with self._heard:
            assert pace.until(lambda step: self._heard.wait_for(said, step), HANGS), self.said

    def wait_for_more(self, message: str, times: int) -> None:
        """Until it was said so many times more."""
        with self._heard:
            wanted = self.said.count(message) + times

            def said() -> bool:
                return self.said.count(message) >= wanted

            assert pace.until(lambda step: self._heard.wait_for(said, step), HANGS), self.said

    def close(self) -> None:
        """Listen to what is left, then no more."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.connect(self._socket.getsockname())
                last.sendall(END)
            self._thread.join()
            self._socket.close()


@pytest.fixture(name="systemd")
def _systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def never() -> bool:
    """Nobody asks to stop."""
    return False


@pytest.mark.parametrize(
    "now,year",
    [
        (datetime(2025, 12, 31, 12, tzinfo=UTC), 2024),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), None),
        (datetime(2026, 1, 4, 22, 59, tzinfo=UTC), None),
        (datetime(2026, 1, 4, 23, 0, tzinfo=UTC), YEAR),
        (datetime(2026, 1, 5, 12, tzinfo=UTC), YEAR),
        (datetime(2026, 11, 23, 12, tzinfo=UTC), YEAR),
        (datetime(2027, 1, 4, 12, tzinfo=UTC), None),
    ],
)
def test_last_year_is_due_from_the_campaign_day_on(
    desk: Desk, now: datetime, year: int | None
) -> None:
    """From the fifth of January in Paris, and caught up in November if it must be."""
    desk.open_campaign(2024)
    desk.clock.now = now

    assert due_year(desk.app) == year


def test_a_year_without_members_is_not_due(desk: Desk) -> None:
    """Nobody was subscribed in 2022."""
    desk.clock.now = datetime(2023, 1, 10, tzinfo=UTC)

    assert due_year(desk.app) is None


def test_a_year_wholly_issued_is_not_due(issued: Desk) -> None:
    """Once the parked member is issued too, there is nothing left, whatever the day."""
    assert due_year(issued.app) == YEAR
    issued.bring(COMPLEMENT, ImportKind.REFERENCES)
    issued.issue()
    for _ in range(4):
        assert due_year(issued.app) is None
        issued.clock.advance(days=60)


def test_a_member_let_go_after_a_credit_note_is_due_again(issued: Desk) -> None:
    """Neither the cancelled invoice nor its credit note bills it: serve must not forget it."""
    issued.bring(COMPLEMENT, ImportKind.REFERENCES)
    issued.issue()
    assert due_year(issued.app) is None
    issued.credit(number(1))

    assert due_year(issued.app) == YEAR


def test_parked_members_are_looked_at_again_without_filling_the_journal(issued: Desk) -> None:
    """Not at every heartbeat: when something was imported, and once a day."""
    issued.run()
    assert due_year(issued.app) is None
    issued.clock.advance(hours=6)
    assert due_year(issued.app) is None
    issued.clock.advance(hours=18)
    assert due_year(issued.app) == YEAR
    issued.run()
    assert due_year(issued.app) is None
    issued.bring(COMPLEMENT, ImportKind.REFERENCES)
    assert due_year(issued.app) == YEAR
    issued.run()

    assert len([i for i in issued.invoices() if i.number]) == 12


def test_a_run_cut_short_is_due_again_at_once(desk: Desk) -> None:
    """Some members were never looked at: the next heartbeat goes on."""

    def tell(_progress: object) -> None:
        desk.portal.condition = PortalIs.DOWN

    with pytest.raises(Exception, match="ne répond pas"):
        desk.run(tell)
    assert due_year(desk.app) == YEAR
    desk.portal.condition = PortalIs.UP
    stops = iter([False, True])
    desk.run(stop=lambda: next(stops, True))

    assert due_year(desk.app) == YEAR


@pytest.mark.parametrize(
    "status,waits",
    [
        (S.ISSUED, True),
        (S.SENDING, True),
        (S.UNKNOWN, True),
        (S.DEPOSITED, True),
        (S.INTEGRATED, True),
        (S.SUSPENDED, True),
        (S.REJECTED, True),
        (S.REFUSED, False),
        (S.SETTLED, False),
        (S.CANCELLED, False),
    ],
)
def test_the_portal_is_called_only_when_something_waits(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, status: S, *, waits: bool
) -> None:
    """What needs a person, or is over, wakes nobody; nor does what is due later."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "one", issued=1)
    with desk.app.transaction() as session:
        row = session.get_one(InvoiceRow, desk.invoices()[0].id)
        row.status, row.cpp_id = status.value, 7
        row.next_check_at = None if status is S.CANCELLED else desk.clock.now
        session.add(row)
    assert anything_waiting(desk.app) is waits
    desk.clock.advance(seconds=-1)

    assert not anything_waiting(desk.app)


def configured(desk: Desk, before: str, after: str) -> Desk:
    """The same office under another configuration."""
    text = desk.config.read_text("utf-8")
    assert before in text
    desk.config.write_text(text.replace(before, after, 1), "utf-8")
    desk.app = open_verified(desk.config, desk.clock)
    return desk


def test_a_heartbeat_bills_the_year_without_anybody(desk: Desk, systemd: Manager) -> None:
    """On the Hélios channel: all is issued, and the service manager shows what waits."""
    configured(desk, 'channel = "api"', 'channel = "helios"')
    beat(desk.app, never)
    assert [i.status for i in desk.invoices()] == [S.ISSUED] * 12
    systemd.close()
    said = systemd.said
    assert said.count("WATCHDOG=1") >= 12
    assert said[-1].startswith("STATUS=0 point à traiter")
    events = len(desk.events())
    desk.clock.advance(days=2)
    beat(desk.app, never)

    assert len(desk.events()) == events


@pytest.mark.parametrize(
    "before,after",
    [
        ('environment = "local"', 'environment = "local"\nlocal_url = "http://127.0.0.1:9"'),
        ('tariffs = "tarifs"', 'tariffs = "nulle-part"'),
        ('secrets_file = "secrets.toml"', 'secrets_file = "perdu.toml"'),
    ],
)
def test_a_heartbeat_survives_what_can_go_wrong(
    desk: Desk, systemd: Manager, before: str, after: str
) -> None:
    """The portal is dead, the grids or the secrets are gone: it is said, and nothing is billed."""
    if "tariffs" in before:
        configured(desk, 'channel = "api"', 'channel = "helios"')
    configured(desk, before, after)
    beat(desk.app, never)
    assert desk.invoices() == ()
    systemd.close()
    said = systemd.said[-1]

    assert said.startswith("STATUS=")
    assert "à traiter" not in said
    assert len(said) > len("STATUS=") + 20


def test_a_service_manager_that_does_not_listen_stops_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its socket is gone: the work is done all the same."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    configured(desk, 'channel = "api"', 'channel = "helios"')
    beat(desk.app, lambda: True)

    assert desk.events(EventTag.RUN_ENDED) != []


def test_without_a_service_manager_nothing_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who types ``serve --once`` has no socket."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    configured(desk, 'channel = "api"', 'channel = "helios"')
    beat(desk.app, lambda: True)

    assert desk.events(EventTag.RUN_ENDED) != []


def test_a_heart_that_began_under_a_clock_that_was_ahead_beats_at_once(desk: Desk) -> None:
    """The machine woke up a month ahead, and its clock was set right: nobody waits for a month."""
    configured(desk, 'channel = "api"', 'channel = "helios"')
    desk.clock.advance(days=30)
    heart = Heartbeat(desk.app, lambda: True)
    desk.clock.advance(days=-30)
    heart.beat()

    assert len(desk.events(EventTag.RUN_ENDED)) == 1


def test_a_heart_rests_after_a_refusal_and_not_for_a_clock_that_was_ahead(
    desk: Desk, systemd: Manager
) -> None:
    """Our credentials are refused: half a day without a call, by a clock that is right."""
    secrets = desk.folder / "secrets.toml"
    secrets.write_text(re.sub(r"(client_secret = ).*", r'\1"un-autre-secret"', secrets.read_text()))
    heart = Heartbeat(desk.app, never)
    for hours in (720, 11, 2, -700):
        desk.clock.advance(hours=hours)
        heart.beat()
    systemd.close()
    asked, rested = ["WATCHDOG=1", "STATUS=PISTE refuse", "WATCHDOG=1"], ["WATCHDOG=1"]

    assert [said[:19] for said in systemd.said] == [*asked, *rested, *asked, *asked]


@pytest.mark.parametrize("asked,hours", [(3600, 1), (86_400, 12)])
def test_a_heart_rests_as_long_as_the_portal_asks_for(desk: Desk, asked: int, hours: int) -> None:
    """Not a call before the hour it named, half a day at most; then it beats again."""
    step = reply(b"", 429, f"Retry-After: {asked}\r\n")
    with serving(step, step) as server:
        where = f'environment = "local"\nlocal_url = "{server.url}"'
        heart = Heartbeat(configured(desk, 'environment = "local"', where).app, never)
        calls = []
        for minutes in (0, hours * 60 - 1, 1):
            desk.clock.advance(minutes=minutes)
            heart.beat()
            calls.append(len(server.requests))

    assert calls == [1, 1, 2]


@pytest.mark.parametrize("office, moment", [("desk", "READY=1"), ("issued", "STATUS=")])
def test_the_service_stops_as_soon_as_it_is_asked_to(
    office: str, moment: str, systemd: Manager, request: pytest.FixtureRequest
) -> None:
    """At work, or at rest with its next heartbeat minutes away: gone when told to, nothing torn."""
    desk: Desk = request.getfixturevalue(office)
    if office == "issued":
        configured(desk, 'channel = "api"', 'channel = "helios"')
    with started("serve", config=desk.config) as process:
        systemd.wait_for(moment)
        os.kill(process.pid, signal.SIGTERM)
        code, _, errors = process.ended(HANGS)
    assert code == 0, errors
    assert "Traceback" not in errors
    assert "worker.stopped" in errors
    systemd.close()
    assert {"READY=1", "STOPPING=1"} <= set(systemd.said)
    with sqlite3.connect(desk.config.parent / "donnees" / "worker.sqlite") as database:
        query = "SELECT count(*) FROM invoice WHERE status = 'sending'"
        assert database.execute(query).fetchone() == (0,)


def test_the_service_stops_whichever_thread_hears_the_signal(
    issued: Desk, systemd: Manager
) -> None:
    """The system chooses the thread; Python runs a handler in the main one only, once it wakes."""
    configured(issued, 'channel = "api"', 'channel = "helios"')
    for rank in range(THREADS):
        with started("serve", config=issued.config) as process:
            systemd.wait_for("STATUS=")
            systemd.said.clear()
            signal_thread(process.pid, signal.SIGTERM, rank)
            code, _, errors = process.ended(HANGS)

        assert (code, "worker.stopped" in errors) == (0, True), (rank, errors)


def test_the_watchdog_is_fed_at_the_pace_of_the_unit(issued: Desk, systemd: Manager) -> None:
    """Whatever the settings: with a heartbeat a day, three times within what the unit allows."""
    configured(issued, 'channel = "api"', 'channel = "helios"')
    daily = {"CHORUS_WORKER_WORKER__HEARTBEAT_MINUTES": "1440", "WATCHDOG_USEC": "300000"}
    with started("serve", config=issued.config, env=daily) as process:
        systemd.wait_for("STATUS=")
        systemd.wait_for_more("WATCHDOG=1", 4)
        os.kill(process.pid, signal.SIGTERM)
        code, _, errors = process.ended(HANGS)

    assert code == 0, errors


def test_no_setting_makes_a_call_longer_than_the_unit_allows() -> None:
    """Each attempt at the portal feeds the watchdog when it ends, and its time-outs are bounded."""
    unit = Path("systemd/chorus-worker.service").read_text("utf-8")
    allowed = int(re.findall(r"^WatchdogSec=(\d+)$", unit, re.MULTILINE)[0])
    longest = {
        name: next(
            one.le for one in PortalSettings.model_fields[name].metadata if hasattr(one, "le")
        )
        for name in ("connect_timeout_seconds", "read_timeout_seconds")
    }

    assert longest["connect_timeout_seconds"] + 3 * longest["read_timeout_seconds"] < allowed


def change_a_price(desk: Desk) -> None:
    """A grid that was used is no longer what it was."""
    for path in (desk.folder / "tarifs").glob("*.toml"):
        path.write_text(path.read_text("utf-8").replace("10.80", "10.81"), "utf-8")


def close_the_seller(desk: Desk) -> None:
    """The local portal says that our structure is inactive."""
    path = desk.app.configuration.data_folder / STRUCTURES
    structures = json.loads(path.read_text("utf-8"))
    for entry in structures:
        entry["active"] = entry["siret"] != SELLER
    path.write_text(json.dumps(structures), "utf-8")


@pytest.mark.parametrize(
    "spoil,error", [(change_a_price, TariffError), (close_the_seller, SellerUnfit)]
)
def test_what_must_be_corrected_to_bill_does_not_stop_the_deposits(
    issued: Desk, spoil: Callable[[Desk], None], error: type[WorkerError]
) -> None:
    """Billing the rest of the year waits; what is issued goes on to the portal."""
    spoil(issued)
    with issued.app.transaction() as session:
        row = session.get_one(InvoiceRow, issued.one(number(1)).id)
        row.status, row.next_check_at = InvoiceStatus.ISSUED.value, None
        session.add(row)
        parked = session.get_one(InvoiceRow, issued.invoices()[-1].id)
        session.delete(parked)
    before = len(issued.attempts(number(1)))

    assert due_year(issued.app) == YEAR

    assert isinstance(beat(issued.app, lambda: False), error)

    assert len(issued.attempts(number(1))) == before + 1
