"""Further PDFs of each kind that was once judged wrongly, made from tables of changes."""

from pathlib import Path

import pytest
from lxml import etree
from pikepdf import Array, Dictionary, Name, Pdf, String

from tests.support.validation_pdfs import Spoil, file_of, marks, sound_wrapping, spoilt, xmp
from tests.support.validation_samples import changed, cii_xml
from tests.support.validation_service import service
from worker.billing.standard import EN16931, EXTENDED_CTC_FR
from worker.errors import has_blocking
from worker.validation.files.pdf_marks import LEVELS, PARTIAL, wrong_wrapping
from worker.validation.files.profiles import read_claim
from worker.validation.files.verdict import validate_file

CII = cii_xml()
PROPERTIES = {
    "DocumentType": "INVOICE",
    "Version": "1.0",
    "ConformanceLevel": "EN 16931",
    "DocumentFileName": "factur-x.xml",
}
FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
SAME = {
    "comment": "<fx:{0}><!-- a -->{1}<!-- b --></fx:{0}>",
    "instruction": "<fx:{0}>{1}<?a b?></fx:{0}>",
    "section": "<fx:{0}><![CDATA[{1}]]></fx:{0}>",
    "language": '<fx:{0} xml:lang="x-default">{1}</fx:{0}>',
    "another description": '</rdf:Description><rdf:Description xmlns:fx="' + FX + '" '
    'fx:{0}="{1}"/><rdf:Description xmlns:fx="' + FX + '">',
}
"""Other writings of the same value, by what makes them other."""
OTHER = {
    "space before": "<fx:{0}> {1}</fx:{0}>",
    "line": "<fx:{0}>\n{1}\n</fx:{0}>",
    "no-break space": "<fx:{0}>{1}\u00a0</fx:{0}>",
    "twice": "<fx:{0}>{1}</fx:{0}><fx:{0}>{1}</fx:{0}>",
    "list": "<fx:{0}><rdf:Seq><rdf:li>{1}</rdf:li></rdf:Seq></fx:{0}>",
    "structure": "<fx:{0}>{1}<x/></fx:{0}>",
    "resource": '<fx:{0} rdf:resource="{1}"/>',
    "longer": "<fx:{0}>{1}0</fx:{0}>",
    "full width": "<fx:{0}>{1}\uff10</fx:{0}>",
    "within another": "<fx:O><rdf:Description><fx:{0}>{1}</fx:{0}></rdf:Description></fx:O>",
    "another namespace": '<o:{0} xmlns:o="urn:factur-x:pdfa:CrossIndustryDocument:1p0">{1}</o:{0}>',
}
"""What is not one value of the list."""


@pytest.mark.parametrize("name,value", PROPERTIES.items(), ids=PROPERTIES)
@pytest.mark.parametrize("written", SAME.values(), ids=SAME)
def test_a_value_is_the_same_however_xml_writes_it(name: str, value: str, written: str) -> None:
    """F5: comments, sections, attributes and other descriptions change no property."""
    usual = f"<fx:{name}>{value}</fx:{name}>"

    assert marks(xmp(usual, written.format(name, value))) == []


@pytest.mark.parametrize("name,value", PROPERTIES.items(), ids=PROPERTIES)
@pytest.mark.parametrize("written", OTHER.values(), ids=OTHER)
def test_a_property_is_one_value_to_the_letter(name: str, value: str, written: str) -> None:
    """F5: BR-HYBRID-06 to 09; the same value twice is two."""
    usual = f"<fx:{name}>{value}</fx:{name}>"

    assert "PDF-XMP" in marks(xmp(usual, written.format(name, value)))


