"""The command line as the program has it, whichever way its commands are loaded."""

from collections.abc import Iterator
from typing import Any

import typer

from worker.cli import app

HELP = {"--help", "-h"}


def commands() -> dict[str, set[str]]:
    """The options of each command, by its name as it is typed."""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:  # noqa: ANN401 - click is typer's own
    if not hasattr(command, "get_command"):
        given = {
            option
            for parameter in command.params
            for option in parameter.opts
            if option.startswith("-")
        }
        yield " ".join(path), given - HELP
        return
    context = command.make_context("chorus-worker", [], resilient_parsing=True)
    for name in command.list_commands(context):
        yield from _walk(command.get_command(context, name), (*path, name))
