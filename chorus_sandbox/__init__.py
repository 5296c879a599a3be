"""A local Chorus Pro, run as its own process: the other side of the client, written apart from it.

The sandbox shares no code with the rest of the worker, so that what one side misreads the other
does not. It keeps every flux it was handed in a file of its own and gives the verdicts that the
specification and the recorded exchanges give. Texts and codes that are not recorded start with
``SIMULE - ``, which tells them from the words of the real portal.

Contract
    ``python -m chorus_sandbox --port P --data FILE``, or ``serve(SandboxOptions(...))`` of
    serving/server.py.
    One line of JSON on standard output once ready: ``{"url": "http://127.0.0.1:PORT"}``.
    Only 127.0.0.1 is bound. A flux is on disk before the answer to its deposit leaves.

Map
    command.py      the options and the French help of manual.txt
    serving/        HTTP, the effects of faults, the gateway, the buyer's panel
    routes/         the operations, a file for each family
    integration/    the verdict on a deposited file
    ledger/         the SQLite file and what it holds
    directory.py    structures and services; structures.json holds the built-in ones
    entries.py      what is given in JSON: structures, faults
    fault_kinds.py  which faults there are and how they are asked for
    paris.py        instants and days as the portal writes them
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from chorus_sandbox.fault_kinds import FaultPlan

DEFAULT_PORT = 8817


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxCredentials:
    """The two pairs a caller must show. The defaults are public: they protect nothing."""

    # Identifier of the application at the token endpoint
    client_id: str = "00000000-0000-4000-8000-00000000c1d0"
    client_secret: str = field(default="secret-public-du-bac-a-sable", repr=False)  # its secret
    # Login of the technical account, first half of ``cpro-account``
    account: str = "TECH_1_SANDBOX@cpro.invalid"
    # Its password, second half
    password: str = field(default="mot-de-passe-public-du-bac-a-sable", repr=False)


def read_credentials(environment: Mapping[str, str]) -> SandboxCredentials:
    """The public defaults, each replaced by its ``CHORUS_SANDBOX_…`` variable when it is set."""
    public = SandboxCredentials()
    return SandboxCredentials(
        client_id=environment.get("CHORUS_SANDBOX_CLIENT_ID", public.client_id),
        client_secret=environment.get("CHORUS_SANDBOX_CLIENT_SECRET", public.client_secret),
        account=environment.get("CHORUS_SANDBOX_ACCOUNT", public.account),
        password=environment.get("CHORUS_SANDBOX_PASSWORD", public.password),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How one sandbox process runs."""

    # The ledger file; created with its folder, readable by its owner only
    data: Path = Path("out/sandbox.db")
    port: int = DEFAULT_PORT  # port on 127.0.0.1; 0 lets the system choose
    directory: Path | None = None  # a JSON file of structures added to the built-in ones
    integration_delay: timedelta = timedelta(0)  # time between a deposit and its verdict
    index_delay: timedelta = timedelta(0)  # time between an integration and the invoice being found
    # Reports that first say unknown, then waiting, then being processed
    report_lags: tuple[int, int, int] = (0, 0, 0)
    page_cap: int | None = None  # most results of a page, whatever is asked
    incident: bool = False  # every deposit ends in an incident; set by a fault, for its request
    turned_away: bool = False  # same, in a rejection that a replay undoes
    unchecked: bool = False  # same, without the control of uniqueness
    history_lag: timedelta = timedelta(0)  # how old every history is; set by a fault too
    latency: timedelta = timedelta(0)  # time every answer is held back
    faults: Path | None = None  # a JSON file of faults, armed once for each ledger
    fault_plan: FaultPlan | None = None  # faults drawn from a seed
    # Life of an access token; the real one lives 3600 s (§1.2)
    token_lifetime: timedelta = timedelta(hours=1)
    # The pairs that are accepted
    credentials: SandboxCredentials = field(default_factory=SandboxCredentials)
    exit_with_parent: bool = False  # end when standard input closes
    verbose: bool = False  # one line on standard error per request
