"""The command line: what finance, operators and auditors may do. It prints, and maps errors.

Each command is a thin function: it opens what it needs from bootstrap.py, calls one function of
the path, and prints. Heavy imports are inside the commands, so that ``--help`` answers at once.
"""

import errno
import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from worker import __version__
from worker.cli import (
    check,
    corrections,
    demo,
    documents,
    imports,
    journal,
    run,
    service,
    setup,
    status,
)
from worker.cli.console import remember_config, report_error, say
from worker.cli.typer_french import FrenchGroup, explain
from worker.errors import WorkerError

WRONG_USE = 2
INTERRUPTED = 130
DEFECT = 70

app = typer.Typer(
    name="chorus-worker",
    cls=FrenchGroup,
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Facture les services partagés d'un syndicat mixte, de la consommation à la facture "
    "soldée sur Chorus Pro.",
)
for module in (
    demo,
    setup,
    imports,
    check,
    run,
    corrections,
    status,
    documents,
    journal,
    service,
):
    module.register(app)


def _version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FICHIER", help="configuration à utiliser", show_default=False
        ),
    ] = None,
    _version_option: Annotated[
        bool,
        typer.Option(
            "--version",
            help="affiche la version",
            callback=_version,
            is_eager=True,
            show_default=False,
        ),
    ] = False,
) -> None:
    if config is not None:
        os.environ["CHORUS_WORKER_CONFIG"] = str(config)
        remember_config(config)


def main() -> None:
    """Run the program: the only place that turns errors into text and an exit code."""
    # Start-up makes hundreds of thousands of objects that stay: fewer collections, 0.1 s less.
    gc.set_threshold(50_000, 20, 20)
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:  # noqa: PLR0911 - one return for each way to end
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False, prog_name="chorus-worker")
    except NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        return WRONG_USE
    except ClickException as error:
        say(f"Erreur : {explain(error)}")
        return WRONG_USE
    except WorkerError as error:
        report_error(error, as_json=as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        say("Interrompu. Rien n'est perdu : la même commande reprendra où elle en était.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until exit
        return 0
    except OSError as error:
        # Whatever we keep raises StorageUnavailable: this one is where our output goes.
        if error.errno != errno.ENOSPC:
            return _defect(error)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until exit
        say("Erreur : le résultat n'a pas pu être écrit : le disque est plein.")
        say("À faire : libérez de la place ; « status » dit où en sont les factures.")
        return WRONG_USE
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours, said as one
        return _defect(error)
    return code if isinstance(code, int) else 0


def _defect(error: Exception) -> int:
    import traceback

    say("".join(traceback.format_exception(error)))
    say(f"Défaut du programme ({type(error).__name__}) : rien n'a été fait à moitié.")
    say("À faire : transmettez le message technique ci-dessus à qui maintient le programme.")
    return DEFECT
