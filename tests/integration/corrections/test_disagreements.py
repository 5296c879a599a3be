"""Where the portal and the books part: seen, told with both sums, and never two living invoices."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.memory_ledger import DepositedFacts, Integrated, Step
from tests.support.offices import YEAR, Desk, number, open_desk
from worker.billing.member_account import DisagreementKind
from worker.billing.money import ZERO, Money
from worker.billing.status import InvoiceStatus, TrackedInvoice, Trouble
from worker.corrections.todo import AdviceCode
from worker.corrections.unknown import close_unknown
from worker.corrections.waiting import Waiting, waiting
from worker.errors import PortalAnswerError, Refused
from worker.issuing.holds import place_hold
from worker.portals import BuyerStatus, FluxState, FoundInvoice
from worker.service.decisions import let_go_on
from worker.service.portal_comparison import compare_all
from worker.storage import invoices

S = InvoiceStatus
ONE, TWO = number(1), number(2)
NOTE, SECOND_NOTE = "AVOIR-2026-00001", "AVOIR-2026-00002"
KEYED = "FAC-26-17"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices issued."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


@pytest.fixture(name="held")
def _held(desk: Desk) -> Desk:
    """Both at their buyers', seen there."""
    desk.deposit()
    beats(desk, 1)
    assert {desk.one(ONE).status, desk.one(TWO).status} == {S.INTEGRATED}
    return desk


def beats(desk: Desk, days: int) -> None:
    """What the unattended worker does, twice a day."""
    for _ in range(2 * days):
        desk.clock.advance(hours=12)
        desk.reconcile()
        desk.deposit()
        desk.follow()


def left(desk: Desk) -> Waiting:
    """What waits for a person."""
    with desk.app.reading() as session:
        return waiting(desk.app, session)


def kinds(desk: Desk) -> list[DisagreementKind]:
    """What is at odds."""
    return [each.kind for one in left(desk).disagreements for each in one.balance.disagreements]


def sums(desk: Desk) -> list[tuple[Money, Money]]:
    """What each member that is at odds owes, by the books and by the portal."""
    judged = [one.balance for one in left(desk).disagreements]
    return [(balance.owed, balance.owed_at_portal) for balance in judged]


def living(desk: Desk, siret: str) -> list[str]:
    """The numbers of what a member may pay at the portal, credit notes apart."""
    return [
        held.facts.number
        for held in desk.portal.invoices.values()
        if held.facts.recipient == siret
        and held.history[-1].status not in {BuyerStatus.REJECTED, BuyerStatus.CLOSED}
        and not held.facts.number.startswith("AVOIR")
    ]


def key_in(desk: Desk, like: TrackedInvoice, typed: str, gross: Money | None = None) -> None:
    """A colleague keys an invoice on the portal's own pages."""
    portal_id = str(len(desk.portal.invoices) + 1)
    facts = DepositedFacts(
        number=typed,
        issue_date=like.issue_date or date(2026, 1, 5),
        recipient=like.siret,
        gross=gross or like.total - like.rounding,
    )
    desk.portal.invoices[portal_id] = Integrated(
        portal_id=portal_id,
        flux_number="",
        facts=facts,
        content=b"",
        found=True,
        history=[Step(BuyerStatus.IN_PROGRESS, "MISE_A_DISPOSITION", desk.clock())],
    )


def replay(desk: Desk, name: str) -> None:
    """The portal takes the first file of this number after all, by its own decision."""
    flux = next(f for f in desk.portal.fluxes if name in f.file_name)
    desk.portal._integrate(flux, flux.content, desk.portal._read(flux.content))  # noqa: SLF001


def let_go(desk: Desk, siret: str) -> None:
    """``unpark``."""
    let_go_on(desk.app, nullcontext(desk.portal), siret, YEAR, "corrigé")


# No verdict on a file is the last word (points 6 and 12).


