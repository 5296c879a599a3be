"""A scripted Chorus Pro for the tests of its client."""

from collections.abc import Iterator

import pytest
import responses

from tests.support.portal_client import ROOT, TOKEN, StillClock, client
from worker.portals.choruspro.portal import ChorusPro


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    """Chorus Pro, scripted; tokens are given for the asking."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{ROOT}/api/oauth/token", json=TOKEN)
        yield mock


@pytest.fixture
def portal() -> Iterator[ChorusPro]:
    """A client of it, on a clock that only sleeping moves."""
    made = client(StillClock())
    yield made
    made.close()
