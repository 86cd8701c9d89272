"""The app as a visitor meets it: one server, one Chromium, clicks and eyes."""

from __future__ import annotations

import statistics
import time
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from benchmarks import phenomena
from benchmarks.engine import PLAYGROUND
from benchmarks.pages import PROBE, SCREEN, Presses, chromium, playing, until_ready, visit
from benchmarks.report import Row, Topic
from benchmarks.server import ROOT, Server, proportional_mb
from ui import lesson

TEXT = "[data-testid=stMain] [data-testid=stMarkdownContainer]"
CLICKS = 5
TABS = 10
HEAPS = 6  # readings of the heap in one run: the later half is compared with the earlier
HEAP_OF = ("gradient_descent", "neural_network", "lstm_gates", "gan")  # from few curves to many


def watch(page: Page, seconds: float) -> dict[str, float]:
    """What the probe counts in at most `seconds`; it ends when the run does."""
    page.evaluate("probe.start()")
    until = time.monotonic() + seconds
    while time.monotonic() < until and playing(page):
        page.wait_for_timeout(500)
    seen: dict[str, float] = page.evaluate("probe.stop()")
    return seen


# ---------------------------------------------------------------------- starting


def _starting(topic: Topic, browser: Browser, server: Server, labs: list[str]) -> None:
    """The first visitor, then others, then one who comes again."""
    topic.add(Row("server ready: start to `/_stcore/health`", server.ready, "s", 5.0, at_least=False))
    _first_page(topic, browser, server, labs[0])
    for slug in labs:
        url = f"{server.url}/{slug}"
        times = [_first_text(browser, url) for _ in range(1 + CLICKS)][1:]
        new, again = ([pair[i] for pair in times] for i in (0, 1))
        for who, took in (("a new visitor", new), ("with the browser's cache", again)):
            target = 1.5 if who == "a new visitor" else None
            topic.add(Row(f"{slug}: first content, {who}", statistics.median(took), "s", target, at_least=False,
                          note=f"{min(took):.2f} to {max(took):.2f}"))  # fmt: skip


def _first_page(topic: Topic, browser: Browser, server: Server, slug: str) -> None:
    """What the first visitor of all waits for, on a page that trains, and what the next ones do."""
    arrived = time.perf_counter() - server.began
    first, *others = [_first_picture(browser, f"{server.url}/{slug}") for _ in range(1 + CLICKS)]
    usual = statistics.median(picture for _, picture in others)
    note = f"{slug}; the browser asks as soon as the server is healthy"
    for what, took in zip(("text", "picture"), first, strict=True):
        target = 5.0 if what == "text" else None
        topic.add(Row(f"server ready: start to the first visitor's first {what}", arrived + took, "s", target,
                      at_least=False, note=note))  # fmt: skip
    topic.add(Row("the first visitor's first picture, as a multiple of the next ones'", first[1] / usual, "", 1.5,
                  at_least=False, note=f"{first[1]:.2f} s, then {usual:.2f} s, the median of {CLICKS}"))  # fmt: skip


