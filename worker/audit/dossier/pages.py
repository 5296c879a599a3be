"""Pages: a template and its facts, written as one file of a folder that a browser opens as it is.

Whatever a text of the books holds, it stays a text (autoescape; what hides in it is shown escaped).
Links are relative, so that the folder opens from a disk, a USB key or a web server alike.
"""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension

from worker.audit.dossier import words
from worker.billing.money import french
from worker.billing.period import paris_day
from worker.billing.price_rows import french_shape, price_rows
from worker.billing.quantity import counted, french_quantity, priced
from worker.isolation.files import create_regular

T = TypeVar("T")
ROWS = 1000
"""Of a table on one page: a browser opens, sorts and filters so many at once."""
ASSETS = ("site.css", "site.js")
_UNSAFE = re.compile("[^A-Za-z0-9_+-]")
_LONGEST = 60


class _FrenchSpaces(Extension):
    """The texts of the templates get their no-break spaces when they are read."""

    def preprocess(
        self,
        source: str,
        name: str | None,  # noqa: ARG002 - the library's signature
        filename: str | None = None,  # noqa: ARG002 - same
    ) -> str:
        """See ``words.typographic``; apostrophes of code stay."""
        return words.spaced(source)


def _finalize(value: object) -> object:
    if value is None:
        return ""
    return words.legible(value) if type(value) is str else value


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        auto_reload=False,
        cache_size=-1,
        extensions=[_FrenchSpaces],
        finalize=_finalize,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "amount": french,
        "integer": french_quantity,
        "day": words.long_day,
        "iso_moment": words.iso_moment,
        "instant": words.kept_instant,
        "moment": words.long_moment,
        "month": words.long_month,
        "paris_day": paris_day,
        "rate": lambda rate: f"{rate:f}".replace(".", ","),
        "siret": words.grouped_siret,
        "size": words.french_size,
        "typographic": words.typographic,
    }
    environment.globals |= {
        "french_event": words.french_event,
        "DOCUMENTS": words.DOCUMENTS,
        "FILES": words.FILES,
        "SITUATIONS": words.SITUATIONS,
        "file_name": file_name,
        "counted": counted,
        "priced": priced,
        "price_rows": price_rows,
        "french_shape": french_shape,
    }
    return environment


@lru_cache(maxsize=1000)
def _relative(here: str, to: str) -> str:
    """The address of a file of the folder, from another folder inside."""
    return quote(posixpath.relpath(to, here), safe="/-_.+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages of a folder.

    Attributes:
        folder: that they are written to.
        facts: what every template is given.
    """

    folder: Path
    facts: dict[str, object]
    _environment: Environment = field(default_factory=_environment, init=False, repr=False)

    def put(self, path: str, template: str, **facts: object) -> None:
        """Write a page.

        Args:
            path: in the folder, such as ``factures/BSN-2026-00001.html``.
            template: the name of its template, without its end.
            facts: of this page.

        Raises:
            OSError: it cannot be written.
        """
        here = posixpath.dirname(path) or "."

        text = self._environment.get_template(f"{template}.html").render(
            **self.facts, **facts, link=partial(_relative, here), path=path
        )
        self.put_file(path, text.encode())

    def put_assets(self) -> None:
        """Write the style sheet and the script. Raises OSError."""
        files = resources.files(__package__).joinpath("templates")
        for name in ASSETS:
            self.put_file(name, files.joinpath(name).read_bytes())

    def put_file(self, path: str, content: bytes) -> None:
        """Write any file. Raises OSError."""
        file = self.folder / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with create_regular(file) as opened:
            opened.write(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One page of a list.

    Attributes:
        rank: 1 for the first.
        parts: how many pages the list has.
        total: how many rows, on all of them.
    """

    name: str
    rank: int
    parts: int
    total: int

    @property
    def path(self) -> str:
        """Of the page."""
        return self.page(self.rank)

    @property
    def first(self) -> int:
        """The rank of its first row in the list."""
        return (self.rank - 1) * ROWS + 1

    @property
    def last(self) -> int:
        """The rank of its last row."""
        return min(self.rank * ROWS, self.total)

    def page(self, rank: int) -> str:
        """Of another page of the list."""
        return f"{self.name}.html" if rank == 1 else f"{self.name}-{rank}.html"


def parts_of(name: str, total: int, rows: Iterable[T]) -> Iterator[tuple[Part, list[T]]]:
    """The pages of a list, each with its rows; one page without any for an empty list."""
    left = iter(rows)
    parts = max(1, -(-total // ROWS))
    for rank in range(1, parts + 1):
        yield Part(name=name, rank=rank, parts=parts, total=total), list(islice(left, ROWS))


def file_name(text: str, ending: str = "") -> str:
    """A name for a file or folder after a text of any origin.

    A number of ours keeps its letters, its / being a hyphen; what a name has no place for is told
    apart by the hash of the text.
    """
    name = _UNSAFE.sub("-", text.replace("/", "-"))[:_LONGEST]
    if name != text.replace("/", "-") or not name:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{name}-{digest[:12]}"
    return name + ending
