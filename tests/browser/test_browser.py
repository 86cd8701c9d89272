"""What a visitor meets on single pages, and what they see when something goes wrong, in a real browser."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from playwright.sync_api import Browser, Locator, Route, expect
from visitor import Server, Visitor, alive, part, serve, visit, wait_until

from ui import shell

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a busy machine is no failure
FIRST = shell.labs()[0].slug


def middle(canvas: Locator) -> tuple[float, float]:
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_gallery_leads_to_every_page(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("", drawn=False)
        for entry in shell.labs():
            card = visitor.page.locator(f".st-key-card_{entry.slug}")
            expect(card).to_contain_text(entry.question)
            picture = card.locator("img").first
            visitor.until(lambda p=picture: p.evaluate("(i) => i.naturalWidth"), f"the picture of {entry.title}")
        visitor.page.locator(f".st-key-card_{FIRST} a").click()
        visitor.slug = FIRST
        visitor.arrive()
        assert visitor.step_number() == 0


def test_what_is_written_on_a_picture_before_its_font_has_come_is_written_anew(browser: Browser, server: str) -> None:
    """Where nothing moves no other picture comes that would do it."""
    with visit(browser, server) as prompt, visit(browser, server) as late:
        fonts: list[Route] = []
        late.page.route("**/*.woff2", lambda font: fonts.append(font))
        prompt.open(FIRST)
        prompt.settle()
        pictures = prompt.pictures()
        late.page.goto(prompt.page.url.partition("?")[0], wait_until="commit")
        late.slug = FIRST
        late.arrive()
        late.settle()
        assert late.pictures() != pictures
        for font in fonts:
            font.continue_()
        late.until(lambda: late.pictures() == pictures, "the font in the picture")


def test_the_connection_survives_many_restarts_while_playing(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(FIRST)
        visitor.play()
        for seed in range(1, 9):
            visitor.button("New seed").click()
            visitor.until(lambda seed=seed: visitor.link.get("seed") == str(seed), f"seed {seed}")
            visitor.until(lambda: visitor.step_number() > 0, "the run with the new seed")
        visitor.pause()


def test_a_click_while_playing_counts_once(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(FIRST)
        for number in (1, 2, 3):
            visitor.play()
            visitor.until(lambda: visitor.step_number() > 3, "a few steps")
            visitor.button("Keep for comparison").click()
            visitor.until(lambda: visitor.step_number() == 0, "a new run")
            visitor.settle()
            expect(visitor.page.get_by_text("Compared:")).to_have_count(number)
        for number in (2, 1, 0):
            visitor.button("Remove").first.click()
            expect(visitor.page.get_by_text("Compared:")).to_have_count(number)


def test_a_second_tab_shows_the_same_run(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(FIRST, seed="7")
        at, pictures = visitor.play_to(5), visitor.pictures()
        tab = Visitor(visitor.page.context.new_page(), server)
        tab.follow(visitor.page.url)
        tab.until(lambda: tab.step_number() == at, "the same run in a second tab")
        tab.until(lambda: tab.pictures() == pictures, "the picture of the first tab")
        assert tab.problems == [] and tab.notices() == []


def test_a_look_back_leaves_the_drawings_as_the_visitor_set_them(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent")
        last = visitor.play_to(8)
        entry = visitor.canvases.first.locator("xpath=ancestor::section").get_by_role("button", name="Momentum")
        entry.click()
        expect(entry).to_have_attribute("aria-pressed", "false")
        visitor.canvases.first.evaluate("(canvas) => { canvas.dataset.same = true; }")
        same = visitor.page.locator("canvas[data-same]")
        visitor.seek(3)  # a line about the earlier moment comes above them
        expect(visitor.button("Branch from here")).to_be_visible()
        expect(same).to_have_count(1)
        visitor.seek(last)
        expect(visitor.button("Branch from here")).to_have_count(0)
        expect(same).to_have_count(1)
        expect(entry).to_have_attribute("aria-pressed", "false")


def test_a_click_on_the_map_moves_the_start(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("gradient_descent")
        before = visitor.pictures()
        visitor.play_to(3)
        x, y = middle(visitor.canvases.first)
        visitor.page.mouse.click(x + 70, y - 50)
        visitor.until(lambda: {"start_x", "start_y"} <= set(visitor.link), "the start in the link")
        assert float(visitor.link["start_x"]) > -1.5 and float(visitor.link["start_y"]) != 2.0
        visitor.until(lambda: visitor.step_number() == 0, "the race to begin again")
        visitor.until(lambda: visitor.pictures() != before, "the start to move")
        visitor.open_groups()
        slider = visitor.key("start_x").get_by_role("slider")
        assert float(slider.get_attribute("aria-valuetext") or "nan") == float(visitor.link["start_x"])


# ------------------------------------------------------------------ neural_network: data of one's own

ROWS = [f"{x},{y},{'in' if x * x + y * y < 4 else 'out'}" for x in range(-3, 4) for y in range(-3, 4)]
BAD_TABLES = {
    "empty": (b"", "empty"),
    "not numeric": (b"a,b,c\n" + b"x,y,in\nx,z,out\n" * 5, "numeric feature columns"),
    "one class": ("\n".join(row.rpartition(",")[0] + ",in" for row in ROWS).encode(), "same class"),
}


def upload(visitor: Visitor, table: bytes, name: str = "table.csv") -> None:
    visitor.page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": table})


def test_tables_get_a_sentence_each_and_those_that_can_be_used_train(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network", seed="3")
        at = visitor.play_to(3)
        pictures = visitor.pictures()
        choose(visitor, "CSV")
        said = visitor.page.get_by_test_id("stAlert").filter(has_text="keeps the data it has")
        for name, (table, sentence) in BAD_TABLES.items():
            with part(f"a table that is {name}"):
                upload(visitor, table)
                expect(said.filter(has_text=sentence)).to_have_count(1)
                assert visitor.step_number() == at and visitor.pictures() == pictures
        with part("a table that is too large"):
            upload(visitor, b"1,2,in\n" * 800_000)
            expect(visitor.page.get_by_test_id("stFileUploader")).to_contain_text("5")
            visitor.until(lambda: "5.0MB" in uploader(visitor) or "5 MB" in uploader(visitor), "the limit of 5 MB")
            assert visitor.step_number() == at and visitor.pictures() == pictures
        with part("a table where values are missing"):
            missing = ["height,width,place", *ROWS[:-2], "1,,in", "NaN,2,out"]
            upload(visitor, "\n".join(missing).encode())
            visitor.page.get_by_text("2 of 49 rows were left out because a value is missing.").wait_for()
            visitor.until(lambda: visitor.link.get("data") == "csv", "the table in the link")
            first = visitor.link["points"]
            visitor.step()
        with part("a table in Latin-1"):
            latin = ["höhe,breite,größe", *(row.replace("in", "drinnen, früh").replace(", ", "-") for row in ROWS)]
            upload(visitor, "\n".join(latin).encode("latin-1"))
            visitor.page.get_by_text("The text is not UTF-8; it was read as Latin-1.").wait_for()
            visitor.page.get_by_text("höhe and breite were standardised").wait_for()
            visitor.until(lambda: visitor.link.get("points") != first, "the other table in the link")
            visitor.step()
        assert visitor.tracebacks() == 0 and visitor.notices() == []


def choose(visitor: Visitor, data: str) -> None:
    visitor.key("data").get_by_role("combobox").click()
    visitor.page.get_by_role("option", name=data, exact=True).click()


def uploader(visitor: Visitor) -> str:
    return visitor.page.get_by_test_id("stFileUploader").inner_text()


def test_points_drawn_with_the_mouse_can_be_learned(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network")
        choose(visitor, "Drawn")
        pad = visitor.key("pad").get_by_role("img")
        pad.wait_for()
        for label, side in (("class 0", -1), ("class 1", 1)):
            visitor.key("pen").get_by_text(label, exact=True).click()
            visitor.settle()
            before = visitor.pictures(pad)
            x, y = middle(pad)
            visitor.page.mouse.move(x + side * 20, y - 40)
            visitor.page.mouse.down()
            visitor.page.mouse.move(x + side * 60, y + 40, steps=12)
            visitor.page.mouse.up()
            visitor.until(lambda b=before: visitor.pictures(pad) != b, "the points to be drawn")
        visitor.until(lambda: visitor.link.get("data") == "drawn", "the drawing in the link")
        visitor.until(lambda: visitor.step_number() == 0, "a new run")
        first = visitor.pictures()
        visitor.play_to(5)
        assert visitor.pictures() != first
        drawn = visitor.pictures(pad)
        visitor.button("Clear").click()
        visitor.until(lambda: visitor.pictures(pad) != drawn, "an empty pad")
        expect(visitor.button("Clear")).to_be_disabled()
        assert visitor.tracebacks() == 0


def test_a_number_typed_at_an_edge_is_its_weight(browser: Browser, server: str, tmp_path: Path) -> None:
    with visit(browser, server) as visitor:
        visitor.open("neural_network", hidden="1", features="x")  # one edge in, one edge out
        visitor.settle()
        visitor.share()
        before = safetensors.torch.load_file(visitor.download("Weights", tmp_path / "before.safetensors"))
        visitor.page.keyboard.press("Escape")
        graph = visitor.canvases.first
        _, y = middle(graph)
        box = graph.bounding_box()
        assert box is not None
        ask = visitor.key("stage").locator("form.ask input")
        # Somewhere between the first column and the second, and about as high as both.
        places = [(share, below) for share in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45) for below in (0, 11, 22, -11)]
        for share, below in places:
            visitor.page.mouse.click(box["x"] + share * box["width"], y + below)
            if ask.count():
                break
        ask.fill("-0.75")
        ask.press("Enter")
        ask.wait_for(state="detached")
        visitor.settle()
        assert visitor.step_number() == 0
        visitor.share()
        after = safetensors.torch.load_file(visitor.download("Weights", tmp_path / "after.safetensors"))
        changed = {name for name in before if not np.array_equal(before[name].numpy(), after[name].numpy())}
        assert len(changed) == 1
        [name] = changed
        assert -0.75 in after[name].numpy() and -0.75 not in before[name].numpy()


# ------------------------------------------------------------------ when something goes wrong


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path / "log.txt", PLAYGROUND_WORKERS="2", PLAYGROUND_RECOVERY_SECONDS="0.3") as server:
        yield server


def test_a_killed_worker_costs_one_sentence_and_only_its_own_visitors(browser: Browser, two_workers: Server) -> None:
    server = two_workers
    wait_until(lambda: len(server.workers()) == 2, "two workers")
    with visit(browser, server.address) as one, visit(browser, server.address) as other:
        for visitor in (one, other):
            visitor.open("neural_network")
            visitor.play()
            visitor.until(lambda v=visitor: v.step_number() > 5, "the run to be under way")
        old = server.workers()
        os.kill(old[0], signal.SIGKILL)

        def hit() -> Visitor | None:
            return next((v for v in (one, other) if any("went on in a new one" in text for text in v.notices())), None)

        victim = one.until(hit, "the sentence about the lost worker")
        bystander = other if victim is one else one
        assert len(victim.notices()) == 1
        before = victim.step_number()
        victim.until(lambda: victim.step_number() > before, "the run to go on")
        assert bystander.notices() == []
        before = bystander.step_number()
        bystander.until(lambda: bystander.step_number() > before, "the other run to go on")
        assert victim.tracebacks() == bystander.tracebacks() == 0
        assert len(server.workers()) == 2 and not alive(old[0])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_no_worker_outlives_the_server(tmp_path: Path, how: signal.Signals) -> None:
    with serve(tmp_path / "log.txt", PLAYGROUND_WORKERS="1") as server:
        [worker] = wait_until(server.workers, "a worker")
        server.stop(how)
        wait_until(lambda: not alive(worker), "the worker to end")


def test_a_full_playground_queues_and_then_says_so(browser: Browser, tmp_path: Path) -> None:
    small = {"PLAYGROUND_WORKERS": "1", "PLAYGROUND_RUNS_PER_WORKER": "1", "PLAYGROUND_WAITING": "1"}
    with (
        serve(tmp_path / "log.txt", **small, PLAYGROUND_PAUSE_AFTER="4", PLAYGROUND_DROP_AFTER="6") as server,
        visit(browser, server.address) as second,
    ):
        with visit(browser, server.address) as first:
            first.open(FIRST)
            second.open(FIRST, drawn=False)
            waits = second.page.get_by_text("You are number 1 in the queue")
            waits.wait_for()
            with visit(browser, server.address) as third:
                third.open(FIRST, drawn=False)
                third.page.get_by_text("The playground is full").wait_for()
                third.button("Try again").click()
                third.settle()
                third.page.get_by_text("The playground is full").wait_for()
                assert third.tracebacks() == 0 and len(third.notices()) == 1
            first.step()
            assert first.notices() == []
        second.canvases.first.wait_for()  # the first visitor has left: the second one's turn
        second.until(lambda: second.notices() == [], f"the queue to be over: {second.notices()}")
        second.step()


def test_a_page_that_was_left_trains_no_longer(browser: Browser, tmp_path: Path) -> None:
    with (
        serve(tmp_path / "log.txt", PLAYGROUND_LEAVE_AFTER="0.5") as server,
        visit(browser, server.address) as visitor,
    ):
        paused = visitor.page.get_by_text("Paused because nobody was watching")
        visitor.open(FIRST)
        visitor.play()
        visitor.page.get_by_role("link", name="Home").click()
        visitor.page.locator(".st-key-gallery").wait_for()
        visitor.page.wait_for_timeout(3_000)
        visitor.page.go_back()
        paused.wait_for()
        visitor.play()
        expect(paused).to_have_count(0)
        address = visitor.page.url
        tab = Visitor(visitor.page.context.new_page(), server.address)
        visitor.page.close()
        tab.page.wait_for_timeout(3_000)
        tab.follow(address)
        tab.page.get_by_text("Paused because nobody was watching").wait_for()
        assert tab.problems == []


def test_a_network_goes_from_page_to_page_and_back_from_its_file(browser: Browser, server: str, tmp_path: Path) -> None:
    with visit(browser, server) as visitor:
        visitor.open("cnn_filters")
        visitor.play_to(60)
        trained = visitor.step_number()
        visitor.button("Link and export").click()
        weights = visitor.download("Weights", tmp_path / "network.safetensors")
        visitor.page.keyboard.press("Escape")

        visitor.button("Networks").click()
        visitor.page.get_by_role("button", name="Take this network").click()
        visitor.slug = "adversarial_examples"
        visitor.until(lambda: visitor.link.get("model") == "taken" and visitor.link.get("network"), "the network's key")
        visitor.arrive()
        visitor.until(lambda: visitor.step_number() == 0, "a new run")
        visitor.step()
        assert visitor.notices() == [] and visitor.tracebacks() == 0

        visitor.open("cnn_filters")
        visitor.button("Networks").click()
        drop = visitor.page.get_by_test_id("stPopoverBody").locator("input[type=file]")
        drop.set_input_files({"name": "x.safetensors", "mimeType": "application/octet-stream", "buffer": b"no network"})
        visitor.until(
            lambda: any("no network" in said for said in visitor.notices()), "the sentence about a wrong file"
        )
        assert "network" not in visitor.link
        drop.set_input_files(weights)
        visitor.until(lambda: visitor.link.get("network"), "the network from its file")
        visitor.until(lambda: visitor.step_number() == 0, "a run that begins with it")
        assert trained >= 60 and visitor.tracebacks() == 0


@pytest.mark.truths
def test_the_browser_forgets_the_frames_that_have_gone(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        inspector = visitor.page.context.new_cdp_session(visitor.page)

        def megabytes() -> float:
            inspector.send("HeapProfiler.collectGarbage")
            used: float = inspector.send("Runtime.getHeapUsage")["usedSize"] / 1e6
            return used

        visitor.open("gan")  # more curves than any other page
        visitor.play_to(1500)
        early = megabytes()
        for step in (3000, 4500, 6000):
            visitor.play_to(step)
        assert megabytes() - early < 8  # 1 as it should be, 42 with marks that stay
