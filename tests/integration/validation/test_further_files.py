"""Further XML files of each kind that was once judged wrongly, made from tables of changes."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest

from tests.support.validation_pdfs import spoilt
from tests.support.validation_samples import (
    BUYER_SIRET,
    SELLER_SIRET,
    changed,
    cii_xml,
    facturx_pdf,
    ubl_xml,
    with_attachments,
)
from tests.support.validation_service import service
from worker.billing.standard import EN16931, FACTURX_EXTENDED
from worker.cli import json_views
from worker.cli.console import MOST_FINDINGS, show_findings
from worker.errors import Severity
from worker.validation.files.chorus import check_flow
from worker.validation.files.verdict import FileVerdict, Verdict, validate_file
from worker.validation.xml import MAX_BYTES

GOLDEN = Path(__file__).parents[2] / "golden" / "files"
UBL, CII = ubl_xml(), cii_xml()
UBL_CREDIT = (GOLDEN / "credit-partial.ubl.xml").read_bytes()
CII_CREDIT = (GOLDEN / "credit-partial.cii.xml").read_bytes()
REFORM = (GOLDEN / "two-lines.ctc-fr.ubl.xml").read_bytes()
SYNTAXES = {"ubl": UBL, "ubl-credit": UBL_CREDIT, "cii": CII, "cii-credit": CII_CREDIT}
each = pytest.mark.parametrize("content", SYNTAXES.values(), ids=SYNTAXES)
both = pytest.mark.parametrize("content", [UBL, CII_CREDIT], ids=["ubl", "cii-credit"])


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., FileVerdict]:
    """The verdict on a content."""

    def judged(content: bytes, profile: str | None = None) -> FileVerdict:
        path = tmp_path / "facture"
        path.write_bytes(content)
        return validate_file(path, service(), profile)

    return judged


Judge = Callable[..., FileVerdict]


def codes(answer: FileVerdict) -> list[str]:
    """The codes of its findings."""
    return [finding.code for finding in answer.findings]


def claiming(content: bytes, profile: str) -> bytes:
    """A document with another BT-24."""
    return changed(content, f">{EN16931}<", f">{profile}<")


USES = (
    "urn:xoev-de:kosit:standard:xrechnung_1.2",
    "urn:xoev-de:kosit:standard:xrechnung_2.3",
    "urn:xeinkauf.de:kosit:xrechnung_3.0",
    "urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    "urn:fdc:nen.nl:nlcius:v1.0",
    "urn:efactura.mfinante.ro:CIUS-RO:1.0.1",
    "urn:feap.gov.pt:CIUS-PT:2.1.1",
    "urn:fatturapa.gov.it:CIUS-IT:2.0.0",
    "urn:peppol:france:billing:cius:1.0",
    "urn:mfin.gov.hr:cius-2025:1.0",
    "urn:fdc:peppol.eu:2017:poacc:billing:3.0#compliant#urn:b",
)


@each
@pytest.mark.parametrize("use", USES)
def test_a_use_of_the_standard_is_judged_by_the_standard(
    judge: Judge, content: bytes, use: str
) -> None:
    """F1: a CIUS restricts EN 16931, in any syntax; its own rules are a warning."""
    answer = judge(claiming(content, f"{EN16931}#compliant#{use}"))

    assert (answer.verdict, codes(answer)) == (Verdict.VALID, ["CLAIM-OWN-RULES"])


BROKEN = {
    "BR-02": (">F2026-0001<", "><"),
    "BR-04": (">380<", "><"),
    "BR-06": (">Syndicat mixte fictif<", "> <"),
    "BR-CO-15": (">3196.80<", ">3196.81<"),
    "BR-CL-03": ('currencyID="EUR"', 'currencyID="XXY"'),
    "BR-CL-14": (">FR<", ">FX<"),
    "BR-CL-23": ('unitCode="MON"', 'unitCode="MONTH"'),
    "BR-S-09": (">532.80<", ">0.80<"),
}


@pytest.mark.parametrize("rule", BROKEN)
@pytest.mark.parametrize("use", USES[:3])
def test_a_use_of_the_standard_breaks_what_the_standard_has(
    judge: Judge, rule: str, use: str
) -> None:
    """F1: by CEN's sheet for CII, which knows no list of Factur-X."""
    answer = judge(changed(claiming(CII, f"{EN16931}#compliant#{use}"), *BROKEN[rule]))

    assert answer.verdict is Verdict.INVALID
    assert not any(code.startswith("FX-") for code in codes(answer))


