"""A run as plain values: what another bench needs to go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.runs.limits import Limits
from engine.runs.timeline import Timeline

AS_IT_IS = ("slug", "device", "first_config", "looks", "status", "message", "speed", "to_do", "until", "reached",
            "waits", "last_step", "history", "interventions", "version", "acted")  # fmt: skip


def dump(timeline: Timeline) -> dict[str, Any]:
    """Everything that another bench needs to go on: plain values, picklable."""
    timeline.dirty = False
    if timeline.status != "failed":
        timeline.arrive()
        timeline.save()
    step = timeline.experiment.step_count
    kept = [c for c in timeline.checkpoints if c.step == step]
    return {name: getattr(timeline, name) for name in AS_IT_IS} | {"step": step, "checkpoints": kept}


def adopt(dumped: Mapping[str, Any], limits: Limits) -> Timeline:
    """The run that `dump` made these values of."""
    timeline = Timeline(dumped["slug"], dumped["first_config"], dumped["device"], limits)
    for name in AS_IT_IS:
        if name != "status":
            setattr(timeline, name, dumped[name])
    timeline.interventions, timeline.checkpoints = list(dumped["interventions"]), list(dumped["checkpoints"])
    timeline.recorded, timeline.acted = timeline.last_step, dict(dumped["acted"])
    if dumped["status"] == "failed":
        timeline.status = "failed"
    else:
        timeline.restore(dumped["step"])
        timeline.then = dumped["status"]
    return timeline
