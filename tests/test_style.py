"""How the tests are written: what is done, a blank line, what is seen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def crowded(text: str) -> Iterator[int]:
    """The lines of assertions that close a test right under its act."""
    lines = text.splitlines()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test_"):
            continue
        body = function.body[ast.get_docstring(function) is not None :]
        acts = [rank for rank, one in enumerate(body) if not isinstance(one, ast.Assert)]
        if not acts or acts[-1] == len(body) - 1:
            continue
        act, assertion = body[acts[-1]], body[acts[-1] + 1]
        between = lines[(act.end_lineno or 0) : assertion.lineno - 1]
        if all(line.strip() for line in between):
            yield assertion.lineno


@pytest.mark.parametrize(
    "text,found",
    [
        ("def test_a():\n    x = 1\n    assert x\n", [3]),
        ("def test_a():\n    x = 1\n    # why\n    assert x\n", [4]),
        ("def test_a():\n    x = 1\n\n    assert x\n    assert not x\n", []),
        ("def test_a():\n    assert f()\n    g()\n", []),
        ("def helper():\n    x = 1\n    assert x\n", []),
    ],
)
def test_assertions_under_their_act_are_seen(text: str, found: list[int]) -> None:
    """Only the assertions that end a test count, and only the line before them."""
    assert list(crowded(text)) == found


def test_a_blank_line_stands_between_act_and_assertions() -> None:
    """In every test whose last statements are assertions."""
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in crowded(path.read_text("utf-8"))
    ]

    assert found == []
