"""``audit deposits``: the submission log, on the terminal and in files."""

from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from tests.e2e.program import run


def test_the_log_of_the_demonstration(played: tuple[Path, object]) -> None:
    """One attempt for each invoice, accepted, reported on with its piece, and seen since."""
    config = played[0] / "worker.toml"
    deposits = run("audit", "deposits", "2025", "--json", config=config).json["deposits"]
    shown = run("status", "2025", "--json", config=config).json["invoices"]
    numbers = [one["number"] for one in shown if one["number"]]

    assert [one["number"] for one in deposits] == numbers
    assert {one["outcome"] for one in deposits} == {"accepted"}
    assert all(one["reports"] and one["first_seen_at"] for one in deposits)
    assert all(one["intent_event"] < one["answer_event"] for one in deposits)


def test_the_filters_of_the_command_are_those_of_the_log(played: tuple[Path, object]) -> None:
    """Each is understood, spaces of a SIRET included, and leaves what it says."""
    config = played[0] / "worker.toml"

    def numbers(*words: str) -> list[str]:
        said = run("audit", "deposits", *words, "--json", config=config)
        assert said.code == 0, said.err
        return [one["number"] for one in said.json["deposits"]]

    whole = run("audit", "deposits", "--json", config=config).json["deposits"]
    first, day = whole[0], whole[0]["intended_at"][:10]
    siret = first["member_siret"]

    assert numbers("--member", f"{siret[:9]} {siret[9:]}") == [first["number"]]
    assert numbers("--state", "refused") == numbers("2024") == numbers("--outcome", "none") == []
    assert len(numbers("--from", day)) == len(numbers("--state", "integrated")) == len(whole)
    assert numbers("--until", "2020-01-01") == numbers("--from", "01/01/2099") == []


def test_a_table_is_written(played: tuple[Path, object], tmp_path: Path) -> None:
    """The command says how many rows the file has."""
    to = tmp_path / "dépôts.xlsx"
    config = played[0] / "worker.toml"
    said = run("audit", "deposits", "--to", to, "--json", config=config)
    with CalamineWorkbook.from_path(to) as book:
        rows = book.get_sheet_by_name("Dépôts").to_python()

    assert said.json == {"ok": True, "file": str(to), "rows": len(rows) - 1}
    assert f"{len(rows) - 1} dépôts" in run("audit", "deposits", "--to", to, config=config).out


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "hier"),
        ("--until", "2026-02-30"),
        ("--from", "2026-02-02", "--until", "01/02/2026"),
        ("--to", "dépôts.ods"),
        ("--outcome", "perdu"),
        ("--state", "perdue"),
    ],
)
def test_what_cannot_be_asked_is_said(
    played: tuple[Path, object], tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Exit 2, with the option or the value, and nothing is written."""
    said = run("audit", "deposits", *words, config=played[0] / "worker.toml", cwd=tmp_path)

    assert (said.code, said.out) == (2, "")
    assert words[0] in said.err or words[1] in said.err
    assert list(tmp_path.iterdir()) == []
