"""How a document in UBL or CII is read: each business term by its number in EN 16931."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Self

from lxml import etree
from lxml.etree import _Element

from worker.billing.bindings import PLACES, Place
from worker.billing.standard import CII_ROOT, NAMESPACES

ZERO = Decimal(0)
MAX_DIGITS = 24
"""Characters of a number: Chorus Pro takes 19 digits and a point."""
Rate = tuple[str, Decimal]
"""A category of VAT and its rate; none is zero."""


class TooLong(Exception):
    """A number with more digits than any amount has: computing with it proves nothing."""

    def __init__(self, element: _Element) -> None:
        super().__init__()
        self.element = element


@dataclass(frozen=True, slots=True)
class Group:
    """An element whose terms are read where ``billing/bindings.py`` says; a root is one too."""

    element: _Element
    cii: bool

    @classmethod
    def of_root(cls, root: _Element) -> Self:
        """A whole document; its root must be of one of the two syntaxes."""
        return cls(root, cii=root.tag == CII_ROOT)

    def path(self, place: Place) -> str:
        """Where a value stands in the syntax of the document."""
        return place.cii if self.cii else place.ubl

    def at(self, place: Place) -> list[_Element]:
        """The elements at a place."""
        return elements(self.element, self.path(place))

    def all(self, term: str) -> "list[Group]":
        """The groups, or the values, of a term."""
        return [Group(element, self.cii) for element in self.at(PLACES[term])]

    def text(self, term: str) -> str:
        """The first value of a term, without its spaces; nothing when it is absent."""
        found = self.at(PLACES[term])
        return (found[0].text or "").strip() if found else ""

    def number(self, term: str) -> Decimal | None:
        """The number that a term is, or nothing when it is absent or none. Raises TooLong."""
        found = self.at(PLACES[term])
        return number(found[0]) if found else None

    def amount(self, term: str) -> Decimal:
        """The same, zero for nothing. Raises TooLong."""
        return self.number(term) or ZERO

    def rate(self, category: str, rate: str) -> Rate:
        """The category and rate of VAT that two terms give. Raises TooLong."""
        return self.text(category), self.amount(rate)


def number(element: _Element) -> Decimal | None:
    """The number that an element holds, or nothing when it holds none.

    Raises:
        TooLong: when it has more digits than any amount.
    """
    written = (element.text or "").strip()
    if len(written) > MAX_DIGITS:
        raise TooLong(element)
    try:
        read = Decimal(written)
    except InvalidOperation:
        return None
    return read if read.is_finite() and abs(read.adjusted()) <= MAX_DIGITS else None


def elements(parent: _Element, path: str) -> list[_Element]:
    """The elements at a path, with the prefixes of ``NAMESPACES``."""
    found = _compiled(path)(parent)
    return [node for node in found if isinstance(node, _Element)] if isinstance(found, list) else []


@cache
def _compiled(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=NAMESPACES)
