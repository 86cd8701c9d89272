"""One plain page in a real browser that draws scenes: neither Streamlit nor a server is needed to see what they show.

Its files come from the checkout and its scenes from the test, both handed over by the browser itself.
"""

from __future__ import annotations

import base64
import contextlib
import mimetypes
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from playwright.sync_api import Browser, Route
from visitor import ROOT, VIEWPORT, Visitor, visit

from engine.scene.scene import Scene

HOME = "http://plain.test/"  # nobody answers there but `_answer`
# As on a lab's page: beside the knobs at a desk, two runs side by side; one below the other on a phone.
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><style>
@font-face { font-family: Inter; src: url(assets/fonts/inter-latin.woff2); font-weight: 100 900 }
body { margin: 0; padding: 16px; background: var(--st-background-color) }
@media (min-width: 640px) { main { width: 64% } .beside { width: max(50%, min(100%, 300px)) } }
</style><main></main><script src="tests/misprints.js"></script><script type="module">
const { mount } = await import("./assets/scene.js");
const main = document.querySelector("main"), shown = new Map(), ends = new Map();
const moment = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

window.draw = async (scenes, theme) => {
  for (const [name, value] of Object.entries(theme)) document.documentElement.style.setProperty(name, value);
  for (const [name, data] of Object.entries(scenes)) {
    if (!shown.has(name)) {
      const place = main.appendChild(document.createElement("div"));
      if (name.includes("beside")) place.className = "beside";
      place.attachShadow({ mode: "open" }).innerHTML = "<div class='scene'></div>"; // as Streamlit mounts it
      shown.set(name, place.shadowRoot);
    }
    ends.set(name, mount({ parentElement: shown.get(name), data: bytes(data), setTriggerValue() {} }));
  }
  await document.fonts.ready;
};
window.clear = () => {
  main.replaceChildren();
  for (const end of ends.values()) end();
  shown.clear();
  ends.clear();
};

// Words scroll in their panel, and on a phone a legend does.
const seen = () => `:not(.spoken, .spoken *, .words *${innerWidth > 640 ? "" : ", .legend *"})`;
const right = (element) => element.getBoundingClientRect().right;
const colours = (canvas) => {
  const { width, height } = canvas;
  if (!width || !height) return 0;
  return new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer)).size;
};

// For every panel: its title, its words, how far it reaches beyond the window, the colours on each canvas, misprints.
window.look = async () => {
  await moment();
  return [...shown].flatMap(([scene, root]) => [...root.querySelectorAll("section.panel")].map((panel) => ({
    scene,
    title: panel.querySelector("h3").innerText.trim(),
    words: panel.querySelector(".words")?.innerText.trim() ?? null,
    misprints: [...panel.querySelectorAll("canvas")].flatMap(window.misprints),
    beyond: Math.max(...[panel, ...panel.querySelectorAll(seen())].map(right)) - innerWidth,
    colours: [...panel.querySelectorAll("canvas")].map(colours),
  })));
};
window.ready = true;
</script>"""


def themes() -> dict[str, dict[str, str]]:
    """What Streamlit tells a component of the themes in its configuration, as custom properties of CSS."""
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    names = {"background-color": "backgroundColor", "text-color": "textColor", "primary-color": "primaryColor",
             "secondary-background-color": "secondaryBackgroundColor"}  # fmt: skip
    return {
        mode: {f"--st-{css}": theme[mode][name] for css, name in names.items()} | {"--st-font": theme["font"]}
        for mode in ("light", "dark")
    }


class PlainPage:
    """Scenes by name, one below the other.  `problems` holds what went wrong in the console since `clear`."""

    def __init__(self, visitor: Visitor) -> None:
        self.page, self.problems = visitor.page, visitor.problems
        self.page.route(f"{HOME}**", _answer)
        self.page.goto(HOME)
        self.page.wait_for_function("window.ready")

    def clear(self) -> None:
        """Take everything off the page, and give it the size that it had at first."""
        self.page.evaluate("clear()")
        self.page.set_viewport_size(VIEWPORT)
        self.problems.clear()

    def draw(self, scenes: Mapping[str, Scene], mode: str = "light") -> None:
        """Draw each scene, or draw it anew in the place that has this name; "beside" in a name takes half the width."""
        packed = {name: base64.b64encode(scene.to_bytes()).decode("ascii") for name, scene in scenes.items()}
        self.page.evaluate("([scenes, theme]) => draw(scenes, theme)", [packed, themes()[mode]])

    def look(self) -> list[dict[str, Any]]:
        """Of every panel: `scene`, `title`, `words`, `beyond` (px beyond the window), `colours` (on each canvas),
        `misprints` (see tests/misprints.js).

        `words` is None for what is drawn; a table that is too wide for its panel scrolls in it.
        """
        found: list[dict[str, Any]] = self.page.evaluate("look()")
        return found


@contextlib.contextmanager
def plain_page(browser: Browser) -> Iterator[PlainPage]:
    """A plain page in a browser context of its own, whose console must be free of errors at the end."""
    with visit(browser, HOME) as visitor:
        yield PlainPage(visitor)


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(HOME).partition("?")[0]
    if not name:
        route.fulfill(body=PAGE, content_type="text/html")
    elif (name.startswith("assets/") or name == "tests/misprints.js") and (ROOT / name).is_file():
        route.fulfill(path=ROOT / name, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
    else:
        route.fulfill(status=404)
