"""Data files that live at the top level of the project: ``schemas/…`` and ``config/…``.

In an installed wheel they travel in ``worker/shipped``; in a checkout they stand beside the
package (pyproject.toml, ``force-include``).
"""

from pathlib import Path

from worker.errors import IntegrityError

PACKAGE = Path(__file__).resolve().parents[1]


def shipped(relative: str, *, package: Path = PACKAGE) -> Path:
    """Find a data file or folder of the program, such as ``schemas/ubl``.

    Args:
        relative: its path from the top of the project, with forward slashes.
        package: the folder of the ``worker`` package.

    Raises:
        IntegrityError: when the installation lacks it.
    """
    for top in (package / "shipped", package.parent):
        if (found := top / relative).exists():
            return found
    raise IntegrityError(
        f"Le fichier « {relative} », livré avec le programme, est introuvable.",
        "Réinstallez le programme : son installation est incomplète.",
    )
