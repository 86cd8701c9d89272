"""My runs: what this browser keeps of the runs that it saw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plain_page import PlainPage
from playwright.sync_api import Browser
from visitor import visit

import engine
from engine.contract.described import describe

pytestmark = pytest.mark.browser

KEPT = "() => JSON.parse(localStorage.getItem('playground.runs') ?? '[]')"
MODULE = "const memory = await import('./assets/live/memory.js');"


def kept(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(KEPT)
    return found


def test_ten_are_kept_and_can_be_named_and_forgotten(plain: PlainPage) -> None:
    plain.clear()
    page = plain.page
    page.evaluate(f"""async () => {{ {MODULE}
      const entry = (k, step) => {{
        const id = `gan?seed=${{k}}`;
        return {{ id, run: `r${{k}}`, slug: "gan", link: `${{id}}&step=${{step}}`, name: `seed ${{k}}` }};
      }};
      for (let k = 0; k < 12; k++) memory.remember(entry(k, 9));
      memory.rename("gan?seed=7", "  the good one ");
      memory.remember({{ ...entry(7, 20), run: "r11" }});
      memory.forget("gan?seed=5");
    }}""")
    entries = kept(page)
    assert [each["id"] for each in entries] == [f"gan?seed={k}" for k in (7, 11, 10, 9, 8, 6, 4, 3, 2)]
    assert entries[0]["name"] == "the good one" and entries[0]["link"].endswith("step=20")
    assert entries[1]["run"] == "", "the run goes on with other settings: its address leads elsewhere now"
    said = page.evaluate(f"async () => {{ {MODULE} return memory.list().map(memory.address); }}")
    assert (
        said[0] == "http://plain.test/gan?seed=7&step=20&run=r11" and said[1] == "http://plain.test/gan?seed=11&step=9"
    )


def test_what_somebody_else_has_put_there_is_no_run(plain: PlainPage) -> None:
    plain.clear()
    for text in ("{", "7", "[null, 3]", json.dumps([{"id": "x", "link": "javascript:alert(1)"}])):
        plain.page.evaluate("(text) => localStorage.setItem('playground.runs', text)", text)
        assert plain.page.evaluate(f"async () => {{ {MODULE} return memory.list(); }}") == []
    plain.page.evaluate("localStorage.removeItem('playground.runs')")


def test_a_picture_is_small_however_busy_it_is(plain: PlainPage) -> None:
    plain.clear()
    noise = f"""async () => {{ {MODULE}
      const canvas = Object.assign(document.createElement("canvas"), {{ width: 1600, height: 1000 }});
      const context = canvas.getContext("2d"), image = context.createImageData(1600, 1000);
      for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 2654435761) >>> 24;
      context.putImageData(image, 0, 0);
      return [memory.thumbnail(canvas), memory.thumbnail(document.createElement("canvas"))];
    }}"""
    busy, blank = plain.page.evaluate(noise)
    assert all(len(each) <= 20_000 for each in (busy, blank)) and blank.startswith("data:image/")


def test_a_run_is_kept_when_it_rests_and_its_link_repeats_it(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent", seed="3", condition="30")
        assert kept(visitor.page) == [], "nothing has happened yet"
        step = visitor.play_to(20)
        visitor.until(lambda: [each["step"] for each in kept(visitor.page)] == [step], "the run to be kept")
        [entry] = kept(visitor.page)
        config = engine.lab("gradient_descent").Config
        assert entry["name"] == describe(config(seed=3, condition=30.0), config())
        assert entry["picture"].startswith("data:image/webp") and len(entry["picture"]) <= 20_000
        shown = visitor.still()
        visitor.button("New seed").click()
        visitor.until(lambda: visitor.step_number() == 0, "another run")
        visitor.step()
        visitor.until(lambda: len(kept(visitor.page)) == 2, "both runs to be kept")
        assert [each["run"] != "" for each in kept(visitor.page)] == [True, False]
        visitor.follow(f"{server}/{kept(visitor.page)[1]['link']}")
        visitor.until(lambda: visitor.step_number() == step, "the step of the run that was kept")
        visitor.settle()
        assert visitor.still() == shown
