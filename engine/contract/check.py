"""Does a lab keep the whole contract?  ``python -m engine check LAB``; the tests only loop over `CHECKS`.

Each check is given a lab's slug and yields a sentence for everything that is wrong, with the file and the knob.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.contract import plain, registry, wording
from engine.contract.compare import leaves, same
from engine.contract.experiment import Experiment
from engine.contract.knobs import Config, ConfigError, Knob
from engine.contract.trials import made, moments, train
from engine.contract.view import View

Check = Callable[[str], Iterator[str]]

STEPS = 12
DRAWN = 8  # steps whose pictures are looked at from all sides
SEEN = 20  # and steps each of which must change the picture
LARGEST = 300_000  # bytes of a scene
PARTS = ("card.toml", "maths.md", "__init__.py", "config.py", "experiment.py", "frame.py", "view.py")
DRAWING = ("engine.scene", "engine.figures")
STRANGE = ("engine.labs", "engine.runs", "engine.live", "streamlit", "ui.", "pages.")
ROOT = Path(__file__).resolve().parents[2]


def parts(slug: str) -> Iterator[str]:
    """The folder, the three names, a question, and help for every knob."""
    for name in PARTS:
        if not ((registry.folder(slug) / name).exists() or (name == "view.py" and _drawing(slug).is_dir())):
            yield f"{slug}/{name} is missing."
    lab, experiment = made(slug)
    for name, right in (("Config", issubclass(lab.Config, Config)), ("Frame", True)):
        if not (right and getattr(lab, name).__dataclass_params__.frozen):
            yield f"{name} must be a frozen dataclass, and Config one of knobs."
    if not isinstance(experiment, Experiment):
        yield "experiment.py: Experiment lacks something that the contract names (see engine/contract/experiment.py)."
    question = (lab.__doc__ or "").strip().split("\n", 1)[0]
    if not question.endswith("?"):
        yield "__init__.py: the docstring must begin with the question that the lab asks, in one line."
    yield from (f"config.py: {name} has no help." for name, spec in lab.Config.knobs().items() if not spec.help)


def walled(slug: str) -> Iterator[str]:
    """No module of a lab knows a page, a run or another lab, and only its view draws."""
    for file in sorted([*registry.folder(slug).glob("*.py"), *_drawing(slug).glob("*.py")]):
        for name in _imports(ast.parse(file.read_text(encoding="utf-8"))):
            own = f"{name}.".startswith(f"engine.labs.{slug}.")
            if name.startswith(DRAWING) and file.name != "view.py" and file.parent != _drawing(slug):
                yield f"{file.name}: it imports {name}; only view.py draws."
            elif name.startswith(STRANGE) and not own:
                yield f"{file.name}: it imports {name}, which no lab may."


def _drawing(slug: str) -> Path:
    """The folder of a view that is more than one file."""
    return registry.folder(slug) / "view"


def _imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports from outside its own folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level != 1:
            origin = "engine.labs" if node.level else ""
            yield from (".".join(filter(None, (origin, node.module, alias.name))) for alias in node.names)


def frames(slug: str) -> Iterator[str]:
    """A frame holds finite arrays and no tensor, and can be sent to another process."""
    lab, experiment = made(slug)
    for _ in range(3):
        frame = experiment.frame()
        if not isinstance(frame, lab.Frame):
            yield "experiment.py: frame() must return a Frame."
        if any(isinstance(leaf, torch.Tensor) for leaf in leaves(frame)):
            yield "frame.py: a Frame holds NumPy arrays; this one holds a tensor."
        train(experiment, 1)
    maps = [a for a in leaves(frame) if isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.ndim > 1 and a.size]
    if not maps:
        yield "frame.py: there is no array to draw in the frame of the defaults."
    if not all(np.isfinite(a).all() for a in maps):
        yield "frame.py: at the defaults a number is not finite."
    for thing in (experiment.config, frame, experiment.state_dict()):
        if type(pickle.loads(pickle.dumps(thing))) is not type(thing):
            yield f"{type(thing).__name__} does not survive being pickled."


def drawn(slug: str) -> Iterator[str]:
    """The view draws the beginning and what comes after, alone and beside another run, without touching anything.

    A visitor who presses Step sees that something has happened.
    """
    _, experiment = made(slug)
    views = registry.view(slug)
    earlier = b""
    for moment in moments(experiment, SEEN):
        for beside in (False, True) if moment.step <= DRAWN else (False,):
            view = dataclasses.replace(moment, beside=beside)
            packed = views.stage(view).to_bytes()
            if packed != views.stage(view).to_bytes():
                yield "view.py: stage draws another picture when it is asked again."
            if not beside and packed == earlier and not experiment.done:
                yield f"view.py: step {view.step} leaves the whole stage as it was; each step must be seen."
            earlier = earlier if beside else packed
            if len(packed) > LARGEST:
                yield f"view.py: the stage of step {view.step} takes {len(packed):,} bytes; {LARGEST:,} is the most."
            for kind in ("node", "point", "nothing"):
                views.answer(view, {"panel": "nowhere", "kind": kind, "index": 0, "x": 0.0, "y": 0.0})
            yield from _turning(views.stage(view), view.config)
            if hasattr(views, "curves") and view.curves:
                views.curves(view).to_bytes()
            if hasattr(views, "inside"):
                views.inside(view)


def _turning(scene: Any, config: Config) -> Iterator[str]:
    """Rails and buttons in a picture turn knobs that there are, to values that they take."""
    for panel in [panel for row in getattr(scene, "rows", ()) for panel in row]:
        wanted = [choice["knobs"] for group in panel.get("buttons", ()) for choice in group["choices"]]
        if rail := panel.get("rail"):
            wanted += [{rail["knob"]: str(rail[end])} for end in ("low", "value", "high")]
        for knobs in wanted:
            try:
                config.parsed(knobs)
            except ConfigError as error:
                yield f"view.py: the panel {panel['key']} turns knobs: {error}"


def looked(slug: str) -> Iterator[str]:
    """Looking changes neither the run nor any global generator."""
    blind, watched = made(slug, seed=1)[1], made(slug, seed=1)[1]
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()
    if train(blind, STEPS) != train(watched, STEPS, look=2) or not same(blind.state_dict(), watched.state_dict()):
        yield "experiment.py: a run that is looked at learns something else."
    if not torch.equal(before, torch.random.get_rng_state()) or not same(numpy_before, np.random.get_state()):
        yield "experiment.py: a global random generator was used; take engine.contract.device.generator."


def seeded(slug: str) -> Iterator[str]:
    """The same seed gives the same metrics, and another seed others: at the defaults, or where a knob brings chance."""
    first, again = (train(made(slug, seed=3)[1], STEPS) for _ in range(2))
    if first != again:
        yield "experiment.py: the same seed gives other metrics the second time."
    config_class = registry.lab(slug).Config
    turned = [{}] + [{s.name: 0.5 * (s.low + s.high)} for s in config_class.knobs().values() if s.kind == "float"]
    for knobs in turned:
        try:
            one = train(made(slug, seed=3, **knobs)[1], STEPS) if knobs else first
            if one != train(made(slug, seed=4, **knobs)[1], STEPS):
                return
        except ConfigError:
            continue
    yield "experiment.py: another seed gives the same metrics, whatever is turned."


def taken(slug: str) -> Iterator[str]:
    """A state that was taken stays as it was, and going back to it goes on exactly."""
    _, experiment = made(slug)
    train(experiment, 3)
    state = pickle.loads(pickle.dumps(experiment.state_dict()))
    ahead = train(experiment, STEPS)
    experiment.load_state_dict(state)
    if experiment.step_count != 3 or train(experiment, STEPS) != ahead:
        yield "experiment.py: a state that was loaded again goes on in another way."


def _values(spec: Knob) -> list[Any]:
    """A knob at each of its ends, and every choice."""
    if spec.kind in ("int", "float"):
        return [(int if spec.kind == "int" else float)(bound) for bound in (spec.low, spec.high)]  # type: ignore[arg-type]
    if spec.kind == "ints":
        return [(int(spec.low or 0),) * spec.length[0], (int(spec.high or 0),) * spec.length[1]]
    if spec.kind == "choices":
        return [(choice,) for choice in spec.choices] + [tuple(spec.choices)]
    if spec.kind == "choice":
        return list(spec.choices)
    return [not spec.default] if spec.kind == "bool" else []


def bounded(slug: str) -> Iterator[str]:
    """Every knob at its ends, and every choice, trains and is drawn; knobs may clash, in a sentence that names one."""
    lab, views = registry.lab(slug), registry.view(slug)
    for spec in lab.Config.knobs().values():
        for value in _values(spec):
            where = f"{spec.name} = {str(value)[:40]}"
            try:
                config = lab.Config(**{spec.name: value})
            except ConfigError as error:
                if error.knob not in lab.Config.knobs() or len(error.allowed) <= 20:
                    yield f"config.py, {where}: the sentence must name a knob and say what is allowed; it says: {error}"
                continue
            experiment = lab.Experiment(config)
            told = train(experiment, 2)
            for metrics in told:
                if not metrics or not all(isinstance(number, float) for number in metrics.values()):
                    yield f"experiment.py, {where}: metrics must be floats, and some."
            frame = experiment.frame()
            if any(isinstance(leaf, torch.Tensor) for leaf in leaves(frame)):
                yield f"frame.py, {where}: a Frame holds NumPy arrays; this one holds a tensor."
            names = [name for name in told[-1] if all(name in metrics for metrics in told)] if told else []
            curves = {name: (np.arange(1, len(told) + 1), np.array([each[name] for each in told])) for name in names}
            view = View(frame, config, curves, experiment.step_count, experiment.step_count)
            views.stage(view).to_bytes()
            if curves and hasattr(views, "curves"):
                views.curves(view).to_bytes()
            if hasattr(views, "inside"):
                views.inside(view)


def turned(slug: str) -> Iterator[str]:
    """Live knobs change in a run, and others are refused by name."""
    lab, experiment = made(slug)
    train(experiment, 1)
    for spec in lab.Config.knobs().values():
        try:
            other = lab.Config(**{spec.name: _values(spec)[-1]}) if spec.kind in ("int", "float") else lab.Config()
        except ConfigError:  # a clash, as above
            continue
        if other == experiment.config:
            continue
        try:
            experiment.update(other)
        except ConfigError as error:
            if spec.live or spec.name not in str(error):
                yield f"experiment.py: update refuses {spec.name}, and says: {error}"
            continue
        if not spec.live:
            yield f"experiment.py: update takes {spec.name}, which is not live."
        train(experiment, 1)
        if experiment.config != other:
            yield f"experiment.py: after update {spec.name} is not what it was turned to."
        experiment.update(lab.Config())


def linked(slug: str) -> Iterator[str]:
    """Fifty random settings come back from a link."""
    config_class, dice = registry.lab(slug).Config, random.Random(slug)
    for _ in range(50):
        knobs = [(s.name, values) for s in config_class.knobs().values() if (values := _values(s))]
        chosen = {name: dice.choice(values) for name, values in knobs if dice.random() < 0.3}
        try:
            config = config_class(**chosen)
        except ConfigError:
            continue
        if config_class.from_params(config.to_params()) != config:
            yield f"config.py: {config} does not come back from its link."


def settled(slug: str) -> Iterator[str]:
    """A knob that is turned by hand stays where it was turned to, whatever it brings along, or is refused by name."""
    config_class = registry.lab(slug).Config
    for spec in config_class.knobs().values():
        for value in _values(spec):
            where = f"config.py, {spec.name} = {str(value)[:40]}"
            try:
                config = config_class().turned(**{spec.name: value})
            except ConfigError as error:
                if error.knob not in config_class.knobs():
                    yield f"{where}: the sentence must name a knob; it says: {error}"
                continue
            if getattr(config, spec.name) != value:
                yield f"{where}: settle takes the knob back that was turned."


def repeated(slug: str) -> Iterator[str]:
    """The plain form, if there is one, is plain, and its metrics are the lab's."""
    yield from plain.wrong(slug)


