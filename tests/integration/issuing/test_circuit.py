"""Members under private law: outside this circuit since 1 September 2026."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.offices import YEAR, Desk, open_desk
from worker.audit.verification import verify
from worker.billing.members import Nature
from worker.imports import ImportKind
from worker.imports.history import changed_values, the_file
from worker.issuing.batch import MemberResult
from worker.issuing.check import Readiness, check_year
from worker.issuing.holds import place_hold
from worker.storage import imported

SIRET = "99900007800017"
HEADER = "siret;nom;adresse;code_postal;ville;convention;nature"
ROW = f"{SIRET};Régie exemple;1 rue de l'Exemple;82000;Exemple;CONV-1"
AUTUMN = datetime(YEAR + 1, 9, 1, 8, tzinfo=UTC)


@pytest.fixture(name="desk")
def _desk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Desk:
    """An office in the autumn of 2026, that has not billed yet."""
    desk = open_desk(tmp_path_factory.getbasetemp(), tmp_path)
    desk.clock.now = AUTUMN
    return desk


def results(desk: Desk) -> dict[str, MemberResult]:
    """What the batch does about each."""
    return {one.member.siret: one.result for one in desk.issue()}


def nature(desk: Desk) -> Nature:
    """What the member is now."""
    with desk.app.reading() as session:
        return imported.nature_of(session, SIRET)


@pytest.mark.parametrize(
    "cell,kept",
    [
        ("", Nature.PUBLIC),
        ("Public", Nature.PUBLIC),
        ("SEM", Nature.SEM),
        ("spl", Nature.SPL),
        ("Association", Nature.ASSOCIATION),
        ("Privé", Nature.PRIVATE),
        ("privée", Nature.PRIVATE),
    ],
)
def test_only_public_bodies_are_billed(desk: Desk, cell: str, kept: Nature) -> None:
    """The check and the batch agree."""
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};{cell}")
    public = kept is Nature.PUBLIC
    checked = {one.member.siret: one for one in check_year(desk.app, YEAR, None).members}
    ran = results(desk)

    assert nature(desk) is kept
    assert (checked[SIRET].readiness is Readiness.BLOCKED) is not public
    assert ("MEMBER-PRIVATE" in {one.code for one in checked[SIRET].findings}) is not public
    assert ran[SIRET] is (MemberResult.ISSUED if public else MemberResult.PARKED)
    assert list(ran.values()).count(MemberResult.ISSUED) >= 10


def test_the_day_before_all_are_billed(desk: Desk) -> None:
    """The circuit changed on a day, for the invoices of that day and later."""
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};SEM")
    desk.clock.now = datetime(YEAR + 1, 8, 31, 8, tzinfo=UTC)

    assert results(desk)[SIRET] is MemberResult.ISSUED


def test_what_says_nothing_leaves_the_nature(desk: Desk) -> None:
    """A file without the column, an empty cell; ``public`` says it."""
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};SEM")
    desk.write(ImportKind.MEMBERS, HEADER.removesuffix(";nature"), ROW.replace("1 rue", "2 rue"))
    assert nature(desk) is Nature.SEM
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};")
    assert nature(desk) is Nature.SEM
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};public")

    assert nature(desk) is Nature.PUBLIC


def test_a_changed_nature_is_a_change(desk: Desk) -> None:
    """Told as such, and compared with the kept file like any other."""
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};SEM")
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};association")
    name = max(
        (one.name for one in (desk.folder / "exemples").glob("members-*.csv")), default="members"
    )
    with desk.app.reading() as session:
        ((file_id, file, changes),) = the_file(session, name)
        told = [
            (one.column, one.before, one.after) for one in changed_values(session, file_id, file)
        ]

    assert (changes.added, changes.changed, changes.unchanged) == (0, 1, 0)
    assert told == [("nature", "sem", "association")]
    assert verify(desk.app).findings == ()


def test_one_that_is_billed_elsewhere_is_not_told_again(desk: Desk) -> None:
    """A person left it without invoice here."""
    desk.write(ImportKind.MEMBERS, HEADER, f"{ROW};SEM")
    with desk.app.transaction() as tx:
        place_hold(tx, SIRET, YEAR, "facturée par sa plateforme", never_billed=True)
    checked = {one.member.siret: one for one in check_year(desk.app, YEAR, None).members}

    assert [one.code for one in checked[SIRET].findings] == ["NEVER-BILLED"]
