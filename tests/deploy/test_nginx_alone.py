"""What nginx itself does with the example, before servers that only say what they were asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from nginx import ask, certificate, nginx

BROWSERS = [f"browser-number-{number}" for number in range(40)]


class Says(BaseHTTPRequestHandler):
    """Answers with what it was asked, and who it is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"who": self.server.server_port, "path": self.path, "headers": asked}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815, the names are those of the standard library

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def saying() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with certificate(tmp_path_factory.mktemp("certificate")) as file:
        yield file


def told(address: str, path: str = "/", **how: Any) -> dict[str, Any]:
    status, _, body = ask(address, path, **how)
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def test_what_the_playground_is_told_of_who_asks(made: Path) -> None:
    with saying() as one, nginx(made, one) as address:
        claimed = told(address, "/gan?seed=3", X_Forwarded_For="203.0.113.7", X_Forwarded_Proto="http")
        assert claimed["path"] == "/course/gan?seed=3"  # the prefix is left on
        said = claimed["headers"]
        assert f"https://{said['host']}/course" == address  # with its port, as in an Origin
        assert said["x-forwarded-for"] == "127.0.0.1" and said["x-forwarded-proto"] == "https"
        assert said["connection"] == "close"
        other = told(address, "/gan", Connection="Upgrade", Upgrade="h2c")["headers"]
        assert other["connection"] == "close"  # only a WebSocket is an upgrade


def test_a_browser_stays_with_one_process_and_comes_to_the_other_if_that_has_gone(made: Path) -> None:
    def who(address: str, browser: str, path: str = "/gan") -> int:
        found: int = told(address, path, Cookie=f"playground={browser}; other=1")["who"]
        return found

    with saying() as one, contextlib.ExitStack() as stack:
        two = stack.enter_context(saying())
        with nginx(made, one, two) as address:
            first = {browser: who(address, browser) for browser in BROWSERS}
            assert min(Counter(first.values()).values()) >= len(BROWSERS) // 5 and len(set(first.values())) == 2
            for path in ("/", "/media/x.png", "/_stcore/stream", "/live/abc", "/_stcore/upload_file/a/b"):
                assert {browser: who(address, browser, path) for browser in BROWSERS} == first, path
            without = {told(address, path, User_Agent="one")["who"] for path in ("/embed/gan", "/live/x") * 5}
            assert len(without) == 1  # a slide on another site brings no cookie
            assert len({told(address, User_Agent=f"agent {number}")["who"] for number in range(20)}) == 2
            stack.close()  # two has gone
            staying = int(one.rpartition(":")[2])
            assert {who(address, browser) for browser in BROWSERS} == {staying}


@pytest.mark.parametrize("path", [
    "/metrics", "/metrics/", "/_stcore/metrics", "//metrics", "/./metrics", "/gan/../metrics", "/%6detrics",
    "/metrics?x=1", "/_stcore/../metrics", "/_stcore//metrics",
])  # fmt: skip
def test_metrics_are_not_passed_on(made: Path, path: str) -> None:
    with saying() as one, nginx(made, one) as address:
        status, _, body = ask(address, path)
        assert status == 404 and b"who" not in body


def test_nothing_but_the_prefix_is_passed_on(made: Path) -> None:
    with saying() as one, nginx(made, one) as address:
        root = address.removesuffix("/course")
        assert ask(root, "/metrics")[0] == ask(root, "/assets/live.js")[0] == ask(root, "/courses/gan")[0] == 404
        for path, there in (("/", "/course/"), ("/course", "/course/"), ("/course?seed=3", "/course/?seed=3")):
            status, headers, _ = ask(root, path)
            assert status in (301, 302, 308) and headers["location"] == there, path


def test_what_is_too_large_is_refused_and_what_is_not_comes_whole(made: Path) -> None:
    with saying() as one, nginx(made, one) as address:
        upload = "/_stcore/upload_file/session/file"
        assert told(address, upload, method="PUT", body=b"x" * 26_000_000)["headers"]["content-length"] == "26000000"
        assert ask(address, upload, method="PUT", body=b"x" * 30_000_000)[0] == 413
        assert told(address, "/runs", method="POST", body=b"x" * 60_000)
        assert ask(address, "/runs", method="POST", body=b"x" * 70_000)[0] == 413
        long = f"/gan?did={'x' * 60_000}"
        assert told(address, long)["path"] == f"/course{long}"


def test_it_can_be_served_at_the_root(made: Path) -> None:
    with saying() as one, nginx(made, one, base="") as address:
        assert told(address, "/gan")["path"] == "/gan" and told(address)["path"] == "/"
        assert ask(address, "/metrics")[0] == ask(address, "/_stcore/metrics")[0] == 404
        assert told(address, "/_stcore/upload_file/a/b", method="PUT", body=b"x" * 2_000_000)
