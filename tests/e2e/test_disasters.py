"""Two workers at once, the turns of the calendar, a full disk: nothing twice, nothing lost."""

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaos import books
from chorus_sandbox.ledger.ledger import read_fluxes, read_invoices
from tests.e2e.disasters import Disk, at, broken_laws, portal, small_disk
from tests.e2e.program import Said, run, started
from tests.support.shared import made_once
from worker.billing.period import french_time
from worker.service.demo import EXAMPLES, FILES, write_demo

YEAR = "2024"
ENDED = {0, 1}
"""Exit codes of what came to its end; 1: something to look at, payments are late by now."""
QUARTER = timedelta(minutes=15)
OFFLINE = {"CHORUS_WORKER_CHANNEL": "helios"}
WAITS = {"CHORUS_WORKER_PORTAL__RECONCILE_MINUTES": "[15, 60, 240, 1440, 2880]"}
DATABASE = Path("donnees/worker.sqlite")
HELD_BACK = "99980902300016"


@pytest.fixture(name="imported", scope="module")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three members and their year, nothing billed yet. Read only."""

    def fill(folder: Path) -> None:
        config = write_demo(folder, int(YEAR), 3, seed=0)
        for kind in FILES:
            said = run("import", kind, folder / EXAMPLES / f"{kind}.csv", config=config)
            assert said.code == 0, said.err
        assert run("campaign", "open", YEAR, "--yes", config=config).code == 0

    return made_once(tmp_path_factory.getbasetemp(), "imported", fill)


@pytest.fixture(name="issued", scope="module")
def _issued(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, issued in January 2025, nothing deposited. Read only."""

    def issue(folder: Path) -> None:
        shutil.copytree(imported, folder)
        january = datetime(2025, 1, 10, 9, tzinfo=UTC)
        said = at(january, "run", YEAR, config=folder / "worker.toml", env=OFFLINE)
        assert said.code == 0, said.err

    return made_once(tmp_path_factory.getbasetemp(), "issued", issue)


def ledger_of(folder: Path) -> Path:
    """The portal's ledger, when it is beside our data."""
    return folder / "portail.sqlite"


def copied(source: Path, to: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(source, to, dirs_exist_ok=True)
    return to


def test_workers_at_once_never_deposit_an_invoice_twice(issued: Path, tmp_path: Path) -> None:
    """Three workers on one database, each call held open: one file and one intent per invoice."""
    folder = copied(issued, tmp_path / "demo")
    with portal(folder, "--latency", "150") as setting:
        with ExitStack() as ended:
            workers = [
                ended.enter_context(started(*words, config=folder / "worker.toml", env=setting))
                for words in (("deposit",), ("deposit",), ("run", YEAR))
            ]
            all_said = [Said(*worker.ended()) for worker in workers]
        said = [one.err for one in all_said]
        assert {one.code for one in all_said} <= ENDED, said
        assert run("follow", config=folder / "worker.toml", env=setting).code == 0
    fluxes = read_fluxes(ledger_of(folder))
    attempts = books.attempts(folder / DATABASE)
    numbers = [invoice.number for invoice in books.invoices(folder / DATABASE)]
    assert sorted(flux.sha256 for flux in fluxes) == sorted(one.document for one in attempts)
    assert sorted(attempt.number for attempt in attempts) == numbers
    sealed = books.seals(issued / DATABASE)

    assert broken_laws(folder, ledger_of(folder), tmp_path / "after", *said, sealed=sealed) == []


def test_an_invoice_bears_the_day_and_the_series_of_paris(imported: Path, tmp_path: Path) -> None:
    """Half a minute before New Year in Paris, and half a minute after, still 2025 in London."""
    folder = copied(imported, tmp_path / "demo")
    config = folder / "worker.toml"
    midnight = datetime(2025, 12, 31, 23, tzinfo=UTC)
    reason = ("--reason", "à vérifier")
    assert run("park", HELD_BACK, YEAR, *reason, config=config).code == 0
    assert at(midnight - timedelta(seconds=30), "run", YEAR, config=config, env=OFFLINE).code == 1
    assert run("unpark", HELD_BACK, YEAR, *reason, config=config).code == 0
    assert at(midnight + timedelta(seconds=30), "run", YEAR, config=config, env=OFFLINE).code == 0

    sealed = books.seals(folder / DATABASE)
    days = {number: value[-10:] for number, value in sealed.items() if " v" not in number}
    assert days == {
        "BSN-2025-00001": "2025-12-31",
        "BSN-2025-00002": "2025-12-31",
        "BSN-2026-00001": "2026-01-01",
    }
    with portal(folder) as setting:
        said = run("run", YEAR, config=config, env=setting)
    assert said.code in ENDED, said.err
    after = tmp_path / "after"

    assert broken_laws(folder, ledger_of(folder), after, said.err, sealed=sealed) == []


@pytest.mark.parametrize(
    "turn", [datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC)]
)
def test_a_change_of_the_clocks_shortens_and_lengthens_no_wait(
    issued: Path, tmp_path: Path, turn: datetime
) -> None:
    """Killed ten minutes before the turn: looked for a quarter of an hour after the attempt."""
    folder = copied(issued, tmp_path / "demo")
    config = folder / "worker.toml"
    before = turn - timedelta(minutes=10)
    with portal(folder) as setting:
        env = setting | WAITS
        assert at(before, "deposit", config=config, env=env, dies="before its bytes").code == -9
        (attempt,) = books.attempts(folder / DATABASE)
        early = at(before + timedelta(minutes=14), "reconcile", config=config, env=env)
        assert books.next_look_at(folder / DATABASE, attempt.number) == (
            attempt.started_at + QUARTER
        )
        due = at(before + timedelta(minutes=16), "reconcile", config=config, env=env)
        looked_at = books.next_look_at(folder / DATABASE, attempt.number)
        # Long after, by the demonstration's own wait: looked for once more, and sent again.
        last = run("run", YEAR, config=config, env=setting)
    assert last.code in ENDED, last.err
    assert f"prochaine échéance le {french_time(attempt.started_at + QUARTER)}" in early.out
    assert attempt.number in due.out
    assert looked_at == attempt.started_at + timedelta(hours=1)
    sealed = books.seals(issued / DATABASE)
    after = tmp_path / "after"

    assert broken_laws(folder, ledger_of(folder), after, last.err, sealed=sealed) == []


