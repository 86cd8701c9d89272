"""Names and texts from hostile hands: whoever reads them on a page reads these letters, and nothing else happens."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from visitor import visit

from engine.scene import offline
from engine.scene.scene import Scene
from ui.embed import iframe
from ui.plain import plain

EVIL = "http://evil.test/"
NAMES = (
    f"![p]({EVIL}p.png)", f"[away]({EVIL})", "<img src=x onerror=ran=1>", "<script>ran=1</script>",
    f"$\\href{{{EVIL}}}{{x}}$", ":material/home:", "=HYPERLINK(1)", "\u202egnp.exe", "**bold**", "`code`", "| a | b |",
    f"{EVIL}auto", "javascript:ran=1", "<style>*{display:none}</style>", "&lt;b&gt;", "# heading", "\x1b[31mred",
)  # fmt: skip


@given(st.text())
def test_no_character_controls_what_is_read(text: str) -> None:
    shown = plain(text)
    assert not [each for each in shown if unicodedata.category(each) == "Cc"]
    assert not {unicodedata.bidirectional(each) for each in shown} & {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI",
                                                                     "FSI", "PDI"}  # fmt: skip


def test_letters_that_are_read_from_the_right_stay() -> None:
    assert plain("שלום مرحبا") == "שלום مرحبا"


def table(names: tuple[str, ...], shift: int) -> bytes:
    """A table whose columns and classes have these names, and whose points are others for each `shift`."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    rows = [f"{n % 7}.5,{(n + shift) % (5 + shift)}.5,{quoted[n % 2]}" for n in range(40)]
    return "\n".join([f"{quoted[0]},{quoted[1]},{quoted[2]}", *rows]).encode()


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_what_a_file_calls_its_columns_classes_and_itself_stays_words(browser: Browser, server: str) -> None:
    threes = [NAMES[at : at + 3] for at in range(0, len(NAMES) - 2, 3)]
    with visit(browser, server) as visitor:
        visitor.open("neural_network")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.get_by_role("option", name="CSV", exact=True).click()
        seen: list[str] = []
        for number, names in enumerate(threes):
            file = {
                "name": f"{number}<img src=x onerror=ran=1>.csv",
                "mimeType": "text/html",
                "buffer": table(names, number),
            }
            visitor.page.locator("input[type=file]").set_input_files(file)
            visitor.page.get_by_text(f"{number}<img").first.wait_for()
            visitor.until(lambda: visitor.link.get("points", "") not in ("", *seen), "the table in the link")
            seen.append(visitor.link["points"])
            visitor.page.get_by_text("Read as: commas").wait_for()
        visitor.page.get_by_text("Read it in another way").click()
        visitor.settle()
        knobs = visitor.page.locator(".st-key-knobs")
        assert knobs.locator("a, img, script, iframe, .katex, h1").count() == 0
        assert visitor.page.evaluate("typeof ran") == "undefined" and visitor.tracebacks() == 0


def test_no_text_ends_the_script_of_a_page_that_is_taken_home() -> None:
    hostile = "</script><script>ran=1</script><!--"
    scene = Scene(height=100)
    scene.panel("p", title=hostile, x=(0, 1), y=(0, 1))
    for page in (
        offline.page(scene.to_bytes(), title=hostile),
        offline.iframe(scene.to_bytes(), title=hostile, height=9),
    ):
        assert hostile not in page and page.count("<script") <= 3  # parts, scene, and what draws it


def test_nothing_in_a_knob_ends_the_line_that_puts_a_lab_on_a_slide() -> None:
    import engine

    config = engine.lab("lstm_gates").Config()
    object.__setattr__(config, "reading", '"><script>ran=1</script>')
    line = iframe("http://play.example/", "lstm_gates", config)
    assert line.count("<") == 2 and "script" not in line.replace("%3Cscript", "").replace("%2Fscript", "")
    assert json.dumps(line)
