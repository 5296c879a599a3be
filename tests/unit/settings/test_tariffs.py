"""Reading the tariff folder: what may be there, and what is refused before any computation."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.billing.period import months_of
from worker.billing.tariff import TariffFolder, grid_in_force
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
    folder = load_grids(tmp_path)

    assert [grid.version for grid in folder.grids] == ["A", "B"]
    assert 'version = "B"' in folder.texts["B"]
    assert folder.unusable == ()


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
    folder = load_grids(tmp_path)
    with pytest.raises(TariffError, match=words):
        folder.require(2024)

    assert [one.name for one in folder.unusable] == ["a.toml", "b.toml"]
    assert folder.grids == ()


def test_a_folder_without_grids_is_refused(tmp_path: Path) -> None:
    """Empty or missing: the message names the folder."""
    with pytest.raises(TariffError, match=str(tmp_path)):
        load_grids(tmp_path / "missing")


def a_pipe(path: Path) -> None:
    """Its other end never comes."""
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    """Something else has its name."""
    path.unlink()
    path.mkdir()


def a_loop(path: Path) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path)


def another_text(path: Path) -> None:
    """In the encoding of another program."""
    path.write_bytes(path.read_text("utf-8").encode("utf-16"))


def emptied(path: Path) -> None:
    """Nothing is left of it."""
    path.write_bytes(b"")


def contradicted(path: Path) -> None:
    """Its last day is before the first."""
    path.write_text(path.read_text("utf-8").replace("[services.gfu]", "valid_to = 2001-01-01\n[x]"))


def refusal(folder: TariffFolder, year: int) -> str:
    """What is said of a year that cannot be priced, else nothing."""
    try:
        folder.require(year)
    except TariffError as error:
        return error.message
    return ""


def versions(folder: TariffFolder, year: int) -> set[str]:
    """Of the grids that price a year."""
    found = [grid_in_force(folder.grids, month) for month in months_of(year)]
    return {grid.version for grid in found if grid}


@pytest.mark.parametrize("damage", [a_pipe, a_folder, a_loop, another_text, emptied, contradicted])
def test_a_file_whose_days_cannot_be_read_stops_every_year(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """It might price any of them in the place of the others; the sound ones are still listed."""
    write(tmp_path, "a.toml", "A", "2023-01-01")
    write(tmp_path, "b.toml", "B", "2024-01-01")
    damage(tmp_path / "b.toml")
    folder = load_grids(tmp_path)

    assert [grid.version for grid in folder.grids] == ["A"]
    assert [one.where for one in folder.warnings] == ["b.toml"]
    for year in (2022, 2023, 2024, 2025):
        said = refusal(folder, year)
        assert "b.toml" in said
        assert f"prix de {year}" in said
        assert not re.search(r"\b(at|line|expected|invalid|the|codec)\b", said, re.IGNORECASE)


def test_a_file_that_is_cut_anywhere_lets_no_other_grid_price_its_year(tmp_path: Path) -> None:
    """After each byte: refused, or priced as before; another year goes once the days are read."""
    write(tmp_path, "a.toml", "A", "2023-01-01")
    write(tmp_path, "b.toml", "B", "2024-01-01")
    whole = (tmp_path / "b.toml").read_bytes()
    days_read = whole.index(b"2024-01-01") + len(b"2024-01-01")
    wrong = []
    for size in range(len(whole)):
        (tmp_path / "b.toml").write_bytes(whole[:size])
        folder = load_grids(tmp_path)
        own = bool(refusal(folder, 2024)) or versions(folder, 2024) == {"B"}
        other = bool(refusal(folder, 2023)) or versions(folder, 2023) == {"A"}
        if not (own and other) or bool(refusal(folder, 2023)) is not (size < days_read):
            wrong.append(size)

    assert wrong == []


@pytest.mark.parametrize(
    "spoiled", ["prices = [", 'prices = "x"', "price = [1]", "prices = [1.801]"]
)
@pytest.mark.parametrize(
    "last,stopped",
    [
        ("", {2024, 2025}),
        ("valid_to = 2024-06-30", {2024}),
        ("valid_to = 2023-12-31", set()),
    ],
)
def test_a_damaged_grid_stops_the_years_that_it_might_price(
    tmp_path: Path, spoiled: str, last: str, stopped: set[int]
) -> None:
    """Neither those before its first day, after its last, nor those of a later grid."""
    write(tmp_path, "a.toml", "A", "2022-01-01")
    write(tmp_path, "b.toml", "B", "2023-12-02")
    write(tmp_path, "c.toml", "C", "2026-01-01")
    damaged = (tmp_path / "b.toml").read_text("utf-8").replace("prices = [1.80]", spoiled)
    (tmp_path / "b.toml").write_text(damaged.replace("[services", f"{last}\n[services", 1))
    folder = load_grids(tmp_path)

    assert {year for year in range(2022, 2029) if refusal(folder, year)} == stopped
    assert versions(folder, 2023) == {"A"}
    assert versions(folder, 2026) == {"C"}
