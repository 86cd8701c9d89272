"""What is tested on is never trained on, whatever a visitor brings: texts, points, pictures."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from torch import Tensor
from visitor import ROOT

import engine
from engine import runs
from engine.contract.device import generator
from engine.contract.knobs import ConfigError
from engine.data import images, plane, point_clouds, shelf, text
from engine.labs import attention_heads, lstm_gates
from engine.labs.double_descent.feature_maps import digits
from engine.labs.vae import rows as vae_rows

CHARACTERS = (200, 201, 303, 420, 640, 1500)
WINDOWS = 400  # of training and of test, each


@pytest.fixture(autouse=True)
def _no_run_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    runs.stop()
    yield
    runs.stop()


def letters(count: int) -> str:
    """Random letters: nine of them in a row stand in one place only."""
    luck = random.Random(count)
    return "".join(luck.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))


def places(whole: str, windows: list[str]) -> set[int]:
    """Of all characters in `windows`, where in `whole` they stand."""
    found: set[int] = set()
    for window in set(windows):
        start = whole.index(window)
        assert whole.find(window, start + 1) < 0
        found |= set(range(start, start + len(window)))
    return found


def apart(whole: str, learned: list[str], tested: list[str], window: int) -> None:
    """The windows share no character, and the test keeps to the end: its last tenth, or one window."""
    train, test = places(whole, learned), places(whole, tested)
    assert max(train) < min(test) and len(set(learned)) > 10
    assert len(whole) - min(test) <= max(len(whole) - int(0.9 * len(whole)), window)


# ---------------------------------------------------------------------- texts


@given(total=st.integers(0, 5000), window=st.integers(2, 101))
def test_the_border_leaves_a_window_to_test_on_and_two_to_learn_from(total: int, window: int) -> None:
    try:
        cut = text.border(total, window)
    except text.TextError as error:
        assert total < 3 * window and f"at least {3 * window} characters" in str(error)
        return
    assert total >= 3 * window
    assert cut >= 2 * window and total - cut >= max(window, 0.1 * total - 1)
    assert cut == int(0.9 * total) or total - cut == window  # no more than that is kept from training


@pytest.mark.parametrize("length", [12, 32, 64])
@pytest.mark.parametrize("characters", CHARACTERS)
def test_attention_is_tested_on_another_part_of_the_text(characters: int, length: int) -> None:
    whole = letters(characters)
    config = attention_heads.Config(task="text", text_key=shelf.keep(whole.encode()), length=length)
    known = attention_heads.Experiment(config).symbols

    def windows(held_out: bool) -> list[str]:
        tokens, targets, _ = attention_heads.batch(config, generator(1, "x"), held_out=held_out, count=WINDOWS)
        return [known.decode(row) for row in torch.cat([tokens, targets[:, -1:]], 1).numpy()]

    apart(whole, windows(False), windows(True), length + 1)


@pytest.mark.parametrize("length", [12, 50, 65, 100])
@pytest.mark.parametrize("characters", CHARACTERS)
def test_recurrent_cells_are_shown_and_tested_on_another_part_of_the_text(characters: int, length: int) -> None:
    whole = letters(characters)
    key = shelf.keep(whole.encode())
    if characters < 3 * (length + 1):
        with pytest.raises(ConfigError, match=f"choose at most {characters // 3 - 1}, ") as caught:
            lstm_gates.Config(task="text", text_key=key, length=length)
        assert caught.value.knob == "length" and f"at least {3 * (length + 1)} characters" in str(caught.value)
        assert lstm_gates.Config(task="text", text_key=key, length=characters // 3 - 1)
        assert lstm_gates.Config(task="adding", text_key=key, length=length)  # where no text is read
        return
    experiment = lstm_gates.Experiment(lstm_gates.Config(task="text", text_key=key, length=length, hidden=4))
    assert experiment.alphabet is not None

    def windows(x: Tensor, y: Tensor) -> list[str]:
        each = torch.cat([x.argmax(-1), y[:, -1:]], 1).numpy()
        return [experiment.alphabet.decode(row) for row in each]

    task = experiment.task
    learned, tested = (windows(*task.draw(WINDOWS, generator(1, "x"), test=test)) for test in (False, True))
    apart(whole, learned, tested + windows(*experiment.shown), length + 1)


@pytest.mark.parametrize("characters", CHARACTERS)
def test_a_mixture_is_tested_on_another_part_of_the_text(characters: int) -> None:
    whole, lab = letters(characters), engine.lab("moe_routing")
    source = lab.Experiment(lab.Config(data="text", text_key=shelf.keep(whole.encode()))).source

    def windows(batch: Any) -> list[str]:
        return [source.alphabet.decode(row) for row in torch.cat([batch.given, batch.target[:, None]], 1).numpy()]

    apart(whole, windows(source.batch(WINDOWS, generator(1, "x"))), windows(source.test), 9)


def test_what_training_shows_of_a_text_says_nothing_about_its_end() -> None:
    """Two texts that differ in the part held out alone give the same training, with the same alphabet."""
    whole = letters(400)
    other = whole[:360] + "".join(sorted(whole[360:]))
    for slug in ("attention_heads", "moe_routing", "lstm_gates"):
        lab = engine.lab(slug)
        kind = {"data" if slug == "moe_routing" else "task": "text"}
        short = {} if slug == "moe_routing" else {"length": 12}
        one, two = (
            lab.Experiment(lab.Config(text_key=shelf.keep(t.encode()), **kind, **short)) for t in (whole, other)
        )
        for _ in range(3):
            first, second = one.step(), two.step()
        trained = [name for name in first if name == "loss" or name.startswith(("loss_", "gradient_"))]
        assert [first[name] for name in trained] == [second[name] for name in trained]
        for (name, a), b in zip(one.model.state_dict().items(), two.model.state_dict().values(), strict=True):
            assert torch.equal(a, b), (slug, name)


@pytest.mark.parametrize("slug", ["lstm_gates", "attention_heads", "moe_routing"])
@pytest.mark.parametrize("key", ["0" * 20, "no key"])
def test_a_text_that_is_gone_is_called_a_text(slug: str, key: str) -> None:
    config_class, task = engine.lab(slug).Config, "data" if slug == "moe_routing" else "task"
    with pytest.raises(ConfigError, match=r"this server no longer has that text; give it again\.$") as caught:
        config_class(**{task: "text"}, text_key=key)
    assert caught.value.knob == "text_key" and "network" not in str(caught.value)
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page(f"../pages/{slug}.py")
    app.query_params[task], app.query_params["text_key"] = "text", key
    app.run()
    assert not app.exception
    said = " ".join(e.value for kind in (app.error, app.warning) for e in kind)
    assert "no longer has that text; give it again" in said and "network" not in said
    player = app.session_state[f"{slug}.player"]
    assert getattr(player.wanted, task) == "text" and player.wanted.text_key == ""  # the rest of the link holds


def test_a_page_says_what_a_text_is_too_short_for_and_keeps_what_it_has() -> None:
    app = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60).switch_page("../pages/lstm_gates.py")
    app.query_params["task"], app.query_params["length"] = "text", "100"
    app.run()
    app.text_area(key="lstm_gates.text_typed").set_value(letters(250))
    app.button(key="lstm_gates.text_use").click().run()
    assert not app.exception
    assert [e.value for e in app.error] == [
        "length = 100 is not accepted: your text has 250 characters, of which the last 101 are kept for testing, and "
        "what is left is too little to learn from; choose at most 82, or give a text of at least 303 characters."
    ]
    wanted = app.session_state["lstm_gates.player"].wanted
    assert (wanted.length, wanted.text_key) == (100, "")


# ---------------------------------------------------------------------- points


def distinct(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of which no two are the same, and a class for each."""
    side = np.linspace(-5, 5, count)
    return np.column_stack([side, side[::-1]]), np.arange(count) % classes


