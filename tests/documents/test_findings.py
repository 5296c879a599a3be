"""The registry of finding codes, docs/findings.md, against the code that uses them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from tests.documents.pages import ROOT, page, python_files, rows, section

CODE = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
OFFICIAL = ("BR-", "PEPPOL-", "UBL-DT")
"""Codes of other publishers, which french.py explains."""
PAGE = page("docs/findings.md")
FAMILIES = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)


class FindingCode(NamedTuple):
    """A row of the registry: how much a code weighs, what it means, where its rule comes from."""

    code: str
    level: str
    meaning: str
    source: str


def codes_of(family: str) -> list[FindingCode]:
    """The codes that the page has under a heading."""
    told = [FindingCode(*cells) for cells in rows(section(PAGE, family))]
    return [row._replace(code=row.code.strip("`")) for row in told]


REGISTRY = {row.code: row for family in FAMILIES for row in codes_of(family)}
OF_FAMILIES = {code.split("-")[0] for code in REGISTRY}


def is_of_a_family(text: str) -> bool:
    """Whether a text has the form of a code of one of our families."""
    ours = text.split("-", maxsplit=1)[0] in OF_FAMILIES and not text.startswith(OFFICIAL)
    return ours and CODE.fullmatch(text) is not None


def trees() -> Iterator[ast.AST]:
    """The syntax trees of worker/."""
    for path in python_files("worker"):
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
            if isinstance(code, ast.Constant) and CODE.fullmatch(str(code.value)):
                yield str(code.value), given.get("severity", "Severity.BLOCKING")


def test_the_registry_has_each_code_once() -> None:
    """A code belongs to one family, where codes are in order."""
    codes = [row.code for family in FAMILIES for row in codes_of(family)]

    assert len(codes) == len(set(codes))
    for family in FAMILIES:
        assert codes_of(family) == sorted(codes_of(family))


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


def test_the_sentences_are_those_of_registered_codes() -> None:
    """findings.toml has no sentence for a code that does not exist."""
    text = (ROOT / "worker/validation/findings.toml").read_text("utf-8")

    assert tomllib.loads(text).keys() - REGISTRY.keys() == set()


def test_the_levels_are_those_of_the_findings() -> None:
    """Where a finding states its severity, the registry's level admits it."""
    expected = {"Severity.BLOCKING": "blocking", "Severity.WARNING": "warning"}
    wrong = [
        (code, severity)
        for code, severity in findings_made()
        if REGISTRY[code].level not in {expected.get(severity, "either"), "either"}
    ]

    assert wrong == []


def test_each_family_says_what_to_do_and_each_code_what_it_means() -> None:
    """Under its heading a family has a sentence; a code has one of three levels, and a meaning."""
    lacking = [family for family in FAMILIES if re.match(r"\s*\|", section(PAGE, family))]
    levels = {row.level for row in REGISTRY.values()}

    assert lacking == []
    assert levels == {"blocking", "warning", "either"}
    assert [row.code for row in REGISTRY.values() if not row.meaning] == []
