"""The pages of detailed statements: they say what the model says."""

import io
from dataclasses import replace
from datetime import date

import pikepdf
import pytest

from tests.golden.samples import (
    gfu,
    invoice_of,
    line,
    partial_year,
    two_lines,
)
from tests.support.printed_pages import pages, plain, rendered
from worker.billing.consumption import OutsideUse
from worker.billing.document import DocumentKind
from worker.billing.period import Month, Period
from worker.billing.statement import Statement
from worker.formats import Branding, render_all
from worker.formats.french import french_period
from worker.formats.statement_pdf import print_statement


def test_statement_computes_every_amount() -> None:
    """Users by month, price components, computation, total and sources are all in the statement."""
    _, statement = two_lines()
    (text,) = pages(rendered()[DocumentKind.STATEMENT])
    for expected in (
        "État détaillé des prestations 2025",
        "Numéro E2025-00001",
        "Convention CONV-2023-014",
        "Total TTC 3 196,80 €",
        "Utilisateurs 12 12 12 12 12 12 12 12 12 12 12 12 144",
        "part de l’opérateur 9,60 €",
        "participation de l’exploitant 1,80 €",
        "10,80 € TTC par utilisateur et par mois",
        "Prix unitaire TTC 11,40 €",
        "144 utilisateurs × mois à 10,80 € TTC, soit 1 555,20 €",
        "Grilles tarifaires 2023",
        *statement.source_files,
    ):
        assert expected in text


def test_one_single_day_is_no_span() -> None:
    """« le 03/06/2025 », where a span has its two ends."""
    day, end = date(2025, 6, 3), date(2025, 6, 4)

    assert french_period(Period(day, day)) == "le 03/06/2025"
    assert french_period(Period(day, end)) == "du 03/06/2025 au 04/06/2025"


def test_statement_says_the_months_once() -> None:
    """Users that change each month stand in the table, and not in words below it again."""
    users = tuple(range(20, 32))
    invoice, statement = invoice_of(line(users=users))
    (text,) = pages(print_statement(statement, invoice.seller, Branding()))

    assert f"Utilisateurs {' '.join(map(str, users))} 306" in text
    assert "306 utilisateurs × mois à 10,80 € TTC, soit 3 304,80 €" in text
    assert "21 en février" in plain(invoice.lines[0].description)
    assert "en février" not in text


def test_months_without_subscription_are_dashes() -> None:
    """A month outside the subscription shows a dash, which a month with no user does not."""
    (text,) = pages(rendered(lambda: invoice_of(line(users=(4, 0, 3))))[DocumentKind.STATEMENT])

    assert f"Utilisateurs 4 0 3{' –' * 9} 7" in text


def chart_text(statement: Statement) -> str:
    """What the chart says to those who do not see it."""
    page = print_statement(statement, two_lines()[0].seller, Branding())
    with pikepdf.open(io.BytesIO(page)) as pdf:
        (text,) = [
            str(o.Alt) for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/Alt" in o
        ]
    return plain(text)


def test_statement_draws_the_users_of_each_month() -> None:
    """The chart of one service has its users above each month, and says them in words."""
    _, statement = invoice_of(line(users=(4, 0, 3)))
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Branding()))

    assert "Utilisateurs par mois en 2025 4 0 3" in text
    assert "bonnement" not in text
    assert chart_text(statement) == "Utilisateurs par mois en 2025 : janvier 4, février 0, mars 3."


def test_a_sum_over_services_is_not_called_users() -> None:
    """Twelve people with two services are 24 subscriptions, which the chart says in both ways."""
    _, statement = partial_year()
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Branding()))
    said_once = "Une personne qui utilise deux services compte pour deux abonnements."

    assert "Abonnements par mois en 2025, tous services confondus" in text
    assert f"Stockage et sauvegarde Groupement fermé d’utilisateurs {said_once}" in text
    assert "Utilisateurs par mois" not in text
    assert chart_text(statement) == (
        "Abonnements par mois en 2025, tous services confondus : mai 24, juin 24, "
        "juillet 0, août 0, septembre 24, "
        f"octobre 24, novembre 24, décembre 24. {said_once}"
    )


@pytest.mark.parametrize("services", [1, 3, 4])
def test_statement_shades_few_services_only(services: int) -> None:
    """Up to three services have their shade and a legend; more make one undivided bar."""
    _, statement = invoice_of(
        *(line(f"Service {n}, 1 To", service=f"s{n}", users=(n,) * 12) for n in range(services))
    )
    (text, *_) = pages(print_statement(statement, two_lines()[0].seller, Branding()))
    legend = " ".join(f"Service {n}" for n in range(services)) + " Une personne"

    assert (legend in text) == (services == 3)


def test_statement_without_any_user_still_prints() -> None:
    """A year of zeros has a flat chart, not a division by zero."""
    _, statement = invoice_of(line(users=(0,) * 12), gfu())
    idle = replace(statement, lines=statement.lines[:1])

    assert "janvier 0, février 0" in chart_text(idle)


def test_statement_of_another_amount_or_number_is_refused() -> None:
    """An invoice is never printed with a statement it does not quote or agree with (C3)."""
    invoice, statement = two_lines()
    with pytest.raises(ValueError, match="disagree"):
        render_all(invoice, replace(statement, lines=statement.lines[:1]), Branding())
    with pytest.raises(ValueError, match="disagree"):
        render_all(invoice, replace(statement, number="E2025-00002"), Branding())


@pytest.mark.parametrize("billed", [True, False])
def test_what_is_accepted_outside_is_said(*, billed: bool) -> None:
    """In one sentence, on the statement of a member that is billed nothing too."""
    invoice, statement = two_lines()
    outside = OutsideUse(service="stockage", tier=5, month=Month(2025, 3), users=4)
    told = replace(statement, outside=(outside,), lines=statement.lines if billed else ())
    (text,) = pages(print_statement(told, invoice.seller, Branding()))

    assert (
        "Hors abonnement, et donc non facturé : stockage 5 To, 4 utilisateurs (mars 2025)." in text
    )
    assert "Rien n’a été consommé" not in text
