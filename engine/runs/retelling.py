"""What a link tells of a run, before it is done again."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from engine.contract.knobs import Config, ConfigError
from engine.runs.history import Intervention
from engine.runs.timeline import Timeline

log = logging.getLogger(__name__)


def doings(first: Config, told: Sequence[Intervention]) -> list[Intervention]:
    """`told` without what only looks: links from before told of that too."""
    kept, before = [], first
    for intervention in told:
        if isinstance(intervention.change, Config):
            looked, before = before.seen_as(intervention.change), intervention.change
            if looked == before:
                continue
        kept.append(intervention)
    return kept


def refused(hosted: Timeline, told: Sequence[Intervention]) -> dict[int, ConfigError]:
    """What the lab says to each of `told` that it refuses, by place.  All are tried: the run is no longer as it was."""
    found: dict[int, ConfigError] = {}
    editable = hasattr(hosted.experiment, "edit")
    for place, intervention in enumerate(told):
        if isinstance(intervention.change, Config) and not editable:
            continue
        try:
            hosted.apply(intervention.change)
        except ConfigError as error:
            found[place] = error
        except Exception:  # the lab's own code: a link must not take its run down
            log.exception("The lab %s cannot make the change %r of a link.", hosted.slug, intervention.change)
            found[place] = ConfigError("edit", intervention.change, "the lab cannot read it")
    return found
