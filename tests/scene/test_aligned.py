"""Two sentences and what joins them: a click writes word by word, unless somebody wants nothing to move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from plain_page import PlainPage

GROWS = """async () => {
  const { Aligned } = await import("./assets/scene/aligned.js");
  const between = new Aligned(), seen = [], theme = { lut: () => [] };
  const shown = (target) => {
    const spec = { source: ["a"], target, weights: null, ribbons: true, boxes: [], marks: [], ends: ["", ""] };
    between.update(spec, {}, theme);
    return between.count;
  };
  const until = async () => { while (between.timer) await new Promise((done) => setTimeout(done, 20)); };
  between.redraw = () => seen.push(between.count);
  const first = shown(["x", "y", "z"]), other = shown(["u", "v", "w"]);
  between.click(0, 0);
  const began = between.count, onTheWay = shown(["r", "s"]);
  await until();
  between.remove();
  return { first, other, began, onTheWay, grown: seen, last: between.count };
}"""


@pytest.fixture
def moving(plain: PlainPage) -> Iterator[PlainPage]:
    """The plain page for somebody to whom things may move, as for nobody else."""
    plain.page.emulate_media(reduced_motion="no-preference")
    yield plain
    plain.page.emulate_media(reduced_motion="reduce")


@pytest.mark.browser
def test_other_words_are_seen_at_once_and_a_click_writes_them_one_by_one(moving: PlainPage) -> None:
    seen: dict[str, Any] = moving.page.evaluate(GROWS)
    assert seen == {"first": 3, "other": 3, "began": 0, "onTheWay": 0, "grown": [1, 2], "last": 2}


@pytest.mark.browser
def test_who_wants_nothing_to_move_sees_the_whole_sentence(plain: PlainPage) -> None:
    seen: dict[str, Any] = plain.page.evaluate(GROWS)
    assert seen == {"first": 3, "other": 3, "began": 3, "onTheWay": 2, "grown": [], "last": 2}
