"""The proof of "exactly once" proves something: it passes everywhere, and sees what is wrong."""

import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chaos import books
from chaos.__main__ import main
from chaos.beginnings import begin
from chaos.copies import Copies
from chaos.happenings import Happening, Typing
from chaos.installation import Installation, Secrets
from chaos.invariants import Both, at_the_end
from chaos.killing import PLACES
from chaos.laws import Law
from chaos.plan import WELL, Action, Step, draw
from chaos.rounds import play_round
from chaos.year import doubled, untold
from tests.e2e import warm
from tests.e2e.program import Said, environment, run_to_the_end
from tests.support.intruder import alter
from tests.support.shared import made_once

ROOT = Path(__file__).parents[2]
SECRETS = Secrets.of(0, 0)
Tampering = Callable[[Installation], object]


def chaos(*arguments: str | Path) -> Said:
    """``python -m chaos``, in a process that has imported the program already."""
    return Said(*warm.run([str(one) for one in arguments], environment(), ROOT, _chaos))


def _chaos(words: Sequence[str]) -> None:
    sys.exit(main(words))


@pytest.fixture(name="tour", scope="module")
def _tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Installation]:
    """One round by every named place, and its folder. Read only: copy it to change it."""

    def walk(folder: Path) -> None:
        said = chaos("--tour", "--dir", folder)
        said.keep(folder / "said.json")

    folder = made_once(tmp_path_factory.getbasetemp(), "tour", walk)
    return Said.kept(folder / "said.json"), Installation(folder / "round-0-0")


def test_every_named_place_is_passed(tour: tuple[Said, Installation]) -> None:
    """A trap where nobody comes by would prove nothing, and no law is broken on the way."""
    said = tour[0]
    passed = {
        place: int(count) for count, place in re.findall(r"^ *(\d+)  (.+)$", said.out, re.MULTILINE)
    }

    assert (said.code, set(passed)) == (0, set(PLACES)), said.out + said.err
    assert [place for place, count in passed.items() if not count] == []


def ours(sql: str) -> Tampering:
    """Somebody changes our database."""
    return lambda place: alter(place.database, sql)


def theirs(sql: str) -> Tampering:
    """Somebody changes the portal's ledger."""
    return lambda place: alter(place.ledger, sql)


def _alter_the_archive(place: Installation) -> None:
    with sqlite3.connect(place.database) as connection:
        (sha256,) = connection.execute("SELECT sha256 FROM document LIMIT 1").fetchone()
    (place.archive / sha256[:2] / sha256).write_bytes(b"something else")


def _leak(place: Installation) -> None:
    (place.logs / "99-run.txt").write_text(f"password={SECRETS.password}", "utf-8")


