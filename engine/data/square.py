"""The square of the plane in which points live, how many are taken, and the error that says what is not."""

from __future__ import annotations

LIMIT = 6.0  # the plane is the square [-LIMIT, LIMIT]^2
MAX_POINTS = 500  # drawn or uploaded
MAX_CLASSES = 3


class DataError(ValueError):
    """Data that cannot be used; ``str(error)`` is a sentence for the visitor: what is wrong, and what is accepted."""
