"""A run as one page: opened from a disk, without a network, it shows what the run showed."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accessible import violations
from PIL import Image
from playwright.sync_api import Browser, Page
from pools import pool_of, until
from scene_format import decode
from visitor import wait_until
from without_network import without_network

import engine
from engine.live.recording import GROUP, Recorder
from engine.runs.limits import Limits
from engine.runs.pool import Pool
from engine.scene import recorded
from ui import takehome

LARGEST, FEWEST = 8_000_000, 60
OWNER = "a-browser-with-a-name"
STEPS = {"adversarial_examples": 64, "lstm_gates": 80, "neural_network": 80}  # of a lab's run here; 200 of others
SLOW = ("lstm_gates", "neural_network")  # whose pictures are the heaviest
# A panel in which digits go on condensing, and one whose drawing keeps something of the pictures before: not compared.
MOVES = {"diffusion": 0, "grokking": 1}
STEP = "() => Number(document.querySelector('main').dataset.step)"
DRAWN = "[...place.shadowRoot.querySelectorAll('.body canvas')].map((c) => `${c.width}x${c.height} ${c.toDataURL()}`)"
PIXELS = f"() => {{ const place = document.querySelector('.stage'); return {DRAWN}; }}"
# What a page of the playground would draw of these bytes in a place as wide as the stage.
LIVE = f"""async (text) => {{
  const {{ mount }} = await import(offline.address("scene"));
  const stage = document.querySelector(".stage"), place = stage.cloneNode();
  place.attachShadow({{ mode: "open" }}).append(Object.assign(document.createElement("div"), {{ className: "scene" }}));
  stage.after(place);
  const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const end = mount({{ parentElement: place.shadowRoot, data }});
  const moment = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await moment();
  await moment();
  const drawn = {DRAWN};
  place.remove();
  end();
  return drawn;
}}"""


def run_of(pool: Pool, slug: str, steps: int) -> Any:
    run = pool.open(slug, engine.lab(slug).Config(seed=3), OWNER)
    run.play(steps)
    until(run, lambda look: look.status != "running", 600)
    return run


def stage(recorder: Recorder, k: int) -> list[np.ndarray]:
    """The arrays of a recorded stage, put together."""
    first = k // GROUP * GROUP
    key = decode(zlib.decompress(recorder.shots[first].parts["stage"]))[1]
    return decode(zlib.decompress(recorder.shots[k].parts["stage"]), key)[1] if k != first else key


def taken(slug: str, steps: int, folder: Path) -> tuple[Path, dict[str, Any], dict[int, bytes]]:
    """The file of a run, what is said of it, and what the run showed at a few of the steps that are in it."""
    with pool_of("inline", Limits()) as pool:
        recorder = Recorder(pool, run_of(pool, slug, steps).id, OWNER)
        while not recorder.done:
            recorder.advance()
        head, page = takehome._file(recorder, "http://play.example/")
        kept = recorder.fitting(recorded.room())
        some = [recorder.shots[k].step for k in (kept[0], kept[len(kept) // 3], kept[-1])]
        recorder.close()
        seen, again = {}, pool.open(slug, engine.lab(slug).Config(seed=3), OWNER)
        for step in some:
            if step:
                again.play(until=step)
            seen[step] = until(again, lambda look, step=step: look.step == step and look.status != "running", 600).stage
        for k, step in zip((kept[0], kept[len(kept) // 3], kept[-1]), some, strict=True):
            assert [each.tobytes() for each in stage(recorder, k)] == [each.tobytes() for each in decode(seen[step])[1]]
    file = folder / head["name"]
    file.write_bytes(page)
    return file, head, seen


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with without_network(browser, height=900) as page:
        yield page


def opened(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelector('main').dataset.step")


def seek(page: Page, step: int) -> None:
    page.locator(".timeline input").evaluate(
        "(line, step) => { line.value = step; line.dispatchEvent(new Event('input', { bubbles: true })); }", step
    )
    wait_until(lambda: page.evaluate(STEP) == step, f"the moment of step {step}")


def shows_the_run(page: Page, seen: dict[int, bytes], moves: int | None = None) -> None:
    """`moves` is the panel, if there is one, whose drawing depends on more than its picture."""

    def still(pictures: list[str]) -> list[str]:
        return [picture for k, picture in enumerate(pictures) if k != moves]

    for step, picture in seen.items():
        seek(page, step)
        live = still(page.evaluate(LIVE, base64.b64encode(picture).decode()))
        wait_until(lambda live=live: still(page.evaluate(PIXELS)) == live, f"the picture of step {step}")
        assert live


@pytest.mark.browser
def test_a_page_from_a_disk_is_played_dragged_and_read(page: Page, tmp_path: Path) -> None:
    file, head, seen = taken("gradient_descent", 90, tmp_path)
    assert head["moments"] == 91 and file.stat().st_size == head["size"] <= LARGEST
    opened(page, file)
    assert page.evaluate(STEP) == 90 and page.title().startswith(page.locator("h1").inner_text())
    said = page.locator("body").inner_text()
    assert "seed 3" in said and "each of its 90 steps" in said and "http://play.example/gradient_descent?" in said
    shows_the_run(page, seen)
    assert violations(page) == []

    page.locator("h1").click()
    page.keyboard.press("Home")
    wait_until(lambda: page.evaluate(STEP) == 0, "the beginning")
    page.keyboard.press("ArrowRight")
    wait_until(lambda: page.evaluate(STEP) == 1, "the next moment")
    first = page.evaluate(PIXELS)
    page.get_by_label("Speed").select_option("100 steps/s")
    page.locator("h1").click()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    wait_until(lambda: page.evaluate(STEP) == 90, "the end")
    page.get_by_role("button", name="Play").wait_for()
    assert page.evaluate(PIXELS) != first

    panel = page.locator(".stage section.panel").first
    panel.locator("canvas").hover(position={"x": 200, "y": 200})
    page.locator(".stage .tooltip:not([hidden])").wait_for()
    panel.get_by_role("button", name="Zoom in").click()
    panel.get_by_role("button", name="Reset view").wait_for()
    light = page.evaluate(PIXELS)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: page.evaluate(PIXELS) != light, "the colours of the dark")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


SEEN = """async (text) => {
  const video = document.createElement("video"), times = new Set();
  video.muted = true;
  const count = (_, { mediaTime }) => {
    times.add(mediaTime);
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
  const ended = new Promise((done, fail) => Object.assign(video, { onended: done, onerror: () => fail(video.error) }));
  video.src = `data:video/webm;base64,${text}`;
  await video.play();
  await ended;
  return [video.videoWidth, video.videoHeight, times.size];
}"""


def saved(page: Page, name: str, folder: Path) -> bytes:
    """What a button in the head of the first panel saves."""
    panel = page.locator(".stage section.panel").first
    panel.hover()  # with the pointer come the tools
    with page.expect_download() as coming:
        panel.get_by_role("button", name=name).click()
    coming.value.save_as(folder / coming.value.suggested_filename)
    return (folder / coming.value.suggested_filename).read_bytes()


@pytest.mark.browser
def test_a_panel_is_saved_as_a_picture_a_slide_and_a_film(page: Page, tmp_path: Path) -> None:
    opened(page, taken("gradient_descent", 20, tmp_path)[0])
    canvas = page.locator(".stage canvas").first
    size = [canvas.evaluate(f"(canvas) => canvas.{side}") for side in ("width", "height")]
    picture = Image.open(io.BytesIO(saved(page, "PNG", tmp_path)))
    assert picture.width == size[0] and picture.height > size[1] + 40, "there is a title and a legend above it"
    slide = Image.open(io.BytesIO(saved(page, "Slide", tmp_path)))
    assert slide.width == 2 * picture.width and slide.height > 2 * picture.height + 2 * 13, "and more to read"
    film = saved(page, "Film", tmp_path)
    assert page.evaluate(STEP) == 20, "the run was played to its end"
    width, height, pictures = page.evaluate(SEEN, base64.b64encode(film).decode())
    assert (width, height) == tuple(side + side % 2 for side in picture.size) and pictures > 5
    page.locator(".stage section.panel").first.get_by_role("button", name="Film").wait_for()


@pytest.mark.browser
@pytest.mark.timeout(600)
@pytest.mark.parametrize("slug", [
    pytest.param(slug, marks=pytest.mark.slow if slug in SLOW else pytest.mark.truths) for slug in engine.labs()
])  # fmt: skip
def test_the_page_of_a_lab_shows_at_least_sixty_moments_of_its_run(slug: str, page: Page, tmp_path: Path) -> None:
    file, head, seen = taken(slug, STEPS.get(slug, 200), tmp_path)
    assert file.stat().st_size <= LARGEST
    assert head["moments"] >= min(FEWEST, head["last_step"] + 1)
    opened(page, file)
    shows_the_run(page, seen, MOVES.get(slug))
