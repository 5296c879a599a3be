"""What every test starts from."""

import gc
from collections.abc import Iterator
from random import Random

import pytest
import structlog
from hypothesis import HealthCheck, settings

from chaos import pace
from tests.support import one_dialect
from worker.cli.console import remember_config

# A law holds or does not: how long a noisy machine takes to try it says nothing about it.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("untimed"), max_examples=100_000)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--shuffle SEED``: the tests in an order of chance, the same for a same seed."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in another order")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """No test may need another before it."""
    if (seed := config.getoption("--shuffle")) is not None:
        Random(seed).shuffle(items)  # noqa: S311 - no secret


def pytest_configure() -> None:
    """Measure the machine before the workers start: they share what was found.

    Half a million objects of the libraries live to the end: to look through them is a tenth of all
    the work, and is done less often.
    """
    pace.factor()
    gc.set_threshold(50_000, 20, 50)
    one_dialect.register()


@pytest.fixture(autouse=True)
def _as_shipped() -> Iterator[None]:
    """A test that sets up logging, or names a configuration, leaves nothing of it to the next."""
    yield
    structlog.reset_defaults()
    remember_config(None)
