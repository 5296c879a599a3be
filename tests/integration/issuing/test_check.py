"""A year looked at before it is billed: what the batch would say, and nothing kept of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition
from tests.support.offices import PARKED, YEAR, Desk, number, open_desk
from worker.billing.comparison import Group
from worker.billing.money import Money
from worker.billing.period import Month
from worker.cli.commands import command_line
from worker.cli.console import TO_LOOK_AT
from worker.errors import ConfigurationError, PortalAccessRefused, PortalDown, TariffError
from worker.imports import ImportKind
from worker.issuing.batch import MemberOutcome, MemberResult
from worker.issuing.check import CheckedYear, Readiness, check_year
from worker.issuing.directory import Directory
from worker.issuing.prepare import preview_year
from worker.issuing.preview import preview
from worker.service.bootstrap import open_directory, open_verified
from worker.service.demo import COMPLEMENT, SELLER, STORY
from worker.storage import (
    directory,
    holds,
)

FIRST = STORY[0].siret


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@contextmanager
def directory_of(desk: Desk, *, refresh: bool = False) -> Iterator[Directory]:
    """As ``open_directory``, at the portal of the test."""
    desk.portal.sign_in()
    yield Directory(app=desk.app, portal=desk.portal, refresh=refresh)


def check(desk: Desk, year: int = YEAR) -> CheckedYear:
    """The command's work."""
    return check_year(desk.app, year, directory_of(desk))


def states(checked: CheckedYear) -> dict[str, Readiness]:
    """By SIRET."""
    return {one.member.siret: one.readiness for one in checked.members}


def codes(checked: CheckedYear) -> dict[str, list[str]]:
    """Findings of members that have some."""
    return {
        one.member.siret: [finding.code for finding in one.findings]
        for one in checked.members
        if one.findings
    }


def promised(checked: CheckedYear) -> dict[str, tuple[MemberResult, Money, list[str]]]:
    """What the batch is expected to do."""
    results = {
        Readiness.READY: MemberResult.ISSUED,
        Readiness.BLOCKED: MemberResult.PARKED,
        Readiness.ISSUED: MemberResult.ALREADY,
        Readiness.NOTHING: MemberResult.NOTHING,
    }
    return {
        one.member.siret: (results[one.readiness], one.total, [f.code for f in one.findings])
        for one in checked.members
    }


def done(outcomes: list[MemberOutcome]) -> dict[str, tuple[MemberResult, Money, list[str]]]:
    """What the batch did."""
    return {
        one.member.siret: (one.result, one.total, [finding.code for finding in one.findings])
        for one in outcomes
    }


def make_trouble(desk: Desk) -> None:
    """Something of everything: a gap, no use, a closed structure, a hold, a bad service.

    And a service of no grid that nobody used, beside others and alone.
    """
    desk.write(
        ImportKind.SUBSCRIPTIONS,
        "siret;service;palier;categorie;debut;fin",
        f"{STORY[1].siret};stockage;2;4;01/01/{YEAR - 2};31/12/{YEAR}",
        f"{STORY[1].siret};stockage;3;4;01/01/{YEAR};31/01/{YEAR}",
    )
    desk.write(
        ImportKind.USAGE,
        "siret;service;palier;mois;utilisateurs",
        *(f"{STORY[7].siret};stockage;3;{month:02d}/{YEAR};0" for month in range(1, 13)),
    )
    for case in (STORY[7], STORY[9]):
        desk.write(
            ImportKind.SUBSCRIPTIONS,
            "siret;service;palier;categorie;debut;fin",
            f"{case.siret};visio;;1;01/01/{YEAR};",
        )
        desk.write(
            ImportKind.USAGE,
            "siret;service;palier;mois;utilisateurs",
            *(f"{case.siret};visio;;{month:02d}/{YEAR};0" for month in range(1, 13)),
        )
    desk.portal.change(STORY[3].siret, active=False)
    desk.portal.unreadable.add(STORY[4].siret)
    desk.write(
        ImportKind.REFERENCES,
        "siret;annee;code_service;engagement",
        f"{STORY[2].siret};{YEAR};PERIME;",
    )
    with desk.app.transaction() as session:
        holds.place(session, STORY[6].siret, YEAR, "un litige", desk.clock.now)


def test_a_ready_year_says_who_is_ready_and_who_owes_what(desk: Desk) -> None:
    """The story: eleven are ready, one owes an engagement, and the seller is known and active."""
    checked = check(desk)
    assert states(checked) == {
        case.siret: Readiness.BLOCKED if case.siret == PARKED else Readiness.READY for case in STORY
    }
    assert codes(checked) == {PARKED: ["DIR-ENGAGEMENT"]}
    assert [one.member.siret for one in checked.members] == sorted(case.siret for case in STORY)
    assert (checked.finished, checked.findings, checked.unreachable) == (True, (), None)
    assert checked.seller is not None
    assert checked.seller.structure is not None
    assert checked.seller.structure.password_expires == date(2027, 1, 31)
    assert checked.grids == {"2023": tuple(Month(YEAR, n) for n in range(1, 13))}
    assert not checked.is_clear
    desk.bring(COMPLEMENT, ImportKind.REFERENCES)

    assert check(desk).is_clear


