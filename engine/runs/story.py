"""What is on screen, as a link.

`step` says how far the run went, `did` what was changed on the way, `at` which earlier step is looked at, and
`compare` holds the same of each run beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from engine.contract.knobs import Config, ConfigError
from engine.runs.history import Intervention

FURTHEST = 1_000_000  # steps that a link may ask for
CHANGES = 500  # things done to a run that a link may tell of: each costs the web process up to half a millisecond
COMPARED = 3  # runs that fit beside the one on stage
LONGEST = 65_000  # characters of a link: a little less than uvicorn reads with httptools (0.9), 65,535


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


def too_much(address: str, told: Iterable[dict[str, Any]]) -> str:
    """A sentence if nobody could open the link `address` to runs of which `Run.story` told this, or ""."""
    done = max(len(each["interventions"]) + len(each["later"]) for each in told)
    if done > CHANGES:
        return f"This run was changed {done:,} times on the way, and a link tells of {CHANGES} changes at most."
    if len(address) > LONGEST:
        return f"The link to this run has {len(address):,} characters, and {LONGEST:,} are read at most."
    return ""


@dataclass(frozen=True)
class Story:
    """A run that a link tells of."""

    config: Config
    step: int
    interventions: list[Intervention]
    at: int | None = None  # an earlier step to look at


def read_story(config: Config, query: dict[str, str]) -> Story:
    step, at = (_step(name, query.get(name, "0")) for name in ("step", "at"))
    return Story(config, step, read(query.get("did", ""), config), at if "at" in query else None)


def read_compared(config_class: type[Config], text: str) -> list[tuple[Story, bool]]:
    """The runs in `compare`, and whether each obeys the buttons of the one on stage.  Raises `ConfigError`."""
    allowed = f'a list of at most {COMPARED} like [["learning_rate=0.1&step=50",0]], as "Link and export" writes it'
    found = []
    for query, together in _pairs("compare", text, COMPARED, allowed):
        if not isinstance(query, str) or together not in (0, 1):
            raise ConfigError("compare", text, allowed)
        try:
            told = dict(parse_qsl(query, strict_parsing=True, max_num_fields=100))
        except ValueError:
            raise ConfigError("compare", text, allowed) from None
        knobs = {name: value for name, value in told.items() if name not in ("step", "did", "at")}
        found.append((read_story(config_class.from_params(knobs), told), bool(together)))
    return found


def read(text: str, config: Config) -> list[Intervention]:
    """The interventions in `did`, each with the Config that it led to.  Raises `ConfigError` if they make no sense.

    Whether the lab takes an edit, only the lab knows: see `Run.retell`.
    """
    allowed = f'a list of at most {CHANGES} like [[120,{{"learning_rate":"0.1"}}]], as "Link and export" writes it'
    found = []
    for step, change in _pairs("did", text, CHANGES, allowed):
        if type(step) is not int or not 0 <= step <= FURTHEST or not isinstance(change, dict):
            raise ConfigError("did", text, allowed)
        if "edit" in change:  # nothing nested, which could be endlessly deep: the lab will say what it misses
            edit = change["edit"] if isinstance(change["edit"], dict) else {}
            found.append(Intervention(step, {n: v for n, v in edit.items() if isinstance(v, (str, int, float))}))
            continue
        if not all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in change.values()):
            raise ConfigError("did", text, allowed)
        after = type(config).from_params({**config.to_params(), **{name: str(v) for name, v in change.items()}})
        config.require_live(after)
        found.append(Intervention(step, after))
        config = after
    return found


def _pairs(name: str, text: str, most: int, allowed: str) -> list[list[Any]]:
    """The JSON list of at most `most` pairs that the key `name` of the link holds.  Raises `ConfigError`."""
    try:
        told = json.loads(text or "[]") if len(text) <= LONGEST else None
    except (ValueError, RecursionError):  # also for a number of more digits than Python converts
        told = None
    if not isinstance(told, list) or len(told) > most or not all(isinstance(p, list) and len(p) == 2 for p in told):
        raise ConfigError(name, text, allowed)
    return told


def _step(name: str, text: str) -> int:
    digits = text.lstrip("0") or text[:1]  # before anything is converted: Python refuses numbers of thousands of digits
    fits = text.isascii() and text.isdigit() and len(digits) <= len(str(FURTHEST)) and int(digits) <= FURTHEST
    if not fits:
        raise ConfigError(name, text, f"give a whole number from 0 to {FURTHEST:,}")
    return int(digits)
