"""The sentences of findings stand in ``french.toml``."""

import ast
from collections.abc import Iterator
from pathlib import Path

import worker.imports
from worker.imports.wording import wordings

FILES = sorted(Path(worker.imports.__file__).parent.glob("*.py"))
BY_LENGTH = {"siret-9", "siret-13"}
"""Named after the number of digits that were given."""


def test_each_sentence_is_used() -> None:
    """No pair is left behind by a finding that went."""
    unused = set(wordings()) - set(literals()) - BY_LENGTH

    assert unused == set()


def literals() -> Iterator[str]:
    """Every text in the code of the imports."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
