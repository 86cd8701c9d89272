"""Look at everything, and say it: a line for each finding, or one JSON object."""

from __future__ import annotations

import argparse
import dataclasses
import json
from urllib.parse import urlsplit

from engine.contract import console
from engine.doctor import address, host, installed, settings
from engine.doctor.finding import OK, WRONG, Finding


def main(arguments: list[str]) -> int:
    """Examine this host; the exit status: 1 if something is wrong, 0 if there are warnings at most, 2 for bad usage."""
    console.speak_utf8()
    parser = argparse.ArgumentParser(
        "python -m engine doctor",
        description="Whether this host is healthy, and why not.  Run it as the server is run: as the same user, in the "
        "same container, with the same environment.",
    )
    parser.add_argument(
        "--url", type=_url, help="where visitors find the playground, such as https://play.example/course: asks there "
        "as a browser does, through the proxy; without it this machine is asked at $PORT",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object: healthy, findings")
    given = parser.parse_args(arguments)
    findings: list[Finding] = []
    for examine in (installed.examine, settings.examine, host.examine, lambda: address.examine(given.url)):
        found = list(examine())
        findings += found
        if not given.json:
            _say(found)
    healthy = all(each.level != WRONG for each in findings)
    if given.json:
        print(json.dumps({"healthy": healthy, "findings": [dataclasses.asdict(each) for each in findings]}))
    else:
        several = sum(each.level != OK for each in findings)
        print(f"\n{'This host is healthy.' if healthy else 'This host is not healthy.'} To look at: {several}.")
    return 0 if healthy else 1


def _say(findings: list[Finding]) -> None:
    for each in findings:
        print(f"{each.level:8} {each.about:16} {each.said} {each.advice}".rstrip(), flush=True)


def _url(text: str) -> str:
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none
        usable = False
    if not usable or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"'{text}' is no address such as https://play.example/course")
    return text.rstrip("/")
