"""Asking about one thing after the other."""

from collections.abc import Sequence

import pytest

from worker.errors import PortalAnswerError, PortalDown
from worker.portals.in_turn import MOST_UNUSABLE, in_turn


class Desk:
    """Asks about letters: those of ``unusable`` get no usable answer."""

    def __init__(self, unusable: str = "", stops_after: int = 100) -> None:
        self.unusable = unusable
        self.stops_after = stops_after
        self.asked: list[str] = []
        self.put_off: list[str] = []
        self.told: list[str] = []

    def go_through(self, letters: Sequence[str]) -> None:
        """Ask about each."""
        told = in_turn(
            letters,
            self._ask,
            lambda letter, _: self.put_off.append(letter),
            lambda: len(self.asked) >= self.stops_after,
        )
        for letter in told:
            self.told.append(letter)

    def _ask(self, letter: str) -> None:
        self.asked.append(letter)
        if letter == "!":
            raise PortalDown("en panne", "plus tard")
        if letter in self.unusable:
            raise PortalAnswerError("illisible", "plus tard")


def test_a_bad_answer_only_puts_that_one_off() -> None:
    """The others are asked about, and all are told, in order."""
    desk = Desk(unusable="bd")
    desk.go_through("abcde")

    assert (desk.told, desk.put_off) == (list("abcde"), ["b", "d"])


def test_bad_answers_in_a_row_end_it() -> None:
    """So many in a row and the portal is to blame: each was put off, nobody else is asked about."""
    desk = Desk(unusable="x")
    with pytest.raises(PortalAnswerError):
        desk.go_through("a" + "x" * MOST_UNUSABLE + "b")

    assert desk.asked == ["a", *"x" * MOST_UNUSABLE]
    assert desk.put_off == ["x"] * MOST_UNUSABLE


def test_a_good_answer_begins_the_row_anew() -> None:
    """Bad answers that good ones part never end it."""
    desk = Desk(unusable="x")
    letters = ("x" * (MOST_UNUSABLE - 1) + "a") * 5
    desk.go_through(letters)

    assert desk.told == list(letters)


def test_whoever_stops_it_is_obeyed_before_the_next() -> None:
    """What was asked about is told; the rest waits."""
    desk = Desk(stops_after=2)
    desk.go_through("abc")

    assert desk.told == ["a", "b"]


def test_a_portal_out_of_reach_ends_it_at_once() -> None:
    """Nothing is put off for it: it says nothing about that one."""
    desk = Desk()
    with pytest.raises(PortalDown):
        desk.go_through("a!b")

    assert (desk.told, desk.put_off) == (["a"], [])
