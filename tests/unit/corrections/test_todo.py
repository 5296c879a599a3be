"""What a person must do: for every status, and never a command that cannot be typed."""

from dataclasses import replace
from datetime import date, timedelta
from typing import TypedDict, Unpack

import pytest

from tests.support.builders import YEAR
from tests.support.tracked import SINCE, tracked
from worker.billing.member_account import DisagreementKind
from worker.billing.status import InvoiceKind, InvoiceStatus, TrackedInvoice, Trouble
from worker.corrections.messages import FINDINGS, explained
from worker.corrections.todo import TO_FILL_IN, Advice, AdviceCode, todo
from worker.corrections.todo_sentences import SENTENCES, sentence
from worker.errors import Finding, Severity

S, A = InvoiceStatus, AdviceCode
SOON, LATER = SINCE + timedelta(hours=1), SINCE + timedelta(days=30)
ASKING = {S.PARKED, S.REFUSED, S.SUSPENDED, S.REJECTED}
"""What was refused or questioned: a person acts at once."""


class Changes(TypedDict, total=False):
    """What a test says of an invoice."""

    findings: tuple[Finding, ...]
    trouble: Trouble


def invoice(status: InvoiceStatus, **changes: Unpack[Changes]) -> TrackedInvoice:
    """An invoice in this status since one morning of January."""
    return replace(tracked(status), **changes)


def as_note(status: InvoiceStatus, **changes: Unpack[Changes]) -> TrackedInvoice:
    """A credit note in this status, under the same number."""
    return replace(invoice(status, **changes), kind=InvoiceKind.CREDIT_NOTE, corrects=2)


@pytest.mark.parametrize("status", S)
def test_a_status_that_asks_says_what(status: InvoiceStatus) -> None:
    """Who must act is told what to do at once, and is not bothered with the rest yet."""
    assert (todo(invoice(status), SOON) is not None) == (status in ASKING)


@pytest.mark.parametrize("status", S)
def test_only_what_hangs_becomes_a_task_with_time(status: InvoiceStatus) -> None:
    """After a month, what is not deposited or has no verdict needs a person; a payment does not."""
    hangs = status in {S.ISSUED, S.SENDING, S.UNKNOWN, S.DEPOSITED}

    assert (todo(invoice(status), LATER) is not None) == (hangs or status in ASKING)


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("trouble", Trouble)
def test_no_state_waits_in_silence_beyond_its_age(status: InvoiceStatus, trouble: Trouble) -> None:
    """Whatever hinders it: within a year a person is told, unless there is nothing left to do."""
    waiting = replace(invoice(status, trouble=trouble), due_date=date(2026, 2, 9))
    ended = status in {S.DRAFT, S.SETTLED, S.CANCELLED}
    over = ended and trouble is not Trouble.UNREADABLE

    assert (todo(waiting, SOON + timedelta(days=365)) is None) == over


NUMBER, REASON = "BSN-2026-00001", ("--reason", TO_FILL_IN)


@pytest.mark.parametrize(
    "asking,code,command",
    [
        (invoice(S.REFUSED), A.RESEND, ("resend", NUMBER, *REASON)),
        (as_note(S.REFUSED), A.RESEND_OR_KEEP, ("resend", NUMBER, *REASON)),
        (
            invoice(S.REFUSED, trouble=Trouble.NUMBER_TAKEN),
            A.CHECK_TAKEN_NUMBER,
            ("credit", NUMBER, *REASON),
        ),
        (
            as_note(S.REFUSED, trouble=Trouble.NUMBER_TAKEN),
            A.CHECK_TAKEN_NUMBER,
            ("credit", NUMBER, *REASON),
        ),
        (invoice(S.PARKED), A.RUN, ("run", str(YEAR))),
        (invoice(S.ISSUED), A.DEPOSIT, ("deposit",)),
        (
            invoice(S.UNKNOWN),
            A.FIND_UNCERTAIN,
            ("resend", NUMBER, *REASON, "--absent", NUMBER),
        ),
        (invoice(S.DEPOSITED), A.CHECK_FLUX, ("resend", NUMBER, *REASON)),
        (
            invoice(S.SUSPENDED),
            A.COMPLETE,
            ("complete", NUMBER, "FICHIER…", "--comment", TO_FILL_IN),
        ),
        (invoice(S.REJECTED), A.CANCEL_REJECTED, ("credit", NUMBER, *REASON)),
        (as_note(S.REJECTED), A.REMAKE_REJECTED, ("credit", NUMBER, *REASON)),
        (
            invoice(S.INTEGRATED, trouble=Trouble.UNKNOWN_WORD),
            A.REPORT_WORD,
            ("documents", "portal", NUMBER),
        ),
    ],
)
def test_each_situation_has_its_advice(
    asking: TrackedInvoice, code: AdviceCode, command: tuple[str, ...]
) -> None:
    """The command names the invoice or the year; its sentence holds it as it is typed."""
    advice = todo(asking, LATER)

    assert advice is not None
    assert (advice.code, advice.command) == (code, command)
    typed = " ".join(command).replace(f" {TO_FILL_IN}", f' "{TO_FILL_IN}"')

    assert f"chorus-worker {typed}" in sentence(advice)


