"""How many runs one browser may have, and the slides together: in every home of benches."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pools import SMALL, at_rest, keeping_in, later, parked, pool_of, until, within
from relayed import HELLO, Browser, watching
from sockets import run as finish

from engine.live import protocol
from engine.live.relay import Closed, relay
from engine.runs import quotas
from engine.runs.audience import Watch
from engine.runs.pool import Crowded, Pool, PoolFull
from engine.runs.run import Run

ANNA, BERT = "a" * 22, "b" * 22
UNSEEN = 60.0  # seconds: a busy machine is no failure
Bound = Callable[..., None]


@pytest.fixture
def bound(pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bound]:
    """Sets bounds of the pool."""

    def limit(**limits: Any) -> None:
        monkeypatch.setattr(pool, "limits", dataclasses.replace(pool.limits, **limits))

    with keeping_in(pool, tmp_path_factory.mktemp("data")), patient(pool, UNSEEN, UNSEEN):
        yield limit


@contextlib.contextmanager
def patient(pool: Pool, *seconds: float) -> Iterator[None]:
    """So much for `quotas.GRACE` and `quotas.UNSEEN` meanwhile, where the runs are known."""

    def set_to(*seconds: float) -> Callable[[object], tuple[float, float]]:
        def act(_: object) -> tuple[float, float]:
            before = quotas.GRACE, quotas.UNSEEN
            quotas.GRACE, quotas.UNSEEN = seconds
            return before

        return act

    before = within(pool, set_to(*seconds))
    yield
    within(pool, set_to(*before))


def seen(pool: Pool, run: Run, *, visible: bool = True) -> Watch:
    """Somebody who has a run on screen, or in a tab that is not in sight."""
    watch = pool.watch(run.id, lambda payload: None)
    pool.tell(watch, {**HELLO, "may": "steer"})
    if not visible:
        pool.tell(watch, {"type": "seen", "value": False})
    known_to_be_seen(pool, run)
    return watch


def known_to_be_seen(pool: Pool, run: Run) -> None:
    """Wait until whoever knows the runs knows that somebody has looked at this one just now: a desk is told soon."""
    run_id, deadline = run.id, time.monotonic() + 30

    def known(there: Any) -> bool:
        record = there._records[run_id]
        return record.shown and time.monotonic() - record.asked < UNSEEN

    while not within(pool, known):
        assert time.monotonic() < deadline, "not known"
        time.sleep(0.02)


def has_been_left(pool: Pool, run: Run) -> bool:
    run_id = run.id
    return bool(within(pool, lambda there: there._records[run_id].left <= time.monotonic()))


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
    later(pool, shown, hidden, seconds=UNSEEN + 1)
    for watch, visible in zip(watches, (True, False), strict=True):  # as every page says now and again
        pool.tell(watch, {"type": "seen", "value": visible})
    known_to_be_seen(pool, shown)
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
            while not await asyncio.to_thread(has_been_left, pool, other):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            for number in range(2, 100):  # putting the other one away takes its bench a moment: "then try again"
                browser.say({"type": "do", "id": f"some-act-{number:03}", "verb": "step", "value": 1})
                told = await browser.until(lambda m, n=number: m.get("did") == f"some-act-{n:03}")
                if told["refused"] is None:
                    break
                assert time.monotonic() < deadline, told["refused"]
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
    later(pool, played, seconds=UNSEEN + 1)  # not for so long that the next sweep parks it
    for _ in range(3):
        later(pool, opened, seconds=UNSEEN + 1)  # in which its page would have shown it
        former, opened = opened, slide(pool, faulty)
        assert pool.find(former.id) is None and pool.find(played.id) is not None


def test_a_slide_that_nobody_shows_is_dropped_soon(pool: Pool, bound: Bound, faulty: type) -> None:
    bound(slides_share=1.0, leave_after=15.0)
    never, left, hidden = (slide(pool, faulty) for _ in range(3))
    pool.unwatch(seen(pool, left))
    deadline = time.monotonic() + 30
    while not has_been_left(pool, left):
        assert time.monotonic() < deadline, "not left"
        time.sleep(0.02)
    seen(pool, hidden, visible=False)
    anna = pool.open("faulty", faulty(), ANNA)
    later(pool, never, left, hidden, anna, seconds=pool.limits.leave_after + 1)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in (never, left, hidden, anna)] == [False, True, True, True]
    later(pool, left, hidden, anna, seconds=pool.limits.slide_after)
    pool.sweep()
    assert [pool.find(run.id) is not None for run in (left, hidden, anna)] == [False, True, True]


# ------------------------------------------------------------------ parked, watched


def put_away_now(pool: Pool, run: Run) -> bool:
    """Park a run; a bench on a busy machine may not answer at once."""
    run_id, deadline = run.id, time.monotonic() + 30
    while not within(pool, lambda there: there.park(there._records[run_id])):
        assert time.monotonic() < deadline, "not parked"
    return parked(pool, run)


def put_away(pool: Pool, faulty: type, owner: str, count: int, **more: Any) -> list[Run]:
    """Runs that were left, the first longest ago."""
    runs = []
    for number in range(count):
        run = pool.open("faulty", faulty(seed=number), owner, **more)
        run.step(4)
        until(run, at_rest)
        assert put_away_now(pool, run)
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
    ids = [run.id for run in runs]
    sizes = within(pool, lambda there: [there._records[run_id].away.megabytes for run_id in ids])
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
