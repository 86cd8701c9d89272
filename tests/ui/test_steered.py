"""A page whose run is steered past it: it turns only what was turned on it, and shows what the run says of the rest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import drive
import pytest
from drive import sound
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import runs
from engine.contract import registry
from engine.contract.lesson import Lesson, Point, lessons
from engine.runs.history import Look
from ui import link
from ui.lesson import NO_ANSWER
from ui.page import describe
from ui.taught import apart

SLUG = "neural_network"
CONFIG = engine.lab(SLUG).Config
RATE, DECAY = "learning_rate", "l2"  # live knobs
ANNA = "anna" * 6


@pytest.fixture(autouse=True)
def _fresh_server() -> Iterator[None]:
    runs.stop()
    yield
    runs.stop()


def arrive(**params: str) -> AppTest:
    """A tab of one browser at the page."""
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{SLUG}.py")
    app.session_state["shell.owner"] = ANNA
    for number in range(8):  # no group of knobs is folded away
        app.session_state[f"{SLUG}.group.{number}"] = True
    for name, text in params.items():
        app.query_params[name] = text
    return sound(app.run())


def press(app: AppTest, button: str) -> AppTest:
    return sound(app.button(key=f"{SLUG}.{button}").click().run())


def turn(app: AppTest, name: str, value: Any) -> AppTest:
    [widget] = [each for each in app.select_slider if each.key == f"{SLUG}.{name}"]
    return sound(widget.set_value(value).run())


def shown(app: AppTest) -> dict[str, Any]:
    """What the sliders say."""
    return {each.key: each.value for each in app.select_slider}


def texts(app: AppTest) -> str:
    return "\n".join(markdown.value for markdown in app.markdown)


def group(app: AppTest) -> list[Look]:
    """The runs that are shown together, the leader first."""
    return [run.report() for run in drive.run_of(app, SLUG).group()]


def agree(app: AppTest) -> bool:
    """Whether the page and its run say the same of who leads and who stands beside it."""
    here = drive.player(app, SLUG)
    assert here.on_stage is not None
    said = [watched.run.id for watched in (here.on_stage, *here.compared)]
    parts = ("transport", "step", "timeline", "progress", "stage", "curves")
    places = [told["run"] for part in parts for told in drive.told(app, part)]
    return set(said) == {run.id for run in here.on_stage.run.group()} and set(places) == {said[0]}


# ---------------------------------------------------------------------- knobs


def test_what_another_tab_turned_is_shown_and_stays_when_this_one_turns_something() -> None:
    app = arrive()
    drive.run_of(app, SLUG).update({RATE: 0.3})
    sound(drive.nudge(app))
    assert shown(app)[f"{SLUG}.{RATE}"] == 0.3 and drive.player(app, SLUG).wanted == CONFIG(learning_rate=0.3)
    turn(app, DECAY, 0.01)
    both = CONFIG(learning_rate=0.3, l2=0.01)
    assert drive.run_of(app, SLUG).report().wanted == drive.player(app, SLUG).wanted == both
    assert (app.query_params[RATE], app.query_params[DECAY]) == ("0.3", "0.01")


def test_a_stale_page_overwrites_nothing() -> None:
    """It turns something before it has heard what another tab turned, and goes on as if it had."""
    app = arrive()
    tab = arrive(run=drive.run_of(app, SLUG).id)
    turn(tab, RATE, 0.3)
    turn(app, DECAY, 0.01)
    both = CONFIG(learning_rate=0.3, l2=0.01)
    for _ in range(2):
        assert drive.run_of(app, SLUG).report().wanted == drive.player(app, SLUG).wanted == both
        assert (shown(app)[f"{SLUG}.{RATE}"], shown(app)[f"{SLUG}.{DECAY}"]) == (0.3, 0.01)
        sound(app.run())
    sound(drive.nudge(tab))
    assert (shown(tab)[f"{SLUG}.{RATE}"], shown(tab)[f"{SLUG}.{DECAY}"]) == (0.3, 0.01)
    press(tab, "undo")
    drive.nudge(app)
    assert drive.run_of(app, SLUG).report().wanted == drive.player(app, SLUG).wanted


def test_a_message_that_is_older_than_what_the_run_changed_turns_no_knob_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A press on its way to the server carries what the knobs showed before; a moment later the same is meant."""
    monkeypatch.setattr(link, "ECHO", math.inf)
    app = arrive()
    before = shown(app)[f"{SLUG}.{RATE}"]
    drive.run_of(app, SLUG).update({RATE: 0.3})
    sound(drive.nudge(app))
    turn(app, RATE, before)
    assert shown(app)[f"{SLUG}.{RATE}"] == drive.run_of(app, SLUG).report().wanted.learning_rate == 0.3
    monkeypatch.setattr(link, "ECHO", -1.0)
    turn(app, RATE, before)
    assert shown(app)[f"{SLUG}.{RATE}"] == drive.run_of(app, SLUG).report().wanted.learning_rate == before != 0.3


