"""What is shown, whatever its signs, wherever it goes: closed, on a pipe, in another encoding."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.e2e.program import Said, command, environment, run, run_to_the_end
from tests.e2e.test_hostile_files import HOSTILE, annotation, assert_harmless, filled, known


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_the_name_of_a_file_is_neutral_wherever_it_is_told(
    demo: Path, tmp_path: Path, as_json: list[str]
) -> None:
    """Imported, refused, journalled, validated: in French and in JSON."""
    good = tmp_path / f"\udcff{HOSTILE}.csv"
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


def is_text(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    """Whether it is a text, texts, or one or nothing."""
    return kind is str or any(map(is_text, get_args(kind)))


def misspelt() -> list[list[str]]:
    """The command line of each command that takes a text, with bytes that are none for each."""
    lines = []
    for words, command_ in known().items():
        texts = [
            one
            for one in command_.params
            if hasattr(one, "type_descriptor") and is_text(annotation(one))
        ]
        given = [one.opts[0] for one in texts if one.param_type_name == "option"]
        line = ["\udcff" if typed == "x" else typed for typed in filled(words)]
        if texts:
            lines.append([*line, *(typed for name in given for typed in (name, "\udcff\x1b[2J"))])
    return lines


@pytest.mark.parametrize("line", misspelt(), ids=lambda line: line[0])
def test_bytes_that_are_no_text_are_a_wrong_use(line: list[str], demo: Path) -> None:
    """Whichever options or arguments they are typed for."""
    said = run(*line, config=demo)

    assert "Défaut du programme" not in said.err
    assert_harmless(said)


def without_output(line: list[str]) -> Said:
    """What a program says whose standard output was closed before it began."""
    return run_to_the_end(["sh", "-c", 'exec "$@" >&-', "sh", *line], env=environment())


@pytest.mark.parametrize("typed", [("status",), ("journal", "export")], ids=" ".join)
def test_a_closed_output_is_no_defect(demo: Path, typed: tuple[str, ...]) -> None:
    """The command does its work, and what it would have said is nowhere."""
    said = without_output(command(*typed, config=demo))

    assert said.code in {0, 1}, said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("typed", [("tariff", "list"), ("status", "--json")], ids=" ".join)
def test_an_output_in_another_encoding_is_no_defect(demo: Path, typed: tuple[str, ...]) -> None:
    """Signs that it has no place for are escaped; JSON stays JSON."""
    done = subprocess.run(
        command(*typed, config=demo),
        env=environment() | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode("latin-1")

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
