"""``try``: a rehearsal with one's own members, which reaches nobody."""

import json
import stat
from datetime import date
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, number, open_desk
from worker.accounting.settlements import take_in
from worker.errors import Refused
from worker.imports import ImportKind
from worker.issuing.successions import succeed
from worker.service.demo import STORY
from worker.service.local_portal import STRUCTURES
from worker.service.opening import open_app
from worker.service.trial import Trial, make_trial
from worker.settings.keys import Environment
from worker.storage import imported, invoices, member_years, successions
from worker.storage.source_files import imported_files
from worker.storage.year_amounts import year_amounts


@pytest.fixture(name="desk", scope="module")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Issued, and deposited; of those that are not, one took the place of another."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("try"), issued=4)
    desk.deposit()
    *_, new, old = sorted(case.siret for case in STORY)
    succeed(desk.app, old, new, date(YEAR, 4, 1), "fusion")
    return desk


@pytest.fixture(name="made", scope="module")
def _made(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return make_trial(desk.app, tmp_path_factory.mktemp("essai") / "essai")


def test_the_members_and_their_year_are_those_of_the_installation(desk: Desk, made: Trial) -> None:
    """Every member's year, computed from equal values."""
    trial = open_app(made.config, desk.clock)
    with desk.app.reading() as here, trial.reading() as there:
        sirets = imported.known_sirets(here)
        years = {siret: member_years.member_year(here, siret, YEAR) for siret in sirets}
        tried = {siret: member_years.member_year(there, siret, YEAR) for siret in sirets}

    assert tried.keys() == years.keys()
    for siret, year in years.items():
        assert (tried[siret].member, tried[siret].subscriptions) == (
            year.member,
            year.subscriptions,
        )
        assert [one.users for one in tried[siret].usage] == [one.users for one in year.usage]
        assert tried[siret].references == year.references
        assert tried[siret].elsewhere == year.elsewhere
        assert [one.origin for one in tried[siret].taken_over] == [
            one.origin for one in year.taken_over
        ]


def test_nothing_is_billed_in_it_and_the_past_is_known(desk: Desk, made: Trial) -> None:
    """No invoice; what was billed is there to be compared with, to the cent."""
    trial = open_app(made.config, desk.clock)
    with desk.app.reading() as here, trial.reading() as there:
        billed = year_amounts(here, YEAR).amounts
        known = year_amounts(there, YEAR).amounts
        issued = invoices.tracked(there)

    assert issued == ()
    assert billed
    assert known == billed


def test_nothing_can_leave_it(desk: Desk, made: Trial) -> None:
    """A local portal, no mail, no site, no address of a contact; secrets that open nothing."""
    settings = open_app(made.config, desk.clock).settings
    content = json.loads((made.config.parent / "donnees" / STRUCTURES).read_text("utf-8"))

    assert settings.portal.environment is Environment.LOCAL
    assert settings.portal.local_url == ""
    assert settings.site.folder is None
    assert {one["siret"] for one in content} > imported_sirets(desk)
    assert stat.S_IMODE((made.config.parent / "secrets.toml").stat().st_mode) == 0o600


def imported_sirets(desk: Desk) -> set[str]:
    """All members of the installation."""
    with desk.app.reading() as session:
        return set(imported.known_sirets(session))


def test_payments_stay_behind_and_mergers_come_along(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    """No payment file without its invoices; who is billed for a month is the same as here."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path / "real", issued=1)
    paid = tmp_path / "encaissements.csv"
    paid.write_text(f"facture;date_paiement;montant\n{number(1)};{desk.clock().date()};1\n")
    take_in(desk.app, paid)
    old, new = sorted(imported_sirets(desk))[-2:]
    succeed(desk.app, old, new, date(YEAR, 3, 15), "fusion")
    trial = open_app(make_trial(desk.app, tmp_path / "essai").config, desk.clock)

    with desk.app.reading() as here, trial.reading() as there:
        kinds = {file.kind for _, file in imported_files(there)}
        mergers = [successions.in_force(one).get(old) for one in (here, there)]

    assert ImportKind.SETTLEMENTS not in kinds
    assert mergers[0] is not None
    assert mergers[1] is not None
    assert mergers[1].successor == mergers[0].successor == new


def test_another_folder_is_refused_and_a_trial_replaced(
    desk: Desk, made: Trial, tmp_path: Path
) -> None:
    """What stands in the folder is kept, unless a trial put it there."""
    (tmp_path / "courrier.txt").write_text("à garder")
    with pytest.raises(Refused, match="autre chose qu'un essai"):
        make_trial(desk.app, tmp_path)
    again = make_trial(desk.app, made.config.parent)

    assert (tmp_path / "courrier.txt").read_text() == "à garder"
    assert [one.rows for one in again.imports] == [one.rows for one in made.imports]
