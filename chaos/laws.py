"""What must hold, whatever dies and whenever: I1 to I9 of docs/chaos.md, and its others."""

from dataclasses import dataclass
from enum import StrEnum


class Law(StrEnum):
    """What may be broken; the value is how the closing line calls a breach."""

    ONCE = "duplicate"
    """The portal holds at most one invoice of a member, year and kind (I1)."""
    KEPT = "loss"
    """What was issued is at the portal, or waits for a person while the portal has nothing."""
    CONTIGUOUS = "gap"
    """Numbers follow each other in each series (I2)."""
    SEALED = "altered document"
    """What was issued never changes, and the portal has our bytes (I3)."""
    SUMS = "difference of amounts"
    """Invoice, statement, portal and listing tell the same amounts (I4)."""
    INTENDED = "deposit without intent"
    """No deposit without its attempt row, written before (I5)."""
    JOURNAL = "journal unsound"
    """The journal and the books verify (I6)."""
    APART = "member blocked"
    """One bad member never blocks the others (I8)."""
    SECRET = "leaked secret"  # noqa: S105 - a label
    """No secret in the journal, the database, the logs or the output (I9)."""
    MOVING = "stuck"
    """Nothing stays in a state that time and the usual commands do not end."""
    HONEST = "untrue status"
    """No status of ours says what the portal's books deny."""
    TOLD = "untold"
    """What a member owes by the portal is what it owes by our books, or a person is told."""
    CLEAN = "crash"
    """No traceback, no exit code that is not foreseen, nothing that hangs."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One record for which a law does not hold."""

    law: Law
    text: str

    def __str__(self) -> str:
        return f"{self.law.value}: {self.text}"
