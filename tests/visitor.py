"""What a visitor does and sees, in words: a page of the running app in a real browser.

>>> with visit(browser, server) as visitor:
...     visitor.open("neural_network", seed="3")
...     visitor.play()
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize

ROOT = Path(__file__).resolve().parent.parent
START = 120.0  # seconds until a server answers: it imports all labs first, here and in its workers
PATIENCE = 90.0  # seconds until something that must happen counts as not happening, on a busy machine too
VIEWPORT: ViewportSize = {"width": 1400, "height": 1000}
# Below a deep link Streamlit's script asks first beside the page where its server is, is refused, and then asks above.
PROBES = re.compile(r"/[a-z_]+/_stcore/(health|host-config)$")
# What a console says that is not ours, each with whose it is.
FOREIGN = (
    # Plotly's, of its own canvas.
    re.compile(r"^Canvas2D: Multiple readback operations using getImageData"),
    # Chromium's, where it has no graphics card.
    re.compile(r"^\[\.WebGL-\w+\]\s?GL Driver Message .* GPU stall due to ReadPixels"),
)
# What hover draws and what a visitor picks must not be in a picture that is compared.
PICTURES = """(canvases) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(canvases.map((canvas) => `${canvas.width}x${canvas.height} ${canvas.toDataURL()}`)))))"""
# The value of every widget: sliders, boxes to type in, buttons that stay down, switches.
VALUES = """(knobs) => [...knobs.querySelectorAll('[role=slider], input, [aria-checked], [aria-pressed]')].map((w) => {
  const said = ['aria-valuetext', 'aria-checked', 'aria-pressed'].map((name) => w.getAttribute(name)).find(Boolean);
  const knob = w.closest('[class*=st-key]').className.match(/st-key-([^ ]+)/)[1];
  return `${knob}: ${said ?? (w.type === 'checkbox' ? w.checked : w.value)}`;
})"""
# What the policy of a page does not allow it to load or to run.
REFUSED = """addEventListener('securitypolicyviolation', (event) => console.error(
  `The policy of ${event.documentURI} refuses ${event.blockedURI} as ${event.effectiveDirective}: ${event.sample}`))"""
# As if the tab had been here before, and "All" of the pictures had been pressed: see assets/live/front.js.
UNFOLDED = """try { sessionStorage.setItem('playground.tabs', JSON.stringify({ [location.pathname]: ['*'] })) }
  catch { /* a frame that may keep nothing */ }"""
ICON = re.compile(r"[a-z_]+")  # the name of a symbol, which a font draws
T = TypeVar("T")


def described(panel: Locator) -> str:
    """What a panel says to those who cannot see it."""
    return panel.locator("canvas").get_attribute("aria-description") or ""


class Visitor:
    """One browser tab.  `problems` holds errors and warnings in its console, what the policy of a page refused, and
    who else was asked for something.
    """

    def __init__(self, page: Page, address: str, *, folded: bool = False) -> None:
        self.page, self.address, self.slug = page, address, ""
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: self.problems.append(f"{error}\n{error.stack}"))
        page.on("console", lambda said: self._said(said.type, said.text, said.location.get("url", "")))
        page.on("response", lambda answer: self._answered(answer.status, answer.url))
        page.on("request", lambda asked: self._asked(asked.url))
        page.on("websocket", lambda socket: self._asked(socket.url))
        page.add_init_script(REFUSED)
        if not folded:
            page.add_init_script(UNFOLDED)

    def _said(self, kind: str, text: str, url: str) -> None:
        if kind in ("error", "warning") and not PROBES.search(url) and not any(known.search(text) for known in FOREIGN):
            self.problems.append(f"{kind}: {text} ({url})")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and not PROBES.search(url):
            self.problems.append(f"{status} for {url}")

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("blob", "data") and urlsplit(url).netloc != urlsplit(self.address).netloc:
            self.problems.append(f"asked elsewhere: {url}")

    # ------------------------------------------------------------------ arriving

    def open(self, slug: str, *, drawn: bool = True, **params: str) -> None:
        """Arrive at a page by its link, and wait until its first picture is there."""
        self.follow(f"{self.address}/{slug}" + (f"?{urlencode(params)}" if params else ""), drawn=drawn)

    def follow(self, link: str, *, drawn: bool = True) -> None:
        self.slug = urlsplit(link).path.rsplit("/", 1)[-1]
        self.page.goto(link)
        self.arrive(drawn=drawn)

    def arrive(self, *, drawn: bool = True) -> None:
        self.page.get_by_test_id("stHeading").first.wait_for()
        if drawn:
            self.canvases.first.wait_for()
            self.step_number()

    def reload(self) -> None:
        self.page.reload()
        self.arrive()

    @property
    def link(self) -> dict[str, str]:
        """The knobs and keys in the address bar."""
        return dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))

    def key(self, name: str) -> Locator:
        """What the app calls `name` on this page: `play`, `timeline`, a knob."""
        return self.page.locator(f".st-key-{self.slug}-{name}")

    def panel(self, title: str) -> Locator:
        """The panel whose title, or what else is written on it, says `title`."""
        return self.page.locator("section.panel", has_text=title).first

    def button(self, label: str) -> Locator:
        end = "$" if label in ("Play", "Step") else r"(\s|$)"  # others are "Play to the moment", "Step D"
        return self.page.get_by_role("button", name=re.compile(rf"(^|\s){re.escape(label)}{end}"))

    # ----------------------------------------------------------------- the player

    def play(self) -> None:
        self.button("Play").click()
        self.button("Pause").wait_for()

    def pause(self) -> None:
        self.button("Pause").click()
        self.button("Play").wait_for()
        self.settle()

    def play_to(self, step: int) -> int:
        """Play until at least `step`, pause, and return the step where it stands."""
        self.play()
        self.until(lambda: self.step_number() >= step, f"step {step}")
        self.pause()
        return self.step_number()

    def step(self) -> None:
        before = self.step_number()
        self.button("Step").click()
        self.until(lambda: self.step_number() != before, "a step")
        self.settle()

    def reset(self) -> None:
        self.button("Reset").click()
        self.until(lambda: self.step_number() == 0, "step 0")
        self.settle()

    def speed(self, name: str) -> None:
        self.key("transport").get_by_label("Speed").select_option(name)

    def step_text(self) -> str:
        return self.page.locator(".st-key-step").inner_text()

    def step_number(self) -> int:
        """The number in the step counter; the text around it is a lab's own."""
        found = self.until(lambda: re.search(r"\s([\d,]+)( |$)", self.step_text()), "a step counter")
        return int(found[1].replace(",", ""))

    def seek(self, step: int) -> None:
        """Drag the timeline to `step`."""
        timeline = self.key("timeline").locator("input[type=range]")
        timeline.evaluate(
            "(t, step) => { t.value = step; t.dispatchEvent(new Event('input', { bubbles: true })); }", step
        )
        self.until(lambda: self.step_number() == step, f"the moment of step {step}")
        self.settle()

    # ------------------------------------------------------------------ what is seen

    @property
    def canvases(self) -> Locator:
        """The panels on the stage."""
        return self.key("stage").get_by_role("img")

    @property
    def curves(self) -> Locator:
        """The panels of curves below the stage."""
        return self.page.locator("section.panel.curves canvas")

    def pictures(self, canvases: Locator | None = None) -> list[str]:
        """Size and digest of the pixels of every panel on the stage, as they are after the next animation frame."""
        self.page.mouse.move(2, 2)
        drawn = (canvases or self.canvases).evaluate_all(PICTURES)
        return [f"{text.split(' ')[0]} {hashlib.sha256(text.encode()).hexdigest()[:12]}" for text in drawn]

    def still(self) -> list[str]:
        """`pictures`, when they no longer change."""

        def unchanged() -> list[str]:
            before = self.pictures()
            self.page.wait_for_timeout(300)
            return before if before and before == self.pictures() else []

        return self.until(unchanged, "the pictures to stand still")

    def values(self) -> list[str]:
        """What every widget among the knobs is set to."""
        found: list[str] = self.page.locator(".st-key-knobs").evaluate(VALUES)
        return found

    def notices(self) -> list[str]:
        """Every line in a coloured box, but for the hint where curves will be, and below the timeline."""
        boxes = self.page.get_by_test_id("stAlert").filter(has_not_text="Press Play: ")
        said = self.page.locator(".live .notice").all_inner_texts()
        lines = [line for text in boxes.all_inner_texts() for line in text.splitlines()]
        return [line for line in lines if line and not ICON.fullmatch(line)] + [text for text in said if text]

    def tracebacks(self) -> int:
        return self.page.get_by_test_id("stException").count()

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        wide: int = self.page.evaluate(
            "() => Math.max(...[document.scrollingElement, ...document.querySelectorAll('[data-testid=stMain]')]"
            ".map((e) => e.scrollWidth - e.clientWidth))"
        )
        return wide

    def open_groups(self, until: str = "") -> None:
        """Open every group of knobs, or one after the other until the knob `until` is there."""
        closed = self.page.locator(".st-key-knobs details:not([open]) > summary")
        self.settle()
        while (left := closed.count()) and not (until and self.key(until).count()):
            opened = self.page.locator(".st-key-knobs details[open]")
            drawn = opened.locator("[class*=st-key-]").count()
            closed.first.evaluate("(summary) => summary.click()")  # a click of the mouse waits until nothing glides
            self.until(lambda left=left: closed.count() < left, "a group of knobs to open")
            self.until(lambda before=drawn, now=opened: now.locator("[class*=st-key-]").count() > before, "its knobs")
            self.settle()

    def turn(self, knob: str, *, key: str = "ArrowRight") -> str:
        """Move the slider of `knob` by one stop, and return what it then says."""
        slider = self.key(knob).get_by_role("slider")
        before = slider.get_attribute("aria-valuetext")
        slider.focus()
        slider.press(key)
        self.until(lambda: slider.get_attribute("aria-valuetext") != before, f"{knob} to change")
        return slider.get_attribute("aria-valuetext") or ""

    # ------------------------------------------------------------- taking it home

    def share(self) -> str:
        """Open "Link and export" and return the link."""
        self.settle()  # it opens where the button is at that moment
        self.button("Link and export").click()
        return self.page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first.inner_text().strip()

    def download(self, label: str, file: Path) -> Path:
        """Press a button under "Link and export", which is open, and save what comes as `file`."""
        with self.page.expect_download() as coming:
            self.page.get_by_test_id("stPopoverBody").get_by_role("button", name=label).click()
        coming.value.save_as(file)
        return file

    # --------------------------------------------------------------------- waiting

    def settle(self) -> None:
        """Wait until the server has sent all that belongs to what was last done.  The run must be paused."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        self.page.locator(".live[data-behind=true]").wait_for(state="detached")

    def until(self, true: Callable[[], T], what: str) -> T:
        """Wait until `true()` is true, and return it."""
        end = time.monotonic() + PATIENCE
        while not (found := true()):
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE:g} s for {what}; the page says:\n{self.said()}")
            self.page.wait_for_timeout(50)
        return found

    def said(self) -> str:
        return " ".join(self.page.locator("body").inner_text().split())[:700]


@contextlib.contextmanager
def part(name: str) -> Iterator[None]:
    """A part of a journey: what is said if something in it fails begins with `name`."""
    try:
        yield
    except Exception as error:
        error.args = (f"{name}: {error}", *error.args[1:])
        raise


@contextlib.contextmanager
def visit(browser: Browser, address: str, *, folded: bool = False, **context: Any) -> Iterator[Visitor]:
    """A visitor with a profile of their own.  At the end their console must be free of errors.

    They have opened every picture of a stage, unless they come for the first time: `folded`.
    They ask for reduced motion: what would move by itself stands still, so that pictures can be compared.
    """
    wishes = {"viewport": VIEWPORT, "color_scheme": "light", "reduced_motion": "reduce", **context}
    with _profile(browser, address, wishes) as own:
        visitor = Visitor(own.new_page(), address, folded=folded)
        yield visitor
        assert visitor.problems == [], visitor.problems


_FREE: dict[str, list[BrowserContext]] = {}  # contexts in which nobody is, by what was wished of them


@contextlib.contextmanager
def _profile(browser: Browser, address: str, wishes: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser context without cookies, storage or tabs; of those before it has only what Chromium had fetched and
    compiled, since that is more than half of the work of a first page.
    """
    free = _FREE.setdefault(repr(sorted(wishes.items())), [])
    own = free.pop() if free else browser.new_context(**wishes)
    try:
        yield own
        tab = own.new_page()
        for page in own.pages:
            if page is not tab:
                page.close()
        own.clear_cookies()
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        wipe = own.new_cdp_session(tab)
        wipe.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        tab.close()
    except BaseException:
        own.close()
        raise
    free.append(own)


