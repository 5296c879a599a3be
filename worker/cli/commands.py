"""The commands, as they are listed; the file of each is imported when it is called.

``--help`` and ``status`` answer at once because they load neither the documents nor the portal.
"""

import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from worker import __version__
from worker.cli.console import remember_config
from worker.cli.options import option
from worker.cli.typer_french import FrenchCommand, FrenchGroup, Listed

COMMANDS: Mapping[str, str] = {
    "demo": "Joue un mois de janvier complet sur des données d'exemple.",
    "init": "Crée un dossier : configuration commentée, tarifs et données vides.",
    "import": "Lit un fichier de membres, d'abonnements, de consommations ou de références.",
    "check": "Vérifie qu'une année peut être facturée, membre par membre, sans rien facturer.",
    "preview": "Calcule les montants d'une année, membre par membre ; rien n'est enregistré.",
    "run": "Facture une année : émet ce qui est dû, le dépose, demande des nouvelles.",
    "deposit": "Dépose les factures émises qui attendent.",
    "follow": "Demande au portail ce que deviennent les factures déposées.",
    "reconcile": "Cherche sur le portail les factures dont le dépôt est incertain.",
    "resend": "Renvoie une facture dont le dépôt a été refusé, corrigée au besoin.",
    "complete": (
        "Joint à une facture suspendue les pièces que le membre demande, sans nouveau dépôt."
    ),
    "credit": "Émet un avoir : tout ce qui reste d'une facture, ou une partie de ses lignes.",
    "park": "Retient un membre : sa facture de l'année n'est pas émise avant « unpark ».",
    "unpark": (
        "Laisse repartir un membre retenu : « run » le facturera, si rien d'autre ne s'y oppose."
    ),
    "status": "Affiche chaque facture et son état.",
    "show": "Affiche une facture : lignes, documents, dépôts, historique du portail, journal.",
    "validate": "Contrôle des factures électroniques, les nôtres ou non.",
    "serve": "Travaille sans personne : regarde à intervalles réguliers ce qui est dû, et le fait.",
    "sandbox": "Lance seul le Chorus Pro local, pour portal.local_url.",
    "config show": "Affiche chaque réglage et d'où il vient ; les secrets sont masqués.",
    "tariff list": "Liste les grilles, leur validité et si elles ont déjà servi.",
    "tariff show": (
        "Affiche les prix en vigueur pendant une année, mois par mois si la grille change."
    ),
    "documents export": (
        "Écrit les documents d'une année, un dossier par facture, tels qu'ils ont été émis."
    ),
    "documents portal": "Compare une facture à ce que Chorus Pro en détient, et l'y télécharge.",
    "journal show": "Affiche les derniers événements.",
    "journal verify": (
        "Vérifie la chaîne du journal, puis les factures et l'archive contre le journal."
    ),
    "journal export": (
        "Écrit tout le journal, un événement JSON par ligne, vérifiable sans ce programme."
    ),
}
"""By the words to type, in the order a person meets them: the first line of the help."""
FILES: Mapping[str, str] = {
    "import": "imports",
    "documents portal": "portal_copy",
    **dict.fromkeys(("init", "config show"), "setup"),
    **dict.fromkeys(("preview", "deposit", "follow", "reconcile"), "run"),
    **dict.fromkeys(("resend", "complete", "credit"), "corrections"),
    **dict.fromkeys(("park", "unpark"), "holds"),
}
"""The file of a command that is not named after its first word."""
GROUPS: Mapping[str, str] = {
    "config": "la configuration",
    "tariff": "les grilles tarifaires",
    "documents": "les documents émis",
    "journal": "le journal, en ajout seul",
}
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
    """The commands typed after a prefix and one word."""
    return {
        words.removeprefix(prefix): Listed(line, partial(_load, words))
        for words, line in COMMANDS.items()
        if words.startswith(prefix) and " " not in words.removeprefix(prefix)
    }


def _load(words: str) -> TyperCommand:
    first, last = words.split(maxsplit=1)[0], words.rsplit(maxsplit=1)[-1]
    functions = vars(import_module(f"worker.cli.{FILES.get(words, first)}"))
    shell = typer.Typer(**_PLAIN)
    shell.command(last, cls=FrenchCommand, **_SETTINGS.get(words, {}))(
        # Where Python has the word already, the function has an underscore behind it.
        functions.get(last) or functions[f"{last}_"]
    )
    return cast("TyperCommand", get_command(shell))


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
