"""What is on screen, as a link.

`step` says how far the run went, `did` what was changed on the way, `at` which earlier step is looked at, and
`compare` holds the same of each run beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import streamlit as st

import engine
from engine import Config, ConfigError
from engine.hosted import Intervention
from ui.link import settings

if TYPE_CHECKING:
    from ui.player import Player

FURTHEST = 1_000_000  # steps that a link may ask for
COMPARED = 3  # runs that fit beside the one on stage


def link(slug: str, told: dict[str, Any], compared: Sequence[tuple[dict[str, Any], bool]] = ()) -> str:
    """The link, relative to the app's address, that repeats the run of which `Run.story` told this.

    `compared` holds what the runs beside it told, and whether they obey the same buttons.
    """
    params = _params(told)
    if compared:
        beside = [[urlencode(_params(other)), int(together)] for other, together in compared]
        params["compare"] = json.dumps(beside, separators=(",", ":"))
    return f"{slug}?{urlencode(params)}"


def _params(told: dict[str, Any]) -> dict[str, str]:
    config: Config = told["config"]
    params = config.to_params()
    did: list[list[Any]] = []
    for intervention in (*told["interventions"], *told["later"]):
        change = intervention.change
        if isinstance(change, Config):
            knobs = change.knobs()
            did.append([intervention.step, {n: knobs[n].format(getattr(change, n)) for n in config.changed(change)}])
            config = change
        else:
            did.append([intervention.step, {"edit": change}])
    if told["last_step"]:
        params["step"] = str(told["last_step"])
    if told["step"] < told["last_step"]:
        params["at"] = str(told["step"])
    if did:
        params["did"] = json.dumps(did, separators=(",", ":"))
    return params


def open_link(player: Player, config_class: type[Config]) -> None:
    """Open the runs that the link tells of and let each go as far as it went.  What cannot be read gets a sentence."""
    here = settings(player.slug, config_class)
    query = st.query_params.to_dict()
    try:
        told = _read_story(here.config, query)
    except ConfigError as error:
        here.notices.append(f"The link asks for {error} The run starts from the beginning.")
        return
    try:
        compared = _read_compared(config_class, query.get("compare", ""))
    except ConfigError as error:
        here.notices.append(f"The link asks for {error} The runs beside this one are left out.")
        compared = []
    player.follow(told.config)
    if player.on_stage is not None:
        player.on_stage.run.retell(told.interventions, told.step, told.at)
        player.on_stage.peek()
        for other, together in compared:
            player.set_beside(other, together=together)


@dataclass(frozen=True)
class Story:
    """A run that a link tells of."""

    config: Config
    step: int
    interventions: list[Intervention]
    at: int | None = None  # an earlier step to look at


def _read_story(config: Config, query: dict[str, str]) -> Story:
    editable = hasattr(engine.lab(type(config).__module__.rsplit(".", 1)[1]).Experiment, "edit")
    step, at = (_step(name, query.get(name, "0")) for name in ("step", "at"))
    return Story(config, step, read(query.get("did", ""), config, editable=editable), at if "at" in query else None)


def _read_compared(config_class: type[Config], text: str) -> list[tuple[Story, bool]]:
    """The runs in `compare`, and whether each obeys the buttons of the one on stage.  Raises `ConfigError`."""
    if not text:
        return []
    allowed = f'a list of at most {COMPARED} like [["learning_rate=0.1&step=50",0]], as "Link and export" writes it'
    try:
        told = [(dict(parse_qsl(query, strict_parsing=True)), bool(together)) for query, together in json.loads(text)]
    except (TypeError, ValueError, AttributeError, RecursionError):
        raise ConfigError("compare", text, allowed) from None
    if len(told) > COMPARED:
        raise ConfigError("compare", text, allowed)
    found = []
    for query, together in told:
        knobs = {name: value for name, value in query.items() if name not in ("step", "did", "at")}
        found.append((_read_story(config_class.from_params(knobs), query), together))
    return found


def read(text: str, config: Config, *, editable: bool) -> list[Intervention]:
    """The interventions in `did`, each with the Config that it led to.  Raises `ConfigError` if they make no sense."""
    allowed = 'a list like [[120,{"learning_rate":"0.1"}]], as "Copy link" writes it'
    if not text:
        return []
    try:
        told = [(step, dict(change)) for step, change in json.loads(text)]
    except (TypeError, ValueError, RecursionError):
        raise ConfigError("did", text, allowed) from None
    found = []
    for step, change in told:
        if not isinstance(step, int) or not 0 <= step <= FURTHEST:
            raise ConfigError("did", text, allowed)
        if editable and isinstance(change.get("edit"), dict):
            found.append(Intervention(step, change["edit"]))
            continue
        after = type(config).from_params({**config.to_params(), **{str(k): str(v) for k, v in change.items()}})
        config.require_live(after)
        found.append(Intervention(step, after))
        config = after
    return found


def _step(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > FURTHEST:
        raise ConfigError(name, text, f"give a whole number from 0 to {FURTHEST}")
    return int(text)
