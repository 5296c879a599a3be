"""What the official rule sets say of a golden document: those its profile must pass."""

from tests.support.validation_service import service
from worker.formats import Profile


def faults(xml: bytes, profile: Profile, *, credit_note: bool) -> list[str]:
    """Every error and every warning, with its code and place; none when all is well."""
    reports = service().check(xml, profile.rules_of(credit_note=credit_note))
    return [
        f"{finding.code} {finding.where} {finding.message}"
        for report in reports
        for finding in report.findings
    ]
