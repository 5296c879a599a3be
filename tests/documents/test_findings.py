"""The registry of finding codes against the code that uses them, and against the documents."""

import ast
import re
from collections.abc import Iterator

from tests.documents.pages import ROOT, page, python_files, rows, section
from worker.billing.finding_codes import FAMILIES, REGISTRY, Level

CODE = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
OFFICIAL = ("BR-", "PEPPOL-", "UBL-DT")
"""Codes of other publishers, which french.py explains."""
OF_FAMILIES = {code.split("-")[0] for code in REGISTRY}


def is_of_a_family(text: str) -> bool:
    """Whether a text has the form of a code of one of our families."""
    ours = text.split("-", maxsplit=1)[0] in OF_FAMILIES and not text.startswith(OFFICIAL)
    return ours and CODE.fullmatch(text) is not None


def trees() -> Iterator[ast.AST]:
    """The syntax trees of worker/, the registry left out."""
    for path in python_files("worker"):
        if path != ROOT / "worker/billing/finding_codes.py":
            yield ast.parse(path.read_text("utf-8"))


def in_use() -> set[str]:
    """Every literal of worker/ that is a code, or has the form of one of our families."""
    return {
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value in REGISTRY or is_of_a_family(node.value))
    }


def findings_made() -> Iterator[tuple[str, str]]:
    """Code and severity, as written, of each finding that is made with a literal code."""
    for tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            match ast.unparse(node.func):
                case "Finding":
                    code = next((k.value for k in node.keywords if k.arg == "code"), None)
                case "worded":
                    code = node.args[0]
                case _:
                    continue
            if isinstance(code, ast.Constant):
                yield str(code.value), given.get("severity", "Severity.BLOCKING")


def test_the_registry_has_each_code_once() -> None:
    """A code belongs to one family, where codes are in order."""
    codes = [code.code for family in FAMILIES for code in family.codes]

    assert len(codes) == len(set(codes))
    for family in FAMILIES:
        assert list(family.codes) == sorted(family.codes, key=lambda code: code.code)


def test_the_codes_in_use_are_those_of_the_registry() -> None:
    """None is used that is not registered, none registered that is not used."""
    used = in_use()

    assert used - REGISTRY.keys() == set()
    assert REGISTRY.keys() - used == set()


def test_every_finding_with_a_literal_code_is_registered() -> None:
    """A new family cannot escape: each literal ``code=`` of a Finding is in the registry."""
    made = {code for code, _ in findings_made()}

    assert made - REGISTRY.keys() == set()
    assert len(made) > 30


def test_the_levels_are_those_of_the_findings() -> None:
    """Where a finding states its severity, the registry's level admits it."""
    expected = {"Severity.BLOCKING": Level.BLOCKING, "Severity.WARNING": Level.WARNING}
    wrong = [
        (code, severity)
        for code, severity in findings_made()
        if REGISTRY[code].level not in {expected.get(severity, Level.EITHER), Level.EITHER}
    ]

    assert wrong == []


def test_the_page_of_findings_is_the_registry() -> None:
    """docs/findings.md has each family, what to do, and each code with its words, in order."""
    text = page("docs/findings.md")
    told = {family.title: list(rows(section(text, family.title))) for family in FAMILIES}

    assert told == {
        family.title: [
            [f"`{code.code}`", code.level.value, code.meaning, code.source] for code in family.codes
        ]
        for family in FAMILIES
    }
    assert [family.title for family in FAMILIES if family.to_do not in text] == []
