"""Lots: several invoices of one syntax in a ``.tar.gz``, taken for hostile (§2.1, §5)."""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from chorus_sandbox.integration.documents import unreadable

LARGEST_LOT: Final = 120 * 1024 * 1024
"""Most bytes of a lot once unpacked: a bomb stops here."""
MOST_FILES: Final = 500
"""Most invoices of a lot, as AIFE recommends (§5)."""

_GZIP = b"\x1f\x8b"
# Flat: a plain name, neither hidden nor a path.
_NAME = re.compile(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,199}")


def is_lot(content: bytes) -> bool:
    """Whether the bytes are compressed: no syntax deposits one compressed file."""
    return content.startswith(_GZIP)


def unpack(content: bytes) -> Mapping[str, bytes]:
    """The files of a lot by name, in the order they were put in.

    Raises:
        Inadmissible: no such archive, too large, too many files, a folder, a link, a path.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unpacked:
            plain = unpacked.read(LARGEST_LOT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable("lot illisible") from error
    if len(plain) > LARGEST_LOT:
        raise unreadable("lot trop volumineux une fois decompresse")
    try:
        files = dict(_members(plain))
    except (tarfile.TarError, ValueError, OverflowError, UnicodeError) as error:
        raise unreadable("lot illisible") from error
    if not files:
        raise unreadable("lot vide")
    return files


def _members(plain: bytes) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for member in archive:
            # A sparse file is small in the archive and endless out of it.
            if not member.isreg() or member.issparse():
                raise unreadable("un lot ne contient que des fichiers")
            if not _NAME.fullmatch(member.name):
                raise unreadable("les fichiers d'un lot sont a sa racine, sans chemin")
            if member.name in seen or len(seen) >= MOST_FILES:
                raise unreadable(f"deux fichiers du meme nom, ou plus de {MOST_FILES} fichiers")
            seen.add(member.name)
            reader = archive.extractfile(member)
            yield member.name, reader.read() if reader else b""
        # The library takes a damaged header for the end of the archive.
        if plain[archive.offset :].strip(b"\0"):
            raise unreadable("lot endommage")
