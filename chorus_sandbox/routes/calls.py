"""What an operation receives and how it refuses: the body of a call, read field by field."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from chorus_sandbox import SandboxOptions
from chorus_sandbox.directory import Directory
from chorus_sandbox.ledger.ledger import Ledger

DONE = "GCU_MSG_01_000"
FOUND = "TRA_MSG_00.000"
"""Labels of success: the first of what does something, the second mostly of what looks up."""

_DEFAULT_PAGE_SIZE = 10
_GREATEST_INTEGER = 2**63 - 1
Suffixes = tuple[str, str, str]
_Item = TypeVar("_Item")
_DIGITS = re.compile(r"[0-9]{1,19}")


class MalformedBody(Exception):
    """A mandatory field is missing or null, or a field has the wrong type (§1.5)."""


class Refusal(Exception):
    """A business refusal: ``codeRetour`` and ``libelle`` (§4.1)."""

    def __init__(self, code: int, label: str) -> None:
        super().__init__(label)
        self.code = code
        self.label = label


class TooLarge(Exception):
    """What is asked for does not fit in one answer: a 413 (§2.7)."""


class Body:
    """A JSON object of a request. A null field is an absent field."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = {name: value for name, value in fields.items() if value is not None}

    def names(self) -> frozenset[str]:
        """The fields that have a value."""
        return frozenset(self._fields)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuses other criteria: leaving one out would return more than was asked for."""
        if unknown := sorted(self._fields.keys() - known):
            raise Refusal(20000, f"SIMULE - Critere non simule : {unknown[0]}")

    def text(self, name: str) -> str | None:
        """A text; an empty one counts as absent."""
        return _checked_text(name, self._fields.get(name, "")) or None

    def mandatory_text(self, name: str) -> str:
        """A text that must be there."""
        return _there(name, self.text(name))

    def mandatory_bytes(self, name: str, *, most: int, too_large: Refusal) -> bytes:
        """Bytes in base64 that must be there; more than so many are refused (§5)."""
        encoded = self.mandatory_text(name)
        if len(encoded) > 4 * -(-most // 3):
            raise too_large
        try:
            content = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MalformedBody(name) from error
        if len(content) > most:
            raise too_large
        return content

    def integer(self, name: str) -> int | None:
        """A whole number, also written as text, as samples do (§2)."""
        value = self._fields.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _GREATEST_INTEGER:
            raise MalformedBody(name)
        return value

    def mandatory_integer(self, name: str) -> int:
        """A whole number that must be there."""
        return _there(name, self.integer(name))

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise MalformedBody(name)
        return value

    def block(self, name: str) -> "Body":
        """A nested object; empty when absent."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict):
            raise MalformedBody(name)
        return Body(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        return tuple(_checked_text(name, item) for item in self._list(name))

    def blocks(self, name: str) -> tuple["Body", ...]:
        """A list of objects; empty when absent."""
        items = self._list(name)
        blocks = tuple(Body(item) for item in items if isinstance(item, dict))
        if len(blocks) != len(items):
            raise MalformedBody(name)
        return blocks

    def _list(self, name: str) -> list[object]:
        value = self._fields.get(name, [])
        if not isinstance(value, list):
            raise MalformedBody(name)
        return value


def _there(name: str, value: _Item | None) -> _Item:
    if value is None:
        raise MalformedBody(name)
    return value


def _checked_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise MalformedBody(name)
    try:
        value.encode()  # JSON can spell half a surrogate pair, which nothing can store
    except UnicodeEncodeError as error:
        raise MalformedBody(name) from error
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list (§2, Pagination)."""

    rank: int  # page number, from 1
    size: int  # most results of a page
    descending: bool  # greatest first

    @property
    def offset(self) -> int:
        """Results before this page."""
        return (self.rank - 1) * self.size

    def slice(self, items: Sequence[_Item]) -> list[_Item]:
        """The results of this page, out of all of them in their order."""
        return list(items[self.offset : self.offset + self.size])

    def described(self, total: int) -> dict[str, object]:
        """``parametresRetour`` for this many results in all."""
        return {
            "pageCourante": self.rank,
            "pages": -(-total // self.size),
            "nbResultatsParPage": self.size,
            "total": total,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that the gateway let in."""

    body: Body  # its JSON body
    ledger: Ledger  # the ledger, on a connection of this thread
    directory: Directory  # the known structures
    now: datetime  # the instant of the call
    options: SandboxOptions  # how late and how short this call is served

    def page(self, block: Body, *, descending: bool, suffixes: Suffixes = ("", "", "")) -> Page:
        """The page asked for in a paging block, no larger than this call allows."""
        page = read_page(block, descending=descending, suffixes=suffixes)
        return replace(page, size=min(page.size, self.options.page_cap or page.size))


def read_page(block: Body, *, descending: bool, suffixes: Suffixes = ("", "", "")) -> Page:
    """The page asked for; the first one of ten results when nothing is asked (§2).

    Args:
        block: the paging block.
        descending: the order when none is asked.
        suffixes: what the names of the three fields end with.
    """
    of_rank, of_size, of_way = suffixes
    rank = block.integer(f"pageResultatDemandee{of_rank}")
    size = block.integer(f"nbResultatsParPage{of_size}")
    way = block.text(f"triSens{of_way}")
    if way not in (None, "Ascendant", "Descendant"):
        raise MalformedBody("triSens")
    page = Page(
        rank=1 if rank is None else rank,
        size=_DEFAULT_PAGE_SIZE if size is None else size,
        descending=descending if way is None else way == "Descendant",
    )
    if page.rank < 1 or page.size < 1:
        raise MalformedBody("pageResultatDemandee")
    return page


def success(label: str, /, **fields: object) -> dict[str, object]:
    """A successful answer; fields without a value are left out, empty lists too (§2)."""
    return {"codeRetour": 0, "libelle": label} | given(fields)


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
