"""What a PDF says of the invoice inside it: the marks of a Factur-X that are cheap to read.

Source: Factur-X 1.09, its part on PDF/A-3, and ISO 19005-3 for what an archive may not do. PDF/A as
a whole is not judged here: veraPDF does that (``make conformance``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from worker.billing.standard import EN16931, FACTURX_EXTENDED
from worker.errors import Finding, Severity
from worker.validation.files.pdf_actions import forbidden_actions
from worker.validation.paths import shorten
from worker.validation.wording import worded
from worker.validation.xml import raise_if_starved

XML_NAME = "factur-x.xml"
XRECHNUNG_NAME = "xrechnung.xml"
"""Of the German profile alone (Factur-X 1.09, ``DocumentFileName``)."""
XRECHNUNG = "XRECHNUNG"
LEVELS = {
    "urn:factur-x.eu:1p0:minimum": "MINIMUM",
    "urn:factur-x.eu:1p0:basicwl": "BASIC WL",
    f"{EN16931}#compliant#urn:factur-x.eu:1p0:basic": "BASIC",
    EN16931: "EN 16931",
    FACTURX_EXTENDED: "EXTENDED",
}
"""BT-24 to ``fx:ConformanceLevel``."""
RELATIONSHIPS = frozenset({"/Data", "/Source", "/Alternative"})
PARTIAL = frozenset({"MINIMUM", "BASIC WL"})
"""Levels whose XML says less than the page, so that it is no alternative to it (BR-HYBRID-11)."""
LEVEL, STATED_NAME = "ConformanceLevel", "DocumentFileName"
CLOSED_LISTS = {
    "DocumentType": ("BR-HYBRID-06", ("INVOICE",)),
    LEVEL: ("BR-HYBRID-07", (*LEVELS.values(), XRECHNUNG)),
    STATED_NAME: ("BR-HYBRID-08", (XML_NAME, XRECHNUNG_NAME)),
    "Version": ("BR-HYBRID-09", ("1.0",)),
}
"""The properties ``fx`` of an invoice: the rule and the list of each."""
MAX_XMP = 1_000_000
MAX_TEXT = 200
MAX_VALUES = 5
"""Of one property: a second one is a fault already."""
_FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PDFAID = "{http://www.aiim.org/pdfa/ns/id/}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """What was read of a PDF around its XML; a text is empty when it is absent.

    Attributes:
        names: of the embedded file: ``/UF``, then ``/F``.
        complete: whether ``/EF`` has it under both, the same bytes.
        relationship: ``AFRelationship``, with its slash.
        associated: whether the document counts it among its files (``/AF``).
        older: another file, of the name that the invoice had in ZUGFeRD.
        stated: the values of each property of ``CLOSED_LISTS``.
        part: ``pdfaid:part``, and ``pdfaid:conformance`` when it is 4.
        actions: those forbidden that were found.
    """

    names: tuple[str, str]
    complete: bool
    relationship: str
    associated: bool
    older: str
    stated: Mapping[str, tuple[str, ...]]
    part: str
    actions: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the embedded file, as a reader shows it."""
        return self.names[0] or self.names[1]

    def one(self, name: str) -> str:
        """The only value of a property, or nothing."""
        values = self.stated[name]
        return values[0] if len(values) == 1 else ""


def read_wrapping(document: Any, file: Any, older: str) -> Wrapping:  # noqa: ANN401 - pikepdf's
    """Read the marks of a document open in pikepdf, around one of its embedded files.

    Args:
        document: the PDF.
        file: the description of the embedded invoice.
        older: the name of another invoice beside it.

    Raises:
        MemoryError: when there is more to look at than any invoice has.
        ValueError, TypeError, KeyError, AttributeError: when something is not what its place says.
    """
    from pikepdf import Array, Name  # noqa: PLC0415 - only the child needs it

    root = document.Root
    xmp = _xmp(root)
    streams = embedded_streams(file)
    contents = {stream.read_bytes() for stream in streams.values()}
    relationship, listed = file.get("/AFRelationship"), root.get("/AF")
    part, conformance = (
        "".join(_values(xmp, f"{_PDFAID}{name}")[:1]).strip() for name in ("part", "conformance")
    )
    return Wrapping(
        names=(_cut(file.get("/UF", "")), _cut(file.get("/F", ""))),
        complete={"/F", "/UF"} <= streams.keys() and len(contents) == 1,
        relationship=_cut(relationship) if isinstance(relationship, Name) else "",
        associated=isinstance(listed, Array)
        and any(
            stream.objgen in {one.objgen for one in streams.values()}
            for other in listed
            for stream in embedded_streams(other).values()
        ),
        older=_cut(older),
        stated={name: _values(xmp, f"{_FX}{name}") for name in CLOSED_LISTS},
        part=part + conformance if part == "4" else part,
        actions=tuple(sorted(set(forbidden_actions(document)))),
    )


