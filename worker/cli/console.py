"""What commands print: French for people on the terminal, stable English keys with ``--json``.

Results go to standard output; messages, progress and errors to standard error.
"""

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import typer

from worker.billing.money import count
from worker.billing.text import HIDDEN, harmless
from worker.cli import json_views
from worker.errors import (
    Finding,
    FindingGroup,
    ImportRefused,
    Refused,
    Severity,
    WorkerError,
)

DONE, TO_LOOK_AT = 0, 1
FOLDED_AT = 80
MOST_DRAWN = 200
MOST_FINDINGS = 30
_WIDE_TERMINAL = 130
_HARMFUL_IN_JSON = re.compile(f"[{HIDDEN}]")
_NOT_ASCII = re.compile("[^\u0000-\u007e]")


def program() -> str:
    """What to type for this program from here, so that suggested commands can be typed as they are.

    Its name alone where the shell finds it by that; else the path it was called by.
    """
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{Path(sys.executable).name} -m worker"
    found = shutil.which(called.name)
    by_name = found is not None and called.exists() and Path(found).samefile(called)
    return called.name if by_name else shlex.quote(str(called))


_config: ContextVar[Path | None] = ContextVar("config", default=None)


def remember_config(option: Path | None) -> None:
    """The ``--config`` of the command under way, for the commands that it suggests."""
    _config.set(option)


def _config_option() -> str:
    config = _config.get()
    return "" if config is None else f" --config {shlex.quote(str(config))}"


def command(text: str) -> str:
    """A whole command line to type next, here and on this configuration."""
    return f"{program()} {text}{_config_option()}"


def typed(text: str) -> str:
    """A sentence whose commands can be typed as they are, here and on this configuration."""
    return text.replace("chorus-worker ", f"{program()}{_config_option()} ")


def open_outputs() -> None:
    """Make sure of both outputs: one that was closed is nowhere, and any encoding will do."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Or the next file that is opened takes its number, and what is said is written there.
            os.open(os.devnull, os.O_RDWR)
    nowhere = partial(Path(os.devnull).open, "w", encoding="utf-8")
    sys.stdout, sys.stderr = sys.stdout or nowhere(), sys.stderr or nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_lost_outputs() -> None:
    """Leave nothing in an output that nothing can be written to: the exit code is the command's."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until exit


def _print(text: str, *, err: bool = False) -> None:
    """The one place where a line leaves the program for a person."""
    typer.echo(harmless(text), err=err)


def say(text: str = "") -> None:
    """A message for people, on standard error: whether it can be written stops nothing."""
    with suppress(OSError):
        _print(text, err=True)


def agreed(question: str, *, yes: bool) -> bool:
    """Whether a person at a terminal says yes to what was shown; ``yes``: said beforehand.

    Raises Refused where there is no terminal to ask on.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            "Cette commande demande un accord, et il n'y a pas de terminal pour le donner.",
            "Dans un script, retapez-la avec --yes, une fois les montants regardés.",
        )
    typer.echo(f"{harmless(question)} [o/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().casefold() in {"o", "oui"}


def put(text: str = "") -> None:
    """A line of the result, on standard output."""
    _print(text)


def put_folded(text: str, indent: int = 0) -> None:
    """A text of the result in lines of 80 columns at most; the next ones begin further in."""
    lines = textwrap.wrap(
        text,
        FOLDED_AT,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
    for line in lines:
        put(line)


def put_json(*, ok: bool = True, **content: object) -> None:
    """The result as one JSON object, and nothing else."""
    text = json.dumps({"ok": ok, **content}, default=json_views.plain, ensure_ascii=False, indent=2)
    typer.echo(json_text(text))


def json_text(text: str) -> str:
    """JSON whose harmful signs, and those that the output cannot write, are escaped as JSON does.

    Its own line ends are no content, and stay.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    writable = encoding.lower().replace("-", "") == "utf8"
    return (_HARMFUL_IN_JSON if writable else _NOT_ASCII).sub(
        lambda sign: json.dumps(sign[0])[1:-1], text
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[str] = (),
    narrow: Sequence[str] = (),
) -> None:
    """A table on standard output; columns named in ``right`` are aligned to the right.

    Drawn to the terminal's width for a person; one line per row, never folded, for a pipe, and
    for long tables, which rich takes half a second to draw. A person whose terminal is too narrow
    for every column sees those of ``narrow``, if it is given.
    """
    cells = [tuple(map(harmless, row)) for row in rows]
    if narrow and sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE_TERMINAL:
        places = [columns.index(column) for column in narrow]
        columns, cells = narrow, [tuple(row[place] for place in places) for row in cells]
    if sys.stdout.isatty() and len(cells) <= MOST_DRAWN:
        # Half of the time of `status`, which a pipe need not spend.
        from worker.cli.drawing import draw  # noqa: PLC0415

        draw(columns, cells, right)
    else:
        _align(columns, cells, right)


def _align(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    turns = [str.rjust if column in right else str.ljust for column in columns]
    for row in (columns, ["─" * width for width in widths], *rows):
        aligned = (turn(cell, width) for turn, cell, width in zip(turns, row, widths, strict=True))
        put("  ".join(aligned).rstrip())


def show_findings(findings: Sequence[Finding | FindingGroup], title: str = "") -> None:
    """Findings for people, on standard error, under a title if there are any."""
    if title and findings:
        say(f"{title} :")
    for finding in findings[:MOST_FINDINGS]:
        mark = "!" if finding.severity is Severity.WARNING else "✗"
        where = f"{finding.where} : " if finding.where else ""
        value = (
            f" (« {finding.value} »)"
            if finding.value and finding.value not in finding.message
            else ""
        )
        say(f"  {mark} {where}{finding.message}{value}")
        if finding.remedy:
            say(f"      → {typed(finding.remedy)}")
    if len(findings) > MOST_FINDINGS:
        say(f"  … et {count(len(findings) - MOST_FINDINGS, 'autre')} ; --json les donne toutes.")


def report_error(error: WorkerError, *, as_json: bool) -> None:
    """A stop, for people on standard error, and for programs on standard output."""
    if as_json:
        put_json(**json_views.failure(error))
    say(f"Erreur : {error.message}")
    show_findings((error.groups if isinstance(error, ImportRefused) else ()) or error.findings)
    if error.remedy:
        say(f"À faire : {typed(error.remedy)}")
