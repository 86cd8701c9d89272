"""What was measured, beside what was aimed at, as a page of tables."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch

YES, NO = "yes", "**no**"


@dataclass(frozen=True)
class Row:
    """One number.  `target` is a bound: at least that if `at_least`, else at most; None for what is only reported."""

    what: str
    value: float
    unit: str = ""
    target: float | None = None
    at_least: bool = True
    note: str = ""
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def cells(self) -> list[str]:
        target = "" if self.target is None else f"{'≥' if self.at_least else '≤'} {_number(self.target)} {self.unit}"
        met = {None: "", True: YES, False: NO}[self.met]
        return [
            self.what,
            f"{_number(self.value)} {self.unit}".strip(),
            target.strip(),
            met,
            self.note,
            f"{self.load:.1f}",
        ]


@dataclass
class Topic:
    title: str
    about: str
    rows: list[Row] = field(default_factory=list)
    beside: str = ""  # the topic that it is read together with, and stands behind

    def add(self, row: Row) -> None:
        self.rows.append(row)
        print("  " + " | ".join(cell for cell in row.cells()[:-1] if cell), flush=True)


def _number(value: float) -> str:
    """Three digits that count; whole numbers in full."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine(chromium: str, *, load: float) -> list[tuple[str, str]]:
    """What a reader needs to know to compare these numbers with others."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return [
        ("Date", time.strftime("%Y-%m-%d")),
        ("Processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("Memory", f"{memory:.0f} GiB"),
        ("GPU", gpu),
        ("System", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("torch", torch.__version__),
        ("Streamlit", version("streamlit")),
        ("Chromium", chromium or "not used"),
        ("Load average before the start", f"{load:.1f}"),
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def page(machine: list[tuple[str, str]], topics: list[Topic], *, command: str, minutes: float, before: str = "") -> str:
    """The whole of docs/benchmarks.md; of the page `before` what was not measured this time is kept."""
    sections = {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in before.split("\n## ")[1:]}
    kept = sections.keys() - {topic.title for topic in topics}
    sections |= {topic.title: _section(topic) for topic in topics}
    titles = [*sections]
    for topic in [topic for topic in topics if topic.beside in titles]:
        titles.remove(topic.title)
        titles.insert(titles.index(topic.beside) + 1, topic.title)
    text = "\n".join(sections[title] for title in titles)
    met, missed = (text.count(f"| {word} |") for word in (YES, NO))
    older = f" Kept from the run before: {'; '.join(sorted(kept))}." if kept else ""
    lines = [
        "# Benchmarks", "",
        f"Written by `{command}` in {minutes:.1f} minutes; do not edit. {met} of {met + missed} targets are met."
        + older,
        "",
        "| | |", "|:--|:--|", *(f"| {name} | {text} |" for name, text in machine), "",
        "The last column is the load average over one minute when the number was taken, this benchmark's own work "
        "included: above about the number of cores plus one, something else was running too.", "",
    ]  # fmt: skip
    return "\n".join(lines) + "\n" + text


def _section(topic: Topic) -> str:
    lines = [f"## {topic.title}", "", topic.about, ""]
    lines += ["| | measured | target | met | how it varied | load |", "|:--|--:|--:|:-:|:--|--:|"]
    return "\n".join([*lines, *(f"| {' | '.join(row.cells())} |" for row in topic.rows), ""])
