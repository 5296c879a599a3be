"""Makes a Factur-X of a PDF/A-3: files attached to it, and the fx properties in its XMP.

Done here rather than by the ``facturx`` package, which replaces the XMP and would turn the
PDF/A-3a and PDF/UA-1 claims into a bare PDF/A-3b. Source: Factur-X 1.09, its part on PDF/A-3.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pikepdf
from lxml import etree

from worker.formats.typesetting import instant, templates

XML_NAME = "factur-x.xml"

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SCHEMAS = "{http://www.aiim.org/pdfa/ns/extension/}schemas"
_LEVEL = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}ConformanceLevel"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedFile:
    """A file inside a PDF.

    Attributes:
        relationship: AFRelationship of PDF/A-3: ``Data`` for the XML of the page,
            ``Supplement`` for what completes it.
    """

    name: str
    description: str
    media_type: str
    relationship: str
    content: bytes


def embed(pdf: bytes, files: Sequence[EmbeddedFile], day: date, *, level: str) -> bytes:
    """Attach files to a PDF/A-3 made by typst and declare it a Factur-X of ``day``.

    The claims and tags of the PDF stay as they are; the same inputs give the same bytes.

    Args:
        pdf: the page.
        files: its XML first, then what completes it.
        day: the date of the files.
        level: ``fx:ConformanceLevel``, such as ``EN 16931`` or ``EXTENDED``.
    """
    with pikepdf.open(io.BytesIO(pdf)) as document:
        specifications = {file.name: _specification(document, file, day) for file in files}
        names = pikepdf.NameTree.new(document)
        for name in sorted(specifications):
            names[name] = specifications[name]
        document.Root.Names = pikepdf.Dictionary(EmbeddedFiles=names.obj)
        document.Root.AF = pikepdf.Array(specifications.values())
        metadata = document.Root.Metadata
        metadata.write(_with_fx_properties(metadata.read_bytes(), level))
        return _saved(document)


def _saved(document: pikepdf.Pdf) -> bytes:
    # typst writes its thousands of tags without compression. A harder one than this takes a fifth
    # more time to win a fortieth of the size.
    pikepdf.settings.set_flate_compression_level(1)
    output = io.BytesIO()
    document.save(
        output,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        deterministic_id=True,
        fix_metadata_version=False,
    )
    return output.getvalue()


def _specification(document: pikepdf.Pdf, file: EmbeddedFile, day: date) -> pikepdf.Object:
    stream = document.make_stream(
        file.content,
        Type=pikepdf.Name.EmbeddedFile,
        Subtype=pikepdf.Name("/" + file.media_type),
        Params=pikepdf.Dictionary(
            ModDate=f"D:{instant(day):%Y%m%d%H%M%S}Z",
            Size=len(file.content),
        ),
    )
    return document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Filespec,
            F=file.name,
            UF=file.name,
            Desc=file.description,
            AFRelationship=pikepdf.Name("/" + file.relationship),
            EF=pikepdf.Dictionary(F=stream, UF=stream),
        )
    )


def _with_fx_properties(xmp: bytes, level: str) -> bytes:
    """Add the fx properties, and the extension schema that PDF/A wants to know them by."""
    packet = etree.fromstring(xmp, etree.XMLParser(resolve_entities=False))
    schemas = packet.find(f".//{_SCHEMAS}/{_RDF}Bag")
    properties = packet.find(f"{_RDF}RDF")
    if schemas is None or properties is None:
        raise ValueError("this PDF has no XMP extension schemas: typst no longer writes them")
    schemas.append(_template("facturx-schema"))
    described = _template("facturx-properties")
    for stated in described.iter(_LEVEL):
        stated.text = level
    properties.append(described)
    return etree.tostring(packet.getroottree(), encoding="UTF-8")


def _template(name: str) -> etree._Element:
    return etree.fromstring((templates() / f"{name}.xml").read_bytes())