@pytest.fixture(name="rejected")
def _rejected(desk: Desk) -> Desk:
    """The report rejects the first invoice; no search shows it."""
    desk.portal.refused_recipients.add(desk.one(ONE).siret)
    desk.deposit()
    beats(desk, 1)
    assert desk.one(ONE).status is S.REFUSED
    return desk


def test_a_rejected_file_that_is_replayed_is_adopted(rejected: Desk) -> None:
    """Before anybody typed anything: the next daily reading shows it."""
    replay(rejected, ONE)
    beats(rejected, 2)

    assert rejected.one(ONE).status is S.INTEGRATED
    assert kinds(rejected) == []


def test_what_was_replayed_after_its_credit_note_is_told_and_taken_back(rejected: Desk) -> None:
    """The internal credit note is transmitted: the member owes nothing on both sides."""
    rejected.credit(ONE)
    replay(rejected, ONE)
    beats(rejected, 2)
    total = rejected.one(ONE).total
    assert kinds(rejected) == [DisagreementKind.LIVES_AGAIN]
    assert sums(rejected) == [(ZERO, total)]
    with pytest.raises(Refused, match="devrait deux fois"):
        let_go(rejected, rejected.one(ONE).siret)
    again = rejected.credit(NOTE)
    assert again.number == SECOND_NOTE
    rejected.portal.refused_recipients.clear()
    beats(rejected, 2)

    assert rejected.one(SECOND_NOTE).status is S.INTEGRATED
    assert kinds(rejected) == []
    assert rejected.is_sound()


def test_a_version_corrected_since_that_the_portal_takes_is_told(rejected: Desk) -> None:
    """The first file is replayed while the second goes: adopted, and its version is said."""
    rejected.resend(ONE, engagement="NEUF-1")
    replay(rejected, ONE)
    beats(rejected, 2)

    assert rejected.one(ONE).status is S.INTEGRATED
    assert kinds(rejected) == [DisagreementKind.EARLIER_VERSION]


def test_a_verdict_after_days_leaves_nothing_refused_beside_what_lives(desk: Desk) -> None:
    """The person typed what was asked on the second day; the index is two days behind."""
    desk.portal.integrates_at_once = desk.portal.indexes_at_once = False
    desk.deposit()
    beats(desk, 2)
    desk.give_up(ONE)
    beats(desk, 2)
    if desk.one(ONE).status is S.REFUSED:
        desk.resend(ONE)
        desk.deposit()
    desk.portal.integrate()
    beats(desk, 2)
    desk.portal.index()
    beats(desk, 6)

    assert desk.one(ONE).status is S.INTEGRATED
    assert living(desk, desk.one(ONE).siret) == [ONE]


def test_a_report_that_changes_its_mind_is_no_refusal_before_every_search(desk: Desk) -> None:
    """Integrated first, rejected later, and shown by nothing yet."""
    desk.portal.indexes_at_once = False
    desk.deposit()
    desk.clock.advance(minutes=5)
    desk.follow()
    for flux in desk.portal.fluxes:
        flux.report = replace(flux.report, state=FluxState.REJECTED, raw_state="IN_REJETE")
    desk.clock.advance(hours=1)
    desk.follow()
    assert desk.one(ONE).status is S.UNKNOWN
    desk.portal.index()
    beats(desk, 1)

    assert desk.one(ONE).status is S.INTEGRATED


# Things that cross (point 11).


def test_what_was_rejected_in_the_morning_is_not_credited_at_noon(held: Desk) -> None:
    """Before the news are read: the kind is not chosen from the books alone."""
    held.portal.decide(ONE, "REJETEE", "montant erroné")
    with pytest.raises(Refused, match="vient de rejeter"):
        held.credit(ONE)
    note = held.credit(ONE)

    assert note.is_internal
    assert kinds(held) == []


def test_a_credit_note_does_not_follow_an_invoice_that_is_rejected_meanwhile(held: Desk) -> None:
    """It waits for a person, who keeps it in the books; the member owes nothing on both sides."""
    held.credit(ONE)
    held.portal.decide(ONE, "REJETEE", "montant erroné")
    files = len(held.portal.fluxes)
    beats(held, 1)
    assert held.one(NOTE).trouble is Trouble.INVOICE_ENDED
    assert f"--internal {NOTE}" in held.advice(NOTE)
    assert len(held.portal.fluxes) == files
    held.credit(NOTE, internal=True)
    beats(held, 1)

    assert kinds(held) == []
    assert held.one(SECOND_NOTE).is_internal


