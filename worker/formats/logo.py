"""Whether a stranger's image may be the logo: an image, of a bounded size, that only draws.

A PNG or JPEG of a few kilobytes may unfold to gigabytes, and an SVG may hold code, movement,
effects and addresses in a dozen ways: what is not needed to draw is refused, rather than known to
be harmful. What is left is printed once in a bounded process, before the program prints it.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import BinaryIO

from lxml import etree

from worker.formats.typesetting import typeset
from worker.isolation.child import Child, ChildFailed
from worker.isolation.frames import read_frame, write_frame
from worker.isolation.limits import LOGO, Program

MAX_PIXELS = 4_000_000
"""Four times what 80 mm × 16 mm hold at 600 dots an inch: 1890 × 378, both ways."""
NO_IMAGE = "n'est pas une image PNG, JPEG ou SVG"
NO_DRAWING = (
    "n'est pas un simple dessin : il contient du code, un effet, une image incorporée ou des "
    "références extérieures"
)
TOO_INTRICATE = "est un dessin trop compliqué : ses références se répètent trop"
TOO_MANY_PIXELS = f"a trop de points : {MAX_PIXELS // 1_000_000} millions au plus"
DAMAGED = "est une image abîmée, ou d'une sorte qui ne s'imprime pas"
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that give its size (ITU-T T.81, table B.1)."""
_SVG = "http://www.w3.org/2000/svg"
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
_DRAWING = frozenset(
    {
        *("svg", "g", "defs", "symbol", "use", "switch", "title", "desc", "metadata", "style"),
        *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"),
        *("linearGradient", "radialGradient", "stop", "clipPath", "mask"),
    }
)
"""Elements of an SVG that draw, or say how; those of other vocabularies are passed over."""
_EDITORS = ("inkscape.org", "sodipodi", "w3.org/1999/02/22-rdf", "creativecommons.org", "purl.org")
"""Parts of the namespaces of what drawing programs note for themselves."""
MOST_UNFOLDED = 5_000_000
"""Bytes of a drawing in which each reference is replaced by what it names."""
MOST_DEPTH = 200
_REFERENCE = re.compile(r"url\(\s*+['\"]?+\s*+#([^'\")]*)")
_OUTER_STYLE = re.compile(
    r"@import|\\|filter|(?:src|image|image-set)\s*\(|url\((?!\s*+['\"]?+\s*+['\"]?+#)",
    re.IGNORECASE,
)
"""What reaches out from a style, or blurs, found in one pass however many spaces there are; a
backslash, which can write any of it in another way (CSS 2.1, 4.1.3), is in no drawing."""


def logo_problem(content: bytes, program: Program = LOGO) -> str:
    """What keeps an image from being printed, in French after « le logo »; nothing when it may.

    Raises:
        ChildFailed: the machine cannot try any image.
    """
    problem = (
        _too_many_pixels(content) if content.startswith((_PNG, _JPEG)) else _svg_problem(content)
    )
    if problem:
        return problem
    try:
        with Child(program, subject="le logo") as child:
            child.request(content)
            return child.receive(_decoded)
    except ChildFailed as failed:
        if not failed.by_document:
            raise
        return f"ne s'imprime pas : {failed.reason}"


def _decoded(answer: bytes) -> str:
    printed = json.loads(answer)
    if not isinstance(printed, bool):
        raise TypeError(printed)
    return "" if printed else DAMAGED


def prepare() -> Callable[[BinaryIO, BinaryIO], None]:
    """In the child: what prints one image, and answers whether it could."""

    def serve(source: BinaryIO, target: BinaryIO) -> None:
        try:
            typeset("logo", {"logo": list(read_frame(source) or b"")}, date(2000, 1, 1))
            printed = True
        except ValueError:
            printed = False
        write_frame(target, json.dumps(printed).encode())

    return serve


def _too_many_pixels(content: bytes) -> str:
    size = _size(content)
    if size is None:
        return DAMAGED
    width, height = size
    return TOO_MANY_PIXELS if width * height > MAX_PIXELS else ""


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height as a PNG or JPEG states them, or nothing when it does not."""
    if content.startswith(_PNG):
        # IHDR is the first chunk: its length and name, then both sizes (PNG, 11.2.2).
        if content[12:16] != b"IHDR" or len(content) < 24:
            return None
        return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _START_OF_FRAME:
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(width), int.from_bytes(height)
        # A fill byte stands alone; a segment counts the two bytes of its length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4])
    return None


def _svg_problem(content: bytes) -> str:
    # A stranger's XML: no entity, no network, and no document type read.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return NO_IMAGE
    if etree.QName(root).localname != "svg":
        return NO_IMAGE
    # Beside the root too: <?xml-stylesheet?> stands before it.
    if b"<!ENTITY" in content or root.xpath("//processing-instruction()"):
        return NO_DRAWING
    if any(_does_more(element) for element in root.iter("*")):
        return NO_DRAWING
    return TOO_INTRICATE if _unfolded(root) > MOST_UNFOLDED else ""


def _does_more(element: etree._Element) -> bool:
    """Whether an element of an SVG does more than draw with what is in the file."""
    name = etree.QName(element)
    if name.namespace in {None, _SVG}:
        known = name.localname in _DRAWING
    else:
        known = any(part in str(name.namespace) for part in _EDITORS)
    style = "".join(map(str, element.itertext())) if name.localname == "style" else ""
    return (
        not known
        or bool(_OUTER_STYLE.search(style))
        or any(_acts(str(key), str(value)) for key, value in element.attrib.items())
    )


def _acts(key: str, value: str) -> bool:
    """Whether an attribute of an SVG does."""
    kind = etree.QName(key).localname.lower()
    if kind.startswith("on") or kind == "filter":
        return True
    return not value.startswith("#") if key in _HREFS else bool(_OUTER_STYLE.search(value))


def _unfolded(root: etree._Element) -> int:
    """The size of a drawing whose references are followed, or more than it may have."""
    named = {element.get("id"): element for element in root.iter("*")}
    sizes: dict[etree._Element, int] = {}

    def size(element: etree._Element, depth: int = 0) -> int:
        if element not in sizes:
            # What contains itself, or goes deeper than any drawing, has no end.
            sizes[element] = MOST_UNFOLDED + 1
            if depth < MOST_DEPTH:
                referred = (named[name] for name in _names(element) if name in named)
                parts = (*element.iterchildren("*"), *referred)
                own = [len(element.text or ""), *(len(str(value)) for value in element.values())]
                sizes[element] = sum(own, 1) + sum(size(part, depth + 1) for part in parts)
        return sizes[element]

    return size(root)


def _names(element: etree._Element) -> Iterator[str]:
    """The identifiers that an element refers to."""
    for key, value in element.attrib.items():
        if key in _HREFS:
            yield str(value).removeprefix("#")
        yield from _REFERENCE.findall(str(value))
    if etree.QName(element).localname == "style":
        yield from _REFERENCE.findall("".join(map(str, element.itertext())))
