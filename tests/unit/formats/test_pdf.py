"""The printed documents as files: archival, accessible, reproducible, of a readable font."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import facturx
import pikepdf
import pytest

from tests.golden.samples import (
    MEMBER,
    exempt,
    invoice_of,
    line,
    sixty_lines,
    two_lines,
)
from tests.support.printed_pages import PDFS, rendered
from worker.billing.document import DocumentKind, Unprintable
from worker.formats import Branding, render_all
from worker.formats.embedding import XML_NAME
from worker.formats.facturx import assemble, print_invoice
from worker.formats.profiles import FACTURX_DIRECT
from worker.formats.statement_data import statement_xlsx
from worker.formats.typesetting import unprintable_character


def test_each_document_says_what_it_is() -> None:
    """Each document carries its kind, its profile and the media type it is sent with."""
    documents = render_all(*two_lines(), Branding())

    assert {
        ("FACTURX", "facturx-direct", "application/pdf"),
        ("CII", "facturx-direct", "application/xml"),
        ("UBL", "en16931-ubl", "application/xml"),
        ("STATEMENT", "", "application/pdf"),
    } <= {(d.kind.name, d.profile, d.media_type) for d in documents}


@PDFS
def test_claims_archival_and_accessible(kind: DocumentKind) -> None:
    """Both PDFs claim PDF/A-3a and PDF/UA-1 together, in French, with a title shown and tags."""
    with pikepdf.open(io.BytesIO(rendered()[kind].content)) as pdf:
        metadata = pdf.open_metadata()
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfaid:conformance"] == "A"
        assert metadata["pdfuaid:part"] == "1"
        assert "00001" in str(metadata["dc:title"])
        assert str(pdf.Root.Lang) == "fr-FR"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        fonts = {str(font.BaseFont) for page in pdf.pages for font in page.Resources.Font.values()}

    assert fonts
    assert all("Libertinus" in font or "DejaVu" in font for font in fonts)


def test_facturx_properties_are_declared() -> None:
    """The XMP says which XML is inside and what it conforms to, in the schema it also describes."""
    with pikepdf.open(io.BytesIO(rendered()[DocumentKind.FACTURX].content)) as pdf:
        xmp = pdf.Root.Metadata.read_bytes().decode()
        metadata = pdf.open_metadata()
        prefix = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
        assert metadata[prefix + "DocumentType"] == "INVOICE"
        assert metadata[prefix + "DocumentFileName"] == "factur-x.xml"
        assert metadata[prefix + "Version"] == "1.0"
        assert metadata[prefix + "ConformanceLevel"] == "EN 16931"

    assert xmp.startswith("<?xpacket begin=")
    assert xmp.rstrip().endswith('<?xpacket end="r"?>')
    assert xmp.count("pdfaExtension:schemas>") == 2
    assert "<pdfaSchema:prefix>fx</pdfaSchema:prefix>" in xmp


def test_embedded_files_are_the_documents() -> None:
    """The XML and the statement inside the Factur-X are the documents kept beside it."""
    documents = rendered()
    with pikepdf.open(io.BytesIO(documents[DocumentKind.FACTURX].content)) as pdf:
        specifications = {str(file.UF): file for file in pdf.Root.AF}
        names = [XML_NAME, "etat-detaille.pdf", "etat-detaille.xlsx"]
        assert [*specifications] == names
        assert sorted(pdf.attachments) == sorted(names)
        xml, statement, data = specifications.values()
        assert xml.EF.F.read_bytes() == documents[DocumentKind.CII].content
        assert xml.AFRelationship == pikepdf.Name.Data
        assert xml.EF.F.Subtype == pikepdf.Name("/text/xml")
        assert str(xml.EF.F.Params.ModDate) == "D:20260115000000Z"
        assert statement.EF.F.read_bytes() == documents[DocumentKind.STATEMENT].content
        assert statement.AFRelationship == pikepdf.Name.Supplement
        assert data.EF.F.read_bytes() == statement_xlsx(two_lines()[1])
        assert data.AFRelationship == pikepdf.Name.Supplement


def test_another_reader_finds_the_xml() -> None:
    """The factur-x package, written by others, finds our XML and takes it for EN 16931."""
    documents = rendered()
    name, xml = facturx.get_xml_from_pdf(
        documents[DocumentKind.FACTURX].content, check_xsd=True, check_schematron=False
    )

    assert (name, xml) == (XML_NAME, documents[DocumentKind.CII].content)


def test_two_threads_print_what_one_does() -> None:
    """Pages set at the same time are those set one after the other."""
    samples = [two_lines()[0], sixty_lines()[0], exempt()[0]] * 2
    with ThreadPoolExecutor(2) as threads:
        together = list(
            threads.map(lambda invoice: print_invoice(invoice, FACTURX_DIRECT, Branding()), samples)
        )
    alone = [print_invoice(invoice, FACTURX_DIRECT, Branding()) for invoice in samples]

    assert together == alone


def test_conformance_level_is_the_one_given() -> None:
    """A Factur-X of another dialect declares its own level, and keeps the claims of its page."""
    invoice, _ = two_lines()
    page = print_invoice(invoice, FACTURX_DIRECT, Branding())
    with pikepdf.open(io.BytesIO(assemble(page, invoice, b"<x/>", level="EXTENDED"))) as pdf:
        metadata = pdf.open_metadata()
        level = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}ConformanceLevel"
        assert metadata[level] == "EXTENDED"
        assert (metadata["pdfaid:conformance"], metadata["pdfuaid:part"]) == ("A", "1")


def test_same_invoice_gives_the_same_bytes_in_another_process() -> None:
    """The documents depend on the invoice alone: not on the clock, the process or its hash seed."""
    code = (
        "from tests.golden.samples import two_lines\n"
        "from worker.formats import Branding, render_all\n"
        "print(*(document.sha256 for document in render_all(*two_lines(), Branding())))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert other.stdout.split() == [document.sha256 for document in rendered().values()]


def test_another_invoice_gives_another_pdf() -> None:
    """A different member changes the page, and the accent colour does too."""
    one = rendered()[DocumentKind.FACTURX]
    member = replace(MEMBER, name="Commune fictive de Test")
    other = rendered(lambda: invoice_of(line(), member=member))[DocumentKind.FACTURX]
    red = rendered(look=Branding(accent="#7a1020"))[DocumentKind.FACTURX]

    assert len({one.sha256, other.sha256, red.sha256}) == 3


def test_a_sign_without_font_is_refused() -> None:
    """A name no embedded font can print stops the document rather than show an empty box."""
    member = replace(MEMBER, name="Mairie 日本")
    with pytest.raises(Unprintable, match="could not be displayed") as refused:
        render_all(*invoice_of(line(), member=member), Branding())

    assert refused.value.character == "日"


def test_a_text_is_tried_on_the_fonts() -> None:
    """The first sign that no font has is found without any invoice; French has them all."""
    assert unprintable_character("erreur 日本 🙂") == "日"
    assert unprintable_character("Œuvre d’été n° 3 : 1\u202f296,80\u00a0€ – « révisée »") == ""
