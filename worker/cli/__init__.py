"""The command line: what finance, operators and auditors may do. It prints, and maps errors.

Reading order: ``commands`` (the list) → a file per command or family, each a few thin functions
(parse, one call, show) → ``options`` (those they share) → ``json_views`` and ``invoices``
(tables) → ``console``. ``typer_french`` is the library's help, in French.
"""

import errno
import gc
import os
import sys
import traceback
from pathlib import Path

import typer

from worker.cli.commands import command_line, commands
from worker.cli.console import give_up_lost_outputs, open_outputs, remember_wide, report_error, say
from worker.cli.typer_french import WRONG_USE, explain
from worker.errors import StorageUnavailable, WorkerError
from worker.settings.rights import descriptor_limit, told

__all__ = ["commands", "main"]

INTERRUPTED = 130
DEFECT = 70
OUTPUT_LOST = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def main() -> None:
    """Run the program: the only place that turns errors into text and an exit code."""
    # Start-up makes hundreds of thousands of objects that stay: fewer collections, 0.1 s less.
    gc.set_threshold(50_000, 20, 20)
    open_outputs()
    os.umask(0o077)  # whatever is written is its owner's alone
    code = _run(sys.argv[1:])
    give_up_lost_outputs()
    sys.exit(code)


def _run(arguments: list[str]) -> int:  # noqa: PLR0911 - one return for each way to end
    try:
        code = command_line().main(arguments, standalone_mode=False, prog_name="chorus-worker")
        sys.stdout.flush()
    except typer.TyperException as error:
        say(f"Erreur : {explain(error)}")
        return WRONG_USE
    except WorkerError as error:
        return _stopped(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        say("Interrompu. Rien n'est perdu : la même commande reprendra où elle en était.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until exit
        return 0
    except OSError as error:
        # Of a file, what nothing nearer told. Else, this one is where our output goes.
        if error.filename is not None:
            path = Path(os.fsdecode(error.filename))
            return _stopped(StorageUnavailable(*told(error, path)), arguments)
        if _is_nowhere():
            gone = StorageUnavailable(
                "Le dossier courant n'existe plus.",
                "Allez dans un dossier qui existe, puis relancez la même commande.",
            )
            return _stopped(gone, arguments)
        if error.errno not in OUTPUT_LOST:
            return _defect(error, arguments)
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until exit
        reason = "le disque est plein" if error.errno == errno.ENOSPC else error.strerror
        say(f"Erreur : le résultat n'a pas pu être écrit : {reason}.")
        say("À faire : libérez de la place ; « status » dit où en sont les factures.")
        return WRONG_USE
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours, said as one
        return _defect(error, arguments)
    return code if isinstance(code, int) else 0


def _stopped(error: WorkerError, arguments: list[str]) -> int:
    error = _starved(error) or error
    report_error(error, as_json="--json" in arguments)
    return error.exit_code


def _starved(error: Exception) -> StorageUnavailable | None:
    """The lack of file descriptors under an error, whatever met it; else None."""
    limit = descriptor_limit(error)
    return None if limit is None else StorageUnavailable(*limit)


def _is_nowhere() -> bool:
    """Whether the current folder was removed, so that no path can be told from it."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def _defect(error: Exception, arguments: list[str]) -> int:
    if (starved := _starved(error)) is not None:
        return _stopped(starved, arguments)
    remember_wide(True)
    for line in "".join(traceback.format_exception(error)).splitlines():
        say(line)
    say(f"Défaut du programme ({type(error).__name__}) : rien n'a été fait à moitié.")
    say("À faire : transmettez le message technique ci-dessus à qui maintient le programme.")
    return DEFECT
