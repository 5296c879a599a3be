"""A PDF with a good XML inside is a Factur-X only if it says so, of that very XML."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import facturx
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from tests.support.validation_samples import changed, cii_xml, facturx_pdf
from tests.support.validation_service import service
from worker.validation.files.verdict import FileKind, Unchecked, Verdict, validate_file

CII = cii_xml()
OURS = facturx_pdf(CII)
SCRIPT = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
LAUNCH = Dictionary(S=Name.Launch, F=String("calc.exe"))
Spoil = Callable[[pikepdf.Pdf], None]


def codes_of(folder: Path, content: bytes) -> list[str]:
    """Verdict and codes of a PDF."""
    path = folder / "facture.pdf"
    path.write_bytes(content)
    answer = validate_file(path, service())
    assert answer.kind is FileKind.FACTURX
    assert answer.unchecked == tuple(Unchecked)
    assert all(finding.message and finding.remedy for finding in answer.findings)
    return [answer.verdict, *(finding.code for finding in answer.findings)]


def spoilt(spoil: Spoil) -> bytes:
    """Our own Factur-X with one thing changed."""
    target = BytesIO()
    with pikepdf.open(BytesIO(OURS)) as document:
        spoil(document)
        document.save(target)
    return target.getvalue()


def xmp(old: str, new: str) -> Spoil:
    """Change a text of the metadata."""

    def spoil(document: pikepdf.Pdf) -> None:
        metadata = document.Root.Metadata
        metadata.write(changed(metadata.read_bytes(), old, new))

    return spoil


def file_of(document: pikepdf.Pdf) -> pikepdf.Object:
    """The description of the embedded XML."""
    return document.Root.AF[0]


def rename(document: pikepdf.Pdf) -> None:
    """Another name for the XML, that its tree still finds under the right one."""
    file_of(document).UF = String("facture.xml")


def forget(document: pikepdf.Pdf) -> None:
    """The document no longer counts the XML among its files."""
    del document.Root.AF


def relate(document: pikepdf.Pdf) -> None:
    """The XML is a mere supplement."""
    file_of(document).AFRelationship = Name.Supplement


def unmark(document: pikepdf.Pdf) -> None:
    """No metadata at all."""
    del document.Root.Metadata


def open_script(document: pikepdf.Pdf) -> None:
    """Code that is run when the document opens, behind a harmless move to a page."""
    document.Root.OpenAction = Dictionary(S=Name.GoTo, D=Array([0]), Next=Array([SCRIPT]))


def named_script(document: pikepdf.Pdf) -> None:
    """Code that the whole document has."""
    document.Root.Names.JavaScript = Dictionary(Names=Array([String("a"), SCRIPT]))


def page_launch(document: pikepdf.Pdf) -> None:
    """A program that a page starts when it is shown."""
    document.pages[0].obj.AA = Dictionary(O=LAUNCH)


def link_launch(document: pikepdf.Pdf) -> None:
    """A program that a click on the page starts."""
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=LAUNCH)
    document.pages[0].obj.Annots = Array([document.make_indirect(link)])


def go_to_a_page(document: pikepdf.Pdf) -> None:
    """What many writers put there: where to open the document."""
    document.Root.OpenAction = Array([document.pages[0].obj, Name.Fit])


@pytest.mark.parametrize(
    "spoil, codes",
    [
        (unmark, ["PDF-XMP", "PDF-PART"]),
        (xmp("<fx:ConformanceLevel>EN 16931<", "<fx:ConformanceLevel>MINIMUM<"), ["PDF-LEVEL"]),
        (xmp("<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>", ""), ["PDF-XMP"]),
        (xmp("DocumentFileName>factur-x.xml", "DocumentFileName>autre.xml"), ["PDF-STATED-NAME"]),
        (xmp("<pdfaid:part>3<", "<pdfaid:part>1<"), ["PDF-PART"]),
        (xmp("<rdf:RDF", "<rdf:RD"), ["PDF-XMP", "PDF-PART"]),
        (rename, ["PDF-NAME", "PDF-STATED-NAME"]),
        (forget, ["PDF-ASSOCIATED"]),
        (relate, ["PDF-ASSOCIATED"]),
        (open_script, ["PDF-ACTION"]),
        (named_script, ["PDF-ACTION"]),
        (page_launch, ["PDF-ACTION"]),
        (link_launch, ["PDF-ACTION"]),
    ],
)
def test_a_pdf_that_is_no_factur_x_of_its_xml_is_refused(
    tmp_path: Path, spoil: Spoil, codes: list[str]
) -> None:
    """Each mark that is missing or wrong has its own finding, in French, with what to do."""
    assert codes_of(tmp_path, spoilt(spoil)) == [Verdict.INVALID, *codes]


def test_a_pdf_with_a_good_xml_and_no_mark_is_refused(tmp_path: Path) -> None:
    """A blank page with the right file attached is what many programs wrongly make."""
    document = pikepdf.new()
    document.add_blank_page()
    document.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(
        document, CII, filename="factur-x.xml"
    )
    target = BytesIO()
    document.save(target)
    found = [Verdict.INVALID, "PDF-XMP", "PDF-PART", "PDF-ASSOCIATED"]

    assert codes_of(tmp_path, target.getvalue()) == found


@pytest.mark.parametrize("relationship", ["data", "source", "alternative"])
def test_the_factur_x_of_others_is_valid(tmp_path: Path, relationship: str) -> None:
    """What Akretion's generator makes, with a writer of its own for the metadata, is accepted."""
    document = pikepdf.new()
    document.add_blank_page()
    target = BytesIO()
    document.save(target)
    made = facturx.generate_from_binary(
        target.getvalue(), CII, check_xsd=False, afrelationship=relationship
    )

    assert codes_of(tmp_path, made) == [Verdict.VALID]


def test_ours_is_valid_wherever_it_opens(tmp_path: Path) -> None:
    """To say on which page to open is no action; nor is a property written as an attribute."""
    assert codes_of(tmp_path, OURS) == [Verdict.VALID]
    assert codes_of(tmp_path, spoilt(go_to_a_page)) == [Verdict.VALID]

    def attribute(document: pikepdf.Pdf) -> None:
        xmp("<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>", "")(document)
        xmp(' xmlns:fx="', ' fx:ConformanceLevel="EN 16931" xmlns:fx="')(document)

    assert codes_of(tmp_path, spoilt(attribute)) == [Verdict.VALID]


def test_actions_without_end_are_bounded(tmp_path: Path) -> None:
    """An action that is its own follower is refused for what it is, in bounded time."""

    def loop(document: pikepdf.Pdf) -> None:
        action = document.make_indirect(Dictionary(S=Name.GoTo, D=Array([0])))
        action.Next = action
        document.Root.OpenAction = action

    path = tmp_path / "boucle.pdf"
    path.write_bytes(spoilt(loop))
    answer = validate_file(path, service())

    assert [finding.code for finding in answer.findings] == ["PDF-TOO-LARGE"]
