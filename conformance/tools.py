"""The two validators: their jars, chosen by SHA-256, and the Java machine that runs them."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance import ToolBroken, ToolMissing

POM = Path(__file__).with_name("pom.xml")
JARS = Path(__file__).parents[1] / "out" / "conformance"
PATIENCE = 600
"""Seconds for one run of Java or Maven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """A validator as Maven Central has it; its version also stands in pom.xml."""

    name: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where Maven leaves it."""
        return JARS / self.name

    def is_ours(self) -> bool:
        """Whether the file is there, and is the one we chose."""
        if not self.path.exists():
            return False
        return hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


VERAPDF = Jar(
    name="greenfield-apps-1.28.2.jar",
    sha256="687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6",
)
MUSTANG = Jar(
    name="Mustang-CLI-2.26.0.jar",
    sha256="42d7868cb68264874a7b8cab4c3587b03b23ccc7cd72373da917f66758bb9736",
)


def fetch() -> None:
    """Have both jars in place, through Maven unless they are already there.

    Raises:
        ToolMissing: when Java, its compiler, or Maven when it is needed, is not installed.
        ToolBroken: when a jar cannot be fetched or is not the one we chose.
    """
    for name in ("java", "javac"):
        _program(name)
    if all(jar.is_ours() for jar in (VERAPDF, MUSTANG)):
        return
    options = ["--batch-mode", "--quiet", "-Dstyle.color=never", f"--file={POM}", f"-Djars={JARS}"]
    done = _run([_program("mvn"), *options, "validate"], POM.parent)
    if done.returncode != 0:
        reason = done.stdout.strip().partition("\n")[0]
        raise ToolBroken(f"Maven could not fetch the validators: {reason}")
    for jar in (VERAPDF, MUSTANG):
        if not jar.is_ours():
            raise ToolBroken(f"{jar.path} does not have the SHA-256 of conformance/tools.py")


def java(jar: Jar, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Java with a jar; its working, temporary and home folder is ``folder``.

    Raises:
        ToolBroken: when it does not end in time.
    """
    machine = ["-Xmx1g", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
    places = [f"-Djava.io.tmpdir={folder}", f"-Duser.home={folder}"]
    return _run(
        [_program("java"), *machine, *places, "-cp", str(jar.path), *map(str, arguments)], folder
    )


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolMissing(f"{name} is not installed; a JDK (11 or later) and Maven are needed")
    return path


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolBroken(f"{command[0]} did not end in {PATIENCE} s") from error
