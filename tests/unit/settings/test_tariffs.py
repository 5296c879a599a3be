"""Reading the tariff folder: what may be there, and what is refused before any computation."""

from pathlib import Path

import pytest

from worker.errors import TariffError
from worker.settings.tariffs import load_grids

GRID = """
version = "{version}"
title = "Grille d'exemple"
source = "exemple"
valid_from = {start}
[services.gfu]
label = "GFU"
shape = "per_user_month"
vat = {{ category = "S", rate = 20 }}
[[services.gfu.components]]
code = "a"
label = "part"
prices = [1.80]
"""


def write(folder: Path, name: str, version: str, start: str) -> None:
    """One grid file."""
    (folder / name).write_text(GRID.format(version=version, start=start), "utf-8")


def test_every_grid_of_the_folder_is_read_with_its_text(tmp_path: Path) -> None:
    """All files ending in .toml are grids; their text is kept to be frozen when used."""
    write(tmp_path, "a.toml", "A", "2023-01-01")
    write(tmp_path, "b.toml", "B", "2024-01-01")
    (tmp_path / "notes.txt").write_text("rien")
    grids, texts = load_grids(tmp_path)

    assert [grid.version for grid in grids] == ["A", "B"]
    assert 'version = "B"' in texts["B"]


@pytest.mark.parametrize(
    "second,words",
    [
        (("A", "2024-01-01"), "même version"),
        (("B", "2023-01-01"), "commencent le même jour"),
    ],
)
def test_two_grids_that_could_be_taken_for_each_other_are_refused(
    tmp_path: Path, second: tuple[str, str], words: str
) -> None:
    """A copied file with a forgotten version or date must not price anything by chance."""
    write(tmp_path, "a.toml", "A", "2023-01-01")
    write(tmp_path, "b.toml", *second)
    with pytest.raises(TariffError, match=words):
        load_grids(tmp_path)


def test_a_folder_without_grids_is_refused(tmp_path: Path) -> None:
    """Empty or missing: the message names the folder."""
    with pytest.raises(TariffError, match=str(tmp_path)):
        load_grids(tmp_path / "missing")