def _first_picture(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds until a new visitor reads the first text, and sees the first picture."""
    context = browser.new_context(viewport=SCREEN)
    context.add_init_script(PROBE)
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="domcontentloaded")
    page.locator(TEXT).first.wait_for(timeout=60_000)
    text = time.perf_counter() - began
    page.wait_for_function("probe.picture()", polling=30, timeout=60_000)
    picture = time.perf_counter() - began
    context.close()
    return text, picture


def _first_text(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds until the page says something: for a new visitor, and for the same one again."""
    context = browser.new_context(viewport=SCREEN)
    page = context.new_page()
    took = []
    for _ in range(2):
        began = time.perf_counter()
        page.goto(url, wait_until="domcontentloaded")
        page.locator(TEXT).first.wait_for(timeout=60_000)
        took.append(time.perf_counter() - began)
    context.close()
    return took[0], took[1]


# ---------------------------------------------------------------------- fluency


def _fluency(topic: Topic, page: Page, slug: str, *, seconds: float, heap_seconds: float) -> None:
    press, clicks = Presses(), []
    for _ in range(CLICKS):
        page.evaluate("probe.timeClick()")
        press(page, "Play", until="probe.clicked !== null")
        clicks.append(page.evaluate("probe.clicked"))
        page.wait_for_timeout(500)
        press.reset(page)
    topic.add(Row(f"{slug}: Play to the first changed frame", statistics.median(clicks), "ms", 300.0, at_least=False,
                  note=f"{min(clicks):.0f} to {max(clicks):.0f}"))  # fmt: skip

    press.play(page)
    page.wait_for_timeout(1_500)
    seen = watch(page, seconds)
    over = f"over {seen['seconds']:.1f} s, {seen['steps']:,.0f} steps/s"
    task = f"longest task {seen['task']:.0f} ms"
    slow = seen["steps"] < 22  # then every step is a frame, and there is nothing more to show
    topic.add(Row(f"{slug}: frames shown", seen["frames"], "/s", None if slow else 20.0, note=over))
    topic.add(Row(f"{slug}: animation frames", seen["animation"], "/s", 45.0))
    topic.add(Row(f"{slug}: longest stall", seen["stall"], "ms", 200.0, at_least=False, note=task))
    topic.add(Row(f"{slug}: drawings remounted", seen["remounts"], "", 0.0, at_least=False,
                  note=f"of {seen['drawings']:.0f}"))  # fmt: skip
    topic.add(Row(f"{slug}: messages", seen["messages"], "/s"))
    topic.add(Row(f"{slug}: received", seen["megabytes"], "MB/s", note="unpacked"))

    press.reset(page)
    if slug in HEAP_OF:
        _heap(topic, page, slug, press, seconds=heap_seconds)
    topic.add(Row(f"{slug}: presses that nothing came of", press.lost, "", 0.0, at_least=False, note=f"of {press.all}"))


def _heap(topic: Topic, page: Page, slug: str, press: Presses, *, seconds: float) -> None:
    press.play(page)
    page.wait_for_timeout(15_000)  # code is compiled, and every chart has had its first frames
    heaps = []
    for _ in range(HEAPS):
        page.wait_for_timeout(1_000 * seconds / HEAPS)
        heaps.append(_heap_mb(page))
    press.reset(page)
    growth = min(heaps[HEAPS // 2 :]) - min(heaps[: HEAPS // 2])
    note = ", ".join(f"{heap:.0f}" for heap in heaps) + f" MB, {seconds / HEAPS:.0f} s of training before each"
    topic.add(Row(f"{slug}: heap growth", growth, "MB", 5.0, at_least=False, note=note))


def _heap_mb(page: Page) -> float:
    """What JavaScript holds on to in the middle of a run: a reset would let go of the charts and of all they kept."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("HeapProfiler.collectGarbage")
    used: float = devtools.send("Runtime.getHeapUsage")["usedSize"]
    devtools.detach()
    return used / 1e6


def _on_screen(topic: Topic, browser: Browser, server: Server, *, seeds: int, target: float, seconds: float) -> None:
    """TensorFlow Playground's network, trained and drawn."""
    query = urlencode({**PLAYGROUND, "seeds": seeds})
    with visit(browser, f"{server.url}/neural_network?{query}") as page:
        Presses().play(page)
        page.wait_for_timeout(3_000)
        seen = watch(page, seconds)
    who, unit = ("one network", "epochs/s") if seeds == 1 else (f"{seeds} networks", "network-epochs/s")
    note = f"{seen['frames']:.1f} frames and {seen['animation']:.0f} animation frames a second"
    topic.add(Row(f"{who}, on screen", seeds * seen["steps"], unit, target, note=note))


# ----------------------------------------------------------------------- lessons


def _lessons(topic: Topic, browser: Browser, server: Server, labs: list[str]) -> None:
    """Each lesson as a visitor runs it: from the press of Play to the step at which it says what happened."""
    for slug in labs:
        for each in lesson.lessons(slug):
            if each.runs_to is None:
                continue
            with visit(browser, f"{server.url}/{slug}?lesson={each.slug}") as page:
                presses, began = Presses(), time.perf_counter()
                presses.play(page)
                try:
                    page.locator(f".st-key-{slug}-outcome").wait_for(timeout=60_000)
                except PlaywrightTimeout:
                    note = f"of its {each.runs_to:,} steps {page.evaluate('probe.step()'):,.0f} were done in a minute"
                else:
                    note = f"{each.runs_to:,} steps"
                took = time.perf_counter() - began
            topic.add(Row(f"{slug}: {each.title}", took, "s", 10.0, at_least=False, note=note))


# ----------------------------------------------------------------------- answers


def _answers(topic: Topic, browser: Browser, server: Server, labs: list[str]) -> None:
    """What a visitor changes by hand: from the key to the picture that follows from it."""
    if "adversarial_examples" in labs:
        with visit(browser, f"{server.url}/adversarial_examples?example=5") as page:
            Presses().play(page)
            page.wait_for_timeout(2_000)
            page.get_by_text("Pause", exact=True).first.click()
            page.wait_for_timeout(1_500)
            for knob in ("eps", "steps", "step_size"):
                slider = page.locator(f".st-key-adversarial_examples-{knob}").get_by_role("slider")
                slider.focus()
                times = []
                for key in ("ArrowRight", "ArrowLeft") * CLICKS:
                    page.evaluate("probe.timeKey()")
                    slider.press(key)
                    page.wait_for_timeout(900)
                    times.append(page.evaluate("probe.answered"))
                seen = [
                    ms for ms in times if ms is not None
                ]  # a change that leaves the picture as it was shows nothing
                if seen:
                    note = f"{min(seen):.0f} to {max(seen):.0f}; {len(seen)} of {len(times)} keys changed the picture"
                    topic.add(Row(f"adversarial_examples: {knob} to the attacked picture", statistics.median(seen),
                                  "ms", 200.0, at_least=False, note=note))  # fmt: skip
    if "attention_heads" in labs:
        with visit(browser, f"{server.url}/attention_heads") as page:
            press = Presses()
            _own_tokens(topic, page, "before the first step")
            page.get_by_label("Speed").select_option("1 step/s")  # so slow that a picture changes for the tokens
            page.wait_for_timeout(1_000)
            press.play(page)
            _own_tokens(topic, page, "while it trains")
            press(page, "Pause", until="true")
            page.wait_for_timeout(1_500)
            _own_tokens(topic, page, "paused")


def _own_tokens(topic: Topic, page: Page, when: str) -> None:
    """From the keys that hand tokens over to the maps of every head over them."""
    text, times = page.locator(".st-key-attention_heads-tokens textarea"), []
    for tokens in ("a b c d a b c d", "d c b a d c b a") * CLICKS:
        text.fill(tokens)
        page.evaluate("probe.timeKey()")
        text.press("Control+Enter")
        page.wait_for_timeout(1_500)
        times.append(page.evaluate("probe.answered"))
    seen = [ms for ms in times if ms is not None]
    if seen:
        note = f"{min(seen):.0f} to {max(seen):.0f}; {len(seen)} of {len(times)} texts changed the picture"
        topic.add(Row(f"attention_heads: own tokens to their maps, {when}", statistics.median(seen), "ms", 200.0,
                      at_least=False, note=note))  # fmt: skip


# ---------------------------------------------------------------------- memory


def _memory(topic: Topic, server: Server, when: str) -> None:
    topic.add(Row(f"web process, {when}", proportional_mb(server.process.pid), "MB"))
    for number, pid in enumerate(server.workers(), start=1):
        topic.add(Row(f"worker {number}, {when}", proportional_mb(pid), "MB"))


def _many_tabs(topic: Topic, browser: Browser, server: Server, labs: list[str], *, seconds: float) -> None:
    contexts = [browser.new_context(viewport=SCREEN) for _ in range(TABS)]
    for context in contexts:
        context.add_init_script(PROBE)
    pages = [context.new_page() for context in contexts]
    for number, page in enumerate(pages):
        page.goto(f"{server.url}/{labs[number % len(labs)]}", wait_until="domcontentloaded")
    for page in pages:
        until_ready(page)
        page.get_by_text("Play", exact=True).first.click()
    pages[0].wait_for_timeout(1_000 * seconds)
    _memory(topic, server, f"{TABS} tabs playing")
    for context in contexts:
        context.close()


def measure(labs: list[str], *, quick: bool) -> tuple[str, list[Topic]]:
    """The version of Chromium, and what it saw.  Labs without a page are left out."""
    labs = [slug for slug in labs if (ROOT / "pages" / f"{slug}.py").exists()]
    seconds, heap_seconds = (4.0, 18.0) if quick else (8.0, 60.0)
    starting = Topic(
        "Starting",
        "`streamlit run app.py`, then Chromium at its address. First content is the time from the request to the "
        f"document and its first line of text, on a server that has been visited; medians of {CLICKS} visits. A "
        "picture is there when a canvas of the page shows more than one colour.",
    )
    fluency = Topic(
        "Watching",
        f"Default presets in Chromium, {SCREEN['width']}x{SCREEN['height']}, one visitor, curves open, at the speed "
        "that the page starts with. A frame is shown when the text of the step counter changes. The way from Play to "
        "the first changed frame is timed in the browser, from the click to the animation frame with another step; "
        f"median of {CLICKS}. A stall is the time between two animation frames. The heap is measured {HEAPS} times "
        f"in a minute of one run, on {len(HEAP_OF)} pages, each time after collecting garbage; what is left of "
        "drawings comes and goes, so growth is the lowest of the later half less the lowest of the first.",
    )
    playground = Topic(
        "The network of TensorFlow Playground, on screen", "As above, read from the page's step counter."
    )
    answers = Topic(
        "Answers",
        "What is changed by hand: from the last key to the first animation frame with another picture, through "
        "browser, server, worker and back. Medians.",
    )
    learned = Topic(
        "Lessons",
        "Seconds from Play until the lesson's phenomenon is on screen and the page says what happened and why: the "
        "time that its run takes, drawn and shared with the browser. The tests hold what each lesson claims.",
    )
    promised = Topic(
        "What a lab promises",
        "Seconds from Play until the metrics of the page, which it draws at its own speed meanwhile, say that it has "
        "happened; which step that was is read from the table of metrics that the page gives to take home.",
    )
    memory = Topic("Memory", "Proportional set size: what a process shares with others counts in parts.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        with Server() as server:
            print("the app in Chromium", flush=True)
            _starting(starting, browser, server, labs)
            for slug in labs:
                with visit(browser, f"{server.url}/{slug}") as page:
                    _fluency(fluency, page, slug, seconds=seconds, heap_seconds=heap_seconds)
            if "neural_network" in labs:
                for seeds, target in ((1, 180.0), (64, 8_000.0)):
                    _on_screen(playground, browser, server, seeds=seeds, target=target, seconds=seconds)
            _answers(answers, browser, server, labs)
            phenomena.measure(promised, browser, server, labs)
            _lessons(learned, browser, server, labs)
            _memory(memory, server, "after all of this")
            _many_tabs(memory, browser, server, labs, seconds=5 if quick else 10)
        version = browser.version
        browser.close()
    return version, [
        topic for topic in (starting, fluency, answers, promised, learned, playground, memory) if topic.rows
    ]
