"""The contract that every lab keeps, checked over all of them."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.contract.experiment import Experiment
from engine.contract.knobs import Config, ConfigError, Knob

LABS = engine.labs()
ROOT = Path(__file__).resolve().parents[2]
STEPS = 12
LONG = "9" * 400  # digits


def metrics(experiment: Experiment, steps: int, *, look: int = 0) -> list[dict[str, float]]:
    """Metrics of `steps` steps, with `look` frames drawn after each."""
    found = []
    for step in engine.train(experiment, steps):
        found.append(step)
        for _ in range(look):
            experiment.frame()
    return found


def arrays(value: Any) -> list[np.ndarray]:
    """Every array in a frame, however deep."""
    if isinstance(value, np.ndarray):
        return [value]
    if dataclasses.is_dataclass(value):
        return arrays([getattr(value, f.name) for f in dataclasses.fields(value)])
    if isinstance(value, dict):
        return arrays(list(value.values()))
    return [a for item in value for a in arrays(item)] if isinstance(value, (list, tuple)) else []


def tensors(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return 1
    if dataclasses.is_dataclass(value):
        value = [getattr(value, f.name) for f in dataclasses.fields(value)]
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(tensors, value)) if isinstance(value, (list, tuple)) else 0


def same(one: Any, other: Any) -> bool:
    """Whether two states hold the same values to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.array_equal(one, other))


def at_bound(spec: Knob, bound: str) -> Any:
    if spec.kind in ("int", "float"):
        value = getattr(spec, bound)
        return int(value) if spec.kind == "int" else float(value)
    if spec.kind == "ints":
        return (int(getattr(spec, bound)),) * spec.length[0 if bound == "low" else 1]
    return spec.choices[0 if bound == "low" else -1]


def bounds() -> list[Any]:
    """Each knob of each lab at each end, and every choice."""
    cases = []
    for slug in LABS:
        for spec in engine.lab(slug).Config.knobs().values():
            if spec.kind in ("int", "float", "ints"):
                values = [at_bound(spec, "low"), at_bound(spec, "high")]
            elif spec.kind == "choice":
                values = list(spec.choices)
            elif spec.kind == "choices":
                values = [(choice,) for choice in spec.choices] + [tuple(spec.choices)]
            elif spec.kind == "bool":
                values = [not spec.default]
            else:
                values = []
            cases += [pytest.param(slug, spec.name, v, id=f"{slug}-{spec.name}-{str(v)[:30]}") for v in values]
    return cases


@pytest.fixture(params=LABS)
def lab(request: pytest.FixtureRequest) -> Any:
    return engine.lab(request.param)


def test_a_lab_has_its_three_names_and_a_question(lab: Any) -> None:
    assert issubclass(lab.Config, Config) and lab.Config.__dataclass_params__.frozen
    assert lab.Frame.__dataclass_params__.frozen
    assert isinstance(lab.Experiment(lab.Config()), Experiment)
    assert lab.__doc__.strip().splitlines()[0].endswith("?")
    assert all(spec.help for spec in lab.Config.knobs().values())


def test_the_first_frame_is_finite_and_holds_no_tensor(lab: Any) -> None:
    experiment = lab.Experiment(lab.Config())
    for _ in range(3):
        frame = experiment.frame()
        assert isinstance(frame, lab.Frame) and tensors(frame) == 0
        experiment.step()
    maps = [a for a in arrays(frame) if a.dtype.kind == "f" and a.ndim > 1 and a.size]
    assert maps and all(np.isfinite(a).all() for a in maps)


def test_looking_changes_nothing(lab: Any) -> None:
    blind, watched = lab.Experiment(lab.Config(seed=1)), lab.Experiment(lab.Config(seed=1))
    state = torch.random.get_rng_state()
    before = np.random.get_state()[1].copy()
    assert metrics(blind, STEPS) == metrics(watched, STEPS, look=2)
    assert same(blind.state_dict(), watched.state_dict())
    assert torch.equal(state, torch.random.get_rng_state())  # and no global generator was touched
    assert (before == np.random.get_state()[1]).all()


def test_same_seed_same_metrics_and_another_seed_others(lab: Any) -> None:
    first, again = (metrics(lab.Experiment(lab.Config(seed=3)), STEPS) for _ in range(2))
    assert first == again
    noisy = {"gradient_descent": {"noise": 1.0}}.get(lab.__name__.rsplit(".", 1)[1], {})
    one, other = (metrics(lab.Experiment(lab.Config(seed=s, **noisy)), STEPS) for s in (3, 4))
    assert one != other


