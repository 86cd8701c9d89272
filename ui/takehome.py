"""A run as one page of HTML, which plays from a disk: its moments are recorded while the browser waits for the file.

The recording lasts as long as the request: who cancels it, or leaves the page, gives its place back.  What is answered
are lines of JSON that say how far it is, ``{"done", "of", "said"}``, then ``{"name", "size", "moments", "last_step"}``
and the file itself; or ``{"refused"}`` with a sentence.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

from engine import runs
from engine.contract import registry
from engine.contract.described import describe
from engine.live import protocol
from engine.live.recording import Recorder
from engine.runs import story
from engine.runs.pool import PoolError
from engine.runs.records import GONE
from engine.scene import recorded
from ui.live import from_here
from ui.owner import name_of
from ui.words import capital

SOON = 0.01  # seconds between two questions whether a moment is there
TOLD = 0.25  # and between two lines at most: by the next one it is noticed that nobody waits any more
CHUNK = 256 * 1024  # bytes
LONGEST = 8_000  # characters of a link that is written on the page


def taking(base: str) -> Mount | Route | WebSocketRoute:
    """Where the browser asks for the file, below `base`."""
    return Route(f"{base}/takehome/{{run}}", _take, methods=["POST"])


async def _take(request: Request) -> Response:
    """The file of a run, for any browser: whoever may see a run may take it home, at the cost of a run of its own."""
    run_id, owner = request.path_params["run"], name_of(request)
    if not from_here(request):
        return _refused(403, "A run can be taken home from a page of this playground only.")
    if not owner:
        return _refused(403, "This browser takes no cookies, by which its runs are counted. Allow them for this site.")
    if not protocol.NAME.fullmatch(run_id) or await run_in_threadpool(runs.current().find, run_id) is None:
        return _refused(404, GONE)
    # A proxy that collects the answer first would show no progress.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    lines = _lines(run_id, owner, _home(request.headers.get("referer", "")))
    return StreamingResponse(lines, media_type="application/octet-stream", headers=headers)


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"message": sentence}, status_code=status)


def _home(referer: str) -> str:
    """The address of the playground, by that of the page that asks, which is one of its labs."""
    where = urlsplit(referer)
    return (
        f"{where.scheme}://{where.netloc}{where.path.rsplit('/', 1)[0]}/" if where.scheme in ("http", "https") else ""
    )


async def _lines(run_id: str, owner: str, home: str) -> AsyncIterator[bytes]:
    said_at, clock, recorder = 0.0, asyncio.get_running_loop().time, None
    try:
        with anyio.CancelScope(shield=True):  # who hangs up meanwhile has a copy to give back
            recorder = await run_in_threadpool(Recorder, runs.current(), run_id, owner)
        while not recorder.done:
            went_on = await run_in_threadpool(recorder.advance)
            if clock() - said_at > TOLD:
                said_at = clock()
                yield _line(done=len(recorder.shots), of=len(recorder.steps or ()), said=recorder.said)
            if not went_on:
                await asyncio.sleep(SOON)
        head, page = await run_in_threadpool(_file, recorder, home)
        yield _line(**head)
        for start in range(0, len(page), CHUNK):
            yield page[start : start + CHUNK]
    except PoolError as error:
        yield _line(refused=str(error))
    finally:
        if recorder is not None:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(recorder.close)


def _line(**told: Any) -> bytes:
    return json.dumps(told).encode() + b"\n"


def _file(recorder: Recorder, home: str) -> tuple[dict[str, Any], bytes]:
    """What is said of the file, and the file."""
    kept, look = recorder.fitting(recorded.room()), recorder.look
    shots = [
        {"n": k, "step": shot.step, "say": shot.say,
         "parts": {name: base64.b64encode(packed).decode() for name, packed in shot.parts.items()}}
        for k, shot in enumerate(recorder.shots) if k in set(kept)
    ]  # fmt: skip
    ended = look.status in ("done", "diverged")
    recording = {
        "shots": shots, "marks": recorder.marks, "last_step": recorder.last_step,
        "ended": {"status": look.status if ended else "paused", "message": look.message if ended else ""},
    }  # fmt: skip
    page = recorded.page(recording, _about(recorder, len(shots), home)).encode()
    name = f"{recorder.copy.slug}-seed{recorder.config.seed}-step{recorder.last_step}.html"
    return {"name": name, "size": len(page), "moments": len(shots), "last_step": recorder.last_step}, page


def _about(recorder: Recorder, moments: int, home: str) -> recorded.About:
    card, config = registry.card(recorder.copy.slug), recorder.config
    named = describe(config, type(config)()) or "default settings"
    told = recorder.story
    link = home + story.link(card.slug, {**told, "step": told["last_step"]}) if home else ""
    fits = len(link) <= LONGEST and not story.too_much(link, [told])
    day = date.today()
    every = moments == recorder.last_step + 1
    said = (
        f"each of its {recorder.last_step:,} steps" if every else f"{moments:,} moments of {recorder.last_step:,} steps"
    )
    return recorded.About(
        title=card.title, question=card.question, unit=card.unit,
        name=named if "seed" in config.changed(type(config)()) else f"{named}, seed {config.seed}",
        settings=[(capital(knob.called or knob.label), _value(knob.format(getattr(config, name))))
                  for name, knob in config.knobs().items()],
        recorded=f"Recorded on {day.day} {day:%B %Y}: {said}. Between two moments nothing is made up.",
        link=link if fits else "",
    )  # fmt: skip


def _value(text: str) -> str:
    return text.replace(",", ", ").replace("_", " ") if len(text) <= 60 else f"{text[:60]}…"
