"""What every lab's view draws, in one plain page without a server: no error, nothing empty, nothing too wide.

A scene is bytes that assets/scene.js draws, so neither Streamlit nor a worker is needed to see that it can be drawn in
light and dark, at a desk, on a tablet and on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from plain_page import PlainPage

import engine
from engine.contract import registry
from engine.contract.figure import Picture
from engine.contract.lesson import lessons
from engine.contract.view import View
from engine.scene.scene import Scene

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure
LABS = engine.labs()
WIDTHS = {1440: "at a desk", 768: "on a tablet", 390: "on a phone"}
STEPS = 8


def at_the_defaults(slug: str) -> dict[str, Scene]:
    """What the view makes of the beginning, of some steps, of a look back, of a run beside another, of its inside."""
    lab, views = registry.lab(slug), registry.view(slug)
    experiment = lab.Experiment(lab.Config())
    found = {"the stage at step 0": views.stage(View(experiment.frame(), experiment.config))}
    told = list(engine.train(experiment, STEPS))
    past = {}
    for name in {name for metrics in told for name in metrics}:
        steps = [step for step, metrics in enumerate(told, 1) if name in metrics]
        past[name] = np.array(steps), np.array([told[step - 1][name] for step in steps])
    for what, at, beside in (("later", STEPS, False), ("looking back", STEPS // 2, False), ("beside", STEPS, True)):
        view = View(experiment.frame(), experiment.config, past, at, STEPS, beside)
        found[f"the stage {what}"] = views.stage(view)
        if hasattr(views, "curves"):
            found[f"the curves {what}"] = views.curves(view)
    inside = views.inside(view) if hasattr(views, "inside") else []
    pictures = [figure.scene for figure in inside if isinstance(figure, Picture)]
    found.update({f"inside, picture {number}": scene for number, scene in enumerate(pictures, 1)})
    return found


def of_lessons(slug: str) -> dict[str, Scene]:
    """What the view makes of the first step of every lesson."""
    lab, found = registry.lab(slug), {}
    for lesson in lessons(slug):
        experiment = lab.Experiment(lesson.config(lab.Config))
        experiment.step()
        view = View(experiment.frame(), experiment.config, {}, 1, 1)
        found[f"the lesson {lesson.slug}"] = registry.view(slug).stage(view)
    return found


def look(plain: PlainPage, drawn: Iterable[str], where: str) -> None:
    """Find nothing wrong with what is on the page."""
    panels = plain.look()
    assert {panel["scene"] for panel in panels} == set(drawn), f"{where}: a scene without a panel"
    for panel in panels:
        what = f"{where}: {panel['scene']}, “{panel['title']}”"
        if panel["words"] is None:
            assert panel["title"], f"{what} has no title"
            assert panel["colours"] and min(panel["colours"]) > 2, f"{what} has a canvas that is empty"
        else:
            assert panel["words"], f"{what} says nothing"
        assert not panel["misprints"], f"{what}: {'; '.join(panel['misprints'][:8])}"
        assert panel["beyond"] <= 0, f"{what} is {panel['beyond']:.0f} px wider than the window"
    beyond = plain.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    assert beyond <= 0, f"{where}: the page is {beyond} px wider than the window"


@pytest.mark.parametrize("slug", LABS)
def test_every_picture_can_be_drawn_in_light_and_dark_and_at_every_width(plain: PlainPage, slug: str) -> None:
    plain.clear()
    drawn = at_the_defaults(slug)
    for mode in ("light", "dark"):
        plain.draw(drawn, mode)
        for width, where in WIDTHS.items():
            plain.page.set_viewport_size({"width": width, "height": 900})
            look(plain, drawn, f"{mode}, {where}")
    assert plain.problems == []
    plain.clear()
    drawn = of_lessons(slug)
    plain.page.set_viewport_size({"width": width, "height": 900})
    plain.draw(drawn, mode)
    look(plain, drawn, f"{mode}, {where}")
    assert plain.problems == []
