"""A lab on a slide: a page without Streamlit that shows its picture until the first Play, and how that opens a run."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

import engine
from engine import Config, ConfigError, runs
from engine.contract import registry
from engine.contract.card import Card, CardError
from engine.contract.knobs import Knob, Value
from engine.runs.pool import Crowded, PoolError
from ui import headers, monitor
from ui.controls import LONG, applies_to, grid, number
from ui.head import head, script
from ui.link import RESERVED, read_params
from ui.live import ASSETS, from_here
from ui.words import capital

LARGEST = 64 * 1024  # bytes of what is posted
LONGEST = 8_000  # characters of settings in an address that servers take
WIDTH, HEIGHT = 600, 400  # pixels of the iframe that is offered


def embed(base: str) -> Mount | Route | WebSocketRoute:
    """The page of a lab for slides, below `base`."""
    return Route(f"{base}/embed/{{slug}}", _page)


def opening(base: str) -> Mount | Route | WebSocketRoute:
    """Where that page opens its run, below `base`."""
    return Route(f"{base}/runs", _open, methods=["POST"])


def iframe(base: str, slug: str, config: Config) -> str:
    """The text that puts a lab on a page of somebody else's: its panel that matters most, with these settings.

    It is "" where they are more than an address can carry: points that somebody has drawn.
    """
    card = registry.card(slug)
    query = urlencode(({"panel": card.hero} if card.hero else {}) | config.to_params())
    if len(query) > LONGEST:
        return ""
    source = html.escape(f"{base}embed/{slug}?{query}")
    # Without `sandbox`: with it the page would come from nowhere (its Origin would be null), and could open no run.
    return f'<iframe src="{source}" width="{WIDTH}" height="{HEIGHT}" title="{html.escape(card.question)}"></iframe>'


# ---------------------------------------------------------------------- the page

_BODY = """\
<body>
<main class="embed">
<div class="heading"><h1>{title}</h1><select class="panels" aria-label="Panel" hidden></select></div>
<div class="screen"><h2 class="spoken">Its pictures</h2>{still}<div class="stage"></div><div class="curves"></div></div>
<div class="bar"><div class="transport"></div><div class="timeline"></div></div>
<div class="told"></div>
<div class="knobs"></div>
</main>
</body>
</html>
"""
_GONE = """\
<body><main><h1>Nothing to show</h1><p>There is no lab here that can be shown. Home has those that there are.</p>
</main></body>
</html>
"""
_EVERYWHERE = "* data: file:"  # who may show a lab in a frame: slides may lie on a disk


def _page(request: Request) -> Response:
    """Not a coroutine: what it reads the first time takes a moment, and sockets do not wait for it."""
    policy = headers.own(request.headers.get("host", ""), frames=_EVERYWHERE)
    slug = request.path_params["slug"]
    try:
        card, config_class = registry.card(slug), engine.lab(slug).Config
    except (KeyError, CardError):
        return HTMLResponse(head("Nothing to show") + _GONE, status_code=404, headers=policy)
    lab = json.dumps(_lab(card, config_class, dict(request.query_params))).replace("<", "\\u003c")
    more = f'<script type="application/json" id="lab">{lab}</script>\n{script("embed.js")}'
    begun = head(card.question, "live/controls.css", "embed.css", more=more)
    return HTMLResponse(begun + _BODY.format(title=html.escape(card.question), still=_still(card)), headers=policy)


def _still(card: Card) -> str:
    """The lab's picture in the gallery; nothing for a lab from outside, which has none."""
    light, dark = (f"assets/gallery/{card.slug}-{mode}.png" for mode in ("light", "dark"))
    if not (ASSETS.parent / light).exists():
        return ""
    said = html.escape(f"{card.title}, as it looks while it learns")
    return (
        f'<picture class="still"><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="{said}"></picture>'
    )


def _lab(card: Card, config_class: type[Config], query: Mapping[str, str]) -> dict[str, Any]:
    """What the page is told: which lab with which settings, and its knobs."""
    params = {name: text for name, text in query.items() if name not in RESERVED and name != "panel"}
    config, said = read_params(config_class, params)
    return {
        "slug": card.slug, "speed": card.speed, "unit": card.unit, "hero": card.hero, "panel": query.get("panel", ""),
        "params": config.to_params(), "said": " ".join(said), "knobs": specifications(config, card.tries),
    }  # fmt: skip


