"""Typer's help and complaints, in French. The library has no translation of its own."""

import re
from collections.abc import Sequence
from typing import Any

from typer._click import Command, Context, HelpFormatter

# Private, but the only names of these errors; the version is pinned and a test types them all.
from typer._click.exceptions import (
    BadParameter,
    ClickException,
    MissingParameter,
    NoSuchOption,
    UsageError,
)
from typer.core import TyperCommand, TyperGroup

from worker.cli.console import remember_config

HELP = "affiche cette aide"


class _French:
    """The parts of a help page that the library writes in English."""

    def format_usage(self, ctx: Context, formatter: HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))  # type: ignore[attr-defined] # mixin
        formatter.write_usage(ctx.command_path, pieces, prefix="Usage : ")

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):  # type: ignore[attr-defined] # mixin
            record = param.get_help_record(ctx)
            if record is None:
                continue
            name, text = re.sub(r" <[^>]+>", "", record[0]), record[1]
            if param.name == "help":
                text = HELP
            section = "Arguments" if param.param_type_name == "argument" else "Options"
            sections[section].append((name, _in_french(text)))
        for title, rows in sections.items():
            if rows:
                with formatter.section(f"{title}\u00a0"):
                    formatter.write_dl(rows)


class FrenchCommand(_French, TyperCommand):
    """One command."""

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - the library's signature
        """Run it; what it suggests to type next is for the same configuration."""
        remember_config(ctx.params.get("config"))
        return super().invoke(ctx)


class FrenchGroup(_French, TyperGroup):
    """A group of commands."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - the library's signature
        attributes["subcommand_metavar"] = "COMMANDE [ARGUMENTS]..."
        super().__init__(**attributes)

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The options, then the commands."""
        super().format_options(ctx, formatter)
        commands: Sequence[tuple[str, Command | None]] = [
            (name, self.get_command(ctx, name)) for name in self.list_commands(ctx)
        ]
        rows = [
            (name, command.get_short_help_str(limit=100))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        with formatter.section("Commandes\u00a0"):
            formatter.write_dl(rows)

    def list_commands(self, ctx: Context) -> list[str]:
        """In the order a person meets them, not the alphabet's."""
        del ctx
        return list(self.commands)


def explain(error: ClickException) -> str:
    """A wrong command line, in one French sentence and where to look."""
    match error:
        case MissingParameter():
            sentence = f"il manque {_named(error)}"
        case BadParameter():
            sentence = f"la valeur donnée pour {_named(error)} ne convient pas"
        case NoSuchOption():
            sentence = f"l'option {error.option_name} n'existe pas"
        case _ if "No such command" in error.message:
            sentence = f"la commande {error.message.split(chr(39))[1]} n'existe pas"
        case _ if "Missing command" in error.message:
            sentence = "il manque une commande"
        case _ if "unexpected extra argument" in error.message:
            extra = error.message.partition("(")[2].rstrip(").")
            sentence = f"argument en trop : {extra}"
        case _ if "requires an argument" in error.message:
            sentence = f"il manque la valeur de l'option {getattr(error, 'option_name', '')}"
        case _:
            sentence = error.message
    context = error.ctx if isinstance(error, UsageError) else None
    path = context.command_path if context is not None else "chorus-worker"
    return f"{sentence} ; voyez « {path} --help »."


def _in_french(text: str) -> str:
    """Without the library's bounds and types, and its « required »."""
    text = text.replace("; required]", "] [obligatoire]").replace("[required]", "[obligatoire]")
    return re.sub(r"\s*\[[^\]]*[<>]=[^\]]*\]", "", text)


def _named(error: BadParameter) -> str:
    param = error.param
    if param is None:
        return "un argument"
    if param.param_type_name == "option":
        return f"l'option {max(param.opts, key=len)}"
    return f"l'argument {param.metavar or str(param.name).upper()}"
