"""A Chorus Pro client for tests: made-up credentials, a clock that only sleeping moves, answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import responses
from pydantic import SecretStr
from requests import PreparedRequest

from chaos import pace
from worker.portals.choruspro.access import ChorusProSettings
from worker.portals.choruspro.portal import ChorusPro

CLIENT_SECRET = "secret-de-l-application"
PASSWORD = "mot-de-passe-technique"
ROOT = "https://api.exemple.invalid"
TOKEN = {"access_token": "jeton-opaque-0123456789", "expires_in": 3600}


@dataclass
class StillClock:
    """Time that passes only when someone sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """The current instant."""
        return self.now

    def now_utc(self) -> datetime:
        """The same instant on a calendar."""
        return datetime(2026, 1, 5, 8, 0, tzinfo=UTC) + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        """Jump forward."""
        self.slept.append(seconds)
        self.now += seconds


def settings(url: str = ROOT, /, **changes: object) -> ChorusProSettings:
    """Settings whose two addresses are on one server."""
    values: dict[str, object] = {
        "token_url": f"{url}/api/oauth/token",
        "api_url": url,
        "client_id": "00000000-0000-4000-8000-000000000001",
        "client_secret": SecretStr(CLIENT_SECRET),
        "technical_login": "TECH_1_essai@exemple.invalid",
        "technical_password": SecretStr(PASSWORD),
        "connect_timeout": pace.limit(1),
        "read_timeout": pace.limit(1),
        "requests_per_second": 1_000_000,
    }
    return ChorusProSettings(**{**values, **changes})  # type: ignore[arg-type] # any wrong value


def client(clock: StillClock, url: str = ROOT) -> ChorusPro:
    """A client that waits on the given clock."""
    return ChorusPro(
        settings(url), monotonic=clock.monotonic, sleep=clock.sleep, clock=clock.now_utc
    )


def done(**fields: object) -> dict[str, object]:
    """A successful answer."""
    return {"codeRetour": 0, "libelle": "TRA_MSG_00.000", **fields}


def paged(
    rows: list[dict[str, object]], size: int, block: str, field: str
) -> Callable[[PreparedRequest], tuple[int, Mapping[str, str], str]]:
    """A server that pages honestly, with pages of its own size."""

    def serve(request: PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        asked = json.loads(request.body or b"")[block]["pageResultatDemandee"]
        here = rows[(asked - 1) * size : asked * size]
        counts = {"pageCourante": asked, "pages": -(-len(rows) // size), "total": len(rows)}
        return 200, {}, json.dumps(done(**{field: here}, parametresRetour=counts))

    return serve


def sent(api: responses.RequestsMock, url: str) -> list[dict[str, object]]:
    """The bodies an operation received."""
    calls = [call.request for call in api.calls if call.request.url == url]
    return [json.loads(request.body or b"") for request in calls]
