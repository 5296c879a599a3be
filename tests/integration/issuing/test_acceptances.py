"""Use outside a subscription, accepted by a person: not billed, and said on the statement (C9)."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.recomputation import recompute
from worker.billing.consumption import Outside, OutsideUnit, OutsideUse, french_outside
from worker.billing.journal import EventTag
from worker.billing.period import Month
from worker.errors import Refused, WrongUse
from worker.formats.statement_data import statement_csv
from worker.imports import ImportKind
from worker.issuing.acceptances import accept_outside, withdraw_outside
from worker.issuing.batch import MemberResult
from worker.storage import acceptances, invoices, journal
from worker.storage.year import statements

SIRET, STRANGER = "99900007800017", "99980912200016"
USAGE = "siret;service;palier;mois;utilisateurs"
MARCH = OutsideUse(service="stockage", tier=5, month=Month(YEAR, 3), users=4)
UNITS = "siret;service;date;quantite;reference"
TRAINING = OutsideUnit(
    service="formation", day=date(YEAR, 3, 12), quantity=Decimal("0.5"), reference="FORM-12"
)
TRAINING_ROW = {
    "service": "formation",
    "day": f"{YEAR}-03-12",
    "quantity": "0.5",
    "reference": "FORM-12",
}
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


def outside(desk: Desk) -> tuple[Outside, ...]:
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


def test_units_outside_are_accepted_like_users(desk: Desk) -> None:
    """With their day and reference, on the statement and in the journal; computed again as well."""
    desk.write(ImportKind.USAGE, USAGE, f"{SIRET};stockage;5;{YEAR}-03;0")
    desk.write(ImportKind.UNITS, UNITS, f"{SIRET};formation;{YEAR}-03-12;0,5;FORM-12")
    held = results(desk)
    with desk.app.reading() as session:
        parked = invoices.current(session, SIRET, YEAR)
    given = accept_outside(desk.app, SIRET, YEAR, REASON)
    ran = results(desk)
    found = [finding for one in recompute(desk.app.store) for finding in one.findings]

    assert (held[SIRET], ran[SIRET]) == (MemberResult.PARKED, MemberResult.ISSUED)
    assert parked is not None
    assert [one.code for one in parked.findings] == ["UNIT-OUTSIDE"]
    assert f"accept {SIRET} {YEAR} --outside" in parked.findings[0].remedy
    assert given.uses == outside(desk) == (TRAINING,)
    assert french_outside(given.uses).endswith("formation, 0,5 le 12/03/2025 (FORM-12).")
    assert desk.events(EventTag.USAGE_ACCEPTED) == [
        (f"{SIRET}/{YEAR}", {"acceptance": 1, "rows": [TRAINING_ROW], "reason": REASON})
    ]
    assert found == []
    assert desk.is_sound()


def test_other_units_than_those_accepted_are_a_finding_again(desk: Desk) -> None:
    """Another quantity of the same day is not what a person saw."""
    desk.write(ImportKind.USAGE, USAGE, f"{SIRET};stockage;5;{YEAR}-03;0")
    desk.write(ImportKind.UNITS, UNITS, f"{SIRET};formation;{YEAR}-03-12;0,5;FORM-12")
    accept_outside(desk.app, SIRET, YEAR, REASON)
    desk.write(ImportKind.UNITS, UNITS, f"{SIRET};formation;{YEAR}-03-12;1;FORM-12")
    ran = results(desk)

    assert ran[SIRET] is MemberResult.PARKED


def test_the_statement_tells_units_outside_by_day_and_reference(desk: Desk) -> None:
    """In the table of its steps, beside the months of users, and at no price."""
    desk.write(ImportKind.USAGE, USAGE, f"{SIRET};stockage;5;{YEAR}-03;0")
    desk.write(ImportKind.UNITS, UNITS, f"{SIRET};formation;{YEAR}-03-12;0,5;FORM-12")
    accept_outside(desk.app, SIRET, YEAR, REASON)
    desk.issue()
    with desk.app.reading() as session:
        (statement,) = (one for one in statements(session, YEAR) if one.member.siret == SIRET)
    rows = list(
        csv.reader(statement_csv(statement).decode("utf-8-sig").splitlines(), delimiter=";")
    )
    told = [row for row in rows if "FORM-12" in row]

    assert len(told) == 1
    assert {"formation", "0,5", "0,00", "Hors abonnement, non facturé"} <= set(told[0])
    assert len({len(row) for row in rows if row}) == 1


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
