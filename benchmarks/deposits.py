"""What depositing and following cost: the client, the protocol, the pace, the news.

The portal is the sandbox in its own process, answering at once, or a server that always gives the
same answer when only the client is measured. Run in its own process for each measure:
``python -m benchmarks.deposits client 200`` and so on; ``rows`` gathers them.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import requests
import sqlalchemy
from pydantic import SecretStr
from sqlmodel import SQLModel

from worker.app import App
from worker.billing.money import Money
from worker.billing.standard import DepositSyntax
from worker.portals import BuyerStatus, FoundInvoice, InvoiceHistory
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.portal import ChorusPro
from worker.service import logs
from worker.service.local_portal import STRUCTURES
from worker.settings.keys import Settings
from worker.settings.loading import Configuration
from worker.settings.shipped import shipped
from worker.storage import Upgrade, create_store
from worker.transmission.statuses import read_statuses

WORKER = [sys.executable, "-m", "worker"]
FILE = os.urandom(120_000)
"""As large as a usual Factur-X with its attachments."""
SHIPPED_SELLER = "99990000400014"
"""Of the configuration that is shipped."""
START = datetime(2026, 1, 5, tzinfo=UTC)
_ANSWERS = {
    "/api/oauth/token": {"access_token": "t" * 54, "token_type": "Bearer", "expires_in": 3600},
    "/cpro/factures/v1/deposer/flux": {
        "codeRetour": 0,
        "libelle": "GCU_MSG_01_000",
        "numeroFluxDepot": "CPP0011117000000000000001",
        "dateDepot": "2026-01-05",
        "syntaxeFlux": "IN_DP_E2_CII_FACTURX",
    },
}


class Measure(NamedTuple):
    """One line of the table: name, value, unit, promise."""

    name: str
    value: float
    unit: str
    promise: str = ""


class _Constant(BaseHTTPRequestHandler):
    """Gives each route its only answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(_ANSWERS[self.path])

    def do_GET(self) -> None:
        self._answer({"statusCodeValue": 200, "statusCode": "OK", "body": "ok"})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _process(*command: str | Path) -> Iterator[str]:
    """The address that a server says on its first line; it lasts as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield json.loads(process.stdout.readline() if process.stdout else "")["url"]
        process.terminate()


def _client(url: str, per_second: float) -> ChorusPro:
    return ChorusPro(
        ChorusProSettings(
            token_url=f"{url}/api/oauth/token",
            api_url=url,
            client_id="bench",
            client_secret=SecretStr("bench-secret"),
            technical_login="TECH_1_BENCH@cpro.invalid",
            technical_password=SecretStr("bench-password"),
            requests_per_second=per_second,
        )
    )


def constant() -> None:
    """Serve the same answers until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Constant)
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    server.serve_forever()


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def client(count: int) -> float:
    """CPU seconds of one more deposit in the client, once warm."""
    with _process("benchmarks.deposits", "constant") as url:
        portal = _client(url, 100_000)
        portal.sign_in()
        for warm in (True, False):
            before = _cpu()
            for _ in range(5 if warm else count):
                portal.deposit(file_name="a.pdf", syntax=DepositSyntax.FACTURX, content=FILE)
        return (_cpu() - before) / count


