"""The person of the proof who types whatever is printed: what it reads, and what it leaves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chaos.installation import Installation
from chaos.ledger import HeldInvoice, PortalLedger
from chaos.typist import Typist, printed, to_reject, told
from worker.billing.member_account import DisagreementKind
from worker.corrections.todo import Advice, AdviceCode
from worker.corrections.todo_sentences import SENTENCES, sentence
from worker.service.demo import STORY

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NUMBER = "BSN-2026-00001"
HELD = HeldInvoice(
    id=1,
    number=NUMBER,
    kind="FACTURE",
    buyer_siret=STORY[0].siret,
    status="MISE_A_DISPOSITION",
    gross=Decimal(100),
    flux_number="CPP1",
    preceding="",
    shown_at=NOW - timedelta(days=1),
    statuses=(),
)


@pytest.mark.parametrize(
    "text,words",
    [
        (
            'tapez : chorus-worker unpark 1 2025 --reason "…", puis chorus-worker run 2025.',
            [("unpark", "1", "2025", "--reason", "…"), ("run", "2025")],
        ),
        (
            'tapez : chorus-worker resend A-1 --reason "…" [--service-code CODE]',
            [("resend", "A-1", "--reason", "…")],
        ),
        (
            "chorus-worker --config /tmp/worker.toml credit A-1 --reason x --internal A-1",
            [("credit", "A-1", "--reason", "x", "--internal", "A-1")],
        ),
        ("chorus-worker run 2025 --config /tmp/worker.toml ; ensuite", [("run", "2025")]),
        ("Tapez « reconcile » : elle sera reprise.", [("reconcile",)]),
        ("Tapez « show » ; chorus-worker journal verify", []),
    ],
)
def test_the_commands_of_a_sentence(text: str, words: list[tuple[str, ...]]) -> None:
    """Each as it is to be typed, without the sentence around it."""
    assert list(printed(text)) == words


@pytest.mark.parametrize("code", [*AdviceCode, *DisagreementKind])
def test_every_advice_is_read(code: AdviceCode | DisagreementKind) -> None:
    """What the sentence of an advice prints is the command that its JSON gives, or one more."""
    advice = Advice(code, ("resend", NUMBER, "--reason", "…"), (NUMBER,) * 5)

    words = list(printed(sentence(advice)))

    assert (advice.command in words) == ("{command}" in SENTENCES[code])


def waiting(code: str, *command: str) -> dict[str, Any]:
    """An answer of ``status --todo --json`` with one advice."""
    todo = {"code": code, "command": list(command), "sentence": ""}
    return {"invoices": [{"number": NUMBER, "todo": todo, "findings": []}]}


def typed(tmp_path: Path, answer: dict[str, Any], *held: HeldInvoice) -> list[tuple[str, ...]]:
    """What is typed at a portal that holds these."""
    portal = PortalLedger(invoices=held, fluxes=(), joined={}, faults=0)
    return Typist(Installation(tmp_path), 2025).asked(answer, portal, NOW)


@pytest.mark.parametrize(
    "code,command,held,is_typed",
    [
        ("find_uncertain", ("resend", NUMBER, "--absent", NUMBER), (HELD,), False),
        (
            "find_uncertain",
            ("resend", NUMBER, "--absent", NUMBER),
            (replace(HELD, shown_at=NOW + timedelta(days=1)),),
            True,
        ),
        ("find_uncertain", ("resend", NUMBER, "--absent", NUMBER), (), True),
        ("compare", ("reconcile", "--adopt", NUMBER), (HELD,), True),
        ("compare", ("reconcile", "--adopt", NUMBER), (replace(HELD, flux_number=""),), False),
        ("check_taken_number", ("credit", NUMBER), (HELD,), False),
        ("check_taken_number", ("credit", NUMBER), (replace(HELD, buyer_siret="1"),), True),
        ("cancel_rejected", ("credit", NUMBER), (HELD,), True),
        ("keyed", ("reconcile", "--close", NUMBER), (HELD,), False),
        ("twice", ("reconcile", "--close", NUMBER), (HELD, replace(HELD, id=2)), False),
        ("twice", ("reconcile", "--close", NUMBER), (HELD,), True),
    ],
)
def test_it_looks_at_the_portal_first(
    tmp_path: Path,
    code: str,
    command: tuple[str, ...],
    held: tuple[HeldInvoice, ...],
    is_typed: bool,  # noqa: FBT001 - a parameter
) -> None:
    """What an advice supposes is seen on the portal's pages, or the command is left."""
    words = typed(tmp_path, waiting(code, *command, "--reason", "…"), *held)

    agreed = ("--yes",) if command[0] in {"resend", "credit"} else ()

    assert words == ([(*command, "--reason", "Vu avec le membre", *agreed)] if is_typed else [])


def test_what_was_heard_is_typed_once(tmp_path: Path) -> None:
    """The remedy of an error is typed after the advice, the same words one time."""
    typist = Typist(Installation(tmp_path), 2025)
    typist.hear("À faire : Tapez : chorus-worker run 2025")
    typist.hear("Tapez « follow » plus tard, ou chorus-worker run ANNÉE")
    portal = PortalLedger(invoices=(), fluxes=(), joined={}, faults=0)

    first, second = (typist.asked({"invoices": []}, portal, NOW) for _ in range(2))

    assert (first, second) == ([("run", "2025"), ("follow",)], [])


def test_a_member_is_asked_to_reject_what_is_one_too_many() -> None:
    """Of two documents of one number, the one that was keyed by hand."""
    keyed = replace(HELD, id=2, flux_number="")
    portal = PortalLedger(invoices=(HELD, keyed), fluxes=(), joined={}, faults=0)

    asked = to_reject(waiting("twice", "reconcile", "--close", NUMBER), portal)

    assert list(asked) == [keyed]


def test_only_what_waits_is_told() -> None:
    """An invoice without advice names nothing; whatever else the answer holds does."""
    silent: dict[str, Any] = {"number": "A-1", "todo": None, "findings": []}
    answer = {"invoices": [silent], "beyond_the_books": [{"number": "A-2", "cpp_id": None}]}

    assert told(answer) == {"A-2"}
