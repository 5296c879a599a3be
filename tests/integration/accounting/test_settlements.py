"""Money that comes: recorded once, cancelled, imported; what it settles, and what stays owed."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.offices import Desk, number, open_desk
from worker.accounting.settlements import Recorded, cancel, record, settle_paid, take_in
from worker.billing.journal import EventTag
from worker.billing.money import ZERO, Money
from worker.billing.settlement import Payment, Settlement, Standing
from worker.billing.status import REOPENED, InvoiceStatus
from worker.cli.settlements import what_is_left
from worker.corrections.todo import AdviceCode
from worker.corrections.waiting import waiting
from worker.errors import ImportRefused, Refused, Severity, WrongUse
from worker.imports.rereading import reread
from worker.settings.keys import Channel
from worker.storage import directory, invoices, settlements
from worker.storage.tables import InvoiceRow

S = InvoiceStatus
ONE, TWO = number(1), number(2)
EURO = Money(100)
HEADER = "facture;date_paiement;montant;reference"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices at their buyers', and a month later."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.clock.advance(days=30)
    assert desk.one(ONE).status is desk.one(TWO).status is S.INTEGRATED
    return desk


def pay(
    desk: Desk, amount: Money, name: str = ONE, reference: str = "", *, over: bool = False
) -> Recorded:
    """A payment of today."""
    payment = Payment(number=name, on=desk.clock().date(), amount=amount, reference=reference)
    return record(desk.app, payment, overpaid=over)


def known(desk: Desk, name: str = ONE) -> tuple[Settlement, ...]:
    """The payments of an invoice."""
    with desk.app.reading() as session:
        return settlements.of_invoice(session, desk.one(name).id)


def stands(desk: Desk, name: str = ONE) -> Standing:
    """What an invoice comes to."""
    with desk.app.reading() as session:
        return settlements.standing_of(session, desk.one(name))


def rows(desk: Desk, *lines: str, name: str = "encaissements.csv") -> Path:
    """A file of payments."""
    path = desk.folder / name
    path.write_text("\n".join((HEADER, *lines)) + "\n", "utf-8")
    return path


def force(desk: Desk, name: str, status: InvoiceStatus) -> None:
    """Put an invoice in a state, however it came there."""
    with desk.app.transaction() as tx:
        row = tx.get_one(InvoiceRow, desk.one(name).id)
        row.status = status.value
        tx.add(row)


def on_helios(desk: Desk) -> None:
    """Have the office deposit nothing from now on."""
    settings = desk.app.settings.model_copy(update={"channel": Channel.HELIOS})
    configured = replace(desk.app.configuration, settings=settings)
    desk.app = replace(desk.app, configured=configured)


def test_two_payments_settle_an_invoice(desk: Desk) -> None:
    """The first leaves the rest, and the second moves it, with both in the journal."""
    total = desk.one(ONE).total

    first = pay(desk, EURO, reference="VIR 1")
    second = pay(desk, total - EURO, reference="VIR 2")

    assert (first.invoice.status, first.standing.left) == (S.INTEGRATED, total - EURO)
    assert (second.invoice.status, second.standing.left) == (S.SETTLED, ZERO)
    told = desk.events(EventTag.SETTLEMENT_RECORDED, EventTag.STATUS_CHANGED)

    assert told[-1] == (ONE, {"from": "integrated", "to": "settled", "settlement": 2})
    assert [payload["left_cents"] for _, payload in told[:2]] == [(total - EURO).cents, 0]
    assert desk.is_sound()


def test_the_same_payment_twice_counts_once(desk: Desk) -> None:
    """Nothing is written the second time; another reference is another payment."""
    pay(desk, EURO, reference="VIR 1")
    events = len(desk.events())

    again = pay(desk, EURO, reference="VIR 1")

    assert again.already
    assert len(known(desk)) == 1
    assert len(desk.events()) == events
    assert not pay(desk, EURO, reference="VIR 2").already


def test_two_people_at_once_record_one_payment(desk: Desk) -> None:
    """The second is told that the books have it; the rest is still owed once."""
    pay(desk, EURO, reference="VIR 1")

    other = pay(desk.second(), EURO, reference="VIR 1")

    assert (other.already, other.settlement.recorded_by) == (True, desk.app.actor)
    assert other.standing.left == desk.one(ONE).total - EURO


def test_more_than_what_is_left_is_refused_unless_it_is_said(desk: Desk) -> None:
    """A cent too much writes nothing; said, it is taken and shown as too much."""
    total = desk.one(ONE).total

    with pytest.raises(Refused, match="il ne reste que"):
        pay(desk, total + Money(1))

    assert known(desk) == ()
    assert pay(desk, total + Money(1), over=True).standing.left == Money(-1)


@pytest.mark.parametrize("days", [1, -31])
def test_a_day_that_no_payment_has_is_refused(desk: Desk, days: int) -> None:
    """Neither to come, nor before the invoice was issued."""
    day = desk.clock().date() + timedelta(days=days)

    with pytest.raises(WrongUse, match=r"pas encore venu|précède"):
        record(desk.app, Payment(number=ONE, on=day, amount=EURO))

    assert known(desk) == ()


def test_a_credit_note_is_not_paid_and_lowers_what_is_left(desk: Desk) -> None:
    """Half of a line given back: the rest settles the invoice."""
    note = desk.credit(ONE, quantities={"1": 1})
    total = desk.one(ONE).total

    with pytest.raises(WrongUse, match="est un avoir"):
        pay(desk, EURO, note.number)

    assert stands(desk).left == total - note.total
    assert pay(desk, total - note.total).invoice.status is S.SETTLED


def test_a_cancelled_payment_opens_the_invoice_again(desk: Desk) -> None:
    """It stays, with its reason; the invoice is where it was, and may be paid again."""
    total = desk.one(ONE).total
    pay(desk, total)

    done = cancel(desk.app, ONE, 1, "c'était la facture 2")

    assert (done.invoice.status, done.standing.left) == (S.INTEGRATED, total)
    assert [(one.counts, one.reason) for one in known(desk)] == [(False, "c'était la facture 2")]
    assert pay(desk, total).invoice.status is S.SETTLED
    assert desk.is_sound()


def test_a_payment_is_cancelled_once_and_by_its_own_invoice(desk: Desk) -> None:
    """Another invoice does not have it, and the second time is refused."""
    pay(desk, EURO)

    with pytest.raises(WrongUse, match="n'a pas de paiement"):
        cancel(desk.app, TWO, 1, "essai")
    cancel(desk.app, ONE, 1, "essai")
    with pytest.raises(Refused, match="déjà annulé"):
        cancel(desk.app, ONE, 1, "essai")

    assert len(desk.events(EventTag.SETTLEMENT_CANCELLED)) == 1


def test_what_the_portal_shows_later_does_not_open_it_again(desk: Desk) -> None:
    """The buyer's old word, read again, is no news; a rejection is."""
    pay(desk, desk.one(ONE).total)
    desk.clock.advance(days=8)

    desk.follow()

    assert desk.one(ONE).status is S.SETTLED


