"""The second portal in its process: written by another hand, told what to do over HTTP."""

import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

from chaos.happenings import Happening
from chaos.ledger import HeldInvoice
from chaos.plan import SUSPEND, Fault
from chaos.portal import PortalProcess
from worker.service.local_portal import CREDENTIALS

DEPOSIT = "/cpro/factures/v1/deposer/flux"
_MODULE = "tests.contract.second_portal.__main__"
_STATUSES = {
    "accept": "MANDATEE",
    SUSPEND: "SUSPENDUE",
    "reject": "REJETEE",
    "recycle": "A_RECYCLER",
    "book": "COMPTABILISEE",
    "pay": "MISE_EN_PAIEMENT",
}
_NEEDS = {
    (False, False, False): "none",
    (True, False, False): "service",
    (False, True, False): "engagement",
    (True, True, False): "both",
    (False, False, True): "either",
}
_LASTING: Mapping[Happening, tuple[Mapping[str, object], ...]] = {
    Happening.TURNED_AWAY: ({"behaviour": "rejected_then_in", "requests": 2, "hours": 240},),
    Happening.WITHDRAW: ({"behaviour": "in_then_rejected", "requests": 1, "hours": 48},),
    Happening.SILENCE: tuple(
        {"behaviour": "http_500", "operation": f"/cpro/factures/v1/{operation}"}
        for operation in (
            "rechercher/fournisseur",
            "rechercher/atraiter/fournisseur",
            "consulter/historique",
        )
    ),
    Happening.LATE_HISTORY: ({"behaviour": "history_late"},),
    Happening.ANOTHER_REPORT: ({"behaviour": "report_other_flux", "requests": 2},),
    Happening.NO_UNIQUENESS: ({"behaviour": "uniqueness_off"},),
}
_MEETINGS = 40
"""Requests of which a storm spoils its share."""


@dataclass(slots=True)
class SecondPortalProcess(PortalProcess):
    """The second portal. What it was told outlives its process: each start tells all again.

    Attributes:
        lasting: the switches that stay until all are off.
    """

    lasting: list[Mapping[str, object]] = field(default_factory=list)

    def start(self, offset: timedelta) -> None:
        """Begin to answer, with the directory as it is now, and as ill as it is to be."""
        PortalProcess.start(self, offset)
        directory = json.loads(self.directory.read_text("utf-8"))
        ill = self.illness
        self._tell(
            "configure",
            supplier=directory[0]["siret"],
            client_id=CREDENTIALS["client_id"],
            client_secret=self.environment["CHORUS_SANDBOX_CLIENT_SECRET"],
            login=self.environment["CHORUS_SANDBOX_ACCOUNT"],
            password=self.environment["CHORUS_SANDBOX_PASSWORD"],
            integration_seconds=ill.integration.total_seconds(),
            index_seconds=ill.index.total_seconds(),
            unknown_reads=int(ill.lags),
        )
        for structure in directory:
            self._tell("add_structure", **_structure(structure))
        self._tell("disarm")
        for switch in self.lasting:
            self._tell("arm", **switch)
        for way in ill.ways:
            self._arm(way)
        if ill.storm:
            chance = random.Random(ill.storm.seed)  # noqa: S311 - a schedule, not a secret
            spoilt = max(1, round(_MEETINGS * ill.storm.rate))
            for kind in ill.storm.kinds:
                self._arm(kind, requests=spoilt, skip=chance.randrange(_MEETINGS))

    def act(self, invoice: HeldInvoice, action: str) -> None:
        """Whatever its status is now."""
        self._tell(
            "buyer", identifier=invoice.id, status=_STATUSES[action], reason="Pièce demandée"
        )

    def add_fault(self, fault: Fault) -> None:
        """At the next request that meets it."""
        self._arm(fault.kind, requests=1, skip=fault.skip, at_deposit=fault.at_deposit)

    def intervene(
        self, happening: Happening, target: str = "", keyed: Mapping[str, object] | None = None
    ) -> bool:
        """By switches that last, and what its people key; it replays by itself what it rejects."""
        match happening:
            case Happening.RENAME:
                self._tell("arm", behaviour="other_id", requests=1)
                self._tell("buyer", identifier=int(target), status="REJETEE", reason="Motif")
            case _ if keyed is not None:
                self._tell("key_invoice", **_document(keyed))
            case _:
                switches = _LASTING.get(happening, ())
                self.lasting += [one for one in switches if "requests" not in one]
                for switch in switches:
                    self._tell("arm", **switch)
        return keyed is not None or happening is Happening.RENAME or happening in _LASTING

    def clear_faults(self) -> None:
        """Every switch is off."""
        self.lasting.clear()
        self._tell("disarm")

    def _arm(
        self, kind: str, *, requests: int | None = None, skip: int = 0, at_deposit: bool = False
    ) -> None:
        """Arm ``word:2``; the number is of what the switch counts."""
        name, _, number = kind.partition(":")
        counts = dict.fromkeys(("seconds", "wait", "hours", "count"), int(number)) if number else {}
        operation = DEPOSIT if at_deposit else None
        self._tell(
            "arm", behaviour=name, requests=requests, skip=skip, operation=operation, **counts
        )

    def _tell(self, control: str, **facts: object) -> None:
        self._ask("POST", f"_second/{control}", json.dumps(facts).encode())

    def _serve(self) -> int:
        port = self.url.rpartition(":")[2] or "0"
        sys.argv = ["second_portal", "--port", port, "--data", str(self.ledger)]
        import_module(_MODULE).main()
        return 0


def _document(keyed: Mapping[str, object]) -> dict[str, object]:
    """An invoice that is keyed, in the words of the second portal."""
    amount = str(Decimal(str(keyed["cents"])) / 100)
    return {
        "number": keyed["number"],
        "supplier": keyed["seller_siret"],
        "buyer": keyed["buyer_siret"],
        "issued": keyed["issued_on"],
        "gross": amount,
        "payable": amount,
    }


def _structure(told: Mapping[str, Any]) -> dict[str, object]:
    """A structure of the sandbox's directory, in the words of the second portal."""
    demands = (
        bool(told.get("service_code_required")),
        bool(told.get("engagement_required")),
        bool(told.get("service_or_engagement")),
    )
    return {
        "siret": told["siret"],
        "name": told["name"],
        "public": told.get("public", True),
        "active": told.get("active", True),
        "needs": _NEEDS[demands],
        "silent_payment": bool(told.get("payment_status_not_reported")),
        "services": [
            {
                "code": one["code"],
                "name": one["name"],
                "active": one["active"],
                "engagement": one["engagement_required"],
            }
            for one in told.get("services", ())
        ],
    }
