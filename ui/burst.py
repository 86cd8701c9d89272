"""Several pictures in one run of a fragment, as long as the browser keeps pace: docs/decisions/pictures-in-bursts.md.

This is the one place, besides `ui.press`, that reaches into Streamlit (1.67): what has been asked meanwhile, which
elements this run has drawn and sent, and the browser's timer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from streamlit.cursor import RunningCursor
from streamlit.delta_generator_singletons import context_dg_stack
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext, ThreadState

LONGEST = 0.32  # seconds that a burst lasts at most: what a browser that suddenly lags has to catch up with
QUICK = 0.1  # seconds between two pictures, or less: then bursts pay; a full class is drawn for one by one
LATE = 0.1  # seconds by which the browser may be late to ask again
MOMENT = 0.005  # seconds between two looks at whether something was asked


@dataclass
class Burst:
    """How long one fragment draws before it waits until the browser asks again.

    At each run of the page it begins with one picture.  It doubles while the browser's timer comes in time, and is
    halved when it comes late: a slow phone, or a tab that nobody sees, asks for each picture by itself.
    """

    seconds: float = 0.0
    in_time: bool = True
    due: float = 0.0  # when the next picture is to be drawn, in monotonic seconds
    fragment: str | None = None

    def begin(self, every: float) -> float:
        """The page is drawn: its fragment is to be asked for again after `every` seconds, which are returned."""
        self.seconds, self.in_time = every, True
        return every

    def draw(self, picture: Callable[[], None], *, more: Callable[[], bool], every: Callable[[], float]) -> None:
        """Draw `picture`, and again after `every()` seconds while there is `more()` and nothing else was asked."""
        context = get_script_run_ctx()
        if context is None or not context.fragment_ids_this_run:
            picture()  # the whole page is drawn, and should end
            return
        self.fragment = ThreadState.get().fragment_id
        self._set_timer(context, every())
        time.sleep(max(0.0, self.due - time.monotonic()))  # who asked cut the last pause short
        began = time.monotonic()
        before, elements = _registered(context), None
        cursor = context_dg_stack.get()[-1]._cursor  # where the fragment's next element goes
        assert isinstance(cursor, RunningCursor)
        with _changes_only(context):
            while True:
                due = time.monotonic() + every()
                picture()
                if not more() or every() > QUICK or elements not in (None, cursor.index):
                    return  # with other elements than before: the end of the run takes those left over off the page
                self.due = due
                last = self.due >= began + self.seconds  # as many pictures as fit between two calls of the timer
                until = began + self.seconds + LATE if last else self.due
                while (left := until - time.monotonic()) > 0 and not _asked(context):
                    time.sleep(min(left, MOMENT))
                self.in_time = _asked(context)
                if self.in_time or last:
                    return
                elements = cursor.index
                cursor.reset()
                _register(context, before)

    def resume(self) -> None:
        """Ask for the fragment at once, as its timer would: another one, which has ended it, is drawn."""
        context = get_script_run_ctx()
        if context is None or not context.fragment_ids_this_run or context.script_requests is None:
            return
        if self.fragment is None or self.seconds > LONGEST:  # no burst so far, or none in a full class
            return
        if _asked(context):  # perhaps for another page, which would be forgotten over this one
            return
        context.script_requests.request_rerun(RerunData(
            query_string=context.query_string, page_script_hash=context.page_script_hash, fragment_id=self.fragment,
            is_auto_rerun=True, cached_message_hashes=context.cached_message_hashes, context_info=context.context_info,
        ))  # fmt: skip

    def _set_timer(self, context: ScriptRunContext, every: float) -> None:
        longest = LONGEST if every <= QUICK else every
        seconds = min(max(self.seconds * (2 if self.in_time else 0.5), every), longest)
        if seconds != self.seconds:
            self.seconds = seconds
            message = ForwardMsg()
            message.auto_rerun.interval, message.auto_rerun.fragment_id = seconds, self.fragment
            context.enqueue(message)


def _asked(context: ScriptRunContext) -> bool:
    """Whether another run was asked for, by a timer or by a visitor, or this one is to stop."""
    return context.script_requests is not None and context.script_requests._state is not ScriptRequestType.CONTINUE


@contextmanager
def _changes_only(context: ScriptRunContext) -> Iterator[None]:
    """Send nothing that this run has sent to the same place before: the browser would draw it again all the same."""
    send, sent = context._enqueue, dict[tuple[int, ...], str]()  # hashes by the path of an element

    def enqueue(message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "delta":
            place = tuple(message.metadata.delta_path)
            if sent.get(place) == message.hash:
                return
            for other in [path for path in sent if path[: len(place)] == place]:
                del sent[other]  # what stood inside may be gone
            sent[place] = message.hash
        send(message)

    context._enqueue = enqueue
    try:
        yield
    finally:
        context._enqueue = send


Registered = tuple[frozenset[str], frozenset[str]]


def _registered(context: ScriptRunContext) -> Registered:
    """The ids and keys of the elements that this run has drawn."""
    return context.shared.widget_ids_this_run.snapshot(), context.shared.widget_user_keys_this_run.snapshot()


def _register(context: ScriptRunContext, registered: Registered) -> None:
    """Forget what was drawn since, or Streamlit takes the next picture's elements for twins of these."""
    kept = (context.shared.widget_ids_this_run, context.shared.widget_user_keys_this_run)
    for names, before in zip(kept, registered, strict=True):
        names.clear()
        for name in before:
            names.check_and_add(name)
