"""What is shown, whatever its signs, wherever it goes: closed, on a pipe, in another encoding."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program import Said, command, environment, run, run_to_the_end
from tests.e2e.test_hostile_files import filled, with_config
from worker.billing.text import harmless

HOSTILE = "a\x1b]0;titre\x07\x9b31m\u202exslx.\u2066"
"""A name that moves a terminal, and turns round what follows."""


def assert_harmless(said: Said) -> None:
    """No sign of either output moves a terminal; line ends are those of the lines."""
    for line in (said.out + said.err).split("\n"):
        assert harmless(line) == line


@pytest.mark.parametrize("words", with_config())
def test_no_command_prints_a_path_as_it_is(words: str, tmp_path: Path) -> None:
    """The one thing that each command prints of what was typed: its configuration."""
    said = run(*filled(words), config=tmp_path / f"{HOSTILE}\n.toml")

    assert said.code == 2
    assert "\\u202e" in said.err
    assert_harmless(said)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_the_name_of_a_file_is_neutral_wherever_it_is_told(
    demo: Path, tmp_path: Path, as_json: list[str]
) -> None:
    """Imported, refused, journalled, validated: in French and in JSON."""
    good = tmp_path / f"{HOSTILE}.csv"
    good.write_text("siret;annee;code_service;engagement\n99900007800017;2024;;EJ\n", "utf-8")
    bad = tmp_path / f"mauvais{HOSTILE}.csv"
    bad.write_text(f"siret;annee\n1;{HOSTILE}\n", "utf-8")
    for typed in (
        ("import", "references", good),
        ("import", "references", bad),
        ("journal", "show"),
        ("validate", bad),
        ("complete", HOSTILE, bad, "--comment", HOSTILE),
        ("show", HOSTILE),
    ):
        said = run(*typed, *as_json, config=None if typed[0] == "validate" else demo)
        assert said.code != 70
        assert said.out + said.err
        assert_harmless(said)
        if as_json:
            json.loads(said.out)


def without_output(line: list[str]) -> Said:
    """What a program says whose standard output was closed before it began."""
    return run_to_the_end(["sh", "-c", 'exec "$@" >&-', "sh", *line], env=environment())


@pytest.mark.parametrize("typed", [("status",), ("journal", "export")], ids=" ".join)
def test_a_closed_output_is_no_defect(demo: Path, typed: tuple[str, ...]) -> None:
    """The command does its work, and what it would have said is nowhere."""
    said = without_output(command(*typed, config=demo))

    assert said.code in {0, 1}, said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("encoding", ["latin-1", "cp437"])
@pytest.mark.parametrize("typed", [("tariff", "list"), ("status", "--json")], ids=" ".join)
def test_an_output_in_another_encoding_is_no_defect(
    demo: Path, typed: tuple[str, ...], encoding: str
) -> None:
    """Signs that it has no place for are escaped; JSON stays JSON."""
    done = subprocess.run(
        command(*typed, config=demo),
        env=environment() | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode(encoding)

    assert done.returncode in {0, 1}, done.stderr
    assert said
    if "--json" in typed:
        assert json.loads(said)["ok"] in {True, False}


def test_errors_that_nobody_hears_stop_nothing(demo: Path) -> None:
    """The reader of standard error left: the result is there all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command("import", "usage", demo.parent / "absent.csv", "--json", config=demo),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=writer,
        check=False,
    )
    os.close(writer)

    assert done.returncode == 2
    assert json.loads(done.stdout)["ok"] is False
