"""What the official rule sets say of a golden document: those its profile must pass."""

from tests.support.validation_service import service
from worker.formats import Profile
from worker.issuing.render import CREDIT_NOTE_RULES, RULES


def faults(xml: bytes, profile: Profile, *, credit_note: bool) -> list[str]:
    """Every error and every warning, with its code and place; none when all is well."""
    rules = (CREDIT_NOTE_RULES if credit_note else RULES)[profile.kind]
    reports = service().check(xml, rules)
    return [
        f"{finding.code} {finding.where} {finding.message}"
        for report in reports
        for finding in report.findings
    ]
