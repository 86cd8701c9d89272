"""What every lab's page does, in a real browser: one journey and one lesson for each of them."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from accessible import violations
from formulas import left_as_written, not_whole, open_mathematics
from playwright.sync_api import Browser, Locator, expect
from visitor import Visitor, part, visit

import engine
from engine.contract.knobs import Knob
from ui import lesson, shell
from ui.link import RESERVED

LABS = [entry.slug for entry in shell.labs()]
LESSONS = [slug for slug in LABS if lesson.lessons(slug)]
SEED = 7
# Whose journeys are whole in continuous integration: one of pictures and stored networks, one of passages, one where
# numbers are set by hand.  How futures are compared, linked and taken home is the same in all labs, and what is a lab's
# own of it is tested in tests/ui/test_futures.py; the others are whole in `make truths`.
WHOLE = ("adversarial_examples", "attention_heads", "neural_network")
# Of stored networks nothing is known of how they learned, so there would be no curves to compare.
BEGINS = {"adversarial_examples": {"start": "scratch"}}
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure


def live_knob(slug: str) -> str:
    """A knob of the lab that is a slider, changes while it trains, and is shown at the defaults."""
    config_class = engine.lab(slug).Config
    knobs = config_class.knobs()
    for name, spec in knobs.items():
        on, _, wanted = spec.when.partition("=")
        held = getattr(config_class(), on, "")
        held = [str(v) for v in held] if isinstance(held, tuple) else [knobs[on].format(held) if on else ""]
        if spec.live and spec.kind == "float" and set(held) & set(wanted.split("|")) and spec.group != "view":
            return name
    pytest.fail(f"{slug} has no live knob that is a slider")


def same_picture(one: Visitor, expected: list[str], what: str) -> None:
    one.until(lambda: one.pictures() == expected, f"the picture {what}")


@pytest.mark.parametrize("slug", LABS)
def test_a_journey_through_the_page(browser: Browser, server: str, slug: str) -> None:
    """What may differ from lab to lab: its pictures while it plays and is looked back at, its figures, its formulas.

    What is said if it fails begins with the part of the journey.
    """
    with visit(browser, server) as visitor:
        with part("arriving"):
            visitor.open(slug, seed=str(SEED), **BEGINS.get(slug, {}))
            assert visitor.step_number() == 0
            expect(visitor.page.get_by_role("heading", level=2)).to_contain_text("?")
        with part("playing"):
            plays_pauses_steps_and_resets(visitor)
        with part("looking inside"):
            looks_inside(visitor)
        with part("reading"):
            reads(visitor)
        with part("the end"):
            assert visitor.notices() == [] and visitor.tracebacks() == 0


@pytest.mark.parametrize(
    "slug", [pytest.param(slug, marks=[pytest.mark.truths] * (slug not in WHOLE)) for slug in LABS]
)
def test_a_journey_with_two_futures(browser: Browser, server: str, slug: str, tmp_path: Path) -> None:
    """A visitor compares, branches, sends a link and takes the run home: a page is loaded only where it must."""
    with visit(browser, server) as visitor:
        visitor.open(slug, seed=str(SEED), **BEGINS.get(slug, {}))
        with part("keeping"):
            visitor.step()
            keeps(visitor)
        with part("branching"):
            first, compared = branches(visitor, live_knob(slug))
        with part("the link"), visit(browser, server) as other:
            curves = brings_both_runs(visitor, other, live_knob(slug))
        with part("removing"):
            visitor.button("Remove").click()
            compared.wait_for(state="detached")
            visitor.until(lambda: visitor.pictures(visitor.curves) != curves, "the curves of the second future to go")
        with part("exporting"):
            visitor.seek(first)
            pictures = visitor.still()
            exports_the_run(visitor, slug, first, tmp_path)
        with part("reloading"):
            visitor.reload()
            visitor.until(lambda: visitor.step_number() == first, "the same run after a reload")
            same_picture(visitor, pictures, "before the reload")
        with part("the end"):
            assert visitor.notices() == [] and visitor.tracebacks() == 0


def plays_pauses_steps_and_resets(visitor: Visitor) -> None:
    first = visitor.still()

    visitor.play()
    visitor.until(lambda: visitor.step_number() > 3, "the steps to go on")
    visitor.until(lambda: visitor.pictures() != first, "the picture to change")
    visitor.pause()
    stopped = visitor.step_number()
    pictures = visitor.pictures()

    visitor.step()
    assert visitor.step_number() == stopped + 1
    expect(visitor.button("Play")).to_be_visible()
    visitor.until(lambda: visitor.pictures() != pictures, "the picture of one step more")
    latest = visitor.still()

    visitor.seek(1)
    visitor.until(lambda: f"1 of {stopped + 1:,}" in visitor.step_text(), "the step and how far it has come")
    early = visitor.still()
    visitor.seek(stopped + 1)
    same_picture(visitor, latest, "of the last step")
    visitor.seek(1)
    same_picture(visitor, early, "of the first step")

    visitor.reset()
    same_picture(visitor, first, "of the beginning")

    visitor.page.get_by_role("heading", level=2).click()
    visitor.page.keyboard.press("Space")
    visitor.until(lambda: visitor.step_number() > 0, "the space bar to play")
    visitor.page.keyboard.press("Space")
    expect(visitor.button("Play")).to_be_visible()
    assert visitor.notices() == [] and visitor.tracebacks() == 0


def keeps(visitor: Visitor) -> None:
    """The run that was played is kept beside a new one, and put away again."""
    visitor.settle()
    visitor.button("Keep for comparison").click()
    compared = visitor.page.get_by_text("Compared:")
    compared.wait_for()
    visitor.until(lambda: visitor.step_number() == 0, "a new run")
    visitor.settle()
    assert compared.count() == 1
    visitor.button("Remove").click()
    compared.wait_for(state="detached")


def branches(visitor: Visitor, knob: str) -> tuple[int, Locator]:
    """A knob is turned at step 2, and again in the past, at step 4: both futures are seen, the first on stage.

    Returns how far the first future had come, and the line that says what is compared.
    """
    visitor.open_groups(knob)
    visitor.step()
    visitor.step()
    visitor.turn(knob)
    last = visitor.play_to(8)
    visitor.seek(4)
    value = visitor.turn(knob)
    said = visitor.page.locator(f".st-key-{visitor.slug}-looking_back")
    expect(said).to_contain_text(value)  # named beside the button, and not yet done
    assert visitor.step_number() == 4

    visitor.settle()
    visitor.button("Branch from here").click()
    compared = visitor.page.get_by_text("Compared:")
    compared.wait_for()
    assert compared.count() == 1
    visitor.until(lambda: visitor.step_number() > 6, "the branch to go on")
    visitor.pause()
    expect(visitor.key("beside").get_by_role("img").first).to_be_visible()  # side by side
    shown = visitor.canvases.count()
    assert visitor.key("beside").get_by_role("img").count() == shown
    before = " ".join(compared.locator("xpath=..").inner_text().split())
    assert value not in before, "the first future keeps its own setting"

    visitor.page.get_by_text("Side by side", exact=True).click()
    visitor.key("beside").wait_for(state="detached")
    visitor.button("On stage").click()
    visitor.until(lambda: f"4 of {last:,}" in visitor.step_text(), "the first future, at the moment of the branch")
    visitor.settle()
    return last, compared


def brings_both_runs(visitor: Visitor, other: Visitor, knob: str) -> list[str]:
    """Another browser shows by the link what is on screen: moment, pictures, knobs and both futures in the curves."""
    values = visitor.values()
    link = visitor.share()
    assert link.startswith(f"{visitor.address}/{visitor.slug}?")
    visitor.page.keyboard.press("Escape")
    other.follow(link)
    other.page.get_by_text("Compared:").wait_for()
    other.page.get_by_text("Side by side", exact=True).click()
    other.until(lambda: other.step_text() == visitor.step_text(), "the moment that the link tells of")
    other.until(lambda: other.pictures() == visitor.pictures(), "the picture of the run that the link tells of")
    curves = lambda one: one.pictures(one.curves)  # noqa: E731
    other.until(lambda: curves(other) == curves(visitor), "both futures in the curves of the link")
    other.open_groups(knob)
    other.until(lambda: other.values() == values, f"the knobs {values}")
    other.until(lambda: knobs(other) == knobs(visitor), f"the link {visitor.page.url}")
    assert other.notices() == []
    return visitor.pictures(visitor.curves)


def knobs(visitor: Visitor) -> dict[str, str]:
    """What the address says of every knob that is not at its default."""
    return {name: text for name, text in visitor.link.items() if name not in RESERVED}


def exports_the_run(visitor: Visitor, slug: str, at: int, folder: Path) -> None:
    """The script repeats the run to the digit, and the weights fit the lab's model."""
    visitor.share()
    metrics = visitor.download("Metrics", folder / "metrics.csv").read_text(encoding="utf-8")
    script = visitor.download("Python, to the digit", folder / "run.py").read_text(encoding="utf-8")
    weights = visitor.download("Weights", folder / "model.safetensors")
    visitor.page.keyboard.press("Escape")

    table = list(csv.DictReader(io.StringIO(metrics)))
    assert int(table[-1]["step"]) == at
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(script, "run.py", "exec"), {})
    printed = dict(line.split(" = ") for line in said.getvalue().splitlines() if " = " in line)
    assert printed == {name: text for name, text in table[-1].items() if name != "step"}
    assert f"after {at} steps" in said.getvalue()
    lab = engine.lab(slug)
    state = lab.Experiment(lab.Config(seed=SEED), "cpu").model.state_dict()
    loaded = safetensors.torch.load_file(weights)
    assert {name: tensor.shape for name, tensor in loaded.items()} == {n: t.shape for n, t in state.items()}


