"""The sandbox as a process of its own."""

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Self

import pytest
import requests

from chaos import pace
from chorus_sandbox import SandboxCredentials
from chorus_sandbox.command import main
from chorus_sandbox.integration.lots import LARGEST_LOT, MOST_FILES
from chorus_sandbox.ledger.ledger import read_fluxes, read_injections
from tests.support import dataset
from tests.support.processes import signal_thread
from tests.support.sandbox_documents import CII, UBL, numbered
from tests.support.sandbox_portal import (
    CREDENTIALS,
    DEPOSIT,
    HISTORY,
    REPORT,
    SEARCH,
    Portal,
    body_of,
)
from worker.service import local_portal


class Process:
    """A sandbox as an operator runs it."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        module: str = "chorus_sandbox",
    ) -> None:
        command = [sys.executable, "-m", module, *(["sandbox"] if module == "worker" else [])]
        command += ["--port", "0", "--data", str(data)]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=os.environ | dict(environment or {}),
        )
        assert self.process.stdout
        self.portal = Portal(url=json.loads(self.process.stdout.readline())["url"], data=data)
        self.portal.enter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.portal.session.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def end(self, number: signal.Signals) -> tuple[int, bytes, bytes]:
        """Sends a signal; the exit code and what was written since the first line."""
        self.process.send_signal(number)
        code = pace.ended(self.process, seconds=10)
        assert self.process.stdout
        assert self.process.stderr
        return code, self.process.stdout.read(), self.process.stderr.read()


@pytest.mark.parametrize("module", ["chorus_sandbox", "worker"])
@pytest.mark.parametrize("arguments", [[], ["--exit-with-parent"]])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_and_silently(
    tmp_path: Path, number: signal.Signals, arguments: list[str], module: str
) -> None:
    """A signal ends it with code 0, however it was started; it wrote its one line only."""
    with Process(tmp_path / "x.db", *arguments, module=module) as running:
        running.portal.verdict(b"%PDF-1.7 junk", "IN_DP_E2_CII_FACTURX")
        assert running.end(number) == (0, b"", b"")


@pytest.mark.parametrize("rank", range(3))
def test_it_ends_whichever_thread_hears_the_signal(tmp_path: Path, rank: int) -> None:
    """The system chooses the thread: the main one, the listener, or that of a connection."""
    with Process(tmp_path / "x.db", "--exit-with-parent") as running:
        signal_thread(running.process.pid, signal.SIGTERM, rank)

        assert pace.ended(running.process, seconds=10) == 0


def test_a_killed_process_forgets_nothing(tmp_path: Path) -> None:
    """After a kill, the next process knows the deposit and the token, and goes on counting."""
    data = tmp_path / "x.db"
    with Process(data) as first:
        number = first.portal.deposit(CII)
        first.process.kill()
        first.process.wait()
        with Process(data) as second:
            second.portal.session.headers = first.portal.session.headers
            report = second.portal.call(REPORT, numeroFluxDepot=number)
            assert report["etatCourantDepotFlux"] == "IN_INTEGRE"
            assert second.portal.deposit(UBL, "IN_DP_E1_UBL_INVOICE")[10:] == f"{2:015d}"


def test_two_processes_share_the_file(tmp_path: Path) -> None:
    """What is deposited at one is reported by the other, and no number is given twice."""
    data = tmp_path / "x.db"
    with Process(data) as first, Process(data) as second:
        numbers = [
            process.portal.deposit(numbered(f"FA-{rank}-{side}"))
            for rank in range(5)
            for side, process in enumerate((first, second))
        ]
        assert len(set(numbers)) == 10
        for number in numbers:
            report = second.portal.call(REPORT, numeroFluxDepot=number)
            assert report["etatCourantDepotFlux"] == "IN_INTEGRE"
        assert first.portal.call(SEARCH)["parametresRetour"]["total"] == 10


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """When told so, it ends as soon as its standard input closes."""
    with Process(tmp_path / "x.db", "--exit-with-parent") as running:
        assert running.process.stdin
        running.process.stdin.close()
        assert pace.ended(running.process, seconds=10) == 0


def test_verbose_lines_hold_no_secret(tmp_path: Path) -> None:
    """One line per request on standard error: method, path, status, time, and no more."""
    with Process(tmp_path / "x.db", "--verbose") as running:
        running.portal.call(SEARCH)
        _, output, errors = running.end(signal.SIGTERM)
    lines = errors.decode().splitlines()

    assert output == b""
    assert [line.split()[:3] for line in lines] == [
        ["POST", "/api/oauth/token", "200"],
        ["POST", SEARCH, "200"],
    ]
    assert all(len(line.split()) == 5 for line in lines)


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    """A variable replaces a public default, and the default no longer works."""
    environment = {"CHORUS_SANDBOX_PASSWORD": "autre"}
    with Process(tmp_path / "x.db", environment=environment) as running:
        assert running.portal.post(SEARCH, {}).status_code == 401
        account = base64.b64encode(f"{CREDENTIALS.account}:autre".encode()).decode()
        running.portal.session.headers["cpro-account"] = account
        running.portal.call(SEARCH)


@pytest.mark.parametrize(
    "arguments",
    [["--directory", "/nulle/part.json"], ["--faults", "/nulle/part.json"], ["--data", "/"]],
)
def test_it_says_why_it_cannot_start(tmp_path: Path, arguments: list[str]) -> None:
    """A file that cannot be used gives code 2 and a sentence, without a trace."""
    command = [sys.executable, "-m", "chorus_sandbox", "--port", "0"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "x.db"), *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=pace.limit(20),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    wrong, remedy = done.stderr.splitlines()

    assert wrong.startswith("Erreur : ")
    assert arguments[1] in wrong
    assert remedy.startswith("À faire : ")


def test_a_drop_leaves_the_flux_on_disk_whatever_dies_next(tmp_path: Path) -> None:
    """The connection breaks after the record: killed at that instant, the sandbox has the flux."""
    data = tmp_path / "x.db"
    with Process(data) as running:
        running.portal.arm("drop_after", routes="*/deposer/flux")
        with pytest.raises(requests.ConnectionError):
            running.portal.post(DEPOSIT, body_of(CII))
        running.process.kill()
        running.process.wait()
    (flux,) = read_fluxes(data)
    (injected,) = read_injections(data)

    assert injected.flux_number == flux.number


def test_a_ledger_that_breaks_is_said_without_a_trace(tmp_path: Path) -> None:
    """When the file cannot be used any more, callers get a 500 and the operator a sentence."""
    data = tmp_path / "x.db"
    with Process(data) as running:
        with closing(sqlite3.connect(data)) as connection:
            connection.execute("DROP TABLE status")
        assert running.portal.deposit(CII)
        assert running.portal.post(SEARCH, {}).status_code == 500
        _, _, errors = running.end(signal.SIGTERM)

    assert errors.decode().startswith(f"{data} : registre inutilisable")
    assert "Traceback" not in errors.decode()


def test_several_callers_are_served_at_once(tmp_path: Path) -> None:
    """An answer held back holds nobody else, and parallel deposits are all integrated."""
    with Process(tmp_path / "x.db") as running:
        portal = running.portal
        portal.arm("slow_after", seconds=60, routes="*/consulter/*")
        with pytest.raises(requests.ReadTimeout):
            portal.session.post(
                portal.url + HISTORY, json={"idFacture": 1}, timeout=pace.limit(0.3)
            )

        def deposit(rank: int) -> None:
            with requests.Session() as session:
                session.headers.update(portal.session.headers)
                own = Portal(url=portal.url, data=portal.data, session=session)
                for part in range(5):
                    report = own.verdict(numbered(f"F-{rank}-{part}"))
                    assert report["etatCourantDepotFlux"] == "IN_INTEGRE"

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(deposit, range(6)))
        assert portal.call(SEARCH)["parametresRetour"]["total"] == 30


def test_help_is_french_and_names_what_is_simulated() -> None:
    """The help lists every option, every built-in structure and what is not faithful."""
    done = subprocess.run(
        [sys.executable, "-m", "chorus_sandbox", "--help"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=pace.limit(20),
    )
    for siret in (structure.siret for structure in dataset.BUILT_IN):
        assert siret in done.stdout
    for words in ("--integration-delay", "--token-lifetime", "SIMULÉ", *astuple(CREDENTIALS)):
        assert words in done.stdout

    assert f"au plus {MOST_FILES}\n  fichiers et {LARGEST_LOT // 1024**2} Mo" in done.stdout
    assert done.stdout.startswith("Usage : ")


def test_both_ways_to_start_it_have_the_same_options(tmp_path: Path) -> None:
    """``chorus-worker sandbox`` shows the same help, and takes the same options."""
    modules = ("chorus_sandbox", "worker")
    helps = [
        subprocess.run(
            [sys.executable, "-m", module, *(["sandbox"] if module == "worker" else []), "--help"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=True,
            timeout=pace.limit(20),
        ).stdout
        for module in modules
    ]
    usages = [text.partition("\n")[0].partition(" [")[0] for text in helps]
    assert usages == ["Usage : python -m chorus_sandbox", "Usage : chorus-worker sandbox"]
    assert helps[0].partition("\n")[2] == helps[1].partition("\n")[2]
    faults = tmp_path / "pannes.json"
    faults.write_text('[{"kind": "error_before", "routes": "*/deposer/flux"}]', "utf-8")
    options = ["--faults", str(faults), "--report-lags", "1,0,0", "--page-cap", "2"]
    with Process(tmp_path / "x.db", *options, module="worker") as running:
        assert running.portal.post(DEPOSIT, body_of(CII)).status_code == 500
        number = running.portal.deposit(CII)
        assert running.portal.call(REPORT, numeroFluxDepot=number)["codeRetour"] == 20001
        page = {"nbResultatsParPage": 50}
        answer = running.portal.call(SEARCH, rechercheFactureParFournisseur=page)
        assert answer["parametresRetour"]["nbResultatsParPage"] == 2


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--prot", "1"], "option inconnue : --prot"),
        (["--port"], "--port : une valeur est attendue"),
        (["--port", "http"], "--port : valeur incorrecte « http »"),
        (["--port", "70000"], "« 70000 »"),
        (["--verbose=1"], "--verbose : aucune valeur attendue"),
        (["--latency", "-1"], "--latency"),
        (["--index-delay", "nan"], "« nan »"),
        (["--report-lags", "1,2"], "« 1,2 »"),
        (["--page-cap", "0"], "« 0 »"),
        (["--fault-seed", "1", "--fault-rate", "2"], "« 2 »"),
        (["--fault-rate", "0.5"], "--fault-seed et --fault-rate"),
        (["--fault-seed", "5"], "--fault-seed et --fault-rate"),
        (["--fault-kinds", "drop_after"], "--fault-seed et --fault-rate"),
        (["--fault-kinds", "zut"], "« zut »"),
        (["--faults", "/nulle/part.json"], "/nulle/part.json"),
    ],
)
def test_a_wrong_option_is_explained_in_french(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Code 2, a sentence that names the option and its value, and nothing is created."""
    data = tmp_path / "x.db"
    try:
        code: object = main(["--data", str(data), *arguments], program="sandbox")
    except SystemExit as ended:
        code = ended.code
    output, errors = capfd.readouterr()

    assert (code, output) == (2, "")
    assert words in errors
    assert not data.exists()


