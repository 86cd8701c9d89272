"""What is drawn of a GAN: both sides' points on the plane, beside them the folded noise, the players' circle or a small
map of every pair; of digits a sheet of fakes and one of real ones, what they resemble, and what would improve them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.contract.view import Turn, View
from engine.labs.gan.config import EXTENT
from engine.scene.scene import Scene

X, Y = EXTENT[:2], EXTENT[2:]
PUSHED = 0.35  # length of the longest arrow, in units of the plane
SAID = "What the discriminator says: orange fake, blue real"
FAIR = 0.1  # share of each of ten classes


def stage(view: View) -> Scene:
    """Both sides' points on the plane, beside them the folded noise or the players' circle; or sheets of digits."""
    frame, dirac = view.frame, view.config.data == "dirac"
    if view.config.data == "digits":
        scene = Scene(height=900)
        _digits(scene, frame, choose=len(frame.seed_maps) > 1)
        return scene
    scene = Scene(height=540)
    _plane(scene, frame, dirac=dirac)
    if dirac:
        _circle(scene, frame)
    elif len(frame.seed_maps) > 1:
        _pairs(scene, frame)
    else:
        _folded(scene, frame)
    return scene


def answer(view: View, pick: Mapping[str, Any]) -> Turn | None:
    """A click on the small map of a pair shows that pair."""
    return Turn({"shown": pick["index"]}) if pick["panel"] == "seeds" else None


def _title(frame: Any) -> str:
    energy = f"energy distance {frame.measures['energy']:.3f}"
    return f"{frame.modes} of {frame.modes_total} modes, {energy}" if frame.modes >= 0 else energy.capitalize()


def _plane(scene: Scene, frame: Any, *, dirac: bool) -> None:
    panel = scene.panel("plane", title="The fake point and the real one at 0" if dirac else _title(frame), x=X, y=Y,
                        x_label="x", y_label="y", weight=2.4)  # fmt: skip
    low, high = frame.surface_range
    name = "D(x): probability of being real" if frame.probability else "D(x): blue is called real, orange fake"
    panel.heatmap(frame.surface, extent=EXTENT, low=low, high=high, palette="diverging",
                  levels=[(low + high) / 2], name=name)  # fmt: skip
    size = 8 if dirac else 3
    panel.points(frame.real[:1] if dirac else frame.real, size=size, colours=["class_1"], name="Real")
    panel.points(frame.fake[:1] if dirac else frame.fake, size=size, colours=["class_0"], name="Fake")
    strength = np.linalg.norm(frame.arrows, axis=1, keepdims=True)
    arrows = PUSHED * frame.arrows / (1 + strength)  # a weak push is in proportion, a strong one stays on the picture
    count = 1 if dirac else len(arrows)
    panel.arrows(frame.arrows_at[:count], arrows[:count], colour="gradient", width=1.6,
                 name="Push on the fakes")  # fmt: skip
    if len(frame.batch_real):
        panel.points(frame.batch_real, size=5, shape="ring", colours=["class_1"], name="This round's real points")
    if len(frame.batch_fake):
        panel.points(frame.batch_fake, size=5, shape="ring", colours=["class_0"], name="This round's fakes")


def _folded(scene: Scene, frame: Any) -> None:
    panel = scene.panel("folded", title="The generator folds its noise", x=X, y=Y, x_label="x", y_label="y",
                        weight=2.2)  # fmt: skip
    panel.lines(frame.lines, colour="class_0", name="Grid of the noise", width=1.1)
    if len(frame.centres):
        panel.points(frame.centres, size=6, shape="cross", colours=["mark"], name="Modes")


def _pairs(scene: Scene, frame: Any) -> None:
    """Where each pair's fakes are: a small map each, and under it how many modes they cover."""
    captions = [f"{m} of {frame.modes_total}" for m in frame.seed_modes] or [
        f"energy {e:.2f}" for e in frame.seed_energies
    ]
    scene.heat_grid("seeds", title="Fakes of every pair: click one to look inside", images=frame.seed_maps[:, ::-1],
                    captions=captions, low=0, high=8, columns=3, chosen=frame.shown, weight=2.2)  # fmt: skip


def _circle(scene: Scene, frame: Any) -> None:
    """The two numbers of the Dirac-GAN against each other."""
    reach = float(np.ceil(2 * max(1.0, np.abs(frame.trail).max(initial=0.0) * 1.05)) / 2)
    panel = scene.panel("circle", title="Both players: do they meet in the middle?", x=(-reach, reach),
                        y=(-reach, reach), x_label="generator θ (where the fake is)",
                        y_label="discriminator ψ (its slope)", weight=2.2)  # fmt: skip
    panel.points(np.zeros((1, 2)), size=7, shape="cross", colours=["mark"], name="Equilibrium")
    if len(frame.trail):
        panel.path(frame.trail, colour="gradient", name="The last rounds")


def _digits(scene: Scene, frame: Any, *, choose: bool) -> None:
    """Sheets of digits.  With `choose`, the small maps of all pairs stand where the real digits would."""
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
