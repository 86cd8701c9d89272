"""The policy of every page in a real browser, behind TLS: nothing that we do is refused, and what others do is.

The journeys through each lab's page (tests/browser/test_every_page.py) run under the same policy, as does a page under
a base path (tests/cases/test_base_path.py): each visitor there notices whatever is refused, and whoever else is asked.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from slides import slides
from visitor import ROOT, Visitor, part, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
DRAWN = ".stPlotlyChart canvas, .stVegaLiteChart canvas, section.panel, table"


def carry(source: socket.socket, target: socket.socket) -> None:
    """Until one of them ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def secure(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same server by https, as behind a proxy that ends TLS."""
    folder, where = tmp_path_factory.mktemp("tls"), urlsplit(server)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Passed(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # a browser that does not like the certificate, or has gone
                peer = context.wrap_socket(self.request, server_side=True)
                with socket.create_connection((where.hostname, where.port)) as app:
                    back = threading.Thread(target=carry, args=(app, peer), daemon=True)
                    back.start()
                    carry(peer, app)
                    back.join()

    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close, request_queue_size = True, False, 100

    with Proxy(("127.0.0.1", 0), Passed) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


def look_inside(visitor: Visitor, slug: str) -> None:
    visitor.open(slug)
    visitor.step()
    visitor.key("tab").get_by_text("Inside", exact=True).click()
    visitor.page.locator(DRAWN).last.wait_for()


def test_home_and_labs_with_figures_of_every_kind_keep_the_policy(browser: Browser, secure: str) -> None:
    """By https too; the journeys open what is inside of every lab, under the same policy."""
    with visit(browser, secure, ignore_https_errors=True) as visitor:
        with part("gallery"):
            visitor.page.goto(f"{secure}/")
            pictures = visitor.page.locator("img.picture")
            pictures.last.wait_for()
            visitor.until(lambda: pictures.evaluate_all("(all) => all.every((one) => one.naturalWidth)"), "pictures")
        for slug in ("cnn_filters", "neural_network"):  # charts, pictures, tables, texts; formulas
            with part(slug):
                look_inside(visitor, slug)
                assert visitor.problems == []
        visitor.key("tab").get_by_text("Source", exact=True).click()
        visitor.page.locator("pre").last.wait_for()


def test_nobody_is_told_who_was_here() -> None:
    """Whoever visits in these tests notices if anybody else is asked; and Streamlit reports nothing."""
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["browser"]["gatherUsageStats"] is False


def test_what_is_taken_home_brought_and_copied_works_under_the_policy(
    browser: Browser, secure: str, tmp_path: Path
) -> None:
    wishes = {"ignore_https_errors": True, "permissions": ["clipboard-read", "clipboard-write"]}
    with visit(browser, secure, **wishes) as visitor:
        visitor.open("neural_network")
        visitor.key("data").get_by_role("combobox").click()
        visitor.page.get_by_role("option", name="CSV", exact=True).click()
        table = {"name": "=1+1.csv", "mimeType": "text/csv", "buffer": b"x,y,c\n" + b"1,2,a\n3,4,b\n2,1,a\n4,3,b\n" * 3}
        visitor.page.locator("input[type=file]").set_input_files(table)
        visitor.page.get_by_text("Read as:").wait_for()
        visitor.play_to(3)
        link = visitor.share()
        for label in ("Python, to the digit", "Notebook", "Metrics", "Weights", "Settings"):
            assert visitor.download(label, tmp_path / label).stat().st_size
        popover = visitor.page.get_by_test_id("stPopoverBody")
        popover.get_by_test_id("stCode").first.hover()
        popover.get_by_role("button", name="Copy to clipboard").first.click()
        visitor.until(lambda: visitor.page.evaluate("navigator.clipboard.readText()") == link, "the link to be copied")
        visitor.page.keyboard.press("Escape")
        curves = visitor.page.locator("section.panel.curves").first
        for name in ("Save this picture", "Save these numbers as CSV"):
            curves.hover()  # with the pointer come the tools
            with visitor.page.expect_download() as coming:
                curves.get_by_role("button", name=name).click()
            coming.value.save_as(tmp_path / name)
        with visitor.page.context.expect_page() as opened:
            visitor.share()
            popover.get_by_role("link", name="Watch it live").click()
        watch = Visitor(opened.value, secure)
        watch.page.locator(".stage canvas").first.wait_for()
        assert watch.problems == []


def test_a_lab_on_a_slide_keeps_the_policy_while_it_plays(browser: Browser, secure: str) -> None:
    frame = f'<iframe src="{secure}/embed/gan" width="900" height="700" title="A lab"></iframe>'
    with slides(frame) as there, visit(browser, secure, ignore_https_errors=True) as visitor:
        visitor.page.goto(there)
        frame = visitor.page.frame_locator("iframe")
        frame.get_by_role("button", name="Play", exact=True).click()
        expect(frame.locator(".panel canvas").first).to_be_visible()
        frame.get_by_role("button", name="Pause", exact=True).click()
        own = [f"asked elsewhere: {there}", f"asked elsewhere: {there}favicon.ico"]
        visitor.problems = [problem for problem in visitor.problems if problem not in own]


@pytest.mark.parametrize("path", ["/", "/gan", "/watch/AAAAAAAAAAAA"])
def test_no_other_page_stands_in_a_frame_of_another_site(browser: Browser, secure: str, path: str) -> None:
    with slides(f'<iframe src="{secure}{path}" width="800" height="500" title="A lab"></iframe>') as there:
        page = browser.new_page(ignore_https_errors=True)
        with page.expect_console_message(lambda said: "frame-ancestors 'self'" in said.text) as said:
            page.goto(there)
        assert "blocked" in said.value.text
        page.close()


SMUGGLED = {  # what is refused as such
    "script-src-elem": "add('script', { textContent: 'ran = 1' })",
    "script-src-attr": "add('button').setAttribute('onclick', 'ran = 1')",
    "img-src": "new Image().src = 'http://evil.test/seen.png'",
    "connect-src": "fetch('http://evil.test/').catch(() => 0)",
    "frame-src": "add('iframe', { src: 'http://evil.test/' })",
    "form-action": "add('form', { action: 'http://evil.test/', method: 'post' }).submit()",
}
ADD = "const add = (name, what) => document.body.appendChild(Object.assign(document.createElement(name), what))"


@pytest.mark.parametrize("path", ["/", "/watch/AAAAAAAAAAAA", "/embed/gan"])
def test_what_is_smuggled_into_a_page_neither_runs_nor_calls(browser: Browser, secure: str, path: str) -> None:
    """And whoever visits in these tests notices."""
    with visit(browser, secure, ignore_https_errors=True) as visitor:
        visitor.page.goto(secure + path)
        visitor.page.locator("h1").first.wait_for()
        visitor.problems.clear()
        for script in SMUGGLED.values():
            visitor.page.evaluate(f"() => {{ {ADD}; {script} }}")
        for directive in SMUGGLED:
            sign = f" as {directive}:"
            visitor.until(lambda sign=sign: any(sign in said for said in visitor.problems), f"a refusal{sign}")
        assert visitor.page.evaluate("typeof ran") == "undefined"
        visitor.problems.clear()
