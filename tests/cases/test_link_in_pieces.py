"""Over a network a long link comes in pieces, and uvicorn gave up after 16 kB.  On one machine it read it whole."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

import pytest

from engine.runs import story

PIECE = 1_448  # bytes, as over Ethernet


@pytest.mark.parametrize("length", [1_000, 20_000, story.LONGEST])
def test_a_link_is_read_however_it_comes(server: str, length: int) -> None:
    start = "/neural_network?points="
    where, path = urlsplit(server), start + "1" * (length - len(server) - len(start))
    asked = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode()
    assert where.hostname and where.port
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin in range(0, len(asked), PIECE):
            connection.sendall(asked[begin : begin + PIECE])
            time.sleep(0.002)  # each a piece of its own
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
