"""``validate FILE``: any file gets a clear answer in bounded time, a hostile one too."""

import os
import re
import zlib
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from lxml import etree

from tests.support.validation_samples import (
    changed,
    cii_xml,
    facturx_pdf,
    ubl_xml,
    with_attachments,
)
from tests.support.validation_service import service
from worker.errors import Severity, WrongUse
from worker.validation.files.chorus import check_flow
from worker.validation.files.left_out import left_out
from worker.validation.files.verdict import FileKind, FileVerdict, Verdict, validate_file
from worker.validation.first_findings import MAX_FINDINGS

UBL = ubl_xml()
CII = cii_xml()
FILES = Path(__file__).parents[2] / "golden" / "files"


def pdf(
    name: str = "", content: bytes = b"", encryption: pikepdf.Encryption | None = None
) -> bytes:
    """A PDF of one blank page, with one embedded file perhaps."""
    document = pikepdf.new()
    document.add_blank_page()
    if name:
        document.attachments[name] = pikepdf.AttachedFileSpec(document, content, filename=name)
    target = BytesIO()
    document.save(target, encryption=encryption or False)
    return target.getvalue()


def verdict_on(folder: Path, content: bytes, profile: str | None = "chorus") -> list[str]:
    """Verdict, kind and codes of a file with this content."""
    path = folder / "facture"
    path.write_bytes(content)
    answer = validate_file(path, service(), profile)
    assert all(finding.message for finding in answer.findings)
    return [
        answer.verdict,
        *([answer.kind] if answer.kind else []),
        *(f.code for f in answer.findings),
    ]


@pytest.mark.parametrize(
    "content,kind",
    [
        (UBL, FileKind.UBL_INVOICE),
        (b"\xef\xbb\xbf" + UBL, FileKind.UBL_INVOICE),
        (UBL.decode().replace("UTF-8", "UTF-16").encode("utf-16"), FileKind.UBL_INVOICE),
        (CII, FileKind.CII_EN16931),
        (facturx_pdf(CII), FileKind.FACTURX),
        (
            changed(CII, "en16931:2017<", "en16931:2017#conformant#urn:factur-x.eu:1p0:extended<"),
            FileKind.CII_FACTURX,
        ),
    ],
)
def test_each_kind_is_recognised_and_valid(tmp_path: Path, content: bytes, kind: FileKind) -> None:
    """Our own documents are valid for Chorus Pro in every wrapping."""
    assert verdict_on(tmp_path, content) == [Verdict.VALID, kind]


@pytest.mark.parametrize(
    "content,kind",
    [
        (changed(CII, ">urn:cen.eu:en16931:2017<", ">urn:autre<"), FileKind.CII),
        (changed(UBL, ">urn:cen.eu:en16931:2017<", ">urn:autre<"), FileKind.UBL_INVOICE),
        (facturx_pdf(changed(CII, "en16931:2017", "x")), FileKind.HYBRID_PDF),
    ],
)
def test_an_unknown_profile_is_never_valid(tmp_path: Path, content: bytes, kind: FileKind) -> None:
    """A claim whose calculation rules are not here is said to be incompletely checked."""
    assert verdict_on(tmp_path, content) == [Verdict.INCONCLUSIVE, kind, "CLAIM-UNKNOWN"]


REFORM = (FILES / "two-lines.ctc-fr.cii.xml").read_bytes()
NOTES = re.compile(rb"<ram:IncludedNote>.*?</ram:IncludedNote>", re.DOTALL)


def test_the_dialect_of_the_reform_in_a_factur_x_passes_all_its_rules(tmp_path: Path) -> None:
    """Its BT-24 is that of any Factur-X EXTENDED: it is known by what it holds."""
    path = tmp_path / "facture"
    path.write_bytes(REFORM)
    answer = validate_file(path, service())

    assert (answer.verdict, answer.kind) == (Verdict.VALID, FileKind.CII_REFORM)
    assert [rules for rules in ("CTC-FR", "BR-FR") if not names(answer, rules)] == []


def names(answer: FileVerdict, rules: str) -> list[str]:
    """The rule sets that were run and have these words in their name."""
    return [report.rule_set.name for report in answer.reports if rules in report.rule_set.name]


