"""Controls: widgets, links and undo give back exactly the Config that was asked for."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_config import Small
from streamlit.testing.v1 import AppTest

from engine import Config, knob
from ui import controls, link
from ui.controls import LINES


def page() -> None:
    import streamlit as st
    from small_config import Small

    from ui.controls import controls, set_config

    def preset() -> None:
        set_config("small", Small(rate=0.0123, hidden=(1, 2, 3), clip=True, limit=2.5, note="kept", seed=7))

    st.button("Preset", on_click=preset, key="preset")
    st.session_state["result"] = controls("small", Small)


def open_page(**params: str) -> AppTest:
    app = AppTest.from_function(page)
    for name, text in params.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception
    return app


def result(app: AppTest) -> Small:
    assert not app.exception
    return app.session_state["result"]


def query(app: AppTest) -> dict[str, str]:
    return {name: text if isinstance(text, str) else text[-1] for name, text in app.query_params.items()}


def test_untouched_widgets_give_the_default_and_an_empty_link() -> None:
    app = open_page()
    assert result(app) == Small()
    assert query(app) == {}
    assert not app.warning


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("select_slider", "rate", 0.3),
        ("select_slider", "decay", 0.001),
        ("select_slider", "share", 0.31),
        ("slider", "width", 13),
        ("select_slider", "batch", 64),
        ("toggle", "clip", True),
        ("segmented_control", "shape", "moons"),
        ("selectbox", "method", "lamb"),
        ("number_input", "seed", 4711),
    ],
)
def test_a_widget_sets_its_knob_and_the_link(kind: str, name: str, value: object) -> None:
    app = open_page()
    app.session_state["small.group.1"] = True  # the group of the seed, which is folded away at first
    app.run()
    getattr(app, kind)(key=f"small.{name}").set_value(value).run()
    assert result(app) == Small(**{name: value})
    assert Small.from_params(query(app)) == result(app)


def test_pills_set_choices() -> None:
    app = open_page()
    app.pills(key="small.inputs").set_value(["yy", "x"]).run()
    assert result(app).inputs == ("x", "yy")


def test_choices_whose_words_need_several_rows_are_no_bar_of_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [bar.key for bar in open_page().segmented_control] == ["small.shape"]
    monkeypatch.setattr(controls, "ROW", 20)
    app = open_page()
    assert not app.segmented_control and app.pills(key="small.shape").value == "ring"
    app.pills(key="small.shape").set_value("moons").run()
    assert result(app).shape == "moons"
    app.pills(key="small.shape").set_value(None).run()  # one is always chosen
    assert result(app).shape == "moons"


def test_layers_are_added_resized_and_taken_away() -> None:
    app = open_page()
    app.button(key="small.hidden.more").click().run()
    assert result(app).hidden == (4, 2, 2)
    app.number_input(key="small.hidden.0").set_value(9).run()
    assert result(app).hidden == (9, 2, 2)
    for expected in ((9, 2), (9,), ()):
        app.button(key="small.hidden.less").click().run()
        assert result(app).hidden == expected
    assert app.button(key="small.hidden.less").disabled
    assert query(app)["hidden"] == ""


CONFIGS = st.builds(
    Small,
    rate=st.floats(1e-5, 10.0),
    decay=st.floats(0.0, 1.0),
    share=st.floats(0.1, 0.9),
    width=st.integers(1, 63),
    batch=st.integers(1, 1000),
    clip=st.booleans(),
    limit=st.floats(0.1, 10.0),
    shape=st.sampled_from(("ring", "moons", "xor")),
    method=st.sampled_from(("sgd", "adam", "lion")),
    inputs=st.permutations(("x", "y", "xx", "yy")).map(lambda p: tuple(p[:3])),
    hidden=st.lists(st.integers(1, 64), max_size=4).map(tuple),
    note=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=50),
    seed=st.integers(0, 999_999),
)


@given(CONFIGS)
def test_a_shared_link_holds_the_whole_config(config: Small) -> None:
    url = urlsplit(controls.share_url(config, "small"))
    assert url.path == "small"
    assert Small.from_params(dict(parse_qsl(url.query, keep_blank_values=True))) == config


@settings(max_examples=15, deadline=None)
@given(CONFIGS)
def test_widgets_hold_any_config_from_a_link_exactly(config: Small) -> None:
    app = open_page(**config.to_params())
    assert result(app) == config
    app.run()
    assert result(app) == config
    assert not app.warning


def test_bad_values_keep_their_default_and_are_told_until_a_setting_changes() -> None:
    app = open_page(rate="fast", width="12", colour="red")
    assert result(app) == Small(width=12)
    [box] = app.warning  # one for the whole link, a line for each thing
    said = box.value.split(LINES)
    assert len(said) == 2
    assert "rate = 'fast' is not accepted: give a number from 1e-05 to 10. Using 0.01 instead." in "".join(said)
    assert "colour is not a knob of this page" in "".join(said)
    assert query(app) == {"width": "12"}
    app.toggle(key="small.clip").set_value(True).run()
    assert not app.warning


def test_reserved_keys_of_a_link_are_left_alone() -> None:
    app = open_page(lesson="edge", step="40", rate="0.3")
    assert query(app) == {"lesson": "edge", "step": "40", "rate": "0.3"}
    assert not app.warning


def test_a_value_off_the_grid_is_one_of_the_stops() -> None:
    app = open_page(rate="0.0777")
    assert app.select_slider(key="small.rate").options.count("0.0777") == 1
    app.select_slider(key="small.rate").set_value(0.1).run()
    assert result(app).rate == 0.1
    assert "0.0777" not in app.select_slider(key="small.rate").options


def test_a_preset_sets_every_widget_and_undo_brings_the_old_ones_back() -> None:
    app = open_page()
    app.slider(key="small.width").set_value(20).run()
    app.button(key="preset").click().run()
    preset = result(app)
    assert preset == Small(rate=0.0123, hidden=(1, 2, 3), clip=True, limit=2.5, note="kept", seed=7)
    assert app.select_slider(key="small.limit").value == 2.5
    assert Small.from_params(query(app)) == preset
    app.button(key="small.undo").click().run()
    assert result(app) == Small(width=20)
    app.button(key="small.undo").click().run()
    assert result(app) == Small()
    assert app.button(key="small.undo").disabled


def test_defaults_can_be_undone() -> None:
    app = open_page(width="20")
    app.button(key="small.defaults").click().run()
    assert result(app) == Small()
    app.button(key="small.undo").click().run()
    assert result(app) == Small(width=20)


def test_no_more_than_the_last_twenty_are_kept() -> None:
    here = link.Settings(Small())
    for seed in range(1, 31):
        here.replace(Small(seed=seed))
    assert [c.seed for c in here.past] == list(range(10, 30))


def test_a_knob_that_does_not_apply_is_not_drawn_and_keeps_its_value() -> None:
    app = open_page(limit="3.5")
    assert not [s for s in app.select_slider if s.key == "small.limit"]
    assert result(app).limit == 3.5
    for on in (True, False, True):
        app.toggle(key="small.clip").set_value(on).run()
        assert [s.value for s in app.select_slider if s.key == "small.limit"] == ([3.5] if on else [])
        assert result(app) == Small(limit=3.5, clip=on)


def test_settings_that_do_not_go_together_keep_the_last_good_ones() -> None:
    app = open_page(shape="xor")
    app.slider(key="small.width").set_value(64).run()
    assert result(app) == Small(shape="xor")
    assert "xor takes fewer than 64" in app.error[0].value
    assert query(app) == {"shape": "xor"}
    app.button(key="small.back").click().run()
    assert not app.error
    assert app.slider(key="small.width").value == 8


def test_a_turned_knob_brings_along_what_the_lab_says_and_its_widgets_show_it() -> None:
    app = open_page(rate="0.3", hidden="4,2,8")
    app.selectbox(key="small.method").set_value("lion").run()
    assert result(app) == Small(method="lion", rate=0.003, hidden=(4,))
    assert app.select_slider(key="small.rate").value == 0.003
    assert [n.value for n in app.number_input if n.key.startswith("small.hidden.")] == [4]
    app.select_slider(key="small.rate").set_value(0.1).run()  # by hand it may be anything
    assert result(app).rate == 0.1
    app.button(key="small.undo").click().run()
    app.button(key="small.undo").click().run()
    assert result(app) == Small(rate=0.3, hidden=(4, 2, 8))
    assert not app.error


def test_what_is_brought_along_may_make_good_what_did_not_go_together() -> None:
    app = open_page(width="64")
    app.segmented_control(key="small.shape").set_value("xor").run()
    assert not app.error
    assert result(app) == Small(shape="xor", width=32)
    assert app.slider(key="small.width").value == 32


def test_nothing_is_brought_along_for_a_link() -> None:
    app = open_page(method="lion", rate="0.3")
    assert result(app) == Small(method="lion", rate=0.3)


def test_a_late_link_of_our_own_does_not_turn_knobs_back() -> None:
    app = open_page(width="20")
    app.slider(key="small.width").set_value(30).run()
    app.query_params["width"] = "20"  # the browser had not yet heard of width=30
    app.run()
    assert result(app).width == 30
    assert query(app) == {"width": "30"}


def test_a_new_link_counts() -> None:
    app = open_page(width="20")
    app.query_params["width"] = "41"
    app.run()
    assert result(app).width == 41
    assert app.slider(key="small.width").value == 41


def test_arriving_again_without_a_link_keeps_what_was_set() -> None:
    app = open_page(width="20")
    app.query_params.clear()
    app.session_state["shell.visit"] = 1
    app.run()
    assert result(app).width == 20
    assert query(app) == {"width": "20"}


def test_knobs_named_in_the_session_are_hidden() -> None:
    app = AppTest.from_function(page)
    app.session_state["shell.hide"] = frozenset({"rate", "seed"})
    app.run()
    assert result(app) == Small()
    assert not [w for w in (*app.select_slider, *app.number_input) if w.key in ("small.rate", "small.seed")]


def test_a_reserved_name_for_a_knob_is_refused() -> None:
    @dataclass(frozen=True)
    class Clash(Config):
        step: int = knob(1, low=0, high=2)

    with pytest.raises(ValueError, match="step"):
        controls.controls("clash", Clash)


@given(st.floats(1e-8, 1e3), st.floats(1e-8, 1e3))
def test_different_numbers_are_shown_differently(a: float, b: float) -> None:
    assert (controls.number(a) == controls.number(b)) == (a == b)
    assert float(controls.number(a)) == a


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.booleans())
def test_a_grid_stays_between_the_bounds_and_has_both(low: float, wide: float, log: bool) -> None:
    low = max(abs(low), 1e-6) if log else low
    high = low + wide
    spec = Config.knobs()["seed"].__class__(default=low, kind="float", low=low, high=high, log=log, name="k")
    stops = controls.grid(spec)
    assert stops[0] == low and stops[-1] == high
    assert list(stops) == sorted(set(stops))
    assert len(stops) <= 150
