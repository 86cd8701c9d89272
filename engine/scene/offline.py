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

# The colours of .streamlit/config.toml, by what scene.css calls them.
LIGHT = {"background-color": "#fdfcf9", "secondary-background-color": "#f4f1ea", "text-color": "#1d232c",
         "primary-color": "#1f5a94"}  # fmt: skip
DARK = {"background-color": "#13171c", "secondary-background-color": "#1d232b", "text-color": "#e9e6df",
        "primary-color": "#86b8ea"}  # fmt: skip
FONTS = ("inter-latin", "inter-greek")
MARGIN = 8  # CSS pixels around the panels

_IMPORT = re.compile(r"import\(`\./(?:scene/)?(?:\$\{(\w+)\}|(\w+))\.js\$\{version\}`\)")
_FETCH = "fetch(new URL(name + version, import.meta.url))"

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
{fonts}
:root {{ color-scheme: light dark; --st-font: Inter, sans-serif; --st-base-font-size: 16px; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
body {{ margin: 0; padding: {margin}px; background: var(--st-background-color); color: var(--st-text-color);
  font: 16px var(--st-font); }}
</style>
<div id="stage"></div>
<script type="application/json" id="parts">{parts}</script>
<script type="module">
const {{ scene, modules, files }} = JSON.parse(document.getElementById("parts").textContent);
const made = {{}};
globalThis.offline = {{
  file: (name) => new Response(files[name]),
  address: (name) => (made[name] ??= URL.createObjectURL(new Blob([modules[name]], {{ type: "text/javascript" }}))),
}};
const data = Uint8Array.from(atob(scene), (letter) => letter.charCodeAt(0));
const stage = document.getElementById("stage");
await document.fonts.load("16px Inter", "a\\u03c3"); // what is written on a canvas is not written anew
const {{ mount }} = await import(offline.address("scene"));
const draw = () => mount({{ parentElement: stage, data, setTriggerValue() {{}} }});
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
// In a notebook the page stands in a frame, which becomes as tall as what is in it.
const frame = window.frameElement;
if (frame) new ResizeObserver(() => (frame.style.height = `${{stage.offsetHeight + 2 * {margin}}}px`)).observe(stage);
</script>
"""


def page(scene: bytes, *, title: str) -> str:
    """A whole HTML page that draws the bytes of a scene.  Raises FileNotFoundError if the assets are not there."""
    modules, files, fonts = _assets()
    parts = {"scene": base64.b64encode(scene).decode(), "modules": modules, "files": files}
    return _PAGE.format(
        title=html.escape(title), fonts=fonts, light=_rules(LIGHT), dark=_rules(DARK), margin=MARGIN,
        parts=json.dumps(parts).replace("<", "\\u003c"),  # no text may end the script
    )  # fmt: skip


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
def _assets() -> tuple[dict[str, str], dict[str, str], str]:
    """Modules by name, files by name, and the rules for the fonts."""
    scripts = [asset("scene.js"), *sorted(asset("scene").glob("*.js"))]
    modules = {script.stem: rewritten(script.name, script.read_text(encoding="utf-8")) for script in scripts}
    files = {name: asset(name).read_text(encoding="utf-8") for name in ("palette.json", "scene.css")}
    return modules, files, "\n".join(_font(name) for name in FONTS)


def _font(name: str) -> str:
    letters = base64.b64encode(asset(f"fonts/{name}.woff2").read_bytes()).decode()
    only = " unicode-range: U+0370-03FF;" if name.endswith("greek") else ""
    source = f"url(data:font/woff2;base64,{letters})"
    return f"@font-face {{ font-family: Inter; font-weight: 100 900; src: {source};{only} }}"


def _rules(colours: dict[str, str]) -> str:
    return " ".join(f"--st-{name}: {colour};" for name, colour in colours.items())
