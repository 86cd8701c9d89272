"""What those who may steer a run do to it by the socket: verbs, knobs, and picks in its picture.

Each act has an id of its own, which the run remembers: done once, it is answered again and not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.contract.knobs import ConfigError
from engine.live import protocol
from engine.runs.bench import Bench
from engine.runs.run import PoolError
from engine.runs.timeline import Timeline

REMEMBERED = 1_000  # acts of a run
LONGEST = 1_000  # characters of a sentence that refuses one
FURTHEST = 1_000_000_000  # steps that anybody may ask for
SLOWEST, FASTEST = 0.001, 1e6  # steps a second
OURS = ("type", "id", "run", "held")  # of a pick; the rest is for the lab


class Refused(Exception):
    """An act is not done.  The message is a sentence for the visitor."""


@dataclass(frozen=True)
class Outcome:
    """What became of an act: `refused` with a sentence or not, and the names of the knobs that a pick has turned."""

    refused: str | None = None
    turned: tuple[str, ...] = ()
    new: bool = False  # and not only answered again


def steer(bench: Bench, run_id: str, message: Mapping[str, Any]) -> Outcome:
    """Do what a message of type `do`, `turn` or `pick` asks of a run on this bench, or of one beside it."""
    timeline, act = bench.runs[run_id], message["id"]
    if not protocol.NAME.fullmatch(act):
        return Outcome("An act has an id of 12 to 64 letters, digits, - or _.")
    if act in timeline.acted:
        return Outcome(timeline.acted[act])
    refused: str | None = None
    turned: tuple[str, ...] = ()
    failed = timeline.status == "failed"  # before: then there is nothing new to say about it
    try:
        meant = message.get("run", run_id)
        if meant not in bench.beside(run_id):
            raise Refused("This socket does not steer that run.")
        turned = _WAYS[message["type"]](bench, meant, message)
        if timeline.status == "failed" and not failed:
            refused = timeline.message
    except (Refused, ConfigError, PoolError) as error:
        refused = str(error)[:LONGEST]  # it may repeat what it was told, and is remembered
    timeline.acted[act] = refused
    while len(timeline.acted) > REMEMBERED:
        del timeline.acted[next(iter(timeline.acted))]
    return Outcome(refused, turned, new=True)


def _do(bench: Bench, run_id: str, message: Mapping[str, Any]) -> tuple[str, ...]:
    verb, value = message.get("verb"), message.get("value")
    if verb in ("play", "step") and bench.group(run_id).at_its_end(bench.runs[run_id]):
        raise Refused(_ended(bench.runs[run_id]))
    match verb:
        case "play":
            until = None if value is None else _whole(value, "play takes the step to stop at", low=1)
            if until is not None and until < bench.runs[run_id].here:
                raise Refused(f"Step {until:,} lies behind: the run is at step {bench.runs[run_id].here:,}.")
            bench.call("play", run_id, None, until)  # who is there has nothing to do
        case "pause" | "reset":
            bench.call(verb, run_id)
        case "step":
            bench.call("play", run_id, 1 if value is None else _whole(value, "step takes how many", low=1))
        case "speed":
            bench.call("speed", run_id, _speed(value))
        case "seek":
            rough = message.get("rough", False)
            if not isinstance(rough, bool):
                raise Refused("In seek, rough is true or false.")
            bench.call("seek", run_id, _whole(value, "seek takes a step", low=0), rough)
        case _:
            raise Refused("There is no such verb; there are play, pause, step, reset, speed and seek.")
    return ()


def _ended(run: Timeline) -> str:
    """Why there is nothing left to train, and what to do."""
    if run.status == "failed":
        return run.message
    if run.status == "diverged":
        return (
            f"The run goes no further: after step {run.here:,} a number grows beyond all bounds. Turn a knob at an "
            "earlier moment, or reset."
        )
    return "The run is finished: there is nothing left to train. Drag the timeline back, or reset."


def _turn(bench: Bench, run_id: str, message: Mapping[str, Any]) -> tuple[str, ...]:
    knobs = message.get("knobs")
    if not isinstance(knobs, dict) or not all(isinstance(text, str) for text in knobs.values()):
        raise Refused("Knobs are turned by name, each to a text as in a link.")
    if bench.call("update", run_id, knobs) is None:  # the lab failed over it
        raise Refused(bench.runs[run_id].message)
    return ()


def _pick(bench: Bench, run_id: str, message: Mapping[str, Any]) -> tuple[str, ...]:
    held = message.get("held", False)
    if not isinstance(held, bool) or not isinstance(message.get("panel"), str):
        raise Refused("A pick names its panel, and held is true or false.")
    picked = {name: value for name, value in message.items() if name not in OURS}
    turned: tuple[str, ...] | None = bench.call("pick", run_id, picked, held)
    if turned is None:
        raise Refused(bench.runs[run_id].message)
    return turned


_WAYS: Mapping[str, Callable[[Bench, str, Mapping[str, Any]], tuple[str, ...]]] = {
    "do": _do, "turn": _turn, "pick": _pick,
}  # fmt: skip


def _whole(value: Any, what: str, *, low: int) -> int:
    if type(value) is not int or not low <= value <= FURTHEST:  # and True is no number here
        raise Refused(f"{what.capitalize()}: a whole number from {low} to {FURTHEST:,}.")
    return value


def _speed(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not SLOWEST <= value <= FASTEST:
        raise Refused(f"Speed takes steps a second, from {SLOWEST:g} to {FASTEST:,.0f}, or null for all that it can.")
    return float(value)
