"""Two processes behind nginx, and one pool of benches on a Ray cluster: one that dies is not missed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from cluster import NODE
from nginx import BASE, certificate, nginx
from playwright.sync_api import Browser
from ray.cluster_utils import Cluster
from sockets import Socket, run
from visitor import Server, serve, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
SLUG = "gradient_descent"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with certificate(tmp_path_factory.mktemp("certificate")) as file:
        yield file


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster: its head, which trains nothing, and a machine that does."""
    there = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    there.add_node(**NODE)
    yield there.address
    there.shutdown()


@pytest.fixture
def servers(cluster: str, tmp_path: Path) -> Iterator[list[Server]]:
    data = str(tmp_path / "data")
    settings = {"STREAMLIT_SERVER_BASE_URL_PATH": BASE, "RAY_ADDRESS": cluster, "PLAYGROUND_DATA": data}
    with (
        serve(tmp_path / "one.txt", asgi="app:app", **settings) as one,
        serve(tmp_path / "two.txt", asgi="app:app", **settings) as two,
    ):
        yield [one, two]


def sockets(server: Server) -> int:
    """How many connections to this process are open; nginx keeps none but for sockets."""
    ended = f":{urlsplit(server.address).port:04X}"
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    return sum(here.endswith(ended) and state == "01" for _, here, _, state, *_ in map(str.split, lines))


async def stage(server: Server, run_id: str, step: int) -> list[np.ndarray]:
    """What somebody sees of a run at a step who comes to this process."""
    socket = await Socket.to(server.address, run_id)
    await socket.hello()
    seen = await socket.until(lambda message: message.get("part") == "stage" and message["step"] == step)
    await socket.close()
    return seen["values"]


def test_a_visitor_whose_process_dies_goes_on_with_the_same_run_on_the_other(
    browser: Browser, made: Path, servers: list[Server]
) -> None:
    with (
        nginx(made, *(server.address for server in servers)) as address,
        visit(browser, address, ignore_https_errors=True) as visitor,
    ):
        visitor.open(SLUG, seed="3")
        visitor.speed("30 steps/s")
        at, run_id = visitor.play_to(3), visitor.link["run"]
        (there,) = [server for server in servers if sockets(server)]
        (other,) = [server for server in servers if server is not there]
        here, elsewhere = (run(stage(server, run_id, at)) for server in (there, other))
        assert len(here) == len(elsewhere) and all(map(np.array_equal, here, elsewhere))

        visitor.play()
        there.stop(signal.SIGKILL)
        visitor.until(lambda: sockets(other), "the page to come to the other process")
        stood = visitor.step_number()
        visitor.until(lambda: visitor.step_number() > stood, "the run to go on")
        visitor.pause()
        assert visitor.link["run"] == run_id and visitor.notices() == [] and visitor.step_number() > at
        stood = visitor.step_number()

        visitor.problems.clear()  # meanwhile the browser told of a server that was not there
        there.start()
        visitor.until(lambda: visitor.reload() or sockets(there), "the page to be back where it belongs")
        assert visitor.link["run"] == run_id and visitor.step_number() == stood
        visitor.step()
