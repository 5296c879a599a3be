"""How places in a document are written for people: the usual prefixes, whatever its own."""

from lxml import etree
from lxml.etree import _Element

from worker.billing.standard import NAMESPACES

MAX_VALUE = 80
"""Characters of an offending value shown to people."""
_ROOTS = {"ubl", "cn"}
PREFIXES = {
    namespace: "" if prefix in _ROOTS else f"{prefix}:" for prefix, namespace in NAMESPACES.items()
}


def where(element: _Element) -> str:
    """The path of an element, and its line."""
    steps = []
    node: _Element | None = element
    while node is not None:
        steps.append(short(node.tag) + _rank(node))
        node = node.getparent()
    return f"/{'/'.join(reversed(steps))}, ligne {element.sourceline}"


def _rank(node: _Element) -> str:
    """Its place among the siblings of its name, when it has any; counted without making them."""
    name = etree.QName(node)
    before = node.xpath(
        "count(preceding-sibling::*[local-name()=$name and namespace-uri()=$namespace])",
        name=name.localname,
        namespace=name.namespace or "",
    )
    alone = before == 0 and next(node.itersiblings(node.tag), None) is None
    return "" if alone else f"[{int(float(str(before))) + 1}]"


def short(tag: str | bytes) -> str:
    """The name of an element with its usual prefix."""
    name = etree.QName(tag)
    return PREFIXES.get(name.namespace or "", "") + name.localname


def shorten(value: str, limit: int = MAX_VALUE) -> str:
    """A value on one line, cut when it is long."""
    value = " ".join(value.split())
    return value if len(value) <= limit else value[: limit - 1] + "…"
