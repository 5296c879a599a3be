"""``sandbox``: the local Chorus Pro, a program of its own."""

import typer

from chorus_sandbox.command import main


def sandbox(context: typer.Context) -> int:
    """Lance seul le Chorus Pro local, pour portal.local_url.

    Ses options, ses pannes et ce qu'il simule : sandbox --help.
    """
    return main(context.args, program="chorus-worker sandbox")
