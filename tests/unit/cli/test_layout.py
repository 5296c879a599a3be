"""Texts and tables in a number of columns: laws, and what French and a shell ask for."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.cli.layout import NARROWEST, fold, lay_out

WORDS = st.text("abé/-…", min_size=1, max_size=60)
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
WIDTHS = st.integers(NARROWEST, 120)
TABLES = st.integers(1, 6).flatmap(
    lambda columns: st.lists(
        st.lists(TEXTS, min_size=columns, max_size=columns), min_size=1, max_size=4
    )
)


def signs(*texts: str) -> Counter[str]:
    """The signs of texts, spaces and rules apart."""
    return Counter("".join(texts).translate({ord(one): None for one in " \xa0─"}))


@given(TEXTS, WIDTHS)
def test_a_folded_text_keeps_every_sign_in_its_order(text: str, width: int) -> None:
    """Only spaces become the ends of lines."""
    lines = fold(text, width)

    assert max(map(len, lines)) <= max(width, len(text) if len(lines) == 1 else 0)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TABLES, WIDTHS, st.integers(0, 5))
def test_a_table_fits_and_loses_nothing(rows: list[list[str]], width: int, right: int) -> None:
    """Whatever the cells and the width: no line is longer, and no sign is missing."""
    captions = [f"colonne {place}" for place in range(len(rows[0]))]
    lines = lay_out(captions, rows, captions[:right], width)

    assert max(map(len, lines)) <= width
    assert not signs(*captions, *(cell for row in rows for cell in row)) - signs(*lines)


@given(TABLES)
def test_a_table_without_a_width_has_a_line_for_each_row(rows: list[list[str]]) -> None:
    """For a pipe, and with --wide: captions, a rule, and each row whole."""
    lines = lay_out([str(place) for place in range(len(rows[0]))], rows)

    assert len(lines) == 2 + len(rows)
    assert all(cell in line for line, row in zip(lines[2:], rows, strict=True) for cell in row)


def test_columns_that_are_left_out_are_named() -> None:
    """A terminal that is too narrow shows some columns, and says which others there are."""
    rows = [["Communauté de communes", "x" * 40, "8"]]
    lines = lay_out(("membre", "flux", "état"), rows, (), 50, ("membre", "état"))

    assert lines[-1] == "(… avec --wide : flux)"
    assert not any("x" in line for line in lines[:-1])


@pytest.mark.parametrize("kept", ["« Suivi »", "reste :", "cent %", "fin ;"])
def test_french_signs_stay_with_their_word(kept: str) -> None:
    """No line begins with what follows a word, nor ends with what goes before one."""
    for length in range(30, 50):
        lines = fold(f"{'a' * length} {kept} et la suite", 48)
        assert any(kept in line.replace("\xa0", " ") for line in lines)


def test_a_comma_stays_with_the_command_before_it() -> None:
    """A line does not begin with it, and no space goes before it."""
    lines = fold(f"tapez : chorus-worker unpark {'1' * 14} 2025, puis run", 40, "chorus-worker")

    assert "2025, puis run" in lines[-1]


def test_a_command_that_is_folded_can_be_pasted_into_a_shell() -> None:
    """A backslash ends each of its lines but the last; the sentence around has none."""
    command = f'chorus-worker resend BSN-2026-00001 --reason "…" --config {"d/" * 20}w.toml'
    lines = fold(f"corrigez puis tapez : {command} ; sinon rien", 60, "chorus-worker")
    continued = [line for line in lines if line.endswith(" \\")]

    assert " ".join(line.strip().removesuffix(" \\") for line in lines[1:]) == (
        f"{command} ; sinon rien"
    )
    assert len(continued) == 1
