"""Which rules of a compiled Schematron can concern a document: the others need not be compiled.

Saxon takes half a second and more for a sheet of a thousand rules, of which most are about elements
that a document does not have. A rule is left out only when the sheet itself shows that it cannot
speak of the document; whatever is written in an unexpected way is kept.
"""

import re
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element

LONGEST_CODE = 1000
"""Characters of a text that may be a code with white space around it."""
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_NAME = re.compile(r"[A-Za-z_][\w.-]*:([A-Za-z_][\w.-]*)")
_STEP = r"@?[A-Za-z_][\w.-]*:[A-Za-z_][\w.-]*|\.\.?"
_EITHER = rf"\((?:{_STEP})(?:\|(?:{_STEP}))+\)/"
_PATH = rf"\(?\s*(?:{_EITHER})?(/{{0,2}}(?:{_STEP})(?://?(?:{_STEP}))*)\s*\)?"
_ABSENCE = re.compile(
    rf"\s*\(?\s*(?:not\s*\(\s*{_PATH}\s*\)|count\s*\(\s*{_PATH}\s*\)\s*<=?\s*[1-9])\s*\)?\s*"
)
"""A test that holds when a path leads nowhere: not(cac:Delivery/cbc:ID), count(cbc:Note) <= 1.

Before the path there may be a choice, as in (cac:InvoiceLine|cac:CreditNoteLine)/cbc:UUID.
"""
_SET_OPERATION = re.compile(r"\b(?:union|intersect|except)\b")
_PLAIN = re.compile(rf"\s*/{{0,2}}(?:{_STEP})(?://?(?:{_STEP}))*\s*")
_CODE = re.compile(r"[A-Z]{1,2}")
_IS_CODE = re.compile(
    r"\s*(?:normalize-space\(\s*(?:[\w.-]+:[\w.-]+|\.)\s*\)|[\w.-]+:[\w.-]+|\.)"
    r"\s*=\s*'([A-Z]{1,2})'\s*"
)
"""A predicate that wants a code, such as the category of VAT: [normalize-space(cbc:ID) = 'AE']."""
_CONTROL = re.compile(
    r"\b(?:if|then|else|for|return|every|some|satisfies|union|intersect|except)\b"
)
_NOT = re.compile(r"\s*not\s*(\(.*\))\s*", re.DOTALL)
_EXISTS = re.compile(r"\s*exists\s*(\(.*\))\s*", re.DOTALL)
_QUOTED = r"""'[^']*'|"[^"]*"|[\[(]|[\])]"""


def names_in(tree: etree._ElementTree) -> frozenset[str]:
    """The local names of all elements and attributes of a document, alone and below another.

    With them the codes of one or two letters that it holds, behind an equals sign.
    """
    pairs, codes = set(), set()
    for element in tree.iter(etree.Element):
        parent = element.getparent()
        pairs.add(("" if parent is None else str(parent.tag), str(element.tag)))
        pairs.update((str(element.tag), str(name)) for name in element.attrib)
        for text in (element.text or "", *map(str, element.attrib.values())):
            if len(text) < LONGEST_CODE:
                codes.add(text.strip())
    local = {(parent.rpartition("}")[2], name.rpartition("}")[2]) for parent, name in pairs}
    below = {found for parent, name in local for found in (name, f"{parent}/{name}")}
    return frozenset(below | {f"={code}" for code in codes if _CODE.fullmatch(code)})


def relevant_rules(sheet: bytes, names: frozenset[str]) -> bytes:
    """A sheet without the rules that can say nothing of a document.

    Left out are templates whose every pattern names something that the document has not, outside
    predicates, or not at such a place, or wants a code that it has not; and assertions that such a
    thing is absent, or something else.

    Args:
        sheet: XSLT, as its publisher compiled it from Schematron.
        names: those of the document, or more.
    """
    # Of our own hashed files: no bound is needed.
    root = etree.fromstring(sheet, etree.XMLParser(remove_comments=True, huge_tree=True))
    for template in list(root.iter(f"{_XSL}template")):
        pattern = template.get("match")
        if pattern is not None and not _may_match(pattern, names):
            _remove(template)
    for choice in list(root.iter(f"{_XSL}choose")):
        if _is_absence_of_the_absent(choice, names):
            _remove(choice)
    return etree.tostring(root)


