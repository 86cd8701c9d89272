"""Using each lab once before a visitor does: its imports and first backward pass take longer than a thousand steps."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

from engine.contract import registry
from engine.contract.view import View

log = logging.getLogger(__name__)


class Warming:
    """The labs that this process has not used yet, our own first.  `beat` is called before each one is."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self.beat = beat
        self.own = list(registry.own())
        self.others = [slug for slug in registry.labs() if slug not in self.own]

    def __bool__(self) -> bool:
        return bool(self.own or self.others)

    def one(self) -> None:
        """Use the next lab."""
        self.beat()
        _use((self.own or self.others).pop(0))
        if not self:
            gc.freeze()  # modules stay: no need to look through them again and again while a lab trains

    def all_own(self) -> None:
        """Use every lab of our own now.  Those from outside wait for an idle moment: nobody knows what they take."""
        while self.own:
            self.one()


def _use(slug: str) -> None:
    try:
        module = registry.lab(slug)
        experiment = module.Experiment(module.Config(), "cpu")
        experiment.step()
        registry.view(slug).stage(View(experiment.frame(), experiment.config, step=1, last_step=1)).to_bytes()
    except Exception:  # one broken lab must not keep the others from starting
        log.exception("The lab %s cannot be used.", slug)
