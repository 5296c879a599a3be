"""The report of a campaign: one page, whatever it holds, the same bytes for the same books."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pikepdf
import pytest

from tests.support.printed_pages import pages
from worker.billing.checkpoint import Sum
from worker.billing.journal import JournalHead
from worker.billing.money import Money
from worker.formats import Branding
from worker.formats.campaign_report import CampaignReport, HeldMember, print_report

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HASH = "0123456789abcdef" * 4
REPORT = CampaignReport(
    year=2025,
    seller=("Syndicat mixte fictif", "99990000400014"),
    ended_at=AT,
    actor="facturation@serveur:12",
    members=(("Facturés", 11), ("Retenus", 1)),
    invoices=Sum(count=11, total=Money(10229364)),
    credit_notes=Sum(count=1, total=Money(100)),
    states=(("Facture déposée", Sum(count=11, total=Money(10229364))),),
    held=(
        HeldMember(
            name="Commune fictive d'Ailleurs",
            siret="99980908000016",
            reasons=("la structure exige un numéro d'engagement", "autre"),
        ),
    ),
    checkpoint=JournalHead(seq=70, hash=HASH),
    placed_at=AT,
    anchor=("CN=Horodatage fictif", AT),
    written_at=AT,
)


def test_the_page_says_what_was_billed_who_is_held_and_where_the_journal_is() -> None:
    """Everything that an auditor compares later is on it."""
    (text,) = pages(print_report(REPORT, Branding()))
    for expected in (
        "Campagne de facturation 2025",
        "SIRET 999 900 004 00014",
        "facturation@serveur:12",
        "05/01/2026 10:00:00",
        "Factures émises 11 102 293,64 €",
        "Avoirs émis 1 1,00 €",
        "Facture déposée 11 102 293,64 €",
        "Net TTC 102 292,64 €",
        "Commune fictive d’Ailleurs",
        "la structure exige un numéro d’engagement (et 1 autre motif)",
        "n° 70",
        HASH,
        "par CN=Horodatage fictif",
    ):
        assert expected in text


def test_a_campaign_that_held_back_everybody_is_one_page() -> None:
    """Long names, long reasons, every state: the rest of the members is counted."""
    member = HeldMember(
        name="W" * 99, siret="99980908000016", reasons=("très longue raison " * 20, "autre")
    )
    states = tuple((f"Facture d'un état long {n}", Sum(count=n, total=Money(n))) for n in range(20))
    crowded = replace(
        REPORT, held=(member,) * 500, states=states, anchor=("CN=" + "autorité " * 30, AT)
    )
    (text,) = pages(print_report(crowded, Branding()))

    assert "… et 497 autres membres" in text


@pytest.mark.parametrize("states", [0, 7, 13, 20])
def test_each_number_of_states_leaves_room_for_as_many_held(states: int) -> None:
    """The two lists share one page."""
    member = HeldMember(name="W" * 70, siret="99980908000016", reasons=("M" * 110, "autre"))
    listed = tuple(("Facture dans un état", Sum(count=1, total=Money(1))) for _ in range(states))
    report = replace(REPORT, held=(member,) * 500, states=listed)

    assert len(pages(print_report(report, Branding()))) == 1


def test_a_campaign_without_trouble_says_so() -> None:
    """Nobody held, no time-stamp."""
    (text,) = pages(print_report(replace(REPORT, held=(), anchor=None), Branding()))

    assert "Aucun membre n’est retenu." in text
    assert "Horodaté non" in text


def test_a_character_that_no_font_has_is_replaced() -> None:
    """It may be why the member is held."""
    held = HeldMember(name="Commune 中文", siret="99980908000016", reasons=("illisible : 中",))
    (text,) = pages(print_report(replace(REPORT, held=(held,)), Branding()))

    assert "Commune ??" in text


def test_the_same_books_give_the_same_bytes() -> None:
    """Archival and accessible by its own claims, French, with its title."""
    page = print_report(REPORT, Branding())
    with pikepdf.open(io.BytesIO(page)) as pdf, pdf.open_metadata() as metadata:
        claims = {key: metadata.get(key) for key in ("pdfaid:part", "pdfaid:conformance")}
        ua, title, language = metadata.get("pdfuaid:part"), metadata.get("dc:title"), pdf.Root.Lang

    assert page == print_report(REPORT, Branding())
    assert claims == {"pdfaid:part": "3", "pdfaid:conformance": "A"}
    assert (ua, title, str(language)) == ("1", "Campagne de facturation 2025", "fr-FR")
