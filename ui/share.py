"""Taking a run home: the link that repeats it, and everything that can be downloaded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from engine import Config
from engine.contract import plain as forms
from engine.runs import export, story
from engine.runs.pool import PoolError
from engine.runs.run import Run
from ui.embed import iframe
from ui.link import home
from ui.mount import take_home
from ui.plain import plain
from ui.player import Player

Made = TypeVar("Made")


@dataclass(frozen=True)
class Form:
    """A lab in plain PyTorch, and what is to be said of it."""

    text: str
    said: str


def python(slug: str, config: Config, *, changed: bool = False) -> Form | None:
    """The plain form of a lab with the knobs of `config`; None where it has none.  `changed`: on the way, by hand."""
    file = forms.file(slug)
    if not file.exists():
        return None
    source, knobs = file.read_text(encoding="utf-8"), config.knobs()
    lost = [" ".join([knobs[name].label, *map(knobs[name].title, choices)])
            for name, choices in forms.lost(source, config).items()]  # fmt: skip
    said = (
        "The whole lab in one file, which trains and draws: with PyTorch, scikit-learn and matplotlib, nothing of ours."
    )
    if lost:
        said += f" It does not know {', '.join(lost)}, so it is another run than this one."
    elif changed:
        said += " What you did on the way is not in it."
    return Form(forms.with_config(source, config), said)


def share(player: Player) -> None:
    """The link that reproduces what is on screen, and everything that can be downloaded."""
    assert player.on_stage is not None
    run, slug = player.on_stage.run, player.slug
    try:
        told = run.story()
        compared = [(other.run.story(), other.run.marches) for other in player.compared]
    except PoolError as error:
        st.warning(plain(str(error)))
        return
    base = home()
    others = ", with those beside it" if compared else ""
    address = base + story.link(slug, told, compared)
    if refused := story.too_much(address, [told, *(other for other, _ in compared)]):
        st.warning(f"{refused} *Python, to the digit* and the notebook below repeat it.", icon=":material/link_off:")
    else:
        st.markdown(f"**This link** repeats the run on screen{others}, seed and changes included.")
        st.code(address, language=None, wrap_lines=True)
    on_a_slide = iframe(base, slug, told["config"])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.link_button("Watch it live", f"{base}watch/{run.id}", icon=":material/visibility:",
                       help="A page of this run alone. Whoever has its address sees the run as it learns, and can "
                            "change nothing: send it to a class.")  # fmt: skip
        shown = st.toggle("Copy iframe", key=f"{slug}.iframe", disabled=not on_a_slide,
                          help="A line of HTML that puts this lab on a slide, with these settings. Whoever has the "
                               "slide plays a run of their own.")  # fmt: skip
    if shown and on_a_slide:
        st.code(on_a_slide, language="html", wrap_lines=True)
    take_home(run, key=f"{slug}.takehome")
    config, steps, did = told["config"], told["step"], told["interventions"]
    name = f"{slug}-seed{config.seed}-step{steps}"
    form = python(slug, config, changed=bool(did))
    with st.container(horizontal=True, gap="small"):
        for label, suffix, mime, make in (
            *([("Python", "plain.py", "text/x-python", lambda: form.text)] if form is not None else []),
            ("Python, to the digit", "py", "text/x-python",
             lambda: export.script(slug, config, steps=steps, interventions=did)),
            ("Notebook", "ipynb", "application/x-ipynb+json",
             lambda: export.notebook(slug, config, steps=steps, interventions=did)),
            ("Metrics", "csv", "text/csv", lambda: patiently(lambda: export.table(measured(run)))),
            ("Weights", "safetensors", "application/octet-stream", lambda: patiently(run.weights)),
            ("Settings", "json", "application/json", lambda: json.dumps(config.to_params(), indent=1)),
        ):  # fmt: skip
            st.download_button(label, data=make, file_name=f"{name}.{suffix}", mime=mime, on_click="ignore",
                               key=f"{slug}.export.{suffix}", icon=":material/download:")  # fmt: skip
    if form is not None:
        st.caption(
            f"**Python.** {form.said} **Python, to the digit** drives this playground's own code and repeats the run "
            "exactly, with everything that you did on the way."
        )
    st.caption("Pictures: PNG, Slide and Film on each panel, and the three dots on each chart, save what you see.")


def measured(run: Run) -> Mapping[str, Any]:
    """The metrics of a run, whole.  Raises `PoolError` when its worker cannot be reached."""
    look = run.peek(-1)
    if look.last_step and not look.curves:
        raise PoolError(look.message or "This run cannot be reached just now. Please try again in a moment.")
    return look.curves


def patiently(make: Callable[[], Made], seconds: float = 45.0) -> Made:
    """What `make` gives; while a worker is being replaced it is asked again.  Raises `PoolError` after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        try:
            return make()
        except PoolError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
