"""Opening what a command only reads: by the configuration, or a data folder by itself (``--data``).

A command that reads has both options, and begins with ``open_reading(config, data)``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from worker.app import App
from worker.billing.money import count
from worker.billing.period import french_minute
from worker.cli.console import command, say
from worker.errors import WrongUse
from worker.service import opening

if TYPE_CHECKING:  # most commands that read load nothing of it
    from worker.issuing.preview import DirectoryKnown


def open_reading(config: Path | None, data: Path | None) -> App:
    """Open it; what was done to read it is said. Raises what ``opening.open_reading`` raises."""
    if config is not None and data is not None:
        raise WrongUse(
            "--data lit un dossier sans configuration : --config ne va pas avec.",
            "Gardez l'un des deux.",
        )
    app = opening.open_reading(config, data)
    if app.store.copy_of:
        version = f" de la version {app.store.older}" if app.store.older else ""
        say(f"Base{version} lue par une copie temporaire : rien n'y est modifié.")
    return app


def say_channel(app: App) -> None:
    """Without configuration, what the states of invoices suppose."""
    if app.configured is None:
        say(
            "Sans configuration, le canal n'est pas connu : les états sont dits comme pour un "
            "dépôt sur Chorus Pro."
        )


def say_grids(app: App) -> None:
    """Without configuration, which grids are known."""
    if app.configured is None:
        say("Sans configuration, seules sont connues les grilles qui ont servi à facturer.")


def directory_told(year: int, known: "DirectoryKnown") -> str:
    """How far the directory was read, where a command does not read it."""
    of = f"lu pour {count(known.read, 'membre')} sur {known.members}"
    since = "" if known.oldest is None else f", au plus tôt le {french_minute(known.oldest)}"
    return (
        f"L'annuaire de Chorus Pro n'est pas lu ici : {of}{since} ; pour le lire, tapez : "
        f"{command(f'check {year}')}"
    )
