"""The lab that misbehaves on request, for those tests that steer a run without a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pools import misbehaving


@pytest.fixture(scope="module")
def faulty() -> Iterator[type]:
    with misbehaving() as config:
        yield config
