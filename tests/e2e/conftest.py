"""One demonstration, made by the real command, copied for each test that changes it."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.program import Said, run_cold


@pytest.fixture(name="played", scope="session")
def _played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """The folder and the output of ``demo``. Read only: copy it to change it."""
    folder = tmp_path_factory.mktemp("played") / "demo"
    said = run_cold("demo", "--dir", folder)
    assert said.code == 0, said.err
    return folder, said


@pytest.fixture(name="demo")
def _demo(played: tuple[Path, Said], tmp_path: Path) -> Path:
    """A copy of the demonstration that the test may change; gives its configuration."""
    shutil.copytree(played[0], tmp_path / "demo")
    return tmp_path / "demo" / "worker.toml"
