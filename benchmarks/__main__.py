"""`python -m benchmarks [--only PART] [--labs SLUG,SLUG] [--quick]` writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks import report
from benchmarks.report import Topic
from engine.contract import console, whole_file
from ui import shell

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def main() -> None:
    console.speak_utf8()
    known = [entry.slug for entry in shell.labs()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write docs/benchmarks.md.")
    parser.add_argument(
        "--only", choices=("engine", "class", "cluster", "browser"), help="one part of it; the others are kept"
    )
    parser.add_argument("--labs", default=",".join(known), help="slugs, separated by commas (default: all)")
    parser.add_argument("--quick", action="store_true", help="shorter and rougher, to see that it works")
    parser.add_argument("--output", type=Path, default=PAGE, help="where the page is written")
    args = parser.parse_args()
    labs = args.labs.split(",")
    unknown = set(labs) - set(known)
    if unknown:
        parser.error(f"there is no lab {', '.join(sorted(unknown))}; the labs are {', '.join(known)}")

    load, began = os.getloadavg()[0], time.monotonic()
    topics: list[Topic] = []
    chromium = ""
    if args.only in (None, "engine"):
        from benchmarks import engine as bench

        topics += bench.measure(labs, quick=args.quick)
    if args.only in (None, "class"):
        from benchmarks import class_load

        topics += class_load.measure(labs, quick=args.quick)
    if args.only in (None, "cluster"):
        from benchmarks import cluster

        topics += cluster.measure(labs, quick=args.quick)
    if args.only in (None, "browser"):
        from benchmarks import browser

        chromium, seen = browser.measure(labs, quick=args.quick)
        topics += seen
    command = " ".join(["python -m benchmarks", *sys.argv[1:]])
    minutes = (time.monotonic() - began) / 60
    before = args.output.read_text(encoding="utf-8") if args.only and args.output.exists() else ""
    text = report.page(report.machine(chromium, load=load), topics, command=command, minutes=minutes, before=before)
    whole_file.write(args.output, text.encode())
    print(f"\n{text}\nWritten to {args.output} after {minutes:.1f} minutes.")


if __name__ == "__main__":
    main()
