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

from worker.formats.typesetting import instant

XML_NAME = "factur-x.xml"

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SCHEMAS = "{http://www.aiim.org/pdfa/ns/extension/}schemas"
_FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_FX_PROPERTIES = (
    ("DocumentFileName", "name of the embedded XML invoice file"),
    ("DocumentType", "INVOICE"),
    ("Version", "the version of the Factur-X data"),
    ("ConformanceLevel", "the conformance level of the Factur-X data"),
)


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
    schemas.append(etree.fromstring(_fx_schema()))
    properties.append(etree.fromstring(_fx_description(level)))
    return etree.tostring(packet.getroottree(), encoding="UTF-8")


def _fx_schema() -> str:
    properties = "".join(
        f"""<rdf:li rdf:parseType="Resource">
        <pdfaProperty:name>{name}</pdfaProperty:name>
        <pdfaProperty:valueType>Text</pdfaProperty:valueType>
        <pdfaProperty:category>external</pdfaProperty:category>
        <pdfaProperty:description>{description}</pdfaProperty:description>
        </rdf:li>"""
        for name, description in _FX_PROPERTIES
    )
    return f"""<rdf:li rdf:parseType="Resource"
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
        xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
        <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
        <pdfaSchema:namespaceURI>{_FX}</pdfaSchema:namespaceURI>
        <pdfaSchema:prefix>fx</pdfaSchema:prefix>
        <pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>
        </rdf:li>"""


def _fx_description(level: str) -> str:
    values = (XML_NAME, "INVOICE", "1.0", level)
    properties = "".join(
        f"<fx:{name}>{value}</fx:{name}>"
        for (name, _), value in zip(_FX_PROPERTIES, values, strict=True)
    )
    return f"""<rdf:Description rdf:about=""
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns:fx="{_FX}">{properties}</rdf:Description>"""
