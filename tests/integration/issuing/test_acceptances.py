"""Use outside a subscription, accepted by a person: not billed, and said on the statement (C9)."""

from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.recomputation import recompute
from worker.billing.consumption import OutsideUse
from worker.billing.journal import EventTag
from worker.billing.period import Month
from worker.errors import Refused, WrongUse
from worker.imports import ImportKind
from worker.issuing.acceptances import accept_outside, withdraw_outside
from worker.issuing.batch import MemberResult
from worker.storage import acceptances, invoices, journal
from worker.storage.year import statements

SIRET, STRANGER = "99900007800017", "99980912200016"
USAGE = "siret;service;palier;mois;utilisateurs"
MARCH = OutsideUse(service="stockage", tier=5, month=Month(YEAR, 3), users=4)
REASON = "comptes fermés en retard"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office of which one member used a tier that it did not subscribe to."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    desk.write(ImportKind.USAGE, USAGE, f"{SIRET};stockage;5;{YEAR}-03;4")
    return desk


def results(desk: Desk) -> dict[str, MemberResult]:
    """What the batch does about each."""
    return {one.member.siret: one.result for one in desk.issue()}


def outside(desk: Desk) -> tuple[OutsideUse, ...]:
    """What the statement of the member says that is not billed."""
    with desk.app.reading() as session:
        return next(one.outside for one in statements(session, YEAR) if one.member.siret == SIRET)


def test_what_is_not_accepted_holds_the_member_back(desk: Desk) -> None:
    """With the command that answers it."""
    ran = results(desk)
    with desk.app.reading() as session:
        parked = invoices.current(session, SIRET, YEAR)

    assert ran[SIRET] is MemberResult.PARKED
    assert parked is not None
    assert [one.code for one in parked.findings] == ["USAGE-OUTSIDE"]
    assert f"accept {SIRET} {YEAR} --outside" in parked.findings[0].remedy


def test_what_is_accepted_is_not_billed_and_said(desk: Desk) -> None:
    """The rest is billed as if it had not been there; the journal has figures and reason."""
    accept_outside(desk.app, SIRET, YEAR, REASON)
    ran = results(desk)
    row = {"service": "stockage", "tier": 5, "month": 3, "users": 4}

    assert ran[SIRET] is MemberResult.ISSUED
    assert outside(desk) == (MARCH,)
    assert desk.events(EventTag.USAGE_ACCEPTED) == [
        (f"{SIRET}/{YEAR}", {"acceptance": 1, "rows": [row], "reason": REASON})
    ]
    assert desk.is_sound()


def test_what_is_accepted_is_computed_again(desk: Desk) -> None:
    """From what was accepted at the issue, by the order of the journal."""
    accept_outside(desk.app, SIRET, YEAR, REASON)
    desk.issue()
    found = [finding for one in recompute(desk.app.store) for finding in one.findings]

    assert found == []


def test_what_is_accepted_later_was_not_at_the_issue(desk: Desk) -> None:
    """Nor is what was taken back before it."""
    accept_outside(desk.app, SIRET, YEAR, REASON)
    withdraw_outside(desk.app, SIRET, YEAR, "erreur")
    accept_outside(desk.app, SIRET, YEAR, "finalement")
    with desk.app.reading() as session:
        first, second, third = (
            event.seq
            for event in journal.events(session, subject=f"{SIRET}/{YEAR}")
            if event.tag == EventTag.USAGE_ACCEPTED
        )
        known = {
            seq: acceptances.in_force_at(session, SIRET, YEAR, seq)
            for seq in (first, second, third, third + 1)
        }

    assert [one and one.reason for one in known.values()] == [None, REASON, None, "finalement"]


def test_an_accepted_member_waits_for_the_run_only(desk: Desk) -> None:
    """``status --todo`` says so."""
    desk.issue()
    accept_outside(desk.app, SIRET, YEAR, REASON)
    with desk.app.reading() as session:
        parked = invoices.current(session, SIRET, YEAR)

    assert parked is not None
    assert [finding.code for finding in parked.findings] == ["RELEASED"]


@pytest.mark.parametrize("row", ["03;5", "04;1"])
def test_another_figure_or_month_is_a_finding_again(desk: Desk, row: str) -> None:
    """Until it is accepted too; the former acceptance stays in the books."""
    accept_outside(desk.app, SIRET, YEAR, REASON)
    desk.write(ImportKind.USAGE, USAGE, f"{SIRET};stockage;5;{YEAR}-{row}")
    assert results(desk)[SIRET] is MemberResult.PARKED
    accept_outside(desk.app, SIRET, YEAR, "vu aussi")

    assert results(desk)[SIRET] is MemberResult.ISSUED


def test_what_is_taken_back_holds_the_member_again(desk: Desk) -> None:
    """Once: twice, there is nothing to take back."""
    accept_outside(desk.app, SIRET, YEAR, REASON)
    withdraw_outside(desk.app, SIRET, YEAR, "à facturer, tout compte fait")

    assert results(desk)[SIRET] is MemberResult.PARKED
    with pytest.raises(Refused, match="Rien n'est accepté"):
        withdraw_outside(desk.app, SIRET, YEAR, "encore")


def test_two_people_accept_at_once(desk: Desk) -> None:
    """One does, the other is told why."""
    accept_outside(desk.app, SIRET, YEAR, REASON)

    with pytest.raises(Refused, match=REASON):
        accept_outside(desk.second().app, SIRET, YEAR, "vu aussi")


def test_what_is_not_outside_is_not_accepted(desk: Desk) -> None:
    """Nor an unknown member, nor a billed year."""
    with pytest.raises(Refused, match="aucune consommation hors abonnement"):
        accept_outside(desk.app, SIRET, YEAR - 1, REASON)
    with pytest.raises(WrongUse):
        accept_outside(desk.app, STRANGER, YEAR, REASON)
    accept_outside(desk.app, SIRET, YEAR, REASON)
    desk.issue()
    for act in (accept_outside, withdraw_outside):
        with pytest.raises(Refused, match="déjà émise"):
            act(desk.app, SIRET, YEAR, REASON)
