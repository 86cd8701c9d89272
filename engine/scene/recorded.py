"""A recorded run as one page of HTML, which plays from a disk: see ``assets/live/recorded.js``."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.scene import offline
from engine.scene.assets import asset

LIVE = ("recorded", "element", "transport", "timeline", "status")  # pieces of assets/live that the page is made of
LARGEST = 8_000_000  # bytes of a page

STYLES = ("live.css", "live/controls.css", "recorded.css")
_BODY = """\
<main>
<h1>{question}</h1>
<p class="about">{about}</p>
<div class="bar"><div class="transport"></div><div class="moment"></div><div class="timeline"></div>
<p class="say" role="status" aria-live="off">These moments need a browser with JavaScript.</p></div>
<h2 class="spoken">Its pictures</h2>
<div class="stage"></div>
<div class="curves"></div>
<footer>
<details><summary>All settings</summary><dl class="settings">{settings}</dl></details>
<p>{recorded}</p>
{link}<p class="hint">Space plays, S or → goes on by a moment, ← goes back, Home and End go to the ends. A panel that
has been clicked is zoomed by the wheel.</p>
</footer>
</main>
<script type="application/json" id="parts">{parts}</script>
<script type="application/json" id="told">{told}</script>
<script type="application/json" id="recording">{recording}</script>
<script type="module">
const read = (name) => JSON.parse(document.getElementById(name).textContent);
{blobs}
await document.fonts.load("16px Inter", "a\\u03c3"); // what is written on a canvas is not written anew
const {{ begin }} = await import(offline.address("recorded"));
begin(read("recording"), read("told"));
</script>
"""


@dataclass(frozen=True)
class About:
    """What the page says of its run, in words."""

    title: str  # of the lab
    question: str
    unit: str  # what a step is called
    name: str  # the settings that differ from the defaults, with the seed
    settings: Sequence[tuple[str, str]]  # all of them: label and value
    recorded: str  # when, and how many moments of how many steps
    link: str = ""  # where it can be repeated; "" if nowhere


def page(recording: Mapping[str, Any], about: About) -> str:
    """A whole HTML page that plays `recording`: {shots, marks, last_step, ended}.

    Raises FileNotFoundError if the assets are not there.
    """
    modules, files = _assets()
    settings = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in about.settings)
    link = f'<p>To repeat it, and turn its knobs: <a href="{_text(about.link)}">{_text(_short(about.link))}</a></p>\n'
    told = {
        "title": about.title,
        "unit": about.unit,
        "question": about.question,
        "name": about.name,
        "link": about.link,
    }
    title = f"{about.question} {about.title}: {about.name}"
    return offline.head(title, offline.styles(*STYLES)) + _BODY.format(
        question=_text(about.question),
        about=_text(f"{about.title} · {about.name}"), settings=settings, recorded=_text(about.recorded),
        link=link if about.link else "", blobs=offline.BLOBS,
        parts=offline.embedded({"modules": modules, "files": files}), told=offline.embedded(told),
        recording=offline.embedded(recording),
    )  # fmt: skip


def room() -> int:
    """Bytes of compressed pictures that have room in a page: three become four letters, and the rest is there too."""
    modules, files = _assets()
    rest = len(offline.embedded({"modules": modules, "files": files}).encode()) + len(offline.styles(*STYLES)) + 200_000
    return (LARGEST - rest) * 3 // 4


@cache
def _assets() -> tuple[dict[str, str], dict[str, str]]:
    """Modules and files by name."""
    modules, files = offline.assets()
    sources = {name: asset(f"live/{name}.js").read_text(encoding="utf-8") for name in LIVE}
    if both := modules.keys() & sources.keys():
        raise ValueError(f"There are two modules of the name {', '.join(both)}.")
    live = {name: offline.rewritten(f"{name}.js", source) for name, source in sources.items()}
    return modules | live, files


def _text(said: str) -> str:
    return html.escape(said)


def _short(link: str) -> str:
    return link if len(link) <= 200 else f"{link[:200]}…"
