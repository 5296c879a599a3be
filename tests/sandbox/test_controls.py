"""What the sandbox refuses an invoice for, and what it accepts."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_sandbox.directory import Directory
from chorus_sandbox.integration import controls
from chorus_sandbox.integration.documents import Read, read
from chorus_sandbox.ledger.records import NewInvoice
from tests.support import dataset
from tests.support.sandbox_documents import CII, UBL

DIRECTORY = Directory(dataset.BUILT_IN)
DAY = date(2026, 1, 20)
INVOICE = read("IN_DP_E1_CII_16B", CII)


def refusals(invoice: Read, day: date = DAY) -> tuple[str, ...]:
    """The faults of an invoice; none when it is accepted."""
    outcome = controls.examine(invoice, DIRECTORY, deposited_on=day)
    return () if isinstance(outcome, NewInvoice) else outcome


def spoiled(field: str, value: str) -> Read:
    """The invoice with another text in one field."""
    changes: dict[str, Any] = {field: value}
    return replace(INVOICE, **changes)


def sent_to(siret: str, service: str = "", engagement: str = "") -> Read:
    """The invoice, sent elsewhere."""
    return replace(INVOICE, buyer=siret, service=service, engagement=engagement)


def test_an_accepted_invoice_keeps_what_it_says() -> None:
    """Parties, references and exact amounts of an accepted invoice are those of the file."""
    outcome = controls.examine(INVOICE, DIRECTORY, deposited_on=DAY)

    assert isinstance(outcome, NewInvoice)
    assert (outcome.number, outcome.kind) == ("FA-2026-0001", "FACTURE")
    assert (outcome.net, outcome.gross, outcome.due) == (
        Decimal("1000.00"),
        Decimal("1200.00"),
        Decimal("1200.00"),
    )
    assert (outcome.service_code, outcome.service_name) == ("LIBRE", "Service sans contrainte")
    assert outcome.buyer_name == "COMMUNE AUX SERVICES DIVERS"


def test_recorded_texts_are_given_word_for_word() -> None:
    """The three texts read on the real portal are reproduced, tags included."""
    long_number = replace(INVOICE, number="F" * 21)
    no_means = replace(INVOICE, means=())
    unknown_seller = replace(read("IN_DP_E1_UBL_INVOICE", UBL), seller="99999999900000")

    assert refusals(long_number) == (
        (
            "Le champ identifiant de la facture (FichierXml.ExchangedDocument.ID.value)"
            " ne doit pas depasser 20 caracteres"
        ),
    )
    assert refusals(no_means) == (
        (
            "L'element FichierXml.SupplyChainTradeTransaction.ApplicableHeaderTradeSettlement"
            ".SpecifiedTradeSettlementPaymentMeans.TypeCode.value est obligatoire."
        ),
    )
    assert refusals(unknown_seller) == (
        (
            "L'identifiant fournisseur de la demande de paiement (balise :"
            " AccountingSupplierParty.Party.PartyIdentification.ID.value)"
            " n'est pas reference dans notre systeme."
        ),
    )


@pytest.mark.parametrize("number", ["F" * 20, "a-B_3/4+5", "F 1"])
def test_numbers_the_portal_takes(number: str) -> None:
    """Twenty characters of letters, digits, space and four signs make a number."""
    assert refusals(replace(INVOICE, number=number)) == ()


@pytest.mark.parametrize("number", ["", "FACT-É", "F#1", "F.1", "F\u00a01"])
def test_numbers_the_portal_does_not_take(number: str) -> None:
    """Other characters, or none, are refused."""
    assert "(BT-1)" in refusals(replace(INVOICE, number=number))[0]


@given(st.integers(1, 25))
def test_every_historic_framework_is_taken(rank: int) -> None:
    """A1 to A25 are frameworks."""
    assert refusals(replace(INVOICE, framework=f"A{rank}")) == ()


@pytest.mark.parametrize("framework", ["", "A0", "A26", "S1", "M1", "a1", "A01", "A1 "])
def test_other_frameworks_are_refused(framework: str) -> None:
    """The frameworks of the reform, and anything else, are refused."""
    assert "(BT-23)" in refusals(replace(INVOICE, framework=framework))[0]


@pytest.mark.parametrize("field,term", [("seller", "BT-30"), ("buyer", "BT-47")])
@pytest.mark.parametrize(
    "identifier", ["", "332540215", "3325402151635", "33254021516357X", "٣" * 14]
)
def test_only_a_siret_names_a_party(field: str, term: str, identifier: str) -> None:
    """A SIREN, or anything but fourteen digits, is refused for both parties."""
    assert any(term in text for text in refusals(spoiled(field, identifier)))


def test_check_digits_are_not_looked_at() -> None:
    """The built-in buyer whose SIRET fails its check digit receives invoices."""
    assert refusals(sent_to(dataset.SERVICE, "SERVICE_DEST_SERV_OBL")) == ()


@pytest.mark.parametrize(
    "seller", [dataset.INACTIVE_SUPPLIER, "99999999900000"], ids=["inactive", "unknown"]
)
def test_the_supplier_must_be_known_and_active(seller: str) -> None:
    """An inactive supplier is refused with the words used for an unknown one."""
    (text,) = refusals(replace(INVOICE, seller=seller))

    assert text.endswith("n'est pas reference dans notre systeme.")


@pytest.mark.parametrize(
    "buyer,words",
    [
        ("99999999900000", "inconnu ou inactif"),
        (dataset.INACTIVE, "inconnu ou inactif"),
        (dataset.MOA_ONLY, "factures de travaux"),
        (dataset.SUPPLIER, "qui n'est pas public"),
    ],
)
def test_the_recipient_must_be_able_to_receive(buyer: str, words: str) -> None:
    """Unknown, inactive, works-only and private recipients are refused."""
    (text,) = refusals(sent_to(buyer))

    assert words in text


@pytest.mark.parametrize(
    "buyer,service,engagement,words",
    [
        (dataset.NO_PARAMETER, "", "", None),
        (dataset.NO_PARAMETER, "NULLE_PART", "", "(BT-10) inconnu"),
        (dataset.SERVICE, "", "", "(BT-10) exige"),
        (dataset.SERVICE, "SERVICE_DEST_SERV_OBL", "", None),
        (dataset.ENGAGEMENT, "", "", "(BT-13) exige par le destinataire"),
        (dataset.ENGAGEMENT, "", "EJ1", None),
        (dataset.SERVICE_AND_ENGAGEMENT, "SERVICE_DEST_SERV_EJ_OBL", "", "(BT-13) exige"),
        (dataset.SERVICE_AND_ENGAGEMENT, "", "EJ1", "(BT-10) exige"),
        (dataset.SERVICE_AND_ENGAGEMENT, "SERVICE_DEST_SERV_EJ_OBL", "EJ1", None),
        (dataset.STATE, "SFACETAT", "", None),
        (dataset.EITHER, "", "", "(BT-10) ou engagement (BT-13)"),
        (dataset.EITHER, "FINANCES", "", None),
        (dataset.EITHER, "", "EJ1", None),
        (dataset.SERVICE_RULES, "AVEC_EJ", "", "(BT-13) exige par le service"),
        (dataset.SERVICE_RULES, "AVEC_EJ", "EJ1", None),
        (dataset.SERVICE_RULES, "FERME", "", "inactif"),
        (dataset.SERVICE_RULES, "EXPIRE", "", "inactif"),
        (dataset.SERVICE_RULES, "FUTUR", "", "inactif"),
        (dataset.MANY_SERVICES, "SRV218", "", None),
        (dataset.MANY_SERVICES, "SRV219", "", "inconnu"),
        (dataset.SERVICE, "SERVICE;DROP", "", "doit etre alphanumerique"),
        (dataset.SERVICE, "S" * 101, "", "SIMULE - Code service (BT-10) de plus de 100"),
    ],
)
def test_service_and_engagement_follow_the_recipient(
    buyer: str, service: str, engagement: str, words: str | None
) -> None:
    """What is demanded depends on the structure, then on the service that is named."""
    found = refusals(sent_to(buyer, service, engagement))
    if words is None:
        assert found == ()
    else:
        assert len(found) == 1
        assert words in found[0]


def test_public_only_service() -> None:
    """FACTURES_PUBLIQUES is refused to a private supplier and open to a public one."""
    invoice = sent_to(dataset.NO_PARAMETER, "FACTURES_PUBLIQUES")

    assert "FACTURES_PUBLIQUES" in refusals(invoice)[0]
    assert refusals(replace(invoice, seller=dataset.PUBLIC_SUPPLIER)) == ()


def test_the_last_valid_day_of_a_service_counts() -> None:
    """A service receives until the end of its last day, and no longer."""
    invoice = replace(sent_to(dataset.SERVICE_RULES, "EXPIRE"), issued_on=date(2020, 12, 1))

    assert refusals(invoice, date(2020, 12, 31)) == ()
    assert refusals(invoice, date(2021, 1, 1))


@pytest.mark.parametrize(
    "type_code,means,words",
    [
        ("380", ("30",), None),
        ("380", ("58", "30"), None),
        ("380", ("",), "est obligatoire."),
        ("380", ("57",), "(BT-81) non admis"),
        ("380", ("30", "57"), "(BT-81) non admis"),
        ("381", (), None),
        ("381", ("30",), "interdit sur un avoir"),
        ("261", ("30",), "(BT-3)"),
        ("751", ("30",), "(BT-3)"),
    ],
)
def test_type_and_payment_means(type_code: str, means: tuple[str, ...], words: str | None) -> None:
    """An invoice names an admitted payment means, a credit note names none."""
    found = refusals(replace(INVOICE, type_code=type_code, means=means))

    assert found == () if words is None else words in found[0]


def test_a_credit_note_is_an_avoir() -> None:
    """Type 381 is integrated as AVOIR."""
    credit_note = replace(INVOICE, type_code="381", means=())
    outcome = controls.examine(credit_note, DIRECTORY, deposited_on=DAY)

    assert isinstance(outcome, NewInvoice)
    assert outcome.kind == "AVOIR"


@pytest.mark.parametrize(
    "account,accepted",
    [
        ("FR7630001007941234567890185", True),
        ("FR76 3000 1007 9412 3456 7890 185", True),
        ("30001007941234567890185", False),
        ("", False),
        ("fr7630001007941234567890185", False),
    ],
)
def test_an_account_is_an_iban(account: str, accepted: bool) -> None:  # noqa: FBT001 - a table
    """Only what has the shape of an IBAN is taken as an account."""
    assert (refusals(replace(INVOICE, accounts=(account,))) == ()) is accepted


def test_no_account_is_no_fault() -> None:
    """An invoice without account is accepted."""
    assert refusals(replace(INVOICE, accounts=())) == ()


def test_the_date_is_not_after_the_deposit() -> None:
    """An invoice of the day is accepted, one of tomorrow is refused."""
    assert refusals(INVOICE, date(2026, 1, 15)) == ()
    assert "posterieure" in refusals(INVOICE, date(2026, 1, 14))[0]
    assert "(BT-2) illisible" in refusals(replace(INVOICE, issued_on=None))[0]


@pytest.mark.parametrize("term,field", [("BT-12", "contract"), ("BT-13", "engagement")])
def test_references_hold_fifty_characters(term: str, field: str) -> None:
    """Contract and engagement numbers are refused from the fifty-first character."""
    assert refusals(spoiled(field, "9" * 50)) == ()
    assert term in refusals(spoiled(field, "9" * 51))[0]


@pytest.mark.parametrize("field", ["net", "gross", "due"])
@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1e5", "0.1234567", "9" * 20])
def test_amounts_that_are_none(field: str, text: str) -> None:
    """An amount that is absent, no number, or too long is refused."""
    assert len(refusals(spoiled(field, text))) == 1


@given(st.decimals(-(10**12), 10**12, places=2))
def test_amounts_are_exact(amount: Decimal) -> None:
    """Whatever amount of cents is written, it is the amount that is read."""
    assert controls.read_amount(str(amount)) == amount


def test_faults_add_up() -> None:
    """All that is wrong is said at once, in the order of the file."""
    bad = replace(INVOICE, number="#", framework="S1", means=(), service="NULLE_PART")
    texts = refusals(bad)

    assert [text.startswith("SIMULE - ") for text in texts] == [True, True, True, False]


@given(st.lists(st.text(), max_size=8))
def test_a_report_is_short_and_plain(texts: list[str]) -> None:
    """A report never exceeds 200 characters and never bears an accent."""
    report = controls.report(texts)

    assert len(report) <= 200
    assert report.isascii()


def test_a_report_joins_then_cuts() -> None:
    """Texts are joined by a bar, and the cut falls on the whole."""
    assert controls.report(["Facturé", "réglé"]) == "Facture|regle"
    assert controls.report(["a" * 150, "b" * 150]) == "a" * 150 + "|" + "b" * 49
