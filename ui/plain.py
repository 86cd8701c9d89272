"""Somebody else's text on the page: names from a file, what a link holds.  It is shown as it is, and not obeyed."""

from __future__ import annotations

import re

JOINER = "\u2060"  # no width and no break: Streamlit looks for links and icons after escapes have been undone

_MARKS = re.compile(r"[\\`*\[<~$]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])|:(?=[\w/])")  # not an underscore in a word
_LIVE = re.compile(r"(?<=:)(?=[\w/])|(?<=@)(?=\w)|(?<=www)(?=\.)|(?<=[-<>~])(?=[->=])", re.I)  # :icon:, a@b.c, ->
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they also turn text around
_BEGINNING = re.compile(r"(?=#{1,6}(?: |$)|[+-](?:[ -]|$)|>)|\d{1,9}(?=[.)](?: |$))")  # a heading, a list, a quotation


def plain(text: str, *, most: int = 1_000) -> str:
    """`text` for `st.markdown`, `st.caption`, `st.error` and their like, so that nothing in it is taken for Markdown.

    It becomes one paragraph of `most` characters at most: no heading, list, link, picture, formula, colour or icon.
    Characters that control something, or the direction in which the others are read, are seen as \ufffd.
    """
    line = _HIDDEN.sub("\ufffd", " ".join(text.encode("utf-8", "replace").decode().split()))
    if len(line) > most:
        line = f"{line[: most - 2]} …"
    line = _LIVE.sub(JOINER, _MARKS.sub(r"\\\g<0>", line))
    if start := _BEGINNING.match(line):
        line = f"{start[0]}\\{line[start.end() :]}"
    return line
