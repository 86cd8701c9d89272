"""What tests share: one torch thread, one browser and one running server for each test process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from plain_page import PlainPage, plain_page
from playwright.sync_api import Browser, expect, sync_playwright
from visitor import PATIENCE

import engine

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_ARGS = [
    "--no-sandbox",  # Chromium's own sandbox does not start as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVER_LOG = pytest.StashKey[Path]()

hypothesis.settings.register_profile("ci", deadline=None, max_examples=25)  # no deadline: a busy machine is no failure
hypothesis.settings.register_profile("truths", deadline=None, max_examples=300)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
os.environ.setdefault("PLAYGROUND_ANSWER_TIMEOUT", "60")  # seconds: an idle worker imports the labs, each in one go
expect.set_options(timeout=1000 * PATIENCE)  # Playwright gives up after five seconds
torch.set_num_threads(1)  # as in the workers, and so that sums are added up in one order everywhere


def _chromium() -> str:
    """The path of a Chromium or Chrome; the names are those that the Makefile looks for."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    pytest.fail("There is no Chromium or Chrome: install one, or set CHROMIUM to its path.")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium.  Open a page with ``browser.new_page()`` and close it.

    Playwright keeps an event loop running in this thread: ``asyncio.run`` fails in tests that come after.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def plain(browser: Browser) -> Iterator[PlainPage]:
    """One plain page that draws scenes.  Begin with ``plain.clear()``, and look at ``plain.problems`` at the end."""
    with plain_page(browser) as page:
        yield page


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 120  # all labs are imported first, here and in the workers
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    state = f"ended with status {process.returncode}" if process.poll() is not None else "was not healthy within 120 s"
    process.kill()
    process.wait()
    pytest.fail(f"The server {state}.")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the whole app, as a visitor would start it, with one worker process.

    Its log is shown below each test that uses it and fails.  SIGTERM must end it.
    """
    log = tmp_path_factory.mktemp("server") / "log.txt"
    request.config.stash[SERVER_LOG] = log
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    environment = {"PLAYGROUND_WORKERS": "1", **os.environ}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command + options, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    _wait_until_healthy(process, url)
    yield url
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail(f"The server did not end within 60 s of SIGTERM:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="session")
def server_log(server: str, request: pytest.FixtureRequest) -> Path:
    """What that server has said."""
    return request.config.stash[SERVER_LOG]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the end of the server's log below a failed test that used the server."""
    report = yield
    if report.failed and "server" in getattr(item, "fixturenames", ()) and SERVER_LOG in item.config.stash:
        lines = item.config.stash[SERVER_LOG].read_text(encoding="utf-8").splitlines()
        report.sections.append(("end of the server's log", "\n".join(lines[-60:])))
    return report


# ------------------------------------------------------------------ what concerns one lab, and what it costs

CI_SEEDS = 2  # of a slow claim over seeds; the others belong to `make truths`
BUDGET = 25.0  # CPU seconds of a lab's tests that are fast, and as many again of its slow ones
SPENT = pytest.StashKey[dict[tuple[str, str], float]]()
BEGAN = pytest.StashKey[float]()
LABS = frozenset(engine.labs())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lab", default="", help="only the tests that concern this lab")


def _lab(item: pytest.Item) -> str:
    """The lab that a test is about: its folder says so, or its parameter; else ``""``."""
    if item.path.parent.parent == ROOT / "tests" / "labs":
        return item.path.parent.name
    values = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    return next((v for v in values if isinstance(v, str) and v in LABS), "")


def _waits(item: pytest.Item) -> bool:
    """Whether it waits more than it computes: for a cluster, or for guests to have come and gone."""
    return item.get_closest_marker("xdist_group") is not None or item.path.name == "test_soak.py"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of one file, and of one lab in a file over all labs, run in one process: they share what was trained.

    Those that mostly wait begin first, while others have something to do, and not one core alone at the end.
    """
    items.sort(key=_waits, reverse=True)
    if wanted := config.getoption("--lab"):
        if wanted not in LABS:
            raise pytest.UsageError(f"--lab {wanted}: there is no such lab; choose one of {', '.join(sorted(LABS))}")
        others = [item for item in items if _lab(item) != wanted]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _lab(item) == wanted]
    for item in items:
        seed = item.callspec.params.get("seed", 0) if hasattr(item, "callspec") else 0
        if item.get_closest_marker("slow") and isinstance(seed, int) and seed >= CI_SEEDS:
            item.add_marker(pytest.mark.truths)
        if item.get_closest_marker("xdist_group"):  # it shares something with tests of other files
            continue
        file = item.path.relative_to(ROOT / "tests").as_posix()
        item.add_marker(pytest.mark.xdist_group(file if file.startswith("labs/") else f"{file} {_lab(item)}".strip()))


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[BEGAN] = _cpu()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    yield
    speed = "slow" if item.get_closest_marker("slow") else "fast"
    item.user_properties.append(("spent", (_lab(item), speed, _cpu() - item.stash[BEGAN])))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SPENT] = {}
    config.pluginmanager.register(_Account(config), "what tests cost")


class _Account:
    """Adds up what the tests of each lab took, in whichever process they ran."""

    def __init__(self, config: pytest.Config) -> None:
        self.spent = config.stash[SPENT]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for lab, speed, seconds in (value for name, value in report.user_properties if name == "spent"):
                self.spent[lab, speed] = self.spent.get((lab, speed), 0.0) + seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("CPU seconds of a lab's tests, fast and slow")
        for lab in sorted({lab for lab, _ in self.spent}):
            fast, slow = (self.spent.get((lab, speed), 0.0) for speed in ("fast", "slow"))
            over = f"  more than its {BUDGET:g}" if lab and max(fast, slow) > BUDGET else ""
            terminalreporter.write_line(f"{lab or 'shared':24}{fast:7.1f}{slow:7.1f}{over}")
