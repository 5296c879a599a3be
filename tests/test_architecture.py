"""What the documents promise about the code, checked."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from worker.billing.journal import EventTag
from worker.billing.status import InvoiceStatus
from worker.cli import commands
from worker.settings import Settings
from worker.settings.loading import flatten

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
ALL_DOCS = "\n".join(
    path.read_text("utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
)


@pytest.mark.parametrize("name", commands())
def test_every_command_is_documented(name: str) -> None:
    """A command that the README does not show does not exist for its users."""
    assert f"`{name}" in README


@pytest.mark.parametrize("status", InvoiceStatus)
def test_every_status_is_documented(status: InvoiceStatus) -> None:
    """Each state of an invoice has its row in the architecture."""
    assert f"`{status.value}`" in ARCHITECTURE


@pytest.mark.parametrize("tag", EventTag)
def test_every_journal_event_is_documented(tag: EventTag) -> None:
    """Auditors find each tag of the journal explained."""
    assert f"`{tag.value}`" in ALL_DOCS


def test_every_setting_is_in_the_shipped_configuration() -> None:
    """``init`` gives a file that names every key, commented where it has no default."""
    text = (ROOT / "config/worker.toml").read_text("utf-8")
    missing = []
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        keys = [name] if inner is None else list(inner)
        missing += [key for key in keys if not re.search(rf"^#? ?{key} = ", text, re.MULTILINE)]
    assert missing == []


def test_the_shipped_configuration_only_waits_for_the_channel() -> None:
    """Once the treasury's question is answered, the example configuration is correct."""
    text = (ROOT / "config/worker.toml").read_text("utf-8")
    settings = Settings(**tomllib.loads(f'channel = "helios"\n{text}'))
    assert dict(flatten(settings.model_dump(mode="json")))["channel"] == "helios"


def test_every_direct_dependency_has_its_reason_in_the_readme() -> None:
    """A dependency nobody can justify is removed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[<>=\[]", item)[0] for item in project["dependencies"]]
    assert [name for name in names if f"| {name} |" not in README] == []


def test_the_locked_requirements_are_pinned_and_hashed_and_name_no_registry() -> None:
    """Every line of the requirements is an exact version with hashes, or a hash."""
    for name in ("run", "dev"):
        text = (ROOT / f"requirements/{name}.txt").read_text("utf-8")
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
    """No room called utils, helpers, common, base, core or manager."""
    vague = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager"}
    assert [path for path in (ROOT / "worker").rglob("*.py") if path.stem in vague] == []


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
