"""A run as plain values: what another bench needs to go on with it."""

from __future__ import annotations

import contextlib
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.contract.knobs import Config
from engine.contract.states import pack
from engine.runs.history import Checkpoint
from engine.runs.limits import Limits
from engine.runs.timeline import Timeline

log = logging.getLogger(__name__)

AS_IT_IS = ("slug", "device", "first_config", "looks", "status", "message", "speed", "to_do", "until", "reached",
            "facts", "waits", "last_step", "recorded", "back_to", "history", "interventions", "version",
            "acted")  # fmt: skip


def dump(timeline: Timeline) -> dict[str, Any]:
    """Everything that another bench needs to go on: plain values, picklable."""
    timeline.dirty = False
    if timeline.status != "failed":
        timeline.arrive()
        timeline.save()
    step = timeline.experiment.step_count
    return _told(timeline, step, [c for c in timeline.checkpoints if c.step == step])


def twin(timeline: Timeline) -> dict[str, Any]:
    """Like `dump`, for a second run that is paused where this one is, and can be rewound as far.

    This one notices nothing: if it is on its way to another step, its twin goes the same way.
    """
    step, status, kept = timeline.experiment.step_count, timeline.status, list(timeline.checkpoints)
    if timeline.target is not None:
        step, status = timeline.target, timeline.then
    elif status != "failed":
        here = Checkpoint(step, timeline.applied, pack(timeline.experiment.state_dict()))
        kept = sorted([*kept, here], key=lambda c: c.step)
    told = _told(timeline, step, kept)
    if status in ("running", "paused"):
        told |= {"status": "paused", "message": ""}
    return {**told, "to_do": None, "until": None, "acted": {}, "config": timeline.config}


def parked(timeline: Timeline, message: str) -> dict[str, Any]:
    """Everything that there is of a run that rests: it comes back paused, with `message`, where it did not end."""
    if timeline.status != "failed":
        timeline.save()
    told = _told(timeline, timeline.experiment.step_count, list(timeline.checkpoints))
    if timeline.status in ("running", "paused"):
        told |= {"status": "paused", "message": message}
    return {**told, "config": timeline.config}


def _told(timeline: Timeline, step: int, checkpoints: list[Checkpoint]) -> dict[str, Any]:
    return {name: getattr(timeline, name) for name in AS_IT_IS} | {"step": step, "checkpoints": checkpoints}


def adopt(dumped: Mapping[str, Any], limits: Limits) -> Timeline:
    """The run that `dump` made these values of."""
    timeline = Timeline(dumped["slug"], dumped["first_config"], dumped["device"], limits)
    for name in AS_IT_IS:
        if name != "status":
            setattr(timeline, name, dumped[name])
    timeline.interventions, timeline.checkpoints = list(dumped["interventions"]), list(dumped["checkpoints"])
    timeline.acted = dict(dumped["acted"])
    if dumped["status"] == "failed":
        timeline.status = "failed"
    else:
        timeline.restore(dumped["step"])
        timeline.then = dumped["status"]
        if timeline.experiment.step_count == timeline.target and timeline.back_to is None:
            timeline.arrive()  # it is there: nobody has to see it on its way
    return timeline


def written(folder: str, name: str, packed: bytes) -> bool:
    """Whether a packed run could be written into a folder, whole."""
    if not folder:
        return False
    part = Path(folder) / f"{name}.part"
    try:
        part.write_bytes(packed)
        part.replace(Path(folder) / name)
    except OSError as error:  # a full disk, a folder that is gone
        log.info("A parked run stays in memory: %s", error)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def branch(hosted: Timeline, step: int, config: Config) -> Timeline:
    """A new run with the same past up to `step`, and `config` from there on.  Raises `ConfigError`."""
    hosted.arrive()
    hosted.config.require_live(config)
    if hosted.experiment.step_count == hosted.last_step and hosted.status != "diverged":
        hosted.save()
    step = max(0, min(int(step), hosted.last_step))
    new = Timeline(hosted.slug, hosted.first_config, hosted.device, hosted.limits)
    new.history = pickle.loads(pickle.dumps(hosted.history))
    new.history.cut(step)
    new.checkpoints = [c for c in hosted.checkpoints if c.step <= step]
    new.interventions = [i for i in hosted.interventions if i.step <= step]
    new.last_step = new.recorded = step
    new.speed, new.looks = hosted.speed, config
    new.restore(step)
    new.arrive()
    if config != new.config:
        new.intervene(config)
    hosted.waits = {}  # the branch has taken them
    return new