def looks_inside(visitor: Visitor) -> None:
    """Nobody is kept out of the page, as it is with a past, with its groups of knobs and with its figures inside."""
    if (inside := visitor.key("tab").get_by_text("Inside", exact=True)).count():
        inside.click()
        visitor.settle()
        for chart in visitor.page.locator(".stVegaLiteChart, .stPlotlyChart").all():
            chart.locator("canvas, svg").first.wait_for()
    visitor.open_groups()
    assert violations(visitor.page) == []


def reads(visitor: Visitor) -> None:
    """Every formula is drawn as one, whole, and the page fits: at a desk, on a tablet and on a phone."""
    text = open_mathematics(visitor)
    assert left_as_written(text) == ""
    for width in (1440, 768, 390):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.settle()
        with part(f"{width} px wide"):
            assert not_whole(text) == []
            assert visitor.overflow() == 0


@pytest.mark.slow
@pytest.mark.parametrize("slug", LESSONS)
def test_the_first_lesson_asks_runs_and_explains(browser: Browser, server: str, slug: str) -> None:
    take(browser, server, slug, lesson.lessons(slug)[:1])


@pytest.mark.truths
@pytest.mark.parametrize("slug", LESSONS)
def test_every_other_lesson_asks_runs_and_explains(browser: Browser, server: str, slug: str) -> None:
    take(browser, server, slug, lesson.lessons(slug)[1:])


