"""What the documents name is there: files, folders, modules and each other's pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = {path.name for path in ROOT.iterdir()}
WORDS = {  # beside the documents proper, what explains itself in comments
    *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.*"),
    ROOT / "compose.yaml", ROOT / "Dockerfile", ROOT / "Makefile",
} - {ROOT / "CHANGELOG.md"}  # which tells of what has gone  # fmt: skip
DECISIONS = ROOT / "docs" / "decisions"


def named(text: str) -> set[str]:
    """Every path in our tree that `text` names, and every module as the path of its file, without what is in it."""
    paths = {
        name.rstrip(".")
        for name in re.findall(r"(?<![\w/.@~-])((?:\.?\w[\w-]*/)+[\w.-]*)(?![\w/*<{])", text)
        if name.partition("/")[0] in HERE
    }
    modules = re.findall(r"`((?:engine|ui|pages|tests|benchmarks)(?:\.\w+)+)`", text)
    return paths | set(map(place, modules))


def place(name: str) -> str:
    """The path that a dotted name should have: of the module, or of the package that offers it."""
    folder = ROOT
    for part in name.split("."):
        if not (folder / part).is_dir():
            offered, file = (folder / "__init__.py").read_text(encoding="utf-8"), (folder / part).with_suffix(".py")
            found = folder if re.search(rf"\b{part}\b", offered) and not file.exists() else file
            return found.relative_to(ROOT).as_posix()
        folder /= part
    return folder.relative_to(ROOT).as_posix()


def superseded(text: str) -> bool:
    """Whether a page says in its first line that it holds no longer, or not for all that it names."""
    return text.splitlines()[2].startswith(("*Superseded", "*Since"))


@pytest.mark.parametrize("path", sorted(WORDS), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    assert [link for link in links if link and "://" not in link and not (path.parent / link).exists()] == []
    if path.parent != DECISIONS or not superseded(text):
        assert {name for name in named(text) if not (ROOT / name).exists()} == set()


def test_what_is_named_is_found() -> None:
    said = "In engine/limits.py, `ui.burst`, `engine.runs.pool`, `engine.show`, tests/x.py: docs/a.md, engine/<slug>."
    paths = {"engine/limits.py", "ui/burst.py", "engine/runs/pool.py", "engine", "tests/x.py", "docs/a.md"}
    assert named(said) == paths


def test_every_decision_is_in_the_list() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in DECISIONS.glob("*.md") if path.name != "README.md")


def test_a_decision_that_was_taken_back_says_so_first_with_its_successor() -> None:
    for path in DECISIONS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        if "uperseded" in text and path.name != "README.md":
            assert superseded(text) and re.search(r"\]\([\w-]+\.md\)", text.split("\n\n")[1]), path.name
