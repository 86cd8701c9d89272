"""What visitors bring cannot always be used: the error that says so, on whichever side of a worker it is read."""

from __future__ import annotations


class ReadError(ValueError):
    """What somebody brought cannot be read; ``str(error)`` is a sentence or two for them."""
