"""One clean picture for each lab: the panel that stands for it, as its view draws it, in light and dark.

Nothing but what is painted: neither its title nor its buttons, which a card on the home page has no use for.  Every
picture is of a run that was trained here, so what a lab shows next year is what its card shows then.
"""

from __future__ import annotations

import base64
import io
import mimetypes
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route

import engine
from engine.contract import registry
from engine.contract.view import View
from engine.scene.scene import Scene

ROOT = Path(__file__).resolve().parent.parent
GALLERY = ROOT / "assets" / "gallery"
ADDRESS = "http://pictures.test/"  # nobody answers there but `_answer`
WIDTH, HEIGHT = 480, 300  # of a picture, in pixels of a page
# How many times that is needed where much stands in one panel.
WIDER: Mapping[str, float] = {"cnn_filters": 1.6, "efficient_attention": 1.3, "gan": 1.3, "generative_families": 1.7}
SCALE = 2  # pixels of a picture for each of these
COLOURS = 128  # of a picture as it is stored
MODES = ("light", "dark")
# The moment of each lab that is worth a picture: knobs as a link writes them, and steps.  Others stand at their
# defaults after `STEPS`.
STEPS = 200
MOMENTS: Mapping[str, tuple[dict[str, str], int]] = {
    "adversarial_examples": ({}, 450),
    "alignment": ({"beta": "0.2"}, 120),
    "attention_heads": ({}, 300),
    "cnn_filters": ({}, 300),
    "diffusion": ({}, 600),
    "double_descent": ({}, 24),
    "efficient_attention": ({}, 150),
    "gan": ({}, 600),
    "generative_families": ({}, 400),
    "gradient_descent": ({}, 40),
    "grokking": ({}, 420),
    "language_model": ({}, 250),
    "lstm_gates": ({}, 350),
    "moe_routing": ({}, 600),
    "neural_network": ({}, 300),
    "scaling_laws": ({}, 1000),
    "state_space": ({}, 200),
    "translation": ({}, 250),
    "vae": ({}, 1000),
}


def draw(page: Page, wanted: tuple[str, ...] = ()) -> Iterator[Path]:
    """Draw the picture of each lab of ours, or of those `wanted`, and tell of each file that was written."""
    page.route(f"{ADDRESS}**", _answer)
    for slug in registry.own():
        if wanted and slug not in wanted:
            continue
        scene, wider = hero(slug), WIDER.get(slug, 1.0)
        page.set_viewport_size({"width": round(WIDTH * wider), "height": round(HEIGHT * wider)})
        page.goto(ADDRESS)
        page.wait_for_function("window.ready")
        for mode in MODES:
            file = GALLERY / f"{slug}-{mode}.png"
            page.evaluate(
                "([data, theme]) => draw(data, theme)", [base64.b64encode(scene.to_bytes()).decode(), theme(mode)]
            )
            file.write_bytes(small(page.screenshot(scale="device")))
            yield file


def hero(slug: str) -> Scene:
    """The stage of a lab at the moment that is worth a picture, and of it only the panel that stands for the lab."""
    lab, card = registry.lab(slug), registry.card(slug)
    knobs, steps = MOMENTS.get(slug, ({}, STEPS))
    experiment = lab.Experiment(lab.Config.from_params(knobs))
    told = list(engine.train(experiment, steps))
    past = {}
    for name in {name for metrics in told for name in metrics}:
        at = [step for step, metrics in enumerate(told, 1) if name in metrics]
        past[name] = np.array(at), np.array([told[step - 1][name] for step in at])
    here = experiment.step_count
    scene: Scene = registry.view(slug).stage(View(experiment.frame(), experiment.config, past, here, here))
    return only(scene, card.hero)


def only(scene: Scene, key: str) -> Scene:
    """`scene` with one panel, as high as a picture.  Raises LookupError if it has none of that key."""
    found = [panel for row in scene.rows for panel in row if panel["key"] == key]
    if not found:
        raise LookupError(f"The stage has no panel '{key}'; it has {[p['key'] for row in scene.rows for p in row]}.")
    scene.rows, scene.height = [found], HEIGHT
    return scene


def theme(mode: str) -> dict[str, str]:
    """What Streamlit tells a component of the theme in its configuration, as custom properties of CSS."""
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    names = {"background-color": "backgroundColor", "text-color": "textColor", "primary-color": "primaryColor",
             "secondary-background-color": "secondaryBackgroundColor", "border-color": "borderColor"}  # fmt: skip
    return {f"--st-{css}": told[mode][name] for css, name in names.items()} | {"--st-font": told["font"]}


def small(png: bytes) -> bytes:
    """The same picture in a palette of `COLOURS`, as PNG."""
    with Image.open(io.BytesIO(png)) as picture:
        same = picture.convert("RGB").resize((SCALE * WIDTH, SCALE * HEIGHT), Image.Resampling.LANCZOS)
        few = same.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(ADDRESS).partition("?")[0]
    file = ROOT / "pictures" / "page.html" if not name else ROOT / name
    if (not name or name.startswith("assets/")) and file.is_file():
        route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0] or "application/octet-stream")
    else:
        route.fulfill(status=404)