def _may_match(pattern: str, names: frozenset[str]) -> bool:
    """Whether a node of a document with these names may match a pattern of XSLT."""
    if _SET_OPERATION.search(pattern):
        return True
    return not _leads_nowhere(pattern, names)


def _leads_nowhere(pattern: str, names: frozenset[str]) -> bool:
    """Whether no alternative of a pattern, or of a path, can be followed in the document."""
    return all(
        not names.issuperset(_needed(path))
        or any(f"={code[1]}" not in names for code in map(_IS_CODE.fullmatch, predicates) if code)
        for path, predicates in _paths(pattern)
    )


def _needed(path: str) -> Iterator[str]:
    """The names of a path, and each that must be right below another."""
    above = ""
    for step in path.split("/"):
        name = _NAME.fullmatch(step.strip().removeprefix("@"))
        yield from _NAME.findall(step)
        if above and name is not None:
            yield f"{above}/{name[1]}"
        above = "" if name is None else name[1]


def _paths(pattern: str) -> Iterator[tuple[str, list[str]]]:
    """The alternatives of a pattern, without what stands in brackets, and its predicates."""
    depth, quote, path = 0, "", ""
    predicates: list[str] = []
    for sign in pattern:
        within = depth > 0
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[(":
            if not within:
                # That of a function is no predicate, nor is what it gives a path.
                predicates.append("" if sign == "[" else sign)
                path += "" if sign == "[" else sign
            depth += 1
        elif sign in "])":
            depth -= 1
        elif not within and sign == "|":
            yield path, predicates
            path, predicates = "", []
        elif not within:
            path += sign
        if within and depth:
            predicates[-1] += sign
    yield path, predicates


def _is_absence_of_the_absent(choice: _Element, names: frozenset[str]) -> bool:
    """Whether it is an assertion that something is absent which is absent."""
    if [child.tag for child in choice] != [f"{_XSL}when", f"{_XSL}otherwise"] or len(choice[0]):
        return False
    test = choice[0].get("test", "")
    absence = _ABSENCE.fullmatch(test)
    if absence is not None:
        return not names.issuperset(_needed(absence[1] or absence[2]))
    return "not" in test and not _CONTROL.search(test) and _holds(test, names)


def _holds(test: str, names: frozenset[str]) -> bool:
    """Whether a test holds because one of its alternatives only wants something to be absent."""
    test = _bare(test)
    alternatives = list(_split(test, "or"))
    if len(alternatives) > 1:
        return any(_holds(one, names) for one in alternatives)
    conditions = list(_split(test, "and"))
    if len(conditions) > 1:
        return all(_holds(one, names) for one in conditions)
    negation = _NOT.fullmatch(test)
    if negation is None or (path := _bare(negation[1])) == negation[1]:
        return False
    if (found := _EXISTS.fullmatch(path)) and (bare := _bare(found[1])) != found[1]:
        path = bare
    plain = all(_PLAIN.fullmatch(one) for one, _predicates in _paths(path))
    return plain and _leads_nowhere(path, names)


def _split(test: str, word: str) -> Iterator[str]:
    """The parts of a test between an operator that stands in no bracket and no quote."""
    depth, start = 0, 0
    for token in re.finditer(rf"{_QUOTED}|(?<=[\s)\]]){word}(?=[\s(])", test):
        if token[0] in "[(":
            depth += 1
        elif token[0] in "])":
            depth -= 1
        elif token[0] == word and depth == 0:
            yield test[start : token.start()]
            start = token.end()
    yield test[start:]


def _bare(test: str) -> str:
    """A test without the parentheses around the whole of it."""
    test = test.strip()
    while test[:1] == "(" and test[-1:] == ")" and _is_whole(test[1:-1]):
        test = test[1:-1].strip()
    return test


def _is_whole(text: str) -> bool:
    """Whether each bracket of a text is closed in it, and none was open before."""
    depth = 0
    for token in re.finditer(_QUOTED, text):
        depth += (token[0] in "[(") - (token[0] in "])")
        if depth < 0:
            return False
    return depth == 0


def _remove(element: _Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
