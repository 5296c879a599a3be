"""Runs the real program, as a person would, in its own process: warm, or from nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from chaos import pace
from tests.e2e import warm

HANGS = 120
"""Seconds that no command takes on an idle machine."""
QUIET = {"PYTHONWARNINGS": "error", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the program answered."""

    code: int
    out: str
    err: str

    def keep(self, path: Path) -> None:
        """Write it down for the other workers."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Read what another worker wrote down."""
        return cls(**json.loads(path.read_text("utf-8")))

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
    """Ours, without the settings of the program and of Python that others do not have."""
    others = ("CHORUS_", "PYTHONUNBUFFERED")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    return kept | QUIET


def run(
    *arguments: str | Path,
    config: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    main: warm.Main = warm.program,
) -> Said:
    """Run to the end in a process that has imported the program already (warm.py).

    ``env`` adds variables to the environment; ``main`` is what is called in that process.
    """
    _, _, _, *words = command(*arguments, config=config)
    return Said(*warm.run(words, environment() | dict(env or {}), cwd, main))


def started(
    *arguments: str | Path, config: Path | None = None, env: Mapping[str, str] | None = None
) -> AbstractContextManager[warm.Started]:
    """Start it in such a process, which is killed if it still runs after the block."""
    _, _, _, *words = command(*arguments, config=config)
    return warm.started(words, environment() | dict(env or {}))


def run_cold(
    *arguments: str | Path,
    config: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Said:
    """The same in a process that starts from nothing: what it imports, and from where, counts."""
    return run_to_the_end(command(*arguments, config=config), env=environment() | dict(env or {}))


def run_to_the_end(
    words: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
) -> Said:
    """Run any command line, as long as it does not hang."""
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=cwd,
    )
    with process:
        out, err = pace.communicate(process, HANGS)
    return Said(process.returncode, out, err)
