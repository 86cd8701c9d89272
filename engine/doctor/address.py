"""The address: whether somebody healthy answers there, and whether a proxy passes on what pages need."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from engine.doctor.finding import OK, WARNING, WRONG, Finding
from engine.live import protocol

PATIENCE = 10.0  # seconds for an answer
ASSET = "assets/palette.json"  # a small file that every page needs
COOKIE = "playground"  # see ui/owner.py


@dataclass(frozen=True)
class Answer:
    """What an address said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def html(self) -> bool:
        return "html" in self.headers.get("content-type", "")


class Unreachable(Exception):
    """Nobody answered, as a sentence says."""


class Closed(Unreachable):
    """Nobody listens there."""


def examine(url: str | None) -> Iterator[Finding]:
    """What is found at `url`, or where this machine's server should be."""
    yield from _cluster(os.environ.get("RAY_ADDRESS", ""))
    if url is None:
        base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
        port = os.environ.get("PORT") or os.environ.get("STREAMLIT_SERVER_PORT") or "8501"
        yield _here(f"http://127.0.0.1:{port}" + (f"/{base}" if base else ""))
        return
    try:
        answer = ask(f"{url}/healthz")
    except Unreachable as error:
        yield Finding("server", WRONG, str(error), "Look whether the server and the proxy run, and at the name.")
        return
    yield _health(url, answer)
    yield _prefix(url)
    yield _cookie(url)
    yield _live(url)
    yield _pages(url)
    yield from _metrics(url)


def _cluster(address: str) -> Iterator[Finding]:
    """The head of a Ray cluster, where there is to be one."""
    name, _, port = address.rpartition(":")
    if not name or not port.isdigit():  # none, or "auto": the one that this machine is in
        return
    try:
        with socket.create_connection((name.rpartition("/")[2].strip("[]"), int(port)), timeout=PATIENCE):
            yield Finding("cluster", OK, f"Somebody listens at {address}, where RAY_ADDRESS says that Ray is.")
    except OSError as error:
        said = f"Ray cannot be reached at {address}: {str(error) or type(error).__name__}."
        yield Finding("cluster", WRONG, said, "Start its head, correct RAY_ADDRESS, or leave that out.")