UNCLAIMED = {
    "ubl-absent": UBL.replace(
        f"<cbc:CustomizationID>{EN16931}</cbc:CustomizationID>".encode(), b""
    ),
    "ubl-empty": claiming(UBL, ""),
    "ubl-blank": claiming(UBL, "\n"),
    "cii-absent": re.sub(rb"(?s)<ram:Guideline(\w+)>.*</ram:Guideline\1>", b"", CII, count=1),
    "cii-empty": claiming(CII, ""),
    "cii-blank": claiming(CII, "\t"),
}


@pytest.mark.parametrize("content", UNCLAIMED.values(), ids=UNCLAIMED)
def test_a_document_that_claims_nothing_breaks_the_first_rule(judge: Judge, content: bytes) -> None:
    """F1, F4: BT-24 is mandatory (BR-01), in CII as in UBL."""
    answer = judge(content)

    assert answer.verdict is Verdict.INVALID
    assert codes(answer)[0] == "BR-01"


ITEM = ">Stockage et sauvegarde, 1 To (catégorie 1)<"
BLANK = {
    "BR-02": (">F2026-0001<",) * 2,
    "BR-06": (">Syndicat mixte fictif<",) * 2,
    "BR-07": (">Commune fictive<",) * 2,
    "BR-21": (">1</cbc:ID>\n    <cbc:Inv", ">1</ram:LineID>"),
    "BR-25": (ITEM,) * 2,
}


@pytest.mark.parametrize("space", ["", " ", "\n\t"], ids=["empty", "space", "line"])
@pytest.mark.parametrize("syntax", [0, 1], ids=["ubl", "cii"])
@pytest.mark.parametrize("rule", BLANK)
def test_a_blank_term_is_none_where_the_sheet_looks(
    judge: Judge, rule: str, syntax: int, space: str
) -> None:
    """CEN's sheets refuse white space for a number or a name: no warning of ours softens them."""
    old = BLANK[rule][syntax]
    new = re.sub(r">[^<]+<", f">{space}<", old, count=1)
    answer = judge(changed((UBL, CII)[syntax], old, new))

    assert answer.verdict is Verdict.INVALID
    assert codes(answer).count(rule) == 1


@pytest.mark.parametrize("rule", BLANK)
def test_a_blank_term_is_a_warning_where_the_sheet_does_not_look(judge: Judge, rule: str) -> None:
    """Factur-X's sheet takes white space for a value: a person is told the rule."""
    old = BLANK[rule][1]
    answer = judge(facturx_pdf(changed(CII, old, re.sub(r">[^<]+<", "> <", old, count=1))))

    assert answer.verdict is Verdict.VALID
    assert rule in codes(answer)


EXTENSIONS = (
    f"{EN16931}#conformant#urn:UBL.BE:1.0.0.20180214",
    f"{EN16931}#conformant#urn:peppol:france:billing:extended:1.0",
    f"{EN16931}#compliant#{USES[2]}#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
    f"{EN16931}#compliant#{USES[3]}#conformant#urn:fdc:anz:1.0",
    f"{EN16931}#conformant#urn:a#compliant#urn:b",
    f"{EN16931}#compliant#urn:a#conformant#",
    f"{EN16931}#Conformant#urn:a",
    f"{EN16931}#compliant#",
    f"{EN16931}#compliant",
    f"{EN16931}#",
    f"{EN16931}:compliant:urn:a",
    "urn:cen.eu:en16931:2023",
    "urn:ferd:CrossIndustryDocument:invoice:1p0:comfort",
)


@both
@pytest.mark.parametrize("profile", EXTENSIONS)
def test_an_extension_is_never_judged_by_what_it_extends(
    judge: Judge, content: bytes, profile: str
) -> None:
    """F2: neither valid nor invalid by rules that are not its own."""
    answer = judge(claiming(content, profile))

    assert (answer.verdict, codes(answer)) == (Verdict.INCONCLUSIVE, ["CLAIM-UNKNOWN"])


