"""The slider of time on the diffusion page, in a real browser: what it shows is the lab's, and no server is asked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator
from visitor import described, part, visit

from engine.labs.diffusion import Config, Experiment

SLUG = "diffusion"
KNOBS = {"data": "ring", "size": "small", "sampling_steps": "8"}
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def first_place(at: Locator) -> tuple[float, float]:
    found = re.search(r"the first is at (\S+), (\S+)$", described(at).replace("−", "-"))
    assert found is not None, described(at)
    return float(found[1]), float(found[2])


def move(at: Locator, time: float) -> None:
    slider = at.get_by_label("Time: to noise, and back")
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input', { bubbles: true })); }", time)
    drawn(at)


def drawn(at: Locator) -> None:
    """Wait until what was done last is in the picture."""
    at.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_slider_shows_every_moment_without_the_server(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        sent: list[Any] = []
        visitor.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
        visitor.open(SLUG, **KNOBS)
        steps = visitor.play_to(20)
        experiment = Experiment(Config.from_params(KNOBS))
        for _ in range(steps):
            experiment.step()
        frame = experiment.frame()
        at = visitor.panel("particles, drawn at update")
        newest = f"drawn at update {frame.drawn_at} "
        visitor.until(lambda: newest in " ".join(at.inner_text().split()), "the last samples")
        with part("the slider is moved"):
            del sent[:]
            moments = [*zip(frame.forward_times, frame.forward, strict=True),
                       *((2 - t, places) for t, places in zip(frame.path_times, frame.path, strict=True))]  # fmt: skip
            for time, places in moments[::3]:
                move(at, float(time))
                tolerance = float(0.005 * 2 * abs(places[0]).max() + 0.06)  # the slider stops at every 0.005
                assert first_place(at) == pytest.approx(places[0], abs=tolerance), time
            move(at, 0.5)
            assert first_place(at) == pytest.approx(frame.forward[6, 0], abs=0.002)  # of 13 moments
            assert "t = 0.50, adding noise" in described(at)
            move(at, 1.5)
            assert "t = 0.50, removing noise" in described(at)
            assert sent == []
        with part("the run goes on"):
            steps = visitor.play_to(steps + 20)
            assert "t = 0.50, removing noise" in described(at)  # it stays where it was put
        with part("a knob is turned while the run is paused"):
            move(at, 2)  # where the samples are
            assert "the samples" in described(at)
            before = first_place(at)
            visitor.open_groups()
            visitor.turn("sampling_steps", key="ArrowLeft")
            visitor.until(lambda: first_place(at) != before, "other samples")
            drawn_at = " ".join(at.inner_text().split())
            assert visitor.step_number() == steps and f"drawn at update {steps} " in drawn_at
        with part("time runs by itself when asked to"):
            at.get_by_role("button", name="Watch film").click()
            visitor.until(lambda: "adding noise" in described(at), "noise to be added")
            visitor.until(lambda: "removing noise" in described(at), "noise to be removed")
            at.get_by_role("button", name="Stop film").click()
            drawn(at)
            held = described(at)
            visitor.page.wait_for_timeout(300)
            assert described(at) == held


def test_digits_move_through_time_too(browser: Browser, server: str) -> None:
    with visit(browser, server) as visitor:
        visitor.open(SLUG, **KNOBS | {"data": "digits"})
        visitor.play_to(24)
        at = visitor.panel("Five of each digit")
        visitor.until(lambda: "50 pictures, the samples" in described(at), "the sheet")
        pictures = set()
        for time in (0, 0.5, 1, 1.5, 2):
            move(at, time)
            pictures.add(at.locator("canvas").evaluate("(c) => c.toDataURL()"))
        assert len(pictures) == 5
        assert visitor.notices() == []


def test_noise_becomes_digits_by_itself_until_somebody_takes_hold(browser: Browser, server: str) -> None:
    """Where motion is welcome; everything has come already, and nothing is asked."""
    with visit(browser, server, reduced_motion="no-preference") as visitor:
        sent: list[Any] = []
        visitor.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
        visitor.open(SLUG)
        at = visitor.panel("Five of each digit")
        visitor.until(lambda: "removing noise" in described(at), "noise to be removed")
        acts = [
            each
            for each in sent
            if isinstance(each, str) and any(f'"{verb}"' in each for verb in ("do", "pick", "turn"))
        ]
        visitor.until(lambda: "the samples" in described(at), "digits")
        visitor.until(lambda: "removing noise" in described(at), "noise again")
        at.get_by_role("button", name="Stop film").click()
        drawn(at)
        held = described(at)
        visitor.page.wait_for_timeout(300)
        assert described(at) == held and acts == []
    with visit(browser, server) as visitor:  # who wishes for less motion sees the digits
        visitor.open(SLUG)
        at = visitor.panel("Five of each digit")
        visitor.until(lambda: "the samples" in described(at), "digits")
        assert at.get_by_role("button", name="Watch film").count() == 1
