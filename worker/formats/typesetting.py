"""Typesetting of a page with typst: data in, PDF bytes out, the same bytes for the same data.

Archival and accessible by construction: PDF/A-3a and PDF/UA-1 together. Only the fonts inside
the typst wheel are used, so that a document looks the same wherever it is made. Pages may be set on
several threads at once: typst lets go of the interpreter while it works.
"""

import json
import re
import threading
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path

import typst

from worker.billing.document import Unprintable

COLUMN = 23
"""Letters of a word that fit in the narrowest column; the template folds longer ones."""
ROOMS = {"hashes": 64, "contact": 48}
"""The same for texts that have a line of their own."""
_of_thread = threading.local()
_WORD = re.compile(r"[^\s-]+")
_MISSING = re.compile(r'the text `"(.*?)"` could not be displayed')


def typeset(template: str, data: dict[str, object], day: date) -> bytes:
    """Print ``templates/<template>.typ`` with ``data``, dated ``day``.

    The data reach typst as one JSON string, and the template only places its strings: no text
    of an invoice is ever read as typst code.

    Raises:
        Unprintable: when a text cannot be printed, for instance a character no embedded font has.
    """
    text = json.dumps(data | {"folds": needs_folding(data)})
    try:
        pdf = _compiler().compile(
            input=str(templates() / f"{template}.typ"),
            format="pdf",
            sys_inputs={"data": text},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=instant(day),
        )
    except typst.TypstError as error:
        character = _MISSING.search(error.message)
        raise Unprintable(
            f"{template} cannot be printed: {error.message}",
            _written(character[1]) if character else "",
        ) from error
    if not isinstance(pdf, bytes):
        raise TypeError("typst gives one PDF as bytes")
    return pdf


def unprintable_character(text: str) -> str:
    """The first character of a text that no embedded font has, or nothing; costs a small page."""
    try:
        typeset("text", {"text": text}, date(2000, 1, 1))
    except Unprintable as error:
        return error.character
    return ""


def _written(text: str) -> str:
    r"""The text that typst shows with escapes, ``\u{7}`` for the character U+0007."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), text)


def instant(day: date) -> datetime:
    """The instant written in a document made on ``day``: midnight UTC, for want of a clock."""
    return datetime.combine(day, time(), UTC)


def needs_folding(value: object, room: int = COLUMN) -> bool:
    """Whether a word of the data may not fit: only then is a rule set to fold it.

    The rule costs a tenth of a page's time.
    """
    match value:
        case str():
            return len(value) > room and max(map(len, _WORD.findall(value)), default=0) > room
        case dict():
            return any(needs_folding(inner, ROOMS.get(key, room)) for key, inner in value.items())
        case list() | tuple():
            return any(needs_folding(inner, room) for inner in value)
        case _:
            return False


def templates() -> Path:
    """The folder of the pages, and of what a PDF says beside them."""
    return Path(str(resources.files("worker.formats") / "templates"))


def _compiler() -> typst.Compiler:
    """One per thread: it refuses a second one, and a new one costs a twentieth of a page."""
    if not hasattr(_of_thread, "compiler"):
        _of_thread.compiler = typst.Compiler(
            root=templates(), font_paths=_fonts(), ignore_system_fonts=True
        )
    compiler: typst.Compiler = _of_thread.compiler
    return compiler


@cache
def _fonts() -> typst.Fonts:
    """Those inside the typst wheel, read once and shared by all threads."""
    return typst.Fonts(include_system_fonts=False)
