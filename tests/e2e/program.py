"""Runs the real program, as a person would, in its own process: warm, or from nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import warm

QUIET = {"PYTHONWARNINGS": "error", "NO_COLOR": "1", "COLUMNS": "200"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the program answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be one JSON object and nothing else."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def command(*arguments: str | Path, config: Path | None = None) -> list[str]:
    """The command line of the program."""
    line = [sys.executable, "-m", "worker", *(str(argument) for argument in arguments)]
    return line if config is None else [*line, "--config", str(config)]


def environment() -> dict[str, str]:
    """Ours, without the settings somebody may have in theirs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CHORUS_")}
    return kept | QUIET


def run(
    *arguments: str | Path,
    config: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Said:
    """Run to the end in a process that has imported the program already (warm.py).

    ``env`` adds variables to the environment.
    """
    _, _, _, *words = command(*arguments, config=config)
    return Said(*warm.run(words, environment() | dict(env or {}), cwd))


def run_cold(
    *arguments: str | Path,
    config: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Said:
    """The same in a process that starts from nothing: what it imports, and from where, counts."""
    done = subprocess.run(
        command(*arguments, config=config),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment() | dict(env or {}),
    )
    return Said(done.returncode, done.stdout, done.stderr)