def specifications(config: Config, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The knobs `names` as ``assets/live/knobs.js`` draws them, set to what `config` says.

    What they wait for (`Knob.when`) goes along, of kind "none" if it is not among them: it is not drawn.
    """
    knobs = config.knobs()
    wanted = [*names]
    for name in wanted:
        other = knobs[name].when.partition("=")[0]
        if other and other not in wanted:
            wanted.append(other)
    return [_specification(knobs[n], getattr(config, n)) | ({} if n in names else {"kind": "none"}) for n in wanted]


def _specification(spec: Knob, value: Value) -> dict[str, Any]:
    told = {
        "name": spec.name, "label": capital(spec.called or spec.label), "help": spec.help, "live": spec.live,
        "when": applies_to(spec), "value": spec.format(value), "default": spec.format(spec.default),
    }  # fmt: skip
    if spec.kind in ("choice", "choices"):
        choices = [[choice, spec.title(choice)] for choice in spec.choices]
        return told | {"kind": spec.kind, "choices": choices, "length": spec.length}
    if spec.kind == "bool":
        return told | {"kind": "switch"}
    if spec.kind == "ints":
        return told | {"kind": "line"}
    if spec.kind == "text":  # too long for a slide
        return told | {"kind": "none"}
    low, high = spec.low or 0, spec.high or 0
    if spec.kind == "int" and not spec.log:
        if high - low > LONG:
            return told | {"kind": "number", "low": low, "high": high}
        stops: tuple[float, ...] = tuple(range(int(low), int(high) + 1))
    else:
        stops = grid(spec)
    return told | {"kind": "slider", "stops": [[spec.format(stop), number(stop)] for stop in stops]}


# ---------------------------------------------------------------------- opening a run


class Refused(Exception):
    """No run is opened: `status` of the answer, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def _open(request: Request) -> Response:
    """``{slug, knobs}`` opens a run: 201 ``{run, key}``, or 400, 403, 429, 503 with ``{message}``."""
    try:
        if not from_here(request):
            raise Refused(403, "A run can be opened by a page of this playground only.")
        slug, knobs = _wanted(await _body(request))
        made = await run_in_threadpool(_opened, slug, knobs)
    except Refused as refused:
        monitor.refused("run", refused.status)
        return JSONResponse({"message": str(refused)}, status_code=refused.status)
    return JSONResponse(made, status_code=201, headers={"Cache-Control": "no-store"})


async def _body(request: Request) -> bytes:
    """What was posted, read only as far as it may be long."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                raise Refused(400, f"What was sent is too long: at most {LARGEST // 1024} kB are read.")
    except ClientDisconnect:
        raise Refused(400, "What was sent came to no end.") from None
    return body


def _wanted(body: bytes) -> tuple[str, dict[str, str]]:
    sentence = "Send an object with the slug of a lab and knobs, each a text as in a link."
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, sentence) from None
    slug, knobs = (asked.get("slug"), asked.get("knobs", {})) if isinstance(asked, dict) else (None, None)
    if not isinstance(slug, str) or not isinstance(knobs, dict) or not all(isinstance(v, str) for v in knobs.values()):
        raise Refused(400, sentence)
    return slug, knobs


def _opened(slug: str, knobs: dict[str, str]) -> dict[str, Any]:
    try:
        config = engine.lab(slug).Config.from_params(knobs)
        run = runs.current().open(slug, config, slide=True)  # without an owner: its key is all that steers it
    except KeyError:
        raise Refused(400, f"There is no lab '{slug[:40]}'.") from None
    except ConfigError as error:
        raise Refused(400, str(error)) from None
    except Crowded as error:  # how many slides may be played is bounded in all: a lecture hall is one address
        raise Refused(429, str(error)) from None
    except PoolError as error:  # full, or a lab that cannot begin
        raise Refused(503, str(error)) from None
    return {"run": run.id, "key": run.key}