OUTSIDE = (
    "",
    " ",
    "urn:factur-x.eu:1p0:MINIMUM",
    "urn:factur-x.eu:1p0:basic",
    "urn:factur-x.eu:1p0:en16931",
    "urn:factur-x.eu:1p0:extended",
    "urn:zugferd.de:2p0:minimum",
    EXTENDED_CTC_FR,
    f"{EN16931}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    f"{EN16931}#compliant#urn:zugferd.de:2p0:basic",
    f"{EN16931}#compliant#urn:factur-x.eu:1p0:extended",
    f"{EN16931}#conformant#urn:factur-x.eu:1p0:basic",
    f"{EN16931}#conformant#urn:peppol:france:billing:extended:1.0",
)


@pytest.mark.parametrize("profile", OUTSIDE)
def test_a_profile_of_no_level_is_never_valid(profile: str) -> None:
    """F4: the list of BT-24 is closed, and what is outside has no rules here or no place there."""
    tree = etree.ElementTree(etree.fromstring(changed(CII, f">{EN16931}<", f">{profile}<")))
    claim = read_claim(tree, hybrid=True)
    around = tuple(wrong_wrapping(sound_wrapping(), claim.profile, known=claim.conclusive))

    assert has_blocking((*claim.findings, *around))


RELATIONSHIPS = ("Data", "Source", "Alternative", "Supplement", "Unspecified", "FormData", "data")


@pytest.mark.parametrize("relationship", RELATIONSHIPS)
@pytest.mark.parametrize("profile,level", LEVELS.items(), ids=LEVELS.values())
def test_a_relationship_is_one_that_the_level_admits(
    profile: str, level: str, relationship: str
) -> None:
    """F12: BR-HYBRID-11 warns of a partial XML that is an alternative; others are refused."""

    def spoil(document: Pdf) -> None:
        file_of(document).AFRelationship = Name(f"/{relationship}")
        xmp("ConformanceLevel>EN 16931<", f"ConformanceLevel>{level}<")(document)

    admitted = relationship in {"Data", "Source", "Alternative"}
    warned = ["PDF-ASSOCIATED?"] if level in PARTIAL and relationship == "Alternative" else []

    assert marks(spoil, profile) == (warned if admitted else ["PDF-ASSOCIATED"])


def test_a_relationship_is_a_name() -> None:
    """F12: a text that looks like one is none (ISO 32000-1, table 44)."""

    def spoil(document: Pdf) -> None:
        file_of(document).AFRelationship = String("/Data")

    assert marks(spoil) == ["PDF-ASSOCIATED"]


def set_to(key: str, value: object) -> Spoil:
    """Another value of one of its entries."""
    return lambda document: file_of(document).__setitem__(key, value)


def without(key: str) -> Spoil:
    """The description without an entry."""
    return lambda document: file_of(document).__delitem__(key)


def embedded(key: str, content: bytes = CII) -> Spoil:
    """Another stream under a key of /EF."""
    return lambda document: file_of(document).EF.__setitem__(key, document.make_stream(content))


def not_embedded(key: str) -> Spoil:
    """No stream under a key of /EF."""
    return lambda document: file_of(document).EF.__delitem__(key)


def under_one_old_key(document: Pdf) -> None:
    """The XML where readers of Unix alone look for it."""
    file_of(document).EF = Dictionary(Unix=file_of(document).EF.F)


def beside_a_dictionary(document: Pdf) -> None:
    """A dictionary where a stream should be."""
    file_of(document).EF.UF = Dictionary()


