"""How the printed documents look: what a public body may change without touching a template."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lxml import etree

from worker.errors import ConfigurationError
from worker.formats.typesetting import typeset
from worker.settings import MIN_CONTRAST, contrast_on_white

MAX_LOGO_BYTES = 500_000
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_ACTIVE = {"script", "foreignObject", "iframe"}
"""Elements of an SVG that do something, or bring something in, rather than draw."""
_OWN_REFERENCE = re.compile(r"#.*|data:image/(png|jpeg);base64,.*", re.DOTALL)
_OUTER_STYLE = re.compile(r"@import|url\(\s*['\"]?(?!\s*['\"]?#)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The seller's graphic identity.

    Attributes:
        accent: ``#rrggbb``, of titles and rules; dark enough to be read on white (WCAG AA).
        logo: the bytes of a PNG, JPEG or SVG image, or nothing.
    """

    accent: str = "#1f3f6e"
    logo: bytes = b""

    def __post_init__(self) -> None:
        if not _COLOUR.fullmatch(self.accent):
            raise ValueError(f"{self.accent!r} is not a colour (#rrggbb)")
        if contrast_on_white(self.accent) < MIN_CONTRAST:
            raise ValueError(f"the colour {self.accent} cannot be read on white")
        if len(self.logo) > MAX_LOGO_BYTES:
            raise ValueError(f"the logo has more than {MAX_LOGO_BYTES} bytes")


def read_look(accent: str, logo: Path | None) -> Look:
    """Make the look that the configuration asks for; a logo is tried on a page first.

    Raises:
        ConfigurationError: the logo is missing, too big, or no image that can be printed.
    """
    if logo is None:
        return Look(accent=accent)
    try:
        # One byte more tells a file that is too big without reading all of it.
        with logo.open("rb") as file:
            content = file.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise _refused(logo, f"est illisible : {error.strerror}", "Vérifiez son chemin.") from error
    if len(content) > MAX_LOGO_BYTES:
        raise _refused(
            logo,
            "pèse plus de 500 ko",
            "Réduisez-le : il est imprimé sur 80 mm × 16 mm au plus, dans chaque document.",
        )
    if problem := _problem(content):
        raise _refused(
            logo,
            problem,
            "Donnez une image PNG, JPEG ou SVG, en couleurs RVB et sans lien vers ailleurs.",
        )
    return Look(accent=accent, logo=content)


def _refused(logo: Path, problem: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"Le logo {logo} (clé look.logo) {problem}.", remedy)


def _problem(content: bytes) -> str:
    """What keeps an image from being printed, or nothing."""
    if not content.startswith((_PNG, _JPEG)) and (problem := _svg_problem(content)):
        return problem
    try:
        typeset("logo", {"logo": list(content)}, date(2000, 1, 1))
    except ValueError:
        return "est une image abîmée, ou d'une sorte qui ne s'imprime pas"
    return ""


def _svg_problem(content: bytes) -> str:
    # A stranger's XML: no entity, no network, and no document type read.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return "n'est pas une image PNG, JPEG ou SVG"
    if etree.QName(root).localname != "svg":
        return "n'est pas une image PNG, JPEG ou SVG"
    if b"<!ENTITY" in content or any(_reaches_out(element) for element in root.iter("*")):
        return "n'est pas un simple dessin : il contient du code ou des références extérieures"
    return ""


def _reaches_out(element: etree._Element) -> bool:
    """Whether an element of an SVG does more than draw with what is in the file."""
    kind = etree.QName(element).localname
    if kind in _ACTIVE or (kind == "style" and _OUTER_STYLE.search(element.text or "")):
        return True
    for name, value in element.attrib.items():
        reference = name in {"href", _XLINK_HREF}
        if reference and not _OWN_REFERENCE.fullmatch(str(value)):
            return True
        if not reference and _OUTER_STYLE.search(str(value)):
            return True
    return False
