"""Questions to the portal one after the other: a bad answer to one does not stop the rest."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from worker.errors import PortalAnswerError, UnreadableRecord

T = TypeVar("T")
MOST_UNUSABLE = 3
"""Unusable answers in a row before the portal, rather than an invoice, is to blame."""


def in_turn(
    things: Iterable[T],
    ask: Callable[[T], None],
    put_off: Callable[[T, PortalAnswerError], None],
    stop: Callable[[], bool],
) -> Iterator[T]:
    """Ask about each thing; yield it once what was learnt of it is written.

    Args:
        things: what to ask about, in order.
        ask: asks about one, and writes the answer.
        put_off: has one asked about another time, for its answer cannot be used.
        stop: whether to end before the next.

    Raises:
        PortalAnswerError: so many in a row could not be used; those were put off.
        PortalError, PortalAccessRefused: as ``ask``.
        UnreadableRecord: once all the others were asked about: rows of one cannot be read.
    """
    unusable = 0
    unreadable: list[UnreadableRecord] = []
    for thing in things:
        if stop():
            return
        try:
            ask(thing)
            unusable = 0
        except PortalAnswerError as error:
            put_off(thing, error)
            unusable += 1
            if unusable >= MOST_UNUSABLE:
                raise
        except UnreadableRecord as error:
            unreadable.append(error)
            continue
        yield thing
    if unreadable:
        raise unreadable[0]
