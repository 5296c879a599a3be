"""What a buyer's structure demands, what ours must be, and whether FACTURES_PUBLIQUES is ours."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.members import BillingReferences
from worker.errors import Finding, PortalAnswerError, Severity, has_blocking
from worker.issuing.directory_rules import (
    PUBLIC_ONLY,
    DirectoryEntry,
    Seller,
    object_to,
    object_to_seller,
    unreadable,
    unreadable_seller,
)
from worker.portals import ServiceRecord, StructureRecord

SIRET, OURS = "99900007800017", "99990000400014"
YEAR = 2025
TODAY = date(2026, 1, 5)
SELLER = Seller(siret=OURS, public=True, password_warning=timedelta(days=30))
PRIVATE = replace(SELLER, public=False)
PLAIN = StructureRecord(
    portal_id="1",
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
PUBLIC_SERVICE = replace(OPEN, code=PUBLIC_ONLY)
DEMANDS = {"DIR-REFERENCE", "DIR-SERVICE", "DIR-ENGAGEMENT", "DIR-SERVICE-ENGAGEMENT"}

structures = st.builds(
    StructureRecord,
    portal_id=st.just("1"),
    siret=st.just(SIRET),
    name=st.just("COMMUNE"),
    active=st.booleans(),
    service_code_required=st.booleans(),
    engagement_required=st.booleans(),
    service_or_engagement_required=st.booleans(),
    works_only=st.booleans(),
    payment_not_reported=st.booleans(),
)
ordinary = structures.map(lambda found: replace(found, active=True, works_only=False))
sellers = st.sampled_from([SELLER, PRIVATE])


def given_references(code: str = "", engagement: str = "") -> BillingReferences:
    """Those of the buyer, for the year of these tests."""
    return BillingReferences(siret=SIRET, year=YEAR, service_code=code, engagement=engagement)


def objections(
    structure: StructureRecord | None,
    service: ServiceRecord | None,
    code: str,
    engagement: str,
    seller: Seller = SELLER,
) -> list[str]:
    """Codes of what the directory objects to on the day of the test."""
    entry = DirectoryEntry(structure=structure, service_code=code, service=service)
    findings = object_to(entry, given_references(code, engagement), seller, TODAY)
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


@given(structure=ordinary, seller=sellers)
def test_a_usable_service_and_an_engagement_satisfy_every_ordinary_structure(
    structure: StructureRecord, seller: Seller
) -> None:
    """Whatever it demands, whoever sends: giving both is always enough."""
    assert objections(structure, STRICT, "S1", "E1", seller) == []


@given(structure=structures, service=st.sampled_from([OPEN, STRICT]), code=st.booleans())
def test_an_engagement_given_never_makes_a_demand_appear(
    structure: StructureRecord, service: ServiceRecord, *, code: bool
) -> None:
    """What is still missing with it was missing without it."""
    named, name = (service, "S1") if code else (None, "")
    without = DEMANDS & set(objections(structure, named, name, ""))

    assert DEMANDS & set(objections(structure, named, name, "E1")) <= without


@given(structure=structures, engagement=st.sampled_from(["", "E1"]))
def test_the_public_service_is_for_public_sellers_and_changes_nothing_else(
    structure: StructureRecord, engagement: str
) -> None:
    """FACTURES_PUBLIQUES: an ordinary service for a public seller, refused from a private one."""
    public, private = (
        objections(structure, PUBLIC_SERVICE, PUBLIC_ONLY, engagement, seller)
        for seller in (SELLER, PRIVATE)
    )

    assert public == objections(structure, replace(OPEN, code="S1"), "S1", engagement)
    assert private == [*public, "DIR-PUBLIC-ONLY"]


def test_a_private_seller_is_told_what_to_do_about_the_public_service() -> None:
    """The setting to correct if it is wrong, the command to type if it is right."""
    entry = DirectoryEntry(structure=PLAIN, service_code=PUBLIC_ONLY, service=PUBLIC_SERVICE)
    (finding,) = object_to(entry, given_references(PUBLIC_ONLY), PRIVATE, TODAY)

    assert "personnes publiques" in finding.message
    assert "syndicat.public = true" in finding.remedy
    assert "import references" in finding.remedy


OURSELVES = replace(PLAIN, siret=OURS, password_expires=date(2027, 1, 31))


@pytest.mark.parametrize(
    "structure,seller,expected",
    [
        (OURSELVES, SELLER, []),
        (replace(OURSELVES, password_expires=None), SELLER, []),
        (None, SELLER, ["DIR-SELLER-UNKNOWN"]),
        (replace(OURSELVES, active=False), SELLER, ["DIR-SELLER-INACTIVE"]),
        (replace(OURSELVES, public=False), SELLER, ["DIR-SELLER-PRIVATE"]),
        (replace(OURSELVES, public=False), PRIVATE, []),
        (OURSELVES, PRIVATE, []),
    ],
)
def test_what_our_own_structure_must_be(
    structure: StructureRecord | None, seller: Seller, expected: list[str]
) -> None:
    """Known and active, or nothing can be sent; of another nature than said, a warning."""
    findings = object_to_seller(structure, seller, TODAY)

    assert [finding.code for finding in findings] == expected
    assert has_blocking(findings) == (structure is None or not structure.active)
    assert all(OURS in f.message for f in findings if f.severity is Severity.BLOCKING)


def test_an_end_of_password_that_cannot_be_read_is_told() -> None:
    """Unknown is not fine: the numbers may be spent for a portal that will refuse them."""
    ours = replace(OURSELVES, password_expires=None, password_end="fin 2026")

    (told,) = object_to_seller(ours, SELLER, TODAY)

    assert (told.code, told.severity) == ("DIR-PASSWORD-UNREAD", Severity.WARNING)
    assert "« fin 2026 »" in told.message


def about_password(days_left: int, seller: Seller = SELLER) -> tuple[Finding, ...]:
    """What is said when the password has so many days left."""
    ours = replace(OURSELVES, password_expires=TODAY + timedelta(days=days_left))
    return object_to_seller(ours, seller, TODAY)


@pytest.mark.parametrize(
    "days_left,code,words",
    [
        (30, "DIR-PASSWORD-EXPIRES", "expire le 04/02/2026, dans 30 jours"),
        (1, "DIR-PASSWORD-EXPIRES", "expire le 06/01/2026, dans 1 jour"),
        (0, "DIR-PASSWORD-EXPIRES", "expire le 05/01/2026, aujourd'hui"),
        (-1, "DIR-PASSWORD-EXPIRED", "a expiré le 04/01/2026"),
    ],
)
def test_the_password_is_spoken_of_before_it_expires(days_left: int, code: str, words: str) -> None:
    """From thirty days before to its last day a warning, the day after an error."""
    (finding,) = about_password(days_left)

    assert finding.code == code
    assert finding.message.endswith(words)
    assert "technical_password" in finding.remedy
    assert has_blocking((finding,)) == (days_left < 0)


@given(days_left=st.integers(-500, 500), warning=st.integers(0, 424))
def test_a_password_is_never_passed_over_in_silence(days_left: int, warning: int) -> None:
    """Silence means more days left than the warning asks for, whatever the setting."""
    seller = replace(SELLER, password_warning=timedelta(days=warning))

    assert (about_password(days_left, seller) == ()) == (days_left > warning)


def test_an_unreadable_answer_parks_its_member_and_only_warns_about_us() -> None:
    """Nobody is billed unseen; nothing proves that we would be refused."""
    error = PortalAnswerError("Réponse incomplète.")
    theirs, ours = unreadable(given_references(), error), unreadable_seller(SELLER, error)

    assert has_blocking((theirs,))
    assert not has_blocking((ours,))
    assert all(error.message in finding.message for finding in (theirs, ours))
