"""docs/architecture.md and the README against the layout of the code."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from tests.documents.pages import PAGES, ROOT, page, python_files, quoted, rows, section
from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.storage import tables

ARCHITECTURE = page("docs/architecture.md")
ALL_DOCS = "\n".join(path.read_text("utf-8") for path in PAGES)
PROGRAMS = ("worker", "chorus_sandbox")
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "misc"}
SOURCES = [*PAGES, *python_files("worker", "chorus_sandbox", "chaos")]
FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in (*PROGRAMS, "tests", "chaos", "benchmarks", "conformance")
    for path in (ROOT / folder).rglob("*.py")
}


def modules() -> dict[str, set[str]]:
    """The files of each room, by the room's path; dunder files and migrations are left out."""
    rooms: dict[str, set[str]] = {}
    for path in python_files(*PROGRAMS):
        if not path.stem.startswith("__") and "migrations" not in path.parts:
            room = path.parent.relative_to(ROOT).as_posix()
            rooms.setdefault(room, set()).add(path.stem)
    return rooms


def test_every_module_is_in_the_table_of_rooms() -> None:
    """Each file of the two programs stands in its room's row, and each row has no other."""
    told = {
        quoted(room)[0].rstrip("/"): set(quoted(files))
        for room, files, _ in rows(section(ARCHITECTURE, "Rooms"))
    }

    assert told == modules()


def test_every_table_of_the_database_is_documented() -> None:
    """The list of tables is that of the metadata."""
    listed = section(ARCHITECTURE, "Tables").split("\n\n")[1]
    names = {name for name in quoted(listed) if re.fullmatch(r"[a-z_]+", name)}

    assert tables.SourceFileRow.__tablename__ == "source_file"
    assert names == set(SQLModel.metadata.tables)


@pytest.mark.parametrize("status", InvoiceStatus)
def test_every_status_is_documented(status: InvoiceStatus) -> None:
    """Each state of an invoice has its row in the architecture."""
    assert f"`{status.value}`" in ARCHITECTURE


@pytest.mark.parametrize("tag", EventTag)
def test_every_journal_event_is_documented(tag: EventTag) -> None:
    """Auditors find each tag of the journal explained."""
    assert f"`{tag.value}`" in ALL_DOCS


def test_every_file_that_is_named_exists() -> None:
    """A ``….py`` in a document, a comment or a docstring is the end of a file's path."""
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in SOURCES
        for name in re.findall(r"(?<![\w/.*])([a-z_][\w/]*\.py)\b", path.read_text("utf-8"))
    }
    lost = [
        (where, name)
        for where, name in named
        if not any(file == name or file.endswith(f"/{name}") for file in FILES)
    ]

    assert sorted(lost) == []


def test_every_direct_dependency_has_its_reason_in_the_readme() -> None:
    """A dependency without a reason is removed."""
    project = tomllib.loads(page("pyproject.toml"))["project"]
    names = [re.split(r"[<>=\[]", item)[0] for item in project["dependencies"]]

    assert [name for name in names if f"| {name} |" not in page("README.md")] == []


def test_the_locked_requirements_are_pinned_and_hashed_and_name_no_registry() -> None:
    """Every line of the requirements is an exact version with hashes, or a hash."""
    for name in ("run", "dev"):
        text = page(f"requirements/{name}.txt")
        assert "://" not in text
        for entry in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[\w.\-]+(\[[\w,]+\])?==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry


def test_help_answers_without_the_heavy_libraries() -> None:
    """``--help`` imports neither the database nor the documents, to answer at once."""
    heavy = ("sqlmodel", "pydantic", "lxml", "typst", "requests", "rich")
    code = f"import sys, worker.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_modules_have_names_that_say_something() -> None:
    """No file or folder is called utils, helpers, common, base, core, manager or misc."""
    named = {part for room, files in modules().items() for part in {*Path(room).parts, *files}}

    assert named & VAGUE == set()


def test_the_import_rules_hold() -> None:
    """The direction of imports drawn in docs/architecture.md is that of the code."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout


def test_the_layers_drawn_are_those_of_the_import_rule() -> None:
    """The lines of docs/architecture.md are the layers of pyproject.toml."""
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    drawn = section(ARCHITECTURE, "Direction of imports").split("```")[1].strip().splitlines()

    assert [line.split("  ")[0] for line in drawn] == contracts[0]["layers"]
