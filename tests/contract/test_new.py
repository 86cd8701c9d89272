"""A new lab keeps the whole contract, and a lab that breaks it in one place is told so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from visitor import ROOT, serve, visit

from engine.__main__ import main
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
    assert said in " ".join(check.check(SLUG, elsewhere=said == "goes on in another way"))


def change(outside: Path, file: str, line: str, instead: str) -> None:
    place = outside / SLUG / file
    text = place.read_text(encoding="utf-8")
    assert line in text
    place.write_text(text.replace(line, instead), encoding="utf-8")


SAID = "\"The line's slope"  # how what is said begins in the template
EXPLAIN = 'explain = "Each step overshoots the best line by more than it was away from it, so the loss grows."'
OTHERWISE = 'otherwise = "{loss:.2f}"\nwhen = '
SETTLE = "    def settle(self, turned: str) -> BaseConfig:\n        return Config()\n\n"


@pytest.mark.parametrize(
    ("file", "line", "instead", "said"),
    [
        ("card.toml", 'hero = "plane"', 'hero = "map"', "a panel, not 'map'; at step 0 the stage has plane"),
        ("card.toml", 'try = ["learning_rate", "noise", "points"]', 'try = ["noise"]', "2 to 4 knobs of the question"),
        ("card.toml", 'try = ["learning_rate"', 'try = ["rate"', "card.toml: there is no knob rate"),
        ("card.toml", 'icon = "show_chart"', 'icon = "Show chart"', "Material symbol, like show_chart, not 'Show"),
        ("card.toml", 'speed = "30 steps/s"', 'speed = "fast"', "speed must be one of 1 step/s"),
        ("card.toml", 'unit = "Step"', 'sources = ["engine.nets.nothing"]', "no module engine.nets.nothing"),
        ("config.py", 'help="How far they', 'label="Points", help="How far they', "and noise have the same label"),
        ("config.py", "    points: int", f"{SETTLE}    points: int", "settle takes the knob back"),
        ("frame.py", "import numpy", "import engine.scene\nimport numpy", "imports engine.scene; only view.py draws"),
        ("frame.py", "import numpy", "from ..gan import cost\nimport numpy", "engine.labs.gan.cost, which no lab may"),
        ("frame.py", "import numpy", "from ui import link\nimport numpy", "it imports ui.link, which no lab may"),
        ("view.py", 'x_label="x", y_label="y"', 'x_label="x"', "in stage, the panel plane lacks y_label"),
        ("view.py", 'title="How far off is the line?"', 'title=""', "in curves, the panel loss lacks title"),
        ("view.py", f"{SAID} is", f"{SAID} is not. But", "one sentence, not: The line's slope is not. But"),
        ("view.py", '{height:.2f}."', '{height:.2f}"', "one line that ends with a full stop"),
        ("view.py", f"{SAID} is", f"{SAID} is {{'far ' * 30}}", "of which 140 have room"),
        ("view.py", '"least": least}', '"beside": least}', "facts cannot be called 'beside'"),
        ("view.py", '"least": least}', '"least": np.float32(least)}', "the fact least is a number or a text"),
        ("view.py", '"least": least}', '"least": float("nan")}', "the fact least is nan"),
        ("lessons.toml", "at = 20\n", "", "too_fast: it says no step at which the run stops"),
        ("lessons.toml", 'knobs = ["learning_rate"]', 'knobs = ["rate"]', "there is no knob rate, under knobs"),
        ("lessons.toml", 'panel = "plane"', 'panel = "map"', "no panel map on its stage; there are plane"),
        ("lessons.toml", EXPLAIN, 'happened = "{modes:.1f}"', "no fact modes; the facts are astray, least"),
        ("lessons.toml", EXPLAIN, 'happened = "{beside.loss:.1f}"', "no fact beside.loss; there are no facts"),
        ("lessons.toml", EXPLAIN, 'happened = "{loss:d}"', "cannot be written as {loss:d}"),
        ("lessons.toml", EXPLAIN, f'happened = "."\n{OTHERWISE}"loss > \'a\'"', "one is a text, the other a number"),
        ("lessons.toml", EXPLAIN, f'happened = "."\n{OTHERWISE}"loss"', "'loss' is no comparison of facts"),
    ],
)  # fmt: skip
def test_what_a_lab_says_wrongly_is_found(outside: Path, file: str, line: str, instead: str, said: str) -> None:
    change(outside, file, line, instead)
    assert said in " ".join(check.check(SLUG, quick=True))


def test_a_lesson_with_numbers_of_the_run_keeps_the_contract(outside: Path) -> None:
    text = 'happened = "{loss:.3g}, not {least:.3g}."\notherwise = "{loss:.2f}"\nwhen = "loss > least and loss > 1"'
    change(outside, "lessons.toml", EXPLAIN, text)
    assert check.check(SLUG, quick=True) == []


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("LEARNING_RATE = 0.1", "LEARNING_RATE = 0.2", "LEARNING_RATE is 0.2, and by default the knob is 0.1"),
        ("NOISE = 0.3", "SPREAD = 0.3", "noise is neither a constant nor under 'Does not know: …'"),
        ("The constants", "Does not know: noise, colour.  The constants", "does not know colour, which is no knob"),
        ("The constants", "Does not know: noise.  The constants", "has NOISE, and says that it does not know it"),
        (
            "The constants",
            "Does not know: noise=3.  The constants",
            "does not know noise=3, which is no choice of a knob",
        ),
        ("import torch\n", "import torch\nimport engine\n", "it imports engine"),
        ("import torch\n", "import torch\nfrom . import frame\n", "it imports ."),
        ("def train(", "def learn(", "it lacks train(steps)"),
        ("import torch\n", "import torch\n" + "\n" * 150, "lines; 150 are the most"),
        ("import torch\n", "import torch\n)", "it cannot be read"),
        ("square()", "abs()", "at the defaults, loss of step 1 is"),
        ("lr=LEARNING_RATE", "lr=0.1", "in the lesson too_fast, loss of step 2 is"),
        ('{"loss"', '{"error"', "step 1 has the metric error, which the lab does not have"),
        (
            '"loss": loss.item()',
            '"loss": loss',
            "loss of step 1 is a float here and in the lab, and one of them is not",
        ),
        ('yield {"loss": loss.item()}', "yield {}", "it has no metrics for step 1"),
        ("range(steps)", "range(3)", "it does 3 steps where the lab does 20"),
    ],
)
def test_a_plain_form_that_is_not_the_lab_is_found(outside: Path, line: str, instead: str, said: str) -> None:
    change(outside, "plain.py", line, instead)
    assert said in " ".join(check.repeated(SLUG))


def test_a_plain_form_that_knows_too_little_repeats_too_few_lessons(outside: Path) -> None:
    change(outside, "plain.py", "The constants", "Does not know: noise.  The constants")
    change(outside, "plain.py", "NOISE", "0.3")
    change(outside, "plain.py", "0.3 = 0.3\n", "")
    assert [*check.repeated(SLUG)] == ["plain.py: it knows the knobs of 1 lessons; it should repeat 2."]


@pytest.mark.parametrize(
    ("slug", "question", "said"),
    [("gan", "", "already a lab"), ("home", "", "a page that is no lab"), ("lambda", "", "word of Python"),
     ("Two Words", "", "small letters"), ("../x", "", "small letters"),
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


def test_what_is_drawn_below_the_stage_is_tried_in_a_quick_check(outside: Path) -> None:
    change(outside, "view.py", "    scene = Scene(height=300)\n", "    raise RuntimeError('no curves today')\n")
    said = check.check(SLUG, quick=True)
    assert any("no curves today" in each for each in said), said


def test_a_broken_lab_costs_the_list_one_line(outside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (outside / SLUG / "__init__.py").write_text("raise RuntimeError('half there')", encoding="utf-8")
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert f"{SLUG:22} cannot be imported: half there" in told and "gan " in told and "vae " in told
