"""Pictures as differences: what of one has not changed since a picture that the browser keeps is not sent again.

Of each run and part the two newest key pictures are kept, here and in the browser.  A picture builds on the newest key
that a socket has confirmed, or goes whole.  Whenever one goes whole, or a difference is larger than half of it, it
becomes a key itself for all who get it, in whatever form: who gets it as a difference can put it together.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from engine.live.protocol import MAGIC, Arrays, Entry, Scene

KEPT = 2  # key pictures of a run and part
LATE = 1.5  # times the usual trip of a picture, after which it should have been confirmed
LONGEST = 1.0  # seconds that anybody waits for that
SAME = -1  # in place of an array's offset: as in the key that the picture builds on


class Keys:
    """The key pictures of one part of one run, by their numbers."""

    def __init__(self) -> None:
        self.kept: dict[int, Arrays] = {}
        self.since: dict[int, float] = {}  # when each was sent
        self.helps = False  # if the newest picture has much in common with the newest key

    def messages(
        self, scene: Scene, told: Mapping[str, Any], confirmed: Mapping[int, Collection[int]], now: float = 0.0
    ) -> list[tuple[list[int], bytes]]:
        """The messages for a picture, each with the viewers who get it in this form.

        `told` is its header but for `base` and `keep`, and `confirmed` holds, for each viewer, the numbers of pictures
        that it has confirmed, key pictures at least.  `now` are the seconds of any clock.
        """
        forms: dict[int | None, list[int]] = {}
        for viewer, numbers in confirmed.items():
            forms.setdefault(max((n for n in self.kept if n in numbers), default=None), []).append(viewer)
        same = {base: _same(scene.arrays, None if base is None else self.kept[base]) for base in forms}
        whole = sum(map(len, scene.arrays.chunks))
        common = _size(scene.arrays, _same(scene.arrays, self.kept[max(self.kept)])) if self.kept else whole
        self.helps = 2 * common <= whole
        keep = None in forms or any(2 * _size(scene.arrays, alike) > whole for alike in same.values())
        sent = [
            (viewers, _message(scene, {**told, "base": base, "keep": keep}, same[base]))
            for base, viewers in forms.items()
        ]
        if keep:
            self.kept[told["n"]], self.since[told["n"]] = scene.arrays, now
            for old in sorted(self.kept)[:-KEPT]:
                del self.kept[old], self.since[old]
        return sent

    def crowded(self, confirmed: Collection[int], *, trip: float, now: float) -> bool:
        """Whether a viewer who would get the next picture whole had better wait a moment.

        It would push a key out that others have not had the time to confirm, about `trip` seconds: then they would get
        theirs whole too and push out the next, and so on for ever.
        """
        if not self.helps or len(self.kept) < KEPT or any(n in self.kept for n in confirmed):
            return False
        return now - min(self.since.values()) < min(LONGEST, LATE * trip)


def difference(scene: Scene, told: Mapping[str, Any], key: Arrays | None) -> bytes:
    """The message for a picture as a difference to a `key`, or whole.  `told` is all that its header says besides."""
    return _message(scene, told, _same(scene.arrays, key))


def _same(arrays: Arrays, key: Arrays | None) -> Sequence[bool]:
    """Which arrays are what the array of the same number in a key picture is."""
    if key is None:
        return [False] * len(arrays.chunks)
    known = [(code, shape) for code, _, shape in key.directory]
    return [
        k < len(known) and (code, shape) == known[k] and chunk == key.chunks[k]
        for k, ((code, _, shape), chunk) in enumerate(zip(arrays.directory, arrays.chunks, strict=True))
    ]


def _size(arrays: Arrays, same: Sequence[bool]) -> int:
    """Bytes of the arrays that are sent."""
    return sum(len(chunk) for chunk, alike in zip(arrays.chunks, same, strict=True) if not alike)


def _message(scene: Scene, told: Mapping[str, Any], same: Sequence[bool]) -> bytes:
    directory: list[Entry] = []
    offset, sent = 0, []
    for (code, _, shape), chunk, alike in zip(scene.arrays.directory, scene.arrays.chunks, same, strict=True):
        directory.append((code, SAME if alike else offset, shape))
        if not alike:
            sent.append(chunk)
            offset += len(chunk)
    header = {**told, **scene.header(), "arrays": directory}
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    start = MAGIC + struct.pack("<I", len(text)) + text
    return b"".join([start, bytes(-len(start) % 8), *sent])
