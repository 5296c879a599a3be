"""The sentences of findings.toml against the calls that fill them."""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter

import worker.validation

ROOM = Path(worker.validation.__file__).parent
SENTENCES = tomllib.loads((ROOM / "findings.toml").read_text("utf-8"))
NOT_FACTS = {"severity", "where", "value"}


def cases(code: str) -> dict[str, dict[str, str]]:
    """The sentences of a code by case; one that has no cases has the empty one."""
    sentences = SENTENCES[code]
    return {"": sentences} if "message" in sentences else sentences


def gaps(code: str, case: str) -> set[str]:
    """What the sentences of a case are filled with."""
    text = "".join(cases(code)[case].values())
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Code, case and facts of each call of ``worded`` with a literal code."""
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "worded"):
                continue
            if not isinstance(node.args[0], ast.Constant):
                continue
            given = {str(keyword.arg) for keyword in node.keywords}
            code = str(node.args[0].value)
            for case in chosen(node, code):
                yield code, case, given


def chosen(call: ast.Call, code: str) -> Iterable[str]:
    """The case that a call names, those that it chooses from, or all when a variable says it."""
    if len(call.args) == 1:
        return [""]
    literals = {node.value for node in ast.walk(call.args[1]) if isinstance(node, ast.Constant)}
    return [case for case in cases(code) if case in literals] or cases(code)


def test_each_call_gives_what_its_sentences_need() -> None:
    """No gap of a sentence is left open."""
    found = [
        (code, case, facts - NOT_FACTS, gaps(code, case) - {"value"})
        for code, case, facts in calls()
    ]

    assert [one for one in found if not one[3] <= one[2]] == []
    assert len(found) > 50


def test_a_value_in_a_sentence_is_given() -> None:
    """A sentence that shows the offending value gets it."""
    wrong = [
        (code, case)
        for code, case, facts in calls()
        if "value" in gaps(code, case) and "value" not in facts
    ]

    assert wrong == []


def test_each_sentence_has_its_remedy() -> None:
    """Message and remedy, and nothing else."""
    for code in SENTENCES:
        for words in cases(code).values():
            assert set(words) == {"message", "remedy"}
            assert all(words.values())
