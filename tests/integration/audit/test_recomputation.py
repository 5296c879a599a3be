"""Issued documents computed again from the rows of their issue, whatever came since."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.intruder import alter
from tests.support.offices import Desk, in_the_buyers_hands, number, open_desk
from worker.audit.recheck import FILE, Round, last_round, recheck, slice_size
from worker.audit.recomputation import recompute
from worker.audit.verification import verify
from worker.billing.status import InvoiceStatus
from worker.corrections.waiting import waiting
from worker.errors import Finding, Severity
from worker.imports import ImportKind
from worker.service.demo import STORY
from worker.storage.history import MEMBERS

ONE, TWO = number(1), number(2)
SIRET = STORY[0].siret
USAGE = "siret;service;palier;mois;utilisateurs"


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """Two invoices issued, and not deposited yet."""
    return open_desk(tmp_path_factory.getbasetemp(), tmp_path, issued=2)


@pytest.fixture(name="held_by_buyer")
def _held_by_buyer(desk: Desk) -> Desk:
    """Both invoices are integrated."""
    desk.deposit()
    desk.clock.advance(minutes=1)
    return in_the_buyers_hands(desk)


def execute(desk: Desk, statement: str) -> None:
    """What somebody with the database file in hand may do, without any constraint."""
    alter(desk.folder / "donnees" / "worker.sqlite", statement)


def found(desk: Desk) -> list[Finding]:
    """What computing every document again finds."""
    return [finding for one in recompute(desk.app.store) for finding in one.findings]


@pytest.mark.parametrize(
    "statement,line,words",
    [
        (
            "UPDATE usage_record SET users = 13 WHERE siret = '{siret}' AND month = 3 AND tier = 0",
            "ligne 1 ",
            (
                "mars 2025 : 12 (« usage.csv », ligne",
                "13 (« usage.csv », ligne",
                "quantité : 144 dans les livres, 145 d'après",
            ),
        ),
        (
            "DELETE FROM usage_record WHERE siret = '{siret}' AND month = 12 AND tier = 1",
            "ligne 2 ",
            ("décembre 2025 : 12", "rien"),
        ),
        (
            "UPDATE subscription SET category = 2 WHERE siret = '{siret}' AND tier = 0",
            "ligne 1 ",
            ("catégorie : 1 dans les livres, 2",),
        ),
        (
            "UPDATE usage_record SET row = 900 WHERE siret = '{siret}' AND month = 1 AND tier = 0",
            "ligne 1 ",
            ("janvier 2025", "ligne 900"),
        ),
        (
            "UPDATE billing_reference SET engagement = 'AUTRE' WHERE siret = '{siret}'",
            "",
            ("engagement : 2025-NUM-0042 dans les livres, AUTRE",),
        ),
        (
            f"UPDATE {MEMBERS.table.name} SET name = 'Autre' WHERE siret = '{{siret}}'",
            "",
            ("membre : ", "Autre"),
        ),
        (
            "UPDATE tariff_grid SET content = replace(content, '9.60', '9.61')",
            "",
            ("grille tarifaire",),
        ),
        (
            """UPDATE statement SET snapshot = replace(snapshot, '"users":12', '"users":11')
            WHERE siret = '{siret}'""",
            "ligne 1 ",
            ("janvier 2025 : 11",),
        ),
    ],
)
def test_whatever_no_longer_gives_the_invoice_is_told(
    desk: Desk, statement: str, line: str, words: tuple[str, ...]
) -> None:
    """A row, a subscription, a grid or the frozen copy: the invoice and the line are named."""
    execute(desk, statement.format(siret=SIRET))
    told = [finding for finding in found(desk) if finding.where == f"facture {ONE}"]

    assert {finding.code for finding in told} == {"ROWS-DIFFER"}
    assert any(
        finding.message.startswith(line) and all(word in finding.message for word in words)
        for finding in told
    ), told


def test_the_verification_of_the_journal_computes_every_document_again(desk: Desk) -> None:
    """The figures of the rows are compared, not only the frozen copies with each other."""
    execute(desk, f"UPDATE usage_record SET users = 13 WHERE siret = '{SIRET}' AND month = 3")

    assert "ROWS-DIFFER" in {finding.code for finding in verify(desk.app).findings}


def test_what_was_corrected_since_changes_nothing_of_the_first_invoice(
    held_by_buyer: Desk,
) -> None:
    """Credited, corrected by an import, billed again: both follow, each from its own rows."""
    held_by_buyer.credit(ONE)
    held_by_buyer.write(ImportKind.USAGE, USAGE, f"{SIRET};gfu;;2025-03;20")
    held_by_buyer.deposit()
    held_by_buyer.clock.advance(minutes=1)
    in_the_buyers_hands_again(held_by_buyer)
    held_by_buyer.lift_hold(SIRET)
    held_by_buyer.issue()
    again = next(
        one
        for one in held_by_buyer.invoices()
        if one.siret == SIRET and one.status is InvoiceStatus.ISSUED
    )

    assert again.total != held_by_buyer.one(ONE).total
    assert found(held_by_buyer) == []


def in_the_buyers_hands_again(desk: Desk) -> None:
    """The credit note is integrated."""
    desk.portal.integrate()
    desk.follow()


def test_a_clock_that_was_put_back_changes_no_order(desk: Desk) -> None:
    """Imported an hour ahead, then issued at the right time: the journal has the order."""
    three = STORY[2].siret
    desk.clock.advance(hours=1)
    desk.write(ImportKind.USAGE, USAGE, f"{three};gfu;;2025-03;77")
    desk.clock.advance(hours=-1)
    desk.issue()

    assert any(one.siret == three for one in desk.invoices())
    assert found(desk) == []


def test_references_that_a_person_gave_are_those_of_the_version_they_came_with(desk: Desk) -> None:
    """A refused invoice, sent again with another engagement, follows from that one."""
    desk.portal.refused_recipients.add(SIRET)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.resend(ONE, engagement="CORRIGE-1")

    assert found(desk) == []


def test_references_given_for_one_invoice_are_not_those_of_the_one_before(desk: Desk) -> None:
    """Never any reference, cancelled, billed again, refused, corrected: the first had none."""
    siret = desk.one(TWO).siret
    desk.credit(TWO)
    desk.lift_hold(siret)
    desk.issue()
    again = next(
        one
        for one in desk.invoices()
        if one.siret == siret and not one.is_credit_note and one.number != TWO
    )
    desk.portal.refused_recipients.add(siret)
    desk.deposit()
    desk.clock.advance(minutes=1)
    desk.follow()
    desk.resend(again.number, engagement="CORRIGE-2")

    assert found(desk) == []


def test_an_altered_credit_note_is_told(held_by_buyer: Desk) -> None:
    """Computed again from the lines of its invoice and of the notes before it."""
    held_by_buyer.credit(ONE, quantities={"1": 5})
    last = held_by_buyer.credit(ONE, quantities={"1": 7})
    assert found(held_by_buyer) == []
    execute(
        held_by_buyer,
        f"""UPDATE invoice SET snapshot = replace(snapshot, '"quantity":7', '"quantity":8')
        WHERE number = '{last.number}'""",
    )
    told = found(held_by_buyer)

    assert {finding.where for finding in told} == {f"avoir {last.number}"}
    assert told[0].message.startswith("ligne 1 ")


def test_a_subscription_that_was_written_over_is_said_to_be_lost(desk: Desk) -> None:
    """Bases of older releases kept no version: a warning, for nothing says that it was altered."""
    desk.write(
        ImportKind.SUBSCRIPTIONS,
        "siret;service;palier;categorie;debut;fin",
        f"{SIRET};stockage;5;2;2026-01-01;",
    )
    execute(
        desk,
        f"""UPDATE subscription SET category = 2, file_id = (SELECT MAX(id) FROM source_file)
        WHERE siret = '{SIRET}' AND service = 'gfu'""",
    )
    told = found(desk)

    assert [(finding.code, finding.severity) for finding in told] == [
        ("ROWS-LOST", Severity.WARNING)
    ]


def test_a_slice_goes_on_where_the_last_one_ended(desk: Desk) -> None:
    """By the id of the rows, so many at a time."""
    store = desk.app.store
    desk.issue()
    everything = [one.id for one in recompute(store)]
    first = [one.id for one in recompute(store, most=3)]
    second = [one.id for one in recompute(store, after=first[-1], most=3)]

    assert len(everything) == 11
    assert first + second == everything[:6]
    assert [one.id for one in recompute(store, only=[everything[4], 999_999])] == [everything[4]]


@pytest.mark.parametrize(
    "total,minutes,days,size",
    [
        (0, 15, 30, 1),
        (1_000, 15, 30, 1),
        (100_000, 15, 30, 70),
        (10, 1440, 30, 1),
        (9, 1440, 1, 18),
    ],
)
def test_a_slice_is_twice_what_the_time_asks_for(
    total: int, minutes: int, days: int, size: int
) -> None:
    """Rounded up: half of the heartbeats may be missed."""
    assert slice_size(total, timedelta(minutes=minutes), timedelta(days=days)) == size


def test_every_document_is_computed_again_in_turn(desk: Desk) -> None:
    """One each beat here; behind the last one, the round begins anew."""
    seen: list[str] = []
    for _ in range(5):
        recheck(desk.app, lambda one: seen.append(one.number))

    assert seen == [ONE, TWO, ONE, TWO, ONE]


def test_what_the_background_finds_waits_for_a_person(desk: Desk) -> None:
    """Until it is as it was: then nothing waits any more, without any command."""
    figure = f"UPDATE usage_record SET users = {{}} WHERE siret = '{SIRET}' AND month = 3"
    execute(desk, figure.format(13))
    recheck(desk.app, lambda _: None)
    with desk.app.reading() as session:
        told = waiting(desk.app, session)
    execute(desk, figure.format(12))
    with desk.app.reading() as session:
        mended = waiting(desk.app, session)
    recheck(desk.app, lambda _: None)

    assert {finding.where for finding in told.altered} == {f"facture {ONE}"}
    assert mended.altered == ()
    assert last_round(desk.folder / "donnees").differing == ()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"after": "x", "differing": []}'])
def test_a_round_that_cannot_be_read_begins_anew(desk: Desk, content: bytes) -> None:
    """The file is a place to go on from, and nothing else."""
    (desk.folder / "donnees" / FILE).write_bytes(content)

    assert last_round(desk.folder / "donnees") == Round()
    assert recheck(desk.app, lambda _: None).differing == ()
