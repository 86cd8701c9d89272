"""What an address gets that is none of ours, at the root and below a base path; whatever else is answered stays."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin

import pytest
import streamlit as st
from asgi import Answer, ask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from ui import absent, headers, shell

INDEX = "<!doctype html><title>Streamlit</title>"


async def streamlits(_: Request) -> HTMLResponse:
    """Streamlit answers every address with its page."""
    return HTMLResponse(INDEX)


async def own(request: Request) -> HTMLResponse:
    return HTMLResponse("ours", headers=headers.own(request.headers["host"]))


async def text(_: Request) -> PlainTextResponse:
    return PlainTextResponse("a file")


@pytest.fixture(params=["", "uni/play"])
def get(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """What a browser gets for an address below that of the app."""
    base = f"/{request.param}" if request.param else ""
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": request.param}.__getitem__)
    routes = [
        Route(f"{base}/watch/{{run}}", own), Route(f"{base}/assets/{{name}}", text), Route("/{rest:path}", streamlits),
    ]  # fmt: skip
    app = Starlette(routes=routes, middleware=[Middleware(absent.Answered)])
    return lambda name, **more: ask(app, f"{base}/{name}", **more)


def test_pages_and_whatever_has_an_answer_of_its_own_are_left_alone(get: Callable[..., Answer]) -> None:
    for name in ("", *(card.slug for card in shell.labs()), "gan/", "_stcore/host", "static/js/index", "component/a/b"):
        assert get(name).text == INDEX, name
    assert get("watch/x").text == "ours" and get("assets/x.js").text == "a file"


@pytest.mark.parametrize("name", ["nonsense", "foo/gan", "gan/more", "a/b/c/", "Gan", "ganz.html", "übung", "%00"])
def test_a_wrong_address_gets_a_page_that_leads_home(get: Callable[..., Answer], name: str) -> None:
    answer = get(name)
    assert answer.status == 404 and "There is no page" in answer.text and INDEX not in answer.text
    assert answer.headers[headers.POLICY].startswith("default-src 'none'")
    base = answer.text.partition('<base href="')[2].partition('"')[0]
    assert urljoin(f"http://here.test/uni/{name}", base) == "http://here.test/uni/"
    assert get(name, method="HEAD").status == 404


def test_it_names_what_may_have_been_meant_and_is_no_place_for_scripts(get: Callable[..., Answer]) -> None:
    said = get("grad-desent").text
    assert '<a href="gradient_descent">Gradient descent</a>' in said
    said = get("%3Cscript%3Ealert(1)%3C/script%3E" + "x" * 900).text
    assert "<script>" not in said and "&lt;script&gt;" in said and "x" * 100 not in said


def test_the_name_of_the_home_page_leads_home(get: Callable[..., Answer]) -> None:
    answer = get("home")
    assert answer.status == 307 and answer.headers["location"] == "./"
    assert absent.HOME == shell.HOME