def test_a_knob_that_was_turned_and_not_yet_sent_is_not_lost_to_a_nudge() -> None:
    """Streamlit may carry both in one run of the page."""
    app = arrive()
    drive.run_of(app, SLUG).update({RATE: 0.3})
    [widget] = [each for each in app.select_slider if each.key == f"{SLUG}.{DECAY}"]
    widget.set_value(0.01)
    sound(drive.nudge(app))
    both = CONFIG(learning_rate=0.3, l2=0.01)
    assert drive.run_of(app, SLUG).report().wanted == drive.player(app, SLUG).wanted == both
    assert (shown(app)[f"{SLUG}.{RATE}"], shown(app)[f"{SLUG}.{DECAY}"]) == (0.3, 0.01)


def test_what_was_wrong_with_a_link_is_said_until_something_is_turned_here() -> None:
    app = arrive(learning_rate="fast")
    assert len(app.warning) == 1
    drive.run_of(app, SLUG).update({DECAY: 0.01})
    assert len(sound(drive.nudge(app)).warning) == 1
    assert not turn(app, RATE, 0.3).warning


def test_a_live_knob_turned_at_an_earlier_moment_waits_and_is_named_in_the_offer() -> None:
    app = arrive()
    drive.seek(drive.step(app, SLUG, 3), SLUG, 1)
    assert "You look at an earlier moment." in texts(app)
    first = drive.look(app, SLUG).config
    turn(app, RATE, 0.3)
    now, wanted = drive.run_of(app, SLUG).report(), dataclasses.replace(first, learning_rate=0.3)
    assert (now.config, now.wanted, now.changed_at, now.step, now.last_step) == (first, wanted, (), 1, 3)
    assert f"Turned: **{describe(wanted, first)}**" in texts(app)
    sound(drive.nudge(app))
    assert shown(app)[f"{SLUG}.{RATE}"] == 0.3
    sound(drive.step(app, SLUG))
    now = drive.run_of(app, SLUG).report()
    assert (now.config, now.changed_at, now.step, now.last_step) == (wanted, (1,), 2, 2)
    assert "Turned:" not in texts(app) and drive.player(app, SLUG).config == wanted


def test_a_knob_that_waits_still_waits_after_a_reload() -> None:
    app = arrive()
    drive.seek(drive.step(app, SLUG, 3), SLUG, 1)
    turn(app, RATE, 0.3)
    wanted = drive.run_of(app, SLUG).report().wanted
    again = arrive(run=drive.run_of(app, SLUG).id)
    assert shown(again)[f"{SLUG}.{RATE}"] == 0.3 and "Turned: **" in texts(again)
    assert drive.run_of(again, SLUG).report().wanted == drive.player(again, SLUG).wanted == wanted


def test_another_seed_begins_again_and_those_who_march_begin_with_it() -> None:
    app = arrive(compare='[["seed=5",1]]')
    drive.step(app, SLUG, 2)
    press(app, "new_seed")
    assert [(look.config.seed, look.step) for look in group(app)] == [(1, 0), (5, 0)]
    press(app, "undo")
    assert [(look.config.seed, look.step) for look in group(app)] == [(0, 0), (5, 0)]


# ---------------------------------------------------------------------- compared runs


