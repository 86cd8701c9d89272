"""A page of somebody else's, on another site than the playground."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def slides(body: str) -> Iterator[str]:
    """The address of a page with `body`."""

    class Slides(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f"<!doctype html><html lang=en><title>Slides</title><body>{body}</body>".encode()
            self.send_response(200 if self.path == "/" else 204)  # a browser asks for an icon
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            if self.path == "/":
                self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slides) as here:
        thread = threading.Thread(target=here.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{here.server_port}/"
        finally:
            here.shutdown()
            thread.join()
