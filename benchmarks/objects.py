"""What lives in this process: objects of ours, by type, and threads, by name.

A module that imports nothing of ours: what it looks at does not grow by its being there.
"""

from __future__ import annotations

import gc
import re
import threading
from collections import Counter
from typing import Any

OURS = ("engine", "ui", "pages", "app")
# Of others what a visit begins and must end: a page of Streamlit's, a task, a socket, the arrays of a run.
THEIRS = {
    ("streamlit.runtime.app_session", "AppSession"), ("streamlit.runtime.scriptrunner.script_runner", "ScriptRunner"),
    ("_asyncio", "Task"), ("starlette.websockets", "WebSocket"),
    ("torch", "Tensor"), ("torch.nn.parameter", "Parameter"),
}  # fmt: skip
# A pool of threads has as many as were ever wanted at once, up to its bound: these are not counted.
POOLED = re.compile(r"AnyIO worker thread|asyncio_\d+|ThreadPoolExecutor-\d+_\d+")
LATER = 3_600.0  # seconds


def count(_: bytes = b"") -> dict[str, int]:
    """How many objects of each type there are once all that nobody holds has been collected.

    Streamlit keeps the page of a tab for two minutes, in case that comes back: it is told that they are over.  What our
    own caches hold that are bounded differs from visit to visit: they are emptied, and those without a bound are not.
    A reader (see `engine.runs.reading`), so that a worker can be asked as well.
    """
    gc.unfreeze()
    for each in gc.get_objects():
        if type(each).__name__ == "TTLCache" and type(each).__module__.startswith("streamlit"):
            each.expire(each.timer() + LATER)
        elif _is_bounded(each):
            each.cache_clear()
    del each
    gc.collect()
    gc.collect()  # what a finaliser let go
    found = Counter(f"{t.__module__}.{t.__qualname__}" for t in map(type, gc.get_objects()) if _counts(t))
    found.update(f"thread {t.name}" for t in threading.enumerate() if not POOLED.match(t.name))
    return dict(sorted(found.items()))


def _is_bounded(cache: Any) -> bool:
    if type(cache).__name__ != "_lru_cache_wrapper" or str(cache.__module__).partition(".")[0] not in OURS:
        return False
    return cache.cache_parameters()["maxsize"] is not None


def _counts(kind: type) -> bool:
    module = str(kind.__module__)
    return module.partition(".")[0] in OURS or (module, kind.__name__) in THEIRS