def test_a_branch_leads_and_the_first_future_stands_beside_it() -> None:
    app = arrive()
    drive.seek(drive.step(app, SLUG, 4), SLUG, 2)
    turn(app, RATE, 0.3)
    old = drive.run_of(app, SLUG)
    press(app, "branch")
    drive.act(app, SLUG, lambda run: run.pause())
    here, new = drive.player(app, SLUG), drive.run_of(app, SLUG)
    [beside] = here.compared
    assert new.id != old.id == beside.run.id and agree(app)
    assert [run.marches for run in new.group()] == [True, False]
    assert (here.config.learning_rate, beside.look.step, beside.look.last_step) == (0.3, 2, 4)
    assert beside.label in texts(app) and beside.label == describe(CONFIG(), here.config)
    before = drive.look(app, SLUG).step
    sound(drive.step(app, SLUG))
    assert [look.step for look in group(app)] == [before + 1, 2]
    press(app, "swap.0")
    now = old.report()
    assert drive.run_of(app, SLUG).id == old.id and (now.step, now.last_step) == (2, 4)
    assert (drive.player(app, SLUG).config, drive.player(app, SLUG).wanted) == (now.config, now.wanted)
    assert shown(app)[f"{SLUG}.{RATE}"] == now.wanted.learning_rate


def test_what_is_kept_is_swapped_and_removed() -> None:
    app = arrive(seed="3")
    app.button(key=f"{SLUG}.keep").click().run()
    assert "There is nothing to keep yet" in app.error[0].value
    assert not sound(drive.step(app, SLUG, 2)).error
    first = drive.run_of(app, SLUG)
    press(app, "keep")
    second = drive.run_of(app, SLUG)
    assert second.id != first.id and agree(app) and [run.marches for run in second.group()] == [True, False]
    sound(drive.step(app, SLUG, 3))
    assert [look.step for look in group(app)] == [3, 2]
    stages = [(told["of"], told["title"]) for told in drive.told(app, "stage")]
    assert stages == [(second.id, "Left: on stage"), (first.id, "Right: run 1, seed 3")]
    press(app, "swap.0")
    assert drive.run_of(app, SLUG).id == first.id and agree(app)
    assert [run.id for run in first.group()] == [first.id, second.id]
    press(app, "drop.0")
    assert [run.id for run in first.group()] == [first.id] and agree(app) and second.report().status == "lost"
    [stage] = drive.told(app, "stage")
    assert (stage["of"], stage["title"]) == (first.id, "")
    sound(drive.step(app, SLUG))
    assert first.report().step == 3


def test_no_more_than_three_stand_beside_it_and_a_refusal_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYGROUND_RUNS_PER_WORKER", "2")
    runs.stop()
    app = arrive()
    drive.step(app, SLUG)
    press(app, "keep")
    drive.step(app, SLUG)
    drive.play(app, SLUG)
    app.button(key=f"{SLUG}.keep").click().run()
    assert "There is no place beside this run" in app.error[0].value and agree(app)
    assert drive.look(app, SLUG).status == "running" and len(group(app)) == 2
    assert not drive.act(app, SLUG, lambda run: run.pause()).error


def test_a_reload_brings_back_the_runs_beside() -> None:
    app = arrive(compare='[["seed=5",1]]')
    drive.step(app, SLUG, 2)
    press(app, "keep")
    again = arrive(run=drive.run_of(app, SLUG).id)
    here, there = drive.player(again, SLUG), drive.player(app, SLUG)
    assert [w.run.id for w in here.compared] == [run.id for run in drive.run_of(app, SLUG).group()][1:]
    assert {w.run.id for w in here.compared} == {w.run.id for w in there.compared} and len(here.compared) == 2
    assert agree(again) and all(watched.run.key and watched.label in texts(again) for watched in here.compared)
    press(again, "drop.0")
    sound(drive.step(again, SLUG))


def test_a_link_says_who_marches() -> None:
    app = arrive(compare='[["seed=5",1]]')
    drive.step(app, SLUG, 2)
    press(app, "keep")
    app.session_state[f"{SLUG}.share"] = True
    sound(app.run())
    link = dict(parse_qsl(urlsplit(app.code[0].value).query))
    told = arrive(**link)
    sound(drive.settle(told, SLUG))
    marching = [
        (watched.look.config.seed, watched.look.step, watched.run.marches)
        for watched in drive.player(told, SLUG).compared
    ]
    assert sorted(marching) == [(0, 2, False), (5, 2, True)]


# ---------------------------------------------------------------------- picks in a figure that stands still


