"""One visitor on two trees of the playground, in turns on one machine: `python -m benchmarks.before_after OTHER_TREE`.

OTHER_TREE is the root of an earlier checkout with its `.venv`, such as `git worktree add` makes; it is called before.
Prints a table of what the visitor sees and what that costs, medians of all rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.browser import CLICKS, watch
from benchmarks.engine import Bare
from benchmarks.pages import PROBE, SCREEN, Presses, chromium
from benchmarks.server import ROOT, Server, descendants, processor_seconds
from engine.contract import registry

SLIDERS = {"gradient_descent": "condition"}  # elsewhere the knob is the seed
WAIT = 1_500  # milliseconds for a picture to change
# What is measured, if more of it is better, and what after over before may be.
MEASURES = {
    "frames shown /s": (True, 0.95),
    "animation frames /s": (True, 0.95),
    "browser, a frame, ms of processor": (False, 0.9),
    "web process, a frame, ms of processor": (False, 0.9),
    "training, of a bare loop": (True, 0.95),
    "steps /s": (True, 0.95),
    "Play to the first changed frame, ms": (False, 1.05),
    "knob to changed picture, ms": (False, 1.05),
    "timeline to changed picture, ms": (False, 1.05),
}
Seen = dict[str, list[float]]


def _visit(seen: Seen, browser: Browser, server: Server, slug: str, *, seconds: float) -> float:
    """Add what one visitor sees on the page of a lab; returns steps a second."""
    context = browser.new_context(viewport=SCREEN)
    context.add_init_script(PROBE)
    page, press = context.new_page(), Presses()
    page.goto(f"{server.url}/{slug}", wait_until="domcontentloaded")
    page.locator(".st-key-step, .counter").first.wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)
    for turn in range(CLICKS):
        _knob(seen, page, slug, turn)
    for _ in range(CLICKS):
        page.evaluate("probe.timeClick()")
        press(page, "Play", until="probe.clicked !== null")
        seen["Play to the first changed frame, ms"].append(page.evaluate("probe.clicked"))
        page.wait_for_timeout(500)
        press.reset(page)
    press.play(page)
    page.wait_for_timeout(1_500)
    ours = [pid for pid, command in descendants(os.getpid()).items() if "chrom" in command]
    pids = {"browser": ours, "web process": [server.process.pid]}
    before = {who: sum(map(processor_seconds, each)) for who, each in pids.items()}
    shown = watch(page, seconds)
    for who, each in pids.items():
        used = sum(map(processor_seconds, each)) - before[who]
        seen[f"{who}, a frame, ms of processor"].append(1e3 * used / (shown["frames"] * shown["seconds"]))
    seen["frames shown /s"].append(shown["frames"])
    seen["animation frames /s"].append(shown["animation"])
    seen["steps /s"].append(shown["steps"])
    press(page, "Pause", until="true")
    page.wait_for_timeout(1_500)
    timeline = page.locator(f".st-key-{slug}-timeline input[type=range]").first
    for turn in range(CLICKS):
        box = timeline.bounding_box()
        assert box is not None
        at = (box["x"] + box["width"] * (0.3 + 0.1 * turn), box["y"] + box["height"] / 2)
        _timed(seen["timeline to changed picture, ms"], page, "pointerdown", lambda at=at: page.mouse.click(*at))
    context.close()
    return shown["steps"]


def _knob(seen: Seen, page: Page, slug: str, turn: int) -> None:
    took = seen["knob to changed picture, ms"]
    if slug not in SLIDERS:
        _timed(took, page, "pointerdown", page.get_by_role("button", name="New seed").click)
        return
    slider = page.locator(f".st-key-{slug}-{SLIDERS[slug]}").get_by_role("slider").first
    slider.focus()
    _timed(took, page, "keydown", lambda: slider.press("ArrowLeft" if turn % 2 else "ArrowRight"))


def _timed(took: list[float], page: Page, event: str, act: Callable[[], None]) -> None:
    """Milliseconds from an event that `act` causes until the largest drawing is another one; nothing if it stays."""
    page.evaluate(f"probe.timeKey({{ event: '{event}', largest: true }})")
    act()
    page.wait_for_timeout(WAIT)
    answered = page.evaluate("probe.answered")
    if answered is not None:
        took.append(answered)


def _table(slug: str, before: Seen, after: Seen) -> list[str]:
    lines = []
    for what, (more, bound) in MEASURES.items():
        if not before[what] or not after[what]:
            continue
        was, now = statistics.median(before[what]), statistics.median(after[what])
        ratio = now / was if was else float("inf")
        met = "yes" if (ratio >= bound if more else ratio <= bound) else "**no**"
        spread = ", ".join(f"{min(each):.3g} to {max(each):.3g}" for each in (before[what], after[what]))
        lines.append(f"| {slug}: {what} | {was:.3g} | {now:.3g} | {ratio:.2f} | {'≥' if more else '≤'} {bound} | {met} "
                     f"| {spread} |")  # fmt: skip
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before_after", description=__doc__)
    parser.add_argument("before", type=Path, help="root of the other tree")
    parser.add_argument("--labs", default="gan,neural_network,gradient_descent", help="slugs, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="for which one visitor watches")
    args = parser.parse_args()
    print("| | before | after | after / before | bound | met | how they varied |\n|:--|--:|--:|--:|--:|:-:|:--|")
    with sync_playwright() as playwright, Bare() as bare, Server(args.before) as old, Server(ROOT) as new:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        for slug in args.labs.split(","):
            before: Seen = {what: [] for what in MEASURES}
            after: Seen = {what: [] for what in MEASURES}
            for turn in range(args.rounds):
                pairs = [(before, old), (after, new)]
                for seen, server in pairs if turn % 2 == 0 else pairs[::-1]:
                    steps = _visit(seen, browser, server, slug, seconds=args.seconds)
                    if registry.card(slug).speed == "full speed":
                        loop = bare.window(slug, {}, 2.0)
                        seen["training, of a bare loop"].append(steps / loop.rate)
            print("\n".join(_table(slug, before, after)), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
