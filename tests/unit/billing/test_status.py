"""The life of an invoice: a closed table in which nothing is unreachable and nothing gets stuck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.status import FRENCH, MOVES, TROUBLES, InvoiceStatus, Trouble

S = InvoiceStatus
FINAL = {S.SETTLED, S.CANCELLED}
NUMBERED = set(S) - {S.DRAFT, S.PARKED}


def reachable(start: InvoiceStatus) -> set[InvoiceStatus]:
    """Every status that some sequence of moves leads to, ``start`` included."""
    found, waiting = {start}, [start]
    while waiting:
        for status in MOVES[waiting.pop()] - found:
            found.add(status)
            waiting.append(status)
    return found


def test_every_status_has_its_row_and_its_french() -> None:
    """No status is forgotten in the table, nor shown to people under the name of another."""
    assert set(MOVES) == set(FRENCH) == set(S)
    assert len(set(FRENCH.values())) == len(S)


def test_every_trouble_has_its_french() -> None:
    """No trouble is shown to people as its bare value."""
    assert set(TROUBLES) == set(Trouble) - {Trouble.NONE}


def test_moves_lead_to_another_status() -> None:
    """Staying where it is is no move."""
    assert all(status not in moves for status, moves in MOVES.items())


def test_every_status_is_reached_from_a_draft() -> None:
    """No status exists on paper only."""
    assert reachable(S.DRAFT) == set(S)


@pytest.mark.parametrize("status", sorted(set(S) - FINAL))
def test_no_status_is_a_dead_end(status: InvoiceStatus) -> None:
    """From any status but the final ones, an invoice can still end settled."""
    assert S.SETTLED in reachable(status)


def test_final_statuses_are_the_only_ones_without_a_way_out() -> None:
    """Cancelled ends the story; only a credit note or its buyer reopens what was settled."""
    assert {status for status, moves in MOVES.items() if not moves} == {S.CANCELLED}
    assert MOVES[S.SETTLED] == {S.CANCELLED, S.SUSPENDED, S.REJECTED}


def test_a_number_is_never_given_back() -> None:
    """Once issued, an invoice never becomes a draft again."""
    for status in NUMBERED:
        assert reachable(status) <= NUMBERED


def test_nothing_is_cancelled_while_its_deposit_is_uncertain() -> None:
    """Credit notes cancel an invoice whose whereabouts are known, and no other."""
    cancellable = {status for status, moves in MOVES.items() if S.CANCELLED in moves}
    assert cancellable == NUMBERED - {S.SENDING, S.UNKNOWN, S.DEPOSITED, S.CANCELLED}


def test_the_portal_is_never_left_with_a_second_copy() -> None:
    """What the portal holds is never sent again, and only an issued invoice is sent at all."""
    assert [status for status, moves in MOVES.items() if S.SENDING in moves] == [S.ISSUED]
    assert S.SENDING not in reachable(S.INTEGRATED)
    assert S.ISSUED not in MOVES[S.DEPOSITED]


@given(st.lists(st.sampled_from(S), max_size=12))
def test_any_walk_stays_in_the_table(wishes: list[InvoiceStatus]) -> None:
    """Taking only allowed moves, an invoice ends or can go on, and is numbered for good."""
    status, numbered = S.DRAFT, False
    for wish in wishes:
        if wish in MOVES[status]:
            status = wish
        assert not (numbered and status not in NUMBERED)
        numbered = numbered or status in NUMBERED
    assert status in FINAL or MOVES[status]