def test_a_payment_before_the_deposit_is_certain_settles_it_after(desk: Desk) -> None:
    """Still to be deposited, it is deposited; once the portal has it, it is settled."""
    force(desk, TWO, S.DEPOSITED)
    two = desk.one(TWO)
    early = pay(desk, two.total, TWO)
    with desk.app.transaction() as tx:
        invoices.move(tx, early.invoice, S.INTEGRATED)

    moved = settle_paid(desk.app)

    assert early.invoice.status is S.DEPOSITED
    assert [(one.number, one.status) for one in moved] == [(TWO, S.SETTLED)]
    assert settle_paid(desk.app) == ()


def test_on_the_helios_channel_a_payment_settles_what_was_issued(desk: Desk) -> None:
    """Nothing is deposited there; a cancelled payment gives it back as issued."""
    on_helios(desk)
    force(desk, TWO, S.ISSUED)
    two = desk.one(TWO)

    paid = pay(desk, two.total, TWO)
    again = cancel(desk.app, TWO, 1, "essai")

    assert paid.invoice.status is S.SETTLED
    assert again.invoice.status is S.ISSUED


def test_nothing_else_is_reopened(desk: Desk) -> None:
    """A settled invoice goes back only where payments find invoices; no other goes back."""
    pay(desk, desk.one(ONE).total)

    with desk.app.transaction() as tx:
        for to in set(S) - REOPENED:
            with pytest.raises(RuntimeError, match="is not reopened"):
                invoices.reopen(tx, invoices.named(tx, ONE), to)
        with pytest.raises(RuntimeError, match="is not reopened"):
            invoices.reopen(tx, invoices.named(tx, TWO), S.INTEGRATED)