OTHER_INVOICE = CII.replace(b"F2026-0001", b"F2026-0002")
AGREE = {
    "a copy under /F": embedded("/F"),
    "a copy under /UF": embedded("/UF"),
    "a copy under /Unix": embedded("/Unix"),
    "no type": without("/Type"),
    "another description": set_to("/Desc", String("x")),
}
DISAGREE = {
    "no /F": without("/F"),
    "no /UF": without("/UF"),
    "a path in /F": set_to("/F", String("C:/factur-x.xml")),
    "a path in /UF": set_to("/UF", String("dir/factur-x.xml")),
    "capitals in /F": set_to("/F", String("FACTUR-X.XML")),
    "a space in /F": set_to("/F", String("factur-x.xml ")),
    "a line in /UF": set_to("/UF", String("factur-x\n.xml")),
    "an empty /F": set_to("/F", String("")),
    "a short name in /F": set_to("/F", String("FACTUR~1.XML")),
    "a number in /F": set_to("/F", 3),
    "a name in /F": set_to("/F", Name("/factur-x.xml")),
    "/EF without /F": not_embedded("/F"),
    "/EF without /UF": not_embedded("/UF"),
    "another under /F": embedded("/F", OTHER_INVOICE),
    "another under /UF": embedded("/UF", OTHER_INVOICE),
    "another under /Mac": embedded("/Mac", OTHER_INVOICE),
    "an old key alone": under_one_old_key,
    "no stream under /UF": beside_a_dictionary,
}


@pytest.mark.parametrize("spoil", AGREE.values(), ids=AGREE)
def test_a_description_that_agrees_with_itself_is_no_fault(spoil: Spoil) -> None:
    """F13: the same name and the same bytes, however often they stand there."""
    assert marks(spoil) == []


@pytest.mark.parametrize("spoil", DISAGREE.values(), ids=DISAGREE)
def test_every_name_and_every_content_must_agree(spoil: Spoil) -> None:
    """F13: /F and /UF, and every stream of /EF, are looked at: a finding, never « damaged »."""
    assert "PDF-FILE" in marks(spoil)


LISTS = {
    "absent": lambda document: document.Root.__delitem__("/AF"),
    "empty": lambda document: document.Root.__setitem__("/AF", Array()),
    "a dictionary": lambda document: document.Root.__setitem__("/AF", file_of(document)),
    "texts": lambda document: document.Root.__setitem__("/AF", Array([String("factur-x.xml")])),
    "no file in it": lambda document: document.Root.__setitem__("/AF", Array([Dictionary()])),
}


@pytest.mark.parametrize("spoil", LISTS.values(), ids=LISTS)
def test_a_file_that_the_document_does_not_count_is_judged(spoil: Spoil) -> None:
    """F13: whatever /AF is, the XML is read, and the PDF refused with its finding."""
    assert marks(spoil) == ["PDF-ASSOCIATED"]


@pytest.mark.parametrize("spoil", [without("/EF"), set_to("/EF", Dictionary())])
def test_a_description_that_embeds_nothing_has_no_invoice(tmp_path: Path, spoil: Spoil) -> None:
    """F13: the PDF is sound, and says so: it is not « damaged »."""
    path = tmp_path / "facture.pdf"
    path.write_bytes(spoilt(spoil))
    answer = validate_file(path, service())

    assert [finding.code for finding in answer.findings] == ["PDF-NO-XML"]


SCRIPT = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def annotated(document: Pdf, **entries: object) -> None:
    """A page with one annotation."""
    one = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]))
    for name, value in entries.items():
        one[f"/{name}"] = value
    document.pages[0].obj.Annots = Array([one])


def bookmarks(document: Pdf, **entries: object) -> None:
    """Bookmarks, of which one acts, under some of the keys that link them."""
    acting = document.make_indirect(Dictionary(Title=String("x"), A=SCRIPT))
    other = document.make_indirect(Dictionary(Title=String("y")))
    top = Dictionary()
    for name in entries:
        (other if name in {"Prev", "Next"} else top)[f"/{name}"] = acting
    if "/First" not in top and "/Last" not in top:
        top.First = top.Last = other
    document.Root.Outlines = document.make_indirect(top)


def named_page(document: Pdf, tree: str, *, nested: bool) -> None:
    """A page that is in a tree of names only."""
    page = document.make_indirect(Dictionary(Type=Name.Page, AA=Dictionary(O=SCRIPT)))
    leaf = Dictionary(Names=Array([String("p"), page]))
    tree_of = Dictionary(Kids=Array([document.make_indirect(leaf)])) if nested else leaf
    document.Root.Names[tree] = tree_of


