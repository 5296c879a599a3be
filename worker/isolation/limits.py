"""What each child process may use: memory, processor time, waiting time, size of its answer."""

import resource
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a child may use.

    Attributes:
        memory: bytes, of its address space or of what it writes to.
        processor: seconds over its whole life; 0 when it serves many documents.
        wall: seconds that its answers to one request may be waited for.
        answer: bytes of one frame of its answer.
        written: bytes of one file in its folder.
        reserves: whether a library reserves addresses that it never uses, so that only the memory
            it writes to can be bounded.
    """

    memory: int = 10**9
    processor: int = 60
    wall: int = 60
    answer: int = 64 * 2**20
    written: int = 16_000_000
    reserves: bool = False

    @property
    def memory_limit(self) -> int:
        """The kind of limit that holds the memory."""
        return resource.RLIMIT_DATA if self.reserves else resource.RLIMIT_AS

    def limits(self) -> dict[int, int]:
        """By kind of limit; never above what the system allows this program already."""
        wanted = {
            self.memory_limit: self.memory,
            resource.RLIMIT_FSIZE: self.written,
            resource.RLIMIT_CORE: 0,
        }
        if self.processor:
            wanted[resource.RLIMIT_CPU] = self.processor
        allowed = {limit: resource.getrlimit(limit)[1] for limit in wanted}
        return {
            limit: bound if allowed[limit] == resource.RLIM_INFINITY else min(bound, allowed[limit])
            for limit, bound in wanted.items()
        }


@dataclass(frozen=True, slots=True)
class Program:
    """A reader's module, and its bounds."""

    module: str
    bounds: Bounds = field(default_factory=Bounds)


VALIDATION = Program(
    "worker.validation.official.process",
    # Saxon's native image reserves 32 GB of addresses before it starts. It writes to 380 MB with
    # every sheet compiled, and dies cleanly when it reaches the bound.
    Bounds(memory=1_200_000_000, processor=0, reserves=True),
)
PDF = Program("worker.validation.files.pdf")
WORKBOOK = Program("worker.imports.workbook", Bounds(answer=16 * 2**20, written=2**30))
# What is allowed is then printed in the program itself, once for each page.
LOGO = Program("worker.formats.logo", Bounds(processor=5))
PROGRAMS = (VALIDATION, PDF, WORKBOOK, LOGO)
"""Every reader of hostile bytes."""
