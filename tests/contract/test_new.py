"""A new lab keeps the whole contract, and a lab that breaks it in one place is told so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from visitor import ROOT, serve, visit

from engine.contract import check, registry
from engine.contract.lesson import lessons
from engine.contract.new import NewLabError, new

SLUG = "line_fit"


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a new lab in it, which the engine knows."""
    new(SLUG, title="A line", question="Does it fit?", folder=tmp_path)
    labs = sys.modules["engine.labs"]
    monkeypatch.setattr(labs, "__path__", [*labs.__path__, str(tmp_path)])
    lessons.cache_clear()
    yield tmp_path
    lessons.cache_clear()
    for name in [name for name in sys.modules if name.startswith(f"engine.labs.{SLUG}")]:
        del sys.modules[name]


def test_a_new_lab_keeps_the_contract_and_its_truths_hold(outside: Path) -> None:
    assert [said for name, one in check.CHECKS.items() for said in one(SLUG)] == []
    card = registry.card(SLUG)
    assert (card.title, card.question) == ("A line", "Does it fit?")
    lab = registry.lab(SLUG)
    experiment = lab.Experiment(lab.Config(learning_rate=0.5))
    for _ in range(500):
        experiment.step()
    frame = experiment.frame()
    assert frame.line == pytest.approx(frame.best, abs=1e-4)


def test_its_state_goes_on_in_another_process_and_so_do_its_own_tests(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_LABS", str(outside))
    assert check.resumed([SLUG]) == {}
    tests = str(outside / SLUG / "test_truths.py")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", tests],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert told.returncode == 0 and "3 passed" in told.stdout, told.stdout


@pytest.mark.parametrize(
    ("file", "line", "instead", "said"),
    [
        ("config.py", 'help="Size of a step."', 'help=""', "learning_rate has no help"),
        ("card.toml", 'question = "Does it fit?"', 'question = "What?"', "question is not that of"),
        ("lessons.toml", 'learning_rate = "1.2"', 'learning_rate = "9"', "learning_rate = '9' is not accepted"),
        ("frame.py", "np.column_stack([x.cpu().numpy(), y.cpu().numpy()])", "x", "holds a tensor"),
        ("experiment.py", "        slope, height =", "        torch.rand(1)\n        slope, height =", "global random"),
        ("experiment.py", "        slope, height =", "        self.step()\n        slope, height =", "is looked at"),
        ("experiment.py", 'generator(config.seed, "points")', "torch.Generator()", "the same metrics, whatever"),
        ("experiment.py", "        self.step_count = state[", "        state[", "goes on in another way"),
        ("experiment.py", "        self.config.require_live(config)\n", "", "takes points, which is not live"),
        ("experiment.py", "return {\"loss\": loss.item()}", "return {\"loss\": loss}", "metrics must be floats"),
        ("view.py", "    frame = view.frame\n", "    frame = view.nothing\n", "AttributeError"),
        ("view.py", "    frame = view.frame\n", "    frame = view.frame\n    X[0] -= 0.01\n", "another picture"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_found(outside: Path, file: str, line: str, instead: str, said: str) -> None:
    place = outside / SLUG / file
    text = place.read_text(encoding="utf-8")
    assert line in text
    text = text.replace(line, instead)
    if "torch.Generator()" in instead:
        text = text.replace('generator(config.seed, "line")', "torch.Generator()")
    place.write_text(text, encoding="utf-8")
    assert said in " ".join(check.check(SLUG))


@pytest.mark.parametrize(
    ("slug", "question", "said"),
    [("gan", "", "already a lab"), ("Two Words", "", "small letters"), ("../x", "", "small letters"),
     ("fine", "No question", "question mark")],
)  # fmt: skip
def test_what_is_no_lab_gets_a_sentence_and_leaves_nothing(tmp_path: Path, slug: str, question: str, said: str) -> None:
    with pytest.raises(NewLabError, match=said):
        new(slug, question=question, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.browser
def test_a_lab_from_outside_is_on_the_home_page_and_plays_and_a_broken_one_costs_a_sentence(
    browser: Browser, tmp_path: Path
) -> None:
    labs = tmp_path / "labs"
    new("moon_phase", title="Moon phase", question="When is it full?", folder=labs)
    new("torn", folder=labs)
    (labs / "torn" / "card.toml").write_text("title = ", encoding="utf-8")
    with (
        serve(tmp_path / "log.txt", PLAYGROUND_WORKERS="1", PLAYGROUND_LABS=str(labs)) as server,
        visit(browser, server.address) as visitor,
    ):
        visitor.page.goto(server.address)
        visitor.page.get_by_text("When is it full?").wait_for()
        visitor.page.get_by_text("The card of torn cannot be read").wait_for()
        visitor.page.get_by_test_id("stPageLink").filter(has_text="Moon phase").get_by_role("link").click()
        visitor.slug = "moon_phase"
        visitor.arrive()
        before = visitor.pictures()
        visitor.play_to(5)
        visitor.until(lambda: visitor.pictures() != before, "the picture to change")
        assert visitor.notices() == [] and visitor.tracebacks() == 0
