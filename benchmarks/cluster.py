"""The class of `benchmarks.class_load` on a cluster: nginx, two web processes, and benches on Ray.

Every row has a cluster of its own, set up as in deploy/cluster.yaml: Ray's head with the desk on one node, and a node
with a bench for each core.  All of it is on this machine and shares its cores, which the clients share too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

# Before Ray is imported: what it sends home is nothing, and all of it is on this machine alone, as on macOS.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

import pytest
from ray.cluster_utils import Cluster

from benchmarks import desk
from benchmarks.class_load import MIXED, ONE, Sitting, attended, bare_costs, class_rows, name
from benchmarks.report import Row, Topic
from benchmarks.server import ROOT, STOPPED, Server, descendants, lives, proportional_mb
from engine.runs.cores import cores

sys.path.append(str(ROOT / "tests"))
from nginx import certificate, nginx  # as the tests of deploy/ start it

SIZES = (10, 25, 50)  # on one lab; the largest also on five
WEBS = 2
NODE = {"object_store_memory": 100_000_000, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
# What a process is, by the first of these that its command line says.
KINDS = {
    "nginx: ": "nginx",
    "ray::Seat": "workers",
    "ray::Desk": "desk",
    "gcs_server": "GCS",
    "/raylet/raylet ": "raylets",
    "default_worker.py": "",  # one that Ray keeps ready, and ends when it likes
    "ray::IDLE": "",
    "ray::": "the rest of Ray",
    "/ray/": "the rest of Ray",
}
SERVING = ("web", "workers")  # what `class_rows` tells of
TOGETHER = 120.0  # seconds until every bench is there


class Hall:
    """All that serves: its address, its processes and who sits where."""

    def __init__(self, url: str, webs: Sequence[Server]) -> None:
        self.url, self._webs = url, webs

    def parts(self) -> dict[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for pid, command in sorted(descendants(os.getpid()).items()):
            kind = next((kind for sign, kind in KINDS.items() if sign in command), "")
            if kind:
                found[kind].append(pid)
        return {"web": [web.process.pid for web in self._webs], **found}

    def wait(self) -> None:
        """Until there is a bench for each core, and the desk."""
        until = time.monotonic() + TOGETHER
        while len(self.parts().get("workers", ())) < cores():
            if time.monotonic() > until:
                raise RuntimeError(f"Of {cores()} benches some had not begun after {TOGETHER:.0f} s.")
            time.sleep(0.5)

    def spread(self) -> list[int]:
        """How many clients each web process has; each client has two sockets, and nginx keeps no other connection."""
        lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
        ends = [here for _, here, _, state, *_ in map(str.split, lines) if state == "01"]
        return [sum(here.endswith(f":{urlsplit(web.url).port:04X}") for here in ends) // 2 for web in self._webs]


@contextlib.contextmanager
def hall() -> Iterator[Hall]:
    """A cluster with its default limits, and what is in front of it; at the end nothing of it is left."""
    with contextlib.ExitStack() as until:
        patch = until.enter_context(pytest.MonkeyPatch.context())
        for variable in [each for each in os.environ if each.startswith("PLAYGROUND_") or each == "RAY_ADDRESS"]:
            patch.delenv(variable)  # nodes and actors would have it too
        made = until.enter_context(certificate(Path(until.enter_context(tempfile.TemporaryDirectory()))))
        address = until.enter_context(_cluster())
        webs = [until.enter_context(Server(roomy=False, asgi="app:app", RAY_ADDRESS=address)) for _ in range(WEBS)]
        url = until.enter_context(nginx(made, *(web.url for web in webs), base=""))
        serving = Hall(url, webs)
        serving.wait()
        yield serving


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    """The address of a cluster, which has ended with all its processes when this has."""
    there = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    try:
        there.add_node(**NODE, num_cpus=cores())
        yield there.address
    finally:
        pids = descendants(os.getpid())  # what a raylet has started is nobody's child when that has ended
        there.shutdown()
        until = time.monotonic() + STOPPED
        while (left := [pid for pid in pids if lives(pid)]) and time.monotonic() < until:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def _hall_rows(topic: Topic, who: str, serving: Hall, sitting: Sitting) -> None:
    """Who sat where, what each was sent, and what it took beside web processes and benches."""
    spread = serving.spread()
    note = " + ".join(map(str, spread)) + " clients"
    topic.add(Row(f"{who}: with the fuller web process, of all", max(spread) / max(1, sum(spread)), "", note=note))
    sent = sorted(sum(size for *_, size in each.pictures) / 1e3 / sitting.seconds for each in sitting.seen)
    note = f"{sent[0]:.0f} to {sent[-1]:.0f}; all of them {sum(sent) * 8 / 1e3:.1f} Mbit/s"
    topic.add(Row(f"{who}: sent to each", statistics.mean(sent), "kB/s", note=note))
    more = {part: sum(theirs) / sitting.seconds for part, theirs in sitting.used.items() if part not in SERVING}
    note = ", ".join(f"{part} {theirs:.3f}" for part, theirs in more.items())
    topic.add(Row(f"{who}: beside web processes and benches", sum(more.values()), "cores", note=note))
    memory = {part: [proportional_mb(pid) for pid in pids] for part, pids in serving.parts().items()}
    note = ", ".join(f"{part} {' + '.join(f'{each:.0f}' for each in theirs)}" for part, theirs in memory.items())
    topic.add(Row(f"{who}: memory of all of it", sum(map(sum, memory.values())), "MB", note=note))


def measure(labs: Sequence[str], *, quick: bool) -> list[Topic]:
    """A class on one lab and on five, of those that are in `labs`."""
    seconds = 5.0 if quick else 15.0
    topic = Topic(
        "A class on a cluster",
        f"The clients of *A class*, each with a cookie of its own, through nginx (the example in deploy/, with TLS) to "
        f"{WEBS} web processes, and {cores()} benches on Ray {version('ray')}: a node with its head and the desk, and "
        f"one with the benches, all on this machine. {seconds:g} s count, from 4 s after Play; each row has a cluster "
        "of its own with default limits. Clients, nginx, web processes and Ray's own share the cores with the benches: "
        "what they take is missing there, which it would not be on machines of their own. Possible is reckoned as "
        f"there. Memory is the proportional set size. What a call costs the desk was measured before, with {desk.RUNS} "
        f"runs of {desk.SLUG} that nobody plays.",
        beside="A class",
    )
    classes = [(ONE, SIZES[0])] if quick else [*((ONE, size) for size in SIZES), (MIXED, SIZES[-1])]
    classes = [(pages, size) for pages, size in classes if set(pages) <= set(labs)]
    if desk.SLUG in labs:
        with _cluster() as address:
            desk.measure(topic, address, calls=400 if quick else 2_000)
    costs = bare_costs(topic, classes)
    for pages, size in classes:
        who = name(pages, size)
        with hall() as serving, attended(serving, pages, count=size, seconds=seconds) as sitting:
            class_rows(topic, who, sitting, [costs[each.page] for each in sitting.seen])
            _hall_rows(topic, who, serving, sitting)
    return [topic] if topic.rows else []
