"""XSD validation: the verdict, its explanation, and what keeps it honest."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.validation_samples import changed, cii_xml, ubl_xml
from worker.billing.standard import Schema
from worker.errors import Finding
from worker.validation import Report, RuleSet
from worker.validation.official.schemas import MAX_EXPLAINED_BYTES, check_xsd, rule_set

UBL = ubl_xml()
CII = cii_xml()
CREDIT_NOTE = UBL
for _old, _new in (
    ("ubl:Invoice", "ubl:CreditNote"),
    ("xsd:Invoice-2", "xsd:CreditNote-2"),
    ("InvoiceTypeCode>380", "CreditNoteTypeCode>381"),
    ("InvoiceTypeCode", "CreditNoteTypeCode"),
    ("cac:InvoiceLine", "cac:CreditNoteLine"),
    ("InvoicedQuantity", "CreditedQuantity"),
    ("  <cbc:DueDate>2026-02-11</cbc:DueDate>\n", ""),
):
    CREDIT_NOTE = changed(CREDIT_NOTE, _old, _new, 2)


@pytest.mark.parametrize(
    "schema,content",
    [
        (Schema.UBL_INVOICE, UBL),
        (Schema.CHORUS_UBL_INVOICE, UBL),
        (Schema.UBL_CREDIT_NOTE, CREDIT_NOTE),
        (Schema.FACTURX_EN16931, CII),
        (Schema.CII, CII),
    ],
)
def test_our_documents_are_valid(schema: Schema, content: bytes) -> None:
    """What the writers make satisfies each schema that applies, without a word."""
    report = check_xsd(schema, content)

    assert (report.valid, report.findings) == (True, ())
    assert report.rule_set == rule_set(schema)


ALTERATIONS = [
    (">F2026-0001<", f">{'F' * 21}<", "cbc:ID", "20 caractères"),
    (">F2026-0001<", ">F2026 0001<", "cbc:ID", "sans espace"),
    (">A1<", ">S1<", "cbc:ProfileID", "A1 à A25"),
    (">A1<", ">A26<", "cbc:ProfileID", "A1 à A25"),
    (">EUR<", ">USD<", "cbc:DocumentCurrencyCode", "EUR"),
    (">SERVICE_INFO 1<", f">{'x' * 101}<", "cbc:BuyerReference", "100"),
    (">SERVICE_INFO 1<", ">SERVICE#1<", "cbc:BuyerReference", "annuaire"),
    (">EJ-2025/001<", f">{'x' * 51}<", "cbc:ID", "50 caractères"),
    (">CONV-2023-07<", f">{'x' * 51}<", "cbc:ID", "50 caractères"),
    (">Commune fictive<", f">{'x' * 100}<", "cbc:RegistrationName", "99"),
    (">30</cbc:PaymentMeansCode>", ">57</cbc:PaymentMeansCode>", "PaymentMeansCode", "virement"),
    (">FR1420041010050500013M02606<", ">20041010050500013M02606<", "cbc:ID", "IBAN"),
    (">144<", ">144.00001<", "cbc:InvoicedQuantity", "4 décimales"),
    (">3196.80<", ">3196.801<", "cbc:TaxInclusiveAmount", "2 décimales"),
    ('currencyID="EUR">532.80', 'currencyID="USD">532.80', "cbc:TaxAmount/@currencyID", "EUR"),
    (">222</cbc:PriceAmount>", ">2.2200001</cbc:PriceAmount>", "cbc:PriceAmount", "6 décimales"),
]


@pytest.mark.parametrize("old,new,element,remedy", ALTERATIONS)
def test_the_profile_refuses_what_ubl_accepts(
    old: str, new: str, element: str, remedy: str
) -> None:
    """Each demand of Chorus Pro is beyond UBL, and is explained in French with the remedy."""
    altered = changed(UBL, old, new)
    assert check_xsd(Schema.UBL_INVOICE, altered).valid
    report = check_xsd(Schema.CHORUS_UBL_INVOICE, altered)
    assert not report.valid
    finding = report.findings[0]

    assert finding.code == "XSD-VALUE"
    assert f"{element} »" in finding.message.replace("\N{NO-BREAK SPACE}", " ")
    assert remedy in finding.remedy.replace("\N{NO-BREAK SPACE}", " ")
    assert ", ligne " in finding.where


@pytest.mark.parametrize(
    "first,last,missing",
    [
        ("<cac:PaymentMeans>", "</cac:PaymentMeans>", "cac:PaymentMeans"),
        ("<cac:PartyLegalEntity>", "</cac:PartyLegalEntity>", "cac:PartyLegalEntity"),
        ('<cbc:CompanyID schemeID="0002">', "</cbc:CompanyID>", "cbc:CompanyID"),
        ("<cbc:DocumentCurrencyCode>", "</cbc:DocumentCurrencyCode>", "cbc:DocumentCurrencyCode"),
    ],
)
def test_the_profile_demands_what_ubl_leaves_free(first: str, last: str, missing: str) -> None:
    """Payment, currency and both SIRETs must be there; the explanation names what lacks."""
    start = UBL.index(first.encode())
    end = UBL.index(last.encode(), start) + len(last)
    report = check_xsd(Schema.CHORUS_UBL_INVOICE, UBL[:start] + UBL[end:])

    assert not report.valid
    assert missing in report.findings[0].message + report.findings[0].remedy


RICHER = {
    "<cbc:CustomizationID>": (
        '<ext:UBLExtensions xmlns:ext="urn:oasis:names:specification:ubl:schema:xsd:'
        'CommonExtensionComponents-2"><ext:UBLExtension><ext:ExtensionContent>'
        '<x xmlns="urn:autre"/></ext:ExtensionContent></ext:UBLExtension>'
        "</ext:UBLExtensions>"
        "<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:CustomizationID>"
    ),
    "<cac:ContractDocumentReference>": (
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>"
        f"{'x' * 60}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
        "<cac:ContractDocumentReference>"
    ),
    "<cac:PostalAddress>": (
        "<cac:PartyName><cbc:Name>Usuel</cbc:Name></cac:PartyName><cac:PostalAddress>"
    ),
    "<cac:PaymentMeans>": (
        "<cac:DeliveryTerms><cbc:ID>sans limite ici, ni SIRET ni numéro</cbc:ID>"
        "</cac:DeliveryTerms><cac:PaymentMeans>"
    ),
}
"""Elements that others write, by what they stand before."""


@pytest.mark.parametrize("schema", [Schema.UBL_INVOICE, Schema.CHORUS_UBL_INVOICE])
def test_the_profile_lets_others_use_more_of_ubl(schema: Schema) -> None:
    """Elements we never write are accepted where UBL has them, whatever they hold."""
    rich = UBL
    for old, new in RICHER.items():
        rich = changed(rich, old, new)

    assert check_xsd(schema, rich).valid


@pytest.mark.parametrize(
    "schema,content,old,new,code,words",
    [
        (Schema.FACTURX_EN16931, CII, "ram:TypeCode>", "ram:Type>", "XSD-UNEXPECTED", "ram:Type"),
        (Schema.UBL_INVOICE, UBL, ">2026-01-12<", ">12/01/2026<", "XSD-VALUE", "une date"),
        (Schema.UBL_INVOICE, UBL, ' currencyID="EUR"', "", "XSD-ATTRIBUTE", "currencyID"),
    ],
)
def test_a_refusal_is_explained(
    schema: Schema, content: bytes, old: str, new: str, code: str, words: str
) -> None:
    """A wrong element, value or attribute is named in French, with its path and line."""
    finding = check_xsd(schema, changed(content, old, new, 2)).findings[0]

    assert finding.code == code
    assert words in finding.message
    assert finding.where.startswith("/")
    assert ", ligne " in finding.where
    assert finding.remedy


@pytest.mark.parametrize("schema", [s for s in Schema if s is not Schema.UBL_INVOICE])
def test_another_kind_of_document_is_refused(schema: Schema) -> None:
    """A schema never accepts the root of another one."""
    other = CII if schema is Schema.CHORUS_UBL_INVOICE else UBL

    assert [f.code for f in check_xsd(schema, other).findings] == ["XSD-ROOT"]


@pytest.mark.parametrize(
    "content,code",
    [
        (b"", "XML-EMPTY"),
        (b" \n", "XML-EMPTY"),
        (b"<a>", "XML-MALFORMED"),
        (b"<a>" * 300 + b"</a>" * 300, "XML-TOO-LARGE"),
        (b"<a>" + b"<b/>" * 2_000_001 + b"</a>", "XML-TOO-LARGE"),
        (b"<!DOCTYPE a><a/>", "XML-DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "XML-DOCTYPE"),
        (
            b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 999 + b'">]><a x="' + b"&b;" * 99_999 + b'"/>',
            "XML-DOCTYPE",
        ),
    ],
)
def test_unreadable_xml_is_invalid(content: bytes, code: str) -> None:
    """Hostile or broken XML gets a reason and no benefit of the doubt."""
    report = check_xsd(Schema.UBL_INVOICE, content)

    assert not report.valid
    assert [finding.code for finding in report.findings] == [code]


@pytest.mark.parametrize("name, mark", [("UTF-7", "+ADw-"), ("UTF-16", "<"), ("IBM037", "<")])
def test_marks_are_counted_in_every_encoding(name: str, mark: str) -> None:
    """Of some that the parser knows, the bytes do not show them."""
    head = f'<?xml version="1.0" encoding="{name}"?>'
    body = f"<a>{f'{mark}b/>' * 2_000_001}</a>"
    codec = "ascii" if name == "UTF-7" else name
    report = check_xsd(Schema.UBL_INVOICE, (head + body).encode(codec))

    assert [finding.code for finding in report.findings] == ["XML-TOO-LARGE"]


def test_a_huge_refused_document_is_explained_by_the_verdict_itself() -> None:
    """Above the bound, lxml's own reasons stand, without the slow explanation."""
    padded = changed(UBL, ">A1<", ">M1<") + b"<!--" + b" " * MAX_EXPLAINED_BYTES + b"-->"
    report = check_xsd(Schema.CHORUS_UBL_INVOICE, padded)

    assert not report.valid
    assert report.findings[0].code == "XSD-OTHER"
    assert "ProfileID" in report.findings[0].message