AT_WORK = shutil.ignore_patterns("*-shm", "*-wal")
"""What stands beside a database while another test reads it."""
AN_INTEGRATED_ONE = "id = (SELECT min(id) FROM invoice WHERE status = 'integrated')"
ISSUED_IN_JOURNAL = "DELETE FROM journal_event WHERE tag = 'invoice.issued'"
TAMPERINGS: list[tuple[Law, Tampering]] = [
    (Law.ONCE, theirs("UPDATE invoice SET buyer_siret = (SELECT max(buyer_siret) FROM invoice)")),
    (
        Law.ONCE,
        theirs("UPDATE invoice SET number = 'BSN-2026-00099' WHERE id = 8000001"),
    ),
    (Law.KEPT, theirs("DELETE FROM invoice WHERE id = 8000001")),
    (Law.CONTIGUOUS, ours("UPDATE number_series SET last_value = last_value + 1")),
    (Law.CONTIGUOUS, ours("UPDATE statement SET number = 'ETAT-2026-00009' WHERE id = 1")),
    (Law.SEALED, ours("UPDATE document SET sha256 = 'ff' WHERE id = 1")),
    (Law.SEALED, ours("UPDATE invoice SET issue_date = '2026-01-01' WHERE id = 1")),
    (Law.SEALED, theirs("UPDATE flux SET sha256 = 'ff' WHERE id = 1")),
    (Law.SEALED, _alter_the_archive),
    (Law.SUMS, ours("UPDATE statement SET total_cents = total_cents + 1 WHERE id = 1")),
    (Law.SUMS, theirs("UPDATE invoice SET gross = '0.01' WHERE id = 8000001")),
    (Law.INTENDED, ours("DELETE FROM deposit_attempt WHERE id = 1")),
    (Law.INTENDED, ours("UPDATE deposit_attempt SET started_at = '2027-01-01T00:00:00.000000Z'")),
    (
        Law.JOURNAL,
        ours("UPDATE journal_event SET payload = replace(payload, '3196.80', '3196.90')"),
    ),
    (Law.JOURNAL, ours(ISSUED_IN_JOURNAL)),
    (
        Law.JOURNAL,
        theirs(
            "INSERT INTO invoice_attachment (invoice_id, attachment_id, designation, type_code)"
            " SELECT invoice_id, attachment_id, designation, type_code FROM invoice_attachment"
        ),
    ),
    (Law.APART, ours("UPDATE usage_record SET siret = '99990000000000' WHERE id = 1")),
    (Law.SECRET, _leak),
    (Law.MOVING, ours(f"UPDATE invoice SET status = 'unknown' WHERE {AN_INTEGRATED_ONE}")),
    (Law.MOVING, ours("UPDATE deposit_attempt SET closed_at = NULL WHERE id = 1")),
    (Law.HONEST, ours(f"UPDATE invoice SET status = 'refused' WHERE {AN_INTEGRATED_ONE}")),
    (Law.HONEST, ours(f"UPDATE invoice SET status = 'suspended' WHERE {AN_INTEGRATED_ONE}")),
    (Law.HONEST, ours(f"UPDATE invoice SET cpp_id = 1 WHERE {AN_INTEGRATED_ONE}")),
]


def test_each_law_is_seen_broken(tour: tuple[Said, Installation], tmp_path: Path) -> None:
    """A sound folder breaks no law; whatever somebody changes, on either side, breaks its own."""
    sound = tour[1]
    sealed = books.seals(sound.database)
    assert list(at_the_end(sound, SECRETS, sealed)) == []
    unseen = []
    for rank, (law, tamper) in enumerate(TAMPERINGS):
        place = Installation(tmp_path / str(rank))
        shutil.copytree(sound.folder, place.folder, ignore=AT_WORK)
        tamper(place)
        broken = {breach.law for breach in at_the_end(place, SECRETS, sealed)}
        if law not in broken:
            unseen.append((rank, law, broken))
        shutil.rmtree(place.folder)

    assert unseen == []


A_SECOND = (
    "INSERT INTO invoice (flux_id, flux_number, deposited_on, status, status_at, indexed_at,"
    " seller_siret, seller_name, buyer_siret, buyer_name, service_code, service_name, number,"
    " issued_on, kind, framework, currency, net, gross, due, contract, engagement, preceding)"
    " SELECT flux_id, {flux}, deposited_on, status, status_at, 0, seller_siret, seller_name,"
    " buyer_siret, buyer_name, '', '', 'SAISIE-1', issued_on, kind, framework, currency, net,"
    " gross, due, '', '', '' FROM invoice WHERE id = 8000002"
)
OF_A_YEAR: list[tuple[Law, Tampering]] = [
    (Law.ONCE, theirs(A_SECOND.format(flux="''"))),
    (Law.ONCE, theirs("UPDATE invoice SET number = 'BSN-2026-00099' WHERE id = 8000001")),
    (Law.KEPT, theirs("DELETE FROM status; DELETE FROM invoice WHERE id = 8000002")),
    (Law.TOLD, theirs("UPDATE invoice SET status = 'REJETEE'")),
    (Law.SUMS, theirs("UPDATE invoice SET gross = '0.01' WHERE id = 8000001")),
    (Law.MOVING, ours(f"UPDATE invoice SET status = 'unknown' WHERE {AN_INTEGRATED_ONE}")),
    (Law.HONEST, ours(f"UPDATE invoice SET status = 'refused' WHERE {AN_INTEGRATED_ONE}")),
]


