"""A merger, from the person's word to the recomputed invoice: nothing twice, nothing lost."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.recomputation import recompute
from worker.audit.verification import verify
from worker.billing.comparison import Group
from worker.billing.invoice import Invoice
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.errors import ImportRefused, IntegrityError, Refused, WrongUse
from worker.imports import ImportKind
from worker.issuing.acceptances import accept_outside
from worker.issuing.batch import MemberResult
from worker.issuing.check import Readiness, check_year
from worker.issuing.holds import lift_hold
from worker.issuing.preview import Preview, preview
from worker.issuing.successions import draft_succession, succeed, withdraw_succession
from worker.service.demo import STORY
from worker.storage import attempts, imported, invoices, member_years, successions
from worker.storage.year import contents, statements

A, B, C = (case.siret for case in STORY[:3])
STRANGER = "99980912200016"
NEW_YEAR, MID_MARCH = date(YEAR, 1, 1), date(YEAR, 3, 15)
REASON = "commune nouvelle, arrêté du 2 décembre"
HEADER = "siret;service;palier;mois;utilisateurs"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office with the twelve members of the demonstration, and nothing billed."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="before")
def _before(desk: Desk) -> Preview:
    """What all owe before any merger."""
    return preview(desk.app, YEAR)


def results(desk: Desk) -> dict[str, MemberResult]:
    """What the batch does about each."""
    return {one.member.siret: one.result for one in desk.issue()}


def groups(desk: Desk) -> dict[str, Group]:
    """Where each member stands."""
    return {one.siret: one.group for one in preview(desk.app, YEAR).compared.members}


def billed(desk: Desk) -> dict[str, Invoice]:
    """Each invoice of the year, by the SIRET of its buyer."""
    with desk.app.reading() as session:
        return {one.buyer.siret: one for one in contents(session, YEAR)}


def one_more(desk: Desk, siret: str, month: int) -> str:
    """The first figure of a month in the example file, with one user more."""
    path = desk.folder / "exemples" / "usage.csv"
    rows = path.read_text("utf-8-sig").splitlines()
    found = next(one for one in rows if one.startswith(siret) and f";{month:02d}/{YEAR};" in one)
    kept, _, users = found.rpartition(";")
    return f"{kept};{int(users) + 1}"


def test_two_members_merge_into_a_third(desk: Desk, before: Preview) -> None:
    """Its invoice has a part for each, together what all three owed; the two are billed nothing."""
    for old in (A, B):
        succeed(desk.app, old, C, NEW_YEAR, REASON)
    shown, ran = preview(desk.app, YEAR), results(desk)
    issued = billed(desk)

    assert shown.total == before.total
    assert issued[C].totals.payable == Money.sum(before.prepared[one].total for one in (A, B, C))
    assert {line.name.rpartition("(SIRET ")[2][:14] for line in issued[C].lines} > {A, B}
    assert ran[C] is MemberResult.ISSUED
    assert not {A, B} & issued.keys()
    assert verify(desk.app).findings == ()


def test_a_begun_month_stays_with_the_one_that_ends(desk: Desk, before: Preview) -> None:
    """From the middle of March, the successor is billed from April on; both together as before."""
    succeed(desk.app, A, C, MID_MARCH, REASON)
    results(desk)
    issued = billed(desk)
    taken = [line for line in issued[C].lines if A in line.name]

    assert issued[A].period.end == date(YEAR, 3, 31)
    assert {line.period.start for line in taken} == {date(YEAR, 4, 1)}
    assert issued[A].totals.payable + issued[C].totals.payable == (
        before.prepared[A].total + before.prepared[C].total
    )
    assert verify(desk.app).findings == ()


def test_every_member_is_in_the_preview_once(desk: Desk) -> None:
    """The one that has nothing left as ended, with who took it over; the other with its months."""
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    succeed(desk.app, B, C, MID_MARCH, REASON)
    members = preview(desk.app, YEAR).compared.members
    told = {one.siret: [finding.message for finding in one.findings] for one in members}

    assert len(members) == len(told) == len(STORY)
    assert (groups(desk)[A], groups(desk)[B]) == (Group.ENDED, Group.TO_BILL)
    assert told[A] == [f"repris par {STORY[2].name} (SIRET {C}) dès janvier {YEAR}"]
    assert told[B] == [f"repris par {STORY[2].name} (SIRET {C}) dès avril {YEAR}"]


def test_the_amount_of_last_year_follows(desk: Desk, before: Preview) -> None:
    """When all of the year is the successor's: nobody is gone, nobody has doubled."""
    rows = [f"{siret};{YEAR - 1};{one.total};" for siret, one in before.prepared.items()]
    desk.write(ImportKind.PREVIOUS, "siret;annee;montant_ttc;nom", *rows)
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    members = {one.siret: one for one in preview(desk.app, YEAR).compared.members}

    assert members[C].previous == members[C].total
    assert (members[A].group, members[A].previous) == (Group.ENDED, None)
    assert members[C].group is Group.TO_BILL


