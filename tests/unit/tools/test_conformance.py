"""The reports of the validators are read for what they say, and silence is never a yes."""

from pathlib import Path

import pytest
from lxml import etree

from conformance import Fault, Severity, Standard, ToolMissing, mustang, pages, tools, verapdf
from conformance.__main__ import NOT_CHECKED, main
from conformance.mustang import is_known
from conformance.tools import MUSTANG, VERAPDF, Jar

ROOT = Path(__file__).parents[3]
CLEAN_A = (
    '<validationReport jobEndStatus="normal" profileName="PDF/A-3A validation profile"'
    ' statement="PDF file is compliant." isCompliant="true"><details/></validationReport>'
)
CLEAN_UA = CLEAN_A.replace("PDF/A-3A", "PDF/UA-1")
FAULTY_UA = """
<validationReport jobEndStatus="normal" profileName="PDF/UA-1 validation profile"
    statement="PDF file is not compliant." isCompliant="false">
  <details passedRules="105" failedRules="1">
    <rule specification="ISO 14289-1:2014" clause="7.1" testNumber="10" status="failed"
        failedChecks="2">
      <description>DisplayDocTitle shall be true</description>
      <check status="failed"><context>root</context><errorMessage>it is false</errorMessage></check>
    </rule>
  </details>
</validationReport>"""
UNEXPLAINED_UA = CLEAN_UA.replace('"true"', '"false"')
UNFINISHED_UA = CLEAN_UA.replace('"normal"', '"timeout"')
NO_PDF = (
    '<taskException type="PARSE"><exceptionMessage>End of file</exceptionMessage></taskException>'
)
PMT = "BR-FR-05_BT-22_PMT"
WARNING = (
    '<warning type="4" location="/*:Invoice[namespace-uri()=\'urn:un\'][1]/ram:Note[1]">'
    f"La mention PMT est absente. [ID {PMT}] from /xslt/fr.xsl)</warning>"
)
ARITHMETIC = (
    '<warning type="10">Arithmetical issue:Payable total in XML is {}, but calculated total is'
    " 1652.14 with tax basis 1564.80</warning>"
)
CREDIT_NOTE = ARITHMETIC.replace(" 1652.14", " -10.54").format("-10.53")


def verapdf_says(*judgements: str) -> verapdf.Verdict:
    """The verdict of a report on one file."""
    job = f"<item><name>/tmp/x/a.pdf</name></item>{''.join(judgements)}"
    report = f"<report><jobs><job>{job}</job></jobs></report>"
    return verapdf.read_report(report.encode())["a.pdf"]


def mustang_says(*messages: str, status: str = "valid", fired: int = 24) -> tuple[Fault, ...]:
    """What is read in a report laid out as Mustang does."""
    report = f"""<validation filename="a.pdf">
      <pdf>ValidationResult [isCompliant=true]<summary status="valid"/></pdf>
      <xml><info><rules><fired>{fired}</fired></rules></info>
        <messages>{"".join(messages)}</messages><summary status="{status}"/></xml>
      <messages></messages><summary status="{status}"/>
    </validation>"""
    return mustang.read_report(report.encode())


def test_a_clean_document_has_two_verdicts_without_fault() -> None:
    """Both claims are judged, and nothing is found."""
    assert verapdf_says(CLEAN_A, CLEAN_UA) == {Standard.PDF_A: (), Standard.PDF_UA: ()}


def test_a_failed_rule_is_named() -> None:
    """The clause, the number of the test, and the first place, as veraPDF gives them."""
    fault = Fault(rule="ISO 14289-1:2014 7.1-10", text="it is false (2×, first at root)")

    assert verapdf_says(CLEAN_A, FAULTY_UA) == {Standard.PDF_A: (), Standard.PDF_UA: (fault,)}


@pytest.mark.parametrize(
    "judgement, rule",
    [("", "claim"), (UNEXPLAINED_UA, "verdict"), (UNFINISHED_UA, "verdict")],
    ids=["not judged", "no reason given", "not finished"],
)
def test_what_is_not_found_clean_is_a_fault(judgement: str, rule: str) -> None:
    """No judgement, a refusal without a reason, an unfinished check: none is a clean document."""
    verdict = verapdf_says(CLEAN_A, judgement)

    assert [fault.rule for fault in verdict[Standard.PDF_UA]] == [rule]


