"""What a visitor does to a run by turning knobs, and by picking something in its picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from engine.contract.knobs import ConfigError
from engine.contract.view import Answer, Edit, Turn
from engine.runs.groups import Group
from engine.runs.run import PoolError
from engine.runs.timeline import Timeline

log = logging.getLogger(__name__)


def turn(hosted: Timeline, changes: Mapping[str, Any], group: Group, *, held: bool = False) -> tuple[str, ...]:
    """Turn knobs by hand: `changes` by name, texts as in a link or values.  Returns the names of all that changed.

    A knob that is neither live nor for looking starts the run again, and those in its `group` that march with it, which
    play on if they played.  What is looked at in one is looked at in all.  At an earlier moment a live knob waits for
    Play.  Raises `ConfigError`, and then nothing has changed.
    """
    before, knobs = hosted.wanted, hosted.config.knobs()
    wanted = before.turned(**before.parsed(changes))
    changed = before.changed(wanted)
    doing = [name for name in changed if not knobs[name].look]
    if not all(knobs[name].live for name in doing):
        group.restart(hosted, wanted)
    elif doing and not (hosted.target is not None or hosted.here < hosted.last_step):
        hosted.waits = {}
        hosted.intervene(wanted, held=held)
    else:
        if hosted.config.seen_as(wanted) != hosted.config:
            hosted.look_as(wanted)
        if doing:
            hosted.waits = {name: getattr(wanted, name) for name in hosted.config.changed(wanted)}
            hosted.version, hosted.dirty = hosted.version + 1, True
    if len(doing) < len(changed):
        group.look_as(hosted, wanted)
    return changed


def answer(hosted: Timeline, pick: Mapping[str, Any]) -> Answer:
    """What is answered to a pick in the picture of this moment: to a rail or a button by us, to all else by the lab."""
    if pick.get("kind") == "turn":
        return Turn(_texts(pick.get("knobs")))
    answer: Answer = hosted.views.answer(hosted.view(), pick) if hasattr(hosted.views, "answer") else None
    if not isinstance(answer, Answer):
        raise TypeError(f"answer in view.py must return Turn, Edit or None, and no {type(answer).__name__}")
    if isinstance(answer, Turn) and (unknown := [n for n in answer.knobs if n not in hosted.config.knobs()]):
        raise ValueError(f"answer in view.py turns {', '.join(unknown)}, and there is no such knob")
    return answer


def pick(hosted: Timeline, picked: Mapping[str, Any], group: Group, held: bool = False) -> tuple[str, ...]:
    """Do what the lab answers to a pick.  Returns the names of the knobs that changed.

    `held` while it is being dragged.  Raises `ConfigError`, or `PoolError` for what is not in the picture any more;
    then nothing has changed.
    """
    try:
        return _pick(hosted, picked, group, held)
    finally:
        if not held:
            hosted.let_go()


def _texts(knobs: object) -> Mapping[str, str]:
    if not isinstance(knobs, Mapping) or not all(isinstance(each, str) for pair in knobs.items() for each in pair):
        raise PoolError("Knobs are turned by name, each to a text as in a link.")
    return knobs


def _pick(hosted: Timeline, picked: Mapping[str, Any], group: Group, held: bool) -> tuple[str, ...]:
    if picked.get("kind") == "turn":
        return _slid(hosted, _texts(picked.get("knobs")), group, held)
    if hosted.target is not None:
        raise PoolError("The run is on its way to another step: pick again when it is there.")
    hosted.view()  # a frame that cannot be made is no fault of the pick
    try:
        found = answer(hosted, picked)
    except Exception:  # the lab's own code, and perhaps a picture that was old when somebody picked something in it
        log.debug("The lab %s has no answer to the pick %.200r.", hosted.slug, picked, exc_info=True)
        raise PoolError("What was picked is not in the picture any more.") from None
    if isinstance(found, Turn):
        return turn(hosted, found.knobs, group, held=held)
    if isinstance(found, Edit):
        _edit(hosted, found.change, held)
    return ()


def _slid(hosted: Timeline, knobs: Mapping[str, str], group: Group, held: bool) -> tuple[str, ...]:
    """A rail or a button turns knobs.  One that restarts the run waits until it is let go."""
    before, known = hosted.wanted, hosted.config.knobs()
    changed = before.changed(before.turned(**before.parsed(knobs)))
    if held and not all(known[name].live or known[name].look for name in changed):
        return ()
    return turn(hosted, knobs, group, held=held)


def _edit(hosted: Timeline, change: Mapping[str, Any], held: bool) -> None:
    try:
        hosted.intervene(dict(change), held=held)
    except ConfigError:
        raise
    except Exception:  # the lab's own code: it may have got half way
        log.debug("The lab %s cannot make the change %.200r.", hosted.slug, change, exc_info=True)
        hosted.again()
        raise PoolError("What was picked cannot be changed like that.") from None
