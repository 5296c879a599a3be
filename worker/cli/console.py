"""What commands print: French for people on the terminal, stable English keys with ``--json``.

Results go to standard output; messages, progress and errors to standard error.
"""

import json
import os
import shlex
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.billing.money import count
from worker.errors import Finding, Severity, WorkerError

if TYPE_CHECKING:
    from datetime import datetime

    from worker.billing.status import TrackedInvoice

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FICHIER",
        help="configuration ; sinon CHORUS_WORKER_CONFIG, sinon config/worker.toml",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="résultat en JSON sur la sortie standard", show_default=False)
]
Year = Annotated[
    int, typer.Argument(metavar="ANNÉE", help="année des services", min=2000, max=2100)
]
Number = Annotated[str, typer.Argument(metavar="NUMÉRO", help="numéro de la facture")]

DONE, TO_LOOK_AT = 0, 1
MOST_DRAWN = 200
_WIDE_TERMINAL = 130
_WIDE = 8


def program() -> str:
    """How the person called us, so that suggested commands can be typed as they are."""
    name = Path(sys.argv[0])
    if name.name == "__main__.py":
        return f"{Path(sys.executable).name} -m worker"
    if name.is_absolute():
        try:
            name = name.relative_to(Path.cwd())
        except ValueError:
            return name.name if _on_path(name) else str(name)
    return str(name)


_config: ContextVar[Path | None] = ContextVar("config", default=None)


def remember_config(option: Path | None) -> None:
    """The ``--config`` of the command under way, for the commands that it suggests."""
    if option is not None:
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


def harmless(text: str) -> str:
    """A text from a file or its name: signs that move a terminal, or hide, are shown escaped."""
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else char
        for char in text
    )


def say(text: str = "") -> None:
    """A message for people, on standard error."""
    typer.echo(text, err=True)


def put(text: str = "") -> None:
    """A line of the result, on standard output."""
    typer.echo(text)


def put_json(*, ok: bool = True, **content: object) -> None:
    """The result as one JSON object, and nothing else."""
    text = json.dumps({"ok": ok, **content}, ensure_ascii=False, indent=2)
    # A file name that is not UTF-8 must not make the whole answer unreadable.
    typer.echo(text.encode("utf-8", "backslashreplace").decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table on standard output; columns named in ``right`` are aligned to the right.

    Drawn to the terminal's width for a person; one line per row, never folded, for a pipe, and
    for long tables, which rich takes half a second to draw.
    """
    cells = [tuple(row) for row in rows]
    if sys.stdout.isatty() and len(cells) <= MOST_DRAWN:
        _draw(columns, cells, right)
    else:
        _align(columns, cells, right)


def is_narrow() -> bool:
    """Whether a person reads this on a terminal too narrow for every column."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE_TERMINAL


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # Only the first column, a name, is folded: numbers must stay whole to be copied.
        drawn.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=len(columns) < _WIDE and column != columns[0],
        )
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(drawn)


def _align(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    turns = [str.rjust if column in right else str.ljust for column in columns]
    for row in (columns, ["─" * width for width in widths], *rows):
        aligned = (turn(cell, width) for turn, cell, width in zip(turns, row, widths, strict=True))
        put("  ".join(aligned).rstrip())


def show_findings(findings: Sequence[Finding], limit: int = 30) -> None:
    """Findings for people, on standard error."""
    for finding in findings[:limit]:
        mark = "!" if finding.severity is Severity.WARNING else "✗"
        where = f"{finding.where} : " if finding.where else ""
        value = (
            f" (« {finding.value} »)"
            if finding.value and finding.value not in finding.message
            else ""
        )
        say(harmless(f"  {mark} {where}{finding.message}{value}"))
        if finding.remedy:
            say(f"      → {typed(finding.remedy)}")
    if len(findings) > limit:
        say(f"  … et {count(len(findings) - limit, 'autre')} ; --json les donne toutes.")


def finding_json(finding: Finding) -> dict[str, str]:
    """A finding with stable keys."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "where": finding.where,
        "value": finding.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def invoice_json(invoice: "TrackedInvoice", now: "datetime", *, deposits: bool) -> dict[str, Any]:
    """An invoice with the stable keys of the command line's contract; ``deposits`` as for todo."""
    from worker.corrections.french import sentence
    from worker.corrections.todo import todo

    advice = todo(invoice, now, deposits=deposits)
    return {
        "number": invoice.number or None,
        "kind": invoice.kind.value,
        "year": invoice.year,
        "member_siret": invoice.siret,
        "member_name": invoice.member_name,
        "total_ttc": str(invoice.signed_total),
        "status": invoice.status.value,
        "portal_status": invoice.portal_status or None,
        "flux_number": invoice.flux_number or None,
        "cpp_id": None if invoice.portal_id is None else int(invoice.portal_id),
        "issued_on": invoice.issue_date.isoformat() if invoice.issue_date else None,
        "deposited_at": invoice.deposited_at.isoformat() if invoice.deposited_at else None,
        "detail": invoice.french_detail or None,
        "todo": None
        if advice is None
        else {
            "code": advice.code.value,
            "command": list(advice.command) or None,
            "sentence": sentence(advice),
        },
        "findings": [finding_json(finding) for finding in invoice.findings],
    }


def error_json(error: WorkerError) -> dict[str, str | int]:
    """A stop with stable keys."""
    return {"message": error.message, "remedy": error.remedy, "exit_code": error.exit_code}


def report_error(error: WorkerError, *, as_json: bool) -> None:
    """A stop, for people on standard error, and for programs on standard output."""
    if as_json:
        put_json(
            ok=False,
            error=error_json(error),
            findings=[finding_json(finding) for finding in error.findings],
        )
    say(f"Erreur : {error.message}")
    show_findings(error.findings)
    if error.remedy:
        say(f"À faire : {typed(error.remedy)}")


def flat(values: Mapping[str, object]) -> str:
    """A small mapping on one line, for the journal."""
    return ", ".join(f"{key}={_told(value)}" for key, value in values.items())


def _told(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _on_path(name: Path) -> bool:
    return str(name.parent) in os.environ.get("PATH", "").split(os.pathsep)
