"""``make bench``: measures the program as a person runs it and compares with the kept table.

Figures are medians of whole processes. The machine is small and noisy, so each duration is also
given as a ratio to a bare ``python -c pass`` measured in the same run; ratios are what to compare.
``make bench BENCH="--members 10000"`` measures the memory of a large syndicat (minutes), and
``BENCH=--keep`` adds the table to docs/benchmarks.md.
"""

import argparse
import csv
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEPT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
WORKER = [sys.executable, "-m", "worker"]
FEW = 100
"""Members of the small batch: the large one is compared with it."""
QUIET = {"CHORUS_WORKER_CHANNEL": "helios", "NO_COLOR": "1"}
"""The Hélios channel issues without depositing: what is measured is our own work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One process and those it ended: seconds of wall clock and of CPU; its peak memory in MB."""

    wall: float
    cpu: float
    peak: float
    said: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, its value, its unit, the promise."""

    name: str
    value: float
    unit: str
    promise: str


def measure(command: Sequence[str | Path], **extra: str) -> Cost:
    """Run a command to its end; exit codes 0 and 1 are both fine (1: something to look at)."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=complaints,
            env=os.environ | QUIET | extra,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaints.seek(0)
        if process.returncode not in {0, 1}:
            errors = complaints.read().decode()
            raise SystemExit(f"{command} ended with {process.returncode}: {errors}")
        cpu = usage.ru_utime + usage.ru_stime
        said = output.read().decode()
    return Cost(wall=wall, cpu=cpu, peak=usage.ru_maxrss / 1024, said=said)


def median_wall(command: Sequence[str | Path], runs: int = 7) -> float:
    """Median wall clock of several runs, after one to warm the file cache."""
    measure(command)
    return statistics.median(measure(command).wall for _ in range(runs))


def ready(folder: Path, members: int) -> Path:
    """A demonstration folder with everything imported and nothing billed."""
    from worker.service.demo import EXAMPLES, FILES, write_demo  # noqa: PLC0415 - not in the baseline

    config = write_demo(folder, 2025, members, 2025)
    for kind in FILES:
        path = folder / EXAMPLES / f"{kind}.csv"
        measure([*WORKER, "import", kind, path, "--config", config])
    return config


def usage_file(path: Path, sirets: Sequence[str], rows: int) -> None:
    """A usage file of so many rows, for members that exist."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("siret", "service", "palier", "mois", "utilisateurs"))
        for index in range(rows):
            siret = sirets[index % len(sirets)]
            series = index // len(sirets)
            month, tier = series % 12 + 1, series // 12 + 1
            writer.writerow((siret, "stockage", tier, f"2024-{month:02d}", index % 97))


def issuing(folder: Path, members: int) -> tuple[Cost, Path]:
    """Issue a year for so many members, both formats rendered and checked."""
    config = ready(folder, members)
    measure([*WORKER, "campaign", "open", "2025", "--yes", "--config", config])
    return measure([*WORKER, "run", "2025", "--json", "--config", config]), config


def drawing(kind: str, few: int, many: int) -> tuple[float, Cost]:
    """CPU seconds of one more invoice's documents, once warm: the slope between two counts."""
    command = [sys.executable, "-m", "benchmarks.documents", kind]
    costs = {count: measure([*command, str(count)]) for count in (few, many)}
    return (costs[many].cpu - costs[few].cpu) / (many - few), costs[many]


def document_rows() -> list[Row]:
    """What an invoice's documents cost, step by step and beside the libraries' bare calls."""
    ours, cost = drawing("press", 50, 250)
    bare, _ = drawing("bare", 50, 250)
    naive, _ = drawing("naive", 1, 5)
    shares = json.loads(
        measure([sys.executable, "-m", "benchmarks.documents", "steps", "100"]).said
    )
    # On one core, as the bare calls are: two busy cores slow each other down.
    in_a_row = sum(shares.values()) / 1000
    data = (shares["XLSX"] + shares["CSV"]) / 1000
    checking = json.loads(cost.said)["checking process"]
    return [
        Row(name="documents, CPU per invoice", value=ours * 1000, unit="ms", promise="< 80"),
        Row(name="documents, typst and Saxon bare", value=bare * 1000, unit="ms", promise=""),
        Row(name="steps in a row / bare", value=in_a_row / bare, unit="×", promise="≤ 1.3"),
        Row(
            name="same, without XLSX and CSV", value=(in_a_row - data) / bare, unit="×", promise=""
        ),
        Row(name="documents, naive calls", value=naive * 1000, unit="ms", promise=""),
        Row(name="naive / documents", value=naive / ours, unit="×", promise=""),
        Row(name="checking process, peak memory", value=checking, unit="MB", promise="< 600"),
        *(
            Row(name=f"step: {name}", value=value, unit="ms", promise="")
            for name, value in sorted(shares.items(), key=lambda item: -item[1])
        ),
    ]


def deposit_rows(config: Path, members: int, folder: Path) -> list[Row]:
    """What depositing and following cost."""
    from benchmarks.deposits import rows  # noqa: PLC0415 - not in the baseline

    return [Row(*measure) for measure in rows(config, members, folder / "deposits")]