def test_a_file_of_payments_is_taken_once(desk: Desk) -> None:
    """Several for one invoice, one of them known already; again, it changes nothing."""
    total = desk.one(TWO).total
    day = desk.clock().date()
    pay(desk, EURO, reference="VIR 1")
    path = rows(
        desk,
        f"{ONE};{day};1,00;VIR 1",
        f"{TWO};{day:%d/%m/%Y};{total};",
        f"{ONE};{day};2,5 €;VIR 2",
    )

    taken, again = take_in(desk.app, path), take_in(desk.app, path)

    assert (taken.rows, taken.changes.added, taken.changes.unchanged) == (3, 2, 1)
    assert again.already
    assert desk.one(TWO).status is S.SETTLED
    assert stands(desk).paid == Money(350)
    assert reread(desk.app) == ()
    assert desk.is_sound()


def test_a_payment_that_was_told_twice_is_said(desk: Desk) -> None:
    """The same day and amount from two sources, under two references: both count, with a word."""
    day = desk.clock().date()
    first = pay(desk, EURO, reference="VIR 1")
    path = rows(desk, f"{ONE};{day};1,00;titre 12", f"{ONE};{day};2,00;titre 13")

    taken = take_in(desk.app, path)
    typed = pay(desk, EURO, reference="de mémoire")

    assert first.alike is None
    assert typed.alike == first.settlement
    assert [(one.code, one.severity) for one in taken.findings] == [
        ("IMPORT-PAYMENT-ALIKE", Severity.WARNING)
    ]
    assert "VIR 1" in taken.findings[0].message
    assert f"settle {ONE} --cancel {first.settlement.id}" in taken.findings[0].remedy
    assert stands(desk).paid == Money(500)


def test_a_file_with_bad_rows_is_refused_whole(desk: Desk) -> None:
    """Each with its code, in the order of the rows; nothing is written, and nothing kept."""
    day, total = desk.clock().date(), desk.one(TWO).total
    path = rows(
        desk,
        f"{ONE};{day};1;",
        f"BSN-2026-09999;{day};1;",
        f"{ONE};{day + timedelta(days=1)};1;",
        f"{ONE};{day};1;",
        f"{TWO};{day};{total};",
        f"{TWO};{day};0,01;",
    )
    before = (desk.events(), desk.archived())

    with pytest.raises(ImportRefused) as raised:
        take_in(desk.app, path)

    assert [finding.code for finding in raised.value.findings] == [
        "IMPORT-UNKNOWN-INVOICE",
        "IMPORT-PAYMENT",
        "IMPORT-DUPLICATE",
        "IMPORT-TOO-MUCH",
    ]
    assert (desk.events(), desk.archived()) == before
    assert known(desk) == known(desk, TWO) == ()


def test_cells_that_are_no_payment_are_told_together(desk: Desk) -> None:
    """Bad days and amounts are found before the books are looked at, each by its code."""
    wrong = {
        "31/02/2026;1": "IMPORT-DATE",
        "2026-02-03;0": "IMPORT-AMOUNT",
        "2026-02-03;-5": "IMPORT-AMOUNT",
        "2026-02-03;1,234": "IMPORT-AMOUNT",
        "2026-02-03;beaucoup": "IMPORT-AMOUNT",
        "2026-02-03;100000000": "IMPORT-AMOUNT",
        ";1": "IMPORT-EMPTY",
    }
    path = rows(desk, *(f"{ONE};{cells};" for cells in wrong))

    with pytest.raises(ImportRefused) as raised:
        take_in(desk.app, path)

    assert [finding.code for finding in raised.value.findings] == list(wrong.values())


def test_a_rehearsal_keeps_nothing(desk: Desk) -> None:
    """``--dry-run`` says what would be taken."""
    before = (desk.events(), desk.archived())

    taken = take_in(desk.app, rows(desk, f"{ONE};{desk.clock().date()};1;"), dry_run=True)

    assert taken.changes.added == 1
    assert (desk.events(), desk.archived(), known(desk)) == (*before, ())


