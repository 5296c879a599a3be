"""Which rules of a compiled Schematron can concern a document: the others need not be compiled.

Saxon takes half a second and more for a sheet of a thousand rules, of which most are about elements
that a document does not have. A rule is left out only when the sheet itself shows that it cannot
speak of the document; whatever is written in an unexpected way is kept.
"""

import re
from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element

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


def names_in(tree: etree._ElementTree) -> frozenset[str]:
    """The local names of all elements and attributes of a document, alone and below another."""
    pairs = set()
    for element in tree.iter(etree.Element):
        parent = element.getparent()
        pairs.add(("" if parent is None else str(parent.tag), str(element.tag)))
        pairs.update((str(element.tag), str(name)) for name in element.attrib)
    local = {(parent.rpartition("}")[2], name.rpartition("}")[2]) for parent, name in pairs}
    return frozenset(found for parent, name in local for found in (name, f"{parent}/{name}"))


def relevant_rules(sheet: bytes, names: frozenset[str]) -> bytes:
    """A sheet without the rules that can say nothing of a document.

    Left out are templates whose every pattern names something that the document has not, outside
    predicates, or not at such a place, and assertions that such a thing is absent.

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
    return any(names.issuperset(_needed(path)) for path in _paths(pattern))


def _needed(path: str) -> Iterator[str]:
    """The names of a path, and each that must be right below another."""
    above = ""
    for step in path.split("/"):
        name = _NAME.fullmatch(step.strip().removeprefix("@"))
        yield from _NAME.findall(step)
        if above and name is not None:
            yield f"{above}/{name[1]}"
        above = "" if name is None else name[1]


def _paths(pattern: str) -> Iterator[str]:
    """The alternatives of a pattern, without what stands in brackets: it may be a disjunction."""
    depth, quote, path = 0, "", ""
    for sign in pattern:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[(":
            depth += 1
        elif sign in "])":
            depth -= 1
        elif depth == 0 and sign == "|":
            yield path
            path = ""
        elif depth == 0:
            path += sign
    yield path


def _is_absence_of_the_absent(choice: _Element, names: frozenset[str]) -> bool:
    """Whether it is an assertion that something is absent which is absent."""
    if [child.tag for child in choice] != [f"{_XSL}when", f"{_XSL}otherwise"] or len(choice[0]):
        return False
    absence = _ABSENCE.fullmatch(choice[0].get("test", ""))
    return absence is not None and not names.issuperset(_needed(absence[1] or absence[2]))


def _remove(element: _Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
