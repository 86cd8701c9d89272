"""A scene away from its page: in a notebook, and as a file that needs neither server nor network."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from visitor import ROOT, wait_until
from without_network import without_network

import engine
from engine.scene import assets, offline, recorded
from engine.scene.curves import curves
from engine.scene.scene import Scene

SHOWN = ("attention_heads", "double_descent", "neural_network")
STEPS = {"attention_heads": 2, "double_descent": 4, "neural_network": 3}


def trained(slug: str) -> tuple[engine.Experiment, list[dict[str, float]]]:
    lab = engine.lab(slug)
    experiment = lab.Experiment(lab.Config(seed=1))
    return experiment, list(engine.train(experiment, STEPS.get(slug, 2)))


def framed(markup: str) -> dict[str, str]:
    """The attributes of the one frame that a notebook is given."""
    found: list[dict[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag == "iframe"
            found.append({name: value or "" for name, value in attributes})

    Reader().feed(markup)
    [frame] = found
    return frame


def small(title: str = "Loss") -> Scene:
    scene = Scene(height=320)
    curves(scene, "loss", history={"loss": ([1, 2], [4.0, 3.0])}, series={"loss": ("loss", "test")}, title=title,
           y_title="loss")  # fmt: skip
    return scene


def test_every_module_finds_what_it_loads_in_its_page() -> None:
    modules, files = offline.assets()
    styles = offline.styles("live.css")
    assert set(files) == {"palette.json", "scene.css"} and styles.count("@font-face") == styles.count("url(data:") == 2
    assert styles.count("url(") == 2
    for name, source in modules.items():
        for other in re.findall(r"offline\.address\('(\w+)'\)", source):
            assert other in modules, name
    assert "import(offline.address(name))" in modules["scene"] and "offline.file(name)" in modules["scene"]


@pytest.mark.parametrize(
    "line",
    [
        "import { a } from './a.js';",
        "export { a } from './a.js';",
        "await import('./a.js');",
        "await import(`../a.js${version}`);",
        "await fetch('x.json');",
    ],
)
def test_a_module_that_loads_in_another_way_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"new\.js loads something in a way"):
        offline.rewritten("new.js", line)
    assert offline.rewritten("new.js", "await import(`./scene/a.js${version}`)") == "await import(offline.address('a'))"


def test_colours_are_those_of_the_playground() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    rules = (ROOT / "assets" / "live.css").read_text(encoding="utf-8")
    light, dark = (
        re.findall(r"--st-([a-z-]+): (#\w+);", block) for block in re.findall(r":root \{(.*?)\}", rules, re.DOTALL)
    )
    assert len(light) == len(dark) == 5
    for name, ours in (("light", light), ("dark", dark)):
        for rule, colour in ours:
            first, *more = rule.split("-")
            assert theme[name][first + "".join(word.title() for word in more)] == colour


def test_a_frame_is_as_tall_as_the_scene_and_no_title_ends_it() -> None:
    frame = framed(small('</script><b>"Loss"')._repr_html_())
    assert frame["title"] == '</script><b>"Loss"'
    assert "height: 336px" in frame["style"]
    inside = frame["srcdoc"]
    assert inside.startswith("<!doctype html>") and inside.count("</script>") == 3 and "<b>" not in inside


def test_without_the_assets_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "ASSETS", tmp_path)
    offline.assets.cache_clear()
    offline.styles.cache_clear()
    with pytest.raises(FileNotFoundError, match="folder 'assets', which lies beside the package 'engine'"):
        small().save(tmp_path / "picture.html")
    assert not (tmp_path / "picture.html").exists()
    offline.assets.cache_clear()
    offline.styles.cache_clear()


@pytest.mark.parametrize("slug", engine.labs())
def test_every_lab_can_be_shown_and_nothing_changes(slug: str) -> None:
    experiment, metrics = trained(slug)
    scene = engine.show(experiment, history=metrics)
    drawn = scene.to_bytes()
    again = [{"step": float(step), **row} for step, row in enumerate(metrics, 1)]  # as the exported notebook keeps it
    assert engine.show(experiment, history=again).to_bytes() == drawn
    assert [panel["title"] for row in scene.rows for panel in row if panel["title"]]
    assert engine.show(experiment).height == scene.height


def test_a_class_made_from_a_labs_is_shown_as_that_lab_and_others_are_refused() -> None:
    lab = engine.lab("gradient_descent")
    mine = type("Mine", (lab.Experiment,), {"__module__": "__main__"})
    experiment = mine(lab.Config())
    assert engine.show(experiment).to_bytes() == engine.show(lab.Experiment(lab.Config())).to_bytes()
    with pytest.raises(TypeError, match="not a dict"):
        engine.show({})  # type: ignore[arg-type]


# ------------------------------------------------------------------ what is seen

DRAWN = """() => [...document.querySelectorAll("canvas")].filter((c) => c.closest(".body") && c.width).map((c) =>
  new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size)"""
INK = "() => getComputedStyle(document.querySelector('.scene')).getPropertyValue('--grid')"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with without_network(browser, height=1300) as page:
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("slug", SHOWN)
def test_a_saved_page_draws_every_panel(slug: str, page: Page, tmp_path: Path) -> None:
    experiment, metrics = trained(slug)
    engine.show(experiment, history=metrics).save(tmp_path / "picture.html")
    page.goto((tmp_path / "picture.html").as_uri())
    page.locator("canvas").first.wait_for()
    wait_until(lambda: min(page.evaluate(DRAWN), default=0) > 2, "something on every canvas")
    assert page.title()


@pytest.mark.browser
def test_a_frame_in_a_notebook_draws_answers_the_pointer_and_follows_the_theme(page: Page) -> None:
    experiment, metrics = trained("neural_network")
    page.set_content(f"<main>{engine.show(experiment, history=metrics)._repr_html_()}</main>")
    [frame] = [each for each in page.frames if each is not page.main_frame]
    frame.locator("canvas").first.wait_for()
    wait_until(lambda: min(frame.evaluate(DRAWN), default=0) > 2, "something on every canvas")
    light = frame.evaluate(INK)
    frame.locator("section.panel canvas").last.hover(position={"x": 120, "y": 120})
    frame.locator(".tooltip:not([hidden])").wait_for()
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: frame.evaluate(INK) != light, "the colours of the dark")
    page.set_viewport_size({"width": 420, "height": 900})  # panels below each other: the frame grows with them
    sizes = "() => [document.documentElement.scrollHeight, frameElement.clientHeight]"
    wait_until(lambda: np.ptp(frame.evaluate(sizes)) == 0 and frame.evaluate(sizes)[0] > 700, "a taller frame")


def test_no_text_on_a_recorded_page_ends_a_script_or_becomes_html() -> None:
    bad = '</script><b onclick="x()">&'
    about = recorded.About(title=bad, question=bad, unit=bad, name=bad, settings=[(bad, bad)], recorded=bad, link=bad)
    page = recorded.page(
        {"shots": [{"say": bad}], "marks": [[0, bad]], "last_step": 0, "ended": {"message": bad}}, about
    )
    assert "<b" not in page.replace("<body", "") and page.count("</script>") == 4
    assert len(page.encode()) < recorded.LARGEST - recorded.room() * 4 // 3, "what is not a picture has its room"
