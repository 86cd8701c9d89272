"""A run as recorded moments: which, what they show, and whose place the recording takes."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pools import SMALL, pool_of, until
from scene_format import decode

import engine
from engine.live.recording import GROUP, Recorder
from engine.runs import moments
from engine.runs.limits import Limits
from engine.runs.pool import Pool, PoolError
from engine.runs.run import Run
from engine.runs.timeline import Timeline

OWNER = "a-browser-with-a-name"


@pytest.fixture
def pool() -> Iterator[Pool]:
    with pool_of("inline") as pool:
        yield pool


def trained(pool: Pool, slug: str, steps: int, **knobs: Any) -> Run:
    run = pool.open(slug, engine.lab(slug).Config(**knobs), OWNER)
    run.play(steps)
    until(run, lambda look: look.status != "running")
    return run


def recorded(pool: Pool, run: Run, most: int = 240) -> Recorder:
    recorder = Recorder(pool, run.id, OWNER, most=most)
    while not recorder.done:
        recorder.advance()
    recorder.close()
    return recorder


def pictures(recorder: Recorder, part: str) -> dict[int, tuple[dict[str, Any], list[np.ndarray]]]:
    """Header and arrays of a part by step, put together as a browser would."""
    key: list[np.ndarray] = []
    found = {}
    for n, shot in enumerate(recorder.shots):
        header, arrays = decode(zlib.decompress(shot.parts[part]), key if n % GROUP else ())
        key = key if n % GROUP else arrays
        assert header["base"] == (n // GROUP * GROUP if n % GROUP else None)
        found[shot.step] = header, arrays
    return found


def test_each_moment_is_what_was_seen_when_the_run_came_there(pool: Pool) -> None:
    run = trained(pool, "gradient_descent", 12, seed=4)
    recorder = recorded(pool, run)
    assert [shot.step for shot in recorder.shots] == list(range(13)) and recorder.last_step == 12
    seen = pictures(recorder, "stage")
    again = pool.open("gradient_descent", engine.lab("gradient_descent").Config(seed=4), OWNER)
    for step in range(13):
        look = until(again, lambda look: look.status == "paused")
        assert look.stage is not None
        header, arrays = decode(look.stage)
        told, recovered = seen[step]
        assert told["rows"] == json.loads(json.dumps(header["rows"])) and told["height"] == header["height"]
        assert [each.tobytes() for each in recovered] == [each.tobytes() for each in arrays]
        again.step()
    assert all(shot.say for shot in recorder.shots) and set(recorder.shots[0].parts) == {"stage", "curves"}


def test_what_was_done_by_hand_is_recorded_where_it_was_done(pool: Pool) -> None:
    run = trained(pool, "gradient_descent", 10)
    run.update({"lr_adam": 0.01})
    run.step(10)
    until(run, lambda look: look.status != "running")
    recorder = recorded(pool, run, most=8)
    assert {0, 10, 20} <= {shot.step for shot in recorder.shots} and len(recorder.shots) <= 9
    assert recorder.marks == [(10, "learning rate of Adam 0.01")]
    assert run.peek().step == 20, "the run itself notices nothing"


def test_a_recording_has_a_place_of_its_own_and_gives_it_back(pool: Pool) -> None:
    run = trained(pool, "gradient_descent", 30)
    before = pool.stats()["runs"]
    recorder = Recorder(pool, run.id, OWNER)
    for _ in range(20):
        recorder.advance()
    assert pool.stats()["runs"] == before + 1 and 0 < len(recorder.shots) < 31
    recorder.close()
    assert pool.stats()["runs"] == before and pool.find(recorder.copy.id) is None
    with pytest.raises(PoolError):
        recorder.advance()


def test_where_every_place_is_taken_a_recording_waits_for_one() -> None:
    with pool_of("inline", dataclasses.replace(SMALL, workers=1, runs_per_worker=2)) as pool:
        run, other = trained(pool, "gradient_descent", 3), trained(pool, "gradient_descent", 1)
        recorder = Recorder(pool, run.id, OWNER)
        assert not recorder.advance() and "You are number 1 in the queue" in recorder.said and not recorder.done
        other.close()
        while not recorder.done:
            recorder.advance()
        assert len(recorder.shots) == 4
        recorder.close()


def test_only_who_has_the_key_takes_a_run_to_another_moment(pool: Pool) -> None:
    run = trained(pool, "gradient_descent", 5)
    with pytest.raises(PoolError, match="Only the browser"):
        pool.call("moment", run.id, 2)
    assert run.peek().step == 5


def test_a_lab_that_fails_ends_its_recording_with_a_sentence(pool: Pool) -> None:
    recorder = Recorder(pool, trained(pool, "faulty", 3, fault="frame").id, OWNER)
    with pytest.raises(PoolError, match="nothing to see"):
        for _ in range(20):
            recorder.advance()


def test_moments_are_denser_where_a_metric_moves() -> None:
    steps = np.arange(1, 1001)
    falls = np.where(steps < 200, np.exp(-steps / 40), np.exp(-5.0))
    found = np.array(moments.spread({"loss": (steps, falls)}, 1000, 100))
    assert found[0] == 0 and found[-1] == 1000 and (np.diff(found) > 0).all() and 90 <= len(found) <= 100
    early = (found < 200).sum()
    assert early > 2 * (found > 200).sum() / 2, "half of them go where it falls, beside their share of the rest"
    still = np.array(moments.spread({"loss": (steps, np.ones(1000))}, 1000, 100))
    assert np.ptp(np.diff(still)) <= 1, "where nothing moves they are even"


def test_a_moment_near_a_checkpoint_is_taken_there() -> None:
    assert moments.near([0, 100, 200, 300], [0, 149, 160, 240, 1000]) == [0, 149, 160, 300]


def test_of_a_recording_that_is_too_large_every_part_of_the_run_is_kept(pool: Pool) -> None:
    recorder = recorded(pool, trained(pool, "gradient_descent", 40))
    sizes, first = [shot.size for shot in recorder.shots], {0, 12, 24, 36}
    assert recorder.fitting(sum(sizes)) == list(range(41))
    most = (sum(sizes) + sum(sizes[k] for k in first)) // 2  # half of what builds on others
    kept = recorder.fitting(most)
    assert sum(sizes[k] for k in kept) <= most and {*first, 40} <= set(kept) and 20 <= len(kept) < 41
    assert np.diff(kept).max() <= 4, "no part of the run is left out"


def test_a_seek_onwards_goes_on_from_where_it_is() -> None:
    timeline = Timeline("gradient_descent", engine.lab("gradient_descent").Config(noise=0.5), "cpu", Limits())
    timeline.status = "running"
    timeline.to_do = 40
    timeline.advance(np.inf, lambda: False)
    timeline.checkpoints = timeline.checkpoints[:1]
    timeline.seek(30)
    timeline.arrive()
    straight = timeline.look(None).stage
    timeline.seek(10)
    timeline.arrive()
    timeline.seek(30)
    assert timeline.experiment.step_count == 10, "nothing is repeated that need not be"
    timeline.arrive()
    assert timeline.look(None).stage == straight
