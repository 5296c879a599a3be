"""A round by its seed and number: set up, played, and its folder kept or forgotten."""

import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chaos.beginnings import CannotBegin, begin
from chaos.campaign import Campaign, Told
from chaos.clerk import Clerk
from chaos.copies import Copies
from chaos.installation import Installation, Secrets
from chaos.laws import Breach, Law
from chaos.plan import Plan, PortalName, draw
from chaos.portal import PortalFailed, PortalProcess, SandboxProcess
from chaos.second import SecondPortalProcess
from chaos.surroundings import Surroundings
from chaos.typist import Typist

_PROCESSES: Mapping[PortalName, type[PortalProcess]] = {
    PortalName.SANDBOX: SandboxProcess,
    PortalName.SECOND: SecondPortalProcess,
}


def play_round(
    number: int,
    *,
    seed: int,
    folder: Path,
    portal: PortalName = PortalName.SANDBOX,
    keep: bool = False,
    plan: Plan | None = None,
) -> Told:
    """Play one round in a folder of its own, forgotten when all is well unless it is to be kept."""
    place = folder / f"round-{seed}-{number}"
    if place.exists():
        shutil.rmtree(place)
    plan = plan or draw(seed, number, portal)
    try:
        installation = begin(plan, place, folder / "beginnings")
        told = _play(plan, installation, seed, number, counting=keep)
    except (CannotBegin, PortalFailed) as error:
        told = Told(number=number, breaches=(Breach(Law.CLEAN, f"not played: {error}"),))
    if not (keep or told.breaches):
        shutil.rmtree(place)
    return told


def _play(
    plan: Plan, installation: Installation, seed: int, number: int, *, counting: bool = False
) -> Told:
    """Play a round in its folder, as ``beginnings`` makes it."""
    secrets = Secrets.of(seed, number)
    installation.keep_secrets(secrets)
    portal = _PROCESSES[plan.portal](
        ledger=installation.ledger,
        directory=installation.directory(demanding=False),
        environment=secrets.of_the_portal | {"TZ": plan.zone},
        log=installation.logs / "portail.txt",
        illness=plan.illness,
    )
    with _closed_port() as nowhere:
        return Campaign(
            plan=plan,
            number=number,
            installation=installation,
            clerk=Clerk(installation, plan.year),
            secrets=secrets,
            portal=portal,
            surroundings=Surroundings(installation, portal, Copies(installation)),
            typist=Typist(installation, plan.year),
            nowhere=nowhere,
            offset=plan.begins - datetime.now(UTC),
            counting=counting,
        ).play()


@contextmanager
def _closed_port() -> Iterator[str]:
    """An address of this machine where nobody answers, and nobody else can."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"