def linked(visitor: Visitor, name: str, spec: Knob) -> Any:
    """What the address says of a knob."""
    said = visitor.link.get(name)
    return spec.default if said is None else spec.parse(said)


def take(browser: Browser, server: str, slug: str, lessons: Sequence[lesson.Lesson]) -> None:
    """Take each of these lessons as a visitor does: predict, play, read."""
    with visit(browser, server) as visitor:
        visitor.open(slug)
        for number, each in enumerate(lessons):
            while (open_ := visitor.page.locator('.tab[aria-expanded="true"]')).count():
                open_.first.click()  # so that what is open in the end was opened by this lesson
            visitor.key("lesson").get_by_text(each.title, exact=True).click()
            visitor.until(lambda each=each: visitor.link.get("lesson") == each.slug, "the lesson in the link")
            visitor.settle()
            question = visitor.key("asked")
            expect(question).to_contain_text("Predict.")
            for name, text in each.params.items():
                spec = engine.lab(slug).Config.knobs()[name]
                wanted = spec.parse(text)
                visitor.until(
                    lambda name=name, spec=spec, wanted=wanted: linked(visitor, name, spec) == wanted,
                    f"{name} = {text} in {visitor.page.url}",
                )
            visitor.until(lambda: visitor.step_number() == 0, "the lesson to begin")
            expect(visitor.page.get_by_text("Compared:")).to_have_count(int(each.beside is not None))
            if each.answers:
                question.get_by_text(each.answers[each.right or 0], exact=True).click()
            expect(visitor.key("outcome")).to_have_count(0)
            visitor.settle()
            visitor.page.evaluate("document.fonts.ready")
            if number and each.happened:
                visitor.button("Play to the moment" if each.answers else "Do not ask, show me").click()
            else:
                visitor.button("Play").click()
            visitor.until(lambda: visitor.step_number() > 0, "the lesson to run")
            if each.answers:  # whoever has seen it begin predicts no more
                expect(question.get_by_role("radio").first).to_be_disabled()
            expect(visitor.key("outcome")).to_be_visible(timeout=240_000)
            if each.answers:
                expect(visitor.key("outcome")).to_contain_text("You predicted it")
            if each.point and each.happened:
                pointed = visitor.page.locator("section.panel.pointed")  # on both stages, where there are two
                expect(pointed).to_have_count(1 + int(each.beside is not None))
                marked = pointed.first.locator(".legend button.pointed")
                expect(marked).to_have_count(int(bool(each.point.layer)))
            tabs = visitor.page.locator('.tab[aria-expanded="true"]')
            if wanted := len(each.panels) * (1 + int(each.beside is not None)):
                expect(tabs.nth(wanted - 1)).to_be_attached()
        assert visitor.notices() == [] and visitor.tracebacks() == 0


