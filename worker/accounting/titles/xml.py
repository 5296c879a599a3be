"""XML as the PES and its kin write it: a value is the attribute ``V`` of its element."""

from collections.abc import Mapping, Sequence

from lxml import etree

from worker.billing.text import forbidden_in_xml

Content = Mapping[str, "str | Content | Sequence[Content]"]
"""By the name of the element, in order: a value, what it holds, or several of the same name."""


def document(root: etree._Element, content: Content) -> bytes:
    """The bytes of a document whose root holds this; an empty value has no element."""
    _fill(root, content)
    body: bytes = etree.tostring(root, encoding="ISO-8859-1", xml_declaration=True)  # type: ignore[assignment]
    return body


def _fill(parent: etree._Element, content: Content) -> None:
    for name, inner in content.items():
        match inner:
            case str():
                if inner:
                    etree.SubElement(parent, name, V=_allowed(inner))
            case Mapping():
                _fill(etree.SubElement(parent, name), inner)
            case _:
                for one in inner:
                    _fill(etree.SubElement(parent, name), one)


def _allowed(text: str) -> str:
    """Without what XML has no place for; issued documents have none of it."""
    return "".join(sign for sign in text if not forbidden_in_xml(sign))