@pytest.mark.parametrize(
    "content",
    [
        NOTES.sub(b"", REFORM),
        changed(REFORM, ">S1</ram:ID>", ">ZZ</ram:ID>"),
    ],
    ids=["notes", "framework"],
)
def test_what_the_reform_demands_is_missed_in_a_factur_x(tmp_path: Path, content: bytes) -> None:
    """Without one of its marks, the others still tell the dialect, whose rules refuse."""
    verdict, _kind, *codes = verdict_on(tmp_path, content, None)

    assert verdict == Verdict.INVALID
    assert any(code.startswith("BR-FR") for code in codes)


EXTENDED = changed(CII, "2017<", "2017#conformant#urn:factur-x.eu:1p0:extended<")


def with_note(code: str) -> bytes:
    """A Factur-X EXTENDED with one coded note more."""
    content = f"<ram:Content>x</ram:Content><ram:SubjectCode>{code}</ram:SubjectCode>"
    note = f"<ram:IncludedNote>{content}</ram:IncludedNote>"
    return changed(EXTENDED, "<ram:IncludedNote>", f"{note}<ram:IncludedNote>")


def with_address() -> bytes:
    """A Factur-X EXTENDED whose buyer has an electronic address of the reform's directory."""
    address = '<ram:URIID schemeID="0225">999000078</ram:URIID>'
    block = f"<ram:URIUniversalCommunication>{address}</ram:URIUniversalCommunication>"
    return changed(EXTENDED, "</ram:BuyerTradeParty>", f"{block}</ram:BuyerTradeParty>")


@pytest.mark.parametrize(
    "content",
    [changed(EXTENDED, ">A1</ram:ID>", ">B2</ram:ID>"), with_note("ADN"), with_address()],
    ids=["framework", "note", "address"],
)
def test_each_mark_tells_the_dialect_of_the_reform(tmp_path: Path, content: bytes) -> None:
    """Any one of them brings its rules, which an invoice of direct deposit does not pass."""
    verdict, kind, *_codes = verdict_on(tmp_path, content, None)

    assert (verdict, kind) == (Verdict.INVALID, FileKind.CII_REFORM)


@pytest.mark.parametrize("code", ["PMT", "PMD", "AAB"])
def test_a_coded_note_of_before_is_not_the_reform(tmp_path: Path, code: str) -> None:
    """French invoices had these codes before: an EXTENDED one is not held to other rules."""
    assert verdict_on(tmp_path, with_note(code), None) == [Verdict.VALID, FileKind.CII_FACTURX]


@pytest.mark.parametrize("profile", [None, "chorus"])
@pytest.mark.parametrize(
    "path", sorted(FILES.glob("*.chorus-e1.ubl.xml")), ids=lambda path: path.name.split(".")[0]
)
def test_the_native_ubl_of_chorus_pro_is_never_judged_by_en_16931(
    path: Path, profile: str | None
) -> None:
    """Our own breaks no rule that can be run, and only the portal's qualification can conclude."""
    answer = validate_file(path, service(), profile)

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.kind is FileKind.CHORUS_UBL
    assert [finding.code for finding in answer.findings] == ["CLAIM-NATIVE"]


def test_a_broken_rule_is_seen_where_nothing_can_conclude(tmp_path: Path) -> None:
    """An unknown profile excuses neither a wrong sum nor what Chorus Pro is known to refuse."""
    native = (FILES / "two-lines.chorus-e1.ubl.xml").read_bytes()
    wrong = changed(native, ">2664.00</cbc:TaxExclusive", ">2665.00</cbc:TaxExclusive")
    assert verdict_on(tmp_path, wrong)[0] == Verdict.INVALID
    without = changed(native, ">A1</cbc:ProfileID>", ">S1</cbc:ProfileID>")

    assert verdict_on(tmp_path, without, None)[0] == Verdict.INCONCLUSIVE
    assert verdict_on(tmp_path, without)[0] == Verdict.INVALID


def test_a_particular_use_of_the_standard_is_a_warning(tmp_path: Path) -> None:
    """EN 16931 is checked, and the person knows that the rules of that use are not."""
    peppol = changed(UBL, "en16931:2017<", "en16931:2017#compliant#urn:fdc:peppol.eu:2017<")
    codes = [Verdict.VALID, FileKind.UBL_INVOICE, "CLAIM-OWN-RULES"]

    assert verdict_on(tmp_path, peppol) == codes


