"""Several planes in one panel: what is sent of them, and how they are laid out, named and zoomed in a browser."""

from __future__ import annotations

import numpy as np
import pytest
from plain_page import PlainPage
from scene_format import decode
from visitor import part

from engine.scene.planes import planes
from engine.scene.scene import Scene


def drawn(count: int = 4, facts: int = 2) -> Scene:
    scene = Scene(height=500)
    told = [(f"fact {k}", str(k)) for k in range(facts)]
    _, parts = planes(
        scene, "all", title="All", x=(-1, 1), y=(-1, 1), parts=[(f"Part {i}", told) for i in range(count)]
    )
    for i, plane in enumerate(parts):
        plane.points([[0.0, 0.0]], colours=[f"class_{i}"], name="Made")
        plane.points([[0.5, 0.5]], colours=["neutral"], name="Real")
    return scene


def test_each_plane_has_its_layers_and_the_arrays_are_shared() -> None:
    header, arrays = decode(drawn().to_bytes())
    [[panel]] = header["rows"]
    assert panel["kind"] == "planes" and [plane["title"] for plane in panel["planes"]] == [
        f"Part {i}" for i in range(4)
    ]
    for i, plane in enumerate(panel["planes"]):
        assert [layer["colours"] for layer in plane["layers"]] == [[f"class_{i}"], ["neutral"]]
        assert np.array_equal(arrays[plane["layers"][1]["xy"]], [[0.5, 0.5]])
        assert plane["facts"] == [["fact 0", "0"], ["fact 1", "1"]]


@pytest.mark.browser
def test_a_name_stands_in_the_legend_once_and_the_planes_are_zoomed(plain: PlainPage) -> None:
    with part("the planes"):
        plain.draw({"planes": drawn()})
        panel = plain.page.locator(".panel", has=plain.page.get_by_role("heading", name="All", exact=True))
        assert panel.locator(".legend button").all_inner_texts() == ["Made", "Real"]
        assert panel.locator(".legend button").first.locator("i").count() == 4
        canvas = panel.locator("canvas")
        assert "Part 3: fact 0 0, fact 1 1" in (canvas.get_attribute("aria-description") or "")
        before = canvas.evaluate("(c) => c.toDataURL()")
        panel.hover()  # with the pointer come the tools
        panel.get_by_role("button", name="Zoom in").click()
        plain.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert canvas.evaluate("(c) => c.toDataURL()") != before
        assert plain.problems == []


@pytest.mark.browser
def test_the_name_of_an_axis_that_is_longer_than_it_is_not_cut(plain: PlainPage) -> None:
    with part("a low plane"):
        plain.clear()
        scene = Scene(height=220)
        panel = scene.panel("low", title="Low", x=(0, 1), y=(0, 1), equal=False, x_label="x",
                            y_label="how much likelier it has become")  # fmt: skip
        panel.path([[0, 0.5], [1, 0.5]], colour="neutral", head=False)
        panel.text(0.9, 0.55, "a level line", mark=False, before=True)
        plain.draw({"low": scene})
        [seen] = plain.look()
        assert not seen["misprints"] and plain.problems == []