@pytest.mark.parametrize("profile", EXTENSIONS[:4])
def test_an_extension_breaks_its_syntax_all_the_same(judge: Judge, profile: str) -> None:
    """F2: what no extension changes, the schema, still refuses."""
    wrong = changed(
        claiming(UBL, profile), "<cac:OrderReference>", "<cac:Other/><cac:OrderReference>"
    )

    assert judge(wrong).verdict is Verdict.INVALID


ATTACHED: dict[str, Callable[[], bytes]] = {
    "cii in several": lambda: with_attachments(CII, 3, 3, 3),
    "ubl credit note": lambda: with_attachments(UBL_CREDIT, 8),
    "use of the standard": lambda: claiming(
        with_attachments(CII, 8), f"{EN16931}#compliant#{USES[2]}"
    ),
    "in lines": lambda: with_attachments(UBL, 8).replace(b"QUJD" * 19, b"QUJD" * 19 + b"\n"),
}


@pytest.mark.parametrize("made", ATTACHED.values(), ids=ATTACHED)
def test_no_attachment_that_the_portal_takes_hides_a_document(
    judge: Judge, made: Callable[[], bytes]
) -> None:
    """F3: it is judged, and by its rules."""
    assert judge(made()).verdict is Verdict.VALID


def test_what_is_wrong_beside_a_large_attachment_is_found(judge: Judge) -> None:
    """F3: the sheets are given the document without what is attached."""
    answer = judge(changed(with_attachments(UBL, 8), ">3196.80<", ">3196.81<"))

    assert answer.verdict is Verdict.INVALID
    assert "BR-CO-15" in codes(answer)


def large_metadata(document: pikepdf.Pdf) -> None:
    """More XMP than is read."""
    metadata = document.Root.Metadata
    padding = b"<!--" + b"x" * 1_000_000 + b"--></rdf:RDF>"
    metadata.write(metadata.read_bytes().replace(b"</rdf:RDF>", padding))


NOTE = "<cbc:Note>"
MANY = " ".join(f'{{0}}{rank}="u:{rank}"' for rank in range(101))
BEYOND: dict[str, Callable[[], bytes]] = {
    "size": lambda: UBL + b" " * MAX_BYTES,
    "size in a pdf": lambda: facturx_pdf(CII + b" " * MAX_BYTES),
    "marks": lambda: changed(UBL, NOTE, "<cbc:Note/>" * 2_000_000 + NOTE),
    "depth": lambda: changed(UBL, NOTE, "<a>" * 300 + "</a>" * 300 + NOTE),
    "attributes": lambda: changed(UBL, NOTE, f"<cbc:Note {MANY.format('a')}/>{NOTE}"),
    "namespaces": lambda: changed(CII, "<ram:Name>", f"<ram:Name {MANY.format('xmlns:a')}>"),
    "digits": lambda: changed(UBL, ">2664.00<", f">{'9' * 1001}<"),
    "decimals": lambda: changed(CII, ">2664.00<", f">0.{'9' * 1001}<"),
    "length without attachment": lambda: changed(UBL, NOTE, NOTE + "x " * 5_000_000),
    "metadata": lambda: spoilt(large_metadata),
}


@pytest.mark.parametrize("made", BEYOND.values(), ids=BEYOND)
def test_beyond_a_bound_nothing_is_held_against_a_document(
    judge: Judge, made: Callable[[], bytes]
) -> None:
    """F3: it was not read to its end; there is no verdict, and no advice about its lines."""
    answer = judge(made())

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert len(answer.findings) == 1
    assert "ligne" not in answer.findings[0].remedy