def bare(count: int) -> float:
    """CPU seconds of the same request by the library alone, already encoded."""
    with _process("benchmarks.deposits", "constant") as url:
        body = json.dumps({"fichierFlux": "A" * (len(FILE) * 4 // 3)}).encode()
        address = f"{url}/cpro/factures/v1/deposer/flux"
        for warm in (True, False):
            before = _cpu()
            for _ in range(5 if warm else count):
                with requests.Session() as session:
                    session.trust_env = False
                    session.post(address, data=body, timeout=10).json()
        return (_cpu() - before) / count


def pace(seconds: float) -> float:
    """Calls per second made when 50 are allowed and more are wanted."""
    with _process("benchmarks.deposits", "constant") as url:
        portal = _client(url, 50)
        portal.sign_in()
        done: list[float] = []
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            portal.deposit(file_name="a.pdf", syntax=DepositSyntax.FACTURX, content=b"x")
            done.append(time.monotonic())
        return (len(done) - 1) / (done[-1] - done[0])


class _Counting:
    """A portal that holds many invoices, of which some changed; counts what it is asked."""

    def __init__(self, changed: int) -> None:
        self.calls = 0
        self._changed = changed

    def changed(self, since: datetime, until: datetime) -> tuple[FoundInvoice, ...]:
        """The invoices that changed, a page of a hundred for each call."""
        del since
        self.calls += max(1, -(-self._changed // 100))
        return tuple(_found(rank, until) for rank in range(1, self._changed + 1))

    def history(self, portal_id: str) -> InvoiceHistory:
        """One invoice."""
        self.calls += 1
        return InvoiceHistory(
            portal_id=portal_id, status=BuyerStatus.APPROVED, raw_status="MANDATEE", entries=()
        )


def _found(rank: int, at: datetime) -> FoundInvoice:
    return FoundInvoice(
        portal_id=str(rank),
        number=f"BSN-2026-{rank:06d}",
        issue_date=date(2026, 1, 5),
        recipient="0",
        supplier=SHIPPED_SELLER,
        gross=Money(100),
        flux_number="CPP1",
        status=BuyerStatus.APPROVED,
        raw_status="MANDATEE",
        status_at=at,
    )


def news(pending: int, changed: int, folder: Path) -> tuple[float, int]:
    """Seconds and calls of one reading of the news: so many pending, so many changed."""
    store = create_store(
        f"sqlite:///{folder}/worker.sqlite", folder, Upgrade(actor="bench@here", now=START)
    )
    tables = SQLModel.metadata.tables
    with store.transaction("bench@here", lambda: START) as tx:
        tx.connection().exec_driver_sql("INSERT INTO member VALUES ('0')")
        tx.execute(
            sqlalchemy.insert(tables["invoice"]),
            [
                {
                    "siret": "0",
                    "member_name": "COMMUNE",
                    "year": rank,
                    "status": "integrated",
                    "status_since": START,
                    "total_cents": 100,
                    "number": f"BSN-2026-{rank:06d}",
                    "findings": "[]",
                    "deposited_at": START,
                    "cpp_id": rank,
                    "kind": "invoice",
                }
                for rank in range(1, pending + 1)
            ],
        )
        tx.execute(
            sqlalchemy.insert(tables["portal_news"]).values(
                id=1, read_until=START, read_whole_at=START
            )
        )
    portal = _Counting(changed)
    values = tomllib.loads(shipped("config/worker.toml").read_text("utf-8"))
    settings = Settings(**values | {"channel": "api", "portal": {"environment": "local"}})
    app = App(
        configured=Configuration(path=Path("worker.toml"), settings=settings, origins={}),
        store=store,
        clock=lambda: START + timedelta(days=1),
        actor="bench@bench:1",
    )
    before = time.perf_counter()
    with app.at_work():
        read_statuses(app, portal, lambda _: None, lambda: False)  # type: ignore[arg-type] # the two questions of this measure
    return time.perf_counter() - before, portal.calls


def campaign(config: Path, folder: Path, lot: int) -> float:
    """Seconds to deposit and integrate every issued invoice of a configuration's folder."""
    copy = folder / f"lots-of-{lot}"
    shutil.copytree(config.parent, copy)
    data = copy / "donnees"
    options = ("--port", "0", "--exit-with-parent", "--data", data / "bench.sqlite")
    with _process("chorus_sandbox", *options, "--directory", data / STRUCTURES) as url:
        extra = {
            "NO_COLOR": "1",
            "CHORUS_WORKER_CHANNEL": "api",
            "CHORUS_WORKER_PORTAL__LOCAL_URL": url,
            "CHORUS_WORKER_PORTAL__LOT_INVOICES": str(lot),
            "CHORUS_WORKER_PORTAL__REPORT_MINUTES": "[0]",
        }
        start = time.perf_counter()
        for command in ("deposit", "follow"):
            done = subprocess.run(
                [*WORKER, command, "--json", "--config", str(copy / "worker.toml")],
                env=os.environ | extra,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode not in {0, 1}:
                raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
        took = time.perf_counter() - start
    states = [invoice["status"] for invoice in json.loads(done.stdout)["invoices"]]
    if any(state not in {"integrated", "refused"} for state in states):
        raise SystemExit(f"not all came to their end: {sorted(set(states))}")
    return took


def rows(config: Path, members: int, folder: Path) -> list[Measure]:
    """Every measure of depositing and following."""

    def alone(*arguments: str) -> list[float]:
        command = [sys.executable, "-m", "benchmarks.deposits", *arguments]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [float(value) for value in json.loads(said)]

    (ours,), (theirs,) = alone("client", "300"), alone("bare", "300")
    (used,) = alone("pace", "5")
    quiet, quiet_calls = alone("news", "10000", "0", str(folder / "quiet"))
    busy, busy_calls = alone("news", "10000", "100", str(folder / "busy"))
    one_by_one = campaign(config, folder, 1)
    in_lots = campaign(config, folder, 100)
    return [
        Measure("deposit, CPU of the client", ours * 1000, "ms", "< 5"),
        Measure("deposit, client / bare request", ours / theirs, "×"),
        Measure("pace, calls per second of 50 allowed", used, "/s", "47.5 to 50"),
        Measure(f"deposit and integrate {members}, one by one", one_by_one, "s", "< 60 at 1000"),
        Measure(f"deposit and integrate {members}, in lots", in_lots, "s", "< 15 at 1000"),
        Measure("news, 10000 pending, 0 changed: calls", quiet_calls, "", "1"),
        Measure("news, 10000 pending, 0 changed", quiet, "s"),
        Measure("news, 10000 pending, 100 changed: calls", busy_calls, "", "101"),
        Measure("news, 10000 pending, 100 changed", busy, "s"),
    ]


def main(kind: str, *arguments: str) -> None:
    """One measure, as JSON on standard output; the logs go beside it, as in the program."""
    logs.configure_once()
    match kind:
        case "constant":
            constant()
        case "client":
            print(json.dumps([client(int(arguments[0]))]))
        case "bare":
            print(json.dumps([bare(int(arguments[0]))]))
        case "pace":
            print(json.dumps([pace(float(arguments[0]))]))
        case "news":
            pending, changed, folder = arguments
            print(json.dumps(news(int(pending), int(changed), Path(folder))))
        case _:
            raise SystemExit(f"no measure is called {kind}")


if __name__ == "__main__":
    main(*sys.argv[1:])