def test_what_is_picked_under_inside_turns_knobs_and_sets_numbers_as_on_the_stage() -> None:
    app = arrive()
    app.session_state[f"{SLUG}.tab"] = "Inside"
    sound(drive.step(app, SLUG))
    before = drive.look(app, SLUG)
    sound(drive.pick(app, panel="hidden", kind="plane", x=0.0, y=0.0))  # the lab has no answer to it
    assert drive.look(app, SLUG).version == before.version
    sound(drive.pick(app, panel="output", kind="plane", x=0.5, y=-0.5))
    follow = drive.run_of(app, SLUG).report().wanted.follow
    assert follow != before.wanted.follow and app.query_params["follow"] == str(follow)
    assert drive.player(app, SLUG).wanted.follow == follow and not drive.look(app, SLUG).changed_at  # it only looks
    sound(drive.pick(app, panel="graph", kind="edge", layer=0, source=0, target=0, value=2.5))
    assert drive.look(app, SLUG).changed_at == (1,)
    drive.pick(app, panel="graph", kind="edge", layer=0, source=0, target=0, value=1e9)
    assert "give a number from -100 to 100" in app.error[0].value and drive.look(app, SLUG).changed_at == (1,)


# ---------------------------------------------------------------------- a lesson


def lesson() -> Lesson:
    return min((each for each in lessons(SLUG) if each.runs_to), key=lambda each: each.runs_to or 0)


def test_the_transport_is_told_where_a_lesson_ends_and_play_goes_on_from_there() -> None:
    chosen = lesson()
    app = arrive(lesson=chosen.slug)
    assert "**What happened.**" not in texts(app)
    drive.run_of(app, SLUG).speed(None)
    assert [told["until"] for told in drive.told(app, "transport")] == [chosen.runs_to]
    drive.play(app, SLUG)
    sound(drive.settle(app, SLUG))
    assert (drive.look(app, SLUG).step, drive.look(app, SLUG).status) == (chosen.runs_to, "paused")
    assert "**What happened.**" in texts(app) and "cannot be told" not in texts(app)
    drive.play(app, SLUG)
    while drive.picture(app, SLUG).step <= (chosen.runs_to or 0):
        pass
    drive.act(app, SLUG, lambda run: run.pause())
    press(app, "defaults")
    app.pills(key=f"{SLUG}.lesson").set_value(None).run()
    assert [told["until"] for told in drive.told(app, "transport")] == [None]


