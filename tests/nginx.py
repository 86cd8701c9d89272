"""nginx as `deploy/nginx` sets it up, in front of servers of one's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from visitor import PATIENCE, ROOT, wait_until

EXAMPLE = ROOT / "deploy" / "nginx"
BASE = "course"  # the prefix that the example has
LINE = "    server 127.0.0.1:8501 max_fails=3 fail_timeout=5s;\n"  # a process of the playground
HOME = "    # Not where it is served at the root.\n    location = / {\n        return 302 /course/;\n    }\n"


@contextlib.contextmanager
def certificate(folder: Path) -> Iterator[Path]:
    """A certificate for 127.0.0.1, signed by itself; its key lies beside it as `key.pem`.

    Whatever asks by https in this process believes it meanwhile, and none but it.
    """
    made = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
         "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made))
        yield made


def ask(
    address: str, path: str = "", *, method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[int, Message, bytes]:
    """Status, headers and body of one answer; nothing is followed, and `path` is sent as it stands."""
    where = urlsplit(address)
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    with contextlib.closing(kind(where.netloc, timeout=PATIENCE)) as connection:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, where.path + path, body or None, said)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@contextlib.contextmanager
def nginx(made: Path, *servers: str, base: str = BASE) -> Iterator[str]:
    """The address of nginx before `servers`, by https; `made` is its certificate.

    The example is changed in nothing but ports, files and the list of servers, and without a `base` as it says itself.
    """
    command = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        pytest.fail("There is no nginx: install the package of that name, or run `make nginx`.")
    port, plain = _free_ports(2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # started by root, it works as somebody else
        (folder / "conf.d").mkdir()
        (folder / "nginx.conf").write_text(_changed("nginx.conf", {"/tmp/": f"{folder}/"}), encoding="utf-8")
        lines = [LINE.replace("127.0.0.1:8501", urlsplit(each).netloc) for each in servers]
        site = _changed("playground.conf", {
            "listen 80;": f"listen 127.0.0.1:{plain};", "listen [::]:80;": "",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "listen [::]:443 ssl http2;": "",
            "/etc/letsencrypt/live/play.example/fullchain.pem": str(made),
            "/etc/letsencrypt/live/play.example/privkey.pem": str(made.parent / "key.pem"),
            "https://$host$": f"https://$host:{port}$",
            LINE: "".join(lines), **({} if base else {HOME: "", "/course": ""}),
        })  # fmt: skip
        (folder / "conf.d" / "playground.conf").write_text(site, encoding="utf-8")
        log = folder / "log.txt"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [command, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr", "-g", "daemon off;"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

        def listens() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            with socket.socket() as asking:
                return asking.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_until(listens, "nginx to listen")
            yield f"https://127.0.0.1:{port}/{base}".rstrip("/")
        finally:
            process.terminate()
            process.wait()


def _changed(name: str, changes: dict[str, str]) -> str:
    text = (EXAMPLE / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    return text


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
