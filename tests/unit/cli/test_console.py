"""What the command line prints of strangers' texts moves no terminal."""

import json
import sys
from pathlib import Path

import pytest

from worker.billing.text import harmless
from worker.cli.console import command, put_json


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


@pytest.mark.parametrize(
    "on_path, called, shown",
    [
        ("bin", "{here}/bin/chorus-worker", "chorus-worker status"),
        ("bin", "bin/chorus-worker", "chorus-worker status"),
        ("", "bin/chorus-worker", "bin/chorus-worker status"),
        ("other", "bin/chorus-worker", "bin/chorus-worker status"),
        ("", "{here}/bin/chorus-worker", "'{here}/bin/chorus-worker' status"),
    ],
)
def test_a_suggested_command_can_be_typed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_path: str, called: str, shown: str
) -> None:
    """By the name alone where the shell finds this very program by it, else as it was called."""
    here = tmp_path / "un dossier"
    for folder in ("bin", "other"):
        (here / folder).mkdir(parents=True)
        (here / folder / "chorus-worker").touch(mode=0o755)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", str(here / on_path) if on_path else "/nowhere")
    monkeypatch.setattr(sys, "argv", [called.format(here=here)])

    assert command("status") == shown.format(here=here)