def test_references_follow_where_there_are_none(desk: Desk) -> None:
    """The successor's own count; where it has none, those of the one that ended, and it is said."""
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    with desk.app.reading() as session:
        own = member_years.member_year(session, C, YEAR)
        theirs = imported.references_of(session, A, YEAR)
    desk.write(ImportKind.REFERENCES, "siret;annee;code_service;engagement", f"{C};{YEAR};;")
    with desk.app.reading() as session:
        left = member_years.member_year(session, C, YEAR)
    checked = {one.member.siret: one for one in check_year(desk.app, YEAR, None).members}

    assert own.references_from == ()
    assert left.references.siret == C
    assert left.references.engagement == theirs.engagement
    assert left.references.service_code == theirs.service_code
    assert "REFERENCES-TAKEN-OVER" in {finding.code for finding in checked[C].findings}
    assert A not in checked
    assert checked[C].readiness is Readiness.READY


def test_what_is_outside_is_accepted_by_the_successor(desk: Desk) -> None:
    """Filed under the one that ended, told on the statement of the other with its name."""
    desk.write(ImportKind.USAGE, HEADER, f"{A};stockage;5;{YEAR}-06;4")
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    held = results(desk)[C]
    accept_outside(desk.app, C, YEAR, "comptes fermés en retard")
    ran = results(desk)
    with desk.app.reading() as session:
        said = next(one.not_billed for one in statements(session, YEAR) if one.member.siret == C)

    assert (held, ran[C]) == (MemberResult.PARKED, MemberResult.ISSUED)
    assert f"repris de {STORY[0].name} (SIRET {A})" in said
    assert verify(desk.app).findings == ()


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    """One row, one event, and it says so."""
    first = succeed(desk.app, A, C, NEW_YEAR, REASON)
    again = succeed(desk.second().app, A, C, NEW_YEAR, "encore")

    assert (first.already, again.already) == (False, True)
    assert again.succession.reason == REASON
    assert desk.events(EventTag.MEMBER_SUCCEEDED) == [
        (
            A,
            {
                "succession": 1,
                "successor": C,
                "effective_on": f"{YEAR}-01-01",
                "first_month": f"{YEAR}-01",
                "reason": REASON,
            },
        )
    ]


@pytest.mark.parametrize("other", [(A, B, NEW_YEAR), (A, C, MID_MARCH)])
def test_two_people_decide_at_once(desk: Desk, other: tuple[str, str, date]) -> None:
    """One did; the other is told by whom, since when, and how to come back on it."""
    shown = draft_succession(desk.app, *other, "vu aussi")
    succeed(desk.second().app, A, C, NEW_YEAR, REASON)

    assert not shown.already
    with pytest.raises(Refused, match=REASON) as caught:
        succeed(desk.app, *other, "vu aussi")

    assert f"succeed {A} {C} --withdraw" in caught.value.remedy


