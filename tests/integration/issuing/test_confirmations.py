"""Unusual amounts wait for a person, in ``preview``, ``check``, ``run`` and the service alike."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.program import run
from tests.support.offices import YEAR, Desk, open_desk
from worker.billing.comparison import Group
from worker.billing.journal import EventTag
from worker.billing.money import Money
from worker.billing.status import InvoiceStatus
from worker.corrections.todo import AdviceCode, todo
from worker.errors import Refused, WrongUse
from worker.imports import ImportKind
from worker.issuing.batch import MemberResult
from worker.issuing.check import Readiness, check_year
from worker.issuing.confirmations import confirm
from worker.issuing.directory import Directory
from worker.issuing.preview import campaign_figures, preview
from worker.storage import invoices

SIRET, OTHER, STRANGER = "99900007800017", "99980901500012", "99980912200016"
HEADER = "siret;annee;montant_ttc;nom"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office that bills for the first time: nothing of last year is known."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture(name="compared")
def _compared(desk: Desk) -> Desk:
    """Every member had last year what it has now, but one half of it, and one of them is gone."""
    amounts = {one.siret: one.total for one in preview(desk.app, YEAR).compared.members}
    amounts[SIRET] = Money(amounts[SIRET].cents // 2)
    rows = [f"{siret};{YEAR - 1};{total};" for siret, total in amounts.items()]
    desk.write(ImportKind.PREVIOUS, HEADER, *rows, f"{STRANGER};{YEAR - 1};500,00;Ancien membre")
    return desk


def groups(desk: Desk) -> dict[str, Group]:
    """Where each member stands."""
    return {one.siret: one.group for one in preview(desk.app, YEAR).compared.members}


def results(desk: Desk) -> dict[str, MemberResult]:
    """What the batch does about each."""
    return {one.member.siret: one.result for one in desk.issue()}


def test_the_first_year_asks_nothing(desk: Desk) -> None:
    """Every member would be new."""
    assert set(groups(desk).values()) == {Group.TO_BILL}


def test_every_member_is_in_the_preview_once(compared: Desk) -> None:
    """The one that is no member any more too, by the name that the file gave."""
    members = preview(compared.app, YEAR).compared.members
    names = {one.siret: one.name for one in members}

    assert len(members) == len(names) == 13
    assert names[STRANGER] == "Ancien membre"
    assert groups(compared) == dict.fromkeys(names, Group.TO_BILL) | {
        SIRET: Group.TO_CONFIRM,
        STRANGER: Group.GONE,
    }


def test_preview_check_and_run_agree_on_who_is_to_confirm(compared: Desk) -> None:
    """And the go is asked for with its count and amount."""
    shown = campaign_figures(compared.app, YEAR)
    checked = check_year(compared.app, YEAR, None)
    ran = results(compared)

    assert (shown.ready, shown.to_confirm, shown.held) == (11, 1, 0)
    assert shown.to_confirm_total == Money(319680)
    assert [one.member.siret for one in checked.members if one.readiness is Readiness.TO_CONFIRM]
    assert ran[SIRET] is MemberResult.PARKED
    assert list(ran.values()).count(MemberResult.ISSUED) == 10


def test_a_person_is_told_what_to_type(compared: Desk) -> None:
    """The amounts, and the command."""
    compared.issue()
    with compared.app.reading() as session:
        parked = invoices.current(session, SIRET, YEAR)
    assert parked is not None
    advice = todo(parked, compared.clock())

    assert advice is not None
    assert advice.code is AdviceCode.CORRECT
    assert f"confirm {SIRET} {YEAR}" in advice.arguments[0]
    assert parked.findings[0].message.startswith("+100,0")


def test_what_is_confirmed_is_billed(compared: Desk) -> None:
    """With the amounts, the grounds and the reason in the journal."""
    compared.issue()
    confirm(compared.app, SIRET, YEAR, "dix agents de plus")
    ran = results(compared)

    assert ran[SIRET] is MemberResult.ISSUED
    assert compared.events(EventTag.AMOUNT_CONFIRMED) == [
        (
            f"{SIRET}/{YEAR}",
            {
                "total_ttc": "3196.80",
                "previous_ttc": "1598.40",
                "grounds": ["CONFIRM-CHANGE"],
                "reason": "dix agents de plus",
            },
        )
    ]
    assert compared.is_sound()


def test_a_confirmed_member_waits_for_the_run_only(compared: Desk) -> None:
    """``status --todo`` says so."""
    compared.issue()
    confirm(compared.app, SIRET, YEAR, "dix agents de plus")
    with compared.app.reading() as session:
        parked = invoices.current(session, SIRET, YEAR)

    assert parked is not None
    assert parked.status is InvoiceStatus.PARKED
    assert [finding.code for finding in parked.findings] == ["RELEASED"]


@pytest.mark.parametrize(
    "kind,header,row",
    [
        (
            ImportKind.USAGE,
            "siret;service;palier;mois;utilisateurs",
            f"{SIRET};stockage;1;{YEAR}-03;13",
        ),
        (ImportKind.PREVIOUS, HEADER, f"{SIRET};{YEAR - 1};1500;"),
    ],
)
def test_another_amount_is_to_be_confirmed_again(
    compared: Desk, kind: ImportKind, header: str, row: str
) -> None:
    """This year's, or last year's."""
    confirm(compared.app, SIRET, YEAR, "dix agents de plus")
    assert groups(compared)[SIRET] is Group.TO_BILL
    compared.write(kind, header, row)

    assert groups(compared)[SIRET] is Group.TO_CONFIRM
    confirm(compared.app, SIRET, YEAR, "treize en mars")

    assert groups(compared)[SIRET] is Group.TO_BILL


def test_two_people_confirm_at_once(compared: Desk) -> None:
    """One does, the other is told by whom and why."""
    confirm(compared.app, SIRET, YEAR, "dix agents de plus")

    with pytest.raises(Refused, match=r"déjà confirmé.*dix agents de plus"):
        confirm(compared.second().app, SIRET, YEAR, "vu aussi")


def test_what_is_not_unusual_is_not_confirmed(compared: Desk) -> None:
    """Nor an unknown member, nor what is issued."""
    with pytest.raises(Refused, match="ne demande pas"):
        confirm(compared.app, OTHER, YEAR, "vu")
    with pytest.raises(WrongUse):
        confirm(compared.app, STRANGER, YEAR, "vu")
    compared.issue()
    with pytest.raises(Refused, match="déjà émise"):
        confirm(compared.app, OTHER, YEAR, "vu")


def test_a_member_held_for_something_else_is_not_confirmed(compared: Desk) -> None:
    """A part of its amount may be missing."""
    compared.write(
        ImportKind.SUBSCRIPTIONS,
        "siret;service;palier;categorie;debut;fin",
        f"{SIRET};stockage;5;1;01/01/{YEAR};",
    )

    assert groups(compared)[SIRET] is Group.HELD
    with pytest.raises(Refused, match="pas encore"):
        confirm(compared.app, SIRET, YEAR, "vu")


def test_a_known_member_that_is_gone_waits_for_a_person(compared: Desk) -> None:
    """Its row of last year is there, and nothing of this year; once confirmed, nothing waits."""
    compared.write(
        ImportKind.MEMBERS,
        "siret;nom;adresse;code_postal;ville;convention",
        f"{STRANGER};Ancien membre;1 rue de l'Exemple;82000;Exemple;CONV-1",
    )
    assert results(compared)[STRANGER] is MemberResult.PARKED
    confirm(compared.app, STRANGER, YEAR, "parti au syndicat voisin")

    assert results(compared)[STRANGER] is MemberResult.NOTHING
    assert groups(compared)[STRANGER] is Group.GONE


def test_an_amount_that_was_billed_here_is_that_of_the_invoice(compared: Desk) -> None:
    """Whatever the file says of that year."""
    confirm(compared.app, SIRET, YEAR, "dix agents de plus")
    compared.issue()
    compared.write(ImportKind.PREVIOUS, HEADER, f"{SIRET};{YEAR};1,00;")
    next_year = preview(compared.app, YEAR + 1).compared.members

    assert {one.previous for one in next_year if one.siret == SIRET} == {Money(319680)}


def test_a_person_types_the_whole_way(compared: Desk) -> None:
    """Preview, run, the advice, confirm, run: what is unusual is billed last, and only then."""
    typed = partial(run, config=compared.config, env={"CHORUS_WORKER_CHANNEL": "helios"})
    previewed = typed("preview", str(YEAR), "--json")
    first = typed("run", str(YEAR), "--json")
    told = typed("status", "--todo", "--json")
    confirmed = typed("confirm", SIRET, str(YEAR), "--reason", "dix agents de plus", "--json")
    again = typed("confirm", SIRET, str(YEAR), "--reason", "dix agents de plus")
    last = typed("run", str(YEAR), "--json")

    assert [one.code for one in (previewed, first, told, confirmed, again, last)] == [
        *(1, 1, 1, 0, 4, 0)
    ]
    assert {one["group"] for one in previewed.json["members"] if one["findings"]} == {"to_confirm"}
    (waiting,) = [one for one in first.json["invoices"] if one["status"] == "parked"]

    assert waiting["member_siret"] == SIRET
    assert f"confirm {SIRET} {YEAR}" in told.json["invoices"][0]["todo"]["sentence"]
    assert confirmed.json["grounds"] == ["CONFIRM-CHANGE"]
    assert {one["status"] for one in last.json["invoices"]} == {"issued"}


def test_the_preview_says_how_far_the_directory_was_read(desk: Desk) -> None:
    """Which it does not read: for how many members, since when; ``campaign open`` as well."""
    before = preview(desk.app, YEAR).directory
    at = desk.clock()
    check_year(desk.app, YEAR, nullcontext(Directory(app=desk.app, portal=desk.portal)))
    desk.clock.advance(days=2)
    asked = len(desk.portal.asked)
    after = preview(desk.app, YEAR).directory
    said = run("preview", str(YEAR), config=desk.config)
    told = f"lu pour {before.members} membres sur {before.members}, au plus tôt le 05/01/2026"

    assert (before.read, before.oldest) == (0, None)
    assert (after.members, after.read, after.oldest) == (before.members, before.members, at)
    assert len(desk.portal.asked) == asked
    assert told in said.out.replace("\u202f", " ").replace("\xa0", " ")
