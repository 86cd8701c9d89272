"""Knobs that say which one, of all labs: whatever has become shorter or fewer, they end at something that is there.

An index outlives what it was chosen from: a head of a layer that is gone, a step behind the end of a shorter text.
Here each index stands at its highest value while everything that can shrink is at its smallest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drive
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

import engine
from engine import runs
from engine.contract.knobs import ConfigError, Knob
from engine.data import plane, point_clouds, shelf
from engine.labs.lstm_gates.frame import spanned
from engine.labs.vae.frame import axes_of

# Which one: a picture, a step, a head, a layer, a channel, a network, a class, a dimension.
INDICES = {
    "adversarial_examples": ("example", "target"),
    "alignment": ("shown",),
    "attention_heads": ("shown", "off"),
    "cnn_filters": ("example", "layer", "channel", "source"),
    "diffusion": (),
    "double_descent": (),
    "efficient_attention": ("question", "head", "tile"),
    "gan": ("shown",),
    "generative_families": ("shown",),
    "gradient_descent": (),
    "grokking": ("shown", "frequency"),
    "language_model": ("cut", "place"),
    "lstm_gates": ("example", "span_start", "span_stop"),
    "moe_routing": (),
    "neural_network": ("shown", "follow"),
    "scaling_laws": (),
    "state_space": ("shown", "head", "place"),
    "translation": ("shown", "look_at", "tree_from"),
    "vae": ("example", "shown", "start", "end", "across", "up"),
}
# How many at most, or how far: no index, but it too may be more than there is.
REACHES = {
    "attention_heads": ("window",),
    "cnn_filters": ("shift_x", "shift_y"),
    "diffusion": ("sampling_steps",),
    "efficient_attention": ("window", "top", "tile_size"),
    "language_model": ("written", "top_k", "passes"),
    "translation": ("written", "beam"),
}
# How many, or a seed: of these something is made, so there is nothing for them to be behind the end of.
AMOUNTS = {
    "adversarial_examples": ("steps", "restarts", "training_steps"),
    "alignment": ("comparisons", "epochs", "candidates", "batch_size", "seeds"),
    "attention_heads": ("length", "merges", "layers", "heads", "width", "batch_size"),
    "cnn_filters": ("channels", "depth", "kernel", "stride", "padding", "dilation", "batch_size"),
    "diffusion": ("steps",),
    "double_descent": ("samples", "widths", "seeds"),
    "efficient_attention": ("pairs", "length", "block", "key_width", "width", "heads", "rank", "batch_size"),
    "gan": ("critic_steps", "noise_size", "generator_hidden", "discriminator_hidden", "batch_size", "seeds"),
    "generative_families": ("sampling_steps", "critic_steps", "couplings", "width", "batch_size", "seeds"),
    "gradient_descent": ("starts",),
    "grokking": ("p", "bits", "data_seed", "width", "seeds"),
    "lstm_gates": ("length", "hidden"),
    "language_model": ("merges", "layers", "heads", "width", "context", "rank", "batch_size"),
    "moe_routing": ("clusters", "experts", "top_k", "width", "shared"),
    "neural_network": ("samples", "data_seed", "hidden", "batch_size", "seeds"),
    "scaling_laws": ("sizes", "rank", "planned", "seeds", "vocabulary", "batch_size", "answer"),
    "state_space": ("length", "kept", "layers", "width", "heads", "state", "batch_size", "memory"),
    "translation": ("clauses", "vocabulary", "width", "heads", "layers", "batch_size"),
    "vae": ("warm_up", "latent", "hidden", "width", "seeds", "draw"),
}
TEXT = shelf.KEY.pattern  # stands for the key of a text of the visitor's own, as short as one may be
CLOUD = point_clouds.pack(np.linspace([-0.9, -0.5], [0.9, 0.5], point_clouds.FEWEST))
FOUR = plane.encode_points([(-1, -1), (-2, -1), (1, 1), (2, 1)], [0, 0, 1, 1])
# What can shrink, at its smallest.
SMALL: dict[str, list[dict[str, Any]]] = {
    "adversarial_examples": [{"training_steps": 50, "model": model} for model in ("linear", "cnn")],
    "alignment": [
        {"comparisons": 20, "batch_size": 8, **more}
        for more in ({}, {"method": "dpo"}, {"method": "best_of_n"}, {"taste": "yours", "choices": "L"})
    ],
    "attention_heads": [
        {"length": 12, "layers": 1, "heads": 1, "width": 16, **more}
        for more in (
            {},
            {"mask": "sliding", "position": "alibi"},
            {"tokens": "a"},
            {"task": "sort", "tokens": "a", "mask": "full"},
            {"task": "text", "text_key": TEXT, "tokens": "a"},
        )
    ],
    "cnn_filters": [
        {"channels": (1,), "depth": 1, "kernel": 1},
        {"channels": (1,), "depth": 1, "stride": 3, "padding": 0, "pooling": "none"},
        {"channels": (1, 1), "depth": 2, "kernel": 7, "padding": 3, "residual": True},
    ],
    "diffusion": [
        {"steps": 10, "size": "small", "data": "ring"},
        {"steps": 10, "size": "small", "data": "ring", "sampler": "heun"},
        {"steps": 10, "size": "small", "data": "drawn", "points": CLOUD, "objective": "flow"},
        {"steps": 10, "size": "small", "data": "digits", "sampler": "ddpm"},
    ],
    "double_descent": [{"samples": 10, "widths": 5, "seeds": 1}],
    "efficient_attention": [
        {
            "length": 16,
            "pairs": 1,
            "block": 2,
            "key_width": 2,
            "width": 16,
            "heads": 1,
            "rank": 2,
            "batch_size": 4,
            **more,
        }
        for more in ({}, {"sharing": "latent"}, {"kinds": ("blocks",)}, {"kinds": ("linear",), "tokens": "Ab"})
    ],
    "gan": [
        {"seeds": 1, "noise_size": 1, "generator_hidden": (), "discriminator_hidden": (), "batch_size": 8, **more}
        for more in ({}, {"data": "drawn", "points": CLOUD}, {"data": "dirac"}, {"data": "digits"})
    ],
    "generative_families": [
        {"families": ("flow",), "width": 8, "couplings": 2, "batch_size": 16},
        {"data": "drawn", "points": CLOUD, "width": 8, "batch_size": 16},
    ],
    "gradient_descent": [{"optimisers": ("adam",), "basins": True, "starts": 4}],
    "grokking": [
        {"p": 11, "width": 16, **more}
        for more in (
            {},
            {"operation": "a*b", "model": "transformer"},
            {"operation": "parity", "bits": 2},
            {"trained": "phases"},
        )
    ],
    "lstm_gates": [
        {"length": 12, "hidden": 4, **more}
        for more in (
            {},
            {"task": "copying", "cell": "rnn"},
            {"task": "brackets", "cell": "gru"},
            {"task": "text", "text_key": TEXT},
            {"task": "text", "text_key": TEXT, "reading": "ab"},
            {"length": 50, "task": "text", "reading": "a"},
        )
    ],
    "language_model": [
        {"merges": 0, "layers": 1, "heads": 1, "width": 16, "context": 16, "batch_size": 4, **more}
        for more in (
            {},
            {"unit": "characters", "text_key": TEXT, "model": "gru"},
            {"unit": "bytes", "prompt": "a", "sentence": "a", "model": "convolution", "rank": 2},
            {"model": "bigram", "merges": 1},
            {"objective": "masked", "unit": "characters", "text_key": TEXT},
            {"objective": "diffusion", "unit": "characters", "text_key": TEXT},
            {"objective": "neighbours", "model": "vectors"},
        )
    ],
    "moe_routing": [{"clusters": 2, "experts": 1}, {"experts": 1, "data": "text", "text_key": TEXT}],
    "neural_network": [
        {"samples": 20, "hidden": ()},
        {"samples": 20, "hidden": (1,), "data": "regression_plane"},
        {"data": "drawn", "points": FOUR, "hidden": (1,)},
    ],
    "scaling_laws": [
        {"sizes": 2, "rank": 2, "seeds": 1, "vocabulary": 16, "batch_size": 32, **more}
        for more in ({}, {"across": "repeats", "planned": 100}, {"floor": "fitted"})
    ],
    "state_space": [
        {"length": 8, "kept": 1, "layers": 1, "width": 16, "heads": 1, "state": 2, "batch_size": 8, **more}
        for more in (
            {},
            {"layer": "s6", "control": "gru"},
            {"layer": "s4d", "control": "attention"},
            {"tokens": "a"},
            {"task": "digits", "control": "none"},
        )
    ],
    "translation": [
        {"vocabulary": 8, "width": 16, "heads": 1, "layers": 1, "batch_size": 4, **more}
        for more in (
            {},
            {"models": "transformer", "sentence": "a"},
            {"pair": "numbers", "sentence": "two"},
            {"pair": "own", "grammar": "N: a = b; N = N", "decoding": "beam"},
        )
    ],
    "vae": [
        {"latent": latent, "hidden": 0, "width": 16, "data": name}
        for latent, name in ((1, "digits"), (2, "wine"), (1, "spiral"))
    ],
}
CASES = [pytest.param(slug, one, id=f"{slug}-{k}") for slug, all_of in SMALL.items() for k, one in enumerate(all_of)]


@pytest.fixture(autouse=True)
def _no_run_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    runs.stop()
    yield
    runs.stop()


def given(small: dict[str, Any]) -> dict[str, Any]:
    """`small` with the key of a text that is now on the shelf."""
    return {name: shelf.keep(b"abc de " * 29) if value == TEXT else value for name, value in small.items()}


def highest(spec: Knob) -> Any:
    if spec.kind == "choice":
        return spec.choices[-1]
    assert spec.low is not None and spec.high is not None
    return tuple(range(int(spec.high) - 9, int(spec.high) + 1)) if spec.kind == "ints" else int(spec.high)


def turned(slug: str) -> dict[str, Any]:
    """Every index, and what may reach too far, as high as it goes."""
    knobs = engine.lab(slug).Config.knobs()
    return {name: highest(knobs[name]) for name in (*INDICES[slug], *REACHES.get(slug, ()))}


@pytest.mark.parametrize("slug", engine.labs())
def test_every_whole_number_is_known_to_be_an_index_or_an_amount(slug: str) -> None:
    counted = {name for name, spec in engine.lab(slug).Config.knobs().items() if spec.kind in ("int", "ints")}
    known = [*INDICES[slug], *REACHES.get(slug, ()), *AMOUNTS[slug]]
    assert counted - {"seed"} <= set(known) and len(known) == len(set(known)), "say of a new knob what it is"


@pytest.mark.parametrize(("slug", "small"), CASES)
def test_the_highest_index_draws_a_frame_of_the_smallest_thing(slug: str, small: dict[str, Any]) -> None:
    lab, base, top = engine.lab(slug), given(small), turned(slug)
    for knobs in (top, *({name: value} for name, value in top.items())):  # all together, and each alone
        experiment = lab.Experiment(lab.Config(**base, **knobs))
        assert isinstance(experiment.frame(), lab.Frame)
        experiment.step()
        assert isinstance(experiment.frame(), lab.Frame)


@pytest.mark.parametrize(("slug", "small"), CASES)
def test_an_index_that_is_turned_up_in_a_run_draws_a_frame(slug: str, small: dict[str, Any]) -> None:
    lab, top = engine.lab(slug), turned(slug)
    live = {name: value for name, value in top.items() if lab.Config.knobs()[name].live}
    experiment = lab.Experiment(lab.Config(**given(small)))
    experiment.step()
    experiment.update(dataclasses.replace(experiment.config, **live))
    assert isinstance(experiment.frame(), lab.Frame)
    experiment.step()
    assert isinstance(experiment.frame(), lab.Frame)


@pytest.mark.parametrize(("slug", "small"), CASES)
def test_its_page_is_drawn(slug: str, small: dict[str, Any]) -> None:
    lab = engine.lab(slug)
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    for name, text in lab.Config(**given(small), **turned(slug)).to_params().items():
        app.query_params[name] = text
    app.run()
    for tab in ("Curves", "Inside"):
        app.session_state[f"{slug}.tab"] = tab
        drive.step(app, slug)
        assert [e.message for e in app.exception] == [] and [e.value for e in app.error] == []
    assert [warning.value for warning in app.warning] == []
    look = drive.picture(app, slug)
    assert (look.status, look.step, look.message) == ("paused", 2, "") and look.stage


# ---------------------------------------------------------------------- and it is the last one that is shown


def test_a_span_ends_with_the_sequence() -> None:
    assert spanned(3, 7, 10) == (3, 7) and spanned(3, 70, 10) == (3, 10)
    assert spanned(10, 11, 10) == spanned(60, 70, 10) == spanned(7, 3, 10) == spanned(5, 5, 10) == (0, 0)


def test_what_is_seen_is_the_last_there_is() -> None:
    def frame(slug: str, **knobs: Any) -> Any:
        lab = engine.lab(slug)
        return lab.Experiment(lab.Config(**knobs)).frame()

    head = frame("attention_heads", shown=88, off=(11, 22, 88)).head
    assert (head.layer, head.head, head.on) == (2, 2, False)
    assert frame("attention_heads", off=(11, 22, 88, 39)).off == ((1, 1), (2, 2))
    kernel = frame("cnn_filters", layer=50, channels=(4, 3))
    assert kernel.layer == 1 and kernel.channel == 0
    assert frame("neural_network", samples=20, follow=1999).followed.index == 19
    assert frame("vae", data="moons", start=9, end=9).ends == (1, 1)


def test_two_dimensions_of_a_longer_code_stay_two() -> None:
    assert axes_of(1, 2, 2) == (0, 1) and axes_of(2, 1, 2) == (1, 0) and axes_of(3, 3, 5) == (2, 2)
    assert axes_of(5, 7, 2) == axes_of(2, 7, 2) == (0, 1) and axes_of(7, 5, 2) == axes_of(9, 2, 2) == (1, 0)
    assert axes_of(5, 7, 1) == (0, 0) and axes_of(5, 7, 6) == (4, 5)


def test_more_choices_than_experts_get_a_sentence() -> None:
    with pytest.raises(ConfigError, match="with 1 experts a token goes to 1 to 1"):
        engine.lab("moe_routing").Config(experts=1, top_k=8)
