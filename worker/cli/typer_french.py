"""Typer's help and complaints, in French. The library has no translation of its own.

Its contexts, formatters and most of its errors have no public name: their text and their
attributes are what is read here. The version is pinned, and a test types every complaint.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from worker.cli.console import remember_config

Context = Any
"""The library's own, which is not ``typer.Context`` where a group is concerned."""
WRONG_USE = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """A command in the help of its group: one line, and how it is loaded when it is called."""

    line: str
    load: Callable[[], TyperCommand | TyperGroup]


class _French:
    """The parts of a help page that the library writes in English."""

    def format_usage(self, ctx: Context, formatter: Context) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))  # type: ignore[attr-defined] # mixin
        formatter.write_usage(ctx.command_path, pieces, prefix="Usage : ")

    def format_options(self, ctx: Context, formatter: Context) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):  # type: ignore[attr-defined] # mixin
            record = param.get_help_record(ctx)
            if record is None:
                continue
            name, text = re.sub(r" <[^>]+>", "", record[0]), record[1]
            if param.name == "help":
                text = "affiche cette aide"
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
    """A group of commands, each loaded when it is called: its help and its errors load none."""

    def __init__(self, listed: Mapping[str, Listed] | None = None, **attributes: Any) -> None:  # noqa: ANN401 - the library's signature
        attributes["subcommand_metavar"] = "COMMANDE [ARGUMENTS]..."
        super().__init__(**attributes)
        self.listed = listed or {}

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Without any argument, give the help."""
        if not args:
            typer.echo(ctx.get_help())
            raise typer.Exit(WRONG_USE)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Context, formatter: Context) -> None:
        """The options, then the commands."""
        super().format_options(ctx, formatter)
        with formatter.section("Commandes\u00a0"):
            formatter.write_dl([(name, one.line) for name, one in self.listed.items()])

    def list_commands(self, ctx: Context) -> list[str]:
        """In the order a person meets them, not the alphabet's."""
        del ctx
        return list(self.listed)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Context | None, list[str]]:
        """The command that one word names, or two where a command has its own."""
        both = " ".join(args[:2])
        if len(args) > 1 and both in self.listed:
            return both, self.listed[both].load(), args[2:]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Context, cmd_name: str) -> TyperCommand | TyperGroup | None:
        """Load one; None when there is no such command."""
        del ctx
        return self.listed[cmd_name].load() if cmd_name in self.listed else None


def explain(error: typer.TyperException) -> str:
    """A wrong command line, in one French sentence and where to look."""
    told = error.format_message()
    option = getattr(error, "option_name", "")
    match error:
        case typer.BadParameter() if told.startswith("Missing "):
            sentence = f"il manque {_named(error)}"
        case typer.BadParameter():
            sentence = f"la valeur donnée pour {_named(error)} ne convient pas{_choices(error)}"
        case _ if "No such option" in told and option == "--data":
            sentence = (
                "cette commande a besoin de la configuration : seules celles qui ne font que lire "
                "ont l'option --data"
            )
        case _ if "No such option" in told:
            sentence = f"l'option {option} n'existe pas"
        case _ if "No such command" in told:
            sentence = f"la commande {told.split(chr(39))[1]} n'existe pas"
        case _ if "Missing command" in told:
            sentence = "il manque une commande"
        case _ if "unexpected extra argument" in told:
            sentence = f"argument en trop : {told.partition('(')[2].rstrip(').')}"
        case _ if "requires an argument" in told:
            sentence = f"il manque la valeur de l'option {option}"
        case _:
            sentence = error.message
    context = getattr(error, "ctx", None)
    path = "chorus-worker" if context is None else context.command_path
    return f"{sentence}. Aide : {path} --help"


def _in_french(text: str) -> str:
    """Without the library's bounds and types, and its « required »."""
    text = text.replace("; required]", "] [obligatoire]").replace("[required]", "[obligatoire]")
    return re.sub(r"\s*\[[^\]]*[<>]=[^\]]*\]", "", text)


def _choices(error: typer.BadParameter) -> str:
    """The values to choose among, where there are some."""
    choices = getattr(getattr(error.param, "type_descriptor", None), "choices", None) or ()
    return f" (au choix : {', '.join(map(str, choices))})" if choices else ""


def _named(error: typer.BadParameter) -> str:
    param = error.param
    if param is None:
        return "un argument"
    if param.param_type_name == "option":
        return f"l'option {max(param.opts, key=len)}"
    return f"l'argument {param.metavar or str(param.name).upper()}"
