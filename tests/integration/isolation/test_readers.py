"""Each reader of hostile bytes, under each of its bounds: one sentence, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.failing_reader import FAULTS
from tests.support.imports_workbooks import package, xlsx, xlsx_row
from tests.support.processes import children, is_gone
from tests.support.validation_samples import cii_xml, facturx_pdf, ubl_xml
from worker.billing.standard import Schema
from worker.errors import ImportRefused, WorkerError
from worker.formats.logo import logo_problem
from worker.imports import fingerprint
from worker.imports.spreadsheet import tables
from worker.isolation.child import Child, ChildFailed, remove_left_behind
from worker.isolation.limits import LOGO, PDF, PROGRAMS, VALIDATION, WORKBOOK, Program
from worker.validation.files.pdf import read_hybrid
from worker.validation.files.profiles import UBL_RULES
from worker.validation.official.service import ValidationService

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
FAILING = "tests.support.failing_reader"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this test; children find the modules of the tests."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def read_official(fault: str, program: Program, _folder: Path) -> str:
    """What official validation says of a document."""
    with ValidationService(program=program) as service:
        try:
            (report,) = service.check(fault.encode(), [Schema.CII])
        except ChildFailed as stopped:
            return stopped.message
    assert not report.valid
    return " ".join(finding.message for finding in report.findings)


def read_pdf(fault: str, program: Program, _folder: Path) -> str:
    """What the verdict on a PDF says of it."""
    with pytest.raises(WorkerError) as stopped:
        read_hybrid(fault.encode(), program)
    return stopped.value.message


def read_workbook(fault: str, program: Program, folder: Path) -> str:
    """What an import says of a workbook."""
    path = xlsx(folder / f"{fault}.xlsx", {"A": xlsx_row(1, ("a", "b"))})
    with pytest.raises(WorkerError) as stopped:
        list(tables(fingerprint(path), program))
    return stopped.value.message.replace("\u00a0", " ")


def read_logo(fault: str, program: Program, _folder: Path) -> str:
    """What is said of a logo: an image whose name for the fault stands behind its drawing."""
    try:
        said = logo_problem(FAULTY_LOGO % fault.encode(), program)
    except WorkerError as error:
        said = error.message
    return f"Le logo {said}"


Read = Callable[[str, Program, Path], str]
FAULTY_LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"/><!--/%s.-->'
READERS: dict[Program, tuple[Read, str]] = {
    VALIDATION: (read_official, "document"),
    PDF: (read_pdf, "PDF"),
    WORKBOOK: (read_workbook, "« {}.xlsx »"),
    LOGO: (read_logo, "logo"),
}
REASONS = {
    "memory": "demande trop de mémoire, plus de {memory} Go",
    "abort": "demande trop de mémoire, plus de {memory} Go",
    "spin": "trop",
    "sleep": "dure trop longtemps, plus de 0 s",
    "crash": "interrompue sans résultat",
    "exit": "interrompue sans résultat",
    "killed": "faute de mémoire sur la machine",
    "words": "résultat incompréhensible",
    "shape": "résultat incompréhensible",
    "nested": "résultat incompréhensible",
    "endless": "résultat incompréhensible",
    "cut": "résultat incompréhensible",
}


UNBLAMED = re.compile("trop de mémoire|ne démarre pas")


def complaint(read: Callable[[T], object], given: T) -> str:
    """What is said when a document is not read, or nothing; findings count."""
    try:
        answer = read(given)
    except WorkerError as error:
        return error.message
    reports = answer if isinstance(answer, tuple) else ()
    return " ".join(found.message for report in reports for found in report.findings)


def test_each_reader_and_each_fault_is_tried() -> None:
    """The table of the program is the one that the next test goes through."""
    assert set(READERS) == set(PROGRAMS)
    assert set(REASONS) == set(FAULTS)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.module)
def test_a_reader_is_a_module_that_prepares(program: Program) -> None:
    """The table names modules of the layers above, which it cannot import."""
    assert callable(import_module(program.module).prepare)


@pytest.mark.parametrize("fault", REASONS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.module)
def test_a_reader_that_fails_ends_in_one_sentence(
    program: Program, fault: str, tmp_path: Path, temporary: Path
) -> None:
    """Memory, processor, wall clock, a signal or nonsense: the document and the reason are told."""
    before = children()
    read, subject = READERS[program]
    # A bound that is not the one tried must not be met first on a slow machine.
    waited = 0 if fault == "sleep" or (fault == "spin" and not program.bounds.processor) else 600
    short = replace(program.bounds, wall=waited, processor=program.bounds.processor and 1)

    said = read(fault, Program(FAILING, short), tmp_path)

    memory = f"{program.bounds.memory / 10**9:g}".replace(".", ",")

    assert subject.format(fault) in said
    assert REASONS[fault].format(memory=memory) in said
    assert said.count(". ") == 0
    assert list(temporary.iterdir()) == []
    assert children() == before


@pytest.mark.parametrize("fault", ["spin", "memory"])
def test_a_child_that_is_left_alone_goes_away(fault: str, temporary: Path) -> None:
    """Whatever it was doing, the end of the block ends it and removes its folder."""
    before = children()
    with Child(Program(FAILING), subject="x") as child:
        child.request(fault.encode())

    assert list(temporary.iterdir()) == []
    assert children() == before


def test_a_child_that_cannot_start_blames_no_document(tmp_path: Path, temporary: Path) -> None:
    """Its error is one of the installation or the machine, for each reader."""
    path = xlsx(tmp_path / "a.xlsx", {"A": xlsx_row(1, ("a", "b"))})
    absent = Program("absent")

    for read in (
        lambda: read_hybrid(b"x", absent),
        lambda: list(tables(fingerprint(path), absent)),
    ):
        with pytest.raises(ChildFailed, match="ne démarre pas"):
            read()

    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("megabytes", range(30, 130, 10))
def test_a_starved_reader_never_blames_the_document(megabytes: int, tmp_path: Path) -> None:
    """From too little to start up to enough, a good PDF and a good workbook are never damaged."""
    path = xlsx(
        tmp_path / "a.xlsx", {"A": "".join(xlsx_row(n, (f"texte {n}", n)) for n in range(1, 5000))}
    )
    content, source = facturx_pdf(cii_xml()), fingerprint(path)
    said = []

    for program, read in (
        (PDF, lambda starved: read_hybrid(content, starved)),
        (WORKBOOK, lambda starved: [list(table.rows) for table in tables(source, starved)]),
    ):
        bounds = replace(program.bounds, memory=megabytes * 10**6)
        said.append(complaint(read, replace(program, bounds=bounds)))

    assert all(not words or UNBLAMED.search(words) for words in said), said


@pytest.mark.parametrize("megabytes", range(100, 240, 20))
def test_a_starved_validator_never_blames_the_document(megabytes: int) -> None:
    """Nor is a lack of memory told as a broken rule or an altered schema."""
    bounds = replace(VALIDATION.bounds, memory=megabytes * 10**6)
    with ValidationService(program=replace(VALIDATION, bounds=bounds)) as service:
        said = complaint(lambda rules: service.check(ubl_xml(), rules), UBL_RULES)

    assert not said or UNBLAMED.search(said), said


def test_a_child_has_no_secret_and_its_own_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its environment is what it needs to find its modules and its folder."""
    monkeypatch.setenv("CHORUS_WORKER_SECRET", "s3cret")
    before = children()
    with Child(Program(FAILING), subject="x") as child:
        child.request(b"sleep")
        (pid,) = children() - before
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3]

    assert {entry.partition(b"=")[0] for entry in environment if entry} == {
        b"PYTHONPATH",
        b"TMPDIR",
    }
    assert int(session) == pid


