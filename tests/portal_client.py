"""A Chorus Pro client for tests: made-up credentials, and a clock that only sleeping moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from worker.portals.choruspro import ChorusPro
from worker.portals.choruspro_settings import ChorusProSettings, Secret

CLIENT_SECRET = "secret-de-l-application"
PASSWORD = "mot-de-passe-technique"


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


def settings(url: str = "https://api.exemple.invalid", /, **changes: object) -> ChorusProSettings:
    """Settings whose two addresses are on one server."""
    values: dict[str, object] = {
        "token_url": f"{url}/api/oauth/token",
        "api_url": url,
        "client_id": "00000000-0000-4000-8000-000000000001",
        "client_secret": Secret(CLIENT_SECRET),
        "technical_login": "TECH_1_essai@exemple.invalid",
        "technical_password": Secret(PASSWORD),
        "connect_timeout": 1,
        "read_timeout": 1,
        "requests_per_second": 1_000_000,
    }
    return ChorusProSettings(**{**values, **changes})  # type: ignore[arg-type] # any wrong value


def client(clock: StillClock, url: str = "https://api.exemple.invalid") -> ChorusPro:
    """A client that waits on the given clock."""
    return ChorusPro(
        settings(url), monotonic=clock.monotonic, sleep=clock.sleep, clock=clock.now_utc
    )
