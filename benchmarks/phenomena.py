"""How long a visitor waits for what a lab promises: from Play to the step at which its metrics say so."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

from benchmarks.pages import Presses, playing, visit
from benchmarks.report import Row, Topic
from benchmarks.server import Server

LOOK = 200  # milliseconds between two looks at the step counter


@dataclass(frozen=True)
class Phenomenon:
    """Something that a page shows when `least` and `most` hold for its metrics at once, `within` so many seconds.

    `path` is the page, with what its link sets.
    """

    path: str
    title: str
    within: float
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)

    def shown_at(self, rows: list[dict[str, str]]) -> int | None:
        """The first step at which everything holds, of the rows of a page's table of metrics."""
        known: dict[str, float] = {}  # some are measured more often than others: the last value counts
        for row in rows:
            known |= {name: float(value) for name, value in row.items() if value}
            if not known.keys() >= self.least.keys() | self.most.keys():
                continue
            reached = all(known[name] >= bound for name, bound in self.least.items())
            if reached and all(known[name] <= bound for name, bound in self.most.items()):
                return int(known["step"])
        return None


RING = {"modes": 8.0}
DIGITS = {"recognised": 0.95, "variety": 0.7}
PHENOMENA = (
    Phenomenon("neural_network", "spiral, test error ≤ 5 %", 10.0, most={"test_error": 0.05}),
    Phenomenon("cnn_filters", "digits, test accuracy ≥ .97", 10.0, least={"test_accuracy": 0.97}),
    Phenomenon("vae", "digits, the nearest neighbour in the plane is of the same class for ≥ .75", 10.0,
               least={"neighbours": 0.75}),
    Phenomenon("gan", "ring of eight, Wasserstein: 8 modes, energy distance ≤ .02", 20.0, least=RING,
               most={"energy": 0.02}),
    Phenomenon("diffusion?data=ring", "ring of eight: 8 modes, energy distance ≤ .01, ≥ .85 within 3 σ", 10.0,
               least=RING | {"within": 0.85}, most={"energy_distance": 0.01}),
    Phenomenon("diffusion?start=scratch", "digits from scratch: recognised ≥ .95, variance kept ≥ .7", 40.0,
               least=DIGITS),
    Phenomenon("diffusion", "digits from the stored network: the same", 10.0, least=DIGITS),
    Phenomenon("attention_heads", "the half that can be known is right for ≥ .95", 10.0, least={"test_accuracy": 0.95}),
    Phenomenon("lstm_gates", "brackets, cross-entropy of the LSTM ≤ .03", 10.0, most={"loss_lstm": 0.03}),
    Phenomenon("moe_routing", "four experts: mutual information ≥ .75, ≤ .25 of the variance left", 10.0,
               least={"information": 0.75}, most={"moe": 0.25}),
)  # fmt: skip


def measure(topic: Topic, browser: Browser, server: Server, labs: list[str]) -> None:
    """Add a row for each phenomenon of `labs`."""
    for each in PHENOMENA:
        slug = each.path.partition("?")[0]
        if slug in labs:
            with visit(browser, f"{server.url}/{each.path}") as page:
                topic.add(_row(f"{slug}: {each.title}", each, page))


def _row(what: str, each: Phenomenon, page: Page) -> Row:
    """Play for twice as long as it may take, then read the metrics that the page gives to take home."""
    passed: list[tuple[float, int]] = []  # seconds since Play, and the step that the page showed
    press, began = Presses(), time.perf_counter()
    press.play(page)
    while not passed or (passed[-1][0] < 2 * each.within and playing(page)):  # one look at least: a run may be short
        page.wait_for_timeout(LOOK)
        passed.append((time.perf_counter() - began, int(page.evaluate("probe.step()"))))
    if playing(page):
        press(page, "Pause", until="true")
    page.get_by_text("Link and export", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="Metrics").click()
    rows = list(csv.DictReader(coming.value.path().read_text(encoding="utf-8").splitlines()))
    step = each.shown_at(rows)
    took = None if step is None else next((seconds for seconds, at in passed if at >= step), None)
    if took is None:
        seconds, last = passed[-1]
        return Row(what, seconds, "s", each.within, at_least=False, note=f"not yet, at step {last:,}")
    return Row(what, took, "s", each.within, at_least=False, note=f"step {step:,}")
