"""The tariff folder: every grid of it, checked."""

from pathlib import Path

from worker.billing.tariff import TariffGrid, parse_grid
from worker.errors import TariffError
from worker.isolation.files import read_bounded
from worker.settings.loading import MOST_BYTES
from worker.settings.rights import refuse_exposed, told

MOST_GRIDS = 100


def load_grids(folder: Path) -> tuple[tuple[TariffGrid, ...], dict[str, str]]:
    """Every ``*.toml`` of the tariff folder, checked. Raises TariffError."""
    path = folder
    files = {}
    try:
        # Not ``glob``: it takes a folder that may not be read for an empty one.
        paths = sorted(one for one in folder.iterdir() if one.suffix == ".toml")
        for path in paths[: MOST_GRIDS + 1]:
            refuse_exposed(path, "La grille tarifaire")
            files[path] = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise TariffError(*told(error, path)) from error
    if not files:
        raise TariffError(
            f"Il n'y a aucune grille tarifaire dans {folder}.",
            "Placez-y au moins une grille, par exemple 2023.toml (voir « init »).",
        )
    if len(files) > MOST_GRIDS:
        raise TariffError(
            f"Le dossier des tarifs {folder} contient plus de {MOST_GRIDS} fichiers.",
            "Vérifiez data.tariffs dans la configuration.",
        )
    grids = [parse_grid(content, path.name) for path, content in files.items()]
    versions = [grid.version for grid in grids]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise TariffError(
            f"Plusieurs fichiers de tarifs portent la même version : {', '.join(twice)}.",
            "Donnez à chaque grille une version différente.",
        )
    starts = [grid.valid_from for grid in grids]
    if twice := sorted(grid.version for grid in grids if starts.count(grid.valid_from) > 1):
        raise TariffError(
            f"Plusieurs grilles commencent le même jour : {', '.join(twice)}.",
            "Donnez à chacune sa propre date de début : la plus récente remplace l'autre.",
        )
    texts = {
        grid.version: content.decode() for grid, content in zip(grids, files.values(), strict=True)
    }
    return tuple(grids), texts