@pytest.mark.parametrize("wrong", ["20x60112", "20260231", "2026011", "²0260112"])
def test_a_date_outside_the_calendar_is_refused(tmp_path: Path, wrong: str) -> None:
    """In CII the schema sees text, and the Factur-X rules do not look: we do."""
    content = changed(CII, '"102">20260112<', f'"102">{wrong}<')

    assert verdict_on(tmp_path, facturx_pdf(content)) == [
        Verdict.INVALID,
        FileKind.FACTURX,
        "CII-DATE",
    ]
    assert "CII-DATE" in verdict_on(tmp_path, content)


def test_without_profile_only_the_standard_is_checked(tmp_path: Path) -> None:
    """A SIREN is right in UBL and wrong for Chorus Pro; the reports name the rules that ran."""
    siren = changed(UBL, ">99900007800017<", ">999000078<", 2)
    assert verdict_on(tmp_path, siren, None) == [Verdict.VALID, FileKind.UBL_INVOICE]
    assert verdict_on(tmp_path, siren)[0] == Verdict.INVALID
    reports = validate_file(tmp_path / "facture", service(), "chorus").reports

    assert [report.valid for report in reports] == [True, True, True, False]
    assert "EN 16931" in reports[1].rule_set.name
    assert "Chorus Pro" in reports[2].rule_set.name
    assert "Chorus Pro" in reports[3].rule_set.name


FACTS = [
    (">F2026-0001<", f">{'F' * 21}<", "CHORUS-NUMBER"),
    (">A1<", ">M1<", "CHORUS-FRAMEWORK"),
    (">EUR</ram:InvoiceCurrencyCode>", ">USD</ram:InvoiceCurrencyCode>", "CHORUS-CURRENCY"),
    (">SERVICE_INFO 1<", ">SERVICE?<", "CHORUS-SERVICE"),
    (">EJ-2025/001<", f">{'x' * 51}<", "CHORUS-ENGAGEMENT"),
    (">CONV-2023-07<", f">{'x' * 51}<", "CHORUS-CONTRACT"),
    ('"0009">99999900600011<', '"0009">99999900600012<', "CHORUS-SIRET"),
    ('"0002">99900007800017<', '"0002">999000078<', "CHORUS-SIRET"),
    (">Commune fictive<", f">{'x' * 100}<", "CHORUS-NAME"),
    (">FR1420041010050500013M02606<", ">FR1520041010050500013M02606<", "CHORUS-IBAN"),
]


@pytest.mark.parametrize("old,new,code", FACTS)
def test_cii_obeys_the_same_limits(tmp_path: Path, old: str, new: str, code: str) -> None:
    """Each limit is read at its place in CII and refuses in French, with the place."""
    altered = changed(CII, old, new)
    assert code not in verdict_on(tmp_path, altered, None)
    assert code in verdict_on(tmp_path, altered)
    findings = validate_file(tmp_path / "facture", service(), "chorus").findings
    finding = next(finding for finding in findings if finding.code == code)

    assert "ligne" in finding.where
    assert finding.remedy


@pytest.mark.parametrize(
    "old,new,code",
    [
        ('"0009">99999900600011<', '"0009">99999900600012<', "CHORUS-SIRET"),
        (">FR1420041010050500013M02606<", ">FR1520041010050500013M02606<", "CHORUS-IBAN"),
        (">380<", ">751<", "CHORUS-TYPE"),
    ],
)
def test_ubl_is_checked_beyond_its_schemas(tmp_path: Path, old: str, new: str, code: str) -> None:
    """Check digits and type codes, which no XSD can know, are refused all the same."""
    assert verdict_on(tmp_path, changed(UBL, old, new)) == [
        Verdict.INVALID,
        FileKind.UBL_INVOICE,
        code,
    ]


def test_an_account_that_is_no_iban_is_refused(tmp_path: Path) -> None:
    """G1.16 to G1.19: CII has a place for other accounts, and Chorus Pro does not read it."""
    iban = rb"<ram:IBANID>FR1420041010050500013M02606</ram:IBANID>(.*?</ram:AccountName>)"
    other = rb"\1<ram:ProprietaryID>00013M02606</ram:ProprietaryID>"
    content = re.sub(iban, other, CII, flags=re.DOTALL)

    assert verdict_on(tmp_path, content, None)[0] == Verdict.VALID
    assert "CHORUS-IBAN" in verdict_on(tmp_path, content)


