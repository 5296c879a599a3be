"""What every test starts from."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_shipped() -> Iterator[None]:
    """A test that sets up logging leaves nothing of it to the next."""
    yield
    structlog.reset_defaults()