@pytest.mark.parametrize("kind", ["drawn", "csv"])
@pytest.mark.parametrize(("count", "classes"), [(4, 2), (6, 3), (25, 2), (500, 3)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_point_of_ones_own_is_learned_or_tested(kind: str, count: int, classes: int, share: float) -> None:
    lab = engine.lab("neural_network")
    points = plane.encode_points(*distinct(count, classes))
    experiment = lab.Experiment(lab.Config(data=kind, points=points, train_share=share, batch_size=1000))
    n, rows = experiment.n_train, [tuple(row) for row in experiment.xy.tolist()]
    assert len(rows) == count and not set(rows[:n]) & set(rows[n:]) and len(set(rows)) == count
    for part in (experiment.labels[:n], experiment.labels[n:]):
        assert set(part.tolist()) == set(range(classes))  # neither side is without a class


def test_what_is_tested_on_does_not_move_a_weight() -> None:
    lab, (xy, labels) = engine.lab("neural_network"), distinct(40, 2)
    config = lab.Config(data="drawn", points=plane.encode_points(xy, labels))
    held_out = plane.split(plane.from_points(config.points), config.train_share, seed=config.data_seed)[1]
    moved = xy.copy()
    moved[held_out] *= -0.5
    one, two = (lab.Experiment(lab.Config(data="drawn", points=plane.encode_points(p, labels))) for p in (xy, moved))
    for _ in range(3):
        first, second = one.step(), two.step()
    assert first["train_loss"] == second["train_loss"] and first["test_loss"] != second["test_loss"]


CLOUD = point_clouds.pack(np.column_stack([np.linspace(-0.9, 0.9, 12), np.linspace(0.9, -0.9, 12) ** 2]))


def rows(points: Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in points.reshape(-1, points.shape[-1]).tolist()}


def test_a_drawn_distribution_is_tested_on_samples_of_its_own() -> None:
    """What is drawn is the distribution; each side has samples of it, every one moved by noise of its own."""
    gan, families, diffusion = (engine.lab(slug) for slug in ("gan", "generative_families", "diffusion"))
    forger = gan.Experiment(gan.Config(data="drawn", points=CLOUD))
    learned: set[tuple[float, ...]] = set()
    for _ in range(5):
        forger.step()
        learned |= rows(forger.real)
    assert len(learned) >= 128 and not learned & rows(forger.evaluator.real)

    all_four = families.Experiment(families.Config(data="drawn", points=CLOUD))
    learned = set().union(*(rows(all_four._real(batch)) for batch in range(20)))
    assert len(learned) > 2000 and not learned & rows(all_four.evaluator.real)

    denoiser = diffusion.Experiment(diffusion.Config(data="drawn", points=CLOUD, size="small"))
    assert not rows(denoiser.data) & rows(denoiser.real)


# ---------------------------------------------------------------------- pictures, and rows that are none


@pytest.mark.parametrize("slug", ["cnn_filters", "adversarial_examples", "vae"])
def test_a_picture_of_ones_own_is_looked_at_and_not_learned(slug: str) -> None:
    lab = engine.lab(slug)
    side = images.side(lab.Config().data)
    stroke = images.pack(images.rasterise([np.array([[0.3, 0.2], [0.6, 0.8]])], side))
    one, two = lab.Experiment(lab.Config()), lab.Experiment(lab.Config(picture=stroke))
    assert [one.step() for _ in range(3)] == [two.step() for _ in range(3)]
    for a, b in pairwise([one.model.state_dict(), two.model.state_dict()]):
        assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", ["digits", "wine", *vae_rows.PLANE])
def test_no_row_is_on_both_sides(name: str) -> None:
    found = vae_rows.load(name)
    train, test = ({row.tobytes() for row in part} for part in (found.train_x, found.test_x))
    assert test and not train & test


def test_no_digit_is_on_both_sides() -> None:
    found = images.load("digits")
    train, test = ({picture.tobytes() for picture in part} for part in (found.train_x, found.test_x))
    assert len(test) == 500 and not train & test
    x, _, x_test, _ = digits()
    assert not rows(x) & rows(x_test)
