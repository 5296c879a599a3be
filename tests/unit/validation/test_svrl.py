"""What a Schematron answers is never read as better than it is."""

import pytest

from tests.support.validation_samples import ubl_xml
from worker.errors import Severity
from worker.validation import Report, RuleSet
from worker.validation.first_findings import MAX_FINDINGS
from worker.validation.official.svrl import report_of
from worker.validation.xml import parse_xml

RULES = RuleSet(name="essai", version="1", sha256="0")
TREE = parse_xml(ubl_xml())
INVOICE = "/*:Invoice[namespace-uri()='urn:oasis:names:specification:ubl:schema:xsd:Invoice-2'][1]"


def report(*asserts: str, fired: str = "<svrl:fired-rule/>") -> Report:
    """Read an answer made of these parts."""
    return report_of(
        RULES,
        '<svrl:schematron-output xmlns:svrl="http://purl.oclc.org/dsdl/svrl">'
        f"{fired}{''.join(asserts)}</svrl:schematron-output>",
        TREE,
    )


def broken(code: str, flag: str = ' flag="fatal"', location: str = INVOICE) -> str:
    """A rule that failed."""
    return (
        f'<svrl:failed-assert id="{code}"{flag} location="{location}">'
        f"<svrl:text>[{code}]-Words.</svrl:text></svrl:failed-assert>"
    )


def test_no_fault_is_valid_only_if_a_rule_looked() -> None:
    """An answer without a fault is valid; one where no rule applied is not."""
    assert report().valid
    silent = report(fired="")

    assert not silent.valid
    assert [finding.code for finding in silent.findings] == ["RULES-NONE"]


@pytest.mark.parametrize("flag", ["", ' flag="fatal"', ' flag="error"', ' flag="new"'])
def test_only_what_is_called_a_warning_is_one(flag: str) -> None:
    """No flag, or one never seen before, blocks."""
    assert not report(broken("BR-01", flag)).valid
    assert report(broken("BR-01", ' flag="warning"')).findings[0].severity is Severity.WARNING
    assert report(broken("BR-01", ' flag="warning"')).valid


def test_a_fault_has_its_place_and_value() -> None:
    """The location becomes a path with the usual prefixes, a line, and the text there."""
    number = (
        f"{INVOICE}/*:ID[namespace-uri()='urn:oasis:names:specification:ubl:schema:xsd:"
        "CommonBasicComponents-2'][1]"
    )
    finding = report(broken("BR-02", location=number)).findings[0]

    assert finding.where.startswith("/Invoice/cbc:ID, ligne ")
    assert finding.value == "F2026-0001"
    assert report(broken("BR-02", location="/*:")).findings[0].where == "/*:"


def test_findings_are_bounded_and_the_rest_counted() -> None:
    """The blocking ones come first, repeats count once, no rule is left out, the rest is said."""
    codes = [f"UBL-CR-{rank:03}" for rank in range(40)]
    lines = (f"{INVOICE}/*[{rank}]" for rank in range(MAX_FINDINGS))
    answer = report(
        *(broken(code, ' flag="warning"') for code in codes),
        *(broken(codes[0], ' flag="warning"', line) for line in lines),
        broken("BR-01"),
        broken("BR-01"),
    )

    assert not answer.valid
    assert [finding.code for finding in answer.findings] == ["BR-01", *codes, "RULES-MORE"]
    assert f"{MAX_FINDINGS} autres constats" in answer.findings[-1].message
