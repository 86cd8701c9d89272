"""Two processes of the playground behind nginx, each with workers of its own: who belongs where, and one that dies.

With Ray a run outlives the process that showed it.  Without it, as here, its visitors are told, and go on elsewhere.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from nginx import BASE, ask, certificate, nginx
from playwright.sync_api import Browser
from visitor import Server, serve, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
SLUG = "gradient_descent"
SETTINGS = {"STREAMLIT_SERVER_BASE_URL_PATH": BASE, "PLAYGROUND_WORKERS": "1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with certificate(tmp_path_factory.mktemp("certificate")) as file:
        yield file


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """By uvicorn, as deploy/README.md advises for several: its port is not open before it can answer."""
    folder = tmp_path_factory.mktemp("servers")
    with (
        serve(folder / "one.txt", asgi="app:app", **SETTINGS) as one,
        serve(folder / "two.txt", asgi="app:app", **SETTINGS) as two,
    ):
        yield [one, two]


def holds(server: Server, run: str) -> bool:
    """Whether a run is with this process, which is asked past nginx."""
    return ask(server.address, f"/watch/{run}")[0] == 200


def test_who_was_with_a_process_that_dies_is_told_so_and_goes_on_with_the_other(
    browser: Browser, made: Path, servers: list[Server]
) -> None:
    with (
        nginx(made, *(server.address for server in servers)) as address,
        visit(browser, address, ignore_https_errors=True) as visitor,
    ):
        visitor.open(SLUG, seed="3")
        visitor.play_to(3)
        run = visitor.link["run"]
        (there,) = [server for server in servers if holds(server, run)]
        (other,) = [server for server in servers if server is not there]
        for _ in range(3):  # page, files, both sockets: all of it leads to the same process
            visitor.reload()
            assert visitor.link["run"] == run and visitor.step_number() >= 3
        there.stop(signal.SIGKILL)
        visitor.until(lambda: visitor.link["run"] != run, "a run on the other process")
        visitor.canvases.first.wait_for()
        visitor.until(lambda: visitor.step_number() == 0, "its beginning")
        (notice,) = visitor.notices()
        assert "not here any more. This is a new one" in notice
        assert holds(other, visitor.link["run"]) and visitor.link["seed"] == "3"
        visitor.problems.clear()  # meanwhile the browser told of a server that was not there
        visitor.step()
