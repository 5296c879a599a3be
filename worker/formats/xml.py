"""The little XML writing that CII and UBL share: a block, a field, and the bytes."""

from decimal import Decimal

from lxml import etree

from worker.billing.document import Unprintable
from worker.billing.standard import NAMESPACES
from worker.billing.text import forbidden_in_xml


def document(tag: str, *prefixes: str) -> etree._Element:
    """The root element ``tag``, with the namespaces of ``prefixes`` declared on it."""
    return etree.Element(_name(tag), nsmap={prefix: NAMESPACES[prefix] for prefix in prefixes})


def block(parent: etree._Element, tag: str) -> etree._Element:
    """Add an element that holds others."""
    return etree.SubElement(parent, _name(tag))


def field(parent: etree._Element, tag: str, text: str, **attributes: str) -> None:
    """Add an element that holds text; an empty text adds nothing (PEPPOL-R008, and good sense).

    Raises:
        Unprintable: when the text holds a character XML forbids.
    """
    if not text:
        return
    element = etree.SubElement(parent, _name(tag), attributes)
    try:
        element.text = text
    except ValueError as error:
        raise Unprintable(
            f"{tag} cannot hold {text!r}: XML forbids a character of it", forbidden_in_xml(text)
        ) from error


def number(value: Decimal) -> str:
    """A number without exponent nor useless zeros: ``222``, ``5.5``."""
    return f"{value.normalize():f}"


def serialize(root: etree._Element) -> bytes:
    """UTF-8 with its declaration; the same tree always gives the same bytes."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _name(tag: str) -> str:
    prefix, _, local = tag.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
