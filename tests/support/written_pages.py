"""Pages read back by a parser of HTML: what a browser would make of them."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import html
from lxml.html import HtmlElement

OURS = frozenset({"data:,"})
"""The address that stands for no icon: nothing is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a folder."""

    path: Path
    root: HtmlElement

    def all(self, xpath: str) -> list[HtmlElement]:
        """Its elements that a path finds."""
        found = self.root.xpath(xpath)
        assert isinstance(found, list)
        return [one for one in found if isinstance(one, HtmlElement)]

    def texts(self, xpath: str) -> list[str]:
        """The texts of these, on one line each."""
        return [" ".join(str(one.text_content()).split()) for one in self.all(xpath)]

    def values(self, xpath: str) -> list[str]:
        """The attributes that a path finds."""
        found = self.root.xpath(xpath)
        assert isinstance(found, list)
        return [str(one) for one in found]

    @property
    def vocabulary(self) -> set[str]:
        """Its elements, and their attributes: ``td``, ``td@class``."""
        elements = [one for one in self.root.iter() if isinstance(one.tag, str)]
        return {str(one.tag) for one in elements} | {
            f"{one.tag}@{name}" for one in elements for name in one.attrib
        }

    def faults(self) -> list[str]:
        """What a page for everyone has to be, and this one is not."""
        return [
            *self._outline(),
            *self._tables(),
            *self._names(),
            *(fault for to in self.values("//@href | //@src") for fault in self._link(to)),
        ]

    def _outline(self) -> list[str]:
        once = ("//main", "//h1", "//header", "//footer", "//title", "//nav[@aria-label='Pages']")
        faults = [f"{xpath}: not once" for xpath in once if len(self.all(xpath)) != 1]
        if self.values("/html/@lang") != ["fr"]:
            faults.append("not said to be French")
        levels = [int(str(one.tag)[1]) for one in self.all("//h1|//h2|//h3|//h4")]
        if any(after > before + 1 for before, after in pairwise(levels)):
            faults.append(f"headings jump: {levels}")
        current = self.all("//nav[@aria-label='Pages']//a[@aria-current='page']")
        if len(current) > 1:
            faults.append("several pages at once")
        return faults

    def _tables(self) -> list[str]:
        faults = [
            f"table without {needed}: {' '.join(str(one.text_content()).split())[:40]}"
            for one in self.all("//table")
            for needed in ("caption", "thead", "tbody")
            if one.find(needed) is None
        ]
        headers = self.all("//th[not(@scope)]")
        return faults + [f"th without scope: {one.text_content()}" for one in headers]

    def _names(self) -> list[str]:
        ids = self.values("//@id")
        faults = [f"id twice: {one}" for one in {one for one in ids if ids.count(one) > 1}]
        for name in ("aria-labelledby", "aria-describedby"):
            told = {word for value in self.values(f"//@{name}") for word in value.split()}
            faults += [f"{name} of nothing: {one}" for one in told - set(ids)]
        drawings = "//*[local-name()='svg'][not(@aria-hidden='true') and not(@role='img')]"
        return faults + ["a drawing without alternative"] * len(self.all(drawings))

    def _link(self, to: str) -> list[str]:
        if to in OURS:
            return []
        parts = urlsplit(to)
        if parts.scheme or parts.netloc or parts.path.startswith("/"):
            return [f"leaves the folder: {to}"]
        target = self.path.parent / unquote(parts.path) if parts.path else self.path
        if not target.is_file():
            return [f"leads nowhere: {to}"]
        if parts.fragment and target.suffix == ".html":
            page = self if target == self.path else read(target)
            if parts.fragment not in page.values("//@id"):
                return [f"no such place: {to}"]
        return []


def read(path: Path) -> Page:
    """A page of a folder."""
    return Page(path=path, root=html.document_fromstring(path.read_bytes()))


def pages_of(folder: Path) -> list[Page]:
    """All of them, by their place."""
    return [read(path) for path in sorted(folder.rglob("*.html"))]
