"""The run on screen, and the one beside it, as a lesson sees them: begun, still what it sets, and its facts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from engine import Config
from engine.contract.described import describe
from engine.contract.facts import Facts
from engine.contract.lesson import Lesson
from engine.runs.pool import PoolError
from ui.player import Player
from ui.watched import Watched


@dataclass(frozen=True)
class Taught:
    """See `ui.lesson.Runs`."""

    player: Player

    @property
    def ended(self) -> bool:
        """Whether nothing of what is shown can be trained any further."""
        shown = self._shown()
        return bool(shown) and all(each.look.status in ("done", "diverged", "failed") for each in shown)

    def begun(self) -> bool:
        """Whether the run on stage has trained, or does; it is asked anew."""
        look = self.player.on_stage.peek() if self.player.on_stage is not None else None
        return look is not None and (look.last_step > 0 or look.status == "running")

    def facts(self, now: bool) -> tuple[Facts, Facts | None] | None:
        """What texts may name of the run on stage, and of the one beside it.  Raises `PoolError`.

        Those of the moment at which Play was to stop; if there is none, those of this moment if `now`, and else None.
        """
        shown = self._shown()
        looks = [each.look for each in shown]
        if looks[0].facts is not None:
            if any(look.facts is None and look.active for look in looks):
                raise PoolError("The run beside this one is still on its way.")
            now = now or all(look.facts is not None for look in looks)
        if not now:
            return None
        found = [look.facts if look.facts is not None else each.run.facts()
                 for each, look in zip(shown, looks, strict=True)]  # fmt: skip
        return found[0], found[1] if len(found) > 1 else None

    def strays(self, lesson: Lesson) -> str:
        """How the run on stage, or the one beside it, is not what `lesson` sets; "" if it is, whatever its seed."""
        shown, config_class = self._shown(), type(self.player.config)
        wanted = [each for each in (lesson.config(config_class), lesson.compared(config_class)) if each is not None]
        if len(shown) < len(wanted):
            return "the run beside it was taken away"
        for name, watched, config in zip(("it", "the one beside it"), shown, wanted, strict=False):
            if watched.look.config is not None and (turned := _turned(watched.look.config, config)):
                return f"{name} has {turned}"
            if watched.look.changed_at:
                return f"{name} was changed at step {watched.look.changed_at[0]:,}"
        return apart([watched.look.config for watched in shown[: len(wanted)]], wanted)

    def play_to(self, step: int) -> None:
        self.player.play_to(step)

    def _shown(self) -> list[Watched]:
        """The run on stage, and the first that is compared with it."""
        return [each for each in (self.player.on_stage, *self.player.compared[:1]) if each is not None]


def _turned(config: Config, wanted: Config) -> str:
    """How `config` differs from `wanted`, in words: not in seeds, and not in what is only looked at."""
    free = [each for each, knob in config.knobs().items() if knob.look or each.endswith("seed")]
    return describe(config, dataclasses.replace(wanted, **{each: getattr(config, each) for each in free}))


def apart(configs: list[Config | None], wanted: list[Config]) -> str:
    """Which seed sets two runs apart that a lesson lets differ by something else."""
    here, there = (*configs, None)[:2]
    if here is None or there is None:
        return ""
    chance = [
        name for name in here.changed(there) if name.endswith("seed") and name not in wanted[0].changed(wanted[1])
    ]
    return f"the two have not the same {chance[0].replace('_', ' ')}" if chance else ""