# --------------------------------------------------------------------- a server of one's own


class Server:
    """The whole app, or another, with settings of its own, in a process group of its own.

    It is started in `folder`, by Streamlit's command or, if `asgi` names an ASGI app such as "app:app", by uvicorn.
    `address` ends with STREAMLIT_SERVER_BASE_URL_PATH.
    """

    def __init__(
        self, log: Path, *, folder: Path = ROOT, asgi: str = "", app: Path = ROOT / "app.py", **environment: str
    ) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        base = environment.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
        self.address, self.log = f"http://127.0.0.1:{port}/{base}".rstrip("/"), log
        if asgi:
            command = ["uvicorn", asgi, f"--app-dir={ROOT}", f"--port={port}", "--host=127.0.0.1"]
        else:
            command = ["streamlit", "run", str(app), f"--server.port={port}", "--server.address=127.0.0.1",
                       "--server.headless=true"]  # fmt: skip
        self._how: dict[str, Any] = {
            "args": [sys.executable, "-m", *command], "cwd": folder, "env": {**os.environ, **environment},
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it; once more, at the same address, where it has ended."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                **self._how, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(self._healthy, "the server to answer", START)

    def _healthy(self) -> bool:
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def workers(self) -> list[int]:
        """Process ids of the children, which are the workers."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return sorted(int(pid) for threads in children for pid in threads.read_text(encoding="utf-8").split())

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=PATIENCE)


@contextlib.contextmanager
def serve(
    log: Path, *, folder: Path = ROOT, asgi: str = "", app: Path = ROOT / "app.py", **environment: str
) -> Iterator[Server]:
    """A server of one's own, which is stopped at the end."""
    server = Server(log, folder=folder, asgi=asgi, app=app, **environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def wait_until(true: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Wait until `true()` is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)
    return found


def alive(pid: int) -> bool:
    """Whether a process is running; one that has ended and is not yet reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