SELLERS = {
    True: (
        *(("0223", number) for number in ("ATU12345678", "EL123456789", "NL123456789B01")),
        *(("0223", number) for number in ("IE1234567FA", "ESX1234567R", "XI123456789")),
        *(("0226", name) for name in ("DUPONT JEAN", "É")),
        *(("0227", name) for name in ("US ACME INC", "x" * 80)),
        *(("0228", number) for number in ("0123456", "1234567890")),
        *(("0229", number) for number in ("123456", "A12345001")),
    ),
    False: (
        *(("0223", number) for number in ("DE", "123456788", "CH123456", "de123456788", "")),
        *(("0226", name) for name in ("", "x" * 81)),
        *(("0228", number) for number in ("12345", "RIDET 1")),
        *(("0229", number) for number in ("X", "A12345001234")),
        *((scheme, "DE123456788") for scheme in ("0002", "0009", "0088", "")),
    ),
}
SELLER_CASES = [(scheme, of, taken) for taken, all_of in SELLERS.items() for scheme, of in all_of]


@both
@pytest.mark.parametrize("scheme,identifier,taken", SELLER_CASES)
def test_a_seller_without_siret_is_known_by_its_scheme(
    judge: Judge, content: bytes, scheme: str, identifier: str, *, taken: bool
) -> None:
    """F6: BR-FR-CPRO-03, in an invoice and a credit note, with a SIRET in BT-29 or not."""
    legal = re.compile(
        rb"(<cac:PartyLegalEntity>.*?<cbc:CompanyID|<ram:SpecifiedLegalOrganization>\s*<ram:ID)"
        rb' schemeID="0002">\d+<',
        re.DOTALL,
    )
    stated = f' schemeID="{scheme}"' if scheme else ""
    foreign = legal.sub(rb"\1" + f"{stated}>{identifier}<".encode(), content, count=1)
    answer = judge(foreign, "chorus")

    assert (answer.verdict is Verdict.VALID) is taken
    assert ("CHORUS-SIRET" in codes(answer)) is not taken


AMOUNT = (
    "<ram:AppliedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>false"
    "</udt:Indicator></ram:ChargeIndicator>{}</ram:AppliedTradeAllowanceCharge>"
)
TWO_LINES = (GOLDEN / "two-lines.cii.xml").read_bytes()
PRICED = {
    "one line": CII,
    "two lines": TWO_LINES,
    "credit note": CII_CREDIT,
    "extended": claiming(CII, FACTURX_EXTENDED),
    "use of the standard": claiming(CII, f"{EN16931}#compliant#{USES[2]}"),
}
DISCOUNTS = {
    "none": ("", False),
    "without amount": (AMOUNT.format(""), False),
    "zero": (AMOUNT.format("<ram:ActualAmount>0</ram:ActualAmount>"), True),
    "zero cents": (AMOUNT.format("<ram:ActualAmount>0.00</ram:ActualAmount>"), True),
    "some": (AMOUNT.format("<ram:ActualAmount>8</ram:ActualAmount>"), True),
}


@pytest.mark.parametrize("discount,taken", DISCOUNTS.values(), ids=DISCOUNTS)
@pytest.mark.parametrize("content", PRICED.values(), ids=PRICED)
def test_the_portal_wants_a_discount_under_every_gross_price(
    judge: Judge, content: bytes, discount: str, *, taken: bool
) -> None:
    """F7: on the last line as on the first, zero being one; nobody else wants it."""
    gross = f"<ram:ChargeAmount>230</ram:ChargeAmount>{discount}"
    block = f"<ram:GrossPriceProductTradePrice>{gross}</ram:GrossPriceProductTradePrice>".encode()
    before, net, after = content.rpartition(b"<ram:NetPriceProductTradePrice>")
    answer = judge(before + block + net + after, "chorus")

    assert (answer.verdict is Verdict.VALID) is taken
    assert taken or {"CHORUS-GROSS-PRICE", "XSD-ABSENT"} & set(codes(answer))


MEGABYTE = 1_000_000
SIZES = {
    Severity.WARNING: (20 * MEGABYTE + 1, 21 * MEGABYTE, 25 * MEGABYTE, 30 * MEGABYTE),
    Severity.BLOCKING: (30 * MEGABYTE + 1, 31 * MEGABYTE, 45 * MEGABYTE, 2**31),
    None: (0, 1, 20 * MEGABYTE - 1, 20 * MEGABYTE),
}