def test_threads_do_not_mix_their_findings() -> None:
    """Validations at the same time give each document its own verdict and reasons."""
    wrong = [changed(UBL, ">F2026-0001<", f">{letter * 21}<") for letter in "ABCDEFGH"]
    with ThreadPoolExecutor(4) as pool:
        jobs = [doc for bad in wrong * 5 for doc in (bad, UBL)]
        reports = list(pool.map(lambda doc: check_xsd(Schema.CHORUS_UBL_INVOICE, doc), jobs))

    assert [report.valid for report in reports] == [False, True] * 40
    assert all(
        report.findings[0].value.encode() in doc
        for report, doc in zip(reports, jobs, strict=True)
        if not report.valid
    )


def test_a_valid_document_never_loads_the_explanation() -> None:
    """Xmlschema and factur-x are slow to import: only a refusal may pay for the first."""
    code = (
        "import sys; from tests.support.validation_samples import ubl_xml;"
        "from worker.billing.standard import Schema;"
        "from worker.validation.official.schemas import check_xsd;"
        "assert check_xsd(Schema.UBL_INVOICE, ubl_xml()).valid;"
        "sys.exit('xmlschema' in sys.modules or 'facturx' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_invalid_report_has_a_reason() -> None:
    """Nobody is told "invalid" without why."""
    rules = RuleSet(name="essai", version="1", sha256="0")
    with pytest.raises(ValueError, match="finding"):
        Report(rule_set=rules, valid=False)
    refusal = Report(rule_set=rules, valid=False, findings=(Finding(code="X", message="x"),))

    assert refusal.findings
