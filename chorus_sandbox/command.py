"""The command line of the sandbox: its options, its French help (manual.txt), its exit codes."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from chorus_sandbox import DEFAULT_PORT, SandboxOptions, read_credentials
from chorus_sandbox.entries import EntryError
from chorus_sandbox.fault_kinds import Fault, FaultPlan, read_kinds
from chorus_sandbox.ledger.ledger import LedgerError
from chorus_sandbox.serving.server import serve

_CANNOT_START = 2
_LONGEST = timedelta(days=1000)
_MOST_REPORTS = 1000
_MOST_SEED = 10**18
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
    parsed = parser.parse_args(arguments)
    plan = (parsed.fault_seed is not None, bool(parsed.fault_rate), bool(parsed.fault_kinds))
    if any(plan) and not all(plan[:2]):
        parser.error("un tirage demande --fault-seed et --fault-rate")
    options = _options(vars(parsed))
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
    )
    _add_running(parser)
    _add_lags(parser)
    _add_faults(parser)
    return parser


def _add_running(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("OPTIONS").add_argument
    add("-h", "--help", action="help", help="affiche cette aide")
    add(
        "--port",
        type=partial(_whole, most=65535),
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
        "--token-lifetime",
        type=_seconds,
        default=timedelta(hours=1),
        metavar="SECONDES",
        help="durée de vie d'un jeton ; par défaut 3600",
    )
    add("--exit-with-parent", action="store_true", help="s'arrête quand l'entrée standard se ferme")
    add("--verbose", action="store_true", help="une ligne par requête sur la sortie d'erreur")


def _add_lags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("LENTEURS (aucune par défaut)").add_argument
    for name, text in (
        ("--integration-delay", "délai entre le dépôt et le verdict"),
        ("--index-delay", "délai entre l'intégration et la facture trouvée par les recherches"),
    ):
        add(name, type=_seconds, default=timedelta(0), metavar="SECONDES", help=text)
    add(
        "--report-lags",
        type=_lags,
        default=(0, 0, 0),
        metavar="A,B,C",
        help="les A premiers comptes rendus d'un flux le disent introuvable, les B suivants en"
        " attente, les C suivants en cours ; le verdict vient ensuite",
    )
    add(
        "--latency",
        type=_milliseconds,
        default=timedelta(0),
        metavar="MS",
        help="retient chaque réponse",
    )
    add(
        "--page-cap",
        type=partial(_whole, least=1, most=1_000_000),
        metavar="N",
        help="nombre maximal de résultats par page",
    )


def _add_faults(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("PANNES (aucune par défaut)").add_argument
    add("--faults", type=Path, metavar="FICHIER", help="pannes à produire, en JSON")
    add(
        "--fault-seed",
        type=partial(_whole, least=-_MOST_SEED, most=_MOST_SEED),
        metavar="N",
        help="tire des pannes au hasard de cette graine",
    )
    add(
        "--fault-rate",
        type=partial(_number, most=1),
        default=0.0,
        metavar="T",
        help="part des requêtes touchées",
    )
    add(
        "--fault-kinds",
        type=_kinds,
        default=(),
        metavar="P,P:SECONDES",
        help="pannes que la graine peut tirer ; toutes par défaut",
    )


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


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=_number(text, most=_LONGEST.total_seconds()))


def _milliseconds(text: str) -> timedelta:
    return timedelta(milliseconds=_number(text, most=600_000))


def _lags(text: str) -> tuple[int, int, int]:
    numbers = [_whole(part, most=_MOST_REPORTS) for part in text.split(",")]
    if len(numbers) != 3:
        raise _refusing(text)
    return numbers[0], numbers[1], numbers[2]


def _kinds(text: str) -> tuple[Fault, ...]:
    try:
        return read_kinds(text)
    except EntryError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _options(values: dict[str, Any]) -> SandboxOptions:
    """The options, each named after its field; a plan is made of three of them."""
    seed, rate, kinds = (values.pop(f"fault_{name}") for name in ("seed", "rate", "kinds"))
    plan = None if seed is None else FaultPlan(seed=seed, rate=rate, faults=kinds)
    return SandboxOptions(**values, fault_plan=plan, credentials=read_credentials(os.environ))