@pytest.mark.parametrize("severity", SIZES)
def test_the_portal_s_limit_of_size_has_two_steps(severity: Severity | None) -> None:
    """F8: 20 MB may be 30 in base64; 30 are refused."""
    expected = [] if severity is None else [severity]

    for size in SIZES[severity]:
        assert [finding.severity for finding in check_flow(size)] == expected, size


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 60 * MEGABYTE, 500 * MEGABYTE, 2**40])
@pytest.mark.parametrize("profile,verdict", [(None, "inconclusive"), ("chorus", "invalid")])
def test_a_file_too_large_to_be_read_is_too_large_for_the_portal(
    tmp_path: Path, size: int, profile: str | None, verdict: str
) -> None:
    """F8: its size is known without reading it, and only the portal has a rule about it."""
    path = tmp_path / "facture.pdf"
    with path.open("wb") as file:
        file.truncate(size)
    answer = validate_file(path, service(), profile)

    assert answer.verdict == verdict
    assert ("CHORUS-FLOW" in codes(answer)) is (profile == "chorus")


IDENTIFIERS = (
    ("0088", "3012345678900"),
    ("0060", "123456782"),
    ("0199", "969500T1MBS4SDYKTI25"),
    ("0002", "999999006"),
    ("0184", "DK12345678"),
    ("0225", "999999006_SERVICE"),
    ("0224", "SERVICE"),
    ("SEPA", "FR72ZZZ123456"),
    ("", "ABC-1"),
)


@pytest.mark.parametrize("scheme,identifier", IDENTIFIERS)
@pytest.mark.parametrize("place", ["before", "behind", "alone", "payee", "delivery", "buyer"])
def test_other_identifiers_are_free_wherever_they_stand(
    judge: Judge, place: str, scheme: str, identifier: str
) -> None:
    """F9: the portal wants a SIRET where a SIRET goes, and reads nothing else."""
    stated = f' schemeID="{scheme}"' if scheme else ""
    given = f"<cbc:ID{stated}>{identifier}</cbc:ID>"
    opening, closing = "<cac:PartyIdentification>", "</cac:PartyIdentification>"
    block = f"{opening}{given}{closing}"
    name = "<cac:PartyName><cbc:Name>Tiers fictif</cbc:Name></cac:PartyName>"
    address = f"<cac:Address>{re.findall('(?s)<cac:Country>.*?</cac:Country>', UBL.decode())[0]}"
    old, new = {
        "before": (opening, block + opening),
        "behind": (closing, closing + block),
        "alone": (f'<cbc:ID schemeID="0009">{SELLER_SIRET}</cbc:ID>', given),
        "buyer": (f'<cbc:ID schemeID="0009">{BUYER_SIRET}</cbc:ID>', given),
        "payee": (
            "<cac:Delivery>",
            f"<cac:PayeeParty>{block}{name}</cac:PayeeParty><cac:Delivery>",
        ),
        "delivery": (
            "</cac:Delivery>",
            f"<cac:DeliveryLocation>{given}{address}</cac:Address></cac:DeliveryLocation></cac:Delivery>",
        ),
    }[place]
    answer = judge(changed(UBL, old, new), "chorus")

    # SEPA is for a seller or a payee alone (BR-CL-10, BR-CL-26).
    refused = scheme == "SEPA" and place in {"buyer", "delivery"}

    assert (answer.verdict is Verdict.VALID) is not refused
    assert not any(code.startswith(("CHORUS-", "XSD-")) for code in codes(answer))


DATED = changed(
    changed(UBL, "<cbc:DueDate>", "<cbc:IssueTime>10:00:00</cbc:IssueTime><cbc:DueDate>"),
    "</cbc:Note>",
    "</cbc:Note><cbc:TaxPointDate>2026-01-12</cbc:TaxPointDate>",
)
ELEMENTS = [
    (content, tag)
    for content in (DATED, UBL_CREDIT, REFORM)
    for tag in sorted(set(re.findall(r"<(cbc:\w*(?:Date|Time))>", content.decode())))
]
COLLAPSED = (
    "\n{}",
    "{} ",
    "\t{}\t",
    "&#13;{}",
    " \n\t{}\r\n",
    "<!-- a -->\n{}",
    "<![CDATA[ {} ]]>",
)
KEPT = ("\u00a0{}", "{}\u2003", "&#x85;{}", "x{}", "{}x")


