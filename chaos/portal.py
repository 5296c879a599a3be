"""A portal in its process: started, stopped, killed, and at the same date as the commands."""

import json
import os
import signal
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from chaos import pace
from chaos.clock import Clock
from chaos.commands import redirect, settle
from chaos.happenings import Happening
from chaos.killing import AtPlace, arm
from chaos.ledger import HeldInvoice
from chaos.plan import WELL, Fault, Illness
from chorus_sandbox.command import main


class PortalFailed(Exception):
    """The portal does not start, or does not obey: nothing can be concluded."""


@dataclass(slots=True)
class PortalProcess(ABC):
    """One portal, with one ledger, over as many processes as it takes.

    Attributes:
        ledger: its file.
        directory: the structures it knows.
        environment: its credentials.
        log: where its complaints go.
        illness: how it is from its next start on.
        url: where it answers, while it does.
    """

    ledger: Path
    directory: Path
    environment: Mapping[str, str]
    log: Path
    illness: Illness = WELL
    url: str = ""
    _pid: int = 0
    _pipes: tuple[int, ...] = field(default=())

    def start(self, offset: timedelta) -> None:
        """Begin to answer, where it did before. Raises PortalFailed."""
        orders, to_portal = os.pipe()
        from_portal, words = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            for end in (to_portal, from_portal):
                os.close(end)
            self._become(orders, words, offset)
        os.close(orders)
        os.close(words)
        self._pipes = (to_portal, from_portal)
        try:
            self.url = str(json.loads(self._heard())["url"])
        except ValueError as error:
            raise PortalFailed(f"the portal did not start: see {self.log}") from error

    def move_clock(self, offset: timedelta) -> None:
        """Let it be at the date that the commands are at."""
        self._order(clock=offset.total_seconds())

    def condemn(self, kill: AtPlace) -> None:
        """Let it die there."""
        self._order(place=kill.place, nth=kill.nth)

    def is_dead(self) -> bool:
        """Whether it died, where it was to or because it was killed."""
        return (
            not self._pid
            or os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does; harmless when it has ended."""
        if not self._pid:
            return
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        for end in self._pipes:
            os.close(end)
        self._pid, self._pipes = 0, ()

    @abstractmethod
    def act(self, invoice: HeldInvoice, action: str) -> None:
        """Let the buyer of an invoice do something with it; a buyer may be refused it."""

    @abstractmethod
    def add_fault(self, fault: Fault) -> None:
        """Let a fault wait for its requests."""

    @abstractmethod
    def clear_faults(self) -> None:
        """No fault waits for its request any more."""

    def intervene(
        self, _happening: Happening, _target: str = "", _keyed: Mapping[str, object] | None = None
    ) -> bool:
        """Let something happen at the portal; whether this portal can.

        Args:
            _happening: what.
            _target: the flux, or the identifier of the invoice, that it happens to.
            _keyed: an invoice that is keyed, in the words of the sandbox's panel.
        """
        return False

    @abstractmethod
    def _serve(self) -> int:
        """Serve in this process, for good; the exit code when it could not begin."""

    def _ask(self, method: str, path: str, body: bytes) -> None:
        request = Request(  # noqa: S310 - our own portal
            f"{self.url}/{path}",
            method=method,
            data=body,
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=pace.limit(30)) as answer:  # noqa: S310 - same
            answer.read()

    def _order(self, **order: object) -> None:
        os.write(self._pipes[0], json.dumps(order).encode() + b"\n")
        if self._heard() != "done\n":
            raise PortalFailed(f"the portal does not obey: see {self.log}")

    def _heard(self) -> str:
        line = b""
        while not line.endswith(b"\n") and (piece := os.read(self._pipes[1], 4096)):
            line += piece
        return line.decode()

    def _become(self, orders: int, words: int, offset: timedelta) -> NoReturn:
        code = 70
        try:
            redirect(self.log)
            os.dup2(words, 1)
            settle(self.environment)
            clock = Clock(offset)
            threading.Thread(target=_obey, args=(orders, clock), daemon=True).start()
            code = self._serve()
        except BaseException:  # noqa: BLE001 - this process ends here, and must say why
            traceback.print_exc()
        finally:
            os._exit(code)


_LASTING: Mapping[Happening, tuple[Mapping[str, object], ...]] = {
    Happening.TURNED_AWAY: ({"kind": "turned_away", "times": 2},),
    Happening.SILENCE: tuple(
        {"kind": "error_before", "routes": routes, "times": None}
        for routes in ("*/rechercher/*fournisseur", "*/consulter/historique")
    ),
    Happening.LATE_HISTORY: ({"kind": "late_history", "seconds": 21 * 86_400, "times": None},),
    Happening.ANOTHER_REPORT: ({"kind": "another_report", "times": 2},),
    Happening.NO_UNIQUENESS: ({"kind": "no_uniqueness", "times": None},),
}


@dataclass(slots=True)
class SandboxProcess(PortalProcess):
    """The sandbox."""

    def act(self, invoice: HeldInvoice, action: str) -> None:
        """By its panel."""
        reason = json.dumps({"reason": "Pièce demandée"}).encode()
        with suppress(HTTPError):
            self._ask("POST", f"_sandbox/invoices/{invoice.id}/{action}", reason)

    def add_fault(self, fault: Fault) -> None:
        """By its panel."""
        kind, _, seconds = fault.kind.partition(":")
        told: dict[str, object] = {"kind": kind, "skip": fault.skip}
        if fault.at_deposit:
            told["routes"] = "*/deposer/flux"
        if seconds:
            told["seconds"] = int(seconds)
        self._ask("POST", "_sandbox/faults", json.dumps(told).encode())

    def intervene(
        self, happening: Happening, target: str = "", keyed: Mapping[str, object] | None = None
    ) -> bool:
        """By its panel, which may refuse what has become impossible."""
        h = Happening
        asked: Sequence[tuple[str, object]]
        match happening:
            case h.REPLAY | h.WITHDRAW | h.DISOWN:
                asked = ((f"fluxes/{target}/{happening.value}", None),)
            case h.RENAME:
                reason = {"reason": "Pièce demandée"}
                asked = (
                    (f"invoices/{target}/reject", reason),
                    (f"invoices/{target}/rename", None),
                )
            case h.KEY_SAME | h.KEY_NEXT | h.KEY_BESIDE | h.TWIN:
                asked = (("invoices", keyed),)
            case _:
                asked = tuple(("faults", fault) for fault in _LASTING[happening])
        with suppress(HTTPError):
            for path, body in asked:
                self._ask("POST", f"_sandbox/{path}", json.dumps(body).encode())
        return True

    def clear_faults(self) -> None:
        """By its panel."""
        self._ask("DELETE", "_sandbox/faults", b"")

    def _serve(self) -> int:
        sys.argv[0] = "sandbox"
        return main(list(self._arguments()), program="sandbox")

    def _arguments(self) -> Iterable[str]:
        yield from ("--port", self.url.rpartition(":")[2] or "0", "--data", str(self.ledger))
        yield from ("--directory", str(self.directory))
        ill = self.illness
        yield from ("--integration-delay", str(ill.integration.total_seconds()))
        yield from ("--index-delay", str(ill.index.total_seconds()))
        yield from ("--report-lags", "1,1,1" if ill.lags else "0,0,0")
        if ill.storm:
            yield from ("--fault-seed", str(ill.storm.seed), "--fault-rate", str(ill.storm.rate))
            yield from ("--fault-kinds", ",".join(ill.storm.kinds))


def _obey(orders: int, clock: Clock) -> None:
    """Do what is ordered; end when whoever gives the orders is gone."""
    with os.fdopen(orders) as lines, suppress(OSError):
        for line in lines:
            order = json.loads(line)
            if "clock" in order:
                clock.move(timedelta(seconds=order["clock"]))
            else:
                arm(AtPlace(order["place"], order["nth"]))
            os.write(1, b"done\n")
    os._exit(0)
