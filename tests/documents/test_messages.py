"""The catalogue of messages against its page, the findings and what the portal is known to say."""

import re
import shlex

import pytest

from tests.documents.messages_page import PATH, written
from tests.documents.pages import page, section
from tests.documents.test_findings import REGISTRY
from worker.billing.member_year import NEVER_BILLED
from worker.cli.commands import COMMANDS
from worker.corrections.messages import FINDINGS, PORTAL, of_portal

COMMAND = re.compile(r"chorus-worker ([a-z]+(?: [a-z]+)?)")


def test_the_page_is_the_table() -> None:
    """docs/messages.md is written from messages.toml, and nothing was added by hand."""
    assert PATH.read_text("utf-8") == written()


def test_each_finding_has_its_entry() -> None:
    """No code of the registry is without a cause and a remedy, and no entry is of another code."""
    assert set(FINDINGS) == set(REGISTRY)
    assert NEVER_BILLED in FINDINGS


@pytest.mark.parametrize("key, entry", [*PORTAL.items(), *FINDINGS.items()])
def test_each_entry_can_be_followed(key: str, entry: object) -> None:
    """Cause and remedy are sentences, and each command in them is one of the program."""
    entry = {**PORTAL, **FINDINGS}[key]
    named = [words[1] for words in COMMAND.finditer(entry.remedy)]

    assert entry.cause.endswith(".")
    assert entry.remedy
    assert [words for words in named if not {words, words.split()[0]} & set(COMMANDS)] == []
    for words in entry.remedy.split(" ; "):
        shlex.split(words.replace("'", "’"))


def test_each_recorded_refusal_of_the_portal_is_known() -> None:
    """The codes of docs/chorus-pro.md, section 4.2, and the technical errors of 4.3."""
    text = section(page("docs/chorus-pro.md"), "4. Refusals")
    codes = set(re.findall(r"\b(?:[A-Z]{3}_MSG_[0-9.]+[0-9]|ERR_XSD\w*|20003)\b", text))
    successes = {"TRA_MSG_00.000", "GCU_MSG_01_000"}

    assert {code for code in codes - successes if of_portal(code) is None} == set()
    assert len(codes) > len(successes)


@pytest.mark.parametrize(
    "said, cause",
    [
        ("Le code SERVICE est obligatoire", "code service"),
        ("Numéro d'engagement inconnu", "engagement"),
        ("IRRECEVABILITÉ: cvc-complex-type.2.2", "n'a pas pu lire"),
    ],
)
def test_words_are_known_in_any_case(said: str, cause: str) -> None:
    """Capitals and accents do not hide what the portal says."""
    entry = of_portal(said)

    assert entry is not None
    assert cause in entry.cause


def test_unknown_words_have_no_entry() -> None:
    """Nothing is guessed about what the catalogue does not have."""
    assert of_portal("quelque chose d'autre") is None
