"""The operations of Chorus Pro, a file for each family.

Reading order: ``calls`` (what an operation receives) → ``deposits`` (deposit and report;
``report_pdf``) → ``searches``, ``invoices``, ``downloads``, ``supplier``, ``attachments``,
``buyer`` (what comes after) → ``structures``, ``accounts`` (the directory).
``vocabulary.toml`` has the words of the portal that they know.
"""

import tomllib
from importlib.resources import files
from typing import Final

VOCABULARY: Final = tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
