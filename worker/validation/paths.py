"""How places in a document are written for people: the usual prefixes, whatever its own."""

from lxml import etree
from lxml.etree import _Element

MAX_VALUE = 80
"""Characters of an offending value shown to people."""
PREFIXES = {
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2": "",
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2": "",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2": "cac:",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2": "cbc:",
    "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2": "ext:",
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100": "rsm:",
    "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100": "ram:",
    "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100": "udt:",
    "urn:un:unece:uncefact:data:standard:QualifiedDataType:100": "qdt:",
}


def where(element: _Element) -> str:
    """The path of an element, and its line."""
    steps = []
    node: _Element | None = element
    while node is not None:
        parent = node.getparent()
        twins = [] if parent is None else [child for child in parent if child.tag == node.tag]
        rank = f"[{twins.index(node) + 1}]" if len(twins) > 1 else ""
        steps.append(short(node.tag) + rank)
        node = parent
    return f"/{'/'.join(reversed(steps))}, ligne {element.sourceline}"


def short(tag: str | bytes) -> str:
    """The name of an element with its usual prefix."""
    name = etree.QName(tag)
    return PREFIXES.get(name.namespace or "", "") + name.localname


def shorten(value: str, limit: int = MAX_VALUE) -> str:
    """A value on one line, cut when it is long."""
    value = " ".join(value.split())
    return value if len(value) <= limit else value[: limit - 1] + "…"
