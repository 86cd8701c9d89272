"""The page of a lab for slides, and how a run is opened from it: the routes, driven by hand."""

from __future__ import annotations

import asyncio
import dataclasses
import html
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pools import SMALL, pool_of
from starlette.applications import Starlette
from starlette.types import Message

import engine
from engine import runs
from engine.contract import registry
from ui import embed, live

HERE = {"host": "play.example", "origin": "https://play.example"}


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with pool_of("inline") as made:
        monkeypatch.setattr(runs, "_current", made)
        yield made


def ask(method: str, path: str, body: bytes = b"", headers: dict[str, str] = HERE) -> tuple[int, dict[str, str], str]:
    """The status, headers and body of an answer."""
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "client": ("192.0.2.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    app = Starlette(routes=[embed.embed(""), embed.opening(""), live.watch("")])
    # In a thread of its own: in this one a browser's event loop may be running.
    thread = threading.Thread(target=lambda: asyncio.run(app(scope, receive, send)))
    thread.start()
    thread.join()
    start = next(message for message in told if message["type"] == "http.response.start")
    said = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], said, b"".join(message.get("body", b"") for message in told).decode()


def opened(asked: object, headers: dict[str, str] = HERE) -> tuple[int, dict[str, Any]]:
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    status, _, answer = ask("POST", "/runs", body, headers)
    return status, json.loads(answer)


def lab(page: str) -> dict[str, Any]:
    """The data block of a page."""
    found = re.search(r'<script type="application/json" id="lab">(.*?)</script>', page)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


@pytest.mark.parametrize("slug", [card.slug for card in registry.cards()[0]])
def test_every_lab_has_a_page_for_slides_with_the_knobs_of_its_question(slug: str) -> None:
    status, headers, page = ask("GET", f"/embed/{slug}?panel=some&seed=7&page=2")
    assert status == 200 and "frame-ancestors *" in headers["content-security-policy"]
    told = lab(page)
    assert told["panel"] == "some" and told["params"] == {"seed": "7"}
    assert "page is not a knob of this page" in told["said"]
    assert '<base href="../">' in page and not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=", page)
    knobs, config = engine.lab(slug).Config.knobs(), engine.lab(slug).Config(seed=7)
    drawn = [spec for spec in told["knobs"] if spec["kind"] != "none"]
    assert [spec["name"] for spec in drawn] == list(registry.card(slug).tries)
    for spec in told["knobs"]:
        knob = knobs[spec["name"]]
        assert knob.parse(spec["value"]) == getattr(config, knob.name)
        stops = [stop for stop, _ in spec.get("stops", [])]
        assert [knob.format(knob.parse(stop)) for stop in stops] == stops
        assert spec["kind"] != "slider" or spec["value"] in stops
        assert all(other == text for other, (text, _) in zip(knob.choices, spec.get("choices", []), strict=True))


def test_a_page_that_there_is_not_and_one_with_a_bad_link_say_so() -> None:
    status, headers, page = ask("GET", "/embed/<b>")
    assert status == 404 and "<b>" not in page and "frame-ancestors *" in headers["content-security-policy"]
    told = lab(ask("GET", "/embed/gan?seed=</script>&data=grid")[2])
    assert told["params"] == {"seed": "0", "data": "grid"} and "seed = '</script>' is not accepted" in told["said"]


def test_only_a_page_of_ours_may_stand_around_one_that_watches(pool: Any) -> None:
    run = pool.open("gan", engine.lab("gan").Config())
    for path in (f"/watch/{run.id}", "/watch/nobody"):
        assert "frame-ancestors 'self'" in ask("GET", path)[1]["content-security-policy"]


def test_a_run_is_opened_with_its_knobs_and_its_key_steers_it(pool: Any) -> None:
    status, made = opened({"slug": "gan", "knobs": {"seed": "7"}})
    assert status == 201 and set(made) == {"run", "key"}
    assert pool.find(made["run"]).peek().config == engine.lab("gan").Config(seed=7)
    assert pool.may(made["run"], made["key"]) and not pool.may(made["run"], None)


@pytest.mark.parametrize("asked", [
    b"", b"{", b"[" * 100_000, b"\xff", b"[]", {"slug": "gan", "knobs": []}, {"slug": "gan", "knobs": {"seed": 7}},
    {"knobs": {}}, {"slug": "nowhere"}, {"slug": "../gan"}, {"slug": "gan", "knobs": {"seed": "x"}},
    {"slug": "gan", "knobs": {"nobody": "1"}}, {"slug": "gan", "knobs": {}, "more": "x" * 70_000},
])  # fmt: skip
def test_what_cannot_be_opened_is_refused_with_a_sentence(asked: object) -> None:
    status, answer = opened(asked)
    assert status == 400 and answer["message"].endswith(".") and len(answer["message"]) < 1000


@pytest.mark.parametrize(("origin", "status"), [
    ("https://elsewhere.example", 403), ("null", 403), ("", 403), ("https://play.example", 201), (None, 201),
])  # fmt: skip
def test_only_pages_of_ours_and_programs_open_runs(origin: str | None, status: int) -> None:
    headers = {"host": "play.example"} | ({} if origin is None else {"origin": origin})
    assert opened({"slug": "gan"}, headers)[0] == status


def test_a_full_playground_and_too_many_slides_are_told(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    room = SMALL.workers * SMALL.runs_per_worker
    share = int(room * SMALL.slides_share)
    assert [opened({"slug": "gradient_descent"})[0] for _ in range(share + 1)] == [201] * share + [429]
    status, answer = opened({"slug": "gradient_descent"})
    assert status == 429 and "slides" in answer["message"] and "try again" in answer["message"]
    config = engine.lab("gradient_descent").Config()
    for _ in range(room - share + SMALL.waiting):  # the others have room as before
        pool.open("gradient_descent", config)
    monkeypatch.setattr(pool, "limits", dataclasses.replace(pool.limits, slides_share=1.0))
    status, answer = opened({"slug": "gradient_descent"})
    assert status == 503 and "The playground is full" in answer["message"]


def test_the_text_for_a_slide_has_the_settings_and_no_sandbox() -> None:
    config = engine.lab("gan").Config(seed=7, data="grid")
    text = embed.iframe("https://play.example/uni/", "gan", config)
    source = re.search(r'src="([^"]*)"', text)
    assert source and "sandbox" not in text and 'title="Can a forger' in text
    assert html.unescape(source[1]) == "https://play.example/uni/embed/gan?panel=fakes&data=grid&seed=7"
