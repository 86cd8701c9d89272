"""What a page of Streamlit's is told, so that it is drawn anew: nothing that it waits for gets lost on the way."""

from __future__ import annotations

import pytest
from plain_page import PlainPage

pytestmark = pytest.mark.browser

TOLD = """async (happens) => {
  const { Nudges } = await import('./assets/live/nudges.js');
  const sent = [], page = { version: 1, step: 0, status: "paused" };
  const drawn = (kind, version, step) => {
    if (kind === "turned") return page.version === version;
    return kind === "rested" && page.version === version && page.step === step && page.status === "paused";
  };
  const nudges = new Nudges(({ kind, version, step }) => sent.push(`${kind} ${version} ${step}`), drawn);
  for (const [kind, version, step] of happens) {
    if (kind === "answered") {
      Object.assign(page, { version, step });
      nudges.answered();
    }
    else nudges.tell(kind, version, step);
  }
  nudges.end();
  return sent;
}"""


@pytest.mark.parametrize(
    ("happens", "sent"),
    [
        # The page is drawn with its run at rest where it was to stop, but the one beside that was on its way still.
        ([("begun", 1, None), ("reached", 1, 50), ("rested", 1, 50), ("answered", 1, 50)],
         ["begun 1 null", "reached 1 50"]),
        ([("begun", 1, None), ("rested", 1, 50), ("answered", 1, 50)], ["begun 1 null"]),
        ([("begun", 1, None), ("rested", 1, 50), ("answered", 1, 40)], ["begun 1 null", "rested 1 50"]),
        ([("reached", 1, 50), ("answered", 1, 50), ("reached", 1, 50)], ["reached 1 50"]),
        ([("turned", 2, None), ("turned", 3, None), ("answered", 2, 9)], ["turned 2 null", "turned 3 null"]),
        ([("turned", 2, None), ("turned", 3, None), ("answered", 3, 9)], ["turned 2 null"]),
    ],
)  # fmt: skip
def test_each_thing_is_told_once_and_one_at_a_time(
    plain: PlainPage, happens: list[tuple[str, int, int | None]], sent: list[str]
) -> None:
    plain.clear()
    assert plain.page.evaluate(TOLD, [list(each) for each in happens]) == sent
