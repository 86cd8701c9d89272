"""`python -m engine`: see `engine.commands`."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["doctor"]:  # with nothing but the standard library: it is to say what is missing
        from engine.doctor.command import main as doctor

        return doctor(given[1:])
    from engine.commands import main as others

    return others(given)


if __name__ == "__main__":
    sys.exit(main())