def test_the_questions_are_counted_for_whoever_waits(desk: Desk) -> None:
    """One by one to their number: the members that the directory is asked about, no other."""
    make_trouble(desk)
    told: list[tuple[int, int]] = []
    check_year(desk.app, YEAR, directory_of(desk), lambda *count: told.append(count))

    assert told == [(rank, 11) for rank in range(1, 12)]


def test_what_is_said_is_what_the_batch_does(desk: Desk) -> None:
    """Whatever is wrong, each member ends as announced: same result, amount and findings."""
    make_trouble(desk)
    expected = promised(check(desk))

    assert {result for result, _, _ in expected.values()} == {
        MemberResult.ISSUED,
        MemberResult.PARKED,
        MemberResult.NOTHING,
    }
    assert len({tuple(found) for _, _, found in expected.values()}) == 8
    assert done(desk.issue()) == expected


def test_the_preview_holds_whom_the_check_holds(desk: Desk) -> None:
    """By what the check read in the directory, and two days later still; nothing is asked."""
    make_trouble(desk)
    checked = check(desk)
    desk.clock.advance(days=2)
    desk.portal.asked.clear()
    previewed = preview(desk.app, YEAR)
    groups = {
        Group.HELD: Readiness.BLOCKED,
        Group.TO_BILL: Readiness.READY,
        Group.NOTHING: Readiness.NOTHING,
    }
    # That the directory gave no usable answer is not kept: only the check can say it.
    unread = {STORY[4].siret}

    assert not desk.portal.asked
    assert {
        one.siret: groups[one.group]
        for one in previewed.compared.members
        if one.siret not in unread
    } == {siret: found for siret, found in states(checked).items() if siret not in unread}
    assert {
        one.siret: [finding.code for finding in one.findings]
        for one in previewed.compared.members
        if one.findings and one.siret not in unread
    } == {siret: found for siret, found in codes(checked).items() if siret not in unread}


def test_nothing_is_kept_but_the_directorys_answers(desk: Desk) -> None:
    """Neither invoice, number, journal event nor document; twelve answers and our own."""
    make_trouble(desk)
    before = (desk.events(), desk.archived())
    check(desk)
    assert desk.invoices() == ()
    assert (desk.events(), desk.archived()) == before
    desk.portal.unreadable.clear()
    desk.portal.asked.clear()
    check(desk)
    with desk.app.store.reading() as session:
        kept = [c.siret for c in STORY if directory.cached_entry(session, c.siret)]
        assert directory.cached_entry(session, SELLER) is not None
    assert len(kept) == 11  # one used nothing, and is not asked about
    # Those that object, and the one that had not answered, are asked again; nobody else.
    again = {STORY[2].siret, STORY[3].siret, STORY[4].siret, PARKED}

    assert set(desk.portal.asked) == {f"structure {siret}" for siret in again}


def test_a_member_that_has_its_invoice_is_left_alone(desk: Desk) -> None:
    """Its invoice's number and amount are said, and nobody is asked about it."""
    desk.issue()
    desk.portal.change(FIRST, active=False)
    desk.clock.advance(days=2)
    desk.portal.asked.clear()
    checked = check(desk)
    assert states(checked)[FIRST] is Readiness.ISSUED
    first = next(one for one in checked.members if one.member.siret == FIRST)

    assert first.issued is not None
    assert (first.issued.number, first.total) == (number(1), desk.one(number(1)).total)
    assert desk.portal.asked == [f"structure {SELLER}", f"structure {PARKED}"]


def test_without_the_portal_the_rest_is_known_all_the_same(desk: Desk) -> None:
    """Down from the start: amounts, gaps and holds are there, the others are to be confirmed."""
    make_trouble(desk)
    desk.portal.condition = Condition.DOWN
    checked = check(desk)

    assert isinstance(checked.unreachable, PortalDown)
    assert checked.seller is None
    assert not checked.is_clear
    assert codes(checked) == {
        STORY[1].siret: ["USAGE-GAP"],
        STORY[6].siret: ["HELD"],
        STORY[7].siret: ["TARIFF-NO-SERVICE"],
        STORY[9].siret: ["TARIFF-NO-SERVICE"],
    }
    assert set(states(checked).values()) == {
        Readiness.UNASKED,
        Readiness.BLOCKED,
        Readiness.NOTHING,
    }


def test_a_portal_that_goes_away_leaves_what_it_said(desk: Desk) -> None:
    """After a few answers it is gone: those stay, the next members are to be confirmed."""
    fourth = sorted(case.siret for case in STORY)[3]
    desk.portal.falls_at = f"structure {fourth}"
    checked = check(desk)

    assert isinstance(checked.unreachable, PortalDown)
    assert list(states(checked).values()) == [Readiness.READY] * 3 + [Readiness.UNASKED] * 9
    assert checked.seller is not None


