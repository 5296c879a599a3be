"""What stops a campaign: a wait asked for, calls in vain, refused rights, one refusal for all."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import Desk, number, open_desk
from tests.support.stage_portal import ANSWERS
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.errors import DepositsRefused, PortalAccessRefused, PortalDown
from worker.portals import DepositAnswer, DepositOutcome

S = InvoiceStatus


@pytest.fixture(name="busy")
def _busy(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path / "busy", issued=5)


def test_a_throttled_deposit_waits_as_long_as_asked(busy: Desk) -> None:
    """The campaign stops at once, and no invoice is due before the portal's time."""
    busy.portal.answers.append(ANSWERS[DepositOutcome.THROTTLED])
    with pytest.raises(PortalDown, match="normalement") as caught:
        busy.deposit()
    assert caught.value.wait == 120
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    busy.clock.advance(seconds=119)
    assert busy.deposit() == []
    busy.clock.advance(seconds=1)

    assert len(busy.deposit()) == 5


@pytest.mark.parametrize("mishap", [Mishap.NOT_SENT, Mishap.REQUEST_LOST, Mishap.ANSWER_LOST])
def test_three_calls_in_vain_stop_the_campaign(busy: Desk, mishap: Mishap) -> None:
    """The fourth invoice is not even tried."""
    busy.portal.mishaps.extend([mishap] * 5)
    with pytest.raises(PortalDown) as caught:
        busy.deposit()

    assert "relancez" in caught.value.remedy
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 3
    assert busy.one(number(4)).status is S.ISSUED


def test_a_call_that_works_resets_the_count(busy: Desk) -> None:
    """Two failures, a success, two failures: the campaign goes to its end."""
    busy.portal.mishaps.extend([Mishap.NOT_SENT, Mishap.NOT_SENT, Mishap.REFUSED])
    busy.portal.mishaps.extend([Mishap.NOT_SENT, Mishap.NOT_SENT])

    assert len(busy.deposit()) == 5
    assert [i.status for i in busy.invoices()] == [
        S.ISSUED,
        S.ISSUED,
        S.REFUSED,
        S.ISSUED,
        S.ISSUED,
    ]


def test_refused_rights_stop_the_campaign_and_leave_nothing_uncertain(busy: Desk) -> None:
    """Found at sign-in, or by the deposit itself."""
    busy.portal.mishaps.append(Mishap.UNAUTHORISED)
    with pytest.raises(PortalAccessRefused):
        busy.deposit()
    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    busy.portal.condition = Condition.CLOSED_TO_US
    with pytest.raises(PortalAccessRefused):
        busy.deposit()

    assert len(busy.events(EventTag.DEPOSIT_INTENDED)) == 1
    assert {i.status for i in busy.invoices()} == {S.ISSUED}


def refused(reason: str) -> DepositAnswer:
    """An answer of the portal to the deposit itself."""
    return DepositAnswer(outcome=DepositOutcome.REFUSED, detail=f"Refus : {reason}", reason=reason)


def test_refusals_for_one_reason_stop_the_campaign(busy: Desk) -> None:
    """What is wrong is common to all: three are refused, the others wait for the correction."""
    busy.portal.answers += [refused("habilitation absente")] * 11
    with pytest.raises(DepositsRefused, match="habilitation absente"):
        busy.deposit()
    found = Counter(invoice.status for invoice in busy.invoices() if invoice.number)
    assert (found[S.REFUSED], found[S.ISSUED]) == (3, found.total() - 3)
    busy.portal.answers.clear()
    busy.deposit()

    assert all(i.status is not S.ISSUED for i in busy.invoices())


def test_refusals_for_several_reasons_stop_nobody(busy: Desk) -> None:
    """Each file has its own fault: the campaign goes on to the end."""
    busy.portal.answers += [refused(f"fichier {rank}") for rank in range(11)]
    busy.deposit()

    assert all(i.status is S.REFUSED for i in busy.invoices() if i.number)
