"""``python -m engine new LAB``: copies a lab that works, for you to change line by line."""

from __future__ import annotations

import json
import keyword
import re
from pathlib import Path

from engine.contract.registry import labs

TEMPLATE = Path(__file__).parent / "template"
ROOT = Path(__file__).resolve().parents[2]
NAMED = "SLUG"  # what stands for the lab's name in the template


class NewLabError(ValueError):
    """A lab cannot be made like this.  The message is one sentence."""


def new(slug: str, *, title: str = "", group: str = "", question: str = "", folder: Path | None = None) -> list[Path]:
    """Make the folder of a lab, and return the files that were written.

    Without `folder` it is one of the playground's own, with its test; with it the lab lies in `folder`, to be named by
    ``PLAYGROUND_LABS``.  Raises `NewLabError` for a name that is taken or is none, and for a question that is none.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", slug):
        raise NewLabError(f"A lab is named like two_words, in small letters, digits and underscores, not '{slug}'.")
    if keyword.iskeyword(slug) or ((ROOT / "pages" / f"{slug}.py").exists() and slug not in labs()):
        raise NewLabError(f"No lab can be called '{slug}': that is a word of Python, or a page that is no lab.")
    if slug in labs():
        raise NewLabError(f"There is already a lab '{slug}'.")
    if question and not question.endswith("?"):
        raise NewLabError(f"A lab asks a question, which ends with a question mark; '{question}' does not.")
    home = (folder if folder is not None else ROOT / "engine" / "labs") / slug
    if home.exists():
        raise NewLabError(f"{home} exists already; choose another name, or take it away.")
    said = {"title": title or slug.replace("_", " ").capitalize(), "group": group, "question": question}
    written = []
    for file in sorted(TEMPLATE.glob("*")):
        if file.is_dir():
            continue
        text = file.read_text(encoding="utf-8").replace(NAMED, slug)
        if file.name == "card.toml":
            for name in [name for name, value in said.items() if value]:
                line = f"{name} = {json.dumps(said[name], ensure_ascii=False)}".replace("\\", "\\\\")
                text = re.sub(rf'^{name} = ".*"$', line, text, flags=re.MULTILINE)
        if file.name == "__init__.py" and question:
            text = re.sub(r'^""".*$', '"""' + question.replace("\\", "\\\\"), text, count=1, flags=re.MULTILINE)
        place = home / file.name
        if file.name.startswith("test_") and folder is None:
            place = ROOT / "tests" / "labs" / slug / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        written.append(place)
    return written
