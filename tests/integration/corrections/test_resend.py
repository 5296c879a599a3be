"""Sending again: the right way for each state, and nothing that could double an invoice."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.memory_portal import Condition, Mishap
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.billing.document import DocumentKind
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus, Trouble
from worker.corrections.resend import declare_absent, mark_uncertain, refuse_if_found
from worker.corrections.todo_sentences import NOT_SENT_AGAIN
from worker.errors import PortalDown, Refused, StorageUnavailable, WrongUse
from worker.imports import ImportKind
from worker.service import decisions
from worker.service.bootstrap import open_portal
from worker.service.campaign import Progress
from worker.storage import imported, invoices
from worker.storage.tables import InvoiceRow

S = InvoiceStatus
ONE = number(1)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """The first invoice was refused: its buyer does not accept it as it is."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=1)
    desk.portal.refused_recipients.add(desk.one(ONE).siret)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.portal.refused_recipients.clear()
    assert desk.one(ONE).status is S.REFUSED
    return desk


def force(desk: Desk, status: S) -> None:
    """Put the invoice in a state, however it came there."""
    with desk.app.transaction() as session:
        row = session.get_one(InvoiceRow, desk.one(ONE).id)
        row.status = status.value
        session.add(row)


def everything(desk: Desk) -> tuple[object, ...]:
    """All that a refused command must leave alone."""
    return desk.one(ONE), desk.documents(ONE), desk.archived(), desk.events()


def test_a_corrected_engagement_makes_a_second_version_of_the_same_number(desk: Desk) -> None:
    """New bytes beside the old ones, the reason and the hashes in the journal, and a deposit."""
    before, old = desk.documents(ONE), desk.archived()

    invoice = desk.resend(ONE, engagement=" 2025-NUM-0099 ")

    assert (invoice.number, invoice.version, invoice.status) == (ONE, 2, S.ISSUED)
    assert (invoice.flux_number, invoice.detail) == ("", "")
    after = desk.documents(ONE, 2)
    assert desk.documents(ONE) == (*before, *after)
    changed = {d.kind: d.sha256 for d in after}
    assert changed[DocumentKind.FACTURX] not in {d.sha256 for d in before}
    assert old.items() < desk.archived().items()
    (requested,) = desk.events(EventTag.RESEND_REQUESTED)
    assert requested == (ONE, {"reason": "essai", "findings": []})
    ((_, corrected),) = desk.events(EventTag.INVOICE_CORRECTED)
    assert corrected["engagement"] == ["2025-NUM-0042", "2025-NUM-0099"]
    assert corrected["documents"] == {kind.value: sha256 for kind, sha256 in changed.items()}

    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert json.loads(desk.portal.fluxes[1].content)["engagement"] == "2025-NUM-0099"
    assert len(desk.portal.integrated()) == 1


def test_the_correction_is_kept_as_the_members_references(desk: Desk) -> None:
    """The next correction starts from it, and the amounts and dates stay those of the issue."""
    with desk.app.store.reading() as session:
        issued = invoices.content(session, desk.one(ONE).id)
    desk.resend(ONE, engagement="2025-NUM-0099")
    with desk.app.store.reading() as session:
        stored = imported.references_of(session, desk.one(ONE).siret, YEAR)
        content = invoices.content(session, desk.one(ONE).id)

    assert (stored.service_code, stored.engagement) == ("NUMERIQUE", "2025-NUM-0099")
    assert content.totals == issued.totals
    assert (content.issue_date, content.due_date) == (issued.issue_date, issued.due_date)


def test_imported_references_are_taken_without_being_typed_again(desk: Desk) -> None:
    """The member's file was corrected: ``resend`` alone uses it."""
    row = f"{desk.one(ONE).siret};{YEAR};NUMERIQUE;CORRIGE-7"
    desk.write(ImportKind.REFERENCES, "SIRET;Année;Code service;Engagement", row)
    assert desk.resend(ONE).version == 2
    desk.deposit()

    assert json.loads(desk.portal.fluxes[1].content)["engagement"] == "CORRIGE-7"