def batch_rows(folder: Path, members: int) -> tuple[list[Row], Path]:
    """Issuing a year, for few members and for many; and the configuration of the many."""
    small, _ = issuing(folder / "small", FEW)
    large, config = issuing(folder / "large", members)
    more = members - FEW
    per_small = small.cpu / FEW * 1000
    per_large = large.cpu / members * 1000
    rate = more / (large.wall - small.wall) if more else members / large.wall
    rows = [
        Row(name="issue, invoices per second once warm", value=rate, unit="/s", promise="≥ 20"),
        Row(name=f"issue, CPU per invoice, {FEW} members", value=per_small, unit="ms", promise=""),
        Row(
            name=f"issue, CPU per invoice, {members} members",
            value=per_large,
            unit="ms",
            promise="< 150",
        ),
        Row(
            name="issue, large / small per invoice",
            value=per_large / per_small,
            unit="×",
            promise="≤ 1: linear",
        ),
        Row(
            name=f"issue, peak memory, {members} members",
            value=large.peak,
            unit="MB",
            promise="< 500 at 10000",
        ),
    ]
    return rows, config


def recomputation_rows(config: Path) -> list[Row]:
    """What it costs to compute every issued document again from its rows."""
    said = json.loads(measure([sys.executable, "-m", "benchmarks.recomputation", config]).said)
    return [
        Row(
            name="recomputation, CPU for 1000 documents",
            value=said["cpu"] / said["documents"] * 1000,
            unit="s",
            promise="< 10",
        ),
        Row(
            name=f"recomputation, peak memory, {said['documents']} documents",
            value=said["peak"],
            unit="MB",
            promise="bounded",
        ),
    ]


def table(members: int, rows: int) -> list[Row]:
    """Every measurement."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = median_wall([sys.executable, "-c", "pass"])
        help_wall = median_wall([*WORKER, "--help"])
        documents = document_rows()
        batch, config = batch_rows(folder, members)
        deposits = deposit_rows(config, members, folder)
        status = median_wall([*WORKER, "status", "2025", "--config", config])
        recomputation = recomputation_rows(config)
        sirets = _sirets(folder / "large" / "exemples" / "members.csv")
        dossier = measure(
            [*WORKER, "audit", "dossier", "2025", "--to", folder / "dossier", "--config", config]
        )
        usage_file(folder / "usage.csv", sirets, rows)
        imported = measure([*WORKER, "import", "usage", folder / "usage.csv", "--config", config])
    return [
        Row(name="python -c pass", value=bare * 1000, unit="ms", promise="baseline"),
        Row(name="--help", value=help_wall * 1000, unit="ms", promise="< 300"),
        Row(name="--help / baseline", value=help_wall / bare, unit="×", promise=""),
        Row(
            name=f"status, {members} invoices",
            value=status * 1000,
            unit="ms",
            promise="< 1000 at 1000",
        ),
        Row(name="status / baseline", value=status / bare, unit="×", promise=""),
        *documents,
        *batch,
        *deposits,
        *recomputation,
        Row(
            name=f"audit dossier, {members} invoices",
            value=dossier.wall,
            unit="s",
            promise="< 60 at 1000",
        ),
        Row(name="audit dossier, peak memory", value=dossier.peak, unit="MB", promise="bounded"),
        Row(name=f"import, {rows} usage rows, CPU", value=imported.cpu, unit="s", promise=""),
        Row(
            name=f"import, {rows} usage rows, peak memory",
            value=imported.peak,
            unit="MB",
            promise="bounded",
        ),
    ]


def kept() -> dict[str, float]:
    """The last table of docs/benchmarks.md: value by name."""
    if not KEPT.exists():
        return {}
    last = KEPT.read_text("utf-8").rpartition("\n## ")[2]
    cells = re.findall(r"^\| (.+?) \| ([\d.]+) (?:ms|s|MB|×|/s)? \|", last, re.MULTILINE)
    return {name: float(value) for name, value in cells}


def decimals(row: Row) -> int:
    """Ratios need two."""
    return 2 if row.unit == "×" else 1


def main() -> None:
    """Measure, compare, print; keep the table when asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = kept()
    rows = table(options.members, options.rows)
    lines = ["| measure | value | promise |", "|---|---|---|"]
    for row in rows:
        lines.append(f"| {row.name} | {row.value:.{decimals(row)}f} {row.unit} | {row.promise} |")
        known = before.get(row.name)
        change = f"  (kept: {known:.1f}, ×{row.value / known:.2f})" if known else ""
        value = f"{row.value:>10.{decimals(row)}f} {row.unit:<3}"
        print(f"{row.name:<50} {value} {row.promise:<16}{change}")
    if options.keep:
        title = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        title += f"{os.cpu_count()} cores, {options.members} members"
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(f"\n## {title}\n\n" + "\n".join(lines) + "\n")


def _sirets(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row["SIRET"] for row in csv.DictReader(file, delimiter=";")]


if __name__ == "__main__":
    main()
