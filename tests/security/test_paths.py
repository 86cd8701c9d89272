"""Paths that lead elsewhere, and links that are too much: on a real server, past any client that would mend them."""

from __future__ import annotations

import itertools
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from visitor import ROOT, visit

from engine.contract import registry

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # with a browser: there the server is running already
PLACES = ("/", "/assets/", "/embed/", "/watch/", "/teach/", "/fetching/", "/live/", "/runs/", "/media/", "/component/",
          "/static/", "/_stcore/bidi-components/", "/app/static/", "/gan/", "//", "///")  # fmt: skip
TRICKS = (
    "../app.py", "..%2fapp.py", "%2e%2e/app.py", "%2e%2e%2fapp.py", "..%5capp.py", "..\\app.py", "....//app.py",
    "%252e%252e%252fapp.py", "..;/app.py", "%c0%ae%c0%ae/app.py", ".%00./app.py", "app.py", "scene/../../app.py",
    "../../../../../../etc/passwd", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "~root",
    "C:/Windows/win.ini", "C%3a%5cWindows%5cwin.ini", "\\\\evil.example\\share", "%00", "scene.js%00", "gan%00.js",
    "../.streamlit/config.toml", ".streamlit/config.toml", "../.git/config", "../engine/labs/gan/card.toml",
    "evil.example/%2e%2e", "evil.example/..", "%0d%0aset-cookie:a=b", "a" * 9_000, "%", "%zz", "\u202e", "*", "?x", "#",
)  # fmt: skip
OURS = (
    "The playground as one ASGI app",
    "root:x:",
    "gatherUsageStats",
    "[core]",
    'question = "',
)  # what stands in files


def asked(server: str, path: str) -> str:
    """The whole answer to a GET of exactly this path."""
    where = urlsplit(server)
    assert where.hostname and where.port
    with socket.create_connection((where.hostname, where.port), timeout=30) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: peer.recv(65_536), b"")).decode("utf-8", "replace")


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_out_of_what_is_served(server: str, server_log: Path, place: str) -> None:
    said = len(server_log.read_bytes())
    for trick in TRICKS:
        answer = asked(server, place + trick)
        head, _, body = answer.partition("\r\n\r\n")
        status = int(head.split()[1])
        assert status < 500, (place + trick, head)
        assert not any(words in body for words in OURS), place + trick
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() != "location" or urlsplit(value).netloc in ("", urlsplit(server).netloc), line
            assert (name.lower(), value[:2]) != ("set-cookie", "a=")
    assert server_log.read_bytes()[said:].count(b"Traceback") == 0


@pytest.mark.parametrize("slug", ["..", ".", "", "/", "../labs/gan", "gan/..", "gan\0", "C:\\gan", "\\\\evil\\gan",
                                  "gan.py", "gan/view", "gan ", "__init__.py", "*", "a" * 300])  # fmt: skip
def test_a_name_that_is_a_path_is_no_lab(slug: str) -> None:
    for look in (registry.folder, registry.card, registry.lab):
        with pytest.raises(KeyError):
            look(slug)


def test_a_link_in_the_assets_leads_nowhere(server: str, tmp_path: Path) -> None:
    """Somebody has laid it there: what it points to is not served."""
    link = ROOT / "assets" / f"link-{tmp_path.name}.txt"
    link.symlink_to(ROOT / "app.py")
    try:
        assert asked(server, f"/assets/{link.name}").split()[1] == "404"
    finally:
        link.unlink()


NAMES = [
    "".join(letters) for letters in itertools.islice(itertools.product("abcdefghij0123456789_-", repeat=3), 10_000)
]


def test_a_link_of_ten_thousand_names_is_answered_in_a_few_sentences(browser: Browser, server: str) -> None:
    query = "&".join(f"{name}=" for name in NAMES)
    assert len(query) < 60_000  # more is refused by the server before we see it
    assert asked(server, f"/embed/gan?{query}").split()[1] == "200"
    assert asked(server, f"/embed/gan?{query}&{query}").split()[1] == "400"
    with visit(browser, server) as visitor:
        visitor.open("gan", seed="3", **dict.fromkeys(NAMES[:900], ""))
        said = visitor.notices()
        assert len(said) == 4 and "897 more are no knobs of this page" in said[-1]
        assert visitor.link == {"run": visitor.link["run"], "seed": "3"}
        visitor.follow(f"{server}/gan?{query}")  # of more than 1,000 Streamlit (1.67) reads none
        assert visitor.notices() == [] and visitor.tracebacks() == 0


def test_what_streamlit_offers_to_programs_and_to_its_own_cloud_is_off(server: str) -> None:
    with urllib.request.urlopen(f"{server}/_stcore/host-config", timeout=20) as answer:
        assert json.load(answer)["allowedOrigins"] == []  # no page around ours steers it by messages
    agent = urllib.request.Request(f"{server}/_stcore/agent/interact", b"{}", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(agent, timeout=20)
    assert refused.value.code == 403