def test_without_any_change_the_very_same_bytes_go_again(desk: Desk) -> None:
    """No new version, nothing rendered anew."""
    before = desk.archived()

    def render(*_: object) -> tuple[()]:
        raise AssertionError

    desk.render = render
    invoice = desk.resend(ONE)
    assert (invoice.version, invoice.status, invoice.flux_number) == (1, S.ISSUED, "")
    desk.deposit()
    first, second = desk.portal.fluxes

    assert (first.content, first.file_name) == (second.content, second.file_name)
    assert desk.archived() == before
    assert desk.events(EventTag.INVOICE_CORRECTED) == []
    assert desk.events(EventTag.RESEND_REQUESTED)[0][1]["reason"] == "essai"


@pytest.mark.parametrize(
    "status", [status for status in S if status not in {S.REFUSED, S.DRAFT, S.PARKED}]
)
def test_every_other_state_is_refused_with_its_own_reason(desk: Desk, status: S) -> None:
    """The sentence says why in this state, and the remedy what to do instead."""
    why, what = NOT_SENT_AGAIN[status]
    force(desk, status)
    before = everything(desk)
    with pytest.raises(Refused) as caught:
        desk.resend(ONE, engagement="AUTRE")

    assert why in caught.value.message
    assert caught.value.remedy == what
    assert everything(desk) == before


def test_reasons_cover_every_state_and_are_all_different() -> None:
    """A new state of an invoice needs its own answer."""
    assert set(NOT_SENT_AGAIN) == set(S)
    assert len({(why, what) for why, what in NOT_SENT_AGAIN.values()}) == len(NOT_SENT_AGAIN)


@pytest.mark.parametrize("ask", ["abandon", "absent"])
def test_what_is_refused_already_is_neither_looked_for_nor_declared_absent(
    desk: Desk, ask: str
) -> None:
    """The searches ended meanwhile: the person is told the shorter command, nothing moves."""
    before = everything(desk)
    with pytest.raises(Refused, match="le sien est refusé") as caught:
        {"abandon": abandon, "absent": absent}[ask](desk)

    assert "sans « --absent »" in caught.value.remedy
    assert everything(desk) == before


def test_an_unknown_number_is_a_typing_mistake(desk: Desk) -> None:
    """Exit code 2, and where to see the numbers; so is no number at all, as drafts have."""
    with pytest.raises(WrongUse) as caught:
        desk.resend("BSN-2026-99999")
    with pytest.raises(WrongUse):
        desk.resend("")

    assert caught.value.exit_code == 2
    assert "status" in caught.value.remedy


@pytest.mark.parametrize(
    "references,code",
    [
        ({"engagement": ""}, "DIR-ENGAGEMENT"),
        ({"service_code": ""}, "DIR-SERVICE"),
        ({"service_code": "INCONNU"}, "DIR-SERVICE-UNKNOWN"),
        ({"engagement": "E" * 51}, "CHORUS-ENGAGEMENT"),
    ],
)
def test_a_correction_that_would_be_refused_again_changes_nothing(
    desk: Desk, references: dict[str, str], code: str
) -> None:
    """Checked against the rules and the directory first, which is asked afresh."""
    before = everything(desk)
    with pytest.raises(Refused) as caught:
        desk.resend(ONE, **references)

    assert code in [finding.code for finding in caught.value.findings]
    assert everything(desk) == before


def test_a_new_demand_of_the_directory_is_seen(desk: Desk) -> None:
    """A structure that became inactive since the first deposit holds the resend back."""
    desk.portal.change(desk.one(ONE).siret, active=False)
    with pytest.raises(Refused) as caught:
        desk.resend(ONE)

    assert [finding.code for finding in caught.value.findings] == ["DIR-INACTIVE"]


def test_a_failure_while_correcting_leaves_the_invoice_refused(desk: Desk) -> None:
    """Portal down, then disk full: nothing half done, and the command works afterwards."""
    before = everything(desk)
    desk.portal.condition = Condition.DOWN
    with pytest.raises(PortalDown):
        desk.resend(ONE, engagement="2025-NUM-0099")
    desk.portal.condition = Condition.UP

    def full(*_: object) -> tuple[()]:
        raise StorageUnavailable("Disque plein.")

    desk.render, light = full, desk.render
    with pytest.raises(StorageUnavailable):
        desk.resend(ONE, engagement="2025-NUM-0099")
    assert everything(desk) == before
    desk.render = light

    assert desk.resend(ONE, engagement="2025-NUM-0099").version == 2


