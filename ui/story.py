"""What a visitor did to a run, as part of a link: `step` says how far it went, `did` what was changed on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit as st

import engine
from engine import Config, ConfigError
from engine.hosted import Intervention
from ui.link import settings

if TYPE_CHECKING:
    from ui.player import Player

FURTHEST = 1_000_000  # steps that a link may ask for


def link(slug: str, told: dict[str, Any]) -> str:
    """The link, relative to the app's address, that repeats the run of which `Run.story` told this."""
    config: Config = told["config"]
    params = config.to_params()
    did: list[list[Any]] = []
    for intervention in told["interventions"]:
        change = intervention.change
        if isinstance(change, Config):
            knobs = change.knobs()
            did.append([intervention.step, {n: knobs[n].format(getattr(change, n)) for n in config.changed(change)}])
            config = change
        else:
            did.append([intervention.step, {"edit": change}])
    if told["step"]:
        params["step"] = str(told["step"])
    if did:
        params["did"] = json.dumps(did, separators=(",", ":"))
    return f"{slug}?{urlencode(params)}"


def open_link(player: Player, config_class: type[Config]) -> None:
    """Open the run that the link tells of and let it go as far as it went.  What cannot be read gets a sentence."""
    here = settings(player.slug, config_class)
    config = here.config
    try:
        step = _step(st.query_params.get("step", "0"))
        editable = hasattr(engine.lab(player.slug).Experiment, "edit")
        interventions = read(st.query_params.get("did", ""), config, editable=editable)
    except ConfigError as error:
        here.notices.append(f"The link asks for {error} The run starts from the beginning.")
        return
    player.follow(config)
    if player.on_stage is not None:
        player.on_stage.run.retell(interventions, step)
        player.on_stage.peek()


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


def _step(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > FURTHEST:
        raise ConfigError("step", text, f"give a whole number from 0 to {FURTHEST}")
    return int(text)