def ask(url: str, **headers: str) -> Answer:
    """GET `url`, following nothing.  Raises `Unreachable`."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path or "/", headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read(1_000_000))
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"The certificate of {parts.netloc} is not accepted: {error.verify_message}.") from None
    except ssl.SSLError as error:
        raise Unreachable(f"{parts.netloc} does not speak https: {error.reason or error}.") from None
    except TimeoutError:
        raise Unreachable(f"{parts.netloc} has not said a word within {PATIENCE:.0f} seconds.") from None
    except ConnectionRefusedError:
        raise Closed(f"Nobody listens at {parts.netloc}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{parts.netloc} cannot be asked: {str(error) or type(error).__name__}.") from None
    finally:
        connection.close()


def _here(url: str) -> Finding:
    """The server of this machine, which may not have been started yet."""
    try:
        return _health(url, ask(f"{url}/healthz"))
    except Closed as error:
        return Finding("server", OK, f"{error} The server has not been started, and the port is free.")
    except Unreachable as error:
        return Finding("server", WRONG, str(error), "It may be starting; else look into its log, and start it again.")


def _health(url: str, answer: Answer) -> Finding:
    """What `/healthz` says."""
    try:
        told = json.loads(answer.body)
        healthy, message = told["healthy"], str(told.get("message", ""))
    except (ValueError, KeyError, TypeError):
        said = f"Something answers at {url}/healthz with {answer.status}, but it is not the playground."
        if answer.status in (502, 503, 504):
            said = f"A proxy answers at {url} with {answer.status}: it does not reach the playground."
        advice = "Look at the prefix: STREAMLIT_SERVER_BASE_URL_PATH, and what the proxy passes on, and at the port."
        return Finding("server", WRONG, said, advice)
    if healthy:
        return Finding("server", OK, f"The playground answers at {url}, and a worker is at work.")
    return Finding("server", WRONG, f"The playground answers at {url}, but it is not well: {message}", "See its log.")


def _prefix(url: str) -> Finding:
    """Whether what pages are made of is found below the address."""
    try:
        page, asset = ask(f"{url}/", accept="text/html"), ask(f"{url}/{ASSET}")
    except Unreachable as error:
        return Finding("pages", WRONG, str(error))
    if page.status == 200 and page.html and asset.status == 200 and not asset.html:
        return Finding("pages", OK, f"The page at {url}/ and its files are there.")
    said = f"{url}/ answers {page.status}, and its file {ASSET} {asset.status}"
    said += " with a page in its place." if asset.html else "."
    prefix = urlsplit(url).path
    advice = f"Set STREAMLIT_SERVER_BASE_URL_PATH={prefix.strip('/')}, and let the proxy leave {prefix} on." if prefix \
        else "Let the proxy pass on every path as it comes."  # fmt: skip
    return Finding("pages", WRONG, said, advice)


def _cookie(url: str) -> Finding:
    """The cookie that says whose a run is."""
    parts = urlsplit(url)
    try:
        page = ask(f"{url}/", accept="text/html")
        cookies = SimpleCookie()
        for each in page.headers.get_all("set-cookie") or []:
            cookies.load(each)
    except (Unreachable, CookieError) as error:
        return Finding("cookie", WRONG, str(error))
    if COOKIE not in cookies:
        said = "No cookie comes with the page: after a reload visitors do not find their runs."
        return Finding("cookie", WRONG, said, "Let the proxy pass on Set-Cookie, and cache no pages.")
    cookie = cookies[COOKIE]
    path = cookie["path"] or "/"
    if not f"{parts.path}/".startswith(path if path.endswith("/") else f"{path}/"):
        said = f"The cookie is for {path}, and the page is at {parts.path or '/'}: it never comes back."
        return Finding("cookie", WRONG, said, "Let the proxy leave the prefix on, or rewrite the path of cookies.")
    if parts.scheme == "https" and not cookie["secure"]:
        said = "The cookie comes by https without Secure: a browser would say it by http too."
        return Finding("cookie", WARNING, said, "Let the proxy send X-Forwarded-Proto: https.")
    return Finding("cookie", OK, f"The cookie that says whose a run is comes with the page, for {path}.")


def _live(url: str) -> Finding:
    """A socket of a run, from a page at this address.  There is no such run, which the server says on the socket."""
    code, said = _socket(url, f"live/{secrets.token_urlsafe(12)}")
    if code == protocol.UNKNOWN:
        return Finding("sockets of runs", OK, "A socket comes through, and its Origin is accepted.")
    if code == protocol.ORIGIN:
        advice = "Let the proxy pass on Host as it comes, or name the address in STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS."
        return Finding("sockets of runs", WRONG, f"The server takes a page at {url} for somebody else's.", advice)
    advice = "Let the proxy pass on Upgrade and Connection with HTTP/1.1, and close no socket early."
    return Finding("sockets of runs", WRONG, f"No socket comes through: {said}", advice)


def _pages(url: str) -> Finding:
    """The socket of a page itself, which is Streamlit's."""
    code, said = _socket(url, "_stcore/stream", subprotocols=["streamlit"], wait=False)
    if code == 0:
        return Finding("sockets of pages", OK, "A page's own socket comes through.")
    advice = (
        "Let the proxy pass on Upgrade, Connection and Host for this path too; STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS."
    )
    return Finding("sockets of pages", WRONG, f"No page comes to life: {said}", advice)


def _socket(url: str, path: str, *, subprotocols: Sequence[str] = (), wait: bool = True) -> tuple[int, str]:
    """The code with which a socket is closed, 0 if we close it, -1 if there is none; and why, as a sentence."""
    try:
        from websockets.exceptions import ConnectionClosed, InvalidHandshake
        from websockets.sync.client import connect
        from websockets.typing import Origin, Subprotocol
    except ImportError:
        return -1, "the package websockets is not installed here."
    parts = urlsplit(url)
    origin = Origin(f"{parts.scheme}://{parts.netloc}")
    spoken = [Subprotocol(each) for each in subprotocols] or None
    try:
        with connect(
            f"{url.replace('http', 'ws', 1)}/{path}", origin=origin, subprotocols=spoken, open_timeout=PATIENCE,
            compression=None, proxy=None,
        ) as there:  # fmt: skip
            while wait:
                there.recv(timeout=PATIENCE)
            return 0, ""
    except ConnectionClosed as closed:
        return (closed.rcvd.code if closed.rcvd else -1), "it was cut off."
    except InvalidHandshake as error:
        return -1, f"{str(error).rstrip('.')}."
    except TimeoutError:
        return -1, f"there was no word on it within {PATIENCE:.0f} seconds."
    except OSError as error:
        return -1, f"{str(error) or type(error).__name__}."


def _metrics(url: str) -> Iterator[Finding]:
    """Nobody should read the numbers of a server who does not know the token."""
    try:
        ours, streamlits = ask(f"{url}/metrics"), ask(f"{url}/_stcore/metrics")
    except Unreachable:
        return
    if ours.status == 200 and b"playground_" in ours.body:
        yield Finding(
            "metrics", WRONG, f"Everybody can read {url}/metrics.", "The proxy must not say the token for them."
        )
    elif streamlits.status == 200 and not streamlits.html:
        said = f"Everybody can read {url}/_stcore/metrics, which says how much memory Streamlit's caches take."
        yield Finding(
            "metrics",
            WARNING,
            said,
            "This playground keeps it closed: see what else answers there.",
        )
    else:
        yield Finding("metrics", OK, f"{url}/metrics tells nothing to who does not know the token.")
