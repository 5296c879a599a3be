"""For how long an answer of the directory is believed, and what makes it asked again."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.billing.members import BillingReferences
from worker.billing.period import paris_day
from worker.billing.status import InvoiceStatus
from worker.errors import PortalDown, Severity
from worker.issuing.directory import Directory
from worker.service.demo import SELLER, STORY
from worker.storage import directory as entries

SIRET = STORY[0].siret


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="directory")
def _directory(desk: Desk) -> Directory:
    return Directory(app=desk.app, portal=desk.portal)


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


def test_a_refusal_has_the_directory_asked_again(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """It may have changed since it was read: it is asked again before anything is resent."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "refused", issued=1)
    directory = Directory(app=desk.app, portal=desk.portal)
    desk.portal.refused_recipients.add(SIRET)
    desk.deposit()
    desk.clock.advance(minutes=1)
    directory.check(FULL)
    assert f"structure {SIRET}" not in desk.portal.asked
    desk.follow()
    assert desk.one(number(1)).siret == SIRET
    directory.check(FULL)

    assert desk.portal.asked[-1] == f"structure {SIRET}"


def test_a_deposit_refused_on_the_spot_does_too(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Only of the buyer it concerns; an answer that says nothing of it changes nothing."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "two", issued=2)
    directory = Directory(app=desk.app, portal=desk.portal)
    desk.portal.mishaps.extend([Mishap.REFUSED, Mishap.ANSWER_LOST])
    desk.deposit()
    directory.check(FULL)
    other = desk.one(number(2)).siret
    directory.check(BillingReferences(siret=other, year=YEAR))
    asked = [question for question in desk.portal.asked if question.startswith("structure")]

    assert asked == [f"structure {SIRET}"]


def test_a_rejection_by_the_buyer_is_doubt_too_and_payments_stay_known(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Rejected for its service, say: asked again before the next invoice, not before a status."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "rejected", issued=1)
    directory = Directory(app=desk.app, portal=desk.portal)
    desk.portal.change(SIRET, payment_not_reported=True)
    desk.clock.advance(seconds=1)
    Directory(app=desk.app, portal=desk.portal, refresh=True).check(FULL)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.decide(number(1), "REJETEE", "mauvais service")
    desk.clock.advance(hours=12)
    desk.follow()
    assert desk.one(number(1)).status is InvoiceStatus.REJECTED
    with desk.app.reading() as session:
        assert not entries.payment_reported(session, SIRET)
    desk.portal.asked.clear()
    directory.check(FULL)

    assert desk.portal.asked == [f"structure {SIRET}"]


def test_what_was_read_in_the_future_is_not_believed(desk: Desk, directory: Directory) -> None:
    """A machine a month ahead reads the directory, then gets its clock right: nobody knows when."""
    desk.clock.advance(days=30)
    directory.check(FULL)
    desk.clock.advance(days=-30)
    directory.check(FULL)

    assert len(desk.portal.asked) == 2


def test_an_answer_says_when_it_was_read(desk: Desk, directory: Directory) -> None:
    """The instant of the question, also when the answer comes from the cache; the same in both."""
    first = directory.buyer(FULL)
    desk.clock.advance(hours=5)
    again = directory.buyer(FULL)
    assert first == again
    assert first.read_at == desk.clock.now - timedelta(hours=5)
    assert first.structure is not None
    assert first.structure.siret == SIRET
    fresh = Directory(app=desk.app, portal=desk.portal, refresh=True).buyer(FULL)

    assert fresh == replace(first, read_at=desk.clock.now)


def test_what_was_kept_before_the_seller_was_known_is_still_read(
    desk: Desk, directory: Directory
) -> None:
    """An entry of an older version, without the newer facts, is a public structure."""
    directory.check(FULL)
    with desk.app.transaction() as session:
        kept = entries.cached_entry(session, SIRET)
        assert kept is not None
        old = json.loads(kept[1])
        del old["structure"]["public"], old["structure"]["password_expires"]
        entries.cache_entry(session, SIRET, json.dumps(old), kept[0])
    structure = directory.buyer(FULL).structure

    assert structure is not None
    assert (structure.public, structure.password_expires) == (True, None)
    assert len(desk.portal.asked) == 1


def test_our_own_structure_is_believed_for_a_day_unless_something_is_wrong(
    desk: Desk, directory: Directory
) -> None:
    """A password that expires soon is looked at each time: it may have been renewed since."""
    assert directory.ourselves() == directory.ourselves()
    assert desk.portal.asked == [f"structure {SELLER}"]
    today = paris_day(desk.clock.now)
    desk.portal.change(SELLER, password_expires=today + timedelta(days=10))
    desk.clock.advance(days=1, seconds=1)
    for _ in range(2):
        (finding,) = directory.ourselves().findings
        assert (finding.code, finding.severity) == ("DIR-PASSWORD-EXPIRES", Severity.WARNING)
    desk.portal.change(SELLER, password_expires=today + timedelta(days=424))

    assert directory.ourselves().findings == ()
    assert len(desk.portal.asked) == 4


def test_an_answer_that_cannot_be_used_is_a_finding_and_is_not_kept(
    desk: Desk, directory: Directory
) -> None:
    """About a buyer it holds that one back, about us it warns; the next question is asked."""
    desk.portal.unreadable.update({SIRET, SELLER})
    for answer, code in (
        (directory.buyer(FULL), "DIR-UNREADABLE"),
        (directory.ourselves(), "DIR-SELLER-UNREADABLE"),
    ):
        assert (answer.entry, answer.structure) == (None, None)
        assert [finding.code for finding in answer.findings] == [code]
    desk.portal.unreadable.clear()

    assert directory.buyer(FULL).findings == directory.ourselves().findings == ()


def test_payment_is_thought_reported_unless_the_structure_says_otherwise(
    desk: Desk, directory: Directory
) -> None:
    """Without an answer, settling too early would be worse than waiting."""

    def reported(siret: str) -> bool:
        with desk.app.reading() as session:
            return entries.payment_reported(session, siret)

    silent = STORY[-1].siret
    assert reported(silent)
    for case in (STORY[0], STORY[-1]):
        service, engagement = case.gives
        directory.check(
            BillingReferences(
                siret=case.siret, year=YEAR, service_code=service, engagement=engagement
            )
        )

    assert reported(SIRET)
    assert not reported(silent)
    assert len(desk.portal.asked) == 2
