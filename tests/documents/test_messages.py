"""The catalogue of messages against its page, the findings and what the portal is known to say."""

import ast
import re
import shlex
import tomllib

import pytest

from tests.documents.messages_page import PATH, written
from tests.documents.pages import ROOT, page, section
from tests.documents.test_findings import CODE, REGISTRY, trees
from worker.billing.member_year import NEVER_BILLED
from worker.billing.status import InvoiceStatus
from worker.cli.commands import COMMANDS
from worker.corrections.messages import FINDINGS, MEMBER, PORTAL, Message, of_member, of_portal

COMMAND = re.compile(r"chorus-worker ([a-z]+(?: [a-z]+)?)")


def test_the_page_is_the_table() -> None:
    """docs/messages.md is written from messages.toml, and nothing was added by hand."""
    assert PATH.read_text("utf-8") == written()


def test_each_finding_has_its_entry() -> None:
    """No code of the registry is without a cause and a remedy, and no entry is of another code."""
    assert set(FINDINGS) == set(REGISTRY)
    assert NEVER_BILLED in FINDINGS


OF_OTHERS = re.compile(r"(?:BT|BG|BR|PEPPOL|UBL|UTF|ISO|SHA)-.*")
"""Names of the standard, of its rules, of encodings: no code of ours."""


@pytest.mark.parametrize("status", [InvoiceStatus.REJECTED, InvoiceStatus.SUSPENDED])
@pytest.mark.parametrize("key", MEMBER)
def test_what_a_buyer_has_is_never_said_to_be_sent_again(key: str, status: InvoiceStatus) -> None:
    """« resend » is for a refused deposit; it refuses what a buyer rejected or suspended."""
    entry = of_member(f"Motif : {key} erroné", status)

    assert entry is not None
    assert "resend" not in entry.remedy


def test_a_buyer_that_speaks_of_services_speaks_of_no_service_code() -> None:
    """Only what it may mean is told as a probable cause."""
    assert of_member("Merci de joindre le détail des services", InvoiceStatus.SUSPENDED) is None


def codes_of_the_code_base() -> set[str]:
    """Whatever in worker/ has the form of a code, whichever way it comes into a finding."""
    told = {
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
    }
    for path in (ROOT / "worker").rglob("findings.toml"):
        told |= {key for key in tomllib.loads(path.read_text("utf-8")) if CODE.fullmatch(key)}
    return {code for code in told if not OF_OTHERS.fullmatch(code)}


def test_no_code_of_the_code_base_is_without_entry() -> None:
    """A constant, a table, a family that the registry does not have: none is left out."""
    codes = codes_of_the_code_base()

    assert codes - set(FINDINGS) == set()
    assert len(codes) > 200


@pytest.mark.parametrize(
    "entry",
    [
        *PORTAL.values(),
        *FINDINGS.values(),
        *(entry for pair in MEMBER.values() for entry in pair),
    ],
    ids=lambda entry: entry.cause,
)
def test_each_entry_can_be_followed(entry: Message) -> None:
    """Cause and remedy are sentences, and each command in them is one of the program."""
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
