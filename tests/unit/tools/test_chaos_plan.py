"""What a round will do is drawn from its seed, and everything that may happen does in some."""

from datetime import timedelta

from chaos.killing import PLACES, PORTAL_PLACES, AtCall, AtInstant, AtPlace
from chaos.plan import BUYER, TURNS, Action, draw, tour

NONE = timedelta(0)
MANY = [draw(7, number) for number in range(400)]
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
    deaths = [step.portal_dies for step in STEPS]

    assert {death.place for death in deaths if isinstance(death, AtPlace)} == set(PORTAL_PLACES)


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
    codes = {name: place.code() for name, place in {**PLACES, **PORTAL_PLACES}.items()}

    assert {code.co_name for code in codes.values()} >= {"put_all", "deposit", "move", "journal"}