def page_tree(document: Pdf) -> None:
    """An event of the whole tree of pages."""
    document.Root.Pages.AA = Dictionary(C=SCRIPT)


def grandchild(document: Pdf) -> None:
    """A field of a field of a field."""
    inner = Dictionary(T=String("c"), AA=Dictionary(V=SCRIPT))
    middle = Dictionary(T=String("b"), Kids=Array([inner]))
    outer = Dictionary(T=String("a"), Kids=Array([middle]))
    document.Root.AcroForm = Dictionary(Fields=Array([outer]))


def chain(length: int) -> Dictionary:
    """A script behind so many harmless actions, each the only follower of the one before."""
    one = SCRIPT
    for _ in range(length):
        one = Dictionary(S=Name.GoTo, D=Array([0]), Next=one)
    return one


HOLDERS = {
    "event of an annotation": lambda document: annotated(document, AA=Dictionary(E=SCRIPT)),
    "address of a link": lambda document: annotated(document, PA=SCRIPT),
    "end of a chain": lambda document: annotated(document, A=chain(9)),
    "one of several followers": lambda document: annotated(
        document, A=Dictionary(S=Name.GoTo, Next=Array([chain(1), Dictionary(S=Name.GoTo)]))
    ),
    "popup": lambda document: annotated(document, Popup=Dictionary(A=SCRIPT)),
    "answer to an annotation": lambda document: annotated(document, IRT=Dictionary(A=SCRIPT)),
    "last bookmark": lambda document: bookmarks(document, Last=True),
    "bookmark before": lambda document: bookmarks(document, Prev=True),
    "first bookmark": lambda document: bookmarks(document, First=True),
    "bookmark after": lambda document: bookmarks(document, Next=True),
    "template": lambda document: named_page(document, "/Templates", nested=False),
    "nested template": lambda document: named_page(document, "/Templates", nested=True),
    "named page": lambda document: named_page(document, "/Pages", nested=True),
    "tree of pages": page_tree,
    "field of a field": grandchild,
    "named script": lambda document: document.Root.Names.__setitem__(
        "/JavaScript", Dictionary(Kids=Array([Dictionary(Names=Array([String("a"), SCRIPT]))]))
    ),
}


@pytest.mark.parametrize("spoil", HOLDERS.values(), ids=HOLDERS)
def test_an_action_is_found_wherever_it_hides(spoil: Spoil) -> None:
    """F10: every place that a reader may start it from."""
    assert marks(spoil) == ["PDF-ACTION"]


QUIET = {
    "page turn": lambda document: annotated(document, A=Dictionary(S=Name.Named, N=Name.NextPage)),
    "address": lambda document: annotated(document, A=Dictionary(S=Name.URI, URI=String("urn:x"))),
    "another document": lambda document: annotated(document, A=Dictionary(S=Name.GoToR)),
    "embedded document": lambda document: annotated(document, A=Dictionary(S=Name.GoToE)),
    "named destination": lambda document: document.Root.__setitem__("/OpenAction", String("x")),
    "destination called JavaScript": lambda document: annotated(
        document, A=Dictionary(S=Name.GoTo, D=String("JavaScript"))
    ),
    "no annotation": lambda document: document.pages[0].obj.__setitem__("/Annots", Array()),
    "no bookmark": lambda document: document.Root.__setitem__("/Outlines", Dictionary(Count=0)),
    "no field": lambda document: document.Root.__setitem__("/AcroForm", Dictionary(Fields=Array())),
    "no named script": lambda document: document.Root.Names.__setitem__(
        "/JavaScript", Dictionary(Names=Array())
    ),
}


@pytest.mark.parametrize("spoil", QUIET.values(), ids=QUIET)
def test_what_starts_nothing_is_no_action(spoil: Spoil) -> None:
    """F10: ISO 19005-3, 6.5.1 forbids actions, not the places that could hold one."""
    assert marks(spoil) == []