def line(desk: Desk, name: str) -> dict[str, int]:
    """One unit of its first line."""
    with desk.app.reading() as session:
        content = invoices.content(session, desk.one(name).id)
    return {content.lines[0].identifier: 1}


def test_a_credit_note_that_stays_alone_is_told_and_taken_back(held: Desk) -> None:
    """A part is credited, then the invoice is rejected: the member rejects the note too."""
    held.credit(ONE, quantities=line(held, ONE))
    beats(held, 1)
    part = held.one(NOTE).total
    held.portal.decide(ONE, "REJETEE")
    beats(held, 1)
    assert kinds(held) == [DisagreementKind.ALONE_THERE]
    assert sums(held) == [(ZERO, -part)]
    held.portal.decide(NOTE, "REJETEE")
    beats(held, 1)
    assert held.credit(NOTE).is_internal
    held.credit(ONE)
    beats(held, 1)

    assert kinds(held) == []
    assert held.one(ONE).status is S.CANCELLED


def test_a_payment_after_an_internal_credit_note_is_told(held: Desk) -> None:
    """The buyer pays what it had rejected."""
    held.portal.decide(ONE, "REJETEE")
    beats(held, 1)
    held.credit(ONE)
    held.portal.decide(ONE, "MISE_EN_PAIEMENT")
    beats(held, 2)

    assert kinds(held) == [DisagreementKind.LIVES_AGAIN]
    assert sums(held) == [(ZERO, held.one(ONE).total)]
    assert held.one(ONE).portal_status == "MISE_EN_PAIEMENT"


def test_a_member_at_odds_is_not_advised_to_be_billed_again(held: Desk) -> None:
    """Parked by its credit note, it waits for one thing at a time."""
    held.portal.decide(ONE, "REJETEE")
    beats(held, 1)
    held.credit(ONE)
    siret = held.one(ONE).siret
    before = [one.siret for one, _ in left(held).invoices]
    held.portal.decide(ONE, "MISE_EN_PAIEMENT")
    beats(held, 2)

    assert before == [siret]
    assert left(held).invoices == ()


# What the buyer does afterwards (point 7).


def test_a_rejection_under_another_identifier_is_seen(held: Desk) -> None:
    """The portal shows the invoice under a new one."""
    record = held.portal.invoices.pop(held.one(ONE).id_at_portal)
    held.portal.invoices["99"] = replace(record, portal_id="99")
    held.portal.decide(ONE, "REJETEE", "doublon")
    beats(held, 2)

    assert (held.one(ONE).status, held.one(ONE).portal_id) == (S.REJECTED, "99")


def test_what_was_rejected_under_another_identifier_lives_no_more(held: Desk) -> None:
    """Its former row is shown no more: once credited, nobody is told to transmit that credit."""
    record = held.portal.invoices.pop(held.one(ONE).id_at_portal)
    held.portal.invoices["99"] = replace(record, portal_id="99")
    held.portal.decide(ONE, "REJETEE", "doublon")
    beats(held, 2)
    note = held.credit(ONE)
    beats(held, 2)

    assert note.is_internal
    assert kinds(held) == []


def test_a_rejected_twin_does_not_hide_the_one_that_lives(held: Desk) -> None:
    """Two documents under one number: the one that may be paid is the invoice."""
    record = held.portal.invoices[held.one(ONE).id_at_portal]
    held.portal.invoices["99"] = replace(
        record, portal_id="99", history=[Step(BuyerStatus.REJECTED, "REJETEE", held.clock())]
    )
    beats(held, 2)

    assert held.one(ONE).status is S.INTEGRATED
    assert kinds(held) == [DisagreementKind.TWIN_REJECTED]


