"""Forged digits on a scene: a sheet of fakes and one of real ones, what they resemble, and what would improve them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.scene.scene import Scene

SAID = "What the discriminator says: orange fake, blue real"
FAIR = 0.1  # share of each of ten classes


def digits(scene: Scene, frame: Any, *, choose: bool) -> None:
    """Add the panels of a `frame` of forged digits.  With `choose`, the small maps of all pairs stand where the real
    digits would: a click on one is sent as panel "seeds", with its index.
    """
    say = {"frames_name": SAID, "frames_range": frame.surface_range}
    title = f"Fakes: {frame.modes} of {frame.modes_total} classes, energy distance {frame.measures['energy']:.2f}"
    scene.heat_grid("fakes", title=title, images=_pictures(frame.fake), low=-1, high=1, columns=8,
                    frames=frame.said[1], **say)  # fmt: skip
    if choose:
        captions = [f"{m} of {frame.modes_total}" for m in frame.seed_modes]
        scene.heat_grid("seeds", title="Fakes of every pair: click one to look inside",
                        images=frame.seed_maps, captions=captions, low=-1, high=1, chosen=frame.shown,
                        columns=2 if len(captions) < 5 else 3)  # fmt: skip
    elif len(frame.batch_real):
        scene.heat_grid("real", title="This round's real digits", images=_pictures(frame.batch_real[:64]), low=-1,
                        high=1, columns=8)  # fmt: skip
    else:
        scene.heat_grid("real", title="Real digits that nobody trains on", images=_pictures(frame.real), low=-1, high=1,
                        columns=8, frames=frame.said[0], **say)  # fmt: skip
    scene.row(0.34)
    count = len(frame.nearest)
    pairs = np.concatenate([frame.fake[:count], frame.nearest])
    scene.heat_grid("nearest", title="First row; below, the nearest real digits", images=_pictures(pairs),
                    low=-1, high=1, columns=count)  # fmt: skip
    _classes(scene, frame)
    scene.row(0.24)
    reach = max(1e-6, float(np.abs(np.nan_to_num(frame.arrows)).max()))
    scene.heat_grid("pushed", title="Its push: blue brighter, orange darker",
                    images=_pictures(frame.arrows), low=-reach, high=reach, palette="diverging",
                    columns=count)  # fmt: skip
    scene.heat_grid("walk", title="From the first one's noise to the second's",
                    images=_pictures(frame.lines[0]), low=-1, high=1, columns=frame.lines.shape[1])  # fmt: skip


def _classes(scene: Scene, frame: Any) -> None:
    """Which digits the fakes look like: a generator that has collapsed draws few of them."""
    top = max(0.25, 1.1 * float(frame.classes.max()))
    panel = scene.panel("classes", title="Which digits the fakes look like", x=(-0.6, 9.6), y=(0, top),
                        x_names=[str(k) for k in range(10)], y_label="share", equal=False, aspect=0.4)  # fmt: skip
    panel.lines([np.array([[k, 0.0], [k, float(share)]]) for k, share in enumerate(frame.classes)], colour="class_0",
                width=16, name="Fakes")  # fmt: skip
    panel.lines([np.array([[-0.6, FAIR], [9.6, FAIR]])], colour="class_1", width=2, name="Real digits")


def _pictures(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(-1, 8, 8)
