"""One sandbox process for all contract tests."""

from collections.abc import Iterator

import pytest

from tests.contract.sandbox import Sandbox, running


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox."""
    with running(tmp_path_factory.mktemp("sandbox") / "sandbox.db") as started:
        yield started
