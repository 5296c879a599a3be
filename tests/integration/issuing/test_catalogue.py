"""The eight services of the convention's bouquet, priced in every shape, over the real batch."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.dossier import verify
from worker.audit.dossier.build import build_dossier
from worker.audit.explanation import explain
from worker.audit.recomputation import recompute
from worker.billing.invoice import Invoice
from worker.billing.money import Money
from worker.errors import ImportRefused, WorkerError
from worker.imports import ImportKind
from worker.issuing.prepare import Prepared, preview_year
from worker.service.demo import STORY
from worker.storage import invoices
from worker.validation.rules import check_draft

EXAMPLE = Path(__file__).parents[3] / "config" / "catalogue.toml"
MEMBER = STORY[0].siret
SUBSCRIBED = (
    "achats;1;01/03/2025;",
    "formation;1;01/01/2025;",
    "collaboratif;2;15/02/2025;31/05/2025",
    "sig;1;01/06/2025;",
    "ged;1;01/01/2025;",
    "citoyens;1;01/11/2025;",
    "consultation;1;01/01/2025;30/09/2025",
)
UNITS = ("2025-03-12;2;FORM-12", "14/05/2025;0,5;FORM-31")
DOCUMENTS = [500] * 11 + [0]
REQUESTS = {11: 99, 12: 100}
OWED = {
    "achats": 25000,
    "formation": 113750,
    "collaboratif": 4 * 4300,
    "sig": 58333,
    "ged": 50000 + 4000 * 30 + 500 * 10,
    "citoyens": 99 * 80 + 100 * 60,
    "consultation": 36000,
}
"""In cents, each by hand from the example grid."""


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office whose grid is the example, one of whose members has subscribed to everything."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    shutil.copy(EXAMPLE, desk.folder / "tarifs" / EXAMPLE.name)
    subscribed = (f"{MEMBER};{line.replace(';', ';;', 1)}" for line in SUBSCRIBED)
    desk.write(ImportKind.SUBSCRIPTIONS, "SIRET;Service;Palier;Categorie;Debut;Fin", *subscribed)
    months = [f"{MEMBER};ged;{YEAR}-{n:02d};{users}" for n, users in enumerate(DOCUMENTS, 1)]
    months += [f"{MEMBER};citoyens;{YEAR}-{n};{users}" for n, users in REQUESTS.items()]
    desk.write(ImportKind.USAGE, "SIRET;Service;Mois;Utilisateurs", *months)
    units(desk, *UNITS)
    desk.write(ImportKind.POPULATION, "SIRET;Annee;Habitants", f"{MEMBER};{YEAR};3421")
    return desk


def units(desk: Desk, *rows: str, service: str = "formation") -> None:
    """Import dated units of the member."""
    told = (f"{MEMBER};{service};{row}" for row in rows)
    desk.write(ImportKind.UNITS, "SIRET;Service;Date;Quantité;Référence", *told)


def prepared(desk: Desk) -> Prepared:
    """The member's year, as the batch would bill it."""
    return next(one for one in preview_year(desk.app, YEAR) if one.member.siret == MEMBER)


def issued(desk: Desk) -> tuple[int, Invoice]:
    """The member's invoice."""
    with desk.app.reading() as session:
        current = invoices.current(session, MEMBER, YEAR)
        assert current is not None
        return current.id, invoices.content(session, current.id)


def owed(prepared: Prepared) -> Mapping[str, int]:
    """Cents of each service of the catalogue."""
    sums: dict[str, int] = {}
    for line in prepared.lines:
        if line.service in OWED:
            sums[line.service] = sums.get(line.service, 0) + line.total.cents
    return sums


def test_every_service_of_the_bouquet_is_billed_as_by_hand(desk: Desk) -> None:
    """Each shape gives what a person computes with the grid in hand, and nothing is found."""
    year = prepared(desk)

    assert (owed(year), year.findings) == (OWED, ())
    assert year.draft is not None
    assert check_draft(year.draft) == ()


def test_each_line_is_explained_in_one_sentence(desk: Desk) -> None:
    """What is counted, at which price, of which grid, and what it comes to."""
    said = {
        line.service: line.explanation.replace("\u00a0", " ").replace("\u202f", " ")
        for line in prepared(desk).lines
    }

    assert said["formation"] == (
        "2 jours le 12/03/2025 (FORM-12) + 0,5 jour le 14/05/2025 (FORM-31), soit 2,5 jours à "
        "455,00 € TTC par jour, grille exemple-2025, soit 1 137,50 €"
    )
    assert said["sig"] == (
        "7 mois d'abonnement (de juin à décembre) à 1 000,00 € TTC pour 12 mois, grille "
        "exemple-2025, soit 583,33 €"
    )
    assert said["achats"] == (
        "abonnement de mars à décembre, prix entier de l'année 250,00 € TTC, quel que soit le "
        "nombre de mois, grille exemple-2025, soit 250,00 €"
    )
    assert said["consultation"] == (
        "3 421 habitants en 2025, tranche à partir de 2 000 ; 9 mois d'abonnement (de janvier à "
        "septembre) à 480,00 € TTC pour 12 mois, grille exemple-2025, soit 360,00 €"
    )
    assert said["citoyens"].endswith(
        "100 demandes en décembre, soit 100 demandes à 0,60 € TTC par demande, grille "
        "exemple-2025, soit 60,00 €"
    )


