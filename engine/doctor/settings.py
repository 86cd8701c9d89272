"""The environment: variables that nobody reads, and values that cannot be used."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine import runs
from engine.doctor.finding import OK, WRONG, Finding
from engine.runs import logs, token
from engine.runs.limits import Limits

PREFIX = "PLAYGROUND_"
OTHERS = (
    "PLAYGROUND_DATA",
    "PLAYGROUND_GPU_SHARE",
    "PLAYGROUND_LABS",
    "PLAYGROUND_POOL",
    logs.VARIABLE,
    token.VARIABLE,
)
KNOWN = {*(f"{PREFIX}{field.name.upper()}" for field in dataclasses.fields(Limits)), *OTHERS}


def examine(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    given = sorted(name for name in environment if name.upper().startswith(PREFIX))
    found = [*_misspelt(given), *_values(environment)]
    if not found:
        said = f"{', '.join(given)}: each is known, and its value can be used." if given else "Nothing is set."
        found = [Finding("environment", OK, said)]
    yield from found


def limits(environment: Mapping[str, str] = os.environ) -> Limits:
    """The limits that hold; those that do without what cannot be read."""
    try:
        return Limits.from_environment(environment)
    except ValueError:
        return Limits()


def _misspelt(given: list[str]) -> Iterator[Finding]:
    for name in given:
        if name in KNOWN:
            continue
        rest = [known.removeprefix(PREFIX) for known in KNOWN]  # the prefix alone makes any two of them alike
        close = difflib.get_close_matches(name.upper().removeprefix(PREFIX), rest, n=1)
        advice = f"Did you mean {PREFIX}{close[0]}?" if close else "Remove it; docs/hosting.md lists all."
        yield Finding("environment", WRONG, f"Nobody reads {name}.", advice)


def _values(environment: Mapping[str, str]) -> Iterator[Finding]:
    for read in (Limits.from_environment, logs.form, token.token, runs.wanted):
        try:
            read(environment)
        except ValueError as error:
            yield Finding("environment", WRONG, str(error), "The server does not start with it.")
    for folder in environment.get("PLAYGROUND_LABS", "").split(os.pathsep):
        if folder and not Path(folder).is_dir():
            yield Finding("environment", WRONG, f"PLAYGROUND_LABS names {folder}, which is no folder.", "Correct it.")