def test_every_advice_has_its_french() -> None:
    """No code is shown to people as its bare value."""
    assert set(SENTENCES) == {*AdviceCode, *DisagreementKind}


def test_what_the_portal_shows_late_is_looked_at_by_its_flux() -> None:
    """Integrated by its report: nothing is typed, and the file to look for is named."""
    late = replace(invoice(S.DEPOSITED), portal_status="IN_INTEGRE")
    advice = todo(late, SINCE + timedelta(days=2))

    assert advice == Advice(A.CHECK_INDEX, arguments=("CPP00110000001",))
    assert "CPP00110000001" in sentence(advice)


@pytest.mark.parametrize(
    "status,limit", [(S.DEPOSITED, timedelta(hours=24)), (S.UNKNOWN, timedelta(hours=72))]
)
def test_patience_ends_after_its_limit(status: InvoiceStatus, limit: timedelta) -> None:
    """At the limit itself one still waits; past it, a person looks."""
    assert todo(invoice(status), SINCE + limit) is None
    assert todo(invoice(status), SINCE + limit + timedelta(seconds=1)) is not None


def test_an_invoice_that_cannot_be_deposited_is_told_after_three_days() -> None:
    """Each try begins its status anew, so that the days count from the issue; never on Hélios."""
    tried = replace(invoice(S.ISSUED), status_since=SINCE + timedelta(days=4))

    assert todo(tried, SINCE + timedelta(days=3)) is None
    assert todo(tried, SINCE + timedelta(days=4)) == Advice(A.DEPOSIT, ("deposit",))
    assert todo(tried, LATER, deposits=False) is None


def test_an_incident_on_a_deposit_is_looked_at_at_once_and_a_slip_is_not() -> None:
    """An answer that cannot be read, or a word without translation, may be better later."""
    stuck = todo(invoice(S.DEPOSITED, trouble=Trouble.INCIDENT), SOON)
    assert stuck is not None
    assert "CPP00110000001" in sentence(stuck)
    for slip in (Trouble.NONE, Trouble.UNKNOWN_WORD):
        assert todo(invoice(S.DEPOSITED, trouble=slip), SOON) is None
        assert todo(invoice(S.DEPOSITED, trouble=slip), LATER) == stuck


def test_a_parked_member_shows_its_first_blocking_remedy() -> None:
    """The remedy shown is that of what stops the member, not of a warning that came before."""
    warning = Finding(code="W", message="w", remedy="à savoir", severity=Severity.WARNING)
    mute = Finding(code="B", message="b")
    first = Finding(code="B", message="b", remedy="importez {mars}")
    second = Finding(code="B", message="b", remedy="importez avril")
    parked = todo(invoice(S.PARKED, findings=(warning, mute, first, second)), SOON)

    assert parked == Advice(A.CORRECT, arguments=("importez {mars}",))
    assert sentence(parked) == "importez {mars}"
    assert todo(invoice(S.PARKED, findings=(warning, mute)), SOON) == Advice(
        A.RUN, ("run", str(YEAR))
    )


@pytest.mark.parametrize(
    "status, told", [(S.SUSPENDED, False), (S.REJECTED, False), (S.REFUSED, True)]
)
def test_words_of_a_buyer_are_in_no_catalogue(status: InvoiceStatus, *, told: bool) -> None:
    """Those of the portal that are unknown are said to be."""
    said = replace(invoice(status), detail="Il manque le bon de livraison")

    assert any("Message inconnu" in line for line in explained(said)) is told


@pytest.mark.parametrize(
    "code, message, adds",
    [
        ("DIR-ENGAGEMENT", "la structure exige un numéro d'engagement pour 2025", False),
        ("DIR-SERVICE", "la structure exige un code service pour 2025", False),
        ("DIR-WORKS-ONLY", "la structure 1 ne reçoit que des factures de travaux", False),
        ("DIR-INACTIVE", "la structure 1 est inactive dans Chorus Pro", True),
        ("CONFIRM-CHANGE", "+48,2 % : 100,00 € pour 2024, 148,24 € pour 2025", True),
        ("HELD", "retenu depuis le 05/01/2026 : un litige", True),
    ],
)
def test_a_cause_that_says_nothing_more_is_not_told(code: str, message: str, *, adds: bool) -> None:
    """What its finding says in the same words is not printed a second time."""
    assert FINDINGS[code].adds_to(message) is adds
