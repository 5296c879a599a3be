"""What ``make`` says on a machine whose Python cannot hold the program."""

import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[3] / "Makefile"
OLD = """#!/bin/sh
case "$2" in
*version_info*) exit 1 ;;
*) echo 3.9.18 ;;
esac
"""
BARE = f"""#!/bin/sh
case "$2" in
*venv*) exit 1 ;;
*) exec {sys.executable} "$@" ;;
esac
"""


@pytest.mark.parametrize(
    "python,words",
    [
        (OLD, "Python 3.11 ou plus récent est nécessaire ; trouvé : 3.9.18 ("),
        (None, "Python 3.11 ou plus récent est nécessaire ; trouvé : aucun ("),
        (BARE, "Le module venv de "),
    ],
    ids=["old", "none", "no venv"],
)
def test_a_python_that_is_not_fit_is_named_in_one_line(
    tmp_path: Path, python: str | None, words: str
) -> None:
    """What was found, what is needed and what to type, before any installation begins."""
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.txt", "requirements/dev.txt"):
        (tmp_path / name).touch()
    interpreter = tmp_path / "python"
    if python is not None:
        interpreter.write_text(python, "utf-8")
        interpreter.chmod(0o755)

    done = subprocess.run(
        ["make", "--file", MAKEFILE, f"PYTHON={interpreter}", "demo"],  # noqa: S607 - the user's own
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )

    said, *rest = done.stderr.splitlines()
    assert done.returncode == 2
    assert said.startswith(words)
    assert str(interpreter) in said
    assert said.endswith("make PYTHON=/chemin/python3.12 demo")
    assert len(rest) == 1
    assert not (tmp_path / ".venv").exists()
