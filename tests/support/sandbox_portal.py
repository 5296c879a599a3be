"""A sandbox in this process, and a caller of it."""

import base64
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from chaos import pace
from chorus_sandbox import SandboxCredentials, SandboxOptions
from chorus_sandbox.serving.server import SandboxServer

CREDENTIALS = SandboxCredentials()
DEPOSIT = "/cpro/factures/v1/deposer/flux"
REPORT = "/cpro/transverses/v1/consulterCRDetaille"
SEARCH = "/cpro/factures/v1/rechercher/fournisseur"
HISTORY = "/cpro/factures/v1/consulter/historique"
DECIDE = "/cpro/factures/v1/traiter/recue"
STRUCTURES = "/cpro/structures/v1/rechercher"
STRUCTURE = "/cpro/structures/v1/consulter"
SERVICES = "/cpro/structures/v1/rechercher/services"
SERVICE_DETAIL = "/cpro/structures/v1/consulter/service"
HEALTH = "/cpro/transverses/v1/health-check"
CONSULT = "/cpro/factures/v1/consulter/fournisseur"
COMPLETE = "/cpro/factures/v1/completer"
TO_TREAT = "/cpro/factures/v1/rechercher/atraiter/fournisseur"
ACKNOWLEDGE = "/cpro/factures/v1/traiterRejet"
GROUP = "/cpro/factures/v1/telecharger/groupe"
PRINTED_REPORT = "/cpro/transverses/v1/consulterCR"
ADD_FILE = "/cpro/transverses/v1/ajouter/fichier"
FILE_TYPES = "/cpro/transverses/v1/recuperer/typespj"
DOWNLOAD = "/cpro/transverses/v1/telecharger/pieceJointe"
MY_STRUCTURES = "/cpro/transverses/v1/recuperer/structures/actives/fournisseur"
ATTACHED = "/cpro/utilisateurs/v1/monCompte/recuperer/rattachements"
SYNTAX = "IN_DP_E1_CII_16B"


@dataclass
class Portal:
    """A running sandbox, its clock, and a caller that went through the gates."""

    url: str
    data: Path
    clock: datetime = datetime(2026, 1, 20, 9, 30, tzinfo=UTC)
    session: requests.Session = field(default_factory=requests.Session)

    def enter(self) -> None:
        """Gets a token and shows the technical account from now on."""
        answer = self.ask_token()
        account = f"{CREDENTIALS.account}:{CREDENTIALS.password}".encode()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.session.headers["cpro-account"] = base64.b64encode(account).decode()

    def ask_token(self, **changes: str) -> requests.Response:
        """The token request, with other form fields if told."""
        form = {
            "grant_type": "client_credentials",
            "client_id": CREDENTIALS.client_id,
            "client_secret": CREDENTIALS.client_secret,
            "scope": "openid",
        }
        return self.session.post(
            f"{self.url}/api/oauth/token", data=form | changes, timeout=pace.limit(10)
        )

    def post(self, path: str, body: object, **headers: str) -> requests.Response:
        """A POST of a JSON body."""
        return self.session.post(
            f"{self.url}{path}", json=body, headers=headers, timeout=pace.limit(10)
        )

    def call(self, path: str, **body: object) -> dict[str, Any]:
        """The answer of a call that gets through the gates."""
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    def deposit(self, content: bytes, syntax: str = SYNTAX) -> str:
        """Deposits a file and returns its number."""
        answer = self.call(DEPOSIT, **body_of(content, syntax))
        assert answer["codeRetour"] == 0
        return str(answer["numeroFluxDepot"])

    def verdict(self, content: bytes, syntax: str = SYNTAX) -> dict[str, Any]:
        """The report on a file deposited just now."""
        return self.call(REPORT, numeroFluxDepot=self.deposit(content, syntax))

    def integrate(self, content: bytes, syntax: str = SYNTAX) -> int:
        """Deposits a good invoice and returns its identifier."""
        number = self.deposit(content, syntax)
        (line,) = self.call(SEARCH, numeroFluxDepot=number)["listeFactures"]
        return int(line["identifiantFactureCPP"])

    def arm(self, kind: str, **details: object) -> None:
        """Adds a fault through the panel."""
        fault = {"kind": kind, **details}
        answer = self.session.post(
            f"{self.url}/_sandbox/faults", json=fault, timeout=pace.limit(10)
        )
        assert answer.status_code == 200, answer.text

    def structure_id(self, siret: str) -> int:
        """The idStructureCPP of a SIRET."""
        (found,) = self.call(STRUCTURES, structure={"identifiantStructure": siret})[
            "listeStructures"
        ]
        return int(found["idStructureCPP"])


def body_of(content: bytes, syntax: str = SYNTAX) -> dict[str, object]:
    """The body of a deposit."""
    return {
        "fichierFlux": base64.b64encode(content).decode(),
        "nomFichier": "facture.xml",
        "syntaxeFlux": syntax,
        "avecSignature": False,
    }


def started(
    options: SandboxOptions, *, headers: Mapping[str, str | bytes] | None = None
) -> Iterator[Portal]:
    """A sandbox in a thread of this process, with a clock of its own.

    The caller enters, unless it comes with the headers of one that entered before.
    """
    portal = Portal(url="", data=options.data)
    with SandboxServer(options, clock=lambda: portal.clock) as server:
        portal.url = server.url
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            if headers is None:
                portal.enter()
            else:
                portal.session.headers.update(headers)
            yield portal
        finally:
            portal.session.close()
            server.shutdown()
            thread.join()
