"""The list of the files of a dossier, with the hash of each and one hash of the list itself."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from worker import __version__
from worker.audit.dossier import verify
from worker.billing.journal import canonical_json
from worker.errors import StorageUnavailable
from worker.isolation.files import create_regular, digest_bounded
from worker.settings.rights import told
from worker.storage.tables import utc_text

LARGEST = 1 << 40
"""Bytes of a file of a dossier."""
_SEAL = "sha256"


def write_manifest(folder: Path, *, year: int, at: datetime) -> None:
    """Write ``manifest.json``, the last file of a dossier, which lists all others.

    It is canonical JSON. Its last hash is that of itself without that hash, so that one changed
    byte shows in it as in any other file.

    Args:
        folder: of the dossier, with the proof in it (``write_proof``).
        year: of services.
        at: when the dossier was made.

    Raises:
        StorageUnavailable: a file cannot be read, or the manifest not written.
    """
    path = folder / verify.MANIFEST
    try:
        head = json.loads((folder / verify.PROOF / verify.HEAD).read_bytes())
        said = {
            "at": utc_text(at),
            "files": [],
            "format": verify.FORMAT,
            "head": head,
            "program": __version__,
            "year": year,
        }
        before, after = canonical_json(said).split("[]", 1)
        rest = after.split(',"year":')
        total = hashlib.sha256()
        with create_regular(path) as file:

            def add(text: str, *, sealed: bool = True) -> None:
                file.write(text.encode())
                if sealed:
                    total.update(text.encode())

            add(f"{before}[")
            between = ""
            for entry in _entries(folder):
                add(between + entry)
                between = ","
            add(f"]{rest[0]}")
            last = f',"year":{rest[1]}'
            total.update(last.encode())
            add(f',"{_SEAL}":"{total.hexdigest()}"{last}\n', sealed=False)
    except OSError as error:
        raise StorageUnavailable(*told(error, path, writing=True)) from error


def _entries(folder: Path, prefix: str = "") -> Iterator[str]:
    """Each file but the manifest, in the order of the paths."""
    with os.scandir(folder) as entries:
        found = [
            (f"{one.name}/" if one.is_dir(follow_symlinks=False) else one.name) for one in entries
        ]
    for name in sorted(found):
        path = prefix + name
        if name.endswith("/"):
            yield from _entries(folder / name, path)
        elif path != verify.MANIFEST:
            size, sha256 = digest_bounded(folder / name, LARGEST)
            yield canonical_json({"path": path, "sha256": sha256, "size": size})
