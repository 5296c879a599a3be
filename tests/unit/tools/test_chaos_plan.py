"""What a round will do is drawn from its seed, and everything that may happen does in some."""

from datetime import timedelta

import pytest

from chaos.killing import (
    PLACES,
    PORTAL_PLACES,
    SECOND_PORTAL_PLACES,
    AtCall,
    AtInstant,
    AtPlace,
)
from chaos.plan import BUYER, TROUBLES, TURNS, Action, PortalName, draw, tour
from chorus_sandbox.fault_kinds import FaultKind
from tests.contract.second_portal import Behaviour, Operation

NONE = timedelta(0)
MANY = [draw(7, number) for number in range(400)]
LEFT_OUT = {
    "integrated_twice",
    "two_in_one",
    "in_then_rejected",
    "other_id",
    "paid_rejected",
    "recorded_code",
    "number_json",
}
"""Switches of the second portal that no round draws: docs/chaos.md says why."""
STEPS = [step for plan in MANY for step in plan.steps]


def test_a_round_is_the_same_each_time_it_is_drawn() -> None:
    """A breach is replayed by its seed and number; another number is another round."""
    assert draw(7, 3) == MANY[3]
    assert len(set(MANY)) == len(MANY)
    assert draw(8, 3) != MANY[3]


def test_every_action_and_every_death_is_drawn() -> None:
    """No command, no kind of kill and no named place is left out of the proof."""
    assert {step.action for step in STEPS} == set(Action)
    assert {step.buyer for step in STEPS} == {None, *BUYER}
    kills = [kill for step in STEPS for kill in (step.kill, step.kill_beside) if kill]

    assert {type(kill) for kill in kills} == {AtPlace, AtCall, AtInstant}
    assert {kill.place for kill in kills if isinstance(kill, AtPlace)} == set(PLACES)


@pytest.mark.parametrize("portal", PortalName)
def test_everything_that_a_portal_can_do_wrong_is_drawn(portal: PortalName) -> None:
    """Its faults at a deposit and elsewhere, its storms, its ways, and each place of its death."""
    plans = [draw(7, number, portal) for number in range(600)]
    steps = [step for plan in plans for step in plan.steps]
    deaths = {step.portal_dies.place for step in steps if isinstance(step.portal_dies, AtPlace)}
    faults = {(step.fault.kind, step.fault.at_deposit) for step in steps if step.fault}
    troubles = TROUBLES[portal]

    assert deaths == set(troubles.places)
    assert faults == {
        *((kind, True) for kind in troubles.recorded),
        *((kind, False) for kind in troubles.others),
    }
    assert {way for plan in plans for way in plan.illness.ways} == set(troubles.ways)
    assert any(plan.illness.storm for plan in plans)


def test_a_portal_knows_the_words_that_are_drawn_for_it() -> None:
    """At a deposit too, where a fault is to be met by one; few of the second's are left out."""
    words = {
        portal: {kind.partition(":")[0] for kind in (*told.recorded, *told.others, *told.ways)}
        for portal, told in TROUBLES.items()
    }
    at_deposit = [kind.partition(":")[0] for kind in TROUBLES[PortalName.SECOND].recorded]

    assert words[PortalName.SANDBOX] <= set(FaultKind)
    assert words[PortalName.SECOND] <= set(Behaviour)
    assert set(Behaviour) - words[PortalName.SECOND] == LEFT_OUT
    assert all(Operation.DEPOSIT in Behaviour[kind.upper()].reach for kind in at_deposit)


def test_a_place_is_only_drawn_for_a_command_that_comes_by() -> None:
    """A trap nobody passes proves nothing."""
    for step in STEPS:
        if isinstance(step.kill, AtPlace):
            assert step.action in PLACES[step.kill.place].commands


def test_the_clock_is_wrong_both_ways_in_some_rounds() -> None:
    """Behind the portal's and ahead of it; the rest of the time it is right."""
    skews = {(step.skew > NONE) - (step.skew < NONE) for step in STEPS}
    assert skews == {-1, 0, 1}
    for plan in MANY:
        assert plan.ahead == max(NONE, *(step.skew for step in plan.steps))


def test_rounds_cross_new_year_and_both_changes_of_the_clocks() -> None:
    """Each turn of the calendar lies ahead in some round, and some rounds pass it."""
    for turn in TURNS:
        ahead = [plan for plan in MANY if 0 <= (turn - plan.begins).total_seconds() <= 72_000]
        assert ahead, turn
        lengths = [sum(step.pause.total_seconds() for step in plan.steps) for plan in ahead]
        assert any(
            plan.begins.timestamp() + length > turn.timestamp()
            for plan, length in zip(ahead, lengths, strict=True)
        )


def test_the_year_billed_is_over_when_a_round_begins() -> None:
    """``run`` refuses a year that is not over: such a round would prove nothing."""
    assert all(plan.year < plan.begins.year for plan in MANY)
    assert tour(TURNS[-1]).year == TURNS[-1].year - 1


def test_every_named_place_is_a_function_that_exists() -> None:
    """A function that is renamed takes its place with it: here it is missed at once."""
    named = {**PLACES, **PORTAL_PLACES, **SECOND_PORTAL_PLACES}
    codes = {name: place.code() for name, place in named.items()}

    assert {code.co_name for code in codes.values()} >= {"put_all", "deposit", "move", "journal"}
