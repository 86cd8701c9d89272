"""A file system on which nothing can be written, for this process and its children: whoever tries gets EROFS.

Python imports this first when its folder is on PYTHONPATH.  Each try is appended to the file REFUSED, which alone may
be written, beside devices, what the kernel keeps in /proc, and what lies below WRITABLE, if that is set.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events of what changes a file system, with the place of the path among their arguments.
CHANGES = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.link": 1, "os.symlink": 1, "os.utime": 0,
           "os.truncate": 0, "os.chmod": 0, "os.chown": 0, "shutil.rmtree": 0}  # fmt: skip
told = os.open(os.environ["REFUSED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
writable = os.environ.get("WRITABLE", "")


def refuse(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = args
        if not (isinstance(flags, int) and flags & WRITES):
            return
    elif event in CHANGES:
        path = args[CHANGES[event]]
    else:
        return
    if isinstance(path, int):  # it is open already
        return
    folder = f"/proc/self/fd/{args[1]}" if event in ("os.remove", "os.rmdir") and args[1] >= 0 else "."
    where = os.path.join(os.path.realpath(folder), os.fsdecode(path))
    if event == "os.mkdir" and os.path.isdir(where):  # that is said first
        return
    if not where.startswith(("/dev/", "/proc/", *((writable,) if writable else ()))):
        os.write(told, f"{event} {where}\n".encode())
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), where)


sys.addaudithook(refuse)
