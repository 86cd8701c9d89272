"""The log as lines of JSON where ``PLAYGROUND_LOG=json``: one object a line, for whoever collects them.

Only Python's `logging` is used.  Streamlit and uvicorn give their loggers handlers with forms of their own:
handlers that are there get our form now, and later ones as they come.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

FORMS = ("text", "json")
VARIABLE = "PLAYGROUND_LOG"


class Line(logging.Formatter):
    """One JSON object: time, level, logger, process, pid, message, and the exception where there is one."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname, "logger": record.name, "process": self.process, "pid": record.process,
            "message": record.getMessage(),
        }  # fmt: skip
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        return json.dumps(told)


class _Logger(logging.Logger):
    """A logger whose handlers write lines of JSON, whatever form they bring."""

    line: logging.Formatter

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 -- as `logging` calls it
        hdlr.setFormatter(self.line)
        super().addHandler(hdlr)


def form(environment: Mapping[str, str] = os.environ) -> str:
    """Which form the log is to have.  Raises `ValueError`, with a sentence, for one that there is not."""
    wanted = environment.get(VARIABLE, "").strip().lower() or FORMS[0]
    if wanted not in FORMS:
        raise ValueError(f"{VARIABLE}={environment[VARIABLE]!r} is no form of the log: give {' or '.join(FORMS)}.")
    return wanted


def begin(process: str, level: int = logging.WARNING) -> bool:
    """Write the log of this process, "web" or "worker", as lines of JSON if that is wanted; whether it is.

    What is below `level` is left out, but for loggers that have a level of their own.  Raises `ValueError` as `form`
    does.
    """
    if form() != "json":
        return False
    line = _Logger.line = Line(process)
    handler = logging.StreamHandler()
    handler.setFormatter(line)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.setLoggerClass(_Logger)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if type(logger) is logging.Logger:  # a server may set it up anew
            logger.__class__ = _Logger
        for each in logger.handlers:
            each.setFormatter(line)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _died(error)
    threading.excepthook = lambda died: _died(died.exc_value, died.thread)
    return True


def begin_ours(process: str) -> None:
    """Write the log of a process that is no server, which brings no form of its own: lines of JSON, or of text."""
    if not begin(process, logging.INFO):
        text = f"%(asctime)s {process} %(process)d %(levelname)s %(message)s"
        logging.basicConfig(level=logging.INFO, format=text)


def _died(error: BaseException | None, thread: threading.Thread | None = None) -> None:
    """What Python writes itself where nobody has caught an exception."""
    if isinstance(error, SystemExit):
        return
    if isinstance(error, KeyboardInterrupt):
        logging.getLogger("playground").warning("Interrupted.")
        return
    where = f"the thread {thread.name}" if thread is not None else "this process"
    logging.getLogger("playground").critical("An error that nobody has caught ended %s.", where, exc_info=error)
