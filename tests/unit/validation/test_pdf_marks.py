"""A PDF with a good XML inside is a Factur-X only if it says so, of that very XML."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import facturx
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from tests.support.validation_pdfs import Spoil, file_of, sound_pdf, spoilt, xmp
from tests.support.validation_samples import changed, cii_xml, facturx_pdf, ubl_xml
from tests.support.validation_service import service
from worker.billing.standard import EN16931, EXTENDED_CTC_FR, FACTURX_EXTENDED
from worker.errors import has_blocking
from worker.validation.files.pdf_actions import forbidden_actions
from worker.validation.files.pdf_marks import (
    LEVELS,
    PARTIAL,
    Wrapping,
    read_wrapping,
    wrong_wrapping,
)
from worker.validation.files.verdict import (
    FileKind,
    FileVerdict,
    Unchecked,
    Verdict,
    validate_file,
)

CII = cii_xml()
OURS = sound_pdf()
GOLDEN = Path(__file__).parents[2] / "golden" / "files"
SCRIPT = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
LAUNCH = Dictionary(S=Name.Launch, F=String("calc.exe"))


def codes_of(folder: Path, content: bytes) -> list[str]:
    """Verdict and codes of a PDF."""
    path = folder / "facture.pdf"
    path.write_bytes(content)
    answer = validate_file(path, service())
    assert answer.kind is FileKind.FACTURX
    assert answer.unchecked == tuple(Unchecked)
    assert all(finding.message and finding.remedy for finding in answer.findings)
    return [answer.verdict, *(finding.code for finding in answer.findings)]


def rename(document: pikepdf.Pdf) -> None:
    """Another name for the XML, that its tree still finds under the right one."""
    file_of(document).UF = file_of(document).F = String("facture.xml")


def name_a_path(document: pikepdf.Pdf) -> None:
    """The file as a disk had it, under the key of old readers."""
    file_of(document).F = String("C:/temp/factur-x.xml")


def leave_a_name_out(document: pikepdf.Pdf) -> None:
    """The name of the file, for the readers of today alone."""
    del file_of(document).F


def leave_a_key_out(key: str) -> Spoil:
    """The file itself, under one of its two keys alone."""

    def spoil(document: pikepdf.Pdf) -> None:
        del file_of(document).EF[key]

    return spoil


def another_content(document: pikepdf.Pdf) -> None:
    """Old readers find another invoice than those of today."""
    file_of(document).EF.F = document.make_stream(CII.replace(b"F2026-0001", b"F2026-0002"))


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
        (xmp("<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>", ""), ["PDF-XMP"]),
        (
            xmp("DocumentFileName>factur-x.xml", "DocumentFileName>autre.xml"),
            ["PDF-XMP", "PDF-STATED-NAME"],
        ),
        (xmp("<pdfaid:part>3<", "<pdfaid:part>1<"), ["PDF-PART"]),
        (xmp("<rdf:RDF", "<rdf:RD"), ["PDF-XMP", "PDF-PART"]),
        (rename, ["PDF-STATED-NAME", "PDF-NAME"]),
        (name_a_path, ["PDF-FILE"]),
        (leave_a_name_out, ["PDF-FILE"]),
        (leave_a_key_out("/F"), ["PDF-FILE"]),
        (leave_a_key_out("/UF"), ["PDF-FILE"]),
        (another_content, ["PDF-FILE"]),
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


PROPERTIES = {
    "DocumentType": ("INVOICE", ["ORDER", "invoice", "Invoice"]),
    "Version": ("1.0", ["2.0", "1", "1.00", "1p0"]),
    "ConformanceLevel": ("EN 16931", ["en16931", "EN16931", "COMFORT", "EN  16931"]),
    "DocumentFileName": ("factur-x.xml", ["Factur-X.xml", "invoice.xml"]),
}


def wrong_properties() -> Iterator[Spoil]:
    """Each property absent, empty, wrong in each way, or given two values."""
    for name, (value, others) in PROPERTIES.items():
        written = f"<fx:{name}>{value}</fx:{name}>"
        yield xmp(written, "")
        yield xmp(written, written + f"<fx:{name}>{others[0]}</fx:{name}>")
        for other in ("", f" {value}", *others):
            yield xmp(written, f"<fx:{name}>{other}</fx:{name}>")


@pytest.mark.parametrize("spoil", list(wrong_properties()))
def test_a_property_outside_its_closed_list_is_refused(spoil: Spoil) -> None:
    """BR-HYBRID-06 to 09: one value each, to the letter."""
    with pikepdf.open(BytesIO(OURS)) as document:
        spoil(document)
        wrapping = read_wrapping(document, file_of(document), "")
    found = list(wrong_wrapping(wrapping, EN16931, known=True))

    assert "PDF-XMP" in {finding.code for finding in found}
    assert has_blocking(found)


def stated_name(document: pikepdf.Pdf) -> None:
    """The metadata name the file of the German profile."""
    xmp("DocumentFileName>factur-x.xml", "DocumentFileName>xrechnung.xml")(document)


def archive_4f(document: pikepdf.Pdf) -> None:
    """A PDF/A-4f, which Factur-X 1.08 allows."""
    xmp("<pdfaid:part>3<", "<pdfaid:part>4<")(document)
    xmp("<pdfaid:conformance>A<", "<pdfaid:conformance>F<")(document)


def add_older(document: pikepdf.Pdf) -> None:
    """The invoice of ZUGFeRD 1 beside that of today."""
    name = "ZUGFeRD-invoice.xml"
    document.attachments[name] = pikepdf.AttachedFileSpec(document, b"<a/>", filename=name)


@pytest.mark.parametrize(
    "spoil,code",
    [
        (xmp("<fx:ConformanceLevel>EN 16931<", "<fx:ConformanceLevel>MINIMUM<"), "PDF-LEVEL"),
        (stated_name, "PDF-STATED-NAME"),
        (archive_4f, "PDF-PART"),
        (add_older, "PDF-OLDER"),
    ],
)
def test_what_factur_x_only_advises_is_a_warning(tmp_path: Path, spoil: Spoil, code: str) -> None:
    """BR-HYBRID-02, 14 and 15, and an older file: the invoice is valid, and a person told."""
    assert codes_of(tmp_path, spoilt(spoil)) == [Verdict.VALID, code]


@pytest.mark.parametrize("part,conformance", [("4", "E"), ("4", ""), ("2", "A"), ("1", "F")])
def test_another_archive_is_no_factur_x(tmp_path: Path, part: str, conformance: str) -> None:
    """Only the fourth part with files is admitted beside the third."""

    def spoil(document: pikepdf.Pdf) -> None:
        xmp("<pdfaid:part>3<", f"<pdfaid:part>{part}<")(document)
        xmp("<pdfaid:conformance>A<", f"<pdfaid:conformance>{conformance}<")(document)

    assert codes_of(tmp_path, spoilt(spoil)) == [Verdict.INVALID, "PDF-PART"]


@pytest.mark.parametrize("relationship", ["Data", "Source", "Alternative"])
@pytest.mark.parametrize("level", LEVELS.values())
def test_the_relationship_goes_with_the_level(level: str, relationship: str) -> None:
    """BR-HYBRID-11: an XML that says less than the page is no alternative to it."""
    (profile,) = (urn for urn, name in LEVELS.items() if name == level)
    wrapping = replace(SOUND, relationship=f"/{relationship}", stated=stated(level))
    found = list(wrong_wrapping(wrapping, profile, known=True))
    expected = ["PDF-ASSOCIATED"] if level in PARTIAL and relationship == "Alternative" else []

    assert [finding.code for finding in found] == expected
    assert not has_blocking(found)


def stated(level: str) -> dict[str, tuple[str, ...]]:
    """The properties of a sound Factur-X of a level."""
    return {
        name: (level if name == "ConformanceLevel" else value,)
        for name, (value, _) in PROPERTIES.items()
    }


SOUND = Wrapping(
    names=("factur-x.xml", "factur-x.xml"),
    complete=True,
    relationship="/Data",
    associated=True,
    older="",
    stated=stated("EN 16931"),
    part="3",
    actions=(),
)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "profile",
    [EXTENDED_CTC_FR, f"{EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0", "", "x"],
)
def test_a_profile_that_factur_x_has_not_is_refused(profile: str, *, known: bool) -> None:
    """Its list of BT-24 is closed; where no rule could be run, the claim itself says so."""
    found = [finding.code for finding in wrong_wrapping(SOUND, profile, known=known)]

    assert found == (["PDF-PROFILE"] if known else [])


def test_the_profile_of_germany_has_its_level_and_its_name() -> None:
    """XRECHNUNG is a level of Factur-X, in a file of its own name."""
    profile = f"{EN16931}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
    german = stated("XRECHNUNG") | {"DocumentFileName": ("xrechnung.xml",)}
    wrapping = replace(SOUND, names=("xrechnung.xml", "xrechnung.xml"), stated=german)

    assert list(wrong_wrapping(wrapping, profile, known=True)) == []
    assert [one.code for one in wrong_wrapping(SOUND, profile, known=True)] == ["PDF-LEVEL"]


def verdict_of(folder: Path, content: bytes) -> FileVerdict:
    """What is said of a PDF."""
    path = folder / "facture.pdf"
    path.write_bytes(content)
    return validate_file(path, service())


def test_a_pdf_of_germany_and_one_with_ubl_are_named(tmp_path: Path) -> None:
    """Neither is of an unknown profile."""
    german = changed(CII, f">{EN16931}<", f">{EN16931}#compliant#urn:kosit:xrechnung_3.0<")
    xrechnung = verdict_of(tmp_path, facturx_pdf(german, level="XRECHNUNG"))
    ubl = verdict_of(tmp_path, facturx_pdf(ubl_xml()))

    assert xrechnung.kind is FileKind.FACTURX_XRECHNUNG
    assert ubl.kind is FileKind.UBL_PDF
    assert ubl.verdict is Verdict.INVALID
    assert "PDF-UBL" in {finding.code for finding in ubl.findings}


def test_a_bare_profile_of_the_reform_inside_a_pdf_is_refused(tmp_path: Path) -> None:
    """Its BT-24 is one for a CII alone."""
    content = (GOLDEN / "two-lines.ctc-fr.cii.xml").read_bytes()
    bare = changed(content, f">{FACTURX_EXTENDED}<", f">{EXTENDED_CTC_FR}<")
    codes = {
        finding.code
        for finding in verdict_of(tmp_path, facturx_pdf(bare, level="EXTENDED")).findings
    }

    assert "PDF-PROFILE" in codes


def action(kind: str, **entries: pikepdf.Object) -> Dictionary:
    """An action of a type."""
    made = Dictionary(S=Name(f"/{kind}"))
    for name, value in entries.items():
        made[f"/{name}"] = value
    return made


def at_opening(document: pikepdf.Pdf, one: Dictionary) -> None:
    """When the document opens."""
    document.Root.OpenAction = one


def on_a_page(document: pikepdf.Pdf, one: Dictionary) -> None:
    """When a page shows."""
    document.pages[0].obj.AA = Dictionary(O=one)


def of_the_document(document: pikepdf.Pdf, one: Dictionary) -> None:
    """Before it is printed."""
    document.Root.AA = Dictionary(WP=one)


def on_a_link(document: pikepdf.Pdf, one: Dictionary) -> None:
    """At a click on the page."""
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=one)
    document.pages[0].obj.Annots = Array([document.make_indirect(link)])


def in_a_bookmark(document: pikepdf.Pdf, one: Dictionary) -> None:
    """At a click on a bookmark of the second level, behind another."""
    target = document.make_indirect(Dictionary(Title=String("b"), A=one))
    first = document.make_indirect(Dictionary(Title=String("a"), Next=target))
    target.Prev = first
    top = document.make_indirect(Dictionary(Title=String("t"), First=first, Last=target))
    document.Root.Outlines = document.make_indirect(Dictionary(First=top, Last=top))


def in_a_field(document: pikepdf.Pdf, one: Dictionary) -> None:
    """When the value of a field changes, whose widget is in no page."""
    kid = document.make_indirect(Dictionary(T=String("k"), AA=Dictionary(K=one)))
    field = document.make_indirect(Dictionary(FT=Name.Tx, T=String("f"), Kids=Array([kid])))
    document.Root.AcroForm = Dictionary(Fields=Array([field]))


def in_the_parent_of_a_widget(document: pikepdf.Pdf, one: Dictionary) -> None:
    """In a field that no form names."""
    field = document.make_indirect(Dictionary(FT=Name.Tx, AA=Dictionary(F=one)))
    widget = Dictionary(Subtype=Name.Widget, Rect=Array([0, 0, 9, 9]), Parent=field)
    document.pages[0].obj.Annots = Array([document.make_indirect(widget)])


def behind_another(document: pikepdf.Pdf, one: Dictionary) -> None:
    """After a harmless one."""
    on_a_link(document, action("URI", URI=String("urn:x"), Next=Array([action("GoTo"), one])))


HOLDERS = (
    at_opening,
    on_a_page,
    of_the_document,
    on_a_link,
    in_a_bookmark,
    in_a_field,
    in_the_parent_of_a_widget,
    behind_another,
)
FORBIDDEN = (
    *("Launch", "Sound", "Movie", "ResetForm", "ImportData", "Hide", "SetOCGState", "Rendition"),
    *("Trans", "GoTo3DView", "JavaScript", "SetState", "NOP", "RichMediaExecute"),
)
NAMED = ("Print", "SaveAs", "Close", "Quit", "GoBack")
Hold = Callable[[pikepdf.Pdf, Dictionary], None]


def found_in(hold: Hold, one: Dictionary) -> set[str]:
    """The forbidden actions of a blank PDF with one action somewhere."""
    document = pikepdf.new()
    document.add_blank_page()
    hold(document, one)
    return set(forbidden_actions(document))


@pytest.mark.parametrize("hold", HOLDERS)
@pytest.mark.parametrize(
    "one",
    [*(action(kind) for kind in FORBIDDEN), *(action("Named", N=Name(f"/{n}")) for n in NAMED)],
    ids=[*FORBIDDEN, *NAMED],
)
def test_every_forbidden_action_is_found_in_every_holder(hold: Hold, one: Dictionary) -> None:
    """ISO 19005-3, 6.5.1: whatever holds it and whatever comes before it."""
    assert str(one.S) in found_in(hold, one)


@pytest.mark.parametrize("hold", [at_opening, on_a_link, in_a_bookmark, behind_another])
@pytest.mark.parametrize(
    "one",
    [
        *(action(kind) for kind in ("GoTo", "GoToR", "GoToE", "Thread", "URI", "SubmitForm")),
        *(action("Named", N=Name(f"/{turn}Page")) for turn in ("Next", "Prev", "First", "Last")),
    ],
)
def test_to_go_to_a_page_or_an_address_is_no_fault(hold: Hold, one: Dictionary) -> None:
    """The actions that the standard leaves, and the four named page turns."""
    assert found_in(hold, one) == set()


@pytest.mark.parametrize(
    "hold", [on_a_page, of_the_document, in_a_field, in_the_parent_of_a_widget]
)
def test_no_event_may_start_even_a_harmless_action(hold: Hold) -> None:
    """ISO 19005-3, 6.5.2 and 6.4.1: no trigger at all."""
    assert found_in(hold, action("GoTo")) == {"/AA"}


def test_a_pdf_with_a_good_xml_and_no_mark_is_refused(tmp_path: Path) -> None:
    """A blank page with the right file attached is what many programs wrongly make."""
    document = pikepdf.new()
    document.add_blank_page()
    document.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(
        document, CII, filename="factur-x.xml"
    )
    target = BytesIO()
    document.save(target)
    found = [Verdict.INVALID, "PDF-XMP", "PDF-ASSOCIATED", "PDF-PART"]

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