def test_two_people_cannot_resend_the_same_invoice(desk: Desk) -> None:
    """The second one, who decided on what he saw before, is told so; the first correction stays."""

    def late(_siret: str) -> None:
        desk.portal.watch_structure = lambda _: None
        desk.resend(ONE, engagement="PREMIER-1")

    desk.portal.watch_structure = late
    with pytest.raises(Refused, match="vient de changer"):
        desk.resend(ONE, engagement="SECOND-2")
    assert desk.one(ONE).version == 2
    desk.deposit()

    assert json.loads(desk.portal.fluxes[1].content)["engagement"] == "PREMIER-1"


def test_a_deposit_without_verdict_is_looked_for_and_never_doubled(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """An incident: a person gives it up, the searches find nothing, and only then it goes again."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "stuck", issued=1)
    desk.portal.integrates_at_once = False
    desk.deposit()
    with pytest.raises(Refused, match="le portail la traite"):
        abandon(desk)
    desk.clock.advance(hours=25)
    abandon(desk)
    assert desk.one(ONE).status is S.UNKNOWN
    for _ in range(4):
        desk.clock.advance(hours=1)
        desk.reconcile()
    assert (desk.one(ONE).status, desk.one(ONE).flux_number) == (S.REFUSED, "")
    assert desk.one(ONE).trouble is Trouble.GIVEN_UP
    desk.resend(ONE)
    desk.portal.integrates_at_once = True
    desk.deposit()
    desk.portal.integrate()
    desk.clock.advance(minutes=1)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.integrated()) == 1


def test_a_deposit_given_up_too_early_is_found_and_adopted(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """The portal wakes up after the person gave it up: its copy is the invoice."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "slow", issued=1)
    desk.portal.integrates_at_once = False
    desk.deposit()
    desk.clock.advance(hours=25)
    abandon(desk)
    desk.portal.integrate()
    desk.reconcile()
    desk.clock.advance(minutes=1)
    desk.follow()

    assert desk.one(ONE).status is S.INTEGRATED
    assert len(desk.portal.fluxes) == 1


def test_an_uncertain_deposit_goes_again_only_after_every_search(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """A person who looked on the portal may say it is absent, once the program has looked too."""
    lost = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "other", issued=2)
    lost.portal.mishaps.append(Mishap.REQUEST_LOST)
    lost.deposit()
    lost.clock.advance(minutes=1)
    lost.follow()
    lost.portal.not_indexed.add(number(2))  # the positive control fails: nothing is proven
    for hours in (1, 5, 5):
        with pytest.raises(Refused, match="on ne sait pas encore"):
            absent(lost)
        lost.clock.advance(hours=hours)
        lost.reconcile()
    absent(lost)
    assert lost.one(ONE).status is S.ISSUED
    assert lost.attempts(ONE)[-1].closed_at is not None
    assert lost.events(EventTag.RESEND_REQUESTED)[0][1]["from"] == "unknown"
    lost.deposit()
    lost.clock.advance(minutes=1)
    lost.portal.not_indexed.clear()
    lost.follow()

    assert lost.one(ONE).status is S.INTEGRATED


def unheard(progress: Progress) -> None:
    """Steps are told to a person only."""
    assert progress.step


@pytest.mark.parametrize("mishap,absent", [(Mishap.REQUEST_LOST, True), (None, False)])
def test_references_are_never_dropped_without_a_word(
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    mishap: Mishap | None,
    absent: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """Uncertain or stuck, its bytes stay: who gives a correction is told when it will be taken."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "kept", issued=1)
    desk.portal.integrates_at_once = False
    desk.portal.mishaps.extend([mishap] if mishap else [])
    desk.deposit()
    desk.clock.advance(hours=25)
    before = everything(desk)
    portal = nullcontext(desk.portal)

    with pytest.raises(Refused, match="telle quelle"):
        decisions.resend(
            desk.app, portal, ONE, "essai", unheard, engagement="NEUF-1", absent=absent
        )

    assert everything(desk) == before


def test_what_lives_at_the_portal_after_all_goes_again_as_it_is_and_is_found(desk: Desk) -> None:
    """Corrected, our version would not be what its buyer has: neither typed nor imported."""
    desk.portal.integrates_at_once = False
    desk.resend(ONE)
    desk.deposit()
    desk.clock.advance(hours=25)
    abandon(desk)
    for _ in range(4):
        desk.reconcile()
        desk.clock.advance(hours=4)
    assert desk.one(ONE).status is S.REFUSED
    desk.portal.integrate()
    with pytest.raises(Refused, match="telle quelle"):
        desk.resend(ONE, engagement="NEUF-1")
    row = f"{desk.one(ONE).siret};{YEAR};NUMERIQUE;CORRIGE-7"
    desk.write(ImportKind.REFERENCES, "SIRET;Année;Code service;Engagement", row)
    assert desk.resend(ONE).version == 1
    desk.deposit()
    desk.portal.integrate()
    desk.clock.advance(minutes=1)
    desk.follow()
    assert (desk.one(ONE).status, len(desk.portal.integrated())) == (S.INTEGRATED, 1)
    with desk.app.store.reading() as session:
        assert imported.references_of(session, desk.one(ONE).siret, YEAR).engagement == "CORRIGE-7"


def test_what_no_search_can_tell_anything_about_is_left_by_the_advised_command(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Every answer about it is nonsense: after three days the person's own look decides."""
    lost = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "nonsense", issued=1)
    lost.portal.mishaps.append(Mishap.REQUEST_LOST)
    lost.deposit()
    lost.portal.answers_nonsense_about.add(ONE)
    for _ in range(6):
        lost.clock.advance(hours=12)
        lost.reconcile()
        assert "--absent" not in lost.advice(ONE)
        with pytest.raises(Refused, match="on ne sait pas encore"):
            absent(lost)
    lost.clock.advance(minutes=1)
    assert f"--absent {ONE}" in lost.advice(ONE)
    absent(lost)

    assert lost.one(ONE).status is S.ISSUED


def test_what_a_person_calls_absent_is_searched_once_more(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Nobody had searched for days: what the portal shows is not sent again on anybody's word."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "off", issued=1)
    desk.portal.mishaps.append(Mishap.ANSWER_LOST)
    desk.deposit()
    with pytest.raises(Refused, match="est sur le portail") as caught:
        refuse_if_found(desk.app, desk.portal, desk.one(ONE))
    assert "reconcile" in caught.value.remedy
    desk.portal.answers_nonsense_about.add(ONE)
    refuse_if_found(desk.app, desk.portal, desk.one(ONE))
    desk.portal.answers_nonsense_about.clear()
    desk.portal.not_indexed.add(ONE)
    refuse_if_found(desk.app, desk.portal, desk.one(ONE))


def test_what_is_called_absent_is_searched_before_it_is_believed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """With a portal that is away, « --absent » changes nothing: the search comes first."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "away", issued=1)
    desk.portal.mishaps.append(Mishap.REQUEST_LOST)
    desk.deposit()
    text = desk.config.read_text("utf-8")
    nobody = 'environment = "local"\nlocal_url = "http://127.0.0.1:9"'
    desk.config.write_text(text.replace('environment = "local"', nobody, 1), "utf-8")
    before = everything(desk)
    app = desk.second().app

    with pytest.raises(PortalDown):
        decisions.resend(app, open_portal(app), ONE, "essai", unheard, absent=True)

    assert everything(desk) == before


def abandon(desk: Desk) -> None:
    """A person gives up waiting for a verdict."""
    mark_uncertain(desk.app, ONE, "incident clos")


def absent(desk: Desk) -> None:
    """A person says that the portal does not hold it."""
    declare_absent(desk.app, ONE, "vérifié")


def test_what_its_report_calls_integrated_is_waited_for_and_not_given_up(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """Only the portal's index is late: nobody may give it up before a week."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "late", issued=1)
    desk.portal.not_indexed.add(ONE)
    desk.deposit()
    for hours in (25, 48, 48):
        desk.clock.advance(hours=hours)
        desk.follow()
        assert "resend" not in desk.advice(ONE)
        with pytest.raises(Refused, match="le portail la traite"):
            abandon(desk)
    assert desk.one(ONE).trouble is Trouble.NOT_SHOWN_YET
    desk.clock.advance(days=3)
    assert f"resend {ONE}" in desk.advice(ONE)
    abandon(desk)

    assert desk.one(ONE).status is S.UNKNOWN
