"""The site that serve keeps up to date: built when the books went on, and never in the way."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.intruder import alter
from tests.support.offices import PARKED, YEAR, Desk, open_desk
from tests.support.written_pages import read
from worker.audit.dossier.build import build_site, built_site
from worker.audit.dossier.folder import MARKER
from worker.cli.commands import command_line
from worker.cli.console import TO_LOOK_AT
from worker.errors import IntegrityError, Refused, WorkerError
from worker.imports import ImportKind
from worker.service.bootstrap import open_verified
from worker.service.campaign import never
from worker.service.heartbeat import Heartbeat, beat
from worker.service.site import publish


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """On the Hélios channel, eleven issued, with a site beside the data."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "desk", issued=12)
    text = desk.config.read_text("utf-8").replace('channel = "api"', 'channel = "helios"')
    desk.config.write_text(text.replace("[site]", '[site]\nfolder = "../srv/site"'), "utf-8")
    (desk.folder.parent / "srv").mkdir()
    desk.app = open_verified(desk.config, desk.clock)
    return desk


def site_of(desk: Desk) -> Path:
    """Its place."""
    return desk.folder.parent / "srv" / "site"


def test_a_heartbeat_builds_the_site_and_leaves_it_while_nothing_happens(desk: Desk) -> None:
    """Built again once the journal went on, and only then; not at once, were it long to build."""
    built = []
    for rank in range(4):
        if rank == 2:
            desk.write(ImportKind.REFERENCES, "siret;annee;code_service", f"{PARKED};2024;S1")
        if rank == 3:
            desk.clock.advance(hours=1)
        beat(desk.app, never)
        built.append(site_of(desk).stat().st_ino)

    assert built[0] == built[1] == built[2] != built[3]
    assert f"{YEAR}/index.html" in read(site_of(desk) / "index.html").values("//a/@href")


def test_a_site_that_cannot_be_written_is_told_and_stops_no_billing(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of log, status --todo, until it can be; what is corrected meanwhile is billed."""
    site_of(desk).write_text("autre chose")
    issued = sum(bool(one.number) for one in desk.invoices())
    desk.write(ImportKind.REFERENCES, "siret;annee;code_service;engagement", f"{PARKED};{YEAR};;E1")
    heart = Heartbeat(desk.app, never)
    with capture_logs() as lines:
        failures = [heart.beat() for _ in range(2)]
    todo = command_line().main(
        ["status", "--todo", "--config", str(desk.config)], standalone_mode=False
    )
    told = capsys.readouterr().out
    site_of(desk).unlink()
    mended = heart.beat()
    heart.close()

    assert sum(bool(one.number) for one in desk.invoices()) == issued + 1
    assert {type(failure) for failure in failures} == {Refused}
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "site.failed"
    ] * 2
    assert todo == TO_LOOK_AT
    assert "Le site n'a pas été mis à jour." in " ".join(told.split())
    assert mended is None
    assert (site_of(desk) / "index.html").is_file()


def test_a_build_is_left_when_the_service_is_asked_to_stop(desk: Desk) -> None:
    """Nothing of it stays, and it is no failure."""
    beat(desk.app, lambda: True)

    assert list(site_of(desk).parent.iterdir()) == []


@pytest.mark.parametrize("told", ["", "{", "[]", '{"seq": 1}', '{"at": 1, "seconds": "x"}'])
def test_a_site_that_says_nothing_of_itself_is_built_again(desk: Desk, told: str) -> None:
    """Its mark was emptied or cut: it is a site of ours all the same."""
    build_site(desk.app, site_of(desk))
    (site_of(desk) / MARKER).write_text(told)
    failure = publish(desk.app, lambda: None, never, lambda error: WorkerError(str(error)))

    assert failure is None
    assert built_site(site_of(desk)) is not None


def test_altered_books_are_not_published(desk: Desk) -> None:
    """What was published last stays, as long as the books do not verify."""
    alter(desk.folder / "donnees" / "worker.sqlite", "UPDATE usage_record SET users = users + 1")
    failure = beat(desk.app, never)

    assert isinstance(failure, IntegrityError)
    assert list(site_of(desk).parent.iterdir()) == []


def test_a_defect_of_the_pages_is_told_and_stops_nothing(desk: Desk) -> None:
    """As one of the program, in the words of the heartbeat."""

    def broken() -> None:
        raise KeyError("modèle")

    with capture_logs() as lines:
        failure = publish(desk.app, broken, never, lambda error: WorkerError(f"Défaut {error}"))

    assert isinstance(failure, Refused)
    assert failure.message == "Le site n'a pas été mis à jour. Défaut 'modèle'"
    assert isinstance(lines[-1]["exc_info"], KeyError)


def test_without_the_setting_there_is_no_site(desk: Desk) -> None:
    """As before."""
    text = desk.config.read_text("utf-8").replace('folder = "../srv/site"', "")
    desk.config.write_text(text, "utf-8")
    beat(open_verified(desk.config, desk.clock), never)

    assert list(site_of(desk).parent.iterdir()) == []
