"""The list of commands, and what a command may hold."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker.cli
from worker.cli import commands
from worker.cli.commands import COMMANDS, DRAWS
from worker.cli.commands import FILES as FILES_OF

FILES = sorted(Path(worker.cli.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("words", COMMANDS)
def test_the_listed_line_is_the_first_of_the_command(words: str) -> None:
    """``--help`` of the program and of the command say the same, though one loads nothing."""
    first, *_ = (commands()[words].help or "").splitlines()

    assert first == COMMANDS[words]


def test_each_command_is_loaded_alone() -> None:
    """The list, and one command that only reads, import neither documents nor portal."""
    heavy = ("lxml", "typst", "requests", "rich", "worker.service.bootstrap")
    code = (
        "import sys; from worker.cli import commands; import worker.cli.status;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_command_says_in_json_is_written_in_views(file: Path) -> None:
    """``put_json`` is given a view and nothing else, so that all keys stand in one file."""
    calls = list(calls_of("put_json", file))

    assert [call.lineno for call in calls if not is_given_a_view(call)] == []


def calls_of(name: str, file: Path) -> Iterator[ast.Call]:
    """Every call of a function in a file."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def is_given_a_view(call: ast.Call) -> bool:
    """Whether it reads ``put_json(**json_views.…)``."""
    return not call.args and all(
        keyword.arg is None and ast.unparse(keyword.value).startswith(("json_views.", "json_mail."))
        for keyword in call.keywords
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_command_that_draws_has_the_option_that_unfolds(file: Path) -> None:
    """A file that calls ``table`` is of a command that has ``--wide``."""
    draws = any(calls_of("table", file))
    modules = {FILES_OF.get(words, words.split()[0]) for words in DRAWS}

    assert not draws or file.stem in {*modules, "invoices", "console"}
