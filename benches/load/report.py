"""The tables of a load run and how figures are written in them."""

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Section:
    title: str
    head: list
    rows: list
    note: str = ""

    def __str__(self):
        lines = [f"## {self.title}", ""]
        lines += [f"| {' | '.join(map(str, row))} |" for row in [self.head, ["---"] * len(self.head), *self.rows]]
        if self.note:
            lines += ["", self.note]
        return "\n".join([*lines, ""])


def document(sections, options):
    return "\n".join([
        "# Load figures",
        "",
        f"Measured with `{options.command}` at commit {said('git', 'rev-parse', '--short', 'HEAD')}"
        f"{' with local changes' if said('git', 'status', '--porcelain', '--', 'src', 'Cargo.lock') else ''}, "
        f"{said('rustc', '--version')}, {cores()} on Linux {platform.release()}; all parties and the load on the same "
        "machine. What the rows mean stands in README.md beside this file.",
        "",
        *map(str, sections),
    ])  # fmt: skip


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def cores():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return f"{len(models)} cores ({models[0]})" if models else platform.machine()


def number(value):
    return f"{value:,.0f}"


def micros(value):
    return f"{value / 1000:.2f} ms" if value >= 1000 else f"{value:.0f} µs"


def mebibytes(value):
    return f"{value / 2**20:,.1f} MiB"


def kibibytes(value):
    return f"{value / 2**10:.2f} KiB"


def verdict(kept):
    return "yes" if kept else "**no**"
