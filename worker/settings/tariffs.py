"""The tariff folder: every file of it, checked.

A file that is no sound grid stops the years that it might price, and no other
(``TariffFolder.require``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.billing.tariff import TariffFolder, TariffGrid, UnusableGrid
from worker.billing.tariff_reading import parse_grid, validity
from worker.errors import TariffError
from worker.isolation.files import read_bounded
from worker.settings.loading import MOST_BYTES
from worker.settings.rights import refuse_exposed, told

MOST_GRIDS = 100


@dataclass(frozen=True, slots=True)
class _Sound:
    name: str
    grid: TariffGrid
    text: str


def load_grids(folder: Path) -> TariffFolder:
    """Every ``*.toml`` of the tariff folder, checked.

    Raises:
        TariffError: the folder cannot be read, is empty or is not one of grids.
        ConfigurationError: others may change the folder, or a file.
    """
    try:
        # Not ``glob``: it takes a folder that may not be read for an empty one.
        paths = sorted(one for one in folder.iterdir() if one.suffix == ".toml")
    except OSError as error:
        raise TariffError(*told(error, folder)) from error
    if not paths:
        raise TariffError(
            f"Il n'y a aucune grille tarifaire dans {folder}.",
            "Placez-y au moins une grille, par exemple 2023.toml (voir « init »).",
        )
    if len(paths) > MOST_GRIDS:
        raise TariffError(
            f"Le dossier des tarifs {folder} contient plus de {MOST_GRIDS} fichiers.",
            "Vérifiez data.tariffs dans la configuration.",
        )
    read = [_read(path) for path in paths]
    sound = [one for one in read if isinstance(one, _Sound)]
    doubles = _doubles(sound)
    kept = [one for one in sound if one.name not in {double.name for double in doubles}]
    return TariffFolder(
        grids=tuple(one.grid for one in kept),
        texts={one.grid.version: one.text for one in kept},
        unusable=(*(one for one in read if isinstance(one, UnusableGrid)), *doubles),
    )


def _read(path: Path) -> _Sound | UnusableGrid:
    try:
        refuse_exposed(path, "La grille tarifaire")
        content = read_bounded(path, MOST_BYTES)
    except OSError as error:
        return UnusableGrid(name=path.name, error=TariffError(*told(error, path)))
    try:
        grid = parse_grid(content, path.name)
    except TariffError as error:
        first, last = validity(content)
        return UnusableGrid(name=path.name, error=error, valid_from=first, valid_to=last)
    return _Sound(path.name, grid, content.decode())


def _doubles(sound: Sequence[_Sound]) -> list[UnusableGrid]:
    """Grids of one version, or of one first day: none of them may price by chance."""
    versions = Counter(one.grid.version for one in sound)
    starts = Counter(one.grid.valid_from for one in sound)
    found = []
    for one in sound:
        version, start = one.grid.version, one.grid.valid_from
        if versions[version] > 1:
            error = TariffError(
                f"Plusieurs fichiers de tarifs portent la même version : {version}.",
                "Donnez à chaque grille une version différente.",
            )
        elif starts[start] > 1:
            same = sorted(each.grid.version for each in sound if each.grid.valid_from == start)
            error = TariffError(
                f"Plusieurs grilles commencent le même jour : {', '.join(same)}.",
                "Donnez à chacune sa propre date de début : la plus récente remplace l'autre.",
            )
        else:
            continue
        found.append(
            UnusableGrid(name=one.name, error=error, valid_from=start, valid_to=one.grid.valid_to)
        )
    return found
