"""What every check of a document answers: which rules were run, the verdict, and why.

``rules`` looks at the invoice before it is written, ``schemas`` at the bytes once written, and
``files`` at anything a person hands over. A check that could not run raises; it never answers.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from worker.errors import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """The exact rules behind a verdict, to be recorded beside it.

    Attributes:
        name: for people, such as ``OASIS UBL``.
        version: as its publisher names it.
        sha256: of the whole set: of the list of its files with their own SHA-256.
    """

    name: str
    version: str
    sha256: str

    @classmethod
    def of_sources(cls, name: str, version: str, *modules: str | None) -> Self:
        """Rules written in Python, identified by their source: what is recorded is what ran."""
        sources = b"".join(Path(str(module)).read_bytes() for module in modules)
        return cls(name=name, version=version, sha256=hashlib.sha256(sources).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict of one rule set on one document.

    Raises:
        ValueError: when a document is said to be invalid without any reason.
    """

    rule_set: RuleSet
    valid: bool
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if not self.valid and not self.findings:
            raise ValueError("an invalid document needs at least one finding")