def test_what_is_overdue_waits_for_a_person_with_age_and_amount(desk: Desk) -> None:
    """The day after its due date, until it is paid; partial payments are deducted."""
    desk.clock.advance(days=1)
    pay(desk, EURO)

    with desk.app.reading() as session:
        left = waiting(desk.app, session)

    assert {one.number for one in left.overdue} >= {ONE, TWO}
    standing = left.standings[desk.one(ONE).id]
    assert standing.days_late(desk.clock().date()) == 1
    assert standing.left == desk.one(ONE).total - EURO
    pay(desk, standing.left, reference="solde")
    with desk.app.reading() as session:
        assert ONE not in {one.number for one in waiting(desk.app, session).overdue}


def test_after_three_months_a_person_is_told_to_settle(desk: Desk) -> None:
    """At a month the member is asked; later no report is waited for any more."""
    desk.clock.advance(days=31)
    asked = desk.advice(ONE)
    desk.clock.advance(days=60)

    told = desk.advice(ONE)

    assert "voyez avec le membre" in asked
    assert f"settle {ONE} --on JOUR --amount MONTANT" in asked
    assert "demandez à la trésorerie" in told
    assert date(2026, 2, 4) == desk.one(ONE).due_date


@pytest.mark.parametrize(
    "last_day,code",
    [
        (date(2026, 2, 1), AdviceCode.PASSWORD_OVER),
        (date(2026, 2, 20), AdviceCode.PASSWORD),
        (date(2026, 12, 31), None),
    ],
)
def test_the_end_of_the_technical_password_waits_for_a_person(
    desk: Desk, last_day: date, code: AdviceCode | None
) -> None:
    """By the directory as it was last read: soon, since, or not yet."""
    seller = desk.app.settings.syndicat.siret
    with desk.app.transaction() as tx:
        structure = {"structure": {"password_expires": last_day.isoformat()}}
        directory.cache_entry(tx, seller, json.dumps(structure), desk.clock())

    with desk.app.reading() as session:
        told = waiting(desk.app, session).password

    assert (told and told.code) == code


def test_a_payment_that_cannot_be_read_is_told_and_stops_no_other(desk: Desk) -> None:
    """What is left of its invoice is unknown; the others still have their sums."""
    pay(desk, EURO)
    pay(desk, EURO, TWO)
    with desk.app.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER settlement_noted_update")
        connection.exec_driver_sql("UPDATE settlement SET paid_on = 'hier' WHERE id = 1")

    with desk.app.reading() as session:
        left = waiting(desk.app, session)

    assert [(one.code, one.where) for one in left.unreadable] == [("ROW-UNREADABLE", ONE)]
    assert left.standings[desk.one(TWO).id].paid == EURO
    assert desk.one(ONE).id not in left.standings


def test_each_bad_row_of_a_file_is_told_in_its_own_words(desk: Desk, tmp_path: Path) -> None:
    """A payment too large, one of a credit note, one of tomorrow, one of what is cancelled."""
    note = desk.credit(TWO)
    path = tmp_path / "paiements.csv"
    day, over = desk.clock().date(), desk.clock().date() + timedelta(days=2)
    due = stands(desk).due
    rows = (f"{ONE};{day};{due + EURO};VIR 1", f"{note.number};{day};1;", f"{ONE};{over};1;")
    path.write_text("\n".join((HEADER, *rows, f"{TWO};{day};1;")), "utf-8")

    with pytest.raises(ImportRefused) as refused:
        take_in(desk.app, path)

    told = [(one.where.split(", ", 1)[1], one.message, one.remedy) for one in refused.value.groups]
    assert [where.replace("\u00a0", " ") for where, _, _ in told] == [
        "ligne 2, colonne « montant »",
        "ligne 3, colonne « facture »",
        "ligne 4, colonne « date_paiement »",
        "ligne 5, colonne « montant »",
    ]
    amount = str(due + EURO).replace(".", ",")
    by_hand = f'chorus-worker settle {ONE} --on {day} --amount {amount} --reference "VIR 1"'

    assert told[0][2].endswith(f"{by_hand} --overpaid")
    assert "annulée par avoir" in told[3][1]


def test_what_the_portal_paid_has_no_balance(desk: Desk) -> None:
    """A payment told beside is no claim for the rest."""
    told = what_is_left(stands(desk), settled=True)

    assert told.endswith("soldée par ce que dit Chorus Pro.")
    assert "reste" in what_is_left(stands(desk), settled=False)