def test_credentials_to_correct_are_in_the_answer(desk: Desk) -> None:
    """A refused pair or lost secrets: said, with everything that needs no portal."""
    desk.portal.condition = Condition.CLOSED_TO_US
    refused = check(desk)
    (desk.folder / "secrets.toml").unlink()
    lost = check_year(desk.app, YEAR, open_directory(desk.app, refresh=False))
    assert isinstance(refused.unreachable, PortalAccessRefused)
    assert isinstance(lost.unreachable, ConfigurationError)
    for checked in (refused, lost):
        assert set(states(checked).values()) == {Readiness.UNASKED}
        assert checked.total == Money(11_010_564)


def test_a_year_without_anybody_is_something_to_look_at(desk: Desk) -> None:
    """Nothing was imported for it, or it is the wrong year: an empty table is no good news."""
    checked = check(desk, YEAR - 10)

    assert checked.members == ()
    assert [finding.code for finding in checked.findings] == ["YEAR-EMPTY"]
    assert set(checked.grids) == {""}


def test_the_helios_channel_has_no_directory(desk: Desk) -> None:
    """Nobody is asked, and everybody is ready: the title software knows the references."""
    checked = check_year(desk.app, YEAR, None)

    assert set(states(checked).values()) == {Readiness.READY}
    assert (checked.seller, checked.unreachable, checked.is_clear) == (None, None, True)
    assert desk.portal.asked == []


def test_refresh_believes_nothing_that_was_read_before(desk: Desk) -> None:
    """A service closed an hour ago is seen at once, and the date is today's."""
    check(desk)
    desk.clock.advance(hours=1)
    desk.portal.change(FIRST, active=False)
    assert states(check(desk))[FIRST] is Readiness.READY
    fresh = check_year(desk.app, YEAR, directory_of(desk, refresh=True))

    assert states(fresh)[FIRST] is Readiness.BLOCKED
    assert {one.directory.read_at for one in fresh.members if one.directory} == {desk.clock.now}


def test_what_concerns_everybody_is_said_once(desk: Desk) -> None:
    """An inactive seller and a grid changed after use: no member is blamed for them."""
    desk.issue()
    grid = next(desk.app.configuration.tariff_folder.glob("*.toml"))
    grid.write_text(grid.read_text("utf-8") + "\n# changé\n", "utf-8")
    desk.portal.change(SELLER, active=False)
    desk.app = open_verified(desk.config, desk.clock)
    checked = check(desk)

    assert [finding.code for finding in checked.findings] == [
        "TARIFF-CHANGED",
        "DIR-SELLER-INACTIVE",
    ]
    assert codes(checked) == {PARKED: ["DIR-ENGAGEMENT"]}


def test_a_year_under_way_is_looked_at_before_it_can_be_billed(desk: Desk) -> None:
    """In December the references are asked for; months to come are gaps like others."""
    checked = check(desk, YEAR + 1)

    assert not checked.finished
    assert checked.year == YEAR + 1
    assert "USAGE-GAP" in codes(checked)[FIRST]


def test_a_private_seller_may_not_use_the_public_service(desk: Desk) -> None:
    """By the configuration: the member that named FACTURES_PUBLIQUES is held back."""
    named = STORY[4]
    assert named.gives[0] == "FACTURES_PUBLIQUES"
    desk.config.write_text(
        desk.config.read_text("utf-8").replace("public = true", "public = false")
    )
    desk.app = open_verified(desk.config, desk.clock)
    assert codes(check(desk))[named.siret] == ["DIR-PUBLIC-ONLY"]
    desk.portal.change(SELLER, public=False)

    assert check(desk).findings == ()


def other_grid(desk: Desk, start: date) -> None:
    """A grid whose prices are damaged, in force from a day."""
    folder = desk.app.configuration.tariff_folder
    text = (folder / "2023.toml").read_text("utf-8").replace('version = "2023"', 'version = "x"')
    text = text.replace("valid_from = 2023-01-01", f"valid_from = {start}")
    (folder / "autre.toml").write_text(text.replace("valid_to = 2026-11-13", "") + "[", "utf-8")


def test_a_damaged_grid_of_another_year_is_a_warning(desk: Desk) -> None:
    """The year is checked and billed as without it; its file is named, and listed."""
    other_grid(desk, date(YEAR + 1, 1, 1))
    checked = check(desk)
    listed = command_line().main(
        ["tariff", "list", "--config", str(desk.config)], standalone_mode=False
    )

    assert [(one.code, one.where) for one in checked.findings] == [
        ("TARIFF-UNUSABLE", "autre.toml")
    ]
    assert done(desk.issue()) == promised(checked)
    assert listed == TO_LOOK_AT


@pytest.mark.parametrize("start", [date(YEAR, 12, 1), date(YEAR - 1, 1, 1)])
def test_a_damaged_grid_of_the_year_stops_it_before_a_number(desk: Desk, start: date) -> None:
    """Else the grid before it would price its months, which is another price."""
    other_grid(desk, start)
    for act in (check, Desk.issue, lambda one: list(preview_year(one.app, YEAR))):
        with pytest.raises(TariffError, match=rf"autre\.toml .* prix de {YEAR}"):
            act(desk)

    assert desk.invoices() == ()
