"""Guests come and go for a minute, a worker is killed halfway, and nothing is left: ten minutes are `make soak`."""

from __future__ import annotations

import pytest

from benchmarks.soak import soak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


def test_a_minute_of_guests_and_a_worker_that_dies_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No process, file, thread or object more than before, no run lost, no error in the log."""
    found = soak(1.0, guests=8, seed=16)
    with capsys.disabled():
        print(f" [{found.tally.visits} visits, {found.tally.acts.total()} acts] ", end="")
    assert found.faults == []
    assert found.kills == 1 and found.tally.visits >= 8
