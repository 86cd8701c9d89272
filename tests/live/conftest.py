"""The lab that misbehaves on request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pools import misbehaving


@pytest.fixture(autouse=True, scope="module")
def faulty() -> Iterator[type]:
    """The Config of the lab that misbehaves on request, here and in worker processes."""
    with misbehaving() as config:
        yield config
