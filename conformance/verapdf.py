"""veraPDF: one run over a folder, and its report."""

from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from conformance import Fault, Standard, ToolBroken
from conformance.tools import VERAPDF, java

MAIN = "org.verapdf.apps.GreenfieldCliWrapper"
PROFILES = {
    "PDF/A-3A validation profile": Standard.PDF_A,
    "PDF/UA-1 validation profile": Standard.PDF_UA,
}
Verdict = dict[Standard, tuple[Fault, ...]]
NOT_CLAIMED = Fault(rule="claim", text="the document does not claim it")


def validate(pages: Path, folder: Path) -> Mapping[str, Verdict]:
    """Judge each PDF of a folder by what it claims to be; the key is the file name.

    Raises:
        ToolBroken: when there is no report.
    """
    options = ["--format", "xml", "--loglevel", "0", "--maxfailuresdisplayed", "1"]
    done = java(VERAPDF, folder, MAIN, *options, pages)
    try:
        return read_report(done.stdout.encode())
    except etree.XMLSyntaxError as error:
        raise ToolBroken(
            f"veraPDF gave no report that can be read: {done.stdout}{done.stderr}"
        ) from error


def read_report(report: bytes) -> Mapping[str, Verdict]:
    """Both verdicts for each file; a claim that is not made, or not judged, is a fault."""
    verdicts = {}
    for job in etree.fromstring(report).iter("job"):
        verdict: Verdict = dict.fromkeys(Standard, (NOT_CLAIMED,))
        del verdict[Standard.FACTURX]
        for judged in job.iter("validationReport"):
            standard = PROFILES.get(judged.get("profileName", ""))
            if standard is not None:
                verdict[standard] = _faults(judged)
        for trouble in job.iter("exceptionMessage"):
            failure = Fault(rule="exception", text=trouble.text or "")
            verdict = dict.fromkeys(verdict, (failure,))
        verdicts[Path(job.findtext("item/name", "")).name] = verdict
    return verdicts


def _faults(judged: etree._Element) -> tuple[Fault, ...]:
    """The rules that failed; no reason for a refusal is a fault too."""
    faults = tuple(
        Fault(
            rule=f"{rule.get('specification')} {rule.get('clause')}-{rule.get('testNumber')}",
            text=f"{rule.findtext('check/errorMessage') or rule.findtext('description')}"
            f" ({rule.get('failedChecks')}×, first at {rule.findtext('check/context')})",
        )
        for rule in judged.iter("rule")
        if rule.get("status") != "passed"
    )
    clean = judged.get("isCompliant") == "true" and judged.get("jobEndStatus") == "normal"
    if clean or faults:
        return faults
    return (Fault(rule="verdict", text=judged.get("statement", "refused without a reason")),)
