"""No text that a person gives hides a sign: what is read is what is kept."""

import pytest

from worker.billing.text import hidden_character, hidden_in_french, stated_reason
from worker.errors import WrongUse


@pytest.mark.parametrize(
    "text, sign, said",
    [
        ("erreur\u202ede saisie", "\u202e", "un caractère invisible (U+202E)"),
        ("erreur\u200bde saisie", "\u200b", "un caractère invisible (U+200B)"),
        ("erreur\nde saisie", "\n", "un saut de ligne"),
        ("\x1b[31mrouge", "\x1b", "un caractère invisible (U+001B)"),
        ("octet \udcff", "\udcff", "un caractère invisible (U+DCFF)"),
    ],
)
def test_a_sign_that_nobody_sees_is_found(text: str, sign: str, said: str) -> None:
    """Directions, spaces without width, line ends, controls and bytes that are no text."""
    assert hidden_character(text) == sign
    assert hidden_in_french(sign) == said


@pytest.mark.parametrize("text", ["", "Œuvre d'été", "3\u202f196,80\xa0€ « n° 1 » – l’avoir…"])
def test_french_is_seen(text: str) -> None:
    """Accents, quotation marks and the spaces of French typography hide nothing."""
    assert hidden_character(text) == ""


def test_a_reason_is_kept_without_the_spaces_around_it() -> None:
    """What the journal holds is what was meant."""
    assert stated_reason("  Convention revue, « lot n° 2 »\u202f! ") == (
        "Convention revue, « lot n° 2 »\u202f!"
    )


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "vide"),
        (" \t\n", "vide"),
        ("deux\nlignes", "un saut de ligne"),
        ("à l'env\u202eers", r"U\+202E"),
    ],
)
def test_a_reason_that_cannot_be_read_is_refused(text: str, why: str) -> None:
    """Empty, on two lines, or with a sign that hides."""
    with pytest.raises(WrongUse, match=why):
        stated_reason(text)
