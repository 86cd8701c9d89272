"""``plain.py``: a lab once more, in plain PyTorch, to be read and taken home.

It is a script of at most `LONGEST` lines that imports nothing of ours.  Knobs are constants named as in the Config, in
capitals: ``LEARNING_RATE = 0.1``.  ``train(steps)`` gives the metrics of one step after another, a mapping each, under
the names that the lab gives them.  Run as a script it trains and draws.  What it does not know stands in its
docstring, knobs and single choices of others: ``Does not know: dropout, seeds, optimiser=lion|nadam.``  A lab that
opens with what no plain script has, such as a stored network, is repeated from others: ``Begins with: start=scratch.``
"""

from __future__ import annotations

import ast
import itertools
import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.contract import registry
from engine.contract.knobs import Config, ConfigError
from engine.contract.lesson import lessons
from engine.contract.syntax import parsed

LONGEST = 150  # lines
STEPS = 20  # in which its metrics are compared with the lab's
CLOSE = 1e-4  # relative
LESSONS = 2  # that it repeats besides the defaults
LIBRARIES = ("torch", "numpy", "sklearn", "matplotlib")


def file(slug: str) -> Path:
    """Where the plain form of a lab lies; it may not exist."""
    return registry.folder(slug) / "plain.py"


def constants(source: str) -> dict[str, Any]:
    """Name and value of each constant: what a top level line sets, in capitals, to a value that is written out."""
    return {name: ast.literal_eval(value) for name, value in _assigned(source).items()}


def unknown(source: str) -> tuple[str, ...]:
    """The knobs that it does not know, as its docstring says."""
    return tuple(word for word in _untold(source) if "=" not in word)


def untaken(source: str) -> dict[str, tuple[str, ...]]:
    """The choices that it does not take, of knobs that it knows, as its docstring says."""
    pairs = (word.split("=", 1) for word in _untold(source) if "=" in word)
    return {name: tuple(values.split("|")) for name, values in pairs}


def begins(source: str, config_class: type[Config]) -> Config:
    """The Config that it repeats as it stands: the defaults, but for what its docstring says that it begins with.

    Raises `ConfigError` if that is no knob, or is not accepted.
    """
    return config_class.from_params(dict(word.split("=", 1) for word in _told(source, "Begins with") if "=" in word))


def lost(source: str, config: Config) -> dict[str, tuple[str, ...]]:
    """The knobs of `config` that it cannot repeat: for each the choices that it does not take, () for all of the knob.

    Those that are as it begins with, and those that change only what is looked at, are not asked for.
    """
    known, choices, knobs = constants(source), untaken(source), config.knobs()
    found: dict[str, tuple[str, ...]] = {}
    for name in config.changed(begins(source, type(config))):
        value = getattr(config, name)
        chosen = value if isinstance(value, tuple) else (value,)
        missed = tuple(each for each in chosen if each in choices.get(name, ()))
        if not knobs[name].look and (missed or name.upper() not in known):
            found[name] = missed
    return found


def with_constants(source: str, values: Mapping[str, Any]) -> str:
    """`source` with other values for some of its constants, and otherwise as it was.  Raises `KeyError` for others."""
    lines = source.encode().splitlines(keepends=True)  # ast counts bytes
    assigned = _assigned(source)
    for name in sorted(values, key=lambda name: (assigned[name].lineno, assigned[name].col_offset), reverse=True):
        at = assigned[name]
        assert at.end_lineno is not None
        before, after = lines[at.lineno - 1][: at.col_offset], lines[at.end_lineno - 1][at.end_col_offset :]
        lines[at.lineno - 1 : at.end_lineno] = [before + repr(values[name]).encode() + after]
    return b"".join(lines).decode()


def with_config(source: str, config: Config) -> str:
    """`source` with the knobs that it knows set as in `config`; with a choice that it does not take, as it stands."""
    known = constants(source).keys() - {name.upper() for name in lost(source, config)}
    return with_constants(
        source, {name.upper(): getattr(config, name) for name in config.knobs() if name.upper() in known}
    )


def run(source: str, steps: int) -> list[dict[str, float]]:
    """The metrics of its first steps.  What it does to global generators is taken back."""
    import numpy as np
    import torch

    here: dict[str, Any] = {"__name__": "plain"}
    numpy_before = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        exec(compile(source, "plain.py", "exec"), here)
        found = [dict(metrics) for metrics in itertools.islice(here["train"](steps), steps)]
    np.random.set_state(numpy_before)
    return found


def wrong(slug: str) -> Iterator[str]:
    """A sentence for everything that is wrong with the plain form of a lab, if it has one."""
    if not file(slug).exists():
        return
    source = file(slug).read_text(encoding="utf-8")
    try:
        found = [*_form(source, registry.lab(slug).Config)]
    except SyntaxError as error:
        found = [f"it cannot be read: {error}"]
    if not found:
        found = [*_repeats(slug, source)]
    yield from (f"plain.py: {said}." for said in found)


