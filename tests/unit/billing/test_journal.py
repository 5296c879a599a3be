"""The journal: whatever is changed afterwards shows, up to the head that was noted down."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.journal import (
    EMPTY,
    GENESIS,
    LARGEST,
    EventTag,
    JournalEvent,
    JournalHead,
    canonical_json,
    chain,
    payload_of,
    verify,
)
from worker.errors import Severity

Events = list[JournalEvent]


def head(events: Events) -> JournalHead:
    """Where a chain ends."""
    return JournalHead(seq=events[-1].seq, hash=events[-1].hash) if events else EMPTY


def extended(events: Events, payload: str = "{}", tag: EventTag = EventTag.RUN_ENDED) -> Events:
    """The same chain with one more event."""
    at = f"2026-01-12T08:00:{len(events):02d}.000000Z"
    event = chain(
        head(events), at=at, actor="régie@serveur", tag=tag, subject="2025", payload=payload
    )
    return [*events, event]


def made(length: int) -> Events:
    """A sound chain of events that all differ."""
    events: Events = []
    for number in range(length):
        events = extended(events, canonical_json({"n": number}))
    return events


FIVE = made(5)
HEAD = head(FIVE)


@given(st.integers(0, 12))
def test_a_chain_left_alone_is_sound(length: int) -> None:
    """An untouched journal of any length, empty included, has no finding."""
    events = made(length)

    assert verify(events, head(events)) == ()
    assert [event.seq for event in events] == list(range(1, length + 1))


def test_the_first_event_follows_the_genesis() -> None:
    """Each event carries the hash of the one before, and the first one sixty-four zeros."""
    assert [event.previous for event in FIVE] == [GENESIS, *(event.hash for event in FIVE[:-1])]
    assert len({event.hash for event in FIVE}) == 5


EDITS: dict[str, Callable[[JournalEvent], JournalEvent]] = {
    "seq": lambda event: replace(event, seq=event.seq + 1),
    "at": lambda event: replace(event, at=event.at.replace("2026", "2025")),
    "actor": lambda event: replace(event, actor="autre@serveur"),
    "tag": lambda event: replace(event, tag=EventTag.INVOICE_ISSUED.value),
    "subject": lambda event: replace(event, subject="2024"),
    "payload": lambda event: replace(event, payload='{"n":99}'),
    "payload_sha256": lambda event: replace(event, payload_sha256="f" * 64),
    "previous": lambda event: replace(event, previous="f" * 64),
    "hash": lambda event: replace(event, hash="f" * 64),
}


def test_every_field_is_edited_below() -> None:
    """A field added to the event one day is covered by the hash, or this fails."""
    assert set(EDITS) == set(JournalEvent.__dataclass_fields__)


@pytest.mark.parametrize("field", EDITS)
@pytest.mark.parametrize("place", range(5))
def test_any_edited_field_shows(field: str, place: int) -> None:
    """One field of one event changed, at any place, is found and says where."""
    edited = EDITS[field](FIVE[place])
    findings = verify([*FIVE[:place], edited, *FIVE[place + 1 :]], HEAD)

    assert findings
    assert {finding.severity for finding in findings} == {Severity.BLOCKING}
    assert f"n° {edited.seq}" in findings[0].where


@pytest.mark.parametrize("place", range(5))
def test_a_rewritten_event_breaks_with_its_neighbour(place: int) -> None:
    """Someone who recomputes the hashes of a forged event is betrayed by what follows it."""
    before = FIVE[place - 1] if place else None
    forged = chain(
        JournalHead(seq=before.seq, hash=before.hash) if before else EMPTY,
        at=FIVE[place].at,
        actor=FIVE[place].actor,
        tag=EventTag.RUN_ENDED,
        subject="2025",
        payload='{"n":99}',
    )

    assert verify([*FIVE[:place], forged, *FIVE[place + 1 :]], HEAD)


@pytest.mark.parametrize("place", range(5))
def test_a_deleted_event_shows(place: int) -> None:
    """Even the first or the last one: the head knows where the chain ended."""
    assert verify([*FIVE[:place], *FIVE[place + 1 :]], HEAD)


@pytest.mark.parametrize("kept", range(5))
def test_a_truncated_journal_shows(kept: int) -> None:
    """A chain cut at any length is sound in itself, so the finding is about its end."""
    (finding,) = verify(FIVE[:kept], HEAD)

    assert "fin du journal" in finding.message
    assert f"n° {kept} " in finding.message


def test_a_number_left_out_shows() -> None:
    """Someone who forges hashes that follow each other over a missing number is found too."""
    (first,) = made(1)
    third = chain(
        JournalHead(seq=2, hash=first.hash),
        at="t",
        actor="a",
        tag=EventTag.RUN_ENDED,
        subject="2025",
        payload="{}",
    )
    (finding,) = verify([first, third], head([third]))

    assert "attendu : n° 2" in finding.message


@given(st.permutations(FIVE).filter(lambda events: events != FIVE))
def test_another_order_shows(events: Events) -> None:
    """Events cannot change places."""
    assert verify(events, HEAD)


@pytest.mark.parametrize("place", range(6))
def test_an_inserted_event_shows(place: int) -> None:
    """A well-made event slipped in between, or added at the end, does not follow the head."""
    stranger = extended(FIVE[:place])[-1]

    assert verify([*FIVE[:place], stranger, *FIVE[place:]], HEAD)


def test_a_repeated_event_shows() -> None:
    """The same event twice is one too many."""
    assert verify([*FIVE[:3], FIVE[2], *FIVE[3:]], HEAD)


@pytest.mark.parametrize(
    "other",
    [EMPTY, head(made(4)), JournalHead(seq=5, hash="f" * 64), JournalHead(seq=4, hash=HEAD.hash)],
)
def test_a_replaced_head_shows(other: JournalHead) -> None:
    """The chain must end exactly where the head says, by number and by hash."""
    assert verify(FIVE, other)


def test_a_chain_rewritten_whole_is_betrayed_by_a_noted_head() -> None:
    """Who rewrites every event and the stored head still cannot match what was printed before."""
    forged = extended(extended([]), '{"total":"0.00"}')

    assert verify(forged, head(forged)) == ()
    assert verify(forged, HEAD)


def test_an_erased_payload_leaves_the_chain_whole() -> None:
    """Only that event is named: the others still follow each other and reach the head."""
    erased = [*FIVE[:2], replace(FIVE[2], payload=""), *FIVE[3:]]
    (finding,) = verify(erased, HEAD)

    assert finding.message == "le contenu a été modifié"


def test_an_erased_payload_that_the_journal_tells_of_is_a_remark() -> None:
    """An event behind it says so: the chain is sound, and what was erased is named."""
    erased = replace(FIVE[2], payload="")
    told = chain(HEAD, at="t", actor="a", tag=EventTag.PAYLOAD_ERASED, subject="3", payload="{}")
    events = [*FIVE[:2], erased, *FIVE[3:], told]
    (finding,) = verify(events, head(events))

    assert (finding.code, finding.severity) == ("JOURNAL-ERASED", Severity.WARNING)
    assert finding.where == "journal, n° 3"


@pytest.mark.parametrize("subject", ["4", "03", "trois"])
def test_an_erased_payload_that_another_event_tells_of_shows(subject: str) -> None:
    """Its number stands in the event that tells of it, or it was altered."""
    erased = replace(FIVE[2], payload="")
    tag = EventTag.PAYLOAD_ERASED
    told = chain(HEAD, at="t", actor="a", tag=tag, subject=subject, payload="{}")
    events = [*FIVE[:2], erased, *FIVE[3:], told]
    (finding,) = verify(events, head(events))

    assert finding.code == "JOURNAL-BROKEN"


@pytest.mark.parametrize("payload", ["", "{", "[1]", "[" * 100_000, '{"rows_written":'])
def test_a_payload_that_cannot_be_read_says_nothing(payload: str) -> None:
    """What reads the journal goes on; the verification tells of it."""
    assert payload_of(replace(FIVE[0], payload=payload)) == {}


def test_fields_cannot_borrow_from_each_other() -> None:
    """The same letters cut elsewhere between two fields give another hash."""
    one, other = (
        chain(EMPTY, at="t", actor=actor, tag=EventTag.RUN_STARTED, subject=subject, payload="{}")
        for actor, subject in (("a", "bc"), ("ab", "c"))
    )

    assert one.hash != other.hash


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("éab"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("éabz", min_size=1), values, max_size=5))
def test_one_value_has_one_text(value: dict[str, object]) -> None:
    """The order of the keys does not matter, and accents stay readable."""
    text = canonical_json(value)

    assert text == canonical_json(dict(reversed(value.items())))
    assert not any("é" in key for key in value) or "é" in text


def test_canonical_text_is_compact_and_sorted() -> None:
    """The exact bytes are part of the format: an old journal must verify for ever."""
    assert canonical_json({"b": [1, {"d": "é", "c": None}], "a": "x y"}) == (
        '{"a":"x y","b":[1,{"c":null,"d":"é"}]}'
    )


def test_keys_are_in_the_order_of_their_utf_16_units() -> None:
    """The example of RFC 8785, 3.2.3: beyond the first plane, code points are in another order."""
    names = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }

    assert list(json.loads(canonical_json(names)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize("code", range(0x80))
def test_each_sign_of_ascii_is_escaped_as_the_standard_says(code: int) -> None:
    """RFC 8785, 3.2.2.2: seven short escapes, lower-case numbers for other controls."""
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
    expected = short.get(code, f"\\u{code:04x}" if code < 32 else chr(code))

    assert canonical_json([chr(code)]) == f'["{expected}"]'


@pytest.mark.parametrize("text", ["\x7f", "\u2028", "\u00e9", "e\u0301", "\ufeff", "\U0001f600"])
def test_every_other_sign_stays_itself(text: str) -> None:
    """Neither escaped nor normalised."""
    assert canonical_json({text: text}) == f'{{"{text}":"{text}"}}'


@pytest.mark.parametrize("number", [0, -1, LARGEST, -LARGEST])
def test_whole_numbers_are_written_in_full(number: int) -> None:
    """Up to the last that a double holds exactly."""
    assert canonical_json([number, True, False, None]) == f"[{number},true,false,null]"


@pytest.mark.parametrize(
    "value",
    [LARGEST + 1, -LARGEST - 1, "\ud800", "a\udfffb", {"\udc00": 1}, {1: 2}, {None: 1}, b"x", {1}],
)
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    """However deep it hides."""
    with pytest.raises(TypeError, match="no place in the journal"):
        canonical_json({"a": [{"b": value}]})


@pytest.mark.parametrize("value", [1.0, float("nan"), [1, 2.5], {"a": ({"b": [0.1]},)}])
def test_a_float_has_no_place_in_the_journal(value: object) -> None:
    """Amounts are texts or cents: a float is refused however deep it hides."""
    with pytest.raises(TypeError, match="float"):
        canonical_json({"total": value})


def test_the_hash_never_changes_with_the_program() -> None:
    """This event was hashed once by hand: a new release must find the same value."""
    event = chain(
        EMPTY,
        at="2026-01-12T08:00:00.000000Z",
        actor="régie@serveur",
        tag=EventTag.INVOICE_ISSUED,
        subject="BSN-2026-00001",
        payload='{"total_ttc":"3196.80"}',
    )

    assert (
        event.payload_sha256 == "e7c727b6980cbe57aeccf9e2ef9f21a730f059776fb67c4f449778bdf45704ff"
    )
    assert event.hash == "69c82e83cec9cb01849193e6bf50f44ddd192b58c12600a7e84ff4a42919361f"