def test_what_was_issued_is_given_again_by_its_rows(desk: Desk) -> None:
    """The recomputation finds every figure in the imported rows, and the explanation its row."""
    desk.issue()
    invoice_id, invoice = issued(desk)
    (found,) = recompute(desk.app.store, only=[invoice_id])
    with desk.app.reading() as session:
        told = explain(session, invoice.number)

    assert found.findings == ()
    assert invoice.decisions == ("Délibération fictive n° 2024-99 du 10/12/2024",)
    (training,) = [one for one in told.explanation.lines if one.rated.service == "formation"]

    assert [one.origin and one.origin.row for one in training.counted] == [2, 3]
    assert [one.subscription is not None for one in training.counted] == [True, True]


def test_the_dossier_of_the_year_is_verified_and_shows_every_step(
    desk: Desk, tmp_path: Path
) -> None:
    """The published verifier finds each figure in its rows, and the page tells units and months."""
    desk.issue()
    _, invoice = issued(desk)
    folder = tmp_path / "dossier"
    build_dossier(desk.app, YEAR, folder)
    command = [sys.executable, "-I", str(folder / verify.PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    page = (folder / "factures" / f"{invoice.number}.html").read_text("utf-8")

    assert done.returncode == 0, done.stdout
    assert "FORM-31" in page
    assert "2,5" in page
    assert "Délibération fictive" in (folder / "grilles.html").read_text("utf-8")


def test_a_half_day_is_credited_alone(desk: Desk) -> None:
    """Half a day of training is taken back at its price, and the rest can be, to the cent."""
    desk.issue()
    _, invoice = issued(desk)
    (line,) = [one for one in invoice.lines if one.item == "formation"]

    half = {line.identifier: Decimal("0.5")}
    note = desk.credit(invoice.number, deposits=False, quantities=half)
    rest = desk.credit(invoice.number, deposits=False)

    assert note.total == Money(22750)
    assert note.total + rest.total == invoice.totals.payable


def test_a_unit_of_a_billed_year_is_refused(desk: Desk) -> None:
    """An issued invoice rests on the units of its year: a new one is refused, with its number."""
    desk.issue()

    with pytest.raises(ImportRefused) as refused:
        units(desk, "2025-12-01;1;FORM-99")

    assert [finding.code for finding in refused.value.findings] == ["IMPORT-BILLED"]


@pytest.mark.parametrize(
    "rows,service,code",
    [
        (["2025-03-13;1;FORM-13"], "inconnu", "UNIT-OUTSIDE"),
        (["2025-06-13;1;SIG-1"], "sig", "USAGE-SHAPE"),
    ],
)
def test_units_that_no_line_counts_are_found(
    desk: Desk, rows: list[str], service: str, code: str
) -> None:
    """A unit outside a subscription, or of a service at another price, holds the member back."""
    units(desk, *rows, service=service)

    assert [finding.code for finding in prepared(desk).findings] == [code]


def test_a_unit_is_cancelled_by_a_zero(desk: Desk) -> None:
    """The same day and reference with 0 takes the unit out of the year."""
    units(desk, "2025-05-14;0;FORM-31")

    assert owed(prepared(desk))["formation"] == 2 * 45500


def test_without_population_the_price_is_asked_for(desk: Desk) -> None:
    """A band of inhabitants without inhabitants is a finding, never the first band."""
    desk.write(
        ImportKind.SUBSCRIPTIONS,
        "SIRET;Service;Palier;Categorie;Debut;Fin",
        f"{STORY[1].siret};consultation;;1;01/01/2025;",
    )
    other = next(one for one in preview_year(desk.app, YEAR) if one.member.siret == STORY[1].siret)

    assert "POPULATION-MISSING" in [finding.code for finding in other.findings]


def test_a_day_to_come_is_no_unit_yet(desk: Desk) -> None:
    """A training day of next month is refused: it is not done."""
    after = date(desk.clock.now.year, desk.clock.now.month, 28)

    with pytest.raises(WorkerError) as refused:
        units(desk, f"{after.isoformat()};1;FORM-40")

    assert [finding.code for finding in refused.value.findings] == ["IMPORT-FUTURE"]