@pytest.mark.parametrize("syntax", [UBL, CII])
def test_a_transfer_needs_an_account(tmp_path: Path, syntax: bytes) -> None:
    """BR-61: with code 30 the IBAN must be there; a payment by card needs none."""
    without = re.sub(rb"<(\w+:Payee\w*Account)>.*?</\1>", b"", syntax, flags=re.DOTALL)
    assert "CHORUS-IBAN" in verdict_on(tmp_path, without)
    card = re.sub(rb">30<(/\w+:(PaymentMeans|Type)Code)", rb">48<\1", without)

    assert verdict_on(tmp_path, card)[0] == Verdict.VALID


def test_payment_means_are_compulsory_on_a_cii_invoice_only(tmp_path: Path) -> None:
    """The portal says so of invoices; credit notes are better without."""
    tag = b"ram:SpecifiedTradeSettlementPaymentMeans"
    without = re.sub(b"<%b>.*?</%b>" % (tag, tag), b"", CII, flags=re.DOTALL)

    assert "CHORUS-PAYMENT-MEANS" in verdict_on(tmp_path, without)
    assert verdict_on(tmp_path, changed(without, ">380<", ">381<"))[0] == Verdict.VALID


def test_an_absent_framework_is_only_a_warning(tmp_path: Path) -> None:
    """Chorus Pro supposes A1, and a person should know."""
    path = tmp_path / "facture"
    path.write_bytes(changed(UBL, "<cbc:ProfileID>A1</cbc:ProfileID>", ""))
    answer = validate_file(path, service(), "chorus")

    assert answer.verdict is Verdict.VALID
    assert [finding.severity for finding in answer.findings] == [Severity.WARNING]


BOMB = b"<!DOCTYPE a [<!ENTITY a0 'ha'>%b]><a>&a9;</a>" % b"".join(
    b"<!ENTITY a%d '%b'>" % (rank, b"&a%d;" % (rank - 1) * 10) for rank in range(1, 10)
)


@pytest.mark.parametrize(
    "content,code",
    [
        (b"", "FILE-EMPTY"),
        (b"facture;montant\n1;2\n", "FILE-NOT-INVOICE"),
        (b"PK\x03\x04" + b"\0" * 40, "FILE-NOT-INVOICE"),
        (b"<facture/>", "XML-OTHER-KIND"),
        (b"<SCRDMCCBDACIOMessageStructure/>", "XML-ORDER"),
        (b"<html><body>", "XML-MALFORMED"),
        (UBL[:-40], "XML-MALFORMED"),
        (BOMB, "XML-DOCTYPE"),
        (pdf(), "PDF-NO-XML"),
        (pdf("order-x.xml", CII), "PDF-NO-XML"),
        (pdf("factur-x.xml", b"<facture/>"), "XML-OTHER-KIND"),
        (pdf("factur-x.xml", b""), "XML-EMPTY"),
        (pdf("factur-x.xml", CII)[:700], "PDF-DAMAGED"),
        (b"%PDF-1.7\nrien", "PDF-DAMAGED"),
        (
            pdf("factur-x.xml", CII, pikepdf.Encryption(owner="a", user="b")),
            "PDF-ENCRYPTED",
        ),
        (pdf("factur-x.xml", CII, pikepdf.Encryption(owner="a", user="")), "PDF-ENCRYPTED"),
    ],
)
def test_what_is_no_invoice_is_unreadable(tmp_path: Path, content: bytes, code: str) -> None:
    """Each unreadable file gets its own reason, and no rule is said to have run."""
    assert verdict_on(tmp_path, content) == [Verdict.UNREADABLE, code]
    assert validate_file(tmp_path / "facture", service()).reports == ()


def named(*names: tuple[str, str]) -> bytes:
    """A PDF with the CII under each (key of the tree, name of the file)."""
    document = pikepdf.new()
    document.add_blank_page()
    pairs = pikepdf.Array()
    for key, name in names:
        spec = pikepdf.AttachedFileSpec(document, CII, filename=name)
        pairs.extend([pikepdf.String(key), spec.obj])
    document.Root.Names = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary(Names=pairs))
    output = BytesIO()
    document.save(output)
    return output.getvalue()


