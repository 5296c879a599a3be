"""One demonstration, made by the real command, copied for each test that changes it."""

from pathlib import Path

import pytest

from tests.e2e.program import Said, run_cold
from tests.support.shared import copied, made_once


@pytest.fixture(name="played", scope="session")
def _played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """The folder and the output of ``demo``. Read only: copy it to change it."""

    def play(folder: Path) -> None:
        said = run_cold("demo", "--dir", folder / "demo")
        assert said.code == 0, said.err
        said.keep(folder / "said.json")

    folder = made_once(tmp_path_factory.getbasetemp(), "played", play)
    return folder / "demo", Said.kept(folder / "said.json")


@pytest.fixture(name="demo")
def _demo(played: tuple[Path, Said], tmp_path: Path) -> Path:
    """A copy of the demonstration that the test may change; gives its configuration."""
    copied(played[0], tmp_path / "demo")
    return tmp_path / "demo" / "worker.toml"