CHECKS: dict[str, Check] = {
    "parts": parts, "walled": walled, "carded": wording.carded, "labelled": wording.labelled, "taught": wording.taught,
    "spoken": wording.spoken, "frames": frames, "drawn": drawn, "looked": looked, "seeded": seeded, "taken": taken,
    "bounded": bounded, "turned": turned, "settled": settled, "linked": linked, "repeated": repeated,
}  # fmt: skip
QUICK = ("parts", "walled", "carded", "labelled", "taught", "spoken", "frames", "drawn", "settled", "linked")

_RESUME = """
import json, pickle, sys
import torch
from engine.contract import registry, trials
torch.set_num_threads(1)
told = {}
for slug, config, state in pickle.load(open(sys.argv[1], "rb")):
    try:
        experiment = registry.lab(slug).Experiment(config)
        experiment.load_state_dict(state)
        told[slug] = trials.train(experiment, int(sys.argv[2]))
    except Exception as error:
        told[slug] = repr(error)
print(json.dumps(told))
"""


def resumed(slugs: Sequence[str]) -> dict[str, str]:
    """What is wrong with each lab whose state, restored in another process, goes on in another way; one for all."""
    states, here = [], {}
    for slug in slugs:
        _, experiment = made(slug, seed=2)
        train(experiment, STEPS)
        states.append((slug, experiment.config, pickle.loads(pickle.dumps(experiment.state_dict()))))
        here[slug] = train(experiment, STEPS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "states"
        file.write_bytes(pickle.dumps(states))
        outside = os.pathsep.join(sys.modules["engine.labs"].__path__[1:])
        told = subprocess.run(
            [sys.executable, "-c", _RESUME, str(file), str(STEPS)], capture_output=True, text=True, encoding="utf-8",
            cwd=ROOT, env={**os.environ, "PLAYGROUND_LABS": outside},
        )  # fmt: skip
    if told.returncode:
        return dict.fromkeys(slugs, f"The other process ended with: {told.stderr.strip()[-200:]}")
    elsewhere = json.loads(told.stdout)
    return {
        slug: f"experiment.py: restored in another process it goes on in another way: {str(elsewhere[slug])[:200]}"
        for slug in slugs
        if elsewhere[slug] != json.loads(json.dumps(here[slug]))
    }


def pace(slug: str) -> str:
    """How long a step and a picture take here: told, and no reason to refuse a lab."""
    _, experiment = made(slug)
    views = registry.view(slug)
    train(experiment, 2)
    began = time.perf_counter()
    train(experiment, 10)
    middle = time.perf_counter()
    for _ in range(5):
        views.stage(View(experiment.frame(), experiment.config)).to_bytes()
    step, picture = (middle - began) / 10, (time.perf_counter() - middle) / 5
    return f"A step takes {1000 * step:.1f} ms (fair to others: 60), a picture {1000 * picture:.1f} ms (fair: 10)."


def check(slug: str, *, quick: bool = False, elsewhere: bool = True) -> list[str]:
    """A sentence for everything that is wrong with a lab.

    `quick` leaves out what trains for longer; without `elsewhere` no other process is started, in which its state
    must go on.
    """
    found: list[str] = []
    for name, one in CHECKS.items():
        if quick and name not in QUICK:
            continue
        try:
            found += one(slug)
        except Exception as error:  # the lab's own code: whatever it raises is a finding
            found.append(f"{name}: {type(error).__name__}: {error}")
    if not quick and elsewhere:
        found += resumed([slug]).values()
    return found
