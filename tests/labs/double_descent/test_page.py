"""The page of double descent without a browser: a model that is chosen brings along data that it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest
from visitor import ROOT

from engine import runs

SLUG = "double_descent"


@pytest.fixture
def app() -> Iterator[AppTest]:
    page = AppTest.from_file(str(ROOT / "ui" / "shell.py"), default_timeout=60)
    page.session_state[f"{SLUG}.group.1"] = True  # the group of the data, which is folded away at first
    yield page.switch_page(f"../pages/{SLUG}.py").run()
    runs.stop()


def data(app: AppTest) -> str:
    assert not app.exception
    [chosen] = [group.value for group in app.segmented_control if group.key == f"{SLUG}.data"]
    return str(chosen)


def test_a_model_brings_its_data_along_and_the_widget_and_the_run_show_it(app: AppTest) -> None:
    for model, brought in (("legendre", "curve"), ("gaussian_subset", "gaussian"), ("relu", "digits")):
        app.selectbox(key=f"{SLUG}.model").set_value(model).run()
        assert not app.error
        assert data(app) == brought
        assert app.session_state[f"{SLUG}.player"].config.data == brought


def test_data_that_do_not_go_with_the_model_get_a_sentence_and_the_run_keeps_what_it_has(app: AppTest) -> None:
    app.segmented_control(key=f"{SLUG}.data").set_value("gaussian").run()
    assert "Random Fourier features goes with data: Digits or Curve" in app.error[0].value
    assert app.session_state[f"{SLUG}.player"].config.data == "digits"
