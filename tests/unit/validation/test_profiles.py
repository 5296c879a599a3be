"""A document is held to what it claims, and to no less."""

import pytest
from lxml import etree

from tests.support.validation_samples import changed, cii_xml, ubl_xml
from worker.billing.standard import EN16931, EXTENDED_CTC_FR, Rules, Schema, Sheet
from worker.errors import Severity
from worker.validation.files.profiles import read_claim
from worker.validation.xml import parse_xml

UBL = ubl_xml()
CII = cii_xml()
FACTURX = "urn:factur-x.eu:1p0"


@pytest.mark.parametrize(
    "content,profile,rules",
    [
        (UBL, EN16931, [Schema.UBL_INVOICE, Sheet.EN16931_UBL]),
        (
            UBL,
            EXTENDED_CTC_FR,
            [Schema.UBL_INVOICE, Sheet.EXTENDED_CTC_FR_UBL, Sheet.BR_FR_UBL],
        ),
        (CII, f"{FACTURX}:minimum", [Schema.FACTURX_MINIMUM, Sheet.FACTURX_MINIMUM]),
        (CII, f"{FACTURX}:basicwl", [Schema.FACTURX_BASIC_WL, Sheet.FACTURX_BASIC_WL]),
        (
            CII,
            f"{EN16931}#compliant#{FACTURX}:basic",
            [Schema.FACTURX_BASIC, Sheet.FACTURX_BASIC],
        ),
        (CII, EN16931, [Schema.CII, Sheet.EN16931_CII]),
        (
            CII,
            f"{EN16931}#conformant#{FACTURX}:extended",
            [Schema.FACTURX_EXTENDED, Sheet.FACTURX_EXTENDED],
        ),
        (CII, EXTENDED_CTC_FR, [Schema.CII, Sheet.EXTENDED_CTC_FR_CII, Sheet.BR_FR_CII]),
    ],
)
def test_each_claim_has_its_rules(content: bytes, profile: str, rules: list[Rules]) -> None:
    """Root and BT-24 choose a schema and every sheet that goes with it, and nothing is missing."""
    claim = read_claim(parse_xml(changed(content, f">{EN16931}<", f">\n {profile} <")))

    assert (claim.profile, list(claim.rules), claim.findings) == (profile, rules, ())


def test_without_claim_the_standard_applies_to_ubl() -> None:
    """UBL without BT-24 is held to EN 16931, whose first rule refuses the absence."""
    bare = changed(UBL, f"<cbc:CustomizationID>{EN16931}</cbc:CustomizationID>", "")
    claim = read_claim(parse_xml(bare))

    assert claim.rules == (Schema.UBL_INVOICE, Sheet.EN16931_UBL)


@pytest.mark.parametrize("content", [UBL, CII])
@pytest.mark.parametrize("profile", ["A1", "urn:autre", f"{EN16931}#conformant#urn:autre"])
def test_an_unknown_claim_blocks(content: bytes, profile: str) -> None:
    """Only the schema can be run, and the finding says that this concludes nothing."""
    claim = read_claim(parse_xml(changed(content, f">{EN16931}<", f">{profile}<")))

    assert len(claim.rules) == 1
    assert [finding.severity for finding in claim.findings] == [Severity.BLOCKING]
    assert "incomplet" in claim.findings[0].message


@pytest.mark.parametrize("profile", [f"{EN16931}#", f"{EN16931}foo", f"{EN16931}0"])
def test_what_only_begins_like_the_standard_is_unknown(profile: str) -> None:
    """A claim is read to its end: an address that goes on otherwise names other rules."""
    for content in (UBL, CII):
        claim = read_claim(
            parse_xml(content.replace(f">{EN16931}<".encode(), f">{profile}<".encode()))
        )
        assert [finding.code for finding in claim.findings] == ["CLAIM-UNKNOWN"]


CIUS = ["urn:xeinkauf.de:kosit:xrechnung_3.0", "urn:fdc:peppol.eu:2017:poacc:billing:3.0"]


@pytest.mark.parametrize("use", CIUS)
@pytest.mark.parametrize(
    "content,rules",
    [
        (UBL, [Schema.UBL_INVOICE, Sheet.EN16931_UBL]),
        (CII, [Schema.CII, Sheet.EN16931_CII]),
    ],
)
def test_a_restriction_of_the_standard_is_held_to_the_standard(
    content: bytes, rules: list[Rules], use: str
) -> None:
    """A CIUS, alone or of another one, is EN 16931, with a warning on what it adds."""
    for profile in (f"{EN16931}#compliant#{use}", f"{EN16931}#compliant#{use}#compliant#urn:x"):
        claim = read_claim(parse_xml(changed(content, f">{EN16931}<", f">{profile}<")))
        assert list(claim.rules) == rules
        assert [finding.severity for finding in claim.findings] == [Severity.WARNING]
        assert claim.conclusive


@pytest.mark.parametrize("content", [UBL, CII])
@pytest.mark.parametrize(
    "end",
    [
        *(f"#compliant#{use}#conformant#urn:extension" for use in CIUS),
        "#conformant#urn:extension#compliant#urn:use",
        "#compliant#",
        "#compliant##conformant#urn:extension",
        f"#compliant#{CIUS[0]}#",
    ],
)
def test_an_extension_of_a_restriction_blocks(content: bytes, end: str) -> None:
    """Wherever it extends the standard, its rules are not here, whatever stands before."""
    claim = read_claim(parse_xml(changed(content, f">{EN16931}<", f">{EN16931}{end}<")))

    assert [finding.code for finding in claim.findings] == ["CLAIM-UNKNOWN"]
    assert len(claim.rules) == 1


def test_a_cii_of_the_standard_inside_a_pdf_is_a_factur_x() -> None:
    """The same document alone is judged by CEN's own sheet."""
    claim = read_claim(parse_xml(CII), hybrid=True)

    assert claim.rules == (Schema.FACTURX_EN16931, Sheet.FACTURX_EN16931)


def test_another_document_claims_nothing() -> None:
    """An order is neither syntax of an invoice."""
    with pytest.raises(ValueError, match="Order"):
        read_claim(etree.ElementTree(etree.Element("Order")))
