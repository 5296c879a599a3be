"""Lenient reading: one meaning, whatever the shape; no crash, no float, no guess."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.money import Money
from worker.portals.choruspro import json_fields as read

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.binary()
    | st.text().map(str.encode)
    | anything.map(lambda v: json.dumps(v, default=str).encode())
)
def test_no_body_breaks_the_reader(body: bytes) -> None:
    """Any bytes are an object or None."""
    found = read.read_object(body)

    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"texte"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1',
        b'{"a": 1} {}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1e9999999999999999999}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"<html></html>",
    ],
)
def test_what_is_not_one_json_object_is_none(body: bytes) -> None:
    """Truncated, doubled, hostile or foreign bodies are no answer."""
    assert read.read_object(body) is None


@given(anything)
def test_every_reader_takes_every_value(value: object) -> None:
    """No value of a field makes a reader fail."""
    record = {"f": value}
    assert isinstance(read.text(record, "f"), str)
    assert isinstance(read.siret(record, "f"), str)
    assert isinstance(read.integer(record, "f"), int | None)
    assert isinstance(read.amount(record, "f"), Money | None)
    assert isinstance(read.flag(record, "f"), bool)
    assert isinstance(read.objects(record, "f"), tuple | None)
    assert isinstance(read.day(record, "f"), date | None)
    moment = read.instant(record, "f")

    assert moment is None or moment.tzinfo is UTC


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_amounts_are_exact_to_the_cent(cents: int) -> None:
    """An amount written as JSON number or text comes back as the same cents."""
    written = str(Money(cents))
    for body in (f'{{"f": {written}}}', f'{{"f": "{written}"}}', f'{{"f": {written}0}}'):
        record = read.read_object(body.encode())
        assert record is not None
        assert read.amount(record, "f") == Money(cents)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "3196,80",
            "3 196,80",
            "3\N{NO-BREAK SPACE}196,8",
            "3\N{NARROW NO-BREAK SPACE}196,800000",
        ),
        *("3196.80000000000018", "3196.7999999999997", " 3196,80 "),
    ],
)
def test_an_amount_is_read_in_french_and_with_the_noise_of_a_binary_number(written: str) -> None:
    """Blanks between thousands, a comma, digits beyond the sixth: the same cents."""
    assert read.amount({"f": written}, "f") == Money(319_680)


@pytest.mark.parametrize(
    "value",
    [
        *("1250.005", "1e400", "-1e30", "abc", "", "NaN", "1" * 40),
        *("1,250", "1250,0051", "12 50,00", "1,250.00", "1250.000001"),
    ],
)
def test_amount_that_is_not_cents_is_none(value: str) -> None:
    """A fraction of a cent, or what may be read in two ways, is no amount at all."""
    assert read.amount({"f": value}, "f") is None


def test_siret_keeps_its_leading_zeros() -> None:
    """A SIRET printed as a number is the fourteen digits it was."""
    assert read.siret({"f": 1000900017}, "f") == "00001000900017"
    assert read.siret({"f": "00001000900017"}, "f") == "00001000900017"
    assert read.siret({"f": "123"}, "f") == "123"
    assert read.siret({}, "f") == ""


@pytest.mark.parametrize(
    "value, expected",
    [
        *((12, 12), ("12", 12), (Decimal("12.0"), 12), ("12.5", None), (True, None), (None, None)),
        *((2**53 - 1, 2**53 - 1), (2**53, None), (1 - 2**53, 1 - 2**53), (-(2**53), None)),
    ],
)
def test_integers_in_their_shapes(value: object, expected: int | None) -> None:
    """Numbers may be texts; booleans are not numbers, nor is what JSON has no exact number for."""
    assert read.integer({"f": value}, "f") == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (True, True),
        ("true", True),
        ("OUI", True),
        (1, True),
        (False, False),
        ("NON", False),
        (None, False),
        ("peut-être", False),
    ],
)
def test_flags_in_their_shapes(value: object, *, expected: bool) -> None:
    """No value means no: the portal leaves out what is empty."""
    assert read.flag({"f": value}, "f") is expected


def test_lists_in_their_shapes() -> None:
    """Absent, null, one object or a list; but a list of something else cannot be counted."""
    one = {"a": 1}

    assert read.objects({}, "f") == ()
    assert read.objects({"f": None}, "f") == ()
    assert read.objects({"f": one}, "f") == (one,)
    assert read.objects({"f": [one, one]}, "f") == (one, one)
    assert read.objects({"f": [one, None]}, "f") is None
    assert read.readable({"f": [one, None, "x", one]}, "f") == (one, one)
    assert read.readable({"f": one}, "f") == (one,)
    assert read.readable({"f": "x"}, "f") == read.readable({}, "f") == ()
    assert read.objects({"f": "1"}, "f") is None
    assert read.child({"f": [one]}, "f") == one
    assert read.child({"f": []}, "f") is None


@pytest.mark.parametrize(
    "value, expected",
    [
        ("2026-09-14", date(2026, 9, 14)),
        ("2026-09-14 00:00", date(2026, 9, 14)),
        ("2026-01-01T00:30:00+01:00", date(2026, 1, 1)),
        ("2025-12-31T23:00:00.000Z", date(2026, 1, 1)),
        ("2026-01-01T00:00:00Z", date(2026, 1, 1)),
        ("2026-06-30T22:00:00+00:00", date(2026, 7, 1)),
        ("14/09/2026", date(2026, 9, 14)),
        ("31/12/2025 23:59", date(2025, 12, 31)),
        (1767222000000, date(2026, 1, 1)),
        ("1767222000000", date(2026, 1, 1)),
        (1767222000, date(2026, 1, 1)),
        (20261399, None),
        ("32/12/2025", None),
        ("le 14 septembre", None),
    ],
)
def test_days_in_their_shapes(value: object, expected: date | None) -> None:
    """The day is that of Paris, in ISO, in French or since the epoch."""
    assert read.day({"f": value}, "f") == expected


def test_instants_are_utc_and_default_to_paris() -> None:
    """A time without offset is Paris time, summer or winter."""
    assert read.instant({"f": "2026-07-11T15:45:39.674+02:00"}, "f") == datetime(
        2026, 7, 11, 13, 45, 39, 674000, tzinfo=UTC
    )
    assert read.instant({"f": "2018-04-19 11:09"}, "f") == datetime(2018, 4, 19, 9, 9, tzinfo=UTC)
    assert read.instant({"f": "2018-01-19 11:09"}, "f") == datetime(2018, 1, 19, 10, 9, tzinfo=UTC)
    for edge in ("0001-01-01T00:00:00", "9999-12-31T23:59:59Z", "9999-12-31T23:30:00-01:00"):
        assert read.instant({"f": edge}, "f") is None


def test_latin_1_without_a_charset_is_read() -> None:
    """Accents of an answer that is not UTF-8 do not make it no answer."""
    answer = '{"libelle": "Numéro déjà utilisé", "codeRetour": 20010}'
    for encoding in ("utf-8", "utf-8-sig", "latin-1"):
        record = read.read_object(answer.encode(encoding))
        assert record is not None
        assert read.text(record, "libelle") == "Numéro déjà utilisé"


def test_text_cannot_command_a_terminal() -> None:
    """Escape sequences and line breaks of the portal's texts become spaces."""
    assert read.text({"f": " a\x1b[31mb\nc\u202e "}, "f") == "a [31mb c"