def test_each_difference_is_to_be_told(tour: tuple[Said, Installation], tmp_path: Path) -> None:
    """Over months, what differs breaks its law unless a person reads its number or its member."""
    sound = tour[1]
    unseen = []
    for rank, (law, tamper) in enumerate(OF_A_YEAR):
        place = Installation(tmp_path / str(rank))
        shutil.copytree(sound.folder, place.folder, ignore=AT_WORK)
        tamper(place)
        both = Both.read(place, ahead=timedelta(0))
        everything = {one.number for one in both.ours} | {one.number for one in both.held}
        broken = {breach.law for breach in untold(place, both, ())}
        left = {breach.law for breach in untold(place, both, everything)} - {Law.HONEST}
        if law not in broken or left:
            unseen.append((rank, law, broken, left))

    assert unseen == []
    assert list(untold(sound, Both.read(sound, ahead=timedelta(0)), ())) == []


def test_a_file_beside_a_living_invoice_is_a_double(
    tour: tuple[Said, Installation], tmp_path: Path
) -> None:
    """It was handed over while a search showed another of its member, whoever told of it since."""
    place = Installation(tmp_path / "round")
    shutil.copytree(tour[1].folder, place.folder, ignore=AT_WORK)
    theirs(A_SECOND.format(flux="flux_number"))(place)

    found = list(doubled(Both.read(place, ahead=timedelta(0)), keyed=()))

    assert [breach.law for breach in found] == [Law.ONCE]
    assert list(doubled(Both.read(tour[1], ahead=timedelta(0)), keyed=())) == []


def test_copies_of_the_data_come_and_go(tour: tuple[Said, Installation], tmp_path: Path) -> None:
    """A backup put back is what was; what is lost stays known to the laws; the newer data wins."""
    place = Installation(tmp_path / "round")
    shutil.copytree(tour[1].folder, place.folder, ignore=AT_WORK)
    copies = Copies(place)
    whole = len(books.attempts(place.database))
    copies.change(Happening.FORK, as_files=False)
    copies.change(Happening.BACK_UP, as_files=True)
    alter(
        place.database,
        "DELETE FROM deposit_attempt WHERE id = 1; DELETE FROM journal_event WHERE seq > 3;",
    )

    joined = copies.change(Happening.JOIN, as_files=False)
    after_joining = len(books.attempts(place.database))
    alter(place.database, "DELETE FROM deposit_attempt WHERE id = 1")
    restored = copies.change(Happening.LOSE, as_files=False)

    assert (joined, after_joining) == (True, whole)
    assert (restored, len(books.attempts(place.database))) == (True, whole)
    assert copies.attempts_beside(()) != ()


A_DAY = timedelta(days=1)
MONTHS = replace(
    draw(1138, 0),
    members=2,
    illness=WELL,
    steps=(
        Step(pause=0 * A_DAY, action=Action.RUN),
        Step(pause=A_DAY, action=Action.SERVE, happenings=(Happening.BACK_UP,)),
        Step(pause=A_DAY, action=Action.SERVE, buyer="reject", typing=Typing.NOW),
        Step(pause=A_DAY, action=Action.SERVE, typing=Typing.NOW),
        Step(pause=A_DAY, action=Action.RUN, happenings=(Happening.RESTORE,), typing=Typing.NOW),
    ),
)


def _play_months(words: Sequence[str]) -> None:
    told = play_round(0, seed=0, folder=Path(*words), plan=MONTHS)
    sys.stdout.write(str(told.invoices))
    sys.exit("\n".join(map(str, told.breaches)))