@pytest.mark.parametrize("module", [["chorus_sandbox"], ["worker", "sandbox"]])
def test_a_wrong_option_ends_both_ways_to_start_it(module: list[str]) -> None:
    """Code 2 and the same two sentences, but for the name it was called by."""
    done = subprocess.run(
        [sys.executable, "-m", *module, "--port", "http"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=pace.limit(20),
    )

    assert (done.returncode, done.stdout) == (2, "")
    wrong, remedy = done.stderr.splitlines()

    assert wrong == "Erreur : --port : valeur incorrecte « http »."
    assert remedy in {
        "À faire : python -m chorus_sandbox --help",
        "À faire : chorus-worker sandbox --help",
    }


def test_the_client_knows_the_public_credentials() -> None:
    """What a demonstration writes in its secrets is what a sandbox accepts by default."""
    public = SandboxCredentials()

    assert dict(local_portal.CREDENTIALS) == {
        "client_id": public.client_id,
        "client_secret": public.client_secret,
        "technical_login": public.account,
        "technical_password": public.password,
    }


def test_it_imports_nothing_of_the_worker() -> None:
    """The sandbox shares no code with the client it tests, and never loads the heavy package."""
    code = (
        "import sys, chorus_sandbox.__main__, chorus_sandbox.integration.documents as d\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in"
        " ('worker', 'facturx', 'pypdf', 'pydantic', 'sqlmodel')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=pace.limit(20),
    )

    assert json.loads(done.stdout.replace("'", '"')) == []
