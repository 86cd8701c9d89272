"""One lab's Config in this session, and in the address bar.

The address bar is written by us and not by Streamlit's `bind`, which drops a bad value without a word.
"""

from __future__ import annotations

import difflib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import streamlit as st

from engine import Config, ConfigError

RESERVED = frozenset(
    {"run", "step", "did", "at", "view", "hide", "lesson", "compare"}
)  # keys of a link that are not knobs
BACK = "shell.back"  # the address is one that the browser has gone back or forward to, and nobody has read it yet
STRANGERS = 3  # names in a link that are no knobs and get a sentence each
ECHO = 3.0  # seconds in which a message may still bring what a knob showed before it was changed for the visitor
KEPT = 20  # earlier Configs that Undo can bring back


@dataclass
class Settings:
    """What a visitor has set in one lab: the Config in force, the ones before it, and what went wrong with the link."""

    config: Config
    past: deque[Config] = field(default_factory=lambda: deque(maxlen=KEPT))
    notices: list[str] = field(default_factory=list)
    stale: bool = True  # the widgets do not show `config` yet
    lesson: str | None = None
    lesson_due: bool = False  # the link names a lesson and no knob: the lesson's own settings are wanted
    visit: int = -1
    replaced: tuple[float, Config] | None = None  # when the knobs were last changed for the visitor, and from what
    left: tuple[float, str | None] | None = None  # when the lesson was changed for the visitor, and from which
    links: deque[frozenset[tuple[str, str]]] = field(default_factory=lambda: deque(maxlen=50))

    def echoes(self, name: str, value: object) -> bool:
        """Whether `value` is what the knob showed until a moment ago: a message may be older than what it meets."""
        if self.replaced is None or time.monotonic() - self.replaced[0] > ECHO:
            return False
        return bool(value == getattr(self.replaced[1], name))

    def go_to(self, lesson: str | None) -> None:
        """Put another lesson in force than its row of choices says."""
        if lesson != self.lesson:
            self.left, self.lesson = (time.monotonic(), self.lesson), lesson

    def lags(self, lesson: str | None) -> bool:
        """Whether the row of lessons may say `lesson` only because it was in force until a moment ago."""
        return self.left is not None and lesson == self.left[1] and time.monotonic() - self.left[0] <= ECHO

    def replace(self, config: Config) -> None:
        """Put `config` in force, and remember the one before it."""
        if config != self.config:
            self.past.append(self.config)
            self.config = config
            self.notices = []


def settings(slug: str, config_class: type[Config]) -> Settings:
    """This session's Settings for the lab `slug`; the link is read when a visitor arrives by it.

    Later runs of the script carry the address bar too, sometimes an old one that the browser had not yet updated.  So a
    link counts only on arrival, after Back or Forward, or when it is none of those that this page wrote itself.  Which
    of its own a visitor has gone back to looks like one that is merely old: the browser says it (`went_back`).
    """
    key = f"{slug}.settings"
    if key not in st.session_state:
        st.session_state[key] = Settings(config_class())
    here: Settings = st.session_state[key]
    query = st.query_params.to_dict()
    params = {name: text for name, text in query.items() if name not in RESERVED}
    lesson, link = query.get("lesson"), _asked(query)
    visit = st.session_state.get("shell.visit", 0)
    back = st.session_state.pop(BACK, False)  # last: what ends this run ends it before anything has changed
    arrived = here.visit != visit
    if arrived:
        here.visit, new = visit, bool(link)
    elif back:
        new = not here.links or link != here.links[-1]
    else:
        new = bool(link) and link not in here.links
    if new:
        here.links.append(link)
        if arrived:  # no row of lessons has been seen yet that could say another
            here.lesson = lesson
        else:
            here.go_to(lesson)
        here.lesson_due = lesson is not None and not params
        if not here.lesson_due:
            before = here.config
            _take(here, config_class, params)
            if back:
                here.replaced = (time.monotonic(), before)
    return here


