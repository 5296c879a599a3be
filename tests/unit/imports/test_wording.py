"""The sentences of ``findings.toml`` against the calls that fill them."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import worker.accounting
import worker.imports
from worker.imports.wording import wordings

ROOMS = (worker.imports, worker.accounting)
FILES = sorted(path for room in ROOMS for path in Path(room.__path__[0]).rglob("*.py"))
BY_LENGTH = {"siret-9", "siret-13"}
"""Named after the number of digits that were given."""


def test_each_sentence_is_used() -> None:
    """No pair is left behind by a finding that went."""
    unused = set(wordings()) - set(literals()) - BY_LENGTH

    assert unused == set()


def test_each_call_gives_what_its_sentences_need() -> None:
    """No brace of a sentence is left open."""
    open_braces = {name: braces(name) - facts for name, facts in calls()}

    assert {name: left for name, left in open_braces.items() if left} == {}
    assert len(open_braces) > 30


def braces(name: str) -> set[str]:
    """What the pair of a finding is filled with."""
    return {fact for _, fact, _, _ in Formatter().parse("".join(wordings()[name])) if fact}


def calls() -> Iterator[tuple[str, set[str]]]:
    """Name and facts of each call that takes its words by a literal name."""
    for node in nodes():
        if not isinstance(node, ast.Call):
            continue
        given = {str(keyword.arg) for keyword in node.keywords}
        match ast.unparse(node.func), node.args:
            case "finding", [*_, ast.Constant(value=str(name))]:
                yield name, given
            case "refusal", [ast.Constant(value=str(name)), _]:
                yield name, given | {"file"}
            case "words_of", [ast.Constant(value=str(name))]:
                yield name, given
            case _:
                continue


def literals() -> Iterator[str]:
    """Every text in the code of the imports."""
    for node in nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def nodes() -> Iterator[ast.AST]:
    """The code of the imports."""
    for file in FILES:
        yield from ast.walk(ast.parse(file.read_text("utf-8")))
