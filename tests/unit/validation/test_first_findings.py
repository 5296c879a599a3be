"""However many faults a document has, what is said and what is computed stay bounded."""

from dataclasses import replace

from lxml import etree
from lxml.etree import _Element

from tests.support.validation_samples import changed, cii_xml, ubl_xml
from worker.errors import Finding, Severity
from worker.validation.files.chorus import check_facts
from worker.validation.files.dates import wrong_dates
from worker.validation.first_findings import MAX_FINDINGS, located, placed
from worker.validation.paths import where

MANY = 500


def finding(severity: Severity = Severity.BLOCKING, code: str = "X") -> Finding:
    """One finding without a place."""
    return Finding(code=code, message="m", severity=severity)


def test_only_what_is_shown_is_given_a_place() -> None:
    """To place costs as much as there are siblings: it is done twenty times, not once a fault."""
    asked: list[_Element] = []

    def place(one: Finding, element: _Element) -> Finding:
        asked.append(element)
        return replace(one, where=f"n° {len(asked)}")

    root = etree.Element("r")
    found = placed(((finding(), root) for _ in range(MANY)), place)

    assert len(asked) == MAX_FINDINGS
    assert [one.where for one in found[:2]] == ["n° 1", "n° 2"]
    assert found[-1].code == "RULES-MORE"
    assert found[-1].message.startswith(str(MANY - MAX_FINDINGS))


def test_what_blocks_is_never_hidden_by_warnings() -> None:
    """The one finding that refuses the document comes first, behind any number of warnings."""
    warnings = [finding(Severity.WARNING) for _ in range(MANY)]
    root = etree.Element("r")
    faults = [(one, root) for one in (*warnings, finding(code="LAST"))]

    found = placed(faults, located)

    assert found[0].code == "LAST"
    assert len(found) == MAX_FINDINGS + 1


def test_every_rule_is_kept_beside_a_thousand_repetitions_of_one() -> None:
    """Codes are as many as there are rules: the last one is told as the first is."""
    codes = [f"R{rank}" for rank in range(2 * MAX_FINDINGS)]
    root = etree.Element("r")
    faults = [(finding(code=code), root) for code in ["R0"] * MANY + codes]

    found = placed(faults, located)

    assert [one.code for one in found] == [*codes, "RULES-MORE"]
    assert found[-1].message.startswith(str(MANY))


def test_few_findings_are_all_there() -> None:
    """Nothing is said to be left out when nothing is."""
    root = etree.Element("r")

    assert [one.code for one in placed([(finding(), root)] * MAX_FINDINGS, located)] == [
        "X"
    ] * MAX_FINDINGS
    assert placed([], located) == ()


def test_wrong_dates_are_bounded() -> None:
    """Five hundred empty dates give twenty findings and a number."""
    tree = etree.ElementTree(etree.fromstring(ubl_xml()))
    first = tree.getroot().find("{*}IssueDate")
    assert first is not None
    for _ in range(MANY):
        first.addnext(etree.Element(first.tag))
    found = wrong_dates(tree)

    assert len(found) == MAX_FINDINGS + 1
    assert "IssueDate[" in found[0].where


def test_broken_limits_are_bounded() -> None:
    """Five hundred quantities that Chorus Pro refuses give twenty findings and a number."""
    content = changed(cii_xml(), ">144</ram:BilledQuantity>", ">0.123456</ram:BilledQuantity>")
    tree = etree.ElementTree(etree.fromstring(content))
    line = next(tree.iter("{*}IncludedSupplyChainTradeLineItem"))
    for _ in range(MANY):
        line.addnext(etree.fromstring(etree.tostring(line)))
    report = check_facts(tree)

    assert not report.valid
    assert len(report.findings) == MAX_FINDINGS + 1


def test_a_place_names_its_rank_among_its_likes() -> None:
    """Only siblings of the same name and namespace count, and one alone has no rank."""
    root = etree.fromstring('<r xmlns:o="urn:o"><a/><o:a/><b/><a/></r>')

    assert [where(child).partition(",")[0] for child in root] == [
        "/r/a[1]",
        "/r/a",
        "/r/b",
        "/r/a[2]",
    ]