def went_back() -> None:
    """The browser has gone back or forward to the address that it shows: that counts, whoever wrote it."""
    st.session_state[BACK] = True


def set_config(slug: str, config: Config) -> None:
    """Make `config` the one in force; its widgets show it from the next run of the script on.

    Call it from a callback, or anywhere else and then `st.rerun(scope="app")`.
    """
    here = settings(slug, type(config))
    if config != here.config:  # a message that is on its way still says what the widgets showed before
        here.replaced = (time.monotonic(), here.config)
    here.replace(config)
    here.stale = True


def undo(slug: str) -> None:
    """Go back to the Config before the last change.  Does nothing if there is none."""
    here: Settings | None = st.session_state.get(f"{slug}.settings")
    if here and here.past:
        here.config, here.notices, here.stale = here.past.pop(), [], True


def share_url(config: Config, slug: str) -> str:
    """The link, relative to the app's address, that reproduces `config`: the seed is always in it."""
    return f"{slug}?{urlencode(config.to_params())}"


def home() -> str:
    """The address of the app, with a slash at its end; "" where no browser says it."""
    where = urlsplit(st.context.url or "")
    return f"{where.scheme}://{where.netloc}{where.path.rsplit('/', 1)[0]}/" if where.netloc else ""


def write_link(here: Settings) -> None:
    """Let the address bar say what is in force.  What is at its default is left out; keys that are not knobs stay."""
    config, query = here.config, st.query_params.to_dict()
    params = config.to_params()
    if config.seed == config.knobs()["seed"].default:
        del params["seed"]
    kept = {name: text for name, text in query.items() if name in RESERVED and name != "lesson"}
    wanted = kept | ({"lesson": here.lesson} if here.lesson else {}) | params
    link, asked = _identity(params, here.lesson), _asked(query)
    old = link != asked and asked in here.links and link == here.links[-1] and "run" in query
    here.links.append(link)
    if wanted != query and not old:  # else the browser has been told already, unless it has just gone back
        st.query_params.from_dict(wanted)


def _asked(query: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What an address says of knobs and lesson."""
    return _identity({name: text for name, text in query.items() if name not in RESERVED}, query.get("lesson"))


def _identity(params: Mapping[str, str], lesson: str | None) -> frozenset[tuple[str, str]]:
    return frozenset({**params, **({"lesson": lesson} if lesson else {})}.items())


def _take(here: Settings, config_class: type[Config], params: dict[str, str]) -> None:
    config, said = read_params(config_class, params)
    here.replace(config)
    here.stale, here.notices = True, said


def read_params(config_class: type[Config], params: Mapping[str, str]) -> tuple[Config, list[str]]:
    """The Config that a link asks for, as far as it is possible, and a sentence for each thing that is not."""
    knobs = config_class.knobs()
    strangers = [name for name in params if name not in knobs]
    config, errors = config_class.salvage({name: text for name, text in params.items() if name in knobs})
    said, told = [], set()
    for error in errors:
        if error.knob not in params:  # what the link does say needs what it does not say
            said.append(f"This link is not complete: {error.allowed}. Its settings are left out.")
        elif error.knob in told:  # the default that took its place clashes with the others
            said.append(f"What else the link sets does not go with that: {error.allowed}. It is left out.")
        else:
            told.add(error.knob)
            used = knobs[error.knob].format(getattr(config, error.knob))
            asked = ConfigError(error.knob, params[error.knob], error.allowed)  # in the link's own words
            said.append(f"In the link, {asked} {f'Using {used} instead' if used else 'It is left out'}.")
    for name in strangers[:STRANGERS]:
        close = difflib.get_close_matches(name[:40], knobs, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        said.append(f"In the link, {name[:40]} is not a knob of this page{hint}; it is left out.")
    if (further := len(strangers) - STRANGERS) > 0:
        said.append(f"In the link, {further:,} more are no knobs of this page, and are left out too.")
    return config, said
