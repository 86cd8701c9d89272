"""What a lab says of itself, checked: its card, labels, titles, lessons, and the facts that they name.

Like all of `engine.contract.check`: each check is given a slug and yields a sentence for everything that is wrong.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.contract import facts as facts_
from engine.contract import registry
from engine.contract.card import PACES, CardError
from engine.contract.facts import FactError, Facts
from engine.contract.knobs import Config, ConfigError, Knob
from engine.contract.lesson import Lesson, LessonError, lessons
from engine.contract.trials import moments
from engine.contract.view import View

STEPS = 3
LONGEST = 140  # characters of what is said
TRIES = (2, 4)  # knobs of the question, at least and at most


def carded(slug: str) -> Iterator[str]:
    """The card asks the lab's question, and what it names is there."""
    lab = registry.lab(slug)
    knobs = lab.Config.knobs()
    try:
        card = registry.card(slug)
    except CardError as error:
        yield str(error)
        return
    if card.question != (lab.__doc__ or "").strip().split("\n", 1)[0]:
        yield "card.toml: its question is not that of __init__.py."
    named = {*card.show, *card.hidden, *card.tries}
    yield from (f"card.toml: there is no knob {name}." for name in sorted(named - knobs.keys()))
    if not TRIES[0] <= len(card.tries) <= TRIES[1]:
        yield f"card.toml: try names the {TRIES[0]} to {TRIES[1]} knobs of the question, not {len(card.tries)}."
    yield from (f"card.toml: {name} is under try and hidden." for name in card.tries if name in card.hidden)
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", card.icon):
        yield f"card.toml: icon is the name of a Material symbol, like show_chart, not '{card.icon}'."
    yield from (f"card.toml: there is no module {name}." for name in card.sources if not _there(name))
    views, keys = registry.view(slug), set[str]()
    for view in moments(lab.Experiment(lab.Config()), STEPS):
        keys = {panel["key"] for panel in _panels(views.stage(view))}
        if card.hero not in keys:
            there = f"at step {view.step} the stage has {', '.join(sorted(keys))}"
            yield f"card.toml: hero is the key of a panel, not '{card.hero}'; {there}."
            return


def labelled(slug: str) -> Iterator[str]:
    """Knobs can be told apart by their labels, and every panel has a title, and a chart a name for each axis."""
    lab, views = registry.lab(slug), registry.view(slug)
    knobs = lab.Config.knobs()
    for one, other in itertools.combinations(knobs.values(), 2):
        if _shown_as(one) == _shown_as(other) and not _apart(_asked(one, knobs), _asked(other, knobs)):
            yield f"config.py: {one.name} and {other.name} have the same label, {one.label}."
    untitled = dict[str, None]()
    for view in moments(lab.Experiment(lab.Config()), STEPS):
        for draw in ("stage", "curves"):
            for panel in _panels(getattr(views, draw)(view)) if hasattr(views, draw) else ():
                lacks = [] if panel["title"].strip() or panel["kind"] == "text" else ["title"]
                if panel["kind"] == "plane" and not panel["equal"]:  # a chart; elsewhere both axes are of the picture
                    lacks += [
                        f"{axis}_label" for axis in "xy" if not panel[f"{axis}_label"] and not panel[f"{axis}_names"]
                    ]
                untitled |= dict.fromkeys(
                    f"view.py: in {draw}, the panel {panel['key']} lacks {what}." for what in lacks
                )
    yield from untitled


def taught(slug: str) -> Iterator[str]:
    """Every lesson sets what the lab takes, stops somewhere, and names panels, knobs and facts that there are."""
    config_class = registry.lab(slug).Config
    try:
        found = lessons(slug)
    except LessonError as error:
        yield f"{error}."
        return
    if len({each.slug for each in found}) < len(found):
        yield "lessons.toml: two lessons have the same slug."
    for each in found:
        yield from (f"lessons.toml, {each.slug}: {said}" for said in _lesson(slug, each, config_class))


