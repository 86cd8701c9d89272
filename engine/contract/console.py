"""What a command prints: UTF-8 wherever it goes, and an end without a traceback if it cannot go there."""

from __future__ import annotations

import io
import os
import sys


def speak_utf8() -> None:
    """Let both standard streams write UTF-8, also into a file or a pipe on a system whose own encoding is another.

    What is no text at all, half a surrogate pair for one, is written with a backslash.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # something else may stand in its place in a notebook
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def give_up_output() -> None:
    """Send what is still to be printed nowhere: Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
