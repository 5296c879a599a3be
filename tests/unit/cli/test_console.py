"""What the command line prints of strangers' texts moves no terminal."""

import json

import pytest

from worker.billing.text import harmless
from worker.cli.console import put_json


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nvalide", "a\\nvalide"),
        ("\x1b]0;titre\x07", "\\x1b]0;titre\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj\u202e.xml", "gpj\\u202e.xml"),
        ("bad\udcff", "bad\\udcff"),
        ("Œuvre d'été, 3\u202f196,80\xa0€ « n° »", "Œuvre d'été, 3\u202f196,80\xa0€ « n° »"),
    ],
)
def test_signs_that_move_a_terminal_are_shown_escaped(text: str, shown: str) -> None:
    """New lines, escapes, hidden directions and broken bytes; French stays as it is."""
    assert harmless(text) == shown


def test_json_is_utf8_whatever_the_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not UTF-8 does not make the answer unreadable for a program."""
    put_json(file="bad\udcff.xml")
    said = capsys.readouterr().out.encode("utf-8")

    assert json.loads(said)["ok"]
    assert b"bad" in said