@pytest.mark.parametrize("left", [16_384, 400_000])
def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(
    imported: Path, tmp_path: Path, left: int
) -> None:
    """Exit 3 and a sentence, nothing half done; then the same command ends the work."""
    with (
        small_disk(tmp_path / "disk", 8) as disk,
        portal(away_from(imported, tmp_path)) as env,
    ):
        folder = copied(imported, disk.folder)
        _stopped_then_ended(disk, folder, env, left, tmp_path / "portail.sqlite")


def test_without_room_for_the_intent_nothing_is_deposited(issued: Path, tmp_path: Path) -> None:
    """The intent is written first: a disk without room for it never sees a call."""
    with small_disk(tmp_path / "disk", 8) as disk, portal(away_from(issued, tmp_path)) as env:
        folder = copied(issued, disk.folder)
        disk.fill(0)
        said = disk.run("deposit", config=folder / "worker.toml", env=env)
        assert (said.code, "Traceback" in said.err) == (3, False), said.err
        assert read_fluxes(tmp_path / "portail.sqlite") == ()
        disk.make_room()
        _ends(disk, folder, env, tmp_path / "portail.sqlite")


def away_from(source: Path, folder: Path) -> Path:
    """A place for the portal that is not on the full disk."""
    directory = Path("donnees/chorus-local-annuaire.json")
    (folder / "donnees").mkdir()
    shutil.copy(source / directory, folder / directory)
    return folder


def _stopped_then_ended(
    disk: Disk, folder: Path, env: dict[str, str], left: int, ledger: Path
) -> None:
    disk.fill(left)
    said = disk.run("run", YEAR, config=folder / "worker.toml", env=env)
    assert (said.code, "Traceback" in said.err) == (3, False), said.err
    assert "À faire" in said.err
    disk.make_room()
    meant = {attempt.sha256 for attempt in books.attempts(folder / DATABASE)}
    assert {flux.sha256 for flux in read_fluxes(ledger)} <= meant
    _ends(disk, folder, env, ledger)


def _ends(disk: Disk, folder: Path, env: dict[str, str], ledger: Path) -> None:
    config = folder / "worker.toml"
    assert disk.run("run", YEAR, config=config, env=env).code in ENDED
    known = books.invoices(folder / DATABASE)
    assert [(one.number[-5:], one.status) for one in known] == [
        (f"{rank:05d}", "integrated") for rank in (1, 2, 3)
    ]
    assert {one.number for one in read_invoices(ledger)} == {one.number for one in known}
    assert len(read_fluxes(ledger)) == 3
    assert run("journal", "verify", config=config).code == 0
    assert broken_laws(folder, ledger, ledger.parent / "after", sealed={}) == []
