"""What is said of a run in words: made of the labels of knobs, which are names, symbols and plain words."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

import engine
from engine import Config
from ui import lesson, shell
from ui.player import describe
from ui.words import capital, counted, uncapital


@pytest.mark.parametrize(
    ("text", "said"),
    [("learning rate 0.1", "Learning rate 0.1"), ("ε of the training 0.15", "ε of the training 0.15"),
     ("β₁ 0.5", "β₁ 0.5"), ("σ", "σ"), ("k 2", "k 2"), ("Adam's β₁ 0.5", "Adam's β₁ 0.5"), ("on stage", "On stage"),
     ("top-k 2", "Top-k 2"), ("x₀", "x₀"), ("5 of them", "5 of them"), ("", "")],
)  # fmt: skip
def test_a_sentence_begins_with_a_capital_and_a_symbol_stays_what_it_is(text: str, said: str) -> None:
    assert capital(text) == said


@pytest.mark.parametrize(
    ("label", "said"),
    [("Learning rate", "learning rate"), ("Adam's β₁", "Adam's β₁"), ("RMSProp", "RMSProp"), ("L2", "L2"), ("Z1", "Z1"),
     ("SAM's radius ρ", "SAM's radius ρ"), ("ε of the training", "ε of the training"), ("Top-k", "top-k"),
     ("Size of a step / ε", "size of a step / ε"), ("", "")],
)  # fmt: skip
def test_within_a_sentence_only_plain_words_lose_their_capital(label: str, said: str) -> None:
    assert uncapital(label) == said


def test_one_is_no_plural() -> None:
    assert [counted(n, "step") for n in (0, 1, 2, 2000)] == ["0 steps", "1 step", "2 steps", "2,000 steps"]


def others(config: Config, name: str) -> list[Any]:
    """Further values that the knob `name` takes, among them the least that it holds."""
    knob = config.knobs()[name]
    return {
        "bool": [True, False], "int": [knob.low, knob.high], "float": [knob.low, knob.high],
        "choice": list(knob.choices), "choices": [(), knob.choices[:1]], "ints": [()], "text": [],
    }[knob.kind]  # fmt: skip


@pytest.mark.parametrize("slug", [entry.slug for entry in shell.labs()])
def test_every_knob_that_differs_is_named_as_it_is_written_and_has_a_value(slug: str) -> None:
    config = engine.lab(slug).Config()
    for name, knob in config.knobs().items():
        for value in others(config, name):
            try:
                said = describe(dataclasses.replace(config, **{name: value}), config)
            except engine.ConfigError:
                continue  # not with the other knobs as they are
            if said:
                assert said == said.strip() and "  " not in said and not said.endswith((",", ":")), said
                assert not re.search(r"adam|rmsprop|\bl[12]\b|gan\b", said.removesuffix(str(value))), said
                assert len(said) > len(knob.called or knob.label), said


@pytest.mark.parametrize("slug", [entry.slug for entry in shell.labs()])
def test_both_sides_of_every_lesson_have_a_title_that_is_drawn_bold(slug: str) -> None:
    config_class = engine.lab(slug).Config
    for one in lesson.lessons(slug):
        other = one.compared(config_class)
        if other is not None:
            here = one.config(config_class)
            for words in (describe(here, other), describe(other, here)):
                assert words and words == words.strip(), one.slug  # **bold ** is no bold in Markdown


@pytest.mark.parametrize(
    ("slug", "knobs", "said"),
    [("neural_network", {"hidden": ()}, "hidden none"), ("gan", {"beta1": 0.5}, "Adam's β₁ 0.5"),
     ("gradient_descent", {"lr_gradient_descent": 0.21}, "learning rate of gradient descent 0.21"),
     ("generative_families", {"flow_rate": 0.01}, "learning rate of the flow 0.01")],
)  # fmt: skip
def test_what_a_label_says_only_in_its_group_is_said_in_full(slug: str, knobs: dict[str, Any], said: str) -> None:
    config = engine.lab(slug).Config()
    assert describe(dataclasses.replace(config, **knobs), config) == said
