"""How each page without Streamlit begins."""

from __future__ import annotations

import html

from ui.scene import version


def head(title: str, *sheets: str, base: str = "../", more: str = "") -> str:
    """A page up to its body: `title` is plain text, `sheets` are style sheets beside ``live.css`` in ``assets/``.

    `base` leads from the page's address to that of the app; `more` is HTML that stands in the head too.
    """
    links = "".join(f'<link rel="stylesheet" href="assets/{sheet}?v={version()}">\n' for sheet in ("live.css", *sheets))
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<base href="{base}">
<link rel="icon" href="assets/favicon.svg">
{links}{more}</head>
"""


def script(name: str) -> str:
    """The module `name` of ``assets/``, which a page begins with."""
    return f'<script type="module" src="assets/{name}?v={version()}"></script>\n'
