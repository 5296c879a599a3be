"""What a PDF says of the invoice inside it: the marks of a Factur-X that are cheap to read.

Source: Factur-X 1.09, its part on PDF/A-3, and ISO 19005-3 for what an archive may not do. PDF/A as
a whole is not judged here: veraPDF does that (``make conformance``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from worker.billing.standard import EN16931, FACTURX_EXTENDED
from worker.errors import Finding
from worker.validation.paths import shorten
from worker.validation.wording import worded
from worker.validation.xml import raise_if_starved

XML_NAME = "factur-x.xml"
XRECHNUNG_NAME = "xrechnung.xml"
"""Of the German profile alone (Factur-X 1.09, ``DocumentFileName``)."""
LEVELS = {
    "urn:factur-x.eu:1p0:minimum": "MINIMUM",
    "urn:factur-x.eu:1p0:basicwl": "BASIC WL",
    f"{EN16931}#compliant#urn:factur-x.eu:1p0:basic": "BASIC",
    EN16931: "EN 16931",
    FACTURX_EXTENDED: "EXTENDED",
}
"""BT-24 to ``fx:ConformanceLevel``."""
RELATIONSHIPS = frozenset({"/Data", "/Source", "/Alternative"})
FORBIDDEN = frozenset(
    f"/{action}"
    for action in (
        *("Launch", "Sound", "Movie", "ResetForm", "ImportData", "Hide", "SetOCGState"),
        *("Rendition", "Trans", "GoTo3DView", "JavaScript"),
    )
)
"""Actions that PDF/A-3 forbids (ISO 19005-3, 6.5.1); to go to a page is none of them."""
MAX_NODES = 10_000
"""Of pages, annotations and actions."""
MAX_XMP = 1_000_000
MAX_TEXT = 200
_FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """What was read of a PDF around its XML; a text is empty when it is absent.

    Attributes:
        name: of the embedded file, as a reader shows it.
        relationship: ``AFRelationship``, with its slash.
        associated: whether the document counts it among its files (``/AF``).
        level: ``fx:ConformanceLevel``.
        stated_name: ``fx:DocumentFileName``.
        part: ``pdfaid:part``.
        actions: those forbidden that were found.
    """

    name: str
    relationship: str
    associated: bool
    level: str
    stated_name: str
    part: str
    actions: tuple[str, ...]


def read_wrapping(document: Any, file: Any) -> Wrapping:  # noqa: ANN401 - pikepdf's
    """Read the marks of a document open in pikepdf, around one of its embedded files.

    Raises:
        MemoryError: when there is more to look at than any invoice has.
        ValueError, TypeError, KeyError, AttributeError: when something is not what its place says.
    """
    root = document.Root
    xmp = _xmp(root)
    stream = file.EF.F.objgen
    return Wrapping(
        name=_cut(file.get("/UF", file.get("/F", ""))),
        relationship=_cut(file.get("/AFRelationship", "")),
        associated=any(
            "/EF" in other and other.EF.F.objgen == stream for other in root.get("/AF", [])
        ),
        level=_property(xmp, f"{_FX}ConformanceLevel"),
        stated_name=_property(xmp, f"{_FX}DocumentFileName"),
        part=_property(xmp, f"{_PDFAID}part"),
        actions=tuple(sorted(set(_actions(document)))),
    )


def wrong_wrapping(wrapping: Wrapping, profile: str) -> Iterator[Finding]:
    """What keeps a PDF from being the Factur-X of its XML, whose BT-24 is ``profile``."""
    level, name = LEVELS.get(profile, ""), shorten(wrapping.name)
    if not wrapping.level or not wrapping.stated_name:
        yield worded("PDF-XMP")
    elif level and _plain(wrapping.level) != _plain(level):
        yield worded("PDF-LEVEL", value=shorten(wrapping.level), level=level)
    expected = XRECHNUNG_NAME if _plain(wrapping.level) == "XRECHNUNG" else XML_NAME
    if wrapping.name != expected:
        yield worded("PDF-NAME", value=name, expected=expected)
    if wrapping.stated_name and wrapping.stated_name != wrapping.name:
        yield worded("PDF-STATED-NAME", value=shorten(wrapping.stated_name), name=name)
    if wrapping.part != "3":
        part = shorten(wrapping.part)
        said = f"PDF/A-{part}" if part else "aucune version de PDF/A"
        yield worded("PDF-PART", value=part, part=said)
    if not wrapping.associated or wrapping.relationship not in RELATIONSHIPS:
        yield worded("PDF-ASSOCIATED", value=shorten(wrapping.relationship))
    if wrapping.actions:
        found = ", ".join(action.lstrip("/") for action in wrapping.actions)
        yield worded("PDF-ACTION", value=shorten(found), actions=found)


def _plain(level: str) -> str:
    return level.replace(" ", "").upper()


def _cut(value: object) -> str:
    return str(value)[:MAX_TEXT]


def _xmp(root: Any) -> etree._Element | None:  # noqa: ANN401 - pikepdf's
    """The metadata, or nothing when there are none that can be read."""
    if "/Metadata" not in root:
        return None
    content = root.Metadata.read_bytes()
    if len(content) > MAX_XMP:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(content.strip(b"\0 \t\r\n"), parser)
    except etree.XMLSyntaxError as error:
        raise_if_starved(error)
        return None


def _property(xmp: etree._Element | None, name: str) -> str:
    """A simple property: an element, or an attribute of its description (XMP part 1, 7.9.2.2)."""
    if xmp is None:
        return ""
    for element in xmp.iter("{*}Description"):
        found = element.findtext(name) or element.get(name)
        if found:
            return _cut(found.strip())
    return ""


def _actions(document: Any) -> Iterator[str]:  # noqa: ANN401 - pikepdf's
    """The forbidden actions of the document, its pages and what can be clicked on them."""
    from pikepdf import Dictionary  # noqa: PLC0415 - only the child needs it

    root = document.Root
    if "/JavaScript" in root.get("/Names", {}):
        yield "/JavaScript"
    seen = 0
    for holder in _holders(document):
        triggered = list(holder.get("/AA", {}).values())
        waiting = [*triggered, *(holder[key] for key in ("/A", "/OpenAction") if key in holder)]
        while waiting:
            seen += 1
            if seen > MAX_NODES:
                raise MemoryError
            action = waiting.pop()
            if not isinstance(action, Dictionary) or "/S" not in action:
                continue  # an array is a page to go to
            if str(action.S) in FORBIDDEN:
                yield str(action.S)
            following = action.get("/Next")
            if following is not None:
                alone = isinstance(following, Dictionary)
                waiting.extend([following] if alone else following)


def _holders(document: Any) -> Iterator[Any]:  # noqa: ANN401 - pikepdf's
    """Everything that may have an action; the widgets of a form are annotations of its pages."""
    yield document.Root
    for rank, page in enumerate(document.pages):
        if rank > MAX_NODES:
            raise MemoryError
        yield page.obj
        yield from page.obj.get("/Annots", [])
