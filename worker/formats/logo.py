"""Whether a stranger's image may be the logo: an image, of a bounded size, that only draws.

A PNG or JPEG of a few kilobytes may unfold to gigabytes, and an SVG may hold code, movement and
addresses in a dozen ways: what is not needed to draw is refused, rather than known to be harmful.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from datetime import date

from lxml import etree

from worker.formats.typesetting import typeset

MAX_PIXELS = 4_000_000
"""Four times what 80 mm × 16 mm hold at 600 dots an inch: 1890 × 378, both ways."""
NO_IMAGE = "n'est pas une image PNG, JPEG ou SVG"
NO_DRAWING = "n'est pas un simple dessin : il contient du code ou des références extérieures"
TOO_MANY_PIXELS = f"a trop de points : {MAX_PIXELS // 1_000_000} millions au plus"
DAMAGED = "est une image abîmée, ou d'une sorte qui ne s'imprime pas"
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that give its size (ITU-T T.81, table B.1)."""
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_ACTIVE = frozenset(
    {
        *("script", "foreignObject", "iframe", "object", "embed", "handler", "listener"),
        *("audio", "video", "a"),
        *("set", "animate", "animateColor", "animateMotion", "animateTransform", "discard"),
    }
)
"""Elements of an SVG that do something, move, or bring something in, rather than draw."""
_IMAGE = re.compile(r"data:image/(?:png|jpeg);base64,(.*)", re.DOTALL)
_OUTER_STYLE = re.compile(
    r"@import|\\|(?:src|image|image-set)\s*\(|url\(\s*['\"]?(?!\s*['\"]?#)", re.IGNORECASE
)
"""What reaches out from a style; a backslash, which can write any of it in another way (CSS 2.1,
4.1.3), is in no drawing."""


def logo_problem(content: bytes) -> str:
    """What keeps an image from being printed, in French after « le logo »; nothing when it may."""
    problem = (
        _too_many_pixels(content) if content.startswith((_PNG, _JPEG)) else _svg_problem(content)
    )
    if problem:
        return problem
    try:
        typeset("logo", {"logo": list(content)}, date(2000, 1, 1))
    except ValueError:
        return DAMAGED
    return ""


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
    if any(_reaches_out(element) for element in root.iter("*")):
        return NO_DRAWING
    return next(filter(None, map(_too_many_pixels, _images(root))), "")


def _reaches_out(element: etree._Element) -> bool:
    """Whether an element of an SVG does more than draw with what is in the file."""
    kind = etree.QName(element).localname
    if kind in _ACTIVE or (
        kind == "style" and _OUTER_STYLE.search("".join(map(str, element.itertext())))
    ):
        return True
    for name, value in element.attrib.items():
        text = str(value)
        if etree.QName(name).localname.lower().startswith("on"):
            return True
        if name in {"href", _XLINK_HREF}:
            if not (text.startswith("#") or _IMAGE.fullmatch(text)):
                return True
        elif _OUTER_STYLE.search(text):
            return True
    return False


def _images(root: etree._Element) -> Iterator[bytes]:
    """The images written inside an SVG; what is no image is empty, hence refused."""
    for element in root.iter("*"):
        for name in ("href", _XLINK_HREF):
            if found := _IMAGE.fullmatch(element.get(name, "")):
                try:
                    image = b64decode(found[1])
                except Error:
                    image = b""
                yield image if image.startswith((_PNG, _JPEG)) else b""