def _lesson(slug: str, lesson: Lesson, config_class: type[Config]) -> Iterator[str]:
    if lesson.at is None:
        yield "it says no step at which the run stops: at."
    if lesson.speed is not None and lesson.speed not in PACES:
        yield f"speed is one of {', '.join(PACES)}, not '{lesson.speed}'."
    yield from (f"there is no knob {name}, under knobs." for name in lesson.knobs if name not in config_class.knobs())
    try:
        config, other = lesson.config(config_class), lesson.compared(config_class)
    except ConfigError as error:
        yield str(error)
        return
    if other == config:
        yield "the run beside it is the same run."
    if lesson.point is None and not lesson.panels and not lesson.names():
        return
    view = _after(slug, config, beside=other is not None)
    views = registry.view(slug)
    keys = [panel["key"] for panel in _panels(views.stage(view))]
    asked = [*([("point", lesson.point.panel)] if lesson.point else []), *(("panels", key) for key in lesson.panels)]
    for where, key in asked:
        if key not in keys:
            yield f"{where}: there is no panel {key} on its stage; there are {', '.join(keys)}."
    if not lesson.names():
        return
    if not hasattr(views, "facts"):
        yield f"it names {', '.join(sorted(lesson.names()))}, but view.py has no facts."
        return
    here: Facts = views.facts(view)
    there: Facts | None = views.facts(_after(slug, other, beside=True)) if other is not None else None
    try:
        lesson.holds(here, there)
        for text in (lesson.happened, lesson.otherwise):
            facts_.filled(text, here, there)
    except (LessonError, FactError) as error:
        yield f"{error}."


def spoken(slug: str) -> Iterator[str]:
    """`say` is one sentence, and `facts` are numbers and words by name; a lab may lack either."""
    lab, views = registry.lab(slug), registry.view(slug)
    say, facts = getattr(views, "say", None), getattr(views, "facts", None)
    if say is None and facts is None:
        return
    found = dict[str, None]()
    for view in moments(lab.Experiment(lab.Config()), STEPS):
        found |= dict.fromkeys(_sentence(say(view)) if say else ())
        found |= dict.fromkeys(_facts(facts(view)) if facts else ())
    yield from (f"view.py: {said}" for said in found)


def _sentence(said: Any) -> Iterator[str]:
    if not isinstance(said, str):
        yield f"say gives a sentence, not {type(said).__name__}."
    elif len(said) > LONGEST:
        yield f"say gives {len(said)} characters, of which {LONGEST} have room: {said}"
    elif not re.fullmatch(r"[^\n]*[^.\s]\.", said):
        yield f"say gives one line that ends with a full stop, not: {said}"
    elif re.search(r"[.!?] +[A-Z]", said):
        yield f"say gives one sentence, not: {said}"


def _facts(told: Any) -> Iterator[str]:
    if not isinstance(told, dict):
        yield f"facts gives a dict, not {type(told).__name__}."
        return
    for name, value in told.items():
        if not (isinstance(name, str) and facts_.is_name(name)):
            yield f"facts cannot be called {name!r}: take a word like mean_loss, and not beside."
        elif isinstance(value, bool) or not isinstance(value, (int, float, str)):
            yield f"the fact {name} is a number or a text of Python's own, not {type(value).__name__}."
        elif not isinstance(value, str) and not np.isfinite(value):
            yield f"the fact {name} is {value} at the defaults; a text could not say it."


def _after(slug: str, config: Config, *, beside: bool) -> View:
    """A moment of a run with `config`, early but with metrics."""
    *_, last = moments(registry.lab(slug).Experiment(config), STEPS, beside=beside)
    return last


def _panels(scene: Any) -> list[dict[str, Any]]:
    return [panel for row in scene.rows for panel in row]


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that there is none
        return False


def _shown_as(spec: Knob) -> tuple[str, str]:
    return spec.group, spec.label.casefold()


def _asked(spec: Knob, knobs: dict[str, Knob]) -> dict[str, set[str]]:
    """What must hold for a knob to be drawn: for other knobs, the values of which they have one."""
    if not spec.when:
        return {}
    name, _, allowed = spec.when.partition("=")
    return {name: set(allowed.split("|"))} | _asked(knobs[name], knobs)


def _apart(one: dict[str, set[str]], other: dict[str, set[str]]) -> bool:
    """Whether two knobs are never drawn together."""
    return any(not one[name] & other[name] for name in one.keys() & other.keys())
