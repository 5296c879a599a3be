"""The buyer's words, in whatever order they come: each is kept, ours follows the current one."""

from pathlib import Path

import pytest

from tests.support.offices import Desk, in_the_buyers_hands, number, open_desk, open_waiting_desk
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, Trouble
from worker.service.demo import STORY

S = InvoiceStatus
ONE, TWO = number(1), number(2)
SILENT = STORY[-1].siret
"""The member whose structure never reports that it paid: the eleventh issued."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_waiting_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="held")
def _held(desk: Desk) -> Desk:
    return in_the_buyers_hands(desk)


@pytest.mark.parametrize(
    "raw,status",
    [
        ("MISE_A_DISPOSITION_COMPTABLE", S.INTEGRATED),
        ("SUSPENDUE", S.SUSPENDED),
        ("REJETEE", S.REJECTED),
        ("A_RECYCLER", S.REJECTED),
        ("SERVICE_FAIT", S.INTEGRATED),
        ("MANDATEE", S.INTEGRATED),
        ("COMPTABILISEE", S.INTEGRATED),
        ("MISE_EN_PAIEMENT", S.SETTLED),
        ("UN_MOT_DE_2029", S.INTEGRATED),
    ],
)
def test_our_status_is_derived_from_the_buyers(held: Desk, raw: str, status: S) -> None:
    """The portal's word is kept as it is, with its comment for the person who reads."""
    held.portal.decide(ONE, raw, "pièce jointe illisible")
    held.follow()
    invoice = held.one(ONE)
    assert (invoice.status, invoice.portal_status) == (status, raw)
    assert (invoice.trouble, invoice.detail) == (
        (Trouble.UNKNOWN_WORD, raw) if "2029" in raw else (Trouble.NONE, "pièce jointe illisible")
    )
    changes = held.events(EventTag.STATUS_CHANGED)
    assert [payload["to"] for _, payload in changes] == (
        [] if status is S.INTEGRATED else [status.value]
    )
    assert ("history", raw) in [(o.source, o.raw_status) for o in held.observations(ONE)]


def test_statuses_come_in_any_order_even_backwards(held: Desk) -> None:
    """Our status follows the current one; the history keeps every observation once."""
    words = [
        "SUSPENDUE",
        "COMPLETEE",
        "REJETEE",
        "SUSPENDUE",
        "SERVICE_FAIT",
        "REJETEE",
        "MANDATEE",
    ]
    seen = []
    for word in words:
        held.portal.decide(ONE, word)
        held.follow()
        seen.append(held.one(ONE).status)
        held.clock.advance(days=1)
        held.follow()
        held.clock.advance(days=1)
    assert seen == [
        S.SUSPENDED,
        S.INTEGRATED,
        S.REJECTED,
        S.SUSPENDED,
        S.INTEGRATED,
        S.REJECTED,
        S.INTEGRATED,
    ]
    history = [o.raw_status for o in held.observations(ONE) if o.source == "history"]
    assert sorted(history) == sorted(["deposited", *words])
    held.portal.decide(ONE, "MISE_EN_PAIEMENT")
    held.follow()
    held.portal.decide(ONE, "SUSPENDUE")
    held.clock.advance(days=30)
    held.follow()
    assert held.one(ONE).status is S.SETTLED


def test_approved_is_the_last_word_of_a_buyer_that_does_not_report_payment(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Settled for that buyer; the others are followed until they pay."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "silent", issued=12)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    for invoice in desk.invoices()[:11]:
        desk.portal.decide(invoice.number, "COMPTABILISEE")
    desk.clock.advance(days=1)
    desk.follow()
    assert {i.siret for i in desk.invoices() if i.status is S.SETTLED} == {SILENT}
    assert len([i for i in desk.invoices() if i.status is S.INTEGRATED]) == 10


@pytest.mark.parametrize("days", [1, 8])
def test_what_is_rejected_after_its_last_word_is_work_for_a_person(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, days: int
) -> None:
    """A buyer that reports no payment approved it, then its accountant sent it back."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "silent", issued=12)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    (silent,) = (i.number for i in desk.invoices() if i.siret == SILENT)
    for word, status in (("MANDATEE", S.SETTLED), ("REJETEE", S.REJECTED)):
        desk.portal.decide(silent, word, "pièce du comptable")
        desk.clock.advance(days=days)
        desk.follow()
        assert (desk.one(silent).status, desk.one(silent).detail) == (status, "pièce du comptable")
    assert desk.advice(silent)
