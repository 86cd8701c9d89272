"""My runs: what a page tells the browser of its run, for the list that only that browser keeps."""

from __future__ import annotations

from typing import Any

from engine.contract import registry
from engine.contract.described import describe
from engine.runs import story
from engine.runs.pool import PoolError
from ui.link import share_url
from ui.player import Player


def remembered(player: Player, *, unit: str) -> dict[str, Any] | None:
    """What ``assets/live/memory.js`` keeps of the run on stage beside its picture and step; None of one that waits."""
    look = player.on_stage.look if player.on_stage is not None else None
    if player.on_stage is None or look is None or look.config is None or look.busy:
        return None
    first, link = look.config, share_url(look.config, player.slug)
    if look.changed_at:  # it began otherwise than it is now
        try:
            told = player.on_stage.run.story()
        except PoolError:
            return None
        first, whole = told["config"], story.link(player.slug, {**told, "step": told["last_step"]})
        link = share_url(first, player.slug) if story.too_much(whole, [told]) else whole
    defaults = type(first)()
    card = registry.card(player.slug)
    return {
        "id": share_url(first.seen_as(defaults), player.slug), "slug": player.slug, "link": link, "unit": unit,
        "title": card.title, "question": card.question, "name": describe(look.config, defaults) or "default settings",
    }  # fmt: skip