def test_what_happened_names_the_numbers_of_the_step_where_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks earlier waits for it, and nobody reads numbers that run on."""
    point = Point("graph", "Points")
    chosen = dataclasses.replace(
        lesson(), explain="", happened="It was step {now:.0f}.", otherwise="", when="", at=4, runs_to=4, point=point,
        knobs=("batch_size",),
    )  # fmt: skip
    monkeypatch.setattr("ui.lesson.lessons", lambda slug: (chosen,))
    monkeypatch.setattr(registry.view(SLUG), "facts", lambda view: {"now": view.step}, raising=False)
    app = arrive(lesson=chosen.slug)
    assert f"{SLUG}.batch_size" in app.session_state  # drawn: its group is folded otherwise
    drive.step(app, SLUG, 2)
    assert {str(told["point"]) for told in drive.told(app, "stage")} == {"None"}
    assert "It was step" not in texts(app)
    app.button(key=f"{SLUG}.lesson.{chosen.slug}.shown.ask").click().run()
    sound(drive.settle(app, SLUG))
    for _ in range(2):
        assert "It was step 4." in texts(app)
        assert all(told["point"] == dataclasses.asdict(point) for told in drive.told(app, "stage"))
        drive.step(app, SLUG)
    sound(drive.reset(app, SLUG))
    drive.play(app, SLUG)
    sound(drive.settle(app, SLUG))
    for _ in range(2):
        assert "It was step 4." in texts(app)
        sound(drive.step(app, SLUG, 3))


def test_what_happened_is_not_told_of_a_run_that_is_no_longer_the_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = dataclasses.replace(
        lesson(), explain="", happened="It was step {now:.0f}.", otherwise="", when="", at=4, runs_to=4
    )
    monkeypatch.setattr("ui.lesson.lessons", lambda slug: (chosen,))
    monkeypatch.setattr(registry.view(SLUG), "facts", lambda view: {"now": view.step}, raising=False)
    app = arrive(lesson=chosen.slug)
    player = drive.player(app, SLUG)
    drive.act(app, SLUG, lambda run: run.update({"learning_rate": "0.123", "seed": "5"}))
    drive.step(app, SLUG, 4)
    assert "no longer the run that the lesson is about: it has learning rate 0.123." in texts(app)
    assert player.on_stage is not None and player.on_stage.look.config.seed == 5
    for seed in (None, chosen.slug):
        sound(app.pills(key=f"{SLUG}.lesson").set_value(seed).run())
    drive.act(app, SLUG, lambda run: run.update({"seed": "5"}))  # another seed is the same lesson
    drive.step(app, SLUG, 4)
    assert "It was step 4." in texts(app)


def test_two_runs_that_chance_sets_apart_are_no_longer_the_lessons() -> None:
    wanted = [CONFIG(hidden=()), CONFIG(hidden=(8,))]
    assert apart([CONFIG(hidden=(), seed=4), CONFIG(hidden=(8,), seed=4)], wanted) == ""
    assert apart([CONFIG(hidden=(), seed=4), CONFIG(hidden=(8,))], wanted) == "the two have not the same seed"
    assert apart([CONFIG(hidden=(), data_seed=4), CONFIG(hidden=(8,))], wanted).endswith("data seed")
    assert apart([CONFIG(seed=4)], wanted[:1]) == ""


def test_the_first_play_locks_the_answer_until_the_lesson_is_chosen_again() -> None:
    chosen = lesson()
    app = arrive(lesson=chosen.slug)
    key = f"{SLUG}.lesson.{chosen.slug}.answer"
    for answer in chosen.answers[:2]:
        sound(app.radio(key=key).set_value(answer).run())
    assert [told["lock"] for told in drive.told(app, "transport")] == [True] and not app.radio(key=key).disabled
    drive.play(app, SLUG)
    sound(drive.nudge(app))
    for _ in range(2):
        assert app.radio(key=key).disabled and app.radio(key=key).value == chosen.answers[1]
        assert [told["lock"] for told in drive.told(app, "transport")] == [False]
        drive.reset(app, SLUG)
    for slug in (None, chosen.slug):
        sound(app.pills(key=f"{SLUG}.lesson").set_value(slug).run())
    assert not app.radio(key=key).disabled and app.radio(key=key).value is None
    assert [told["lock"] for told in drive.told(app, "transport")] == [True]


def test_a_reload_in_a_lesson_goes_on_with_its_run_and_takes_no_answer_any_more() -> None:
    chosen = lesson()
    app = arrive(lesson=chosen.slug)
    drive.step(app, SLUG, 3)
    again = arrive(**{name: "".join(texts) for name, texts in app.query_params.items()})
    assert drive.run_of(again, SLUG).id == drive.run_of(app, SLUG).id
    assert drive.run_of(again, SLUG).report().last_step == 3
    assert again.radio(key=f"{SLUG}.lesson.{chosen.slug}.answer").disabled
    assert len(drive.player(again, SLUG).compared) == (chosen.beside is not None)


def test_an_answer_that_comes_after_play_does_not_count() -> None:
    """The nudge that locks it may be on its way still."""
    chosen = lesson()
    app = arrive(lesson=chosen.slug)
    key = f"{SLUG}.lesson.{chosen.slug}.answer"
    drive.run_of(app, SLUG).step()
    sound(app.radio(key=key).set_value(chosen.answers[0]).run())
    assert app.radio(key=key).disabled and app.radio(key=key).value is None
    sound(app.button(key=f"{SLUG}.lesson.{chosen.slug}.shown.ask").click().run())
    sound(drive.settle(app, SLUG))
    assert "**What happened.**" in texts(app) and "predicted" not in texts(app)
    sound(app.button(key=f"{SLUG}.lesson.{chosen.slug}.shown.unfold").click().run())
    assert NO_ANSWER in app.caption[0].value


# ---------------------------------------------------------------------- when the run is gone


def test_a_run_that_is_gone_is_said_and_can_be_started_again() -> None:
    app = arrive(seed="3")
    gone = drive.run_of(app, SLUG)
    gone.close()
    drive.nudge(app)
    assert not app.exception and "put away" in app.error[0].value
    press(app, "again")
    assert drive.run_of(app, SLUG).id != gone.id and agree(app)
    assert drive.run_of(app, SLUG).report().config == CONFIG(seed=3)
    assert drive.look(sound(drive.step(app, SLUG)), SLUG).step == 1
