"""Checkpoints: what events add up to, and the line that is kept elsewhere."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.checkpoint import COUNTED, Sum, Tally, line_of, read_line
from worker.billing.journal import (
    EMPTY,
    EventTag,
    JournalEvent,
    JournalHead,
    canonical_json,
    chain,
    hashed_text,
)
from worker.billing.money import Money
from worker.billing.period import french_time

A, B, C, D, E = (hashlib.sha256(bytes([number])).hexdigest() for number in range(5))


def event(end: JournalHead, tag: EventTag, /, **payload: object) -> JournalEvent:
    """The event that follows."""
    return chain(
        end,
        at="2026-01-05T09:00:00.000000Z",
        actor="régie@serveur:1",
        tag=tag,
        subject="BSN-2026-00001",
        payload=canonical_json(payload),
    )


def issued(tag: EventTag, cents: int, year: int = 2025, *pieces: str) -> JournalEvent:
    """An invoice or a credit note."""
    documents = {str(rank): sha256 for rank, sha256 in enumerate(pieces)}
    return event(EMPTY, tag, year=year, total_ttc=str(Money(cents)), documents=documents)


def tallied(*events: JournalEvent) -> Tally:
    """What events add up to."""
    tally = Tally()
    for one in events:
        tally.add(one)
    return tally


def test_documents_are_added_up_by_year_of_service() -> None:
    """Count and cents of invoices and of credit notes; a correction is the same invoice."""
    tally = tallied(
        issued(EventTag.INVOICE_ISSUED, 319680),
        issued(EventTag.INVOICE_ISSUED, 5, 2024),
        issued(EventTag.INVOICE_ISSUED, 100),
        issued(EventTag.CREDIT_NOTE_ISSUED, 100),
        event(EMPTY, EventTag.INVOICE_CORRECTED, version=2, documents={}),
    )
    totals = tally.totals(EMPTY)

    assert totals["invoices"] == {
        "2024": {"count": 1, "cents": 5},
        "2025": {"count": 2, "cents": 319780},
    }
    assert totals["credit_notes"] == {"2025": {"count": 1, "cents": 100}}
    assert tally.sums == (Sum(count=3, total=Money(319785)), Sum(count=1, total=Money(100)))


NAMING: dict[EventTag, dict[str, Any]] = {
    EventTag.INVOICE_ISSUED: {"year": 2025, "total_ttc": "1.00", "documents": {"x": A, "y": B}},
    EventTag.CREDIT_NOTE_ISSUED: {"year": 2025, "total_ttc": "1.00", "documents": {"x": A}},
    EventTag.INVOICE_CORRECTED: {"documents": {"x": C}},
    EventTag.STATEMENT_ISSUED: {"year": 2025, "total_ttc": "0.00", "documents": {"x": C}},
    EventTag.FILE_IMPORTED: {"kind": "usage", "kept": E},
    EventTag.DEPOSIT_INTENDED: {"attempt": 1, "file": "LOT", "sha256": A, "lot": D},
    EventTag.RECEIPT_KEPT: {"sha256": E, "invoices": []},
    EventTag.COMPLETION_INTENDED: {"comment": "", "files": {"avis.pdf": D}},
    EventTag.JOURNAL_ANCHORED: {"checkpoint": 1, "token": B, "roots": C},
}
"""A payload of each event that counts."""


def test_each_event_that_counts_names_a_piece() -> None:
    """The list below is that of the code, and each of them adds to the archive's list."""
    assert NAMING.keys() == COUNTED
    for tag, payload in NAMING.items():
        assert tallied(event(EMPTY, tag, **payload)).pieces > 0


def test_the_list_of_the_archive_is_sorted_and_has_each_piece_once() -> None:
    """Whatever the order of events: ``sort -u | sha256sum`` of the hashes gives the same."""
    events = [event(EMPTY, tag, **payload) for tag, payload in NAMING.items()]
    tally, reverse = tallied(*events), tallied(*reversed(events))
    expected = hashlib.sha256("".join(f"{one}\n" for one in sorted([A, B, C, D, E])).encode())

    assert tally.pieces == reverse.pieces == 5
    assert tally.archive(5) == reverse.archive(5) == expected.hexdigest()


@given(st.lists(st.sampled_from(sorted(NAMING)), max_size=12), st.integers(0, 12))
def test_the_list_at_a_checkpoint_is_found_again_later(tags: list[EventTag], cut: int) -> None:
    """What was named first is a part of what is named at the end."""
    events = [event(EMPTY, tag, **NAMING[tag]) for tag in tags]
    then, now = tallied(*events[:cut]), tallied(*events)

    assert now.archive(then.pieces) == then.archive(then.pieces)


def test_a_line_says_what_its_event_says() -> None:
    """Canonical JSON with seq, hash, at and payload, read back as it was."""
    head = JournalHead(seq=41, hash=A)
    tally = tallied(issued(EventTag.INVOICE_ISSUED, 319680, 2025, A, B))
    placed = event(head, EventTag.JOURNAL_CHECKPOINT, **tally.payload(head))
    line = line_of(placed)
    told = json.loads(line.text)

    assert read_line(line.text) == line
    assert (told["seq"], told["hash"], told["at"]) == (42, placed.hash, placed.at)
    assert (told["payload"]["events"], told["payload"]["head"]) == (41, A)
    assert line.text == canonical_json(told)
    assert line.sums == tally.sums


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 100_000,
        '{"seq":1}',
        '{"at":"2026-01-05T09:00:00.000000Z","hash":"ab","payload":{},"seq":1}',
        '{"at":"2026-01-05T09:00:00","hash":"' + A + '","payload":{"invoices":{},'
        '"credit_notes":{}},"seq":1}',
        '{"at":"hier","hash":"' + A + '","payload":{"invoices":{},"credit_notes":{}},"seq":1}',
        '{"at":"2026-01-05T09:00:00Z","hash":"' + A + '","payload":{"invoices":{"2025":1},'
        '"credit_notes":{}},"seq":1}',
        '{"at":"2026-01-05T09:00:00Z","hash":"' + A + '","payload":{"invoices":{},'
        '"credit_notes":{},"x":1.5},"seq":1}',
    ],
)
def test_what_is_no_line_is_refused(text: str) -> None:
    """Whatever a file may hold instead; a float is nothing that the journal writes."""
    with pytest.raises(ValueError, match=r"."):
        read_line(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.sampled_from(["seq", "hash", "at", "payload", "invoices", "2025", "count"]), _JSON)
def test_whatever_stands_in_a_line_is_read_or_refused(where: str, other: object) -> None:
    """A value of it, at any depth, may be anything: it is no defect of the program."""
    tally = tallied(issued(EventTag.INVOICE_ISSUED, 319680, 2025, A))
    told = json.loads(
        line_of(event(EMPTY, EventTag.JOURNAL_CHECKPOINT, **tally.payload(EMPTY))).text
    )
    place = told
    for key in ("payload", "invoices", "2025"):
        if where not in place:
            place = place[key]
    place[where] = other
    try:
        line = read_line(json.dumps(told))
    except ValueError:
        return

    assert len(line.sums) == 2
    assert french_time(line.instant)


def test_the_hash_of_an_event_is_that_of_the_text_that_is_stamped() -> None:
    """An authority that hashes the text signs the hash of the event itself."""
    placed = event(EMPTY, EventTag.JOURNAL_CHECKPOINT)

    assert hashlib.sha256(hashed_text(placed)).hexdigest() == placed.hash
