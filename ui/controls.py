"""Widgets made from a lab's Config: what the visitor sets comes back as a Config."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, TypeVar

import streamlit as st

from engine import Config, ConfigError
from engine.contract.knobs import Knob, StillMissing, Value
from ui import theme
from ui.link import RESERVED, Settings, set_config, settings, share_url, undo, write_link
from ui.plain import plain
from ui.press import whole
from ui.words import capital

__all__ = ["controls", "set_config", "share_url", "undo"]

C = TypeVar("C", bound=Config)

LONG = 200  # more whole numbers than this are typed and not slid
WIDE = 70  # pixels of a box for a number of two or three digits
FEW = 5  # choices that are all seen at once
ROW, SIDES = 42, 5  # characters that fit side by side beside a stage, and how many the sides of a button count for
LINES = "  \n"  # between the sentences of one box


def controls(
    slug: str,
    config_class: type[C],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    hidden: Collection[str] = (),
    disabled: Collection[str] = (),
    show: Collection[str] = (),
    first: Collection[str] = (),
    opened: Collection[str] = (),
    above: AbstractContextManager[Any] | None = None,
    notices: AbstractContextManager[Any] | None = None,
) -> C:
    """Draw the knobs of `config_class` where the script stands, and return what they are set to.

    `groups` maps titles to knobs, in order; without it each knob's own `group` is used.  `hidden` are not drawn (nor
    are those that the link hides), `disabled` are drawn but cannot be turned; a knob that holds text is drawn only if
    `show` names it.  Above the groups, in the container `above` if there is one, stand those in `opened`, which a
    lesson is about, and without a lesson those in `first`, which the page's question is about.  What was turned brings
    along what `Config.settle` says.  If the settings do not go together, a sentence says so and the last Config that
    did is returned.
    What is wrong with the link, or still to be given, is said in the container `notices`, or above the knobs.
    """
    here = settings(slug, config_class)
    knobs = config_class.knobs()
    clash = RESERVED & knobs.keys()
    if clash:
        raise ValueError(
            f"{slug}: a knob cannot be called {', '.join(sorted(clash))}; links use that for something else"
        )
    if here.stale:
        for spec in knobs.values():
            _seed(_key(slug, spec), spec, getattr(here.config, spec.name))
        here.stale = False
    values = {name: _value(slug, spec, here.config) for name, spec in knobs.items()}
    refused, missing = "", ""
    turned = {name: value for name, value in values.items() if value != getattr(here.config, name)}
    for name in [name for name, value in turned.items() if here.echoes(name, value)]:
        values[name] = getattr(here.config, name)
        _seed(_key(slug, knobs[name]), knobs[name], values[name])
        del turned[name]
    try:
        here.replace(here.config.turned(**turned))
        for name in [name for name, value in values.items() if value != getattr(here.config, name)]:
            values[name] = getattr(here.config, name)  # a knob that another one brought along
            _seed(_key(slug, knobs[name]), knobs[name], values[name])
    except ConfigError as error:
        text = error.knob in knobs and knobs[error.knob].kind == "text"
        if text or isinstance(error, StillMissing):  # nothing is wrong: something is still to be given
            missing = f"Still to be given: {error.allowed}. Until then Play trains with what the run had before."
        else:
            refused = f"{error} The run keeps the last settings that go together."

    with notices or st.container():
        if here.notices:  # one box, a line for each
            st.warning(LINES.join(map(plain, here.notices)), icon=":material/link_off:")
        if missing:  # beside Play, which would train on with what the run has
            st.info(plain(missing), icon=":material/edit:")
    if refused:
        st.error(plain(refused), icon=":material/block:")
        st.button("Back to those settings", key=f"{slug}.back", on_click=whole(_show), args=(here,))
    out_of_sight = {
        *hidden,
        *theme.hidden_knobs(),
        *(n for n, k in knobs.items() if k.kind == "text" and n not in show),
    }

    def draw(names: Sequence[str], *, alone: bool = False) -> None:
        for spec in [knobs[name] for name in names]:
            if alone and spec.called:  # not under the title of its group
                spec = dataclasses.replace(spec, label=capital(spec.called))
            _draw(_key(slug, spec), spec, value=values[spec.name], disabled=spec.name in disabled)

    applying = [n for n, k in knobs.items() if n not in out_of_sight and _applies(k, knobs=knobs, values=values)]
    tried = [name for name in opened if name in applying] or [name for name in first if name in applying]
    further = [name for name in show if name in applying and name not in tried]
    with above or st.container(), st.container(key="lesson_knobs" if opened else "try"):
        _toolbar(slug, config_class, here, title="Try this" if tried else "")
        draw(tried, alone=True)
    with above or st.container():
        draw(further, alone=True)
    for place, (title, names) in enumerate(_grouped(knobs, groups).items()):
        seen = [name for name in names if name in applying and name not in (*tried, *further)]
        if not seen:
            continue
        if not title:
            box, open_ = st.container(), True
        else:  # what is folded away is not drawn: every widget on the page costs time in every frame
            box = st.expander(title, expanded=not tried and place < 1, key=f"{slug}.group.{place}", on_change="rerun")
            open_ = box.open
        with box:
            if open_:
                draw(seen)
    if any(spec.live for spec in knobs.values()):
        st.caption(":primary[●] changes at once, while it trains. Any other change restarts the run.")
    write_link(here)
    return here.config  # type: ignore[return-value]


def says(slug: str, config_class: type[Config], name: str) -> Value:
    """What the knob `name` is set to, for what is drawn before `controls`: a link may be newer than the widget."""
    here = settings(slug, config_class)
    spec = config_class.knobs()[name]
    return getattr(here.config, name) if here.stale else _value(slug, spec, here.config)  # type: ignore[no-any-return]


def unread(slug: str, here: Settings) -> dict[str, Value]:
    """What widgets say and the page has not taken yet: they were turned in the message that it is answering."""
    said = {name: _value(slug, spec, here.config) for name, spec in here.config.knobs().items()}
    turned = {name: value for name, value in said.items() if value != getattr(here.config, name)}
    return {} if here.stale else {name: value for name, value in turned.items() if not here.echoes(name, value)}


def _toolbar(slug: str, config_class: type[Config], here: Settings, *, title: str) -> None:
    with st.container(horizontal=True, key=f"{slug}.toolbar", gap="small", vertical_alignment="center"):
        if title:
            st.markdown(f"**{title}**", width="stretch")
        st.button(
            "Undo", key=f"{slug}.undo", icon=":material/undo:", type="tertiary",
            disabled=not here.past, on_click=whole(undo), args=(slug,),
            help="Back to the settings before the last change.",
        )  # fmt: skip
        st.button(
            "Defaults", key=f"{slug}.defaults", icon=":material/restart_alt:", type="tertiary",
            on_click=whole(_defaults), args=(slug, config_class),
            help="Every knob back to where it starts. Undo works.",
        )  # fmt: skip


def _defaults(slug: str, config_class: type[Config]) -> None:
    set_config(slug, config_class())


def _show(here: Settings) -> None:
    here.stale = True


def _key(slug: str, spec: Knob) -> str:
    return f"{slug}.{spec.name}"


def _grouped(knobs: Mapping[str, Knob], groups: Mapping[str, Sequence[str]] | None) -> dict[str, list[str]]:
    if groups is None:
        found: dict[str, list[str]] = {}
        for name, spec in knobs.items():
            found.setdefault(capital(spec.group), []).append(name)
        return found
    named = {name for names in groups.values() for name in names}
    rest = [name for name in knobs if name not in named]
    return {title: list(names) for title, names in groups.items()} | ({"More": rest} if rest else {})


def _applies(spec: Knob, *, knobs: Mapping[str, Knob], values: Mapping[str, Value]) -> bool:
    """Whether what `spec.when` asks for holds, and the knob it asks about applies itself."""
    if (asked := applies_to(spec)) is None:
        return True
    name, allowed = asked
    value = values[name]
    texts = [str(v) for v in value] if isinstance(value, tuple) else [knobs[name].format(value)]
    return any(text in allowed for text in texts) and _applies(knobs[name], knobs=knobs, values=values)


def applies_to(spec: Knob) -> tuple[str, list[str]] | None:
    """The knob that `spec` waits for, and the texts of which it must have one; None for a knob that always applies."""
    name, _, allowed = spec.when.partition("=")
    return (name, allowed.split("|")) if name else None


def _seed(key: str, spec: Knob, value: Any) -> None:
    """Put `value` into the session, in the form its widget wants."""
    st.session_state[key] = list(value) if spec.kind == "choices" else value
    if spec.kind == "ints":
        for place, number in enumerate(value):
            st.session_state[f"{key}.{place}"] = number


def _value(slug: str, spec: Knob, config: Config) -> Value:
    """What the widget says; what the Config says, if Streamlit dropped the widget while it was out of sight."""
    held: Value = getattr(config, spec.name)
    said = st.session_state.get(_key(slug, spec), held)
    if isinstance(said, (list, tuple)):
        if spec.kind == "choices":  # the order of clicks says nothing
            said = [choice for choice in spec.choices if choice in said]
            return held if set(said) == set(held) else tuple(said)  # type: ignore[arg-type]
        return tuple(said)
    return said  # type: ignore[no-any-return]


def _draw(key: str, spec: Knob, *, value: Any, disabled: bool) -> None:
    if key not in st.session_state:
        _seed(key, spec, value)
    label = f"{spec.label} :primary[●]" if spec.live else spec.label
    effect = "It changes at once, while it trains." if spec.live else "A change restarts the run."
    common: dict[str, Any] = {"key": key, "help": f"{spec.help} {effect}".strip(), "disabled": disabled}
    # A value given through the session reaches the browser with one drawing only.  If the next run overtakes that one,
    # the widget would show its first choice, and the visitor's next click would send it: so each is told it twice.
    held = st.session_state[key]
    if spec.kind == "bool":
        st.toggle(label, value=held, **common)
    elif spec.kind == "ints":
        _layers(label, spec, **common)
    elif spec.kind == "text":
        st.text_area(label, value=held, max_chars=spec.length[1], **common)
    elif spec.kind == "choices":
        st.pills(label, spec.choices, default=held, selection_mode="multi", format_func=spec.title, **common)
    elif spec.kind == "choice":
        if len(spec.choices) <= FEW and sum(map(len, spec.choices)) <= 32:
            row = sum(len(spec.title(choice)) + SIDES for choice in spec.choices)
            several = st.segmented_control if row <= ROW else st.pills  # one bar of buttons would break anywhere
            several(label, spec.choices, default=held, required=True, format_func=spec.title, **common)
        else:
            st.selectbox(label, spec.choices, index=spec.choices.index(held), format_func=spec.title, **common)
    elif spec.kind == "float" or spec.log:
        options = sorted({*grid(spec), held})
        st.select_slider(label, options, value=held, format_func=number, **common)
    else:
        low, high = int(spec.low or 0), int(spec.high or 0)
        widget = st.number_input if high - low > LONG else st.slider
        widget(label, min_value=low, max_value=high, value=held, step=1, **common)


def _layers(label: str, spec: Knob, *, key: str, help: str, disabled: bool) -> None:
    """A row of numbers, one a layer, with buttons that add and take away the last."""
    sizes: tuple[int, ...] = st.session_state[key]
    with st.container(key=f"{key}.row", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{label}: **{len(sizes)}**", help=help)
            st.button(
                "", key=f"{key}.less", icon=":material/remove:", help="Take the last one away", on_click=whole(_less),
                args=(key,), disabled=disabled or len(sizes) <= spec.length[0],
            )  # fmt: skip
            st.button(
                "", key=f"{key}.more", icon=":material/add:", help="Add one", on_click=whole(_more), args=(key, spec),
                disabled=disabled or len(sizes) >= spec.length[1],
            )  # fmt: skip
        with st.container(horizontal=True, gap="xsmall"):
            for place, size in enumerate(sizes):
                cell = f"{key}.{place}"
                if cell not in st.session_state:
                    st.session_state[cell] = size
                st.number_input(
                    f"{label} {place + 1}", min_value=int(spec.low or 0), max_value=int(spec.high or 0), step=1,
                    value=st.session_state[cell], key=cell, label_visibility="collapsed", width=WIDE, disabled=disabled,
                    on_change=whole(_resize), args=(key, place),
                )  # fmt: skip


def _less(key: str) -> None:
    st.session_state[key] = st.session_state[key][:-1]


def _more(key: str, spec: Knob) -> None:
    sizes = st.session_state[key]
    new = sizes[-1] if sizes else (spec.default[-1] if spec.default else max(int(spec.low or 0), 4))
    st.session_state[f"{key}.{len(sizes)}"] = new
    st.session_state[key] = (*sizes, new)


def _resize(key: str, place: int) -> None:
    sizes = list(st.session_state[key])
    if place < len(sizes):  # the browser may still send a box that a lesson has just taken away
        sizes[place] = st.session_state[f"{key}.{place}"]
    st.session_state[key] = tuple(sizes)


@lru_cache(maxsize=512)
def grid(spec: Knob) -> tuple[float, ...]:
    """The values that a slider for `spec` stops at: round numbers between its bounds, the bounds, and the default.

    Logarithmic: 1, 2, 3 and 5 of every decade, powers of two for whole numbers; a lower bound of zero is kept, and six
    decades stand above it.  Otherwise 50 to 100 even steps.
    """
    assert spec.low is not None and spec.high is not None
    low, high = spec.low, spec.high
    if spec.log and spec.kind == "int":
        stops = [2**power for power in range(int(high).bit_length())]
    elif spec.log:
        first = math.floor(math.log10(low if low > 0 else high * 1e-6))
        decades = range(first, math.floor(math.log10(high)) + 1)
        stops = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 3, 5)]
    else:
        wide = (high - low) / 100
        scale = 10.0 ** math.floor(math.log10(wide))
        step = next(scale * digit for digit in (1, 2, 5, 10) if scale * digit >= wide * 0.999)
        count = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        stops = [float(f"{place * step:.12g}") for place in count]
    kind = int if spec.kind == "int" else float
    return tuple(sorted({kind(v) for v in (*stops, low, high, spec.default) if low <= v <= high}))


def number(value: float) -> str:
    """Short, and never the same for two different numbers."""
    text = repr(value)
    return text.removesuffix(".0").replace("e-0", "e-") if isinstance(value, float) else text
