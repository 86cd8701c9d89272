"""How many runs one browser may have, and the slides together: in every home of benches."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest
from pools import SMALL, at_rest, pool_of, until
from relayed import HELLO, Browser, watching
from sockets import run as finish

from engine.live import protocol
from engine.live.relay import Closed, relay
from engine.runs import quotas
from engine.runs.audience import Watch
from engine.runs.pool import Crowded, Pool, PoolFull
from engine.runs.run import Run

ANNA, BERT = "a" * 22, "b" * 22
Bound = Callable[..., None]


@pytest.fixture
def bound(pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Bound:
    """Sets bounds of the pool."""
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setattr(pool, "_folder", None)
    monkeypatch.setattr(quotas, "GRACE", 60.0)  # a busy machine is no failure
    monkeypatch.setattr(quotas, "UNSEEN", 60.0)
    return lambda **limits: monkeypatch.setattr(pool, "limits", dataclasses.replace(pool.limits, **limits))


def seen(pool: Pool, run: Run, *, visible: bool = True) -> Watch:
    """Somebody who has a run on screen, or in a tab that is not in sight."""
    watch = pool.watch(run.id, lambda payload: None)
    pool.tell(watch, {**HELLO, "may": "steer"})
    if not visible:
        pool.tell(watch, {"type": "seen", "value": False})
    return watch


def later(pool: Pool, *runs: Run, seconds: float) -> None:
    """So many seconds have passed since somebody asked for these, or left them."""
    for run in runs:
        record = pool._records[run.id]
        record.asked, record.left = record.asked - seconds, record.left - seconds


def parked(pool: Pool, run: Run) -> bool:
    return pool._records[run.id].parked


def test_a_browser_has_so_many_runs_and_is_told_what_to_do(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(runs_per_owner=2)
    first, second = (pool.open("faulty", faulty(seed=i), ANNA) for i in range(2))
    with pytest.raises(Crowded, match=r"One browser may have 2 runs .*Close a comparison or another tab") as caught:
        pool.open("faulty", faulty(), ANNA)
    assert str(caught.value).endswith("nothing is lost.") and pool.stats()["runs"] == 2
    bert = pool.open("faulty", faulty(), BERT)  # from the same address, perhaps
    for run in (first, second, bert):
        run.step(3)
        assert until(run, at_rest).step == 3
    second.close()
    assert until(pool.open("faulty", faulty(), ANNA), at_rest).status == "paused"


def test_who_has_no_name_is_bounded_by_what_all_may_have(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(runs_per_owner=1)
    assert len([pool.open("faulty", faulty()) for _ in range(4)]) == 4


def test_comparisons_branches_and_copies_count(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(runs_per_owner=2)
    run = pool.open("faulty", faulty(), ANNA)
    run.step(5)
    until(run, at_rest)
    beside = pool.open("faulty", faulty(), ANNA, beside=run)
    bert = pool.open("faulty", faulty(), BERT)
    for more in (lambda: pool.open("faulty", faulty(), ANNA, beside=run), lambda: run.branch(2, faulty()),
                 lambda: pool.copy(bert.id, ANNA)):  # fmt: skip
        with pytest.raises(Crowded, match="Close a comparison or another tab"):
            more()
    assert [each.id for each in run.group()] == [run.id, beside.id] and until(run, at_rest).step == 5
    assert until(pool.copy(run.id, BERT), at_rest).step == 5  # it is whose copy it is
    beside.close()
    assert until(run.branch(2, faulty()), at_rest).step == 2


def test_what_was_left_makes_room_at_once_and_comes_back(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(runs_per_owner=2)
    left, kept = (pool.open("faulty", faulty(seed=i), ANNA) for i in range(2))
    left.step(7)
    until(left, at_rest)
    left.leave()
    third = pool.open("faulty", faulty(seed=2), ANNA)
    assert parked(pool, left) and not parked(pool, kept) and until(third, at_rest).status == "paused"
    with pytest.raises(Crowded, match="Close a comparison or another tab"):
        left.step(1)
    assert parked(pool, left) and left.report().last_step == 7
    third.leave()
    left.step(1)
    assert until(left, at_rest).step == 8 and parked(pool, third)


def test_tabs_that_are_not_in_sight_make_room_for_one_that_is(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(runs_per_owner=3)
    shown, hidden, opening = (pool.open("faulty", faulty(seed=i), ANNA) for i in range(3))
    watches = [seen(pool, shown), seen(pool, hidden, visible=False)]
    later(pool, shown, hidden, seconds=quotas.UNSEEN + 1)
    for watch, visible in zip(watches, (True, False), strict=True):  # as every page says now and again
        pool.tell(watch, {"type": "seen", "value": visible})
    fourth = pool.open("faulty", faulty(seed=3), ANNA)
    assert [parked(pool, run) for run in (shown, hidden, opening, fourth)] == [False, True, False, False]
    with pytest.raises(Crowded):
        pool.open("faulty", faulty(), ANNA)


def test_one_browser_does_not_fill_the_queue(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(waiting_per_owner=1)
    placed = [pool.open("faulty", faulty(seed=i), BERT) for i in range(4)]
    waits = pool.open("faulty", faulty(seed=8), ANNA)
    assert waits.peek().status == "waiting"
    with pytest.raises(Crowded, match=r"1 runs? of your browser .* queue already.*Close another tab"):
        pool.open("faulty", faulty(), ANNA)
    assert pool.open("faulty", faulty(seed=9), BERT).peek().status == "waiting"
    with pytest.raises(PoolFull, match="The playground is full"):
        pool.open("faulty", faulty(), "c" * 22)
    placed[0].close()
    assert until(waits, at_rest).config.seed == 8


def test_whoever_comes_back_to_one_too_many_is_told_and_comes_back_when_there_is_room(
    pool: Pool, bound: Bound, faulty: type
) -> None:
    bound(runs_per_owner=1)
    away = pool.open("faulty", faulty(seed=3), ANNA)
    away.step(12)
    until(away, at_rest)
    away.leave()
    other = pool.open("faulty", faulty(), ANNA)
    assert parked(pool, away)

    async def work() -> None:
        async with watching(pool, other.id) as (there, _), watching(pool, away.id) as (browser, _):
            there.say({**HELLO, "key": other.key})
            await there.until(lambda m: "may" in m)
            browser.say({**HELLO, "key": away.key})
            told = await browser.until(lambda m: "may" in m)
            assert (told["may"], told["status"], told["last_step"]) == ("steer", "paused", 12)
            assert "Close a comparison or another tab" in told["message"]
            for number in range(2):
                browser.say({"type": "do", "id": f"some-act-{number:03}", "verb": "step", "value": 1})
                told = await browser.until(lambda m, n=number: m.get("did") == f"some-act-{n:03}")
                assert "Close a comparison or another tab" in told["refused"]
            there.say(None)  # the other tab is closed
            deadline = time.monotonic() + 30
            while pool._records[other.id].left > time.monotonic():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            browser.say({"type": "do", "id": "some-act-002", "verb": "step", "value": 1})
            told = await browser.until(lambda m: m.get("did") == "some-act-002")
            assert told["refused"] is None
            await asyncio.to_thread(until, away, lambda look: look.step == 13)

    finish(work())
    assert parked(pool, other) and not parked(pool, away)


# ------------------------------------------------------------------ slides


def slide(pool: Pool, faulty: type) -> Run:
    return pool.open("faulty", faulty(), slide=True)


def test_slides_have_a_share_and_leave_the_rest_to_others(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(slides_share=0.5)
    slides = [slide(pool, faulty) for _ in range(2)]
    with pytest.raises(Crowded, match=r"As many slides .*try again in a minute"):
        slide(pool, faulty)
    others = [pool.open("faulty", faulty(), owner) for owner in (ANNA, BERT)]
    for run in (*slides, *others):
        run.step(2)
        assert until(run, at_rest).step == 2


def test_a_page_that_opens_run_after_run_takes_the_places_of_its_own(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(slides_share=0.5)
    played, opened = slide(pool, faulty), slide(pool, faulty)
    seen(pool, played, visible=False)
    for _ in range(3):
        later(pool, played, opened, seconds=quotas.GRACE + 1)  # in which its page would have shown it
        former, opened = opened, slide(pool, faulty)
        assert pool.find(former.id) is None and pool.find(played.id) is not None


def test_a_slide_that_nobody_shows_is_dropped_soon(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(slides_share=1.0)
    never, left, hidden = (slide(pool, faulty) for _ in range(3))
    pool.unwatch(seen(pool, left))
    seen(pool, hidden, visible=False)
    anna = pool.open("faulty", faulty(), ANNA)
    later(pool, never, left, hidden, anna, seconds=pool.limits.leave_after + 1)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in (never, left, hidden, anna)] == [False, True, True, True]
    later(pool, left, hidden, anna, seconds=pool.limits.slide_after)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in (left, hidden, anna)] == [False, True, True]


# ------------------------------------------------------------------ parked, watched


def put_away(pool: Pool, faulty: type, owner: str, count: int, **more: Any) -> list[Run]:
    """Runs that were left, the first longest ago."""
    runs = []
    for number in range(count):
        run = pool.open("faulty", faulty(seed=number), owner, **more)
        run.step(4)
        until(run, at_rest)
        assert pool.park(pool._records[run.id])
        later(pool, run, seconds=100.0 - number)
        runs.append(run)
    return runs


def test_one_browser_does_not_fill_the_place_for_what_is_parked(pool: Pool, bound: Bound, faulty: type) -> None:
    annas, berts = put_away(pool, faulty, ANNA, 4), put_away(pool, faulty, BERT, 2)
    bound(parked=4, parked_per_owner=2)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in (*annas, *berts)] == [False, False, True, True, True, True]


def test_what_is_parked_takes_so_much_room_at_most(pool: Pool, bound: Bound, faulty: type) -> None:
    runs = put_away(pool, faulty, ANNA, 3)
    sizes = [record.away.megabytes for run in runs if (record := pool._records[run.id]).away is not None]
    assert len(sizes) == 3 and all(size > 0 for size in sizes)
    bound(parked_mb=sizes[1] + sizes[2] + 1e-9)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in runs] == [False, True, True]
    bound(parked_mb=1e-9)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in runs] == [False, False, True]  # one always has room


def test_one_browser_has_so_many_sockets(faulty: type) -> None:
    with pool_of("inline", dataclasses.replace(SMALL, viewers_per_owner=2)) as pool:
        there = pool.open("faulty", faulty(), ANNA)

        async def work() -> None:
            browser = Browser()
            watches = [pool.watch(there.id, lambda payload: None, ANNA) for _ in range(2)]
            with pytest.raises(Closed) as closed:
                await relay(pool, there.id, receive=browser.receive, send=browser.send, owner=ANNA)
            assert closed.value.code == protocol.MANY
            assert "Close another tab" in (await browser.got.get())["message"]
            pool.watch(there.id, lambda payload: None, BERT)
            pool.watch(there.id, lambda payload: None)
            pool.unwatch(watches[0])
            pool.watch(there.id, lambda payload: None, ANNA)

        finish(work())
