"""Option of the golden tests.

``pytest tests/golden --update-golden`` writes the golden files again, after a change made on
purpose: what is written is first validated by the official schema, and read in the diff.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden documents again; each must pass its XSD to be written",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether to write instead of comparing."""
    return bool(request.config.getoption("--update-golden", default=False))