@pytest.mark.parametrize(
    "names, code",
    [
        ((("other", "factur-x.xml"),), ""),
        ((("factur-x.xml", "a.xml"),), ""),
        ((("factur-x.xml", "factur-x.xml"), ("factur-x.xml", "factur-x.xml")), "PDF-AMBIGUOUS"),
        ((("factur-x.xml", "evil.exe"), ("zzz", "factur-x.xml")), "PDF-AMBIGUOUS"),
        ((("FACTUR-X.XML", "a"), ("factur-x.xml", "b")), "PDF-AMBIGUOUS"),
        ((("a", "b"),), "PDF-NO-XML"),
    ],
)
def test_the_invoice_of_a_pdf_is_the_only_file_that_has_its_name(
    tmp_path: Path, names: tuple[tuple[str, str], ...], code: str
) -> None:
    """By its key or its file name, in any case; two such files are no invoice anybody can trust."""
    assert verdict_on(tmp_path, named(*names))[1] == (code or FileKind.FACTURX)


def test_an_element_of_a_thousand_attributes_is_refused_at_once(tmp_path: Path) -> None:
    """A schema would take a minute over it."""
    many = " ".join(f'a{n}="1"' for n in range(1000)).encode()
    content = UBL.replace(b"<cbc:ID>", b"<cbc:ID " + many + b">", 1)

    assert verdict_on(tmp_path, content) == [Verdict.INCONCLUSIVE, "XML-TOO-LARGE"]


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\u2066"])
@pytest.mark.parametrize(
    "content, element",
    [(UBL, b"cbc:RegistrationName>"), (CII, b"ram:Name>")],
    ids=["ubl", "cii"],
)
def test_a_text_that_is_not_what_is_read_is_told(
    tmp_path: Path, content: bytes, element: bytes, sign: str
) -> None:
    """The standard takes the sign; a person must know that it is there."""
    spoilt = content.replace(element, element + sign.encode(), 1)

    verdict, _, *codes = verdict_on(tmp_path, spoilt)

    assert verdict is Verdict.VALID
    assert "TEXT-HIDDEN" in codes


@pytest.mark.parametrize("digits", ["9" * 5000, "0." + "3" * 5000, " -" + "1" * 5000 + " "])
@pytest.mark.parametrize("content", [UBL, CII], ids=["ubl", "cii"])
def test_a_number_without_end_is_refused_at_once(
    tmp_path: Path, content: bytes, digits: str
) -> None:
    """The official rules would take minutes over millions of digits."""
    spoilt = re.sub(rb">\d+\.\d\d<", f">{digits}<".encode(), content, count=1)

    assert verdict_on(tmp_path, spoilt) == [Verdict.INCONCLUSIVE, "XML-TOO-LARGE"]


def dated(written: str) -> bytes:
    """Our UBL with another date of issue."""
    return changed(UBL, "IssueDate>2026-01-12<", f"IssueDate>{written}<")


@pytest.mark.parametrize("wrong", ["999999999-01-12", "-2026-01-12", "10000-01-12Z"])
def test_a_ubl_date_nobody_can_use_is_refused(tmp_path: Path, wrong: str) -> None:
    """The XSD takes any year; a receiver does not."""
    verdict, _kind, *codes = verdict_on(tmp_path, dated(wrong), None)

    assert verdict == Verdict.INVALID
    assert "UBL-DATE" in codes


@pytest.mark.parametrize("zone", ["Z", "+14:00", "-05:00"])
def test_a_date_with_a_time_zone_is_a_warning(tmp_path: Path, zone: str) -> None:
    """It is a day of the calendar, which the standard does not refuse."""
    answer = verdict_on(tmp_path, dated(f"2026-01-12{zone}"), None)

    assert answer == [Verdict.VALID, FileKind.UBL_INVOICE, "UBL-DATE"]


@pytest.mark.parametrize("space", [" ", "\n    ", "\t", "&#13;"])
@pytest.mark.parametrize(
    "content,value",
    [
        (UBL, "2026-01-12"),
        (UBL, "2025-12-31"),
        (CII, "20260112"),
        ((FILES / "two-lines.ctc-fr.ubl.xml").read_bytes(), "2026-01-15"),
    ],
)
def test_white_space_around_a_date_is_no_part_of_it(
    tmp_path: Path, content: bytes, value: str, space: str
) -> None:
    """``xs:date`` collapses it, which libxml2 and a sheet of the reform forget."""
    spaced = changed(content, f">{value}<", f">{space}{value}{space}<")

    assert verdict_on(tmp_path, spaced, None)[0] == Verdict.VALID