def test_a_file_that_cannot_be_read_fails_both_standards() -> None:
    """There is then an exception instead of the verdicts."""
    failure = (Fault(rule="exception", text="End of file"),)

    assert verapdf_says(NO_PDF) == {Standard.PDF_A: failure, Standard.PDF_UA: failure}


def test_warnings_of_mustang_are_read_too() -> None:
    """A valid document may have warnings: each rule once, with its place but no namespaces."""
    text = "La mention PMT est absente. (at /Invoice[1]/Note[1])"
    fault = Fault(rule=PMT, text=text, severity=Severity.WARNING)

    assert mustang_says(WARNING, WARNING) == (fault,)


@pytest.mark.parametrize(
    "message, rule",
    [
        ('<error type="4">[BR-CO-15]-Total. [ID BR-CO-15] from /x.xslt)</error>', "BR-CO-15"),
        ('<exception type="17">XML could not be extracted</exception>', "type 17"),
    ],
)
def test_an_error_of_mustang_is_named(message: str, rule: str) -> None:
    """By the rule, or by Mustang's number where there is none."""
    assert [fault.rule for fault in mustang_says(message, status="invalid")] == [rule]


@pytest.mark.parametrize("status, fired", [("invalid", 24), ("", 24), ("valid", 0)])
def test_a_verdict_that_rests_on_nothing_is_a_fault(status: str, fired: int) -> None:
    """Invalid without an error, no verdict, or valid because no rule was run."""
    assert [fault.rule for fault in mustang_says(status=status, fired=fired)] == ["verdict"]


def test_a_severity_that_mustang_does_not_have_yet_stops() -> None:
    """Rather than being taken for a warning."""
    with pytest.raises(ValueError, match="disaster"):
        mustang_says("<disaster/>")


def test_a_warning_is_known_for_a_profile_and_never_as_an_error() -> None:
    """The rules of the reform are not for direct deposit; they are for the reform's dialect."""
    (warning,) = mustang_says(WARNING)
    (error,) = mustang_says(WARNING.replace("warning", "error"), status="invalid")

    assert is_known(warning, "facturx-direct")
    assert not is_known(warning, "ctc-fr")
    assert not is_known(error, "facturx-direct")


@pytest.mark.parametrize(
    "message, known",
    [
        (ARITHMETIC.format("1652.13"), True),
        (ARITHMETIC.format("1652.15"), True),
        (ARITHMETIC.format("1652.12"), False),
        (CREDIT_NOTE, True),
    ],
)
def test_one_cent_of_vat_is_known_and_two_are_not(message: str, known: bool) -> None:  # noqa: FBT001
    """An agreed total that no rounded VAT can reach is off by one cent (docs/documents.md)."""
    (warning,) = mustang_says(message)

    assert is_known(warning, "facturx-direct") is known


def test_every_known_warning_is_explained() -> None:
    """The list that excuses and the guide that says why have the same rules."""
    guide = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    known = {rule for rules in mustang.KNOWN.values() for rule in rules}

    assert {rule for rule in known if f"`{rule}`" not in guide} == set()


def test_the_versions_of_the_pom_are_those_of_the_hashes() -> None:
    """One version of each validator, in the pom, the hashes and the guide."""
    space = "{http://maven.apache.org/POM/4.0.0}"
    items = etree.parse(tools.POM).iter(f"{space}artifactItem")
    jars = {
        f"{item.findtext(f'{space}artifactId')}-{item.findtext(f'{space}version')}.jar"
        for item in items
    }
    assert jars == {VERAPDF.name, MUSTANG.name}
    guide = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    versions = [jar.removesuffix(".jar").rpartition("-")[2] for jar in jars]

    assert [version for version in versions if version not in guide] == []


def test_a_jar_with_other_bytes_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a missing file nor one with another hash is run."""
    monkeypatch.setattr(tools, "JARS", tmp_path)
    jar = Jar(name="a.jar", sha256="0" * 64)
    assert not jar.is_ours()
    jar.path.write_bytes(b"something else")

    assert not jar.is_ours()


def test_without_java_nothing_is_checked_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A code of its own: neither clean nor faulty."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="java is not installed"):
        tools.fetch()

    assert main() == NOT_CHECKED
    assert "NOT CHECKED: java is not installed" in capsys.readouterr().err


def test_without_a_browser_no_page_is_checked_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same code: it is told before anything is built."""
    monkeypatch.setenv("PATH", "")
    code = pages.main()

    assert code == NOT_CHECKED
    assert "chromium is not installed" in capsys.readouterr().out
