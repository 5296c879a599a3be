"""Read the answer of a Schematron (SVRL, ISO/IEC 19757-3) as findings in French."""

import re
from dataclasses import replace

from lxml import etree
from lxml.etree import _Element

from worker.errors import Finding, Severity, has_blocking
from worker.validation import Report, RuleSet
from worker.validation.first_findings import placed
from worker.validation.official.french import in_french
from worker.validation.paths import shorten, where
from worker.validation.wording import worded

MAX_WHERE = 200
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_STEP = re.compile(r"\*:([\w.-]+)\[namespace-uri\(\)='([^']*)'\]")
_CODE = re.compile(r"(?:BR|UBL|CII|PEPPOL)-[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_WARNINGS = {"warning", "information", "info"}


def report_of(rule_set: RuleSet, svrl: str, tree: etree._ElementTree) -> Report:
    """The verdict that an SVRL answer holds.

    Args:
        rule_set: the rules that were run.
        svrl: the answer.
        tree: the document, to say where each fault is and what stands there.
    """
    root = etree.fromstring(svrl.encode())
    found = {}
    # Factur-X sheets refuse with ``report`` too: an element that has no place there.
    for node in root.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        finding = _finding(node)
        found[finding.code, finding.where, finding.message] = finding
    if root.tag != f"{_SVRL}schematron-output" or root.find(f"{_SVRL}fired-rule") is None:
        finding = worded("RULES-NONE")
        found = {(finding.code, "", ""): finding}
    # Only what is shown is looked for in the document: to find its place takes as long as it has
    # lines.
    findings = placed(((finding, tree) for finding in found.values()), _placed)
    return Report(rule_set=rule_set, valid=not has_blocking(findings), findings=findings)


def _finding(node: _Element) -> Finding:
    """What an assertion says; its place is still an XPath of the sheet."""
    said = node.find(f"{_SVRL}text")
    text = "" if said is None else " ".join("".join(map(str, said.itertext())).split())
    code = rule_code(node.get("id") or "", text)
    message, remedy = in_french(code, text)
    # No flag at all is how Factur-X sheets mark what is fatal.
    is_warning = (node.get("flag") or "").lower() in _WARNINGS
    return Finding(
        code=code,
        message=message,
        remedy=remedy,
        severity=Severity.WARNING if is_warning else Severity.BLOCKING,
        where=node.get("location") or "",
    )


def _placed(finding: Finding, tree: etree._ElementTree) -> Finding:
    """With its path, in the usual prefixes, its line, and the text there if it is a leaf."""
    path = _STEP.sub(r"*[local-name()='\1' and namespace-uri()='\2']", finding.where)
    try:
        nodes = tree.xpath(path) if path else []
    except etree.XPathError:
        nodes = []
    node = nodes[0] if isinstance(nodes, list) and nodes else None
    if not isinstance(node, _Element):
        return replace(finding, where=shorten(finding.where, MAX_WHERE))
    value = "" if len(node) else shorten(node.text or "")
    return replace(finding, where=where(node), value=value)


def rule_code(identifier: str, text: str) -> str:
    """The name of the rule: Factur-X sheets hold it in the text, behind a number of their own."""
    if match := _CODE.match(identifier):
        return match[0]
    if match := re.search(rf"\[({_CODE.pattern})", text):
        return match[1]
    return identifier or "SCHEMATRON"
