"""What happens around a deposit: at the portal, at its support's, at our machines, at a desk."""

import random
from collections.abc import Sequence
from enum import StrEnum


class Happening(StrEnum):
    """Something that no command of ours does. It has no effect when it has no object."""

    BACK_UP = "back_up"
    """A copy of our data is made: the database first, then the archive."""
    RESTORE = "restore"
    """The copy is put back, with its archive."""
    LOSE = "lose"
    """The database of the copy is put back: a disk that forgot its last seconds."""
    FORK = "fork"
    """A second machine begins with a copy of our data."""
    SWITCH = "switch"
    """The commands go on at the other machine, on its data."""
    JOIN = "join"
    """A person keeps the more recent of both data, and no other."""
    TURNED_AWAY = "turned_away"
    """The next files are rejected, whatever they are worth."""
    REPLAY = "replay"
    """A file that was rejected is given the verdict that it is worth."""
    WITHDRAW = "withdraw"
    """A file that was integrated is rejected; its invoices are gone."""
    DISOWN = "disown"
    """A file that was integrated is reported as rejected; its invoices stay."""
    KEY_SAME = "key_same"
    """A colleague keys one of our numbers that the portal has not got, a few cents off."""
    KEY_NEXT = "key_next"
    """A colleague keys an invoice under the number that we give next."""
    KEY_BESIDE = "key_beside"
    """A colleague keys an invoice of ours once more, under a number that is not of our series."""
    TWIN = "twin"
    """A second document lives under a number, and is rejected."""
    RENAME = "rename"
    """A buyer rejects an invoice, which is shown under another identifier from then on."""
    CLOSE = "close"
    """The structure of a member is closed."""
    SILENCE = "silence"
    """No search and no history is answered any more."""
    LATE_HISTORY = "late_history"
    """Every history is three weeks late."""
    ANOTHER_REPORT = "another_report"
    """The next reports are those of other files."""
    NO_UNIQUENESS = "no_uniqueness"
    """The portal takes a number that is taken."""
    SPEAK = "speak"
    """The portal answers as it should again."""


class Typing(StrEnum):
    """When a person types what is printed."""

    NOT = "not"
    NOW = "now"
    TWICE = "twice"
    """Each command once more, at once."""
    LATER = "later"
    """It is noted, and typed the next time as it was printed."""


H = Happening
_COPIES = (
    (H.BACK_UP, H.RESTORE),
    (H.BACK_UP, H.LOSE),
    (H.FORK, H.JOIN),
    (H.FORK, H.SWITCH, H.JOIN),
    (H.FORK, H.SWITCH, H.SWITCH, H.JOIN),
)
_OTHERS = (
    (H.TURNED_AWAY, H.REPLAY),
    (H.REPLAY,),
    (H.WITHDRAW,),
    (H.DISOWN,),
    (H.KEY_SAME,),
    (H.KEY_NEXT,),
    (H.KEY_BESIDE,),
    (H.TWIN,),
    (H.RENAME,),
    (H.CLOSE,),
    (H.SILENCE, H.SPEAK),
    (H.LATE_HISTORY, H.RENAME, H.SPEAK),
    (H.LATE_HISTORY, H.SPEAK),
    (H.ANOTHER_REPORT,),
    (H.NO_UNIQUENESS, H.SPEAK),
)
_COPIED = 0.5
"""Share of the years in which our data is copied."""


def draw_happenings(chance: random.Random, steps: int) -> tuple[tuple[Happening, ...], ...]:
    """What happens before each of so many steps: one story about copies, and others."""
    drawn: list[list[Happening]] = [[] for _ in range(steps)]
    stories: list[Sequence[Happening]] = list(chance.sample(_OTHERS, chance.randint(1, 3)))
    if chance.random() < _COPIED:
        stories.append(chance.choice(_COPIES))
    for story in stories:
        if story[-1] is Happening.LOSE:
            first = chance.randrange(steps - 1)
            places = [first, first + 1]
        else:
            places = sorted(chance.sample(range(steps), len(story)))
        for place, happening in zip(places, story, strict=True):
            drawn[place].append(happening)
    return tuple(map(tuple, drawn))