def test_what_cannot_be_is_refused(desk: Desk) -> None:
    """An unknown member, itself, a circle, no reason; nothing is written."""
    succeed(desk.app, A, B, NEW_YEAR, REASON)
    succeed(desk.app, B, C, MID_MARCH, REASON)
    for old, new, reason in (
        (STRANGER, C, REASON),
        (C, STRANGER, REASON),
        (C, C, REASON),
        (C, STORY[3].siret, " "),
    ):
        with pytest.raises(WrongUse):
            succeed(desk.app, old, new, NEW_YEAR, reason)
    with pytest.raises(Refused, match="l'un l'autre"):
        succeed(desk.app, C, A, NEW_YEAR, REASON)

    assert len(desk.events(EventTag.MEMBER_SUCCEEDED)) == 2


@pytest.mark.parametrize("old,new", [(A, STORY[-1].siret), (STORY[-1].siret, A)])
def test_a_billed_year_does_not_change_hands(desk: Desk, old: str, new: str) -> None:
    """Of either of the two; the invoice is named, and the way. A later year may."""
    list(zip(range(1), desk.issue(), strict=False))
    with pytest.raises(Refused, match="BSN-2026-00001") as caught:
        succeed(desk.app, old, new, date(YEAR, 12, 1), REASON)
    later = succeed(desk.app, old, new, date(YEAR, 12, 2), REASON)

    assert "credit BSN-2026-00001" in caught.value.remedy
    assert later.succession.first_month.year == YEAR + 1


def test_every_invoice_that_stands_in_the_way_is_named_at_once(desk: Desk) -> None:
    """Of both members, with the commands that cancel and lift each."""
    desk.issue()
    numbers = {one.siret: one.number for one in desk.invoices() if one.siret in {A, C}}

    with pytest.raises(Refused) as caught:
        succeed(desk.app, A, C, NEW_YEAR, REASON)

    assert caught.value.remedy.count(f"chorus-worker run {YEAR}") == 1
    for siret, number in numbers.items():
        assert f"(SIRET {siret}) a déjà sa facture {YEAR} : {number}" in caught.value.message
        assert f"credit {number} --reason" in caught.value.remedy
        assert f"unpark {siret} {YEAR} --reason" in caught.value.remedy


def test_a_credited_year_changes_hands(desk: Desk, before: Preview) -> None:
    """Once the invoice is cancelled, the way that the refusal tells goes to its end."""
    desk.issue()
    number = next(one.number for one in desk.invoices() if one.siret == C)
    for siret in (A, C):
        numbered = next(one.number for one in desk.invoices() if one.siret == siret)
        desk.credit(numbered, deposits=False)
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    with desk.app.transaction() as tx:
        lift_hold(tx, C, YEAR, "repris", deposits=False)
    ran = results(desk)
    again = [one for one in desk.invoices() if one.siret == C and not one.is_credit_note]

    assert ran[C] is MemberResult.ISSUED
    assert again[0].number == number
    assert again[-1].total == before.prepared[A].total + before.prepared[C].total
    assert [finding for one in recompute(desk.app.store) for finding in one.findings] == []


def test_an_open_deposit_is_waited_for(desk: Desk) -> None:
    """Even when its invoice counts no more: what becomes of it is not known."""
    desk.issue()
    for siret in (A, C):
        number = next(one.number for one in desk.invoices() if one.siret == siret)
        desk.credit(number, deposits=False)
    with desk.app.transaction() as tx:
        attempts.open_attempt(
            tx,
            invoice_id=desk.one(number).id,
            document_sha256="0" * 64,
            file_name="facture.pdf",
            actor=tx.actor,
            at=tx.now,
        )

    with pytest.raises(Refused, match=f"dépôt de {number}"):
        succeed(desk.app, A, C, NEW_YEAR, REASON)

    assert succeed(desk.app, A, C, date(YEAR + 1, 1, 1), REASON).succession.successor == C


