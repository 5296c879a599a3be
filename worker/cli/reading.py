"""Opening what a command only reads: by the configuration, or a data folder by itself (``--data``).

A command that reads has both options, and begins with ``open_reading(config, data)``.
"""

from pathlib import Path

from worker.app import App
from worker.cli.console import say
from worker.errors import WrongUse
from worker.service import opening


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
