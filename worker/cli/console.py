"""What commands print: French for people on the terminal, stable English keys with ``--json``.

Results go to standard output; messages, progress and errors to standard error.
"""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import typer

from worker.billing.money import Money, count, french, french_integer
from worker.billing.period import french_date, french_minute
from worker.billing.text import HIDDEN, harmless
from worker.cli import json_views
from worker.cli.layout import fold, lay_out
from worker.errors import (
    Finding,
    FindingGroup,
    ImportRefused,
    Refused,
    Severity,
    WorkerError,
    WrongUse,
)
from worker.tables import HOLDS, Cell, Column, Kind, Table, as_text

DONE, TO_LOOK_AT = 0, 1
MOST_FINDINGS = 30
_HARMFUL_IN_JSON = re.compile(f"[{HIDDEN}]")
_ALIGNED = frozenset({Kind.INTEGER, Kind.AMOUNT})
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


_wide: ContextVar[bool] = ContextVar("wide", default=False)


def remember_wide(option: bool) -> None:
    """Whether the command under way was given ``--wide``."""
    _wide.set(option)


_to: ContextVar[Path | None] = ContextVar("to", default=None)


def remember_to(option: Path | None) -> None:
    """The file that ``--to`` of the command under way has its table written to."""
    _to.set(option)


def _width(*, err: bool = False) -> int | None:
    """The columns that lines are laid out in; None: each as long as it is.

    Those of the terminal; for a pipe, those of the variable COLUMNS, if it was exported.
    """
    output = sys.stderr if err else sys.stdout
    if _wide.get() or not (output.isatty() or os.environ.get("COLUMNS")):
        return None
    return shutil.get_terminal_size().columns


def _print(text: str, *, err: bool = False) -> None:
    """The one place where a line leaves the program for a person."""
    for line in fold(harmless(text), _width(err=err), program()):
        typer.echo(line, err=err)


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
            "Dans un script, retapez-la avec --yes, une fois vérifié ce qu'elle enverra.",
        )
    typer.echo(f"{harmless(question)} [o/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().casefold() in {"o", "oui"}


def is_wide() -> bool:
    """Whether lines are shown as long as they are: asked for, or not on a terminal."""
    return _width() is None


def put(text: str = "") -> None:
    """A line of the result, on standard output."""
    _print(text)


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
    rows: Iterable[Sequence[Cell]],
    right: Sequence[str] = (),
    narrow: Sequence[str] = (),
) -> None:
    """A table on standard output, or in the file that ``--to`` named.

    In the columns of the terminal (see ``layout``), where those of ``narrow`` alone are shown
    when not all fit; one line per row for a pipe, and with ``--wide``. Amounts and numbers, and
    the columns named in ``right``, are aligned to the right. Raises StorageUnavailable.
    """
    cells = [tuple(row) for row in rows]
    if (to := _to.get()) is not None:
        write_table_file(columns, cells, to)
        return
    kinds = [_kind([row[place] for row in cells]) for place in range(len(columns))]
    aligned = {name for name, kind in zip(columns, kinds, strict=True) if kind in _ALIGNED}
    texts = [tuple(harmless(_shown(cell)) for cell in row) for row in cells]
    for line in lay_out(columns, texts, (*right, *aligned), _width(), narrow):
        typer.echo(line)


def _kind(cells: Iterable[Cell]) -> Kind:
    """What all cells of a column are; text when they are of several kinds, or all empty."""
    types = {type(cell) for cell in cells if cell is not None}
    return next((kind for kind, held in HOLDS.items() if types == {held}), Kind.TEXT)


def is_written() -> bool:
    """Whether ``--to`` has the table written to a file."""
    return _to.get() is not None


def _shown(cell: Cell) -> str:  # noqa: PLR0911 - one return for each type
    """A cell as people read it on the terminal; an instant to the minute, in Paris."""
    match cell:
        case None:
            return "—"
        case bool():
            return "oui" if cell else "non"
        case int():
            return french_integer(cell)
        case Money():
            return french(cell)
        case Decimal():
            return as_text(cell).replace(".", ",")
        case datetime():
            return french_minute(cell)
        case date():
            return french_date(cell)
        case _:
            return cell


def table_file(to: Path | None, *, as_json: bool, name: str = "--to") -> Path | None:
    """Where to write a table; raises WrongUse before anything is read.

    ``name``: of the option that names the file.
    """
    if to is None:
        return None
    if as_json:
        raise WrongUse(
            f"Le tableau est écrit par {name}, ou donné par --json : pas les deux.",
            f"Ôtez une des deux options ; « {name} » écrit aussi du .json.",
        )
    from worker.tables.files import format_of  # noqa: PLC0415 - as below

    format_of(to)
    return to


def write_table_file(columns: Sequence[str], rows: Iterable[Sequence[Cell]], to: Path) -> None:
    """Write a table, and say so. Raises StorageUnavailable."""
    cells = [tuple(row) for row in rows]
    kinds = [_kind([row[place] for row in cells]) for place in range(len(columns))]
    _write(columns, kinds, cells, to)


def _write(
    columns: Sequence[str], kinds: Sequence[Kind], rows: Sequence[Sequence[Cell]], to: Path
) -> None:
    # A workbook is seldom asked for: its library need not be loaded to print.
    from worker.tables.files import write_table  # noqa: PLC0415

    as_texts = [
        tuple(_as(kind, cell) for kind, cell in zip(kinds, row, strict=True)) for row in rows
    ]
    written = Table(
        name="table",
        title=to.stem,
        columns=tuple(
            Column(name=name, caption=name, kind=kind)
            for name, kind in zip(columns, kinds, strict=True)
        ),
        rows=lambda: as_texts,
    )
    number = write_table(written, to, at=datetime.now(UTC))
    put(f"{count(number, 'ligne écrite')} dans {to}.")


def _as(kind: Kind, cell: Cell) -> Cell:
    """A cell of a column; where they are of several kinds, each is a text."""
    return _shown(cell) if kind is Kind.TEXT and not isinstance(cell, str | None) else cell


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