def dated(content: bytes, form: str, tag: str = r"cbc:\w*(?:Date|Time)") -> bytes:
    """A document with its dates in another form."""
    return re.sub(
        rf"(<({tag})>)(.*?)(</\2>)",
        lambda found: found[1] + form.format(found[3]) + found[4],
        content.decode(),
    ).encode()


@pytest.mark.parametrize("content", [DATED, UBL_CREDIT, REFORM], ids=["ubl", "credit", "reform"])
@pytest.mark.parametrize("form", COLLAPSED)
def test_white_space_is_no_part_of_any_date(judge: Judge, content: bytes, form: str) -> None:
    """F11: XML's own four signs, around every date and time at once."""
    assert judge(dated(content, form)).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "content,tag,form", [(*found, KEPT[rank % len(KEPT)]) for rank, found in enumerate(ELEMENTS)]
)
def test_what_xml_takes_for_no_white_space_spoils_a_date(
    judge: Judge, content: bytes, tag: str, form: str
) -> None:
    """F11: in each date and time of the document."""
    assert judge(dated(content, form, tag)).verdict is Verdict.INVALID


SIXTY = (GOLDEN / "sixty-lines.ubl.xml").read_bytes()
EVERYWHERE: dict[str, tuple[str, str]] = {
    "XSD-VALUE": (r"(</cbc:InvoicedQuantity>)", r"x\1"),
    "XSD-UNEXPECTED": (r"(<cac:InvoicePeriod>)", r"<cac:Other/>\1"),
    "XSD-ABSENT": (r"<cac:Item>.*?</cac:Item>\s*<cac:Price>.*?</cac:Price>", ""),
    "XSD-ATTRIBUTE": (r'(<cbc:LineExtensionAmount) currencyID="EUR"', r"\1"),
    "BR-25": (r"(<cac:Item>.*?<cbc:Name>)[^<]*", r"\1 "),
    "BR-CL-23": (r'unitCode="\w+"', 'unitCode="ZZZZ"'),
    "BR-DEC-23": (r"(<cbc:LineExtensionAmount[^>]*>\d+\.\d\d)", r"\g<1>1"),
    "BR-CL-03": (r'currencyID="EUR"', 'currencyID="XXY"'),
    "AMOUNT-PRICE": (r"(<cbc:PriceAmount[^>]*>)", r"\g<1>9"),
    "UBL-DATE": (r"(<cbc:EndDate>)2025", r"\g<1>12025"),
    "TEXT-HIDDEN": (r"(<cbc:Description>)", "\\1\u202e"),
}
KINDS = [[code for code in EVERYWHERE if code.startswith("XSD-") is xsd] for xsd in (True, False)]
PAIRS = [
    (often, kind[(rank + step) % len(kind)])
    for kind in KINDS
    for rank, often in enumerate(kind)
    for step in (1, 2)
]
"""What is wrong everywhere and what once; a schema that refuses is the last thing run."""


def spoiled_lines(often: str, once: str) -> Iterator[str]:
    """Sixty lines, wrong in one way, and the last in another."""
    head, *lines = re.split(r"(?=<cac:InvoiceLine>)", SIXTY.decode())
    yield head
    for rank, line in enumerate(lines, 1):
        code = once if rank == len(lines) else often
        yield re.sub(*EVERYWHERE[code], line, flags=re.DOTALL)


@pytest.mark.parametrize("often,once", PAIRS)
def test_what_is_wrong_once_is_told_beside_what_is_wrong_everywhere(
    judge: Judge, often: str, once: str
) -> None:
    """F14: the verdict and the JSON hold every code; the screen cuts, and says so."""
    answer = judge("".join(spoiled_lines(often, once)).encode())
    shown = json.dumps(json_views.validated([answer], ok=False), default=str)

    assert {often, once} <= set(codes(answer))
    assert f'"{once}"' in shown


def test_the_screen_says_how_many_findings_it_leaves_out(
    judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    """F14: the display alone is cut."""
    answer = judge("".join(spoiled_lines("BR-CL-03", "UBL-DATE")).encode())
    show_findings(answer.findings)
    left = len(answer.findings) - MOST_FINDINGS

    assert left > 0
    assert f"et {left} autre" in capsys.readouterr().err
