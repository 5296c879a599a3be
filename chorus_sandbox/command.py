"""The command line of the sandbox: its options, its French help (manual.txt), its exit codes."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NoReturn, TypeVar

from chorus_sandbox import DEFAULT_PORT, SandboxOptions, read_credentials
from chorus_sandbox.entries import EntryError
from chorus_sandbox.fault_kinds import Fault, FaultPlan, read_kinds
from chorus_sandbox.ledger.ledger import LedgerError
from chorus_sandbox.serving.server import serve

_CANNOT_START = 2
_LONGEST = timedelta(days=1000)
_Number = TypeVar("_Number", int, float)

_COMPLAINTS = (
    (re.compile(r"unrecognized arguments: (.*)"), r"option inconnue : \1"),
    (re.compile(r"argument (\S+): expected .*"), r"\1 : une valeur est attendue"),
    (re.compile(r"argument (\S+): ignored explicit argument .*"), r"\1 : aucune valeur attendue"),
    (re.compile(r"argument (\S+): (.*)"), r"\1 : \2"),
)


class _Help(argparse.RawDescriptionHelpFormatter):
    """The manual as it is written, under a French title."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, prefix or "Usage : ")


class _Parser(argparse.ArgumentParser):
    """A parser that complains in French; the library has no translation of its own."""

    def error(self, message: str) -> NoReturn:
        for pattern, text in _COMPLAINTS:
            if pattern.fullmatch(message):
                message = pattern.sub(text, message)
                break
        self.exit(_cannot_start(f"{message}.", f"{self.prog} --help"))


def main(arguments: Sequence[str], *, program: str) -> int:
    """Runs the command and returns its exit code: 0, or 2 when it cannot start.

    Args:
        arguments: the options.
        program: how the command was called, for its help.

    Raises:
        SystemExit: after the help (0) or a wrong option (2).
    """
    parser = _parser(program)
    values = vars(parser.parse_args(arguments))
    seed, rate, kinds = (values.pop(f"fault_{name}", None) for name in ("seed", "rate", "kinds"))
    if seed is not None and rate:
        values["fault_plan"] = FaultPlan(seed=seed, rate=rate, faults=kinds or ())
    elif seed is not None or rate or kinds:
        parser.error("un tirage demande --fault-seed et --fault-rate")
    options = SandboxOptions(**values, credentials=read_credentials(os.environ))
    try:
        serve(options)
    except (EntryError, LedgerError) as error:
        remedy = f"corrigez ce fichier ou indiquez-en un autre ; voyez {program} --help"
        return _cannot_start(str(error), remedy)
    except OSError as error:
        said = f"impossible d'écouter sur le port {options.port} : {error.strerror}."
        return _cannot_start(said, "choisissez un autre port avec --port.")
    return 0


def _cannot_start(said: str, remedy: str) -> int:
    sys.stderr.write(f"Erreur : {said}\nÀ faire : {remedy}\n")
    return _CANNOT_START


def _parser(program: str) -> argparse.ArgumentParser:
    text = files("chorus_sandbox").joinpath("manual.txt").read_text("utf-8")
    summary, _, manual = text.partition("\n\n")
    parser = _Parser(
        prog=program,
        usage=f"{program} [--port P] [--data FICHIER] [autres options]",
        description=summary,
        epilog=manual,
        formatter_class=_Help,
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,  # `SandboxOptions` has the defaults
    )
    for title, options in _OPTIONS.items():
        add = parser.add_argument_group(title).add_argument
        if title == "OPTIONS":
            add("-h", "--help", action="help", help="affiche cette aide")
        for spelling, read, text in options:
            name, _, metavar = spelling.partition(" ")
            if metavar:
                add(name, type=read, metavar=metavar, help=text)
            else:
                add(name, action="store_true", help=text)
    return parser


def _refusing(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"valeur incorrecte « {text} »")


def _bounded(
    text: str, *, read: Callable[[str], _Number], most: float, least: float = 0
) -> _Number:
    try:
        number = read(text)
    except ValueError:
        raise _refusing(text) from None
    if not least <= number <= most:
        raise _refusing(text)
    return number


_whole = partial(_bounded, read=int)
_number = partial(_bounded, read=float)
_port = partial(_whole, most=65535)
_page_size = partial(_whole, least=1, most=1_000_000)
_seed = partial(_whole, least=-(10**18), most=10**18)
_share = partial(_number, most=1)


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=_number(text, most=_LONGEST.total_seconds()))


def _milliseconds(text: str) -> timedelta:
    return timedelta(milliseconds=_number(text, most=600_000))


def _lags(text: str) -> tuple[int, int, int]:
    numbers = [_whole(part, most=1000) for part in text.split(",")]
    if len(numbers) != 3:
        raise _refusing(text)
    return numbers[0], numbers[1], numbers[2]


def _kinds(text: str) -> tuple[Fault, ...]:
    try:
        return read_kinds(text)
    except EntryError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


_OPTIONS: Mapping[str, Sequence[tuple[str, Callable[[str], object], str]]] = {
    "OPTIONS": (
        ("--port P", _port, f"port ; 0 : au choix du système ; par défaut {DEFAULT_PORT}"),
        (
            "--data FICHIER",
            Path,
            "registre du bac à sable, créé au besoin ; par défaut out/sandbox.db",
        ),
        ("--directory FICHIER", Path, "structures à ajouter, en JSON"),
        ("--token-lifetime SECONDES", _seconds, "durée de vie d'un jeton ; par défaut 3600"),
        ("--exit-with-parent", bool, "s'arrête quand l'entrée standard se ferme"),
        ("--verbose", bool, "une ligne par requête sur la sortie d'erreur"),
    ),
    "LENTEURS (aucune par défaut)": (
        ("--integration-delay SECONDES", _seconds, "délai entre le dépôt et le verdict"),
        (
            "--index-delay SECONDES",
            _seconds,
            "délai entre l'intégration et la facture trouvée par les recherches",
        ),
        (
            "--report-lags A,B,C",
            _lags,
            (
                "les A premiers comptes rendus d'un flux le disent introuvable, les B suivants en"
                " attente, les C suivants en cours ; le verdict vient ensuite"
            ),
        ),
        ("--latency MS", _milliseconds, "retient chaque réponse"),
        ("--page-cap N", _page_size, "nombre maximal de résultats par page"),
    ),
    "PANNES (aucune par défaut)": (
        ("--faults FICHIER", Path, "pannes à produire, en JSON"),
        ("--fault-seed N", _seed, "tire des pannes au hasard de cette graine"),
        ("--fault-rate T", _share, "part des requêtes touchées"),
        (
            "--fault-kinds P,P:SECONDES",
            _kinds,
            "pannes que la graine peut tirer ; toutes par défaut",
        ),
    ),
}
"""How each option is spelled, what reads its value, and its help, by group."""
