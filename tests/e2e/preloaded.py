"""Imported by the server of warm.py, and by nobody else: imports the program."""

from tests.e2e import warm

warm.preload()
