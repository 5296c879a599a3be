"""The tariff folder: every grid of it, checked."""

from pathlib import Path

from worker.billing.tariff import TariffGrid, parse_grid
from worker.errors import TariffError
from worker.settings.rights import refuse_exposed, told


def load_grids(folder: Path) -> tuple[tuple[TariffGrid, ...], dict[str, str]]:
    """Every ``*.toml`` of the tariff folder, checked. Raises TariffError."""
    path = folder
    files = {}
    try:
        # Not ``glob``: it takes a folder that may not be read for an empty one.
        for path in sorted(one for one in folder.iterdir() if one.suffix == ".toml"):
            refuse_exposed(path, "La grille tarifaire")
            files[path] = path.read_bytes()
    except OSError as error:
        raise TariffError(*told(error, path)) from error
    if not files:
        raise TariffError(
            f"Il n'y a aucune grille tarifaire dans {folder}.",
            "Placez-y au moins une grille, par exemple 2023.toml (voir « init »).",
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
