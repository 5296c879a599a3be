"""A person says go: nothing of a year is billed before, by ``run`` nor by the service."""

import contextlib
import os
import pty
import re
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.program import Said, command, environment, run, started
from tests.support.offices import YEAR, Desk, open_desk
from worker.billing.journal import EventTag
from worker.billing.money import ZERO
from worker.corrections.todo import AdviceCode
from worker.corrections.waiting import waiting
from worker.errors import Refused
from worker.issuing.batch import MemberResult
from worker.issuing.check import check_year
from worker.issuing.go_ahead import close_campaign, open_campaign
from worker.issuing.preview import campaign_figures
from worker.service.bootstrap import open_verified
from worker.service.campaign import Progress, never
from worker.service.heartbeat import beat, due_year
from worker.storage import campaigns

OTHER = YEAR - 1


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office whose campaign a person closed before anything was billed."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    close_campaign(desk.app, YEAR, "pas encore")
    return desk


@pytest.fixture(name="unopened")
def _unopened(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office of whose year no person ever said that it may be billed."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, opened=False)


def set_first_year(desk: Desk, year: int) -> None:
    """Have the configuration name the first year that is billed here."""
    text = desk.config.read_text("utf-8")
    changed = re.sub(r"^# first_year = .*$", f"first_year = {year}", text, flags=re.MULTILINE)
    desk.config.write_text(changed, "utf-8")
    desk.app = open_verified(desk.config, desk.clock)


def advice(desk: Desk) -> AdviceCode | None:
    """What a person is told of a year without go."""
    with desk.app.reading() as session:
        left = waiting(desk.app, session)
    assert left.unopened is None or left.unopened.command == ("campaign", "open", str(YEAR))
    return None if left.unopened is None else AdviceCode(left.unopened.code)


def test_run_is_refused_with_the_command_to_type(unopened: Desk) -> None:
    """Before anything begins."""
    with pytest.raises(Refused, match="n'est pas ouverte") as caught:
        unopened.run()

    assert f"campaign open {YEAR}" in caught.value.remedy
    assert unopened.events(EventTag.RUN_STARTED) == []
    assert unopened.invoices() == ()


def test_the_service_bills_nothing_without_a_go_and_beats_on(unopened: Desk) -> None:
    """That a person does not say go is no failure."""
    failure = beat(unopened.app, never)

    assert (failure, due_year(unopened.app)) == (None, None)
    assert unopened.invoices() == ()


def test_a_year_without_go_is_told_from_the_campaign_day_on(unopened: Desk) -> None:
    """The fifth of January in Paris, with the command to type."""
    told = {}
    for day in (4, 5):
        unopened.clock.now = datetime(2026, 1, day, 12, tzinfo=UTC)
        told[day] = advice(unopened)

    assert told == {4: None, 5: AdviceCode.OPEN_CAMPAIGN}


def test_a_campaign_that_a_person_closed_is_not_reminded_of(desk: Desk) -> None:
    """It was a decision; and nothing is billed all the same."""
    assert advice(desk) is None
    with pytest.raises(Refused, match="est close"):
        desk.run()


def test_the_go_is_journalled_with_the_figures_that_were_shown(desk: Desk) -> None:
    """Who and when are those of the event; opened twice, it stays as it was."""
    shown = campaign_figures(desk.app, YEAR)
    opened, is_new = open_campaign(desk.app, YEAR, shown, "vu avec la présidente")
    again, is_newer = open_campaign(desk.second().app, YEAR, shown)

    assert (is_new, is_newer, again) == (True, False, opened)
    assert desk.events(EventTag.CAMPAIGN_OPENED)[1:] == [
        (
            str(YEAR),
            {
                "reason": "vu avec la présidente",
                "ready": 12,
                "ready_ttc": "110105.64",
                "held": 0,
                "held_ttc": "0.00",
                "to_confirm": 0,
                "to_confirm_ttc": "0.00",
                "total_ttc": "110105.64",
                "previous_ttc": "0.00",
            },
        )
    ]
    with desk.app.reading() as session:
        assert campaigns.opened(session, YEAR) == opened

    assert desk.is_sound()


def test_the_figures_count_each_member_where_it_stands(desk: Desk) -> None:
    """Who is held is not ready, and is in the total."""
    with_all = campaign_figures(desk.app, YEAR)
    siret = "99900007800017"
    run("park", siret, str(YEAR), "--reason", "litige", config=desk.config)
    shown = campaign_figures(desk.app, YEAR)

    assert (shown.ready, shown.held) == (11, 1)
    assert shown.ready_total + shown.held_total == shown.total == with_all.total
    assert (shown.previous, shown.difference) == (ZERO, shown.total)


def test_a_go_that_is_taken_back_ends_the_issuing(desk: Desk) -> None:
    """From another process, while the run is under way: what is issued is deposited."""
    desk.open_campaign()
    told: list[Progress] = []

    def close_after_three(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 3:
            close_campaign(desk.second().app, YEAR, "une erreur de tarif")

    desk.run(close_after_three)
    issued = [one.member for one in told if one.member is not None]

    assert [one.result for one in issued] == [MemberResult.ISSUED] * 3
    assert len(desk.portal.integrated()) == 3
    assert due_year(desk.app) is None


@pytest.mark.parametrize("year", [YEAR + 1, OTHER])
def test_a_year_that_is_not_to_be_billed_is_not_opened(desk: Desk, year: int) -> None:
    """One that is not over, and one before the first of this program."""
    shown = campaign_figures(desk.app, YEAR)
    set_first_year(desk, YEAR)

    with pytest.raises(Refused):
        open_campaign(desk.app, year, shown)
    with pytest.raises(Refused):
        campaign_figures(desk.app, year)
    with pytest.raises(Refused):
        desk.run(year=year)


def test_check_says_that_a_year_is_not_billed_here(desk: Desk) -> None:
    """Beside what else it finds; the first year itself is none of these."""
    set_first_year(desk, YEAR)
    told = {
        year: [one.code for one in check_year(desk.app, year, None).findings]
        for year in (OTHER, YEAR)
    }

    assert {year: "YEAR-BEFORE-FIRST" in codes for year, codes in told.items()} == {
        OTHER: True,
        YEAR: False,
    }


def test_the_service_leaves_the_years_before_the_first_one_alone(unopened: Desk) -> None:
    """Nothing is due, and no person is reminded."""
    set_first_year(unopened, YEAR + 1)

    assert (due_year(unopened.app), advice(unopened)) == (None, None)


def test_a_campaign_is_closed_once(desk: Desk) -> None:
    """The second time, and one that was never opened: a sentence."""
    for year, words in ((YEAR, "est déjà close"), (OTHER, "n'a pas été ouverte")):
        with pytest.raises(Refused, match=words):
            close_campaign(desk.app, year, "fini")


def test_two_people_open_a_campaign_at_once(desk: Desk) -> None:
    """Two processes: one opens it, the other is told that it is open."""
    with ExitStack() as ended:
        typed = [
            ended.enter_context(
                started("campaign", "open", str(YEAR), "--yes", "--json", config=desk.config)
            )
            for _ in range(2)
        ]
        said = [Said(*one.ended()) for one in typed]

    assert [one.code for one in said] == [0, 0], said
    assert sorted(one.json["already_open"] for one in said) == [False, True]
    assert len({one.json["opened_by"] for one in said}) == 1
    assert len(desk.events(EventTag.CAMPAIGN_OPENED)) == 2


def test_run_and_service_in_their_own_processes_bill_nothing_without_a_go(desk: Desk) -> None:
    """The same guard, typed: 4 and the command for ``run``, nothing at all for ``serve``."""
    ran = run("run", str(YEAR), config=desk.config)
    served = run("serve", "--once", config=desk.config)

    assert (ran.code, served.code) == (4, 0), served.err
    assert f"campaign open {YEAR}" in ran.err
    assert desk.invoices() == ()


def test_without_a_terminal_the_go_is_refused(desk: Desk) -> None:
    """A script says ``--yes``; the figures are shown all the same."""
    said = run("campaign", "open", str(YEAR), config=desk.config)

    assert said.code == 4
    assert "--yes" in said.err
    assert "110 105,64 €" in said.out.replace("\u202f", " ").replace("\xa0", " ")
    assert len(desk.events(EventTag.CAMPAIGN_OPENED)) == 1


@pytest.mark.parametrize("answer,code,openings", [("o\n", 0, 2), ("n\n", 1, 1), ("\n", 1, 1)])
def test_on_a_terminal_a_person_is_asked(desk: Desk, answer: str, code: int, openings: int) -> None:
    """« o » opens; anything else, and nothing, does not."""
    ours, theirs = pty.openpty()
    line = command("campaign", "open", str(YEAR), config=desk.config)
    os.write(ours, answer.encode())
    with subprocess.Popen(
        line,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment() | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)

    assert (process.returncode, f"Facturer {YEAR} ? [o/N]" in shown.decode()) == (code, True)
    assert len(desk.events(EventTag.CAMPAIGN_OPENED)) == openings