def test_two_invoices_under_one_identifier_are_each_seen(held: Desk) -> None:
    """The search mixes them up; the number tells."""
    shared = held.one(ONE).id_at_portal
    held.portal.amend = lambda found: replace(found, portal_id=shared)
    held.portal.decide(TWO, "REJETEE", "montant")
    beats(held, 1)
    held.clock.advance(days=1)
    held.follow()

    assert held.one(ONE).status is S.INTEGRATED
    assert held.one(TWO).status is S.REJECTED


def test_a_history_that_lags_does_not_hide_what_the_search_shows(held: Desk) -> None:
    """For weeks it says what was."""
    past = held.portal.history(held.one(ONE).id_at_portal)
    held.portal.decide(ONE, "REJETEE", "montant")
    held.portal.history = lambda portal_id: past  # type: ignore[method-assign] # noqa: ARG005 - lags
    beats(held, 1)

    assert held.one(ONE).status is S.REJECTED


# Hands at the portal (point 13).


def test_what_a_colleague_keyed_is_told(held: Desk) -> None:
    """Of the same member, year and amount, under a number of no series of ours."""
    key_in(held, held.one(ONE), KEYED)
    beats(held, 2)
    total = held.one(ONE).total - held.one(ONE).rounding
    assert kinds(held) == [DisagreementKind.KEYED]
    assert sums(held) == [(held.one(ONE).total - held.one(ONE).rounding, total + total)]
    held.portal.decide(KEYED, "REJETEE")
    beats(held, 2)

    assert kinds(held) == []


