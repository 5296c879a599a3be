"""Mustang: one run over many Factur-X, its reports, and the warnings that we know."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from lxml import etree

from conformance import Fault, Severity, ToolBroken
from conformance.tools import MUSTANG, java

MAIN = Path(__file__).with_name("ValidateAll.java")
EXCUSABLE = {Severity.NOTICE, Severity.WARNING}

REFORM = {
    "BR-FR-05_BT-22_AAB",
    "BR-FR-05_BT-22_PMD",
    "BR-FR-05_BT-22_PMT",
    "BR-FR-08_BT-23",
    "BR-FR-09_BT-29",
    "BR-FR-09_BT-46",
    "BR-FR-10_BT-30",
    "BR-FR-12_BT-49",
    "BR-FR-13_BT-34",
}
GERMANY = {
    "BR-DE-1",
    "BR-DE-6",
    "BR-DE-14",
    "BR-DE-15",
    "BR-DE-21",
    "BR-DE-27",
    "PEPPOL-EN16931-R010",
    "PEPPOL-EN16931-R020",
}
CENT_OF_VAT = {"arithmetic 0.01"}
KNOWN: Mapping[str, set[str]] = {
    "facturx-direct": REFORM | GERMANY | CENT_OF_VAT,
    "ctc-fr": CENT_OF_VAT,
}
"""Rules whose warnings are accepted, for each profile; docs/conformance.md says why."""

_ID = re.compile(r"\[ID ([^\]]+)\]")
_SOURCE = re.compile(r"\s*\[ID [^\]]+\] from .*$", re.DOTALL)
_NAMESPACES = re.compile(r"\[namespace-uri\(\)='[^']*'\]|\*:|\b\w+:(?=\w)")
_ARITHMETIC = re.compile(r"Payable total in XML is (-?[\d.]+), but calculated total is (-?[\d.]+)")


def validate(pages: Sequence[Path], folder: Path) -> Mapping[str, tuple[Fault, ...]]:
    """Judge each Factur-X; the key is the file name.

    Raises:
        ToolBroken: when a report is missing or cannot be read.
    """
    reports = folder / "mustang"
    reports.mkdir()
    done = java(MUSTANG, folder, MAIN, reports, *pages)
    try:
        return {page.name: read_report(_report(reports, page)) for page in pages}
    except (FileNotFoundError, etree.XMLSyntaxError, ValueError) as error:
        raise ToolBroken(
            f"Mustang gave no report that can be read: {error}\n{done.stderr}"
        ) from error


def read_report(report: bytes) -> tuple[Fault, ...]:
    """Each rule that Mustang complains of, once; a verdict that rests on no rule is a fault."""
    root = etree.fromstring(report)
    said = [
        Fault(rule=_rule(message), text=_text(message), severity=Severity(str(message.tag)))
        for messages in root.iter("messages")
        for message in messages.iterchildren("*")
    ]
    faults = list({(fault.severity, fault.rule): fault for fault in reversed(said)}.values())[::-1]
    if any(fault.severity not in EXCUSABLE for fault in faults):
        return tuple(faults)
    statuses = {summary.get("status") for summary in root.iter("summary")}
    if statuses != {"valid"}:
        faults.append(Fault(rule="verdict", text=f"refused without a reason: {statuses}"))
    if not int(root.findtext("xml/info/rules/fired", "0")):
        faults.append(Fault(rule="verdict", text="no rule was run"))
    return tuple(faults)


def is_known(fault: Fault, profile: str) -> bool:
    """Whether it is one of the warnings that this profile may have. An error never is."""
    return fault.severity in EXCUSABLE and fault.rule in KNOWN.get(profile, ())


def _report(reports: Path, page: Path) -> bytes:
    return (reports / f"{page.name}.xml").read_bytes().strip()


def _rule(message: etree._Element) -> str:
    """The name of the rule; Mustang's own checks have none but a type."""
    text = message.text or ""
    if found := _ID.search(text):
        return found[1]
    if found := _ARITHMETIC.search(text):
        return f"arithmetic {abs(Decimal(found[1]) - Decimal(found[2]))}"
    return f"type {message.get('type')}"


def _text(message: etree._Element) -> str:
    """What Mustang says and where, without the name of its style sheet and the namespaces."""
    text = " ".join(_SOURCE.sub("", message.text or "").split())
    place = message.get("location")
    return text if place is None else f"{text} (at {_NAMESPACES.sub('', place)})"
