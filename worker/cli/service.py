"""``serve`` and ``sandbox``: the two programs that stay."""

from typing import Annotated

import typer

from worker.cli.console import Config
from worker.cli.typer_french import FrenchCommand


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("serve", cls=FrenchCommand)(serve)
    # The sandbox reads its own options: the two ways to start it cannot differ.
    app.command(
        "sandbox",
        cls=FrenchCommand,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(sandbox)


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
    from worker.service import logs
    from worker.service.bootstrap import open_verified
    from worker.service.heartbeat import serve as work
    from worker.settings.loading import find_config

    logs.configure(verbose=True)
    work(open_verified(find_config(config)), once=once)


def sandbox(context: typer.Context) -> int:
    """Lance seul le Chorus Pro local, pour portal.local_url.

    Ses options, ses pannes et ce qu'il simule : sandbox --help.
    """
    from chorus_sandbox.command import main

    return main(context.args, program="chorus-worker sandbox")
