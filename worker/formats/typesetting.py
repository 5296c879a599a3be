"""Typesetting of a page with typst: data in, PDF bytes out, the same bytes for the same data.

Archival and accessible by construction: PDF/A-3a and PDF/UA-1 together. Only the fonts inside
the typst wheel are used, so that a document looks the same wherever it is made. Pages may be set on
several threads at once: typst lets go of the interpreter while it works.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path

import typst

_LONG_WORD = re.compile(r"[^\s-]{24,}")
"""What may not fit in a column; the page folds it, by a rule that costs a tenth of its time."""
_OWN_LINE = frozenset({"hashes"})
"""Texts that stand on a line of their own, long as they are."""


def typeset(template: str, data: dict[str, object], day: date) -> bytes:
    """Print ``templates/<template>.typ`` with ``data``, dated ``day``.

    The data reach typst as one JSON string, and the template only places its strings: no text
    of an invoice is ever read as typst code.

    Raises:
        ValueError: when a text cannot be printed, for instance a sign no embedded font has.
    """
    text = json.dumps(data | {"folds": any(map(_LONG_WORD.search, _texts(data)))})
    # Not kept from one page to the next: a compiler refuses a second thread, and costs 0.3 ms.
    compiler = typst.Compiler(root=_templates(), font_paths=_fonts(), ignore_system_fonts=True)
    try:
        pdf = compiler.compile(
            input=str(_templates() / f"{template}.typ"),
            format="pdf",
            sys_inputs={"data": text},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=instant(day),
        )
    except typst.TypstError as error:
        raise ValueError(f"{template} cannot be printed: {error.message}") from error
    if not isinstance(pdf, bytes):
        raise TypeError("typst gives one PDF as bytes")
    return pdf


def instant(day: date) -> datetime:
    """The instant written in a document made on ``day``: midnight UTC, for want of a clock."""
    return datetime.combine(day, time(), UTC)


def _texts(value: object) -> Iterator[str]:
    """Every text of the data, but those that need no folding."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                if key not in _OWN_LINE:
                    yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
        case _:
            pass


def _templates() -> Path:
    return Path(str(resources.files("worker.formats") / "templates"))


@cache
def _fonts() -> typst.Fonts:
    """Those inside the typst wheel, read once and shared by all threads."""
    return typst.Fonts(include_system_fonts=False)
