"""`step` in a link: leading zeros passed its bound, and 5,000 digits broke the page; so did other numbers and lists."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from streamlit.runtime.state.query_params import CLIENT_STATE_QUERY_STRING_MAX_LENGTH
from streamlit.testing.v1 import AppTest

import engine
from engine import ConfigError, runs
from engine.runs import story
from engine.runs.history import Intervention
from ui import link
from ui.controls import LINES

DIGITS = "9" * 5_000  # more than Python converts
DEEP = "[" * 10_000 + "]" * 10_000
NESTED = "[" * 700 + "]" * 700  # not too deep to be read, but to be written
NETWORK, RACE = engine.lab("neural_network").Config, engine.lab("gradient_descent").Config


@pytest.fixture(autouse=True)
def _no_run_is_left():
    yield
    runs.stop()


def arrive(slug: str, **params: str) -> AppTest:
    runs.stop()
    app = AppTest.from_file("../../ui/shell.py", default_timeout=60).switch_page(f"../pages/{slug}.py")
    for name, text in params.items():
        app.query_params[name] = text
    app.run()
    assert [e.message for e in app.exception] == [] and [e.value for e in app.error] == []
    return app


def notices(app: AppTest) -> list[str]:
    return [line for warning in app.warning for line in warning.value.split(LINES)]


@pytest.mark.parametrize(
    ("text", "step"),
    [("0", 0), ("5", 5), ("007", 7), ("0" * 5_000, 0), ("0" * 5_000 + "12", 12), ("1000000", 1_000_000)],
)
def test_a_step_is_read(text: str, step: int) -> None:
    assert story._step("step", text) == step


NO_STEPS = ["", "-1", "-0", "+5", "1e3", "5.0", " 5", "5\n", "1_000", "nan", "true", "٣", "５", "²", "1000001",
            "0000000009999999", "000000000" + DIGITS, DIGITS, DIGITS * 200]  # fmt: skip


@pytest.mark.parametrize("text", NO_STEPS, ids=lambda text: f"{text[:12]!a}-{len(text)}")
@pytest.mark.parametrize("name", ["step", "at"])
def test_what_is_no_step_gets_a_sentence(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        story._step(name, text)
    said = str(caught.value)
    assert said.startswith(f"{name} = ") and said.endswith("give a whole number from 0 to 1,000,000.")
    assert len(said) < 140


NO_CHANGES = [
    "7", "null", "{", "{}", '"ab"', '{"1a":2}', "[1]", "[[1]]", "[[1,2]]", "[[1,[]]]",
    '[[1,[["seed","3"]]]]', '[["1",{}]]',
    "[[true,{}]]", "[[1.0,{}]]", "[[-1,{}]]", "[[null,{}]]", "[[NaN,{}]]", "[[Infinity,{}]]", "[[1e400,{}]]",
    "[[1000001,{}]]", f"[[{'9' * 4_000},{{}}]]", f"[[{DIGITS},{{}}]]", DEEP, f"[[1,{DEEP}]]", f"[[1,{NESTED}]]",
    f'[[1,{{"learning_rate":{NESTED}}}]]', f'[[1,{{"learning_rate":{DEEP}}}]]', f'[[1,{{"learning_rate":{DIGITS}}}]]',
    f'[[1,{{"learning_rate":"{DIGITS}"}}]]', '[[1,{"learning_rate":true}]]', '[[1,{"learning_rate":null}]]',
    '[[1,{"learning_rate":NaN}]]', '[[1,{"learning_rate":1e400}]]', '[[1,{"learning_rate":"٣"}]]',
    '[[1,{"learning_rate":-0}]]', '[[1,{"learning_rate":{"a":1}}]]', '[[1,{"seed":"3"}]]',
    json.dumps([[1, {"learning_rate": "0.1"}]] * (story.CHANGES + 1)), json.dumps([[1, {"edit": {}}]] * 20_000),
    json.dumps([[1, {"learning_rate": "0.1"}]] * 20_000), "[" + " " * story.LONGEST + "]",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_CHANGES, ids=lambda text: f"{text[:40]!a}-{len(text)}")
def test_changes_that_cannot_be_get_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        story.read(text, NETWORK())
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 250


def test_as_many_changes_as_a_link_may_hold_are_read() -> None:
    rates = [0.001 + n / 10_000 for n in range(story.CHANGES)]
    text = json.dumps([[n, {"learning_rate": repr(rate)}] for n, rate in enumerate(rates)])
    assert [i.change.learning_rate for i in story.read(text, NETWORK())] == rates


def test_numbers_that_are_not_quoted_are_read_too() -> None:
    [first, second] = story.read('[[1,{"learning_rate":0.5}],[2,{"follow":3}]]', NETWORK())
    assert (first.change.learning_rate, second.change.learning_rate, second.change.follow) == (0.5, 0.5, 3)


NO_RUNS = [
    "7", "null", "{", '{"a=1":0}', '["seed=1"]', '[["seed=1"]]', '[["seed=1",0,0]]', '[["seed=1",2]]',
    '[["seed=1",NaN]]',
    '[["seed=1",[]]]', '[["seed=1","0"]]', "[[7,0]]", "[[{},0]]", "[[null,0]]", '[["seed",0]]', '[["seed=x",0]]',
    '[["seed=1&step=0000000009999999",0]]', f'[["seed=1&step={"0" * 9 + DIGITS}",0]]', f'[["seed=1&at={DIGITS}",0]]',
    f'[["seed={DIGITS}",0]]', '[["seed=٣",0]]', f"[[{NESTED},0]]", DEEP, f'[["seed=1",{DIGITS}]]',
    json.dumps([["seed=1", 0]] * (story.COMPARED + 1)), json.dumps([["seed=1", 0]] * 20_000),
    json.dumps([["&".join(f"k{n}=1" for n in range(20_000)), 0]]),
    json.dumps([[urlencode({"did": json.dumps([[1, {"learning_rate": "0.1"}]] * 20_000)}), 0]]),
]  # fmt: skip


@pytest.mark.parametrize("text", NO_RUNS, ids=lambda text: f"{text[:40]!a}-{len(text)}")
def test_runs_beside_that_cannot_be_get_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        story.read_compared(NETWORK, text)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "params",
    [
        {"step": "0000000009999999"}, {"step": "000000000" + DIGITS}, {"step": "5", "at": "000000000" + DIGITS},
        {"step": "5", "did": DEEP}, {"did": f'[[1,{{"learning_rate":{NESTED}}}]]'}, {"did": '[[true,{"edit":{}}]]'},
        {"did": json.dumps([[0, {}]] * 20_000, separators=(",", ":"))},
        {"compare": json.dumps([["seed=1&step=000000000" + DIGITS, 0]])}, {"compare": json.dumps([["seed=1", 0]] * 9)},
        {"seed": DIGITS}, {"seed": "٣"}, {"hidden": ",".join(["4"] * 20_000)}, {"learning_rate": "9" * 100_000},
        {"learning_rate": "1e400"}, {"learning_rate": "nan"}, {"learning_rate": "-0"},
    ],
    ids=lambda params: ascii(",".join(f"{n}={v[:20]}-{len(v)}" for n, v in params.items())),
)  # fmt: skip
def test_the_page_says_one_sentence_and_is_as_if_the_rest_of_the_link_were_the_link(params: dict[str, str]) -> None:
    app = arrive("neural_network", **params)
    [said] = notices(app)
    assert said.startswith("In the link, ") and said.endswith(".") and len(said) < 400
    player = app.session_state["neural_network.player"]
    assert player.config == NETWORK() and not player.compared
    assert (player.on_stage.look.status, player.on_stage.look.step) == ("paused", 0)
    app.run()
    assert [e.message for e in app.exception] == []


def test_hundreds_of_names_that_are_no_knobs_get_a_handful_of_sentences() -> None:
    app = arrive("gradient_descent", seed="5", **{f"k{n}" * 40: "1" for n in range(900)})
    said = notices(app)
    assert len(said) == link.STRANGERS + 1 and "897 more" in said[-1]
    assert max(map(len, said)) < 150
    assert app.session_state["gradient_descent.player"].config == RACE(seed=5)


def test_a_link_that_nobody_could_open_is_not_offered() -> None:
    change = Intervention(1, NETWORK(learning_rate=0.2))
    told: dict[str, Any] = {"interventions": [change] * story.CHANGES, "later": []}
    assert story.too_much("short", [told]) == ""
    assert story.too_much("x" * (story.LONGEST + 1), [told]).endswith("65,001 characters, and 65,000 are read at most.")
    other = {**told, "later": [change]}
    said = "This run was changed 501 times on the way, and a link tells of 500 changes at most."
    assert story.too_much("short", [told, other]) == said


def test_the_longest_link_is_one_that_streamlit_reads() -> None:
    assert story.LONGEST < CLIENT_STATE_QUERY_STRING_MAX_LENGTH


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seed", DIGITS), ("seed", "0" * 20 + "1"), ("seed", "٣"), ("seed", "1_0"), ("seed", "True"), ("seed", "1.0"),
        ("learning_rate", "9" * 1_001), ("learning_rate", "0." + "1" * 100_000), ("learning_rate", "1e400"),
        ("learning_rate", "-1e-9999"), ("learning_rate", "NaN"), ("learning_rate", "٠.٥"), ("learning_rate", "0x1p-3"),
        ("hidden", "8," * 100_000), ("hidden", f"8,{DIGITS}"), ("hidden", "8,٣"), ("features", "x," * 100_000),
    ],
    ids=lambda text: f"{text[:12]!a}-{len(text)}",
)  # fmt: skip
def test_a_knob_refuses_what_is_no_number_of_its_own_in_a_short_sentence(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NETWORK.from_params({name: text})
    assert caught.value.knob == name and len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [10**5_000, -(10**5_000), 10**60], ids=["large", "small", "61 digits"])
def test_a_number_that_python_does_not_write_out_is_refused_in_a_sentence_too(value: int) -> None:
    with pytest.raises(
        ConfigError, match="seed = a number of more than 60 digits is not accepted: give a whole number"
    ):
        NETWORK(seed=value)


def test_there_is_no_minus_zero() -> None:
    knob = next(
        k for k in RACE.knobs().values() if k.kind == "float" and k.low is not None and k.low <= 0 <= (k.high or 0)
    )
    assert str(knob.parse("-0.0")) == str(knob.check(-0.0)) == "0.0"


def test_a_number_written_with_all_its_digits_is_read() -> None:
    assert NETWORK.from_params({"learning_rate": f"{0.1:.60f}"}).learning_rate == 0.1