def test_dates_and_amounts_are_looked_at_once_the_schema_accepts(tmp_path: Path) -> None:
    """Where the structure is wrong, what stands in it is not read: no list without end."""
    many = changed(UBL, "<cbc:IssueDate>", "<cbc:IssueDate/>" * 500 + "<cbc:IssueDate>")
    verdict, _kind, *codes = verdict_on(tmp_path, many, None)

    assert verdict == Verdict.INVALID
    assert 0 < len(codes) <= MAX_FINDINGS + 1
    assert {code.partition("-")[0] for code in codes} == {"XSD", "RULES"}


def test_paths_that_are_no_files_are_unreadable(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe nobody writes to and a device are refused at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    codes = {
        path: [finding.code for finding in validate_file(path, service()).findings]
        for path in (tmp_path / "absent", tmp_path, pipe, Path("/dev/zero"), Path("a\0b"))
    }

    assert list(codes.values()) == [
        ["FILE-MISSING"],
        ["FILE-NOT-REGULAR"],
        ["FILE-NOT-REGULAR"],
        ["FILE-NOT-REGULAR"],
        ["FILE-UNREADABLE"],
    ]


def test_a_huge_sparse_file_is_not_read(tmp_path: Path) -> None:
    """Two gigabytes of nothing are refused by their size alone."""
    path = tmp_path / "enorme.xml"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)

    assert [finding.code for finding in validate_file(path, service()).findings] == [
        "FILE-TOO-LARGE"
    ]


def zeros(megabytes: int) -> bytes:
    """A zlib stream of zeros, made of one block repeated: quick to make, long to unfold."""
    size = 1_000_000
    deflater = zlib.compressobj(9)
    first = deflater.compress(bytes(size)) + deflater.flush(zlib.Z_FULL_FLUSH)
    again = deflater.compress(bytes(size)) + deflater.flush(zlib.Z_FULL_FLUSH)
    total = size * megabytes
    checksum = (total % 65521) << 16 | 1
    return first + again * (megabytes - 1) + b"\x03\x00" + checksum.to_bytes(4, "big")


def test_a_deflate_bomb_is_stopped_by_the_system(tmp_path: Path) -> None:
    """A PDF of a megabyte that unfolds to one gigabyte is refused."""
    document = pikepdf.new()
    document.add_blank_page()
    spec = pikepdf.AttachedFileSpec(document, b"x", filename="factur-x.xml")
    document.attachments["factur-x.xml"] = spec
    spec.get_file().obj.write(zeros(megabytes=1000), filter=pikepdf.Name.FlateDecode)
    path = tmp_path / "bombe.pdf"
    document.save(path)
    assert path.stat().st_size < 2_000_000
    answer = validate_file(path, service())

    assert [finding.code for finding in answer.findings] == ["PDF-TOO-LARGE"]


