"""For whoever watches over a server: `/healthz` says whether it is well, `/metrics` how it fares, for Prometheus.

What web processes do is counted here as it happens.  The pool tells the rest when it is asked for, and asks no bench.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from engine import runs
from engine.live import protocol
from engine.runs.run import PoolError
from engine.runs.token import token
from engine.runs.vitals import BOUNDS, Vitals, Work

log = logging.getLogger("playground")
CODES = (protocol.UNKNOWN, protocol.ORIGIN, protocol.MANY, protocol.LARGE, protocol.PACE)

disable_created_metrics()  # a further series for each counter, of which nobody asks
REGISTRY = CollectorRegistry()
sockets = Gauge("playground_sockets", "Sockets of runs that are open in this web process.", registry=REGISTRY)
_closed = Counter(
    "playground_sockets_closed", "Sockets of runs that this web process has refused or closed, by the code it gave.",
    ["code"], registry=REGISTRY,
)  # fmt: skip
_messages = Counter(
    "playground_messages_sent", "Messages sent on sockets of runs: pictures, and texts that say how a run is.",
    ["kind"], registry=REGISTRY,
)  # fmt: skip
_bytes = Counter("playground_sent_bytes", "Bytes of these messages.", ["kind"], registry=REGISTRY)
pages = Gauge("playground_pages", "Pages of Streamlit that are open, of this web process.", registry=REGISTRY)
_refused = Counter(
    "playground_requests_refused", "Pages, uploads and runs of slides that this web process has refused.",
    ["what", "status"], registry=REGISTRY,
)  # fmt: skip
_KINDS = {kind: (_messages.labels(kind), _bytes.labels(kind)) for kind in ("picture", "text")}
for _code in CODES:  # each is there from the start: a rate can be taken of the first one too
    _closed.labels(_code)
ProcessCollector(registry=REGISTRY)  # memory, processor time and open files of this process, under their usual names


def sent(payload: bytes | str) -> None:
    """A message has been sent on the socket of a run.  Texts are ASCII."""
    messages, size = _KINDS["text" if isinstance(payload, str) else "picture"]
    messages.inc()
    size.inc(len(payload))


def closed(code: int) -> None:
    """The socket of a run has been refused or closed by us."""
    _closed.labels(code).inc()


def refused(what: str, status: int) -> None:
    """A page, an upload, or the run of a slide has been refused, with this HTTP status or code of a socket."""
    _refused.labels(what, status).inc()


class _Pool(Collector):
    """What the pool of this process tells of itself, whenever it is asked for."""

    def collect(self) -> Iterator[Metric]:
        pool = runs.started()
        if pool is None:
            return
        yield _gauge("playground_viewers", "Sockets on which somebody steers a run, or only watches it.", ("may",),
                     {(may,): pool.viewers()[may] for may in ("steer", "watch")})  # fmt: skip
        try:
            vitals, up = pool.vitals(), 1
        except PoolError as error:  # it lives elsewhere, and does not answer
            log.warning("The pool does not say how it fares: %s", error)
            vitals, up = None, 0
        yield _gauge("playground_pool_up", "Whether the pool says how it fares.", (), {(): up})
        if vitals is not None:
            yield from _families(vitals)


REGISTRY.register(_Pool())


def _families(vitals: Vitals) -> Iterator[Metric]:
    yield _gauge("playground_runs", "Runs there are, by lab and status.", ("lab", "status"), vitals.runs)
    waiting = sum(count for (_, status), count in vitals.runs.items() if status == "waiting")
    yield _gauge("playground_runs_waiting", "Runs that wait for a place.", (), {(): waiting})
    yield _gauge("playground_places", "Runs that the workers may hold.", (), {(): vitals.places})
    yield _gauge("playground_places_taken", "Runs that the workers hold.", (), {(): vitals.taken})

    worker, benches = ("worker",), {(str(place),): bench for place, bench in vitals.benches.items()}
    answers = {place: int(bench.answers) for place, bench in benches.items()}
    yield _gauge("playground_worker_up", "Whether a worker has given a sign of life lately.", worker, answers)
    silent = {place: bench.silent for place, bench in benches.items()}
    yield _gauge(
        "playground_worker_silence_seconds", "Time since a worker's last sign of life, which a long step delays.",
        worker, silent,
    )  # fmt: skip
    memory = {place: 1e6 * bench.resident_mb for place, bench in benches.items() if bench.resident_mb is not None}
    yield _gauge("playground_worker_memory_bytes", "Resident memory of a worker.", worker, memory)
    restarts = {(place, why): vitals.restarts[int(place), why] for (place,) in benches for why in ("lost", "hung")}
    yield _counter(
        "playground_worker_restarts", "Workers that were replaced, since they were lost or hung.",
        ("worker", "reason"), restarts,
    )  # fmt: skip
    steps = {(slug,): count for slug, count in vitals.work.steps.items()}
    yield _counter("playground_steps", "Steps that runs have trained; a replay trains none.", ("lab",), steps)
    yield _drawing(vitals.work)
    yield _counter(
        "playground_uploads", "What visitors brought to be read, by its kind and what became of it.",
        ("kind", "outcome"), vitals.reads,
    )  # fmt: skip


Values = Mapping[tuple[str, ...], float]  # by what the labels say


def _gauge(name: str, says: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(name, says, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _counter(name: str, says: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(name, says, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _drawing(work: Work) -> Metric:
    family = HistogramMetricFamily(
        "playground_picture_drawing_seconds",
        "Time that a worker took to draw one picture, from its frame to its bytes; its way to browsers is not counted.",
    )
    buckets, total = [], 0
    for place, name in enumerate([*map(str, BOUNDS), "+Inf"]):
        total += work.drawn[place]
        buckets.append((name, total))
    family.add_metric((), buckets, work.drawing)
    return family


# ---------------------------------------------------------------------- routes


def health(base: str) -> Mount | Route | WebSocketRoute:
    """Whether the server is well, below `base`."""
    return Route(f"{base}/healthz", _health)


def metrics(base: str) -> Mount | Route | WebSocketRoute:
    """How the server fares, below `base`."""
    return Route(f"{base}/metrics", _metrics)


_FRESH = {"Cache-Control": "no-store"}


async def _health(request: Request) -> Response:
    """200 if a worker has given a sign of life lately, else 503 with a sentence.

    A coroutine, unlike `_metrics`: it waits for nobody, and must be answered where every thread waits for a worker.
    """
    pool = runs.started()
    if pool is not None and pool.answering():
        return JSONResponse({"healthy": True}, headers=_FRESH)
    said = "The playground is starting, or it ends."
    if pool is not None:
        said = "No worker answers: each is starting, or has been at work on one thing for too long."
    return JSONResponse({"healthy": False, "message": said}, status_code=503, headers=_FRESH)


def _metrics(request: Request) -> Response:
    """Every number, for whoever says the token; where there is none, nobody is told that there are any."""
    wanted = token()
    if wanted is None:
        return PlainTextResponse("There is nothing here.", status_code=404, headers=_FRESH)
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(said.strip().encode(), wanted.encode()):
        return PlainTextResponse(
            "Say the token of this server.", status_code=401, headers={**_FRESH, "WWW-Authenticate": "Bearer"}
        )
    encode, form = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={**_FRESH, "Content-Type": form})
