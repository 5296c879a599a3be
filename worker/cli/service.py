"""``serve`` and ``sandbox``: the two programs that stay."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.console import Config
from worker.cli.french import FrenchCommand


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve", cls=FrenchCommand)(serve)
    app.command("sandbox", cls=FrenchCommand)(sandbox)


def serve(
    once: Annotated[
        bool, typer.Option("--once", help="un seul battement, puis fin", show_default=False)
    ] = False,
    config: Config = None,
) -> None:
    """Travaille sans personne : regarde à intervalles réguliers ce qui est dû, et le fait.

    En janvier, facture l'année écoulée ; toute l'année, dépose et suit. S'arrête proprement sur
    SIGTERM, après l'opération en cours.
    """
    from worker import logs
    from worker.bootstrap import open_office
    from worker.configuration import find_config
    from worker.scheduler import serve as work

    logs.configure(verbose=True)
    work(open_office(find_config(config)), once=once)


def sandbox(
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="P", help="port, 8817 par défaut ; 0 : libre", show_default=False
        ),
    ] = 8817,
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="FICHIER", help="registre du bac à sable", show_default=False
        ),
    ] = Path("out/sandbox.db"),
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="FICHIER",
            help="structures à ajouter, en JSON",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Lance seul le Chorus Pro local, pour portal.local_url.

    « python -m worker.sandbox --help » dit ce qui est simulé.
    """
    import os

    from worker.errors import WrongUse
    from worker.sandbox import SandboxOptions, read_credentials
    from worker.sandbox.directory import DirectoryError
    from worker.sandbox.ledger import LedgerError
    from worker.sandbox.server import serve as listen

    options = SandboxOptions(
        port=port, data=data, directory=directory, credentials=read_credentials(os.environ)
    )
    try:
        listen(options)
    except (DirectoryError, LedgerError) as error:
        raise WrongUse(str(error), "Corrigez le fichier, ou choisissez-en un autre.") from error
    except OSError as error:
        raise WrongUse(
            f"Impossible d'écouter sur le port {port} : {error.strerror}.",
            "Choisissez un autre port avec --port.",
        ) from error
