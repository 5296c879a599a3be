"""Several documents in one file to deposit: a flat ``.tar.gz``, a lot.

Files of one syntax, each under the name it would have alone. The same documents give the
same bytes: a lot is kept and hashed like everything that leaves. Pure.
"""

import gzip
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

EXTENSION = ".tar.gz"


@dataclass(frozen=True, slots=True)
class LotLimits:
    """When a lot is full."""

    invoices: int = 1  # most invoices of a lot; 1: no lots, each invoice goes alone
    bytes: int = 10_000_000  # most bytes of its documents together, before compression


def pack(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The lot of these documents, by file name.

    Raises:
        ValueError: two files of one name, or a name with a folder.
    """
    names = {name for name, _ in files}
    if len(names) < len(files) or any("/" in name for name in names):
        raise ValueError(f"not the files of one flat lot: {sorted(name for name, _ in files)}")
    target = io.BytesIO()
    # Neither date nor name of a file in the header of gzip, no date and no owner in tar's. What is
    # inside is compressed already: it is only wrapped, into the same bytes by every zlib.
    with (
        gzip.GzipFile(
            filename="", fileobj=target, mode="wb", compresslevel=0, mtime=0
        ) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as lot,
    ):
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            lot.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def unpack(lot: bytes) -> list[bytes]:
    """The documents of a lot that ``pack`` made. Raises ValueError when it is none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(lot), mode="r:gz") as opened:
            files = (opened.extractfile(entry) for entry in opened)
            return [file.read() for file in files if file is not None]
    except tarfile.TarError as error:
        raise ValueError(f"not a lot: {error}") from error


def split(sizes: Sequence[int], limits: LotLimits) -> Iterator[range]:
    """Ranks of the documents of each lot, in order; a document larger than a lot goes alone."""
    start = held = 0
    for rank, size in enumerate(sizes):
        full = rank - start >= limits.invoices or held + size > limits.bytes
        if rank > start and full:
            yield range(start, rank)
            start, held = rank, 0
        held += size
    if start < len(sizes):
        yield range(start, len(sizes))