def test_only_this_mechanism_reads_hostile_bytes_in_a_process() -> None:
    """The room of isolation and the local portal alone start processes."""
    starting = {
        str(path.relative_to(ROOT / "worker"))
        for path in (ROOT / "worker").rglob("*.py")
        if "import subprocess" in path.read_text("utf-8")
    }

    assert starting == {"isolation/child.py", "service/local_portal.py"}


def test_many_listings_of_one_sheet_end_within_the_bounds(tmp_path: Path) -> None:
    """Ninety-nine names of one large sheet without header cost what the processor bound allows."""
    big = "".join(xlsx_row(n, ("x", n, n, n, n)) for n in range(1, 30_000))
    path = xlsx(tmp_path / "a.xlsx", {"S": big} | {f"S{n}": "" for n in range(1, 99)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    links = "xl/_rels/workbook.xml.rels"
    package(path, parts | {links: re.sub(rb"sheet\d+\.xml", b"sheet1.xml", parts[links])})
    bounds = replace(WORKBOOK.bounds, processor=1)

    with pytest.raises(ImportRefused, match="1 s de processeur"):
        [list(table.rows) for table in tables(fingerprint(path), replace(WORKBOOK, bounds=bounds))]


PARENT = """
import time
from tests.support.processes import children
from worker.isolation.limits import Program
from worker.isolation.child import Child
child = Child(Program("tests.support.failing_reader"), subject="x")
child.request(b"")
child.receive(bytes)
print(*children(), flush=True)
time.sleep(600)
"""


def test_a_child_outlives_no_program_that_is_killed(temporary: Path) -> None:
    """It reads the end of its input, removes the folder in place of its program, and ends."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        pid = int(parent.stdout.readline())
        parent.kill()

    assert is_gone(pid)
    assert list(temporary.iterdir()) == []


def made_old(folder: Path) -> None:
    """As if it had been there for an hour."""
    os.utime(folder, (time.time() - 3600,) * 2)


def test_what_both_left_when_they_were_killed_is_removed_by_the_next(temporary: Path) -> None:
    """The child has no time to remove its folder either, as one that the system starves."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        pid = int(parent.stdout.readline())
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
        os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    (left,) = temporary.iterdir()
    young = Child(Program(FAILING), subject="x")
    young.end()
    was_there = left.exists()
    made_old(left)
    Child(Program(FAILING), subject="x").end()

    assert was_there
    assert list(temporary.iterdir()) == []


def test_no_folder_is_removed_that_is_in_use_or_is_not_one_of_a_child(
    tmp_path: Path, temporary: Path
) -> None:
    """Of a living child, of a child whose program died; a link, and what holds no such file."""
    target = tmp_path / "target"
    for folder in (target, temporary / "chorus-worker-other"):
        folder.mkdir()
    (target / "stderr").touch()
    (temporary / "chorus-worker-link").symlink_to(target)
    with Child(Program(FAILING), subject="x") as living:
        living.request(b"sleep")
        for folder in temporary.iterdir():
            made_old(folder)
        before = set(temporary.iterdir())
        remove_left_behind(temporary)
        after = set(temporary.iterdir())

    assert after == before
    assert len(before) == 3
    assert (target / "stderr").exists()