# Which page it is makes no difference to what follows: two of them stand for all.


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param("gradient_descent", marks=pytest.mark.slow),
        pytest.param("generative_families", marks=pytest.mark.truths),
    ],
)
def test_views_of_a_page(browser: Browser, server: str, slug: str) -> None:
    """Wrong links, a lecture hall, hidden knobs, the dark, a telephone: each is a page without an error."""
    config_class = engine.lab(slug).Config
    number = next(spec for spec in config_class.knobs().values() if spec.kind in ("int", "float"))
    bad = {number.name: f"{number.high * 2 + 1:g}", "seed": "<b>x</b>", "no_such_knob": "1", "step": "many"}
    with visit(browser, server) as visitor:
        visitor.open(slug, **bad)
        notices = " ".join(visitor.notices())
        for name in bad:
            assert name in notices
        assert f"Using {number.format(number.default)} instead" in notices
        assert "Traceback" not in visitor.said() and visitor.tracebacks() == 0
        assert visitor.step_number() == 0
        plain = size_of_the_step(visitor)

        visitor.open(slug, view="lecture", hide="seed")
        assert size_of_the_step(visitor) > plain
        visitor.open_groups()
        expect(visitor.key("seed")).to_have_count(0)
        assert visitor.notices() == [] and visitor.overflow() == 0
    with visit(browser, server, color_scheme="dark", viewport={"width": 390, "height": 844}) as visitor:
        visitor.open(slug)
        dark = visitor.page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        assert max(int(channel) for channel in re.findall(r"\d+", dark)[:3]) < 64
        assert visitor.overflow() == 0
        visitor.step()
        assert visitor.step_number() == 1
        assert visitor.overflow() == 0 and visitor.notices() == []


def size_of_the_step(visitor: Visitor) -> float:
    """Size of the text of the counter, in pixels."""
    counter = visitor.page.locator(".st-key-step .live")
    return float(counter.evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)"))
