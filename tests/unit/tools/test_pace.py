"""Time limits follow the machine: a hang is seen, and a load is no hang."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import pace

ROOT = Path(__file__).parents[3]
WAITS = {"communicate", "join", "until", "wait", "wait_for"}
"""Calls whose positional number would be a limit; those of ``pace`` scale theirs."""
LIMITS = {"connect_timeout", "deadline", "read_timeout", "timeout"}


def numbers_as_limits(tree: ast.AST) -> Iterator[int]:
    """The lines where a call is given a bare number of seconds to wait."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        of_pace = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "pace"
        given = [word.value for word in call.keywords if word.arg in LIMITS]
        if name in WAITS:
            given += call.args
        if name == "settimeout":
            given += [one for one in call.args if not is_number(one, 0)]
        if not of_pace and any(map(is_number, given)):
            yield call.lineno


def is_number(node: ast.AST, value: float | None = None) -> bool:
    """Whether it is a number written as such, or this very number."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, int | float):
        return False
    return value is None or node.value == value


@pytest.mark.parametrize(
    "code",
    [
        "f(timeout=3)",
        "process.wait(10)",
        "process.communicate(timeout=0.5)",
        "thread.join(5)",
        "connection.settimeout(5)",
        "Transport(connect_timeout=1)",
    ],
)
def test_a_bare_number_is_seen(code: str) -> None:
    """Wherever a number of seconds may be written."""
    assert list(numbers_as_limits(ast.parse(code))) == [1]


@pytest.mark.parametrize("folder", ["tests", "chaos"])
def test_no_limit_is_a_bare_number(folder: str) -> None:
    """A limit is scaled by the pace of the machine: ``pace.limit(10)``."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in numbers_as_limits(ast.parse(path.read_text("utf-8")))
    ]

    assert found == []


def test_a_process_that_hangs_is_killed_and_named() -> None:
    """Its limit is over: the error bears the command line."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], text=True)

    with process, pytest.raises(pace.TooLong, match=r"sleep\(600\)"):
        pace.communicate(process, seconds=0.1)

    assert process.returncode == -9


def test_a_load_that_begins_later_gives_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that pass four times as slowly count for a quarter."""
    monkeypatch.setattr(pace, "factor", lambda: 4.0)
    began = time.monotonic()

    assert not pace.becomes_true(lambda: False, seconds=0.05)

    assert time.monotonic() - began >= 0.2
