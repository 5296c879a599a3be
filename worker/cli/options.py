"""The options and arguments that several commands have, each declared once."""

from pathlib import Path
from typing import Annotated, Any

import typer


def option(name: str, help_text: str, metavar: str | None = None, **rest: Any) -> Any:  # noqa: ANN401 - the library's signature
    """An option as all of ours are: its default is told in words, if at all."""
    return typer.Option(name, help=help_text, metavar=metavar, show_default=False, **rest)


def argument(metavar: str, help_text: str, **rest: Any) -> Any:  # noqa: ANN401 - the library's signature
    """An argument; the same."""
    return typer.Argument(metavar=metavar, help=help_text, show_default=False, **rest)


Config = Annotated[
    Path | None,
    option(
        "--config",
        "configuration ; sinon CHORUS_WORKER_CONFIG, sinon config/worker.toml",
        "FICHIER",
    ),
]
Data = Annotated[
    Path | None,
    option("--data", "dossier de données à lire tel quel, sans configuration", "DOSSIER"),
]
"""Of every command that only reads; see reading.py."""
Json = Annotated[bool, option("--json", "résultat en JSON sur la sortie standard")]
DryRun = Annotated[bool, option("--dry-run", "tout vérifier sans rien garder")]
Corrections = Annotated[
    Path | None,
    option("--corrections", "y rendre le fichier, cellules fausses colorées", "FICHIER.xlsx"),
]
"""Of every import; see given_back.py."""
Wide = Annotated[
    bool, option("--wide", "une ligne par ligne du tableau, si large soit-elle, et tout en entier")
]
"""Of every command that prints a table; see ``commands``."""
Table = Annotated[
    Path | None,
    option("--to", "écrit le tableau au lieu de l'afficher : .csv, .xlsx ou .json", "FICHIER"),
]
"""Of those that print one table."""
Year = Annotated[int, argument("ANNÉE", "année des services", min=2000, max=2100)]
Number = Annotated[str, argument("NUMÉRO", "numéro de la facture")]
Siret = Annotated[str, argument("SIRET", "SIRET du membre")]
Reason = Annotated[str, option("--reason", "pourquoi ; gardé au journal", "TEXTE")]
Yes = Annotated[bool, option("--yes", "accord donné d'avance, pour un script")]
ServiceCode = Annotated[str | None, option("--service-code", "code service corrigé", "CODE")]
Engagement = Annotated[str | None, option("--engagement", "engagement corrigé", "NUMÉRO")]
