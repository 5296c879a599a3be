"""``sandbox``: the local Chorus Pro, a program of its own."""

import runpy
import sys

import typer


def sandbox(context: typer.Context) -> None:
    """Lance seul le Chorus Pro local, pour portal.local_url.

    Ses options, ses pannes et ce qu'il simule : sandbox --help.
    """
    # Run by its name, in this process: the other program is no import of this one.
    sys.argv = ["chorus-worker sandbox", *context.args]
    runpy.run_module("chorus_sandbox", run_name="__main__")
