"""``python -m worker.sandbox``: runs a sandbox until it is told to stop."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from worker.sandbox import DEFAULT_PORT, SandboxOptions, manual, read_credentials
from worker.sandbox.directory import DirectoryError
from worker.sandbox.ledger import LedgerError
from worker.sandbox.server import serve

_CANNOT_START = 2


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code: 0, or 2 when it cannot start."""
    options = _options(_parser().parse_args(arguments))
    try:
        serve(options)
    except (DirectoryError, LedgerError) as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT_START
    except OSError as error:
        sys.stderr.write(f"Impossible d'écouter sur le port {options.port} : {error}.\n")
        return _CANNOT_START
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker.sandbox",
        usage="python -m worker.sandbox [--port P] [--data FICHIER] [autres options]",
        description=manual.SUMMARY,
        epilog=manual.MANUAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("OPTIONS").add_argument
    add("-h", "--help", action="help", help="affiche cette aide")
    add(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        metavar="P",
        help=f"port ; 0 : au choix du système ; par défaut {DEFAULT_PORT}",
    )
    add(
        "--data",
        type=Path,
        default=Path("out/sandbox.db"),
        metavar="FICHIER",
        help="registre du bac à sable, créé au besoin ; par défaut out/sandbox.db",
    )
    add("--directory", type=Path, metavar="FICHIER", help="structures à ajouter, en JSON")
    add(
        "--integration-delay",
        type=_seconds,
        default=timedelta(0),
        metavar="SECONDES",
        help="délai entre le dépôt et le verdict ; par défaut 0",
    )
    add(
        "--token-lifetime",
        type=_seconds,
        default=timedelta(hours=1),
        metavar="SECONDES",
        help="durée de vie d'un jeton ; par défaut 3600",
    )
    add("--exit-with-parent", action="store_true", help="s'arrête quand l'entrée standard se ferme")
    add("--verbose", action="store_true", help="une ligne par requête sur la sortie d'erreur")
    return parser


def _seconds(text: str) -> timedelta:
    seconds = float(text)
    if not 0 <= seconds <= timedelta(days=1000).total_seconds():
        raise ValueError(text)
    return timedelta(seconds=seconds)


def _options(parsed: argparse.Namespace) -> SandboxOptions:
    return SandboxOptions(
        data=parsed.data,
        port=parsed.port,
        directory=parsed.directory,
        integration_delay=parsed.integration_delay,
        token_lifetime=parsed.token_lifetime,
        credentials=read_credentials(os.environ),
        exit_with_parent=parsed.exit_with_parent,
        verbose=parsed.verbose,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
