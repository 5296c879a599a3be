"""What a buyer's structure demands, and for how long an answer of the directory is believed."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.offices import YEAR, Desk, number, open_desk
from worker.demo import STORY
from worker.directory import Directory, DirectoryEntry, object_to
from worker.errors import PortalDown
from worker.findings import has_blocking
from worker.members import BillingReferences
from worker.portals import ServiceRecord, StructureRecord
from worker.portals.memory import Condition

SIRET = STORY[0].siret
TODAY = date(2026, 1, 5)
PLAIN = StructureRecord(
    portal_id=1,
    siret=SIRET,
    name="COMMUNE",
    active=True,
    service_code_required=False,
    engagement_required=False,
    service_or_engagement_required=False,
    works_only=False,
    payment_not_reported=False,
)
WANTS_SERVICE = replace(PLAIN, service_code_required=True)
WANTS_ENGAGEMENT = replace(PLAIN, engagement_required=True)
WANTS_BOTH = replace(WANTS_SERVICE, engagement_required=True)
WANTS_EITHER = replace(PLAIN, service_or_engagement_required=True)
WANTS_ALL = replace(WANTS_BOTH, service_or_engagement_required=True)
OPEN = ServiceRecord(code="S1", name="Service", active=True, engagement_required=False)
STRICT = replace(OPEN, engagement_required=True)
PUBLIC_INVOICES = "FACTURES_PUBLIQUES"
"""Kept for invoices between public bodies: ours to use."""


def objections(
    structure: StructureRecord | None, service: ServiceRecord | None, code: str, engagement: str
) -> list[str]:
    """Codes of what the directory objects to on the day of the test."""
    entry = DirectoryEntry(structure=structure, service_code=code, service=service)
    given = BillingReferences(siret=SIRET, year=YEAR, service_code=code, engagement=engagement)
    findings = object_to(entry, given, TODAY)
    assert all(finding.remedy for finding in findings)
    assert has_blocking(findings) == bool(findings)
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    "structure,service,code,engagement,expected",
    [
        (PLAIN, None, "", "", []),
        (PLAIN, OPEN, "S1", "E1", []),
        (WANTS_SERVICE, OPEN, "S1", "", []),
        (WANTS_SERVICE, None, "", "E1", ["DIR-SERVICE"]),
        (WANTS_ENGAGEMENT, None, "", "E1", []),
        (WANTS_ENGAGEMENT, OPEN, "S1", "", ["DIR-ENGAGEMENT"]),
        (WANTS_BOTH, OPEN, "S1", "E1", []),
        (WANTS_BOTH, None, "", "", ["DIR-SERVICE", "DIR-ENGAGEMENT"]),
        (WANTS_EITHER, OPEN, "S1", "", []),
        (WANTS_EITHER, None, "", "E1", []),
        (WANTS_EITHER, None, "", "", ["DIR-REFERENCE"]),
        (WANTS_ALL, None, "", "E1", []),
        (WANTS_ALL, None, "", "", ["DIR-REFERENCE"]),
        (PLAIN, None, "S9", "", ["DIR-SERVICE-UNKNOWN"]),
        (WANTS_BOTH, None, "S9", "", ["DIR-ENGAGEMENT", "DIR-SERVICE-UNKNOWN"]),
        (PLAIN, replace(OPEN, active=False), "S1", "E1", ["DIR-SERVICE-INACTIVE"]),
        (PLAIN, STRICT, "S1", "", ["DIR-SERVICE-ENGAGEMENT"]),
        (PLAIN, STRICT, "S1", "E1", []),
        (WANTS_EITHER, STRICT, "S1", "", ["DIR-SERVICE-ENGAGEMENT"]),
        (PLAIN, replace(OPEN, code=PUBLIC_INVOICES), PUBLIC_INVOICES, "", []),
        (replace(PLAIN, active=False), None, "", "", ["DIR-INACTIVE"]),
        (replace(PLAIN, works_only=True), None, "", "", ["DIR-WORKS-ONLY"]),
        (
            replace(WANTS_SERVICE, active=False, works_only=True),
            None,
            "",
            "",
            ["DIR-INACTIVE", "DIR-WORKS-ONLY", "DIR-SERVICE"],
        ),
        (None, None, "S1", "E1", ["DIR-UNKNOWN"]),
    ],
)
def test_what_a_structure_demands(
    structure: StructureRecord | None,
    service: ServiceRecord | None,
    code: str,
    engagement: str,
    expected: list[str],
) -> None:
    """Each demand alone and together; "one of the two" is looked at before the two others."""
    assert objections(structure, service, code, engagement) == expected


@pytest.mark.parametrize(
    "valid_from,valid_to,usable",
    [
        (None, None, True),
        (TODAY, TODAY, True),
        (TODAY + timedelta(days=1), None, False),
        (None, TODAY - timedelta(days=1), False),
    ],
)
def test_a_service_is_used_within_its_days_only(
    valid_from: date | None, valid_to: date | None, *, usable: bool
) -> None:
    """The portal may call a service active after its last day, and then refuses the invoice."""
    service = replace(OPEN, valid_from=valid_from, valid_to=valid_to)
    assert objections(PLAIN, service, "S1", "") == ([] if usable else ["DIR-SERVICE-INACTIVE"])


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="directory")
def _directory(desk: Desk) -> Directory:
    return desk.office.directory(desk.portal)


FULL = BillingReferences(siret=SIRET, year=YEAR, service_code="NUMERIQUE", engagement="E1")


def test_an_answer_is_believed_for_a_day(desk: Desk, directory: Directory) -> None:
    """Asked once within 24 hours, again after."""
    asked = f"structure {SIRET}"
    assert directory.check(FULL) == directory.check(FULL) == ()
    desk.clock.advance(hours=24)
    desk.portal.condition = Condition.DOWN
    assert directory.check(FULL) == ()
    assert desk.portal.asked == [asked]
    desk.clock.advance(seconds=1)
    with pytest.raises(PortalDown):
        directory.check(FULL)
    desk.portal.condition = Condition.UP
    directory.check(FULL)
    assert desk.portal.asked == [asked] * 3


def test_a_kept_objection_is_asked_again_before_it_holds_anybody_back(
    desk: Desk, directory: Directory
) -> None:
    """The member had its structure corrected five minutes ago: it is billed."""
    desk.portal.change(SIRET, active=False)
    assert [f.code for f in directory.check(FULL)] == ["DIR-INACTIVE"]
    desk.portal.change(SIRET, active=True)
    assert directory.check(FULL) == ()


def test_another_service_is_another_question(desk: Desk, directory: Directory) -> None:
    """What was kept about one service says nothing of the next."""
    directory.check(FULL)
    other = replace(FULL, service_code="AUTRE")
    assert [f.code for f in directory.check(other)] == ["DIR-SERVICE-UNKNOWN"]
    assert len(desk.portal.asked) == 2


def test_a_refusal_makes_the_directory_forgotten(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """It may have changed since it was read: it is asked again before anything is resent."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "refused", issued=1)
    directory = desk.office.directory(desk.portal)
    desk.portal.refused_recipients.add(SIRET)
    desk.deposit()
    desk.clock.advance(minutes=1)
    directory.check(FULL)
    assert f"structure {SIRET}" not in desk.portal.asked
    desk.follow()
    assert desk.one(number(1)).siret == SIRET
    directory.check(FULL)
    assert desk.portal.asked[-1] == f"structure {SIRET}"


def test_payment_is_thought_reported_unless_the_structure_says_otherwise(
    desk: Desk, directory: Directory
) -> None:
    """Without an answer, settling too early would be worse than waiting."""
    silent = STORY[-1].siret
    assert directory.payment_reported(silent)
    for case in (STORY[0], STORY[-1]):
        service, engagement = case.gives
        directory.check(
            BillingReferences(
                siret=case.siret, year=YEAR, service_code=service, engagement=engagement
            )
        )
    assert directory.payment_reported(SIRET)
    assert not directory.payment_reported(silent)
    assert len(desk.portal.asked) == 2