def test_a_module_in_the_current_folder_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child that opens PDFs takes no code from the folder where the command was typed."""
    (tmp_path / "pikepdf.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)

    assert verdict_on(tmp_path, pdf()) == [Verdict.UNREADABLE, "PDF-NO-XML"]


def test_an_unknown_profile_is_a_wrong_use(tmp_path: Path) -> None:
    """A misspelt profile never passes for a successful check."""
    with pytest.raises(WrongUse, match="peppol"):
        validate_file(tmp_path / "facture.xml", service(), "peppol")


@pytest.mark.parametrize(
    "content",
    [
        with_attachments(UBL, 14),
        with_attachments(UBL, 5, 5, 5),
        with_attachments(CII, 14),
        facturx_pdf(with_attachments(CII, 11, 11)),
    ],
    ids=["ubl", "several", "cii", "pdf"],
)
def test_large_attachments_are_judged(tmp_path: Path, content: bytes) -> None:
    """Chorus Pro takes 10 MB each, 13 MB in base64: no bound of ours stands before."""
    assert verdict_on(tmp_path, content, None)[0] == Verdict.VALID


def test_an_attachment_that_is_no_base64_is_refused(tmp_path: Path) -> None:
    """What the sheets are not given was looked at by the schema."""
    content = changed(with_attachments(UBL, 11), "QUJD</", "QU!D</")

    assert "XSD-VALUE" in verdict_on(tmp_path, content, None) or "XSD-OTHER" in verdict_on(
        tmp_path, content, None
    )


PADDING = b" " * 10_000_001


@pytest.mark.parametrize(
    "content,code",
    [
        (BOMB + PADDING, "XML-DOCTYPE"),
        (b"<!-- " + PADDING + b" --><!DOCTYPE a><a/>", "XML-DOCTYPE"),
        (
            (f"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>{' ' * 5_000_001}").encode("utf-16"),
            "XML-DOCTYPE",
        ),
        (b"<a>" * 300 + b"</a>" * 300 + PADDING, "XML-TOO-LARGE"),
        (b"<a>" + PADDING, "XML-MALFORMED"),
    ],
    ids=["entities", "comment", "utf-16", "depth", "malformed"],
)
def test_a_long_document_keeps_every_other_bound(tmp_path: Path, content: bytes, code: str) -> None:
    """No entity is expanded, in any encoding, and no nesting goes deeper than elsewhere."""
    verdict, *codes = verdict_on(tmp_path, content, None)

    beyond = code == "XML-TOO-LARGE"

    assert verdict == (Verdict.INCONCLUSIVE if beyond else Verdict.UNREADABLE)
    assert codes == [code]


def test_what_could_not_be_run_is_never_held_against_a_document(tmp_path: Path) -> None:
    """Beyond a bound nothing was broken: no verdict, and no advice about lines."""
    note = f"<cbc:Note>{'x' * 1000}</cbc:Note>" * 11_000
    path = tmp_path / "facture"
    path.write_bytes(
        changed(UBL, "<cbc:DocumentCurrencyCode>", note + "<cbc:DocumentCurrencyCode>")
    )
    answer = validate_file(path, service())

    assert answer.verdict is Verdict.INCONCLUSIVE
    assert [finding.code for finding in answer.findings] == ["RULES-UNFINISHED"]
    assert "lignes" not in answer.findings[0].remedy


FOREIGN = [
    ("0223", "DE123456788", "DE", True),
    ("0223", "BE0123456749", "BE", True),
    ("0223", "FR42999999006", "FR", False),
    ("0223", "DE 123456788", "DE", False),
    ("0223", "CHE123456788", "CH", False),
    ("0226", "PARTICULIER FICTIF", "FR", True),
    ("0227", "CHSOCIETE FICTIVE", "CH", True),
    ("0228", "1234567001", "NC", True),
    ("0229", "A12345001", "PF", True),
    ("0228", "RIDET", "NC", False),
    ("0002", "DE123456788", "DE", False),
]


@pytest.mark.parametrize("scheme,identifier,country,accepted", FOREIGN)
@pytest.mark.parametrize("content", [UBL, CII], ids=["ubl", "cii"])
def test_a_foreign_seller_is_known_by_its_own_identifier(
    tmp_path: Path, content: bytes, scheme: str, identifier: str, country: str, *, accepted: bool
) -> None:
    """BR-FR-CPRO-03: a VAT number, or what identifies it outside the Union and overseas."""
    old = '"0002">99999900600011<'
    foreign = changed(content, old, f'"{scheme}">{identifier}<')
    codes = verdict_on(tmp_path, changed(foreign, ">FR</", f">{country}</"))

    assert ("CHORUS-SIRET" not in codes) is accepted
    assert (codes[0] == Verdict.VALID) is accepted


@pytest.mark.parametrize(
    "scheme,identifier",
    [("0088", "3012345678900"), ("SEPA", "FR72ZZZ123456"), ("0060", "123456782")],
)
def test_another_identifier_beside_the_siret_is_no_fault(
    tmp_path: Path, scheme: str, identifier: str
) -> None:
    """A GLN, a SEPA creditor, a DUNS: Chorus Pro wants a SIRET, not nothing else."""
    given = f'<cbc:ID schemeID="{scheme}">{identifier}</cbc:ID>'
    block = f"<cac:PartyIdentification>{given}</cac:PartyIdentification>"
    content = changed(UBL, "<cac:PartyIdentification>", f"{block}<cac:PartyIdentification>")

    assert verdict_on(tmp_path, content) == [Verdict.VALID, FileKind.UBL_INVOICE]


@pytest.mark.parametrize(
    "discount,refused",
    [
        ("", True),
        ("<ram:ActualAmount>0</ram:ActualAmount>", False),
        ("<ram:ActualAmount>1.00</ram:ActualAmount>", False),
    ],
)
def test_a_gross_price_needs_its_discount(tmp_path: Path, discount: str, *, refused: bool) -> None:
    """« AppliedTradeAllowanceCharge.ActualAmount est obligatoire » under a gross price."""
    indicator = "<ram:ChargeIndicator><udt:Indicator>false</udt:Indicator></ram:ChargeIndicator>"
    charge = (
        f"<ram:AppliedTradeAllowanceCharge>{indicator}{discount}</ram:AppliedTradeAllowanceCharge>"
    )
    gross = f"<ram:ChargeAmount>222</ram:ChargeAmount>{charge if discount else ''}"
    block = f"<ram:GrossPriceProductTradePrice>{gross}</ram:GrossPriceProductTradePrice>"
    place = "<ram:NetPriceProductTradePrice>"
    content = changed(CII, place, block + place)

    assert ("CHORUS-GROSS-PRICE" in verdict_on(tmp_path, content)) is refused
    assert "CHORUS-GROSS-PRICE" not in verdict_on(tmp_path, content, None)


@pytest.mark.parametrize(
    "size,severities",
    [
        (20_000_000, []),
        (20_000_001, [Severity.WARNING]),
        (30_000_000, [Severity.WARNING]),
        (30_000_001, [Severity.BLOCKING]),
    ],
)
def test_the_size_of_a_flow_is_that_of_chorus_pro(size: int, severities: list[Severity]) -> None:
    """30 MB at most, and perhaps of base64: between 20 and 30 a person is told."""
    found = list(check_flow(size))

    assert [finding.severity for finding in found] == severities
    assert {finding.code for finding in found} <= {"CHORUS-FLOW"}


def test_the_size_of_a_flow_is_looked_at_for_chorus_pro_alone(tmp_path: Path) -> None:
    """That of the file, not of the XML in it."""
    content = UBL + b"\n" * 31_000_000

    assert verdict_on(tmp_path, content) == [
        Verdict.INVALID,
        FileKind.UBL_INVOICE,
        "CHORUS-FLOW",
    ]
    assert verdict_on(tmp_path, content, None) == [Verdict.VALID, FileKind.UBL_INVOICE]


def without(content: bytes, *tags: str) -> bytes:
    """A document without these elements."""
    for tag in tags:
        content = re.sub(rf"<{tag}>.*?</{tag}>".encode(), b"", content, flags=re.DOTALL)
    return content


LEFT_OUT = {
    "ubl-due": (without(UBL, "cbc:DueDate", "cac:PaymentTerms"), "BR-CO-25"),
    "cii-due": (without(CII, "ram:SpecifiedTradePaymentTerms"), "BR-CO-25"),
    "ubl-currency": (
        changed(
            UBL,
            "</cbc:DocumentCurrencyCode>",
            "</cbc:DocumentCurrencyCode><cbc:TaxCurrencyCode>EUR</cbc:TaxCurrencyCode>",
        ),
        "PEPPOL-EN16931-R005",
    ),
    "blank-number": (facturx_pdf(changed(CII, ">F2026-0001<", ">  <")), "BR-02"),
    "blank-seller": (facturx_pdf(changed(CII, ">Syndicat mixte fictif<", "> <")), "BR-06"),
    "blank-buyer": (facturx_pdf(changed(CII, ">Commune fictive<", ">\n<")), "BR-07"),
}


@pytest.mark.parametrize("content,rule", LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_rule_that_the_sheets_leave_out_is_a_warning_with_its_name(
    tmp_path: Path, content: bytes, rule: str
) -> None:
    """What the standard demands and its sheets do not look at is told, and refuses nothing."""
    path = tmp_path / "facture"
    path.write_bytes(content)
    answer = validate_file(path, service())

    assert answer.verdict is Verdict.VALID
    assert rule in {finding.code for finding in answer.findings}


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_our_documents_break_no_rule_that_the_sheets_leave_out(path: Path) -> None:
    """Invoices have their term, and a credit note needs none."""
    assert left_out(etree.parse(path)) == ()


def test_the_amounts_of_others_are_warnings_unless_a_person_is_strict(tmp_path: Path) -> None:
    """A price that explains nothing, in a line without our agreed price."""
    ours = changed(UBL, ">222</cbc:PriceAmount>", ">223</cbc:PriceAmount>")
    theirs = without(ours, "cac:AdditionalItemProperty")
    path = tmp_path / "facture"
    path.write_bytes(theirs)

    assert verdict_on(tmp_path, theirs, None)[0] == Verdict.VALID
    assert validate_file(path, service(), strict=True).verdict is Verdict.INVALID
    assert verdict_on(tmp_path, ours, None)[0] == Verdict.INVALID
