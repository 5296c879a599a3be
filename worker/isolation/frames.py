"""What the program and a child say to each other, over two pipes: a length, then the content."""

from typing import BinaryIO

READY = b"ready"
STARVED = 66
"""Exit code of a child that lacked memory and could still say so."""
_LENGTH = 4


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Send one frame."""
    stream.write(len(content).to_bytes(_LENGTH, "big") + content)
    stream.flush()


def read_frame(stream: BinaryIO, most: int = 2**32) -> bytes | None:
    """The next frame, or nothing when the other side is gone, were it in the middle of one.

    Raises:
        ValueError: when it announces more than ``most`` bytes.
    """
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    size = int.from_bytes(head, "big")
    if size > most:
        raise ValueError(f"a frame of {size} bytes")
    content = stream.read(size)
    return content if len(content) == size else None
