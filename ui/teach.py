"""A teacher's notes of a lab, as a page to print: its ``teaching.md``, and the lessons with their answers.

Notes are written in the little of Markdown that is drawn here: headings, paragraphs, lists, **bold**, *italic* and
`code`.  The title of a lesson in bold is a link to it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute

from engine.contract import registry
from engine.contract.card import Card, CardError
from engine.contract.lesson import Lesson
from ui import course, headers
from ui.head import head

FILE = "teaching.md"
SIGNS = {r"\theta_1": "θ₁", r"\theta_2": "θ₂"}  # of mathematics in the questions of lessons; a test asks for more
INLINE = re.compile(r"\*\*(?P<bold>[^*]+)\*\*|\*(?P<italic>[^*]+)\*|`(?P<code>[^`]+)`")
_BODY = """\
<body>
<main class="notes">
<p class="kind">Teacher's notes · {title} · <a href="{slug}">open the lab</a> ·
<a href="{slug}?view=lecture">present</a> · <a href="./?door=teach">all notes</a></p>
{notes}
<h2>The lessons, with their answers</h2>
<p>{amount}; in a class, with talk, twice to three times as long.</p>
<ol class="lessons">{lessons}</ol>
</main>
</body>
</html>
"""
_NONE = """\
<body><main><h1>There are no notes here</h1>
<p><a href="./?door=teach">Home</a> says which labs have some.</p></main></body>
</html>
"""


def notes(base: str) -> Mount | Route | WebSocketRoute:
    """The page of a lab's notes, below `base`."""
    return Route(f"{base}/teach/{{slug}}", _page)


def _page(request: Request) -> Response:
    """Not a coroutine: it reads files."""
    slug, policy = request.path_params["slug"], headers.own(request.headers.get("host", ""))
    try:
        card, file = registry.card(slug), registry.folder(slug) / FILE
        text = file.read_text(encoding="utf-8")
    except (KeyError, CardError, OSError):
        text, card = "", None
    if card is None:
        return HTMLResponse(head("No lab: teacher's notes", "teach.css") + _NONE, status_code=404, headers=policy)
    return HTMLResponse(drawn(card, text), headers=policy)


def drawn(card: Card, text: str) -> str:
    """The whole page of a lab whose notes say `text`."""
    known = course.lessons_of(card)
    count, minutes = course.length([card])
    links = {each.title: f"{card.slug}?lesson={each.slug}" for each in known}
    return head(f"{card.title}: teacher's notes", "teach.css") + _BODY.format(
        title=html.escape(card.title), slug=card.slug, notes="\n".join(blocks(text, links)),
        amount=f"{count} lessons, about {minutes} minutes for one person alone",
        lessons="".join(_lesson(each, card.unit.lower()) for each in known),
    )  # fmt: skip


def blocks(text: str, links: Mapping[str, str]) -> Iterator[str]:
    """The blocks of the notes as HTML.  `links` are the addresses of what is named in bold."""
    for block in re.split(r"\n\s*\n|\n(?=#)|(?<=\n)(?=- )", text.strip()):
        block = block.strip()
        if level := re.match(r"(#{1,3}) +", block):
            heading, _, rest = block.partition("\n")
            yield f"<h{len(level[1])}>{inline(heading[level.end() :], links)}</h{len(level[1])}>"
            if rest.strip():
                yield from blocks(rest, links)
        elif block.startswith("- "):
            yield f"<ul><li>{inline(block[2:], links)}</li></ul>"
        elif block:
            yield f"<p>{inline(block, links)}</p>"


def inline(text: str, links: Mapping[str, str]) -> str:
    """One line of the notes as HTML."""
    done, out = 0, []
    for found in INLINE.finditer(text):
        out.append(html.escape(text[done : found.start()]))
        kind = str(found.lastgroup)
        said = html.escape(found[kind])
        if kind == "bold" and found[kind] in links:
            said = f'<a href="{html.escape(links[found[kind]])}">{said}</a>'
        tag = {"bold": "strong", "italic": "em", "code": "kbd"}[kind]
        out.append(f"<{tag}>{said}</{tag}>")
        done = found.end()
    return "".join([*out, html.escape(text[done:])])


def _lesson(lesson: Lesson, unit: str) -> str:
    answers = "".join(
        f"<li{' class=right' if place == lesson.right else ''}>{html.escape(answer)}</li>"
        for place, answer in enumerate(lesson.answers)
    )
    stops = f" Stops at {unit} {lesson.at:,}." if lesson.at else ""
    return (
        f"<li><h3>{html.escape(lesson.title)}</h3><p>{inline(_said(lesson.predict), {})}{stops}</p>"
        f"<ul class=answers>{answers}</ul></li>"
    )


def _said(text: str) -> str:
    """A question without the marks of mathematics: it has single letters and numbers only."""
    for sign, written in SIGNS.items():
        text = text.replace(sign, written)
    return text.replace("$", "")