RESUME = """
import json, pickle, sys
import torch
import engine
torch.set_num_threads(1)
told = {}
for slug, config, state in pickle.load(open(sys.argv[1], "rb")):
    try:
        experiment = engine.lab(slug).Experiment(config)
        experiment.load_state_dict(state)
        told[slug] = list(engine.train(experiment, 12))
    except Exception as error:
        told[slug] = repr(error)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every lab's metrics after its state was taken: as another process tells them (one for all labs), and as here."""
    states, here = [], {}
    for slug in LABS:
        config = engine.lab(slug).Config(seed=2)
        experiment = engine.lab(slug).Experiment(config)
        metrics(experiment, STEPS)
        states.append((slug, config, pickle.loads(pickle.dumps(experiment.state_dict()))))
        here[slug] = metrics(experiment, STEPS)
    file = tmp_path_factory.mktemp("resumed") / "states"
    file.write_bytes(pickle.dumps(states))
    told = subprocess.run(
        [sys.executable, "-c", RESUME, str(file)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        cwd=ROOT,
    )
    return json.loads(told.stdout), here


def test_restored_in_another_process_every_lab_goes_on_exactly(resumed: tuple[dict[str, Any], dict[str, Any]]) -> None:
    elsewhere, here = resumed
    assert [slug for slug in LABS if elsewhere[slug] != here[slug]] == []


def test_a_state_that_was_taken_does_not_change_with_training(lab: Any) -> None:
    experiment = lab.Experiment(lab.Config())
    metrics(experiment, 3)
    state = pickle.loads(pickle.dumps(experiment.state_dict()))
    ahead = metrics(experiment, STEPS)
    experiment.load_state_dict(state)
    assert experiment.step_count == 3
    assert metrics(experiment, STEPS) == ahead


def test_config_frame_and_state_pickle(lab: Any) -> None:
    experiment = lab.Experiment(lab.Config())
    experiment.step()
    for thing in (experiment.config, experiment.frame(), experiment.state_dict()):
        assert type(pickle.loads(pickle.dumps(thing))) is type(thing)


@pytest.mark.parametrize(("slug", "name", "value"), bounds())
def test_every_knob_at_its_bounds_survives(slug: str, name: str, value: Any) -> None:
    lab = engine.lab(slug)
    try:
        config = lab.Config(**{name: value})
    except ConfigError as error:
        # Knobs may clash, but then the sentence names one and says what to do.
        assert error.knob in lab.Config.knobs() and len(error.allowed) > 20
        return
    experiment = lab.Experiment(config)
    for step in engine.train(experiment, 2):
        assert step and all(isinstance(v, float) for v in step.values())
    assert tensors(experiment.frame()) == 0


def test_only_live_knobs_change_in_a_run(lab: Any) -> None:
    experiment = lab.Experiment(lab.Config())
    experiment.step()
    for spec in lab.Config.knobs().values():
        if spec.kind not in ("int", "float"):
            continue
        try:
            other = lab.Config(**{spec.name: at_bound(spec, "high")})
        except ConfigError:  # a clash, as above
            continue
        if other == experiment.config:
            continue
        if spec.live:
            experiment.update(other)
            experiment.step()
            assert experiment.config == other
            experiment.update(lab.Config())
        else:
            with pytest.raises(ConfigError, match=spec.name):
                experiment.update(other)


# ------------------------------------------------------------------ Config and its URL form


def values_of(spec: Knob) -> st.SearchStrategy[Any]:
    """Everything that a knob takes."""
    if spec.kind == "bool":
        return st.booleans()
    if spec.kind == "int":
        return st.integers(int(spec.low or 0), int(spec.high or 0))
    if spec.kind == "float":
        return st.floats(spec.low, spec.high, allow_nan=False)
    if spec.kind == "choice":
        return st.sampled_from(spec.choices)
    if spec.kind == "choices":
        chosen = st.lists(st.sampled_from(spec.choices), unique=True, min_size=spec.length[0], max_size=spec.length[1])
        return chosen.map(tuple)
    if spec.kind == "ints":
        item = st.integers(int(spec.low or 0), int(spec.high or 0))
        return st.lists(item, min_size=spec.length[0], max_size=spec.length[1]).map(tuple)
    return st.text(min_size=spec.length[0], max_size=min(spec.length[1], 40))


@pytest.mark.parametrize("slug", LABS)
@given(draw=st.data())
def test_a_config_comes_back_from_its_url_form(slug: str, draw: st.DataObject) -> None:
    made = engine.lab(slug).Config
    given_values = {name: draw.draw(values_of(spec), label=name) for name, spec in made.knobs().items()}
    try:
        config = made(**given_values)
    except ConfigError as error:
        assert str(error)  # knobs that do not go together
        return
    params = config.to_params()
    assert all(isinstance(v, str) for v in params.values())
    assert made.from_params(params) == config
    assert made.salvage(params) == (config, [])


@pytest.mark.parametrize("slug", LABS)
@given(draw=st.data())
def test_any_text_in_a_url_gives_a_config_or_a_sentence(slug: str, draw: st.DataObject) -> None:
    made = engine.lab(slug).Config
    knobs = made.knobs()
    awkward = st.sampled_from(["", "nan", "inf", "-1", "1e999", "1_0", "0x10", "١", "None", "true", " 3", "3 ", LONG])
    name = draw.draw(st.sampled_from([*knobs, "no_such_knob"]))
    text = draw.draw(st.text(max_size=30) | awkward | st.integers().map(str) | st.floats().map(repr))
    config, errors = made.salvage({name: text})
    if errors:
        assert config == made()
        assert name in str(errors[0]) and len(str(errors[0])) < 800
        with pytest.raises(ConfigError):
            made.from_params({name: text})
    else:
        assert made.from_params(config.to_params()) == config


@pytest.mark.parametrize(
    ("value", "knob"),
    [(value, "seed") for value in (True, "1", 1.5, -1, float("nan"), None, 10**9)],
)
def test_a_bad_value_is_named(value: object, knob: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**{knob: value})
    assert caught.value.knob == knob and "whole number from 0 to 999999" in str(caught.value)


def test_an_unknown_knob_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean seed"):
        Config.from_params({"sed": "1"})
