"""The sandbox in a process of its own, its buyer's panel, and the real client on it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from chaos import pace
from chorus_sandbox import SandboxCredentials
from worker.portals import FoundInvoice
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.portal import ChorusPro

CREDENTIALS = SandboxCredentials()
ACTIONS: Mapping[str, str] = {"SUSPENDUE": "suspend", "REJETEE": "reject", "MANDATEE": "accept"}


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A running one; the panel needs no identity, and the ledger is its file."""

    url: str
    ledger: Path

    def decide(self, found: FoundInvoice, status: str, comment: str) -> None:
        """Give an invoice a status, as its buyer."""
        self._post(f"invoices/{found.portal_id}/{ACTIONS[status]}", {"reason": comment})

    def arm(self, kind: str, routes: str, **details: object) -> None:
        """Have the next request of a route go wrong."""
        self._post("faults", {"kind": kind, "routes": f"*/{routes}", **details})

    def waiting_faults(self) -> list[dict[str, Any]]:
        """The faults that no request met; they are forgotten."""
        waiting: list[dict[str, Any]] = requests.get(self._faults, timeout=pace.limit(10)).json()[
            "armed"
        ]
        requests.delete(self._faults, timeout=pace.limit(10)).raise_for_status()
        return waiting

    def recorded(self) -> int:
        """How many files it ever recorded."""
        return len(
            requests.get(f"{self.url}/_sandbox/fluxes", timeout=pace.limit(10)).json()["fluxes"]
        )

    @property
    def _faults(self) -> str:
        return f"{self.url}/_sandbox/faults"

    def _post(self, path: str, body: object) -> None:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=pace.limit(10))
        assert answer.status_code == 200, answer.text


@contextmanager
def running(data: Path) -> Iterator[Sandbox]:
    """A sandbox process on this ledger, stopped at the end."""
    command = [sys.executable, "-m", "chorus_sandbox", "--port", "0", "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--exit-with-parent"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Sandbox(url=json.loads(process.stdout.readline())["url"], ledger=data)
        process.stdin.close()
        process.terminate()


def choruspro(
    url: str,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    **changes: object,
) -> ChorusPro:
    """The client, with the sandbox's public credentials or some of them replaced."""
    values: dict[str, object] = {
        "token_url": f"{url}/api/oauth/token",
        "api_url": url,
        "client_id": CREDENTIALS.client_id,
        "client_secret": SecretStr(CREDENTIALS.client_secret),
        "technical_login": CREDENTIALS.account,
        "technical_password": SecretStr(CREDENTIALS.password),
        "requests_per_second": 1000,
    }
    made = ChorusProSettings(**{**values, **changes})  # type: ignore[arg-type] # mixed
    return ChorusPro(made, sleep=sleep, monotonic=monotonic)