def embedded_streams(file: Any) -> dict[str, Any]:  # noqa: ANN401 - pikepdf's
    """What a file specification embeds (``/EF``), by the key of each reader; ``/F`` comes first."""
    from pikepdf import Dictionary, Stream  # noqa: PLC0415 - only the child needs it

    files = file.get("/EF") if isinstance(file, Dictionary) else None
    if not isinstance(files, Dictionary):
        return {}
    return {key: one for key, one in sorted(files.items()) if isinstance(one, Stream)}


def level_of(profile: str) -> str:
    """The level of a BT-24, or nothing when Factur-X has none for it."""
    is_german = profile.startswith(f"{EN16931}#compliant#") and "xrechnung" in profile.lower()
    return XRECHNUNG if is_german else LEVELS.get(profile, "")


def wrong_wrapping(wrapping: Wrapping, profile: str, *, known: bool) -> Iterator[Finding]:
    """What keeps a PDF from being the Factur-X of its XML.

    Args:
        wrapping: the PDF.
        profile: BT-24 of its XML.
        known: whether the rules of that profile are here.
    """
    level = level_of(profile)
    if known and not level:
        yield worded("PDF-PROFILE", value=shorten(profile))
    yield from _wrong_metadata(wrapping, level)
    yield from _wrong_file(wrapping, level)
    if wrapping.part == "4F":
        yield worded("PDF-PART", "recent", severity=Severity.WARNING, value=wrapping.part)
    elif wrapping.part != "3":
        part = shorten(wrapping.part)
        said = f"PDF/A-{part}" if part else "aucune version de PDF/A"
        yield worded("PDF-PART", "wrong", value=part, part=said)
    if wrapping.actions:
        found = ", ".join(action.lstrip("/") for action in wrapping.actions)
        yield worded("PDF-ACTION", value=shorten(found), actions=shorten(found))


def _wrong_metadata(wrapping: Wrapping, level: str) -> Iterator[Finding]:
    if not any(wrapping.stated.values()):
        yield worded("PDF-XMP", "absent")
        return
    for name, (rule, admitted) in CLOSED_LISTS.items():
        values = wrapping.stated[name]
        if len(values) != 1 or values[0] not in admitted:
            said = " ; ".join(f"« {shorten(value)} »" for value in values) or "rien"
            listed = ", ".join(admitted)
            yield worded("PDF-XMP", "property", name=name, said=said, rule=rule, listed=listed)
    stated = wrapping.one(LEVEL)
    if level and stated in CLOSED_LISTS[LEVEL][1] and stated != level:
        yield worded("PDF-LEVEL", severity=Severity.WARNING, value=stated, level=level)
    if wrapping.one(STATED_NAME) not in {"", wrapping.name}:
        yield worded(
            "PDF-STATED-NAME",
            severity=Severity.WARNING,
            value=shorten(wrapping.one(STATED_NAME)),
            name=shorten(wrapping.name),
        )


def _wrong_file(wrapping: Wrapping, level: str) -> Iterator[Finding]:
    expected = XRECHNUNG_NAME if wrapping.one(LEVEL) == XRECHNUNG else XML_NAME
    if wrapping.name != expected:
        yield worded("PDF-NAME", value=shorten(wrapping.name), expected=expected)
    shown, other = wrapping.names
    if not wrapping.complete or shown != other:
        yield worded("PDF-FILE", value=shorten(other), shown=shorten(shown))
    if wrapping.older:
        yield worded("PDF-OLDER", severity=Severity.WARNING, value=shorten(wrapping.older))
    if not wrapping.associated or wrapping.relationship not in RELATIONSHIPS:
        yield worded("PDF-ASSOCIATED", "none", value=shorten(wrapping.relationship))
    elif level in PARTIAL and wrapping.relationship == "/Alternative":
        yield worded("PDF-ASSOCIATED", "partial", severity=Severity.WARNING, level=level)


def _cut(value: object) -> str:
    return str(value)[:MAX_TEXT]


def _xmp(root: Any) -> etree._Element | None:  # noqa: ANN401 - pikepdf's
    """The metadata, or nothing when there are none that can be read.

    Raises:
        MemoryError: they are larger than any invoice's.
    """
    if "/Metadata" not in root:
        return None
    content = root.Metadata.read_bytes()
    if len(content) > MAX_XMP:
        raise MemoryError
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content.strip(b"\0 \t\r\n"), parser)
    except etree.XMLSyntaxError as error:
        raise_if_starved(error)
        return None


def _values(xmp: etree._Element | None, name: str) -> tuple[str, ...]:
    """The values of a simple property, exactly as written, each as often as it is.

    An element, or an attribute of its description (XMP part 1, 7.9.2.2).
    """
    if xmp is None:
        return ()
    values = [
        value
        for element in xmp.iter(f"{_RDF}Description")
        if (parent := element.getparent()) is not None and parent.tag == f"{_RDF}RDF"
        for value in (element.get(name), *map(_simple, element.findall(name)))
        if value is not None
    ]
    return tuple(map(_cut, values[:MAX_VALUES]))


def _simple(element: etree._Element) -> str:
    """The text of a property; that of a structure or a list is none."""
    return "" if len(element) else element.text or ""
