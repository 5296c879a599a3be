"""What the portal holds beyond the books blocks numbers, until a person says what it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, counters, number, numbers, open_desk
from worker.billing.journal import EventTag
from worker.billing.portal_document import PortalDocument
from worker.billing.status import InvoiceStatus
from worker.corrections.unknown import close_unknown
from worker.errors import Refused, WrongUse
from worker.portals import FoundInvoice
from worker.service.campaign import run_year
from worker.service.demo import SELLER
from worker.storage import holds, portal_documents
from worker.transmission.beyond import look_beyond

ONE, TWO, THREE = number(1), number(2), number(3)


@pytest.fixture(name="restored")
def _restored(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """The books of a backup: the portal has a second invoice that they do not know."""
    session = tmp_path_factory.getbasetemp()
    later = open_desk(session, tmp_path / "later", issued=2)
    later.deposit()
    later.clock.advance(minutes=1)
    later.follow()
    backup = open_desk(session, tmp_path / "backup", issued=1)
    backup.clock.now = later.clock.now
    return replace(backup, portal=later.portal)


def left(desk: Desk) -> tuple[PortalDocument, ...]:
    """What waits for a person."""
    with desk.app.reading() as session:
        return portal_documents.still_beyond(session)


def test_a_restored_backup_gives_no_number(restored: Desk) -> None:
    """The run stops before its first number, and names what the books do not know."""
    before = counters(restored)

    with pytest.raises(Refused, match="nos livres ne connaissent pas") as caught:
        run_year(restored.app, restored.portal, YEAR, lambda _: None)

    assert [TWO in finding.message for finding in caught.value.findings] == [True]
    assert counters(restored) == before
    assert [document.number for document in left(restored)] == [TWO]


def test_a_restored_backup_makes_no_credit_note(restored: Desk) -> None:
    """Nor is any number of that series given."""
    restored.deposit()
    restored.clock.advance(minutes=1)
    restored.follow()

    with pytest.raises(Refused, match="nos livres ne connaissent pas"):
        restored.credit(ONE)


def test_what_the_books_call_not_deposited_and_the_portal_shows_is_not_sent(
    restored: Desk,
) -> None:
    """The backup is older than its deposit, and the portal controls no number: it is adopted."""
    files = len(restored.portal.fluxes)
    with pytest.raises(Refused):
        look_beyond(restored.app, restored.portal)
    assert restored.one(ONE).status is InvoiceStatus.DEPOSITED
    restored.deposit()
    restored.follow()

    assert restored.one(ONE).status is InvoiceStatus.INTEGRATED
    assert len(restored.portal.fluxes) == files


def test_what_is_seen_again_is_told_once(restored: Desk) -> None:
    """One row and one event, however often it is shown."""
    for _ in range(3):
        with pytest.raises(Refused):
            look_beyond(restored.app, restored.portal)

    assert len(restored.events(EventTag.DOCUMENT_UNKNOWN)) == 1


def test_the_news_drop_nothing_of_ours(restored: Desk) -> None:
    """What the search of changes shows of our series is kept without any run."""
    restored.deposit()
    for _ in range(4):
        restored.clock.advance(hours=12)
        restored.follow()

    assert [document.number for document in left(restored)] == [TWO]


def test_a_number_of_no_known_day_is_found_by_itself(restored: Desk) -> None:
    """The search by period may leave it out: the next number is asked for too."""
    restored.portal.issued = lambda *_: ()  # type: ignore[method-assign] # it shows none

    with pytest.raises(Refused, match="nos livres ne connaissent pas"):
        look_beyond(restored.app, restored.portal)


FOREIGN: dict[str, Callable[[FoundInvoice], FoundInvoice]] = {
    "of another seller": lambda found: replace(found, supplier="99999999900012"),
    "of no series of ours": lambda found: replace(found, number="FAC-2026-00002"),
    "with a word after its rank": lambda found: replace(found, number=f"{found.number}-BIS"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_of_our_series_blocks_nothing(restored: Desk, kind: str) -> None:
    """One account acts for several bodies, and a body has other software."""
    restored.portal.amend = lambda found: FOREIGN[kind](found) if found.number == TWO else found
    look_beyond(restored.app, restored.portal)

    assert left(restored) == ()


WRITTEN: dict[str, Callable[[FoundInvoice], FoundInvoice]] = {
    "without signs": lambda found: replace(found, number=found.number.replace("-", "")),
    "in lower case": lambda found: replace(found, number=found.number.lower()),
    "without zeros": lambda found: replace(found, number=found.number.replace("-0000", "-")),
    "with our supplier by SIREN": lambda found: replace(found, supplier=SELLER[:9]),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_number_is_of_our_series_however_written(restored: Desk, form: str) -> None:
    """The one that is known stays known, and the other is seen."""
    restored.portal.amend = WRITTEN[form]
    restored.portal.find = lambda **_: ()  # type: ignore[method-assign] # the period alone tells

    with pytest.raises(Refused):
        look_beyond(restored.app, restored.portal)

    assert len(left(restored)) == 1


def test_what_a_person_closed_is_passed_over_and_its_member_held(restored: Desk) -> None:
    """Its number is never given, and its member not billed again by itself."""
    with pytest.raises(Refused):
        look_beyond(restored.app, restored.portal)
    (document,) = left(restored)
    close_unknown(restored.app, TWO.lower(), "saisie à la main, vue avec le membre")
    look_beyond(restored.app, restored.portal)
    with restored.app.reading() as session:
        hold = holds.in_force(session, document.recipient, YEAR)
    issued = numbers(restored.issue())

    assert hold is not None
    assert TWO in hold.reason
    assert issued[0] == THREE
    assert document.recipient not in {i.siret for i in restored.invoices() if i.number > TWO}
    assert restored.events(EventTag.DOCUMENT_CLOSED)[0][1]["reason"].startswith("saisie")
    assert restored.is_sound()


def test_what_is_not_open_cannot_be_closed(restored: Desk) -> None:
    """A slip of the hand changes nothing."""
    with pytest.raises(WrongUse, match="hors de nos livres"):
        close_unknown(restored.app, THREE, "essai")


def test_books_that_know_all_are_not_stopped(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Two questions and one for each series: then numbers are given."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.asked.clear()
    look_beyond(desk.app, desk.portal)

    assert desk.portal.asked == [
        f"issued {date(2024, 12, 31)} {date(2026, 1, 6)}",
        f"search {THREE}",
        "search AVOIR-2026-00001",
    ]
