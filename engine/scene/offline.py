"""A scene as one page of HTML that asks no server for anything: for notebooks, slides and the hard disk.

The modules of ``assets/scene`` import each other by their addresses.  Here they travel as texts, and each becomes a
blob with an address of its own when the first one asks for it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from functools import cache

from engine.scene.assets import asset

MARGIN = 8  # CSS pixels around the panels

_IMPORT = re.compile(r"import\(`(?:\./|\.\./(?=scene[./]))(?:scene/)?(?:\$\{(\w+)\}|(\w+))\.js\$\{version\}`\)")
_FONT = re.compile(r"url\((fonts/[\w-]+\.woff2)\)")
_FETCH = "fetch(new URL(name + version, import.meta.url))"

# What a page of ours begins with: each module becomes a blob with an address when it is asked for.
BLOBS = """\
const { modules, files } = JSON.parse(document.getElementById("parts").textContent);
const made = {};
globalThis.offline = {
  file: (name) => new Response(files[name]),
  address: (name) => (made[name] ??= URL.createObjectURL(new Blob([modules[name]], { type: "text/javascript" }))),
};"""

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{styles}
</style>
"""
_BODY = """\
<div id="stage" style="padding: {margin}px"></div>
<script type="application/json" id="parts">{parts}</script>
<script type="application/json" id="scene">{scene}</script>
<script type="module">
{blobs}
const scene = JSON.parse(document.getElementById("scene").textContent);
const data = Uint8Array.from(atob(scene), (letter) => letter.charCodeAt(0));
const stage = document.getElementById("stage");
await document.fonts.load("16px Inter", "a\\u03c3"); // what is written on a canvas is not written anew
const {{ mount }} = await import(offline.address("scene"));
const draw = () => mount({{ parentElement: stage, data, setTriggerValue() {{}} }});
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
// In a notebook the page stands in a frame, which becomes as tall as what is in it.
const frame = window.frameElement;
if (frame) new ResizeObserver(() => (frame.style.height = `${{stage.offsetHeight}}px`)).observe(stage);
</script>
"""


def page(scene: bytes, *, title: str) -> str:
    """A whole HTML page that draws the bytes of a scene.  Raises FileNotFoundError if the assets are not there."""
    modules, files = assets()
    return head(title, styles("live.css")) + _BODY.format(
        margin=MARGIN, blobs=BLOBS, parts=embedded({"modules": modules, "files": files}),
        scene=embedded(base64.b64encode(scene).decode()),
    )  # fmt: skip


def head(title: str, sheets: str) -> str:
    """How a page that needs no server begins, with the texts of its style sheets."""
    return _HEAD.format(title=html.escape(title), styles=sheets)


def embedded(value: object) -> str:
    """Plain values as JSON that stands in a script of a page: no text in it may end that."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def iframe(scene: bytes, *, title: str, height: int) -> str:
    """The same as an ``<iframe>``, which a notebook shows below a cell; `height` is the scene's, in CSS pixels."""
    inside = html.escape(page(scene, title=title))
    look = f"width: 100%; height: {height + 2 * MARGIN}px; border: 0"
    return f'<iframe title="{html.escape(title)}" style="{look}" srcdoc="{inside}"></iframe>'


def rewritten(name: str, source: str) -> str:
    """A module's text that looks for other modules and files in its page.

    Raises ValueError if it asks for something in a way that is not known here.
    """
    text = _IMPORT.sub(lambda found: f"import(offline.address({found[1] or repr(found[2])}))", source)
    text = text.replace(_FETCH, "offline.file(name)")
    if re.search(r"import\((?!offline)|\bfetch\(|^\s*(?:import|export)\b[^;]*\bfrom\s*[\"'`]", text, re.MULTILINE):
        raise ValueError(f"{name} loads something in a way that a page without a server does not know.")
    return text


@cache
def assets() -> tuple[dict[str, str], dict[str, str]]:
    """Modules by name, and files by name."""
    scripts = [asset("scene.js"), *sorted(asset("scene").glob("*.js"))]
    modules = {script.stem: rewritten(script.name, script.read_text(encoding="utf-8")) for script in scripts}
    files = {name: asset(name).read_text(encoding="utf-8") for name in ("palette.json", "scene.css")}
    return modules, files


@cache
def styles(*names: str) -> str:
    """Style sheets of ``assets/`` as one text, which has its fonts in it."""
    sheets = "\n".join(asset(name).read_text(encoding="utf-8") for name in names)
    return _FONT.sub(lambda found: f"url(data:font/woff2;base64,{_letters(found[1])})", sheets)


def _letters(name: str) -> str:
    return base64.b64encode(asset(name).read_bytes()).decode()
