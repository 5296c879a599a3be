"""What a person must do: for every status, and never a command that cannot be typed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict, Unpack

import pytest

from tests.support.builders import MEMBER, SIRET, YEAR
from worker.billing.money import Money
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice, Trouble
from worker.corrections.todo import needs_person, todo
from worker.errors import Finding, Severity

S = InvoiceStatus
SINCE = datetime(2026, 1, 12, 8, tzinfo=UTC)
SOON, LATER = SINCE + timedelta(hours=1), SINCE + timedelta(days=30)
ASKING = {S.PARKED, S.REFUSED, S.SUSPENDED, S.REJECTED}
"""What was refused or questioned: a person acts at once."""


class Changes(TypedDict, total=False):
    """What a test says of an invoice."""

    findings: tuple[Finding, ...]
    trouble: Trouble


def invoice(status: InvoiceStatus, **changes: Unpack[Changes]) -> TrackedInvoice:
    """An invoice in this status since one morning of January."""
    return TrackedInvoice(
        id=1,
        siret=SIRET,
        member_name=MEMBER.name,
        year=YEAR,
        status=status,
        status_since=SINCE,
        kind=InvoiceKind.INVOICE,
        corrects=None,
        rounding=Money(0),
        total=Money(319680),
        number="" if status in {S.DRAFT, S.PARKED} else "BSN-2026-00001",
        issue_date=date(2026, 1, 12),
        due_date=None,
        version=1,
        findings=changes.get("findings", ()),
        flux_number="CPP00110000001",
        deposited_at=None,
        cpp_id=None,
        portal_status="",
        trouble=changes.get("trouble", Trouble.NONE),
        detail="",
        next_check_at=None,
        checks=0,
    )


@pytest.mark.parametrize("status", S)
def test_a_status_that_asks_says_what(status: InvoiceStatus) -> None:
    """Whoever must act is told what to do at once, and nobody else is bothered yet."""
    asked = todo(invoice(status), SOON)
    assert bool(asked) == needs_person(invoice(status), SOON) == (status in ASKING)


@pytest.mark.parametrize("status", S)
def test_only_what_hangs_becomes_a_task_with_time(status: InvoiceStatus) -> None:
    """After a month, what is not deposited or has no verdict needs somebody; a payment does not."""
    hangs = status in {S.ISSUED, S.UNKNOWN, S.DEPOSITED}
    expected = hangs or status in ASKING
    assert bool(todo(invoice(status), LATER)) == needs_person(invoice(status), LATER) == expected


@pytest.mark.parametrize(
    "status,words",
    [
        (S.REFUSED, "resend BSN-2026-00001 --reason"),
        (S.PARKED, f"run {YEAR}"),
        (S.UNKNOWN, "reconcile"),
        (S.DEPOSITED, "CPP00110000001"),
        (S.SUSPENDED, "pièces"),
        (S.REJECTED, "credit BSN-2026-00001 --reason"),
    ],
)
def test_the_command_names_the_invoice(status: InvoiceStatus, words: str) -> None:
    """What to type or where to look is complete: number, year or flux."""
    assert words in todo(invoice(status), LATER)


@pytest.mark.parametrize(
    "status,limit", [(S.DEPOSITED, timedelta(hours=24)), (S.UNKNOWN, timedelta(hours=72))]
)
def test_patience_ends_after_its_limit(status: InvoiceStatus, limit: timedelta) -> None:
    """At the limit itself one still waits; past it, somebody looks."""
    assert todo(invoice(status), SINCE + limit) == ""
    assert todo(invoice(status), SINCE + limit + timedelta(seconds=1))


def test_an_invoice_that_cannot_be_deposited_is_told_after_three_days() -> None:
    """Each try begins its status anew, so that the days count from the issue; never on Hélios."""
    tried = replace(invoice(S.ISSUED), status_since=SINCE + timedelta(days=4))
    assert todo(tried, SINCE + timedelta(days=3)) == ""
    assert "chorus-worker deposit" in todo(tried, SINCE + timedelta(days=4))
    assert todo(tried, LATER, deposits=False) == ""
    assert not needs_person(tried, LATER, deposits=False)


def test_an_incident_on_a_deposit_is_looked_at_at_once_and_a_slip_is_not() -> None:
    """An answer that cannot be read, or a word nobody translated, may be better an hour later."""
    assert "CPP00110000001" in todo(invoice(S.DEPOSITED, trouble=Trouble.INCIDENT), SOON)
    for slip in (Trouble.NONE, Trouble.UNKNOWN_WORD):
        assert todo(invoice(S.DEPOSITED, trouble=slip), SOON) == ""
        assert "CPP00110000001" in todo(invoice(S.DEPOSITED, trouble=slip), LATER)


def test_a_parked_member_shows_its_first_blocking_remedy() -> None:
    """The remedy shown is that of what stops the member, not of a warning that came before."""
    warning = Finding(code="W", message="w", remedy="à savoir", severity=Severity.WARNING)
    mute = Finding(code="B", message="b")
    first = Finding(code="B", message="b", remedy="importez mars")
    second = Finding(code="B", message="b", remedy="importez avril")
    parked = invoice(S.PARKED, findings=(warning, mute, first, second))
    assert todo(parked, SOON) == "importez mars"
    assert f"run {YEAR}" in todo(invoice(S.PARKED, findings=(warning, mute)), SOON)
