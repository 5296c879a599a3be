"""Documents: the bytes are what counts, and their hash is theirs."""

import hashlib
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.document import Document, DocumentKind


def document(content: bytes) -> Document:
    """A CII document with these bytes."""
    return Document(
        kind=DocumentKind.CII, profile="test", media_type="application/xml", content=content
    )


@given(st.binary(max_size=100))
def test_the_hash_is_that_of_the_bytes(content: bytes) -> None:
    """SHA-256 in lower-case hexadecimal, the same each time it is asked."""
    made = document(content)

    assert made.sha256 == hashlib.sha256(content).hexdigest() == made.sha256
    assert made.sha256 != document(content + b"\n").sha256


def test_a_document_asked_for_its_hash_is_still_the_same_value() -> None:
    """Keeping the computed hash changes neither equality nor the key."""
    asked, other = document(b"<a/>"), document(b"<a/>")

    assert asked.sha256
    assert asked == other
    assert len({asked, other}) == 1


def test_the_bytes_never_change() -> None:
    """Neither the content nor its hash can be set again."""
    made = document(b"<a/>")
    with pytest.raises(FrozenInstanceError):
        made.content = b""  # type: ignore[misc] # what the test is about
    with pytest.raises(FrozenInstanceError):
        made.sha256 = "0" * 64


def test_kinds_are_file_names_that_differ() -> None:
    """Each kind is a plain file name, so that an export never writes one over the other."""
    names = [kind.value for kind in DocumentKind]

    assert len(set(names)) == len(names)
    assert {name.rpartition(".")[2] for name in names} == {"pdf", "xml", "csv", "xlsx"}
    assert all("/" not in name for name in names)