def test_a_backup_is_put_back_after_a_rejection_was_dealt_with(tmp_path: Path) -> None:
    """The portal is beyond the books then; whoever types what is printed breaks no law."""
    said = Said(*warm.run([str(tmp_path)], environment(), ROOT, _play_months))

    assert said.err.strip() == ""
    assert int(said.out) > MONTHS.members


def test_rounds_side_by_side_end_with_one_line(tmp_path: Path) -> None:
    """Undisturbed by each other, on either portal, they leave no folder behind when all is well."""
    drawn = ("--seed", "407", "--jobs", "2", "--dir", tmp_path)
    rounds = {"sandbox": 2, "second": 1}

    ends = [chaos("--portal", one, "--rounds", str(rounds[one]), *drawn) for one in rounds]

    line = (
        r"([12]) rounds?, \d+ kills, \d+ faults, \d+ invoices: 0 × duplicate, 0 × loss, 0 × gap; "
        r"journal verified \1/\1\n"
    )

    assert [said.code for said in ends] == [0, 0], [said.out + said.err for said in ends]
    assert all(re.fullmatch(line, said.out) for said in ends)
    assert [path.name for path in tmp_path.iterdir()] == ["beginnings"]


SEED, ROUND = 56, 11
"""In it a deposit becomes uncertain, and its reports are asked for."""


def _begin(words: Sequence[str]) -> None:
    kept = Path(*words)
    begin(draw(SEED, ROUND), kept / "round", kept)


@pytest.fixture(name="begun", scope="module")
def _begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How the round begins, made by the sound program. Read only."""

    def make(folder: Path) -> None:
        folder.mkdir()
        said = Said(*warm.run([str(folder)], environment(), ROOT, _begin))
        assert said.code == 0, said.err
        shutil.rmtree(folder / "round")

    return made_once(tmp_path_factory.getbasetemp(), "begun", make)


@pytest.fixture(name="copy")
def _copy(begun: Path, tmp_path: Path) -> Path:
    """The program beside its proof, to be spoiled; the round begins as with the sound one."""
    shutil.copytree(begun, tmp_path / "rounds" / "beginnings")
    for name in ("chaos", "worker", "chorus_sandbox", "schemas", "config"):
        # With what Python has compiled: only the spoiled file is compiled again.
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc.*"))
    return tmp_path


def replayed(copy: Path) -> Said:
    """The round with the program that is in a folder."""
    words = ["--seed", str(SEED), "--round", str(ROUND), "--dir", str(copy / "rounds")]
    command = [sys.executable, "-m", "chaos", *words]
    return run_to_the_end(command, env=environment(), cwd=copy)


def test_a_program_that_sends_again_blindly_is_found_out(copy: Path) -> None:
    """One more call after an uncertain one: exit 1, the file that nobody meant, and the replay."""
    path = copy / "worker" / "transmission" / "deposit.py"
    source = path.read_text("utf-8")
    call = re.search(r"    answer = portal\.deposit\(.*\)\n", source)
    assert call is not None
    again = f"    if answer.outcome is DepositOutcome.UNKNOWN:\n    {call[0]}"
    path.write_text(source.replace(call[0], call[0] + again), "utf-8")

    said = replayed(copy)

    assert said.code == 1, said.out + said.err
    assert "round 11: deposit without intent: flux CPP" in said.out
    assert "python -m chaos --seed 56 --round 11 " in said.out
    assert (copy / "rounds" / "round-56-11" / "portail.sqlite").exists()


def test_a_program_that_crashes_is_found_out(copy: Path) -> None:
    """A command that ends with a defect of ours breaks a law of its own, whatever else holds."""
    path = copy / "worker" / "transmission" / "integration.py"
    source = path.read_text("utf-8")
    call = "    _ask_reports(app, portal, report, stop)\n"
    assert call in source
    path.write_text(source.replace(call, f'    raise LookupError("spoiled")\n{call}'), "utf-8")

    said = replayed(copy)

    assert said.code == 1, said.out + said.err
    assert re.search(r"round 11: crash: \d+-follow\.txt ended with 70", said.out), said.out