def _untold(source: str) -> list[str]:
    """What its docstring says that it does not know, word by word."""
    return _told(source, "Does not know")


def _told(source: str, what: str) -> list[str]:
    """The words behind `what` and a colon in its docstring, up to the full stop."""
    told = re.search(rf"{what}: ([^.]*)\.", ast.get_docstring(parsed(source)) or "")
    return told[1].replace(",", " ").split() if told else []


def _assigned(source: str) -> dict[str, ast.expr]:
    """Each constant and where its value stands."""
    found: dict[str, ast.expr] = {}
    for node in parsed(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if isinstance(target, ast.Name) and target.id.isupper() and isinstance(node, (ast.Assign, ast.AnnAssign)):
            try:
                ast.literal_eval(node.value or ast.Name("none"))
            except ValueError:  # computed, not written out
                continue
            assert node.value is not None
            found.setdefault(target.id, node.value)
    return found


def _form(source: str, config_class: type[Config]) -> Iterator[str]:
    """What can be seen without running it."""
    if (count := len(source.splitlines())) > LONGEST:
        yield f"it has {count} lines; {LONGEST} are the most"
    tree = parsed(source)
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names = [f"{'.' * node.level}{node.module or ''}"] if isinstance(node, ast.ImportFrom) else names
        for name in names:
            if name.partition(".")[0] not in {*LIBRARIES, *sys.stdlib_module_names}:
                yield f"it imports {name}; it may import {', '.join(LIBRARIES)} and the standard library"
    if not any(isinstance(node, ast.FunctionDef) and node.name == "train" for node in tree.body):
        yield "it lacks train(steps), which gives the metrics of one step after another"
    known, untold, knobs = constants(source), unknown(source), config_class.knobs()
    try:
        first = begins(source, config_class)
    except ConfigError as error:
        yield f"it begins with what the lab does not take: {error}"
        return
    for name in untold:
        if name not in knobs:
            yield f"it does not know {name}, which is no knob"
        elif name.upper() in known:
            yield f"it has {name.upper()}, and says that it does not know it"
    for name, values in untaken(source).items():
        for value in values:
            if name.upper() not in known or name not in knobs or value not in knobs[name].choices:
                yield f"it does not know {name}={value}, which is no choice of a knob that it has"
    for name, spec in knobs.items():
        if name.upper() in known and known[name.upper()] != getattr(first, name):
            yield f"{name.upper()} is {known[name.upper()]!r}, and by default the knob is {getattr(first, name)!r}"
        if name.upper() not in known and name not in untold and not spec.look:
            yield f"{name} is neither a constant nor under 'Does not know: …' in the docstring"


def _repeats(slug: str, source: str) -> Iterator[str]:
    """Whether its metrics are the lab's: with what it begins with, and in the first lessons whose knobs it knows."""
    lab = registry.lab(slug)
    configs: dict[str, Config] = {"at the defaults": begins(source, lab.Config)}
    for lesson in lessons(slug):
        try:
            config = lesson.config(lab.Config)
        except ConfigError:  # said where lessons are checked
            continue
        if len(configs) <= LESSONS and not lost(source, config):
            configs[f"in the lesson {lesson.slug}"] = config
    if (there := len(configs) - 1) < min(LESSONS, len(lessons(slug))):
        yield f"it knows the knobs of {there} lessons; it should repeat {LESSONS}"
    for where, config in configs.items():
        experiment = lab.Experiment(config)
        expected: list[dict[str, float]] = []
        while len(expected) < STEPS and not experiment.done:
            expected.append(experiment.step())
        if said := _difference(run(with_config(source, config), len(expected)), expected):
            yield f"{where}, {said}"


def _difference(found: list[dict[str, float]], expected: list[dict[str, float]]) -> str:
    """What differs first between the metrics of a plain run and the lab's, or ""."""
    if len(found) != len(expected):
        return f"it does {len(found)} steps where the lab does {len(expected)}"
    for step, (mine, theirs) in enumerate(zip(found, expected, strict=True), 1):
        if not mine and theirs:
            return f"it has no metrics for step {step}"
        for name, value in mine.items():
            if name not in theirs:
                return f"step {step} has the metric {name}, which the lab does not have there"
            if not (isinstance(value, float) and isinstance(theirs[name], float)):
                return f"{name} of step {step} is a float here and in the lab, and one of them is not"
            equal = math.isclose(value, theirs[name], rel_tol=CLOSE) or (math.isnan(value) and math.isnan(theirs[name]))
            if not equal:
                return f"{name} of step {step} is {value:.6g}, and the lab's is {theirs[name]:.6g}"
    return ""
