"""Unpacking a lot that somebody may have made to harm."""

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_sandbox.integration import lots
from chorus_sandbox.integration.documents import Inadmissible
from tests.support.sandbox_documents import lot


def archive(*members: tarfile.TarInfo, compressed: bool = True) -> bytes:
    """An archive of members without content."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz" if compressed else "w") as opened:
        for member in members:
            opened.addfile(member, io.BytesIO(bytes(member.size)))
    return written.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """An empty member."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def test_a_lot_gives_its_files_in_order() -> None:
    """Names and bytes come out as they went in, accents and long names included."""
    files = {"b.xml": b"2", "a.xml": b"1", "é" * 60 + ".xml": b"", "c d.pdf": bytes(3000)}
    content = lot(files)

    assert lots.is_lot(content)
    assert list(lots.unpack(content).items()) == list(files.items())


@pytest.mark.parametrize("content", [b"", b"<x/>", b"%PDF-1.7", b"\x1f"])
def test_other_files_are_no_lot(content: bytes) -> None:
    """Only compressed bytes are taken for a lot."""
    assert not lots.is_lot(content)


@pytest.mark.parametrize(
    "name",
    ["../a.xml", "/a.xml", "d/a.xml", "./a.xml", "d\\a.xml", ".a.xml", "a\nb.xml", "x" * 201],
)
def test_names_are_no_paths(name: str) -> None:
    """A name that could lead elsewhere, or hide, refuses the lot."""
    with pytest.raises(Inadmissible, match="sans chemin"):
        lots.unpack(lot({"good.xml": b"1", name: b"2"}))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_only_files_are_taken(kind: bytes) -> None:
    """A link, a folder or a device refuses the lot."""
    with pytest.raises(Inadmissible, match="que des fichiers"):
        lots.unpack(archive(member("a.xml", kind, "/etc/passwd")))


def test_a_sparse_file_is_no_file() -> None:
    """A member that is small in the archive and huge out of it is refused unread."""
    sparse = member("a.xml")
    sparse.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(10**12),
        "GNU.sparse.name": "a.xml",
    }
    sparse.size = 512
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", format=tarfile.PAX_FORMAT) as opened:
        opened.addfile(sparse, io.BytesIO(b"1\n0\n1\n".ljust(512, b"\0")))
    with pytest.raises(Inadmissible):
        lots.unpack(written.getvalue())


def test_names_are_not_repeated() -> None:
    """Two files of one name refuse the lot: which one counts, nobody could say."""
    with pytest.raises(Inadmissible, match="meme nom"):
        lots.unpack(archive(member("a.xml"), member("a.xml")))


def test_the_number_of_files_is_bounded() -> None:
    """The limit passes, one file more does not."""
    names = [f"{rank}.xml" for rank in range(lots.MOST_FILES + 1)]
    assert len(lots.unpack(archive(*map(member, names[:-1])))) == lots.MOST_FILES
    with pytest.raises(Inadmissible, match="plus de 500"):
        lots.unpack(archive(*map(member, names)))


def test_a_bomb_stops() -> None:
    """What grows past the limit once unpacked is refused, however small it came."""
    bomb = gzip.compress(bytes(lots.LARGEST_LOT + 1024), compresslevel=1)
    assert len(bomb) < lots.LARGEST_LOT // 100
    with pytest.raises(Inadmissible, match="trop volumineux"):
        lots.unpack(bomb)


def test_an_empty_archive_is_no_lot() -> None:
    """A lot has at least one invoice."""
    with pytest.raises(Inadmissible, match="vide"):
        lots.unpack(archive())


def _spoiled() -> bytes:
    plain = bytearray(archive(member("a.xml"), member("b.xml"), compressed=False))
    plain[512 + 148 : 512 + 156] = b"garbage!"
    return gzip.compress(bytes(plain))


GOOD = lot({"a.xml": bytes(range(256)) * 20})


@pytest.mark.parametrize(
    "content",
    [
        GOOD[:-200],
        GOOD[:20],
        b"\x1f\x8b",
        GOOD[:-8] + b"\0" * 8,
        gzip.compress(b"not an archive" * 100),
        gzip.compress(gzip.decompress(GOOD)[:600]),
        _spoiled(),
    ],
    ids=["cut", "head", "magic", "checksum", "no tar", "short tar", "spoiled header"],
)
def test_a_damaged_archive_is_refused_whole(content: bytes) -> None:
    """Nothing is taken from an archive that cannot be read to its end."""
    with pytest.raises(Inadmissible):
        lots.unpack(content)


@given(st.data())
def test_a_spoiled_archive_gives_files_or_a_refusal(data: st.DataObject) -> None:
    """Whatever bytes an archive is made of, it is read or refused, never anything else."""
    plain = bytearray(gzip.decompress(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 600))
        plain[place : place + 1] = data.draw(st.binary(max_size=12))
    try:
        files = lots.unpack(gzip.compress(bytes(plain), compresslevel=1))
    except Inadmissible:
        return

    assert all("/" not in name and len(content) <= len(plain) for name, content in files.items())