@pytest.fixture(name="keyed")
def _keyed(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """One invoice issued and deposited; the second member's is keyed by hand before the run."""
    session = tmp_path_factory.getbasetemp()
    later = open_desk(session, tmp_path / "later", issued=2)
    desk = open_desk(session, tmp_path / "now", issued=1)
    desk.deposit()
    key_in(desk, later.one(TWO), KEYED)
    return desk


def test_what_was_keyed_before_the_run_holds_its_member_back(keyed: Desk) -> None:
    """No number is given to it; the others are billed."""
    keyed.run()
    parked = [one for one in keyed.invoices() if one.status is S.PARKED]
    found = {finding.code: finding for one in parked for finding in one.findings}

    assert KEYED in found["PORTAL-RIVAL"].message
    assert f"reconcile --close {KEYED}" in found["PORTAL-RIVAL"].remedy
    assert keyed.one(TWO).status is not S.PARKED


def test_what_a_person_calls_something_else_is_billed_beside(keyed: Desk) -> None:
    """As the finding says: closed, then run again."""
    keyed.run()
    before = {one.siret for one in keyed.invoices() if one.status is S.PARKED}
    close_unknown(keyed.app, KEYED, "une autre prestation")
    keyed.run()
    after = {one.siret for one in keyed.invoices() if one.status is S.PARKED}

    assert len(before - after) == 1


def test_what_a_person_leaves_unbilled_waits_for_nobody(keyed: Desk) -> None:
    """« Pas facturé pour cette année », with its reason; ``unpark`` alone brings it back."""
    keyed.run()
    (siret,) = {
        one.siret
        for one in keyed.invoices()
        for finding in one.findings
        if finding.code == "PORTAL-RIVAL"
    }
    with keyed.app.transaction() as tx:
        place_hold(tx, siret, YEAR, "facturé à la main", never_billed=True)
    keyed.run()
    waits = [invoice.siret for invoice, _ in left(keyed).invoices]

    assert siret not in waits
    assert siret not in {one.siret for one in keyed.invoices() if one.number}
    with pytest.raises(Refused, match="devrait deux fois"):
        let_go(keyed, siret)


def test_what_is_keyed_between_number_and_deposit_keeps_ours_back(desk: Desk) -> None:
    """One of both may be paid: it leaves once the other is rejected."""
    key_in(desk, desk.one(ONE), KEYED)
    desk.deposit()
    assert desk.one(ONE).trouble is Trouble.RIVAL
    assert KEYED in desk.advice(ONE)
    desk.portal.decide(KEYED, "REJETEE")
    beats(desk, 1)

    assert desk.one(ONE).status is S.INTEGRATED
    assert living(desk, desk.one(ONE).siret) == [ONE]


def test_our_number_keyed_a_few_cents_off_is_a_case_for_a_person(desk: Desk) -> None:
    """Ours is refused as its copy: both values are shown, and nothing is sent."""
    like = desk.one(ONE)
    key_in(desk, like, ONE, like.total + Money(37))
    beats(desk, 1)

    assert desk.one(ONE).trouble is Trouble.NEARLY_OURS
    assert living(desk, like.siret) == [ONE]


# Silence is news (point 15).


def code(desk: Desk) -> AdviceCode | DisagreementKind | None:
    """What is said of the reading of the portal."""
    reading = left(desk).reading
    return None if reading is None else reading.code


def test_news_that_cannot_be_read_are_told_after_two_days(held: Desk) -> None:
    """Our account may have lost its right."""

    def unreadable(since: object, until: object) -> tuple[FoundInvoice, ...]:
        del since, until
        raise PortalAnswerError("Chorus Pro refuse la demande.")

    held.portal.changed = unreadable  # type: ignore[method-assign] # as this portal answers
    held.portal.issued = unreadable  # type: ignore[method-assign]
    for _ in range(5):
        held.clock.advance(hours=12)
        with pytest.raises(PortalAnswerError):
            held.follow()

    assert code(held) is AdviceCode.READ_PORTAL


def test_what_is_not_delivered_is_told_after_a_week(held: Desk) -> None:
    """The portal keeps it on its way."""
    held.portal.decide(ONE, "EN_COURS_ACHEMINEMENT")
    beats(held, 3)
    assert held.advice(ONE) == ""
    beats(held, 6)

    assert "sans la remettre" in held.advice(ONE)


def test_what_nothing_shows_for_a_month_is_told(held: Desk) -> None:
    """Integrated once, and gone from every list."""
    held.portal.not_indexed.add(ONE)
    for _ in range(32):
        held.clock.advance(days=1)
        held.follow()

    assert kinds(held) == [DisagreementKind.UNSEEN]


def test_what_is_past_due_is_told(held: Desk) -> None:
    """A month after the due date, without payment or rejection."""
    due = held.one(ONE).due_date
    assert due is not None
    held.clock.now += timedelta(days=(due - held.clock.now.date()).days + 32)

    assert "échue le" in held.advice(ONE)


# Both sides whole, and what is downloaded (points 3 and 17).


def test_both_sides_are_compared_whole(held: Desk) -> None:
    """What only one side knows is listed, and nothing else."""
    held.portal.not_indexed.add(ONE)
    key_in(held, held.one(TWO), KEYED, Money(1))
    both = compare_all(held.app, nullcontext(held.portal))

    assert [one.number for one in both.only_here] == [ONE]
    assert [one.number for one in both.only_there] == [KEYED]
    assert not both.agrees


def test_a_structure_that_closed_is_not_advised_references(desk: Desk) -> None:
    """Corrected or not, nothing reaches it: the invoice is taken back, the year left unbilled."""
    siret = desk.one(ONE).siret
    desk.portal.change(siret, active=False)
    desk.deposit()
    beats(desk, 1)
    with pytest.raises(Refused) as caught:
        desk.resend(ONE)

    assert "--service-code" not in caught.value.remedy
    assert f"park {siret} {YEAR}" in caught.value.remedy


def test_a_member_that_closed_waits_for_nobody(desk: Desk) -> None:
    """Its invoice is taken back, and the year left unbilled, as the advice says."""
    siret = desk.one(ONE).siret
    desk.portal.change(siret, active=False)
    desk.deposit()
    beats(desk, 1)
    desk.credit(ONE)
    with desk.app.transaction() as tx:
        place_hold(tx, siret, YEAR, "commune fusionnée", never_billed=True)

    assert siret not in {invoice.siret for invoice, _ in left(desk).invoices}
