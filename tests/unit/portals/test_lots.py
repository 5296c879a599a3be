"""Lots: what is packed is found again, in bytes that never vary, within the limits."""

import io
import tarfile
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.portals.lots import LotLimits, pack, split, unpack

NAMES = st.lists(
    st.from_regex(r"[A-Z0-9_-]{1,30}\.pdf", fullmatch=True), min_size=1, max_size=8, unique=True
)


@given(NAMES, st.data())
def test_a_lot_holds_its_documents_in_order(names: list[str], data: st.DataObject) -> None:
    """Any reader of tar finds each document under its name, and nothing else."""
    files = [(name, data.draw(st.binary(max_size=2000))) for name in names]
    packed = pack(files)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as lot:
        entries = lot.getmembers()
        read = [(entry.name, (lot.extractfile(entry) or io.BytesIO()).read()) for entry in entries]

    assert read == files
    assert all(entry.isreg() and not entry.mtime and not entry.uid for entry in entries)
    assert pack(files) == packed
    assert unpack(packed) == [content for _, content in files]


@pytest.mark.parametrize("names", [("a.pdf", "a.pdf"), ("../a.pdf", "b.pdf")])
def test_what_is_not_a_flat_lot_is_refused(names: tuple[str, str]) -> None:
    """Two documents of one name, or a folder, would lose an invoice."""
    with pytest.raises(ValueError, match="flat lot"):
        pack([(name, b"%PDF") for name in names])


@given(st.lists(st.integers(0, 40)), st.integers(1, 5), st.integers(1, 60))
def test_lots_keep_their_limits_and_lose_nobody(sizes: list[int], invoices: int, most: int) -> None:
    """Every document is in one lot, in order; only one that is too large alone passes the limit."""
    lots = list(split(sizes, LotLimits(invoices=invoices, bytes=most)))
    assert [rank for lot in lots for rank in lot] == list(range(len(sizes)))
    for lot in lots:
        assert 1 <= len(lot) <= invoices
        assert len(lot) == 1 or sum(sizes[rank] for rank in lot) <= most
    for lot, after in pairwise(lots):
        together = sum(sizes[rank] for rank in lot) + sizes[after.start]
        assert len(lot) == invoices or together > most
