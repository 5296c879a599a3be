"""One process of each portal for all contract tests, and each portal in turn."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.contract.portals import Buyer, Portals, in_memory
from tests.contract.sandbox import Sandbox, choruspro, running
from tests.contract.second import decide, on_second, peopled
from tests.contract.second_portal import SecondPortal
from tests.support.memory_portal import Condition
from worker.portals import Portal


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox."""
    with running(tmp_path_factory.mktemp("sandbox") / "sandbox.db") as started:
        yield started


@pytest.fixture(scope="session")
def second_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the second portal keeps its state."""
    return tmp_path_factory.mktemp("second") / "second.db"


@pytest.fixture(scope="session")
def second(second_file: Path) -> Iterator[SecondPortal]:
    """The portal by another hand, with the directory of the contract."""
    with SecondPortal(second_file) as started:
        peopled(started)
        yield started


@pytest.fixture(params=["memory", "sandbox", "second"])
def portals(request: pytest.FixtureRequest) -> Iterator[Portals]:
    """Each implementation in turn."""
    if request.param == "memory":
        locked_out = in_memory()
        locked_out.condition = Condition.CLOSED_TO_US
        usable = in_memory()
        yield Portals(
            usable=usable,
            buyer=lambda found, status, comment: usable.decide(found.number, status, comment),
            locked_out=(locked_out,),
        )
        return
    if request.param == "sandbox":
        sandbox: Sandbox = request.getfixturevalue("sandbox")
        on, buyer = partial(choruspro, sandbox.url), sandbox.decide
    else:
        second: SecondPortal = request.getfixturevalue("second")
        on, buyer = partial(on_second, second), partial(decide, second)
    clients = (
        on(),
        on(client_secret=SecretStr("un-autre-secret")),
        on(technical_password=SecretStr("un-autre-mot-de-passe")),
    )
    yield Portals(usable=clients[0], buyer=buyer, locked_out=clients[1:])
    for one in clients:
        one.close()


@pytest.fixture
def portal(portals: Portals) -> Portal:
    """The one that works."""
    return portals.usable


@pytest.fixture
def buyer(portals: Portals) -> Buyer:
    """What decides at the buyer's."""
    return portals.buyer
