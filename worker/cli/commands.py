"""The commands, as they are listed; the file of each is imported when it is called.

``--help`` and ``status`` answer at once because they load neither the documents nor the portal.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from worker import __version__
from worker.billing.toml import own_table
from worker.cli.console import remember_config, remember_to, remember_wide, table_file
from worker.cli.options import Table, Wide, option
from worker.cli.typer_french import FrenchCommand, FrenchGroup, Listed

_TABLES = own_table(__package__, "commands.toml")
COMMANDS: Mapping[str, str] = _TABLES["commands"]
"""By the words to type, in the order a person meets them: the first line of the help."""
GROUPS: Mapping[str, str] = _TABLES["groups"]
FILES: Mapping[str, str] = _TABLES["files"]
DRAWS: frozenset[str] = frozenset(_TABLES["tables"]["wide"])
"""The commands that print tables."""
WRITES: frozenset[str] = frozenset(_TABLES["tables"]["to"])
"""Those whose one table ``--to`` writes."""
# The sandbox reads its own options: the two ways to start it cannot differ.
_SETTINGS: Mapping[str, dict[str, Any]] = {
    "sandbox": {
        "add_help_option": False,
        "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    }
}
_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False}


def commands() -> dict[str, TyperCommand]:
    """Every command by the words to type, loaded."""
    return {words: _load(words) for words in COMMANDS}


def command_line() -> FrenchGroup:
    """The whole of it, to call with the words that were typed."""
    shell = typer.Typer(
        name="chorus-worker",
        cls=FrenchGroup,
        help="Facture les services partagés d'un syndicat mixte, de la consommation à la facture "
        "soldée sur Chorus Pro.",
        **_PLAIN,
    )
    shell.callback()(_options)
    group = cast("FrenchGroup", get_command(shell))
    group.listed = _listed("") | {
        name: Listed(text, partial(_group, name)) for name, text in GROUPS.items()
    }
    return group


def _group(name: str) -> FrenchGroup:
    return FrenchGroup(_listed(f"{name} "), name=name, help=GROUPS[name], rich_markup_mode=None)


def _listed(prefix: str) -> dict[str, Listed]:
    """The commands typed after a prefix and one word, or after a command that has its own."""
    after = {words.removeprefix(prefix): words for words in COMMANDS if words.startswith(prefix)}
    return {
        rest: Listed(COMMANDS[words], partial(_load, words))
        for rest, words in after.items()
        if " " not in rest or rest.partition(" ")[0] in after
    }


def _load(words: str) -> TyperCommand:
    first, last = words.split(maxsplit=1)[0], words.rsplit(maxsplit=1)[-1]
    functions = vars(import_module(f"worker.cli.{FILES.get(words, first)}"))
    shell = typer.Typer(**_PLAIN)
    # Where Python has the word already, the function has an underscore behind it.
    function = functions.get(last) or functions[f"{last}_"]
    shell.command(last, cls=FrenchCommand, **_SETTINGS.get(words, {}))(
        _with_table_options(function, words) if words in DRAWS else function
    )
    return cast("TyperCommand", get_command(shell))


def _with_table_options(function: Callable[..., Any], words: str) -> Callable[..., Any]:
    """A command with the options of how its tables are shown: they are the same for all."""
    added = {"wide": (Wide, False)} | ({"to": (Table, None)} if words in WRITES else {})

    @wraps(function)
    def called(*, wide: bool, **given: Any) -> Any:  # noqa: ANN401 - as the command has it
        remember_wide(wide)
        if words in WRITES:
            remember_to(table_file(given.pop("to"), as_json=given["as_json"]))
        return function(**given)

    of_its_own = signature(function)
    called.__signature__ = of_its_own.replace(  # type: ignore[attr-defined] # read by typer
        parameters=[
            *of_its_own.parameters.values(),
            *(
                Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)
                for name, (kind, default) in added.items()
            ),
        ]
    )
    called.__annotations__ = function.__annotations__ | {
        name: kind for name, (kind, _) in added.items()
    }
    return called


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    config: Annotated[
        Path | None, option("--config", "configuration à utiliser", "FICHIER")
    ] = None,
    _version_option: Annotated[
        bool, option("--version", "affiche la version", callback=_version, is_eager=True)
    ] = False,
) -> None:
    if config is not None:
        os.environ["CHORUS_WORKER_CONFIG"] = str(config)
        remember_config(config)