def test_a_row_of_the_successors_months_is_of_its_billed_year(desk: Desk) -> None:
    """Filed under the one that ended: refused from April on, and not before while that is open."""
    march, april = (one_more(desk, A, month) for month in (3, 4))
    succeed(desk.app, A, C, MID_MARCH, REASON)
    desk.write(ImportKind.USAGE, HEADER, f"{A};stockage;5;{YEAR}-02;4")
    ran = results(desk)

    assert (ran[A], ran[C]) == (MemberResult.PARKED, MemberResult.ISSUED)
    with pytest.raises(ImportRefused, match="1 ligne"):
        desk.write(ImportKind.USAGE, HEADER, april)
    with pytest.raises(ImportRefused):
        desk.write(
            ImportKind.SUBSCRIPTIONS,
            "siret;service;palier;categorie;debut;fin",
            f"{A};cartes;;1;{YEAR}-05-01;{YEAR}-05-31",
        )
    desk.write(ImportKind.USAGE, HEADER, march, f"{A};stockage;5;{YEAR}-02;0")

    assert results(desk)[A] is MemberResult.ISSUED


def test_printed_references_do_not_change_under_an_invoice(desk: Desk) -> None:
    """Those of the one that ended stay as they are once its successor's invoice bears them."""
    header = "siret;annee;code_service;engagement"
    old = STORY[3].siret
    succeed(desk.app, old, B, NEW_YEAR, REASON)
    desk.issue()
    for siret in (old, B):
        with pytest.raises(ImportRefused):
            desk.write(ImportKind.REFERENCES, header, f"{siret};{YEAR};;EJ-NEUF")

    assert billed(desk)[B].engagement == "BC25-118"
    assert verify(desk.app).findings == ()


def test_what_came_later_was_not_at_the_issue(desk: Desk) -> None:
    """A succession of the next year changes no invoice that is computed again."""
    succeed(desk.app, A, C, MID_MARCH, REASON)
    desk.issue()
    succeed(desk.app, B, C, date(YEAR + 1, 1, 1), REASON)
    with pytest.raises(Refused, match="facture"):
        withdraw_succession(desk.app, A, C, "erreur")
    withdraw_succession(desk.app, B, C, "erreur")

    assert [finding for one in recompute(desk.app.store) for finding in one.findings] == []


def test_what_is_taken_back_is_as_before(desk: Desk, before: Preview) -> None:
    """Once; and another successor may then be named."""
    succeed(desk.app, A, C, MID_MARCH, REASON)
    withdraw_succession(desk.app, A, C, "pas cette année")
    with pytest.raises(Refused):
        withdraw_succession(desk.app, A, C, "encore")
    with desk.app.reading() as session:
        known = successions.in_force(session)
    after = preview(desk.app, YEAR)

    assert known == {}
    assert after.compared == before.compared
    assert not succeed(desk.app, A, B, NEW_YEAR, REASON).already


def altered(desk: Desk, statement: str) -> None:
    """Write behind the program, without its triggers."""
    with closing(
        sqlite3.connect(desk.app.configuration.data_folder / "worker.sqlite")
    ) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (trigger,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("column", ["effective_on", "recorded_at", "cancelled_at"])
def test_a_succession_that_cannot_be_read_stops_all(desk: Desk, column: str) -> None:
    """It may move the months of any member: none is billed, rather than one of two twice."""
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    altered(desk, f"UPDATE succession SET {column} = '!'")

    with pytest.raises(IntegrityError, match="succession"):
        desk.issue()

    assert desk.invoices() == ()


def test_a_row_that_cannot_be_read_holds_its_successor_alone(desk: Desk) -> None:
    """Filed under the one that ended; the others are billed."""
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    altered(desk, f"UPDATE usage_record SET users = '!' WHERE siret = '{A}'")
    ran = results(desk)

    assert ran[C] is MemberResult.PARKED
    assert ran[B] is MemberResult.ISSUED


def test_a_parked_member_that_ended_is_released(desk: Desk) -> None:
    """Its row goes when nothing of the year is left to it; no statement of nothing is issued."""
    desk.write(ImportKind.USAGE, HEADER, f"{A};stockage;5;{YEAR}-06;4")
    desk.issue()
    number = next(one.number for one in desk.invoices() if one.siret == C)
    desk.credit(number, deposits=False)
    succeed(desk.app, A, C, NEW_YEAR, REASON)
    ran = results(desk)
    with desk.app.reading() as session:
        left = invoices.current(session, A, YEAR)
        stated = {one.member.siret for one in statements(session, YEAR)}

    assert ran[A] is MemberResult.NOTHING
    assert left is None
    assert A not in stated
